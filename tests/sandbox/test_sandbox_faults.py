"""Faults as a client meets them on the wire, and the endpoints that arm them."""

import email.utils
import errno
import http.client
import time
from typing import Any

import pytest
from sandbox_clients import client_of, control, error_of, raw
from slack_sdk import WebClient

from sandbox.faults import Fault
from sandbox.slack import SlackSandbox

AUTH = "/api/auth.test"


def statuses(slack: SlackSandbox, calls: int, path: str = AUTH) -> list[int]:
    return [raw(slack, path, "").status for _ in range(calls)]


def test_an_answer_can_take_its_time(slack: SlackSandbox, client: WebClient) -> None:
    slack.latency = 0.2
    started = time.monotonic()
    client.auth_test()
    assert time.monotonic() - started >= 0.2


def test_a_fault_strikes_once_unless_told_otherwise(slack: SlackSandbox) -> None:
    slack.faults.add(Fault("server_error", "auth.test"))
    assert statuses(slack, 3) == [500, 200, 200]


def test_a_fault_strikes_as_often_as_told(slack: SlackSandbox) -> None:
    slack.faults.add(Fault("server_error", "auth.test", times=2, status=503))
    assert statuses(slack, 3) == [503, 503, 200]


def test_a_fault_may_strike_always_until_it_is_cleared(slack: SlackSandbox) -> None:
    slack.faults.add(Fault("server_error", times=None, status=502))
    assert statuses(slack, 4) == [502] * 4
    slack.faults.clear()
    assert statuses(slack, 1) == [200]


def test_a_fault_may_strike_every_third_request_after_some_good_ones(
    slack: SlackSandbox,
) -> None:
    slack.faults.add(Fault("server_error", times=None, every=3, skip=2))
    assert statuses(slack, 8) == [200, 200, 200, 200, 500, 200, 200, 500]


def test_a_fault_may_be_meant_for_one_method_and_one_channel(
    slack: SlackSandbox, client: WebClient
) -> None:
    general = slack.workspace.channel("general").id
    slack.faults.add(Fault("server_error", "conversations.*", {"channel": general}, times=None))
    assert statuses(slack, 1) == [200]
    assert statuses(slack, 1, "/api/conversations.list") == [200]
    assert statuses(slack, 1, f"/api/conversations.info?channel={general}") == [500]
    assert statuses(slack, 1, f"/api/conversations.history?channel={general}") == [500]


@pytest.mark.parametrize(
    ("form", "check"),
    [
        ("seconds", lambda value: value == "3"),
        ("float", lambda value: value == "2.500"),
        ("none", lambda value: value is None),
        (
            "http-date",
            lambda value: (
                0 < email.utils.parsedate_to_datetime(value).timestamp() - time.time() < 4
            ),
        ),
    ],
)
def test_retry_after_comes_in_every_form_there_is(
    slack: SlackSandbox, form: Any, check: Any
) -> None:
    seconds = 3 if form in ("seconds", "http-date") else 2.5
    slack.faults.add(Fault("rate_limited", retry_after=seconds, retry_after_form=form))
    answer = raw(slack, AUTH, "")
    assert answer.status == 429
    assert answer.json == {"ok": False, "error": "ratelimited"}
    assert check(answer.headers.get("retry-after"))


def test_a_fault_before_the_answer_leaves_the_workspace_as_it_was(
    slack: SlackSandbox, client: WebClient
) -> None:
    channel = slack.workspace.create_channel("new", creator="ada")
    slack.faults.add(Fault("server_error", "conversations.join"))
    assert statuses(slack, 1, f"/api/conversations.join?channel={channel}") == [500]
    assert not client.conversations_info(channel=channel)["channel"]["is_member"]


def test_a_connection_may_be_reset_before_the_answer(slack: SlackSandbox) -> None:
    slack.faults.add(Fault("reset", "auth.test"))
    with pytest.raises(ConnectionResetError) as failure:
        raw(slack, AUTH, "")
    # An orderly end would be http.client.RemoteDisconnected, which is a subclass without errno.
    assert failure.value.errno == errno.ECONNRESET
    assert statuses(slack, 1) == [200]
    assert [(entry.status, entry.fault) for entry in slack.requests] == [(0, "reset"), (200, "")]


def test_a_connection_may_be_reset_in_the_middle_of_the_body(slack: SlackSandbox) -> None:
    slack.faults.add(Fault("reset_mid_body", "auth.test"))
    with pytest.raises(ConnectionResetError) as failure:
        raw(slack, AUTH, "")
    assert failure.value.errno == errno.ECONNRESET
    assert statuses(slack, 1) == [200]


def test_a_body_may_be_cut_short_with_an_orderly_end(slack: SlackSandbox) -> None:
    whole = raw(slack, AUTH, "").body
    slack.faults.add(Fault("truncated_body", "auth.test", fraction=0.25))
    with pytest.raises(http.client.IncompleteRead) as failure:
        raw(slack, AUTH, "")
    assert failure.value.partial == whole[: int(len(whole) * 0.25)]


def test_a_body_may_be_slow_and_is_whole_all_the_same(slack: SlackSandbox) -> None:
    whole = raw(slack, AUTH, "").body
    slack.faults.add(Fault("slow_body", "auth.test", seconds=0.4))
    begun = time.monotonic()
    answer = raw(slack, AUTH, "")
    assert time.monotonic() - begun >= 0.39
    assert answer.body == whole


def test_a_body_may_be_broken_json(slack: SlackSandbox) -> None:
    slack.faults.add(Fault("malformed_json", "auth.test"))
    answer = raw(slack, AUTH, "")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert int(answer.headers["content-length"]) == len(answer.body)
    with pytest.raises(ValueError, match=r"Unterminated|Expecting|delimiter"):
        _ = answer.json


def test_a_page_of_html_may_come_instead(slack: SlackSandbox) -> None:
    slack.faults.add(Fault("html", status=200), Fault("html", status=502))
    for status in (200, 502):
        answer = raw(slack, AUTH, "")
        assert answer.status == status
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.body.startswith(b"<!DOCTYPE html>")


def test_slack_s_own_errors_come_with_status_200(slack: SlackSandbox, client: WebClient) -> None:
    slack.fail("auth.test", "internal_error", times=2)
    for _ in range(2):
        assert error_of(client, "auth.test") == {"ok": False, "error": "internal_error"}
    assert client.auth_test()["ok"]


def test_downloads_fail_too(slack: SlackSandbox, client: WebClient) -> None:
    file_id = slack.workspace.upload("general", "ada", "a.txt", "0123456789")
    path = client.files_info(file=file_id)["file"]["url_private"].removeprefix(slack.base_url)
    slack.faults.add(Fault("truncated_body", "/files-pri/*"))
    with pytest.raises(http.client.IncompleteRead) as failure:
        raw(slack, path)
    assert failure.value.partial == b"01234"
    assert raw(slack, path).body == b"0123456789"


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "earthquake"},
        {"operation": "auth.test"},
        {"kind": "reset", "colour": "red"},
        {"kind": "reset", "every": 0},
        {"kind": "reset", "times": 0},
        {"kind": "truncated_body", "fraction": 1.0},
        {"kind": "rate_limited", "retry_after_form": "soon"},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(slack: SlackSandbox, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"kind|keys|count|fraction|retry_after_form"):
        Fault.from_json(wrong)
    answer = raw(slack, "/_sandbox/faults", str(wrong).replace("'", '"'))
    assert answer.status == 400
    assert slack.faults.report() == []


# --- control endpoints --------------------------------------------------------------------------


def test_faults_can_be_armed_read_and_disarmed_from_outside(slack: SlackSandbox) -> None:
    control(slack, "faults", [{"kind": "server_error", "operation": "auth.test", "times": 5}])
    assert statuses(slack, 2) == [500, 500]
    (armed,) = control(slack, "faults")
    assert (armed["kind"], armed["seen"], armed["struck"]) == ("server_error", 2, 2)
    control(slack, "faults", verb="DELETE")
    assert statuses(slack, 1) == [200]


def test_requests_and_counts_can_be_read_from_outside(
    slack: SlackSandbox, client: WebClient
) -> None:
    client.auth_test()
    client.conversations_list(limit=5)
    client.conversations_list(limit=6)
    assert control(slack, "counts") == {"auth.test": 1, "conversations.list": 2}
    entries = control(slack, "requests?operation=conversations.*")
    assert [entry["parameters"]["limit"] for entry in entries] == ["5", "6"]
    assert slack.requests.count("conversations.list", limit="6") == 1
    control(slack, "requests", verb="DELETE")
    assert control(slack, "counts") == {}
    assert control(slack, "health") is None


def test_the_workspace_can_be_changed_from_outside(slack: SlackSandbox, client: WebClient) -> None:
    before = control(slack, "workspace/message_count", {})
    arguments = {"channel": "#general", "user": "ada", "text": "from outside"}
    ts = control(slack, "workspace/post", arguments)
    assert control(slack, "workspace/message_count", {}) == before + 1
    general = slack.workspace.channel("general").id
    (message,) = client.conversations_history(channel=general)["messages"]
    assert (message["ts"], message["text"]) == (ts, "from outside")
    overview = control(slack, "workspace/overview", {})
    assert {"id": general, "name": "general"}.items() <= overview["channels"][0].items()


def test_a_change_can_be_put_between_two_requests_from_outside(
    slack: SlackSandbox, client: WebClient
) -> None:
    general = slack.workspace.channel("general").id
    control(
        slack,
        "after",
        {
            "operation": "conversations.history",
            "count": 2,
            "resource": "workspace",
            "call": "post",
            "arguments": {"channel": "general", "user": "bob", "text": "in between"},
        },
    )
    sizes = [len(client.conversations_history(channel=general)["messages"]) for _ in range(3)]
    assert sizes == [0, 0, 1]


def test_switches_can_be_set_from_outside(slack: SlackSandbox) -> None:
    assert control(slack, "switches/set", {"short_pages": True})["short_pages"] is True
    assert slack.switches.short_pages is True
    assert raw(slack, "/_sandbox/switches/set", '{"turbo": true}').status == 400


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("workspace/post", '{"channel": "general"}', 400),
        ("workspace/post", '{"channel": "nowhere", "user": "ada", "text": "x"}', 400),
        ("workspace/post", "[]", 400),
        ("workspace/post", "{", 400),
        ("workspace/write_export_zip", '{"path": "x"}', 404),
        ("weather/set", "{}", 404),
        ("after", "{}", 404),
    ],
)
def test_a_control_request_that_cannot_be_done_says_why(
    slack: SlackSandbox, path: str, body: str, status: int
) -> None:
    answer = raw(slack, f"/_sandbox/{path}", body)
    assert answer.status == status
    assert answer.json["ok"] is False
    assert answer.json["error"]


def test_control_requests_are_neither_logged_nor_struck(slack: SlackSandbox) -> None:
    slack.faults.add(Fault("server_error", "*", times=None))
    assert control(slack, "health") is None
    assert len(slack.requests) == 0


# --- life cycle ---------------------------------------------------------------------------------


def test_a_server_has_an_address_only_while_it_runs(slack: SlackSandbox) -> None:
    address = slack.base_url
    assert address.startswith("http://127.0.0.1:")
    with pytest.raises(RuntimeError, match="already running"):
        slack.start()
    slack.stop()
    with pytest.raises(RuntimeError, match="not running"):
        _ = slack.base_url
    with slack:
        assert client_of(slack).auth_test()["ok"]


def test_a_taken_port_is_an_error_at_once(slack: SlackSandbox) -> None:
    port = int(slack.base_url.rpartition(":")[2])
    second = SlackSandbox(slack.workspace, port=port)
    with pytest.raises(OSError, match="in use"):
        second.start()
    second.stop()
