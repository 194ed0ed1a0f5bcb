"""Calls that are paced, classified, retried and counted, against a real server."""

import contextvars
import itertools
import threading
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from slack_sdk import WebClient

from exporters.caller import ApiCaller, CircuitOpenError, ServiceBreaker, track_calls
from exporters.classify import ErrorRule, classify_response
from exporters.errors import (
    AuthenticationError,
    CursorExpiredError,
    DataVolumeError,
    InvalidDataError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    TransientError,
)
from exporters.limiter import WaitInterruptedError
from exporters.settings import RateLimit, SourceSettings

Quick = Callable[..., SourceSettings]


def get(url: str) -> Callable[[], bytes]:
    """A call as an SDK makes it, by urllib."""

    def fetch() -> bytes:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310
            content: bytes = response.read()
            return content

    return fetch


def in_threads(count: int, work: Callable[[], object]) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)


@pytest.fixture
def caller(quick: Quick, token: str) -> ApiCaller:
    return ApiCaller("Chat", token, quick())


@pytest.mark.parametrize("fault", ["reset", "cut"])
def test_a_transient_failure_is_tried_again(
    server: Any, reply: Any, caller: ApiCaller, fault: str
) -> None:
    server.on("/x", reply(b"x" * 10, fault=fault), reply(status=502), reply(b"fine"))
    with track_calls() as usage:
        assert caller.call(get(f"{server.url}/x")) == b"fine"
    assert (usage.calls, usage.retries) == (3, 2)
    assert usage.seconds_waited > 0


def test_attempts_are_bounded_and_end_in_the_classified_error(
    server: Any, reply: Any, caller: ApiCaller
) -> None:
    server.on("/x", reply(status=500))
    with pytest.raises(TransientError, match=r"Chat failed to answer users\.list \(HTTP 500\)"):
        caller.call(get(f"{server.url}/x"), scope="users.list")
    assert len(server.calls("/x")) == 4


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, AuthenticationError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (400, InvalidDataError),
        (413, DataVolumeError),
        (410, CursorExpiredError),
    ],
)
def test_what_the_same_call_cannot_cure_is_not_repeated(
    server: Any, reply: Any, caller: ApiCaller, status: int, error: type[Exception]
) -> None:
    server.on("/x", reply(status=status))
    codes = {"HTTP 410": ErrorRule(error=CursorExpiredError, message="Again.")}
    with pytest.raises(error):
        caller.call(get(f"{server.url}/x"), codes=codes)
    assert len(server.calls("/x")) == 1


def test_the_causes_of_an_error_are_kept_unless_they_hold_a_secret(
    server: Any, reply: Any, caller: ApiCaller, token: str
) -> None:
    server.on("/x", reply(status=404))

    def leaking() -> None:
        raise ConnectionResetError(f"Max retries exceeded with url: /x?token={token}")

    with pytest.raises(NotFoundError) as clean:
        caller.call(get(f"{server.url}/x"))
    assert clean.value.__cause__ is not None
    with pytest.raises(TransientError) as leaky:
        caller.call(leaking)
    assert leaky.value.__cause__ is None
    assert leaky.value.__suppress_context__
    assert token not in leaky.value.sentence()


def test_a_mistake_in_a_program_is_raised_as_it_is_and_once(caller: ApiCaller) -> None:
    calls = itertools.count()

    def mistaken() -> None:
        next(calls)
        dict[str, int]()["missing"]

    with pytest.raises(KeyError):
        caller.call(mistaken)
    assert next(calls) == 1


@pytest.mark.parametrize("after", ["0.3", "1"])
def test_retry_after_wins_over_the_back_off(
    server: Any, reply: Any, caller: ApiCaller, after: str
) -> None:
    server.on("/x", reply(status=429, headers={"Retry-After": after}), reply(b"fine"))
    assert caller.call(get(f"{server.url}/x"), scope="s") == b"fine"
    first, second = server.calls("/x")
    assert second.at - first.at >= float(after)


def test_a_rate_limit_that_names_no_time_waits_longer_each_time(
    server: Any, reply: Any, quick: Quick, token: str
) -> None:
    caller = ApiCaller("Chat", token, quick(unspecified_wait=0.1))
    server.on("/x", reply(status=429), reply(status=429), reply(b"fine"))
    caller.call(get(f"{server.url}/x"), scope="s")
    first, second, third = (seen.at for seen in server.calls("/x"))
    assert second - first >= 0.05
    assert third - second >= 0.1


def test_one_rate_limited_thread_holds_back_all_of_the_credential(
    server: Any, reply: Any, quick: Quick, token: str
) -> None:
    server.on("/x", reply(status=429, headers={"Retry-After": "0.5"}), reply(b"fine"))
    first, second = (ApiCaller("Chat", token, quick()) for _ in range(2))
    limited = threading.Thread(target=lambda: first.call(get(f"{server.url}/x"), scope="s"))
    limited.start()
    while not second.limiter.paused_for("s"):
        time.sleep(0.005)
    in_threads(4, lambda: second.call(get(f"{server.url}/x"), scope="s"))
    limited.join(10)
    moments = [seen.at for seen in server.calls("/x")]
    assert len(moments) == 6
    assert min(moments[1:]) - moments[0] >= 0.5


def test_a_wait_longer_than_the_longest_is_handed_to_the_caller_at_once(
    server: Any, reply: Any, quick: Quick, token: str
) -> None:
    caller = ApiCaller("Chat", token, quick(longest_wait=5))
    server.on("/x", reply(status=429, headers={"Retry-After": "60"}))
    begin = time.monotonic()
    for _ in range(2):
        with pytest.raises(RateLimitError) as caught:
            caller.call(get(f"{server.url}/x"), scope="s")
        assert caught.value.retry_after == pytest.approx(60, abs=2)
        assert caught.value.scope == "s"
    assert time.monotonic() - begin < 30
    assert len(server.calls("/x")) == 1, "asked again although the service wants a pause"


def test_rate_limited_answers_are_bounded_too(server: Any, reply: Any, caller: ApiCaller) -> None:
    server.on("/x", reply(status=429, headers={"Retry-After": "0.01"}))
    with pytest.raises(RateLimitError):
        caller.call(get(f"{server.url}/x"))
    assert len(server.calls("/x")) == 4


def test_calls_keep_the_configured_pace(server: Any, reply: Any, quick: Quick, token: str) -> None:
    limits = {"s": RateLimit(per_minute=600, burst=2)}
    caller = ApiCaller("Chat", token, quick(rate_limits=limits))
    server.on("/x", reply(b""))
    begin = time.monotonic()
    with track_calls() as usage:
        for _ in range(5):
            caller.call(get(f"{server.url}/x"), scope="s")
    assert time.monotonic() - begin >= 0.29
    assert usage.seconds_waited >= 0.15
    assert caller.limiter.report()["s"].calls == 5


def test_a_failure_in_a_result_that_was_returned_is_found(caller: ApiCaller) -> None:
    results = iter([{"errors": [{"type": "INTERNAL"}]}, {"data": {"a": 1}}])
    result = caller.call(
        lambda: next(results),
        check=lambda body, about, codes: classify_response(200, {}, body, about=about, codes=codes),
    )
    assert result == {"data": {"a": 1}}


def test_a_refused_token_is_renewed_once(server: Any, reply: Any, quick: Quick, token: str) -> None:
    renewals: list[int] = []

    def renew() -> bool:
        renewals.append(1)
        return True

    caller = ApiCaller("Chat", token, quick(), renew=renew)
    server.on("/x", reply(status=401), reply(b"fine"))
    with track_calls() as usage:
        assert caller.call(get(f"{server.url}/x")) == b"fine"
    assert (len(renewals), usage.calls, usage.retries) == (1, 2, 0)
    server.on("/x", reply(status=401))
    with pytest.raises(AuthenticationError):
        caller.call(get(f"{server.url}/x"))
    assert len(server.calls("/x")) == 4, "a token that is refused anew must not be tried for ever"


def test_threads_that_are_refused_together_renew_once(quick: Quick, token: str) -> None:
    current = ["old"]
    renewals: list[int] = []
    together = threading.Barrier(4)
    first = threading.local()

    def renew() -> bool:
        renewals.append(1)
        time.sleep(0.05)
        current[0] = "new"
        return True

    def fn() -> str:
        used = current[0]
        if not hasattr(first, "done"):
            first.done = True
            together.wait(5)
        if used == "old":
            raise AuthenticationError("refused")
        return used

    caller = ApiCaller("Chat", token, quick(), renew=renew)
    results: list[str] = []
    in_threads(4, lambda: results.append(caller.call(fn)))
    assert results == ["new"] * 4
    assert len(renewals) == 1


def test_slacks_sdk_is_called_through_it(server: Any, reply: Any, quick: Quick, token: str) -> None:
    codes = {
        "ratelimited": ErrorRule(error=RateLimitError, message="{service} asks to wait{wait}."),
        "internal_error": ErrorRule(error=TransientError, message="{service} failed."),
        "missing_scope": ErrorRule(
            error=PermissionDeniedError,
            message="{service} wants the scope {needed} for {request}.",
            hint="Add {needed} to the app.",
        ),
    }
    caller = ApiCaller("Slack", token, quick(), codes=codes)
    client = WebClient(token, base_url=f"{server.url}/api/", retry_handlers=[])
    server.on(
        "/api/conversations.history",
        reply({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": "0.1"}),
        reply({"ok": False, "error": "internal_error"}),
        reply({"ok": True, "messages": [1]}),
        reply({"ok": False, "error": "missing_scope", "needed": "channels:history"}),
    )

    def history() -> Any:
        return caller.call(
            lambda: client.api_call("conversations.history", params={"channel": "C1"}).data,
            scope="conversations.history",
            request="conversations.history of general",
        )

    assert history() == {"ok": True, "messages": [1]}
    with pytest.raises(PermissionDeniedError) as caught:
        history()
    assert str(caught.value) == (
        "Slack wants the scope channels:history for conversations.history of general."
    )
    assert caught.value.hint == "Add channels:history to the app."
    assert len(server.seen) == 4


def test_partitions_count_their_own_calls(server: Any, reply: Any, caller: ApiCaller) -> None:
    server.on("/x", reply(b""))
    counted: dict[int, int] = {}

    def partition(calls: int) -> None:
        with track_calls() as usage:
            for _ in range(calls):
                caller.call(get(f"{server.url}/x"))
        counted[calls] = usage.calls

    with track_calls() as everything:
        threads = []
        for calls in (1, 2, 3):
            context = contextvars.copy_context()
            threads.append(threading.Thread(target=context.run, args=(partition, calls)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert counted == {1: 1, 2: 2, 3: 3}
    assert everything.calls == 6
    caller.call(get(f"{server.url}/x"))
    assert everything.calls == 6


def test_progress_hears_of_every_wait(server: Any, reply: Any, caller: ApiCaller) -> None:
    server.on(
        "/x",
        reply(status=429, headers={"Retry-After": "0.1"}),
        reply(status=500),
        reply(b""),
    )
    told: list[str] = []
    with track_calls(on_wait=lambda _, reason: told.append(reason)):
        caller.call(get(f"{server.url}/x"))
    assert told[0] == "Chat, which asked for a pause"
    assert "Chat, which failed" in told


def test_no_call_is_made_once_a_run_is_stopped(server: Any, reply: Any, caller: ApiCaller) -> None:
    server.on("/x", reply(b"fine"))
    stop = threading.Event()
    with track_calls(stop=stop):
        caller.call(get(f"{server.url}/x"))
        stop.set()
        with pytest.raises(WaitInterruptedError):
            caller.call(get(f"{server.url}/x"))
    assert len(server.calls("/x")) == 1


@pytest.mark.parametrize("status", [429, 500])
def test_a_stop_ends_a_wait_between_attempts(
    server: Any, reply: Any, quick: Quick, token: str, status: int
) -> None:
    caller = ApiCaller("Chat", token, quick(backoff_base=60, backoff_cap=60, max_attempts=9))
    server.on("/x", reply(status=status, headers={"Retry-After": "60"} if status == 429 else {}))
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    begin = time.monotonic()
    with track_calls(stop=stop), pytest.raises(WaitInterruptedError):
        caller.call(get(f"{server.url}/x"))
    assert time.monotonic() - begin < 30


def test_the_breaker_opens_leaves_the_service_alone_and_closes_again(
    server: Any, reply: Any, quick: Quick, token: str
) -> None:
    settings = quick(breaker_threshold=3, breaker_pause=0.8, max_attempts=2)
    caller = ApiCaller("Chat", token, settings)
    other = ApiCaller("Chat", token + "x", settings)
    server.on("/x", reply(status=500))
    for _ in range(2):
        with pytest.raises(TransientError):
            caller.call(get(f"{server.url}/x"))
    assert len(server.calls("/x")) == 3, "the fourth call must have been refused"
    with pytest.raises(CircuitOpenError, match=r"in a row .* tried again in \d+ s, at") as caught:
        caller.call(get(f"{server.url}/x"))
    assert 0 < caught.value.retry_after <= 0.8
    assert isinstance(caught.value, TransientError)
    with pytest.raises(TransientError, match="HTTP 500"):
        other.call(get(f"{server.url}/x"))
    before = len(server.calls("/x"))

    time.sleep(0.85)
    with pytest.raises(TransientError):
        caller.call(get(f"{server.url}/x"))
    assert len(server.calls("/x")) == before + 1, "a failed trial must open the breaker anew"

    time.sleep(0.85)
    server.on("/x", reply(b"fine"))
    assert caller.call(get(f"{server.url}/x")) == b"fine"
    assert caller.call(get(f"{server.url}/x")) == b"fine"


def test_only_failures_of_the_service_count_for_the_breaker(
    server: Any, reply: Any, quick: Quick, token: str
) -> None:
    settings = quick(breaker_threshold=2, breaker_pause=60, max_attempts=1)
    caller = ApiCaller("Chat", token, settings)
    limited = {"Retry-After": "0.01"}
    server.on("/500", reply(status=500))
    server.on("/429", reply(status=429, headers=limited))
    for path in ["/404"] * 4 + ["/429"] * 4 + ["/500", "/404", "/500"]:
        with pytest.raises((NotFoundError, RateLimitError, TransientError)) as caught:
            caller.call(get(server.url + path))
        assert not isinstance(caught.value, CircuitOpenError)
    with pytest.raises(TransientError, match="HTTP 500"):
        caller.call(get(f"{server.url}/500"))
    with pytest.raises(CircuitOpenError):
        caller.call(get(f"{server.url}/404"))


def test_a_rate_limit_in_between_does_not_make_the_failures_forgotten(
    server: Any, reply: Any, quick: Quick, token: str
) -> None:
    settings = quick(breaker_threshold=2, breaker_pause=60, max_attempts=1)
    caller = ApiCaller("Chat", token, settings)
    server.on("/500", reply(status=500))
    server.on("/429", reply(status=429, headers={"Retry-After": "0.01"}))
    for path in ("/500", "/429", "/500"):
        with pytest.raises((RateLimitError, TransientError)):
            caller.call(get(server.url + path))
    with pytest.raises(CircuitOpenError):
        caller.call(get(f"{server.url}/500"))


def test_a_single_call_tries_a_service_that_was_left_alone() -> None:
    breaker = ServiceBreaker("Chat", threshold=1, pause=0.3)
    breaker.admit()
    breaker.record(TransientError("failed"))
    time.sleep(0.31)
    breaker.admit()
    with pytest.raises(CircuitOpenError):
        breaker.admit()
    breaker.record(RateLimitError("wait"))
    breaker.admit()
    breaker.release()
    breaker.admit()
    breaker.record(None)
    breaker.admit()
    breaker.admit()


def test_a_trial_that_never_comes_back_does_not_close_the_service_for_good() -> None:
    breaker = ServiceBreaker("Chat", threshold=1, pause=0.05)
    breaker.admit()
    breaker.record(TransientError("failed"))
    time.sleep(0.06)
    breaker.admit()
    time.sleep(0.06)
    breaker.admit()


@pytest.mark.parametrize("mistake", [KeyError, KeyboardInterrupt])
def test_a_trial_that_ends_in_a_mistake_makes_room_for_the_next(
    quick: Quick, token: str, mistake: type[BaseException]
) -> None:
    settings = quick(breaker_threshold=1, breaker_pause=0.3, max_attempts=1)
    caller = ApiCaller("Chat", token, settings)

    def failing(error: BaseException) -> None:
        raise error

    with pytest.raises(TransientError):
        caller.call(lambda: failing(ConnectionResetError()))
    time.sleep(0.31)
    with pytest.raises(mistake):
        caller.call(lambda: failing(mistake()))
    assert caller.call(lambda: "fine") == "fine"


def test_an_error_that_the_call_raises_itself_is_not_its_own_cause(caller: ApiCaller) -> None:
    def missing() -> None:
        raise NotFoundError("gone")

    with pytest.raises(NotFoundError) as caught:
        caller.call(missing)
    assert caught.value.__cause__ is None


def test_a_late_answer_of_an_old_call_does_not_close_an_open_breaker() -> None:
    breaker = ServiceBreaker("Chat", threshold=1, pause=30)
    breaker.admit()
    breaker.admit()
    breaker.record(TransientError("failed"))
    breaker.record(None)
    with pytest.raises(CircuitOpenError):
        breaker.check()


def test_calls_of_several_threads_run_side_by_side(
    server: Any, reply: Any, caller: ApiCaller
) -> None:
    server.on("/x", reply(b"", delay=0.5))
    in_threads(5, lambda: caller.call(get(f"{server.url}/x")))
    assert len(server.calls("/x")) == 5
    moments = [seen.at for seen in server.calls("/x")]
    assert max(moments) - min(moments) < 0.5, "each waited for the one before"
