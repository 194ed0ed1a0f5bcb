"""The pace of a credential, kept by every thread that uses it."""

import threading
import time
from collections.abc import Callable

import pytest

from exporters.errors import RateLimitError
from exporters.limiter import (
    LONGEST_PAUSE,
    RateLimiter,
    WaitInterruptedError,
    credential_fingerprint,
    limiter_for,
    wait,
)
from exporters.settings import RateLimit


def in_threads(count: int, work: Callable[[], object]) -> float:
    """Runs `work` in so many threads; returns seconds until the last has ended."""
    begin = time.monotonic()
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return time.monotonic() - begin


def test_threads_share_one_pace() -> None:
    limiter = RateLimiter("Chat", {"history": RateLimit(per_minute=1200, burst=4)})

    def work() -> None:
        for _ in range(5):
            limiter.acquire("history")

    # 4 at once, and the other 16 one every 50 ms.
    assert in_threads(4, work) >= 16 * 0.05 - 0.01
    report = limiter.report()["history"]
    assert report.calls == 20
    assert report.seconds_waited > 1


def test_a_burst_is_let_through_at_once() -> None:
    limiter = RateLimiter("Chat", {"history": RateLimit(per_minute=1, burst=50)})
    assert sum(limiter.acquire("history") for _ in range(50)) == 0.0


def test_scopes_do_not_hinder_each_other() -> None:
    limits = {"a": RateLimit(per_minute=1), "b": RateLimit(per_minute=1)}
    limiter = RateLimiter("Chat", limits)
    assert limiter.acquire("a") == limiter.acquire("b") == limiter.acquire("unlimited") == 0.0


def test_a_limit_of_the_whole_credential_counts_every_scope() -> None:
    limiter = RateLimiter("Chat", {"*": RateLimit(per_minute=600, burst=1)})
    begin = time.monotonic()
    limiter.acquire("a")
    limiter.acquire("b")
    assert time.monotonic() - begin >= 0.099


def test_a_fraction_of_a_call_per_minute_is_kept() -> None:
    limiter = RateLimiter("Chat", {"a": RateLimit(per_minute=0.5)})
    limiter.acquire("a")
    stop = threading.Event()
    told: list[float] = []

    def on_wait(seconds: float, _: str) -> None:
        told.append(seconds)
        stop.set()

    with pytest.raises(WaitInterruptedError):
        limiter.acquire("a", stop=stop, on_wait=on_wait)
    assert told[0] == pytest.approx(120, abs=2)


def test_a_call_that_costs_more_than_a_burst_is_saved_up_for() -> None:
    limiter = RateLimiter("Mail", {"units": RateLimit(per_minute=1200, burst=2)})
    assert limiter.acquire("units", weight=6) >= 4 * 0.05 - 0.01


def test_a_pause_holds_back_every_thread() -> None:
    limiter = RateLimiter("Chat")
    begin = time.monotonic()
    limiter.pause("history", 0.3)
    ends: list[float] = []

    def work() -> None:
        limiter.acquire("history")
        ends.append(time.monotonic() - begin)

    in_threads(6, work)
    assert min(ends) >= 0.3
    assert limiter.report()["history"].pauses == 1


def test_threads_do_not_all_come_back_in_the_same_instant() -> None:
    limiter = RateLimiter("Chat")
    limiter.pause("history", 100)
    told: list[float] = []
    for _ in range(20):
        stop = threading.Event()

        def on_wait(seconds: float, _: str, stop: threading.Event = stop) -> None:
            told.append(seconds)
            stop.set()

        with pytest.raises(WaitInterruptedError):
            limiter.acquire("history", stop=stop, on_wait=on_wait)
    assert max(told) - min(told) > 0.2
    assert max(told) < 103


def test_a_pause_of_one_scope_leaves_the_others_alone() -> None:
    limiter = RateLimiter("Chat")
    limiter.pause("history", 30)
    assert limiter.acquire("users") == 0.0
    assert limiter.paused_for("users") == 0.0
    assert limiter.paused_for("history") == pytest.approx(30, abs=1)


def test_a_pause_of_the_credential_holds_every_scope() -> None:
    limiter = RateLimiter("Chat")
    limiter.pause("*", 0.2)
    assert limiter.acquire("users") >= 0.2 - 0.01


def test_a_pause_that_comes_during_a_wait_is_kept_too() -> None:
    limiter = RateLimiter("Chat", {"a": RateLimit(per_minute=120)})
    limiter.acquire("a")
    begin = time.monotonic()
    threading.Timer(0.03, limiter.pause, ("a", 0.7)).start()
    limiter.acquire("a")
    assert time.monotonic() - begin >= 0.7


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    limiter = RateLimiter("Chat")
    limiter.pause("a", 20)
    limiter.pause("a", 1)
    limiter.pause("a", -5)
    assert limiter.paused_for("a") > 15


def test_one_absurd_header_does_not_silence_a_worker_for_days() -> None:
    limiter = RateLimiter("Chat")
    limiter.pause("a", 10**9)
    assert limiter.paused_for("a") <= LONGEST_PAUSE


def test_a_pause_longer_than_one_waits_for_is_an_error_at_once() -> None:
    limiter = RateLimiter("Chat")
    limiter.pause("*", 100)
    begin = time.monotonic()
    with pytest.raises(RateLimitError) as caught:
        limiter.acquire("history", longest_wait=60)
    assert time.monotonic() - begin < 30
    assert caught.value.retry_after == pytest.approx(100, abs=2)
    assert caught.value.scope == "history"


def test_a_stop_ends_a_wait_soon() -> None:
    limiter = RateLimiter("Chat")
    limiter.pause("a", 60)
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    begin = time.monotonic()
    with pytest.raises(WaitInterruptedError, match="Chat"):
        limiter.acquire("a", stop=stop)
    assert time.monotonic() - begin < 30


def test_progress_is_told_about_once_a_second() -> None:
    told: list[tuple[float, str]] = []
    passed = wait(1.2, "Chat", on_wait=lambda seconds, reason: told.append((seconds, reason)))
    assert passed >= 1.2
    assert len(told) == 2
    assert told[0][0] == pytest.approx(1.2, abs=0.1)
    assert told[1][0] < 0.3
    assert told[0][1] == "Chat"


def test_a_limit_is_tightened_and_the_next_call_waits() -> None:
    limiter = RateLimiter("Chat", {"a": RateLimit(per_minute=6000, burst=100)})
    begin = time.monotonic()
    assert limiter.tighten("a", per_minute=300, burst=1)
    limiter.acquire("a")
    assert time.monotonic() - begin >= 0.199
    assert limiter.report()["a"].limit == RateLimit(per_minute=300, burst=1)


def test_tightening_never_loosens() -> None:
    limiter = RateLimiter("Chat", {"a": RateLimit(per_minute=10, burst=2)})
    assert not limiter.tighten("a", per_minute=50, burst=5)
    assert limiter.report()["a"].limit == RateLimit(per_minute=10, burst=2)


def test_a_scope_without_a_limit_can_be_tightened() -> None:
    limiter = RateLimiter("Chat")
    begin = time.monotonic()
    assert limiter.tighten("a", per_minute=600)
    limiter.acquire("a")
    assert time.monotonic() - begin >= 0.099


def test_what_was_learned_survives_a_new_configuration() -> None:
    limiter = RateLimiter("Chat", {"a": RateLimit(per_minute=50, burst=10)})
    limiter.tighten("a", per_minute=1)
    limiter.configure({"a": RateLimit(per_minute=50, burst=10), "b": RateLimit(per_minute=9)})
    assert limiter.report()["a"].limit == RateLimit(per_minute=1, burst=1)
    assert limiter.report()["b"].limit == RateLimit(per_minute=9)


def test_the_same_configuration_again_does_not_refill_a_bucket() -> None:
    limits = {"a": RateLimit(per_minute=600, burst=1)}
    limiter = RateLimiter("Chat", limits)
    begin = time.monotonic()
    limiter.acquire("a")
    limiter.configure(limits)
    limiter.acquire("a")
    assert time.monotonic() - begin >= 0.099


def test_one_credential_has_one_limiter(token: str) -> None:
    limiter = limiter_for("Chat", token, {"a": RateLimit(per_minute=1)})
    assert limiter_for("Chat", token) is limiter
    assert limiter.report()["a"].limit == RateLimit(per_minute=1)
    assert limiter_for("Chat", token + "x") is not limiter
    assert limiter_for("Mail", token) is not limiter


def test_a_fingerprint_does_not_show_the_credential(token: str) -> None:
    fingerprint = credential_fingerprint(token)
    assert fingerprint == credential_fingerprint(token)
    assert token[5:12] not in fingerprint
    assert fingerprint != credential_fingerprint(token[:-1])
