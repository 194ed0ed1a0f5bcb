"""Many calls in one request."""

import pytest
from gmail_clients import ADA, BOB, Caller, batch
from sandbox_clients import raw

from sandbox.gmail import Fault, GmailSandbox, Mailboxes

BASE = "/gmail/v1/users/me/"


@pytest.fixture
def keys(mailboxes: Mailboxes) -> list[str]:
    """Ids of five mails in Bob's mailbox."""
    for number in range(5):
        mailboxes.write("x@out.example", [BOB], f"Mail {number}", "Text")
    return [message.id for message in mailboxes.box(BOB).newest_first()]


def test_every_call_is_answered_under_its_own_name(bob: Caller, keys: list[str]) -> None:
    paths = [f"{BASE}messages/{key}?format=minimal" for key in keys]
    _, answers = batch(bob.sandbox, paths, token=bob.token)
    shown = {name: (status, body["id"]) for name, (status, body) in answers.items()}
    assert shown == {f"<response-item{n}>": (200, key) for n, key in enumerate(keys)}


def test_a_batch_of_google_s_python_client_is_understood(bob: Caller) -> None:
    """With its headers, line ends and Content-IDs; ids with blanks come back as they were."""
    limit = "===============4172396154239017=="
    name = "b29c5de2-0db4-490b-b421-6a51b598bd22 + 1"
    part = (
        "Content-Type: application/http\nMIME-Version: 1.0\nContent-Transfer-Encoding: binary\n"
        f"Content-ID: <{name}>\n\nGET {BASE}profile?alt=json HTTP/1.1\nContent-Type: "
        "application/json\nMIME-Version: 1.0\naccept-encoding: gzip, deflate\nHost: localhost\n\n"
    )
    answer = raw(
        bob.sandbox,
        "/batch",
        f"--{limit}\n{part}\n--{limit}--",
        token=bob.token,
        content_type=f'multipart/mixed; boundary="{limit}"',
    )
    assert answer.status == 200
    assert f"Content-ID: <response-{name}>".encode() in answer.body
    assert b"HTTP/1.1 200 OK\r\n" in answer.body
    assert b'"emailAddress": "bob@acme.example"' in answer.body


def test_answers_come_in_any_order_unless_told_otherwise(bob: Caller, keys: list[str]) -> None:
    paths = [f"{BASE}messages/{keys[n % 5]}?format=minimal" for n in range(40)]
    names = [f"<response-item{n}>" for n in range(40)]
    _, answers = batch(bob.sandbox, paths, token=bob.token)
    assert list(answers) != names
    assert sorted(answers) == sorted(names)
    bob.sandbox.switches.batch_in_order = True
    assert list(batch(bob.sandbox, paths, token=bob.token)[1]) == names


def test_a_call_that_fails_does_not_touch_the_others(bob: Caller, keys: list[str]) -> None:
    bob.sandbox.faults.add(Fault("rate_limited", "messages.get", match={"id": keys[1]}))
    paths = [f"{BASE}messages/{key}" for key in (keys[0], keys[1], "ffff", keys[2])]
    _, answers = batch(bob.sandbox, [*paths, f"{BASE}messages?colour=red"], token=bob.token)
    statuses = [answers[f"<response-item{n}>"][0] for n in range(5)]
    assert statuses == [200, 429, 404, 200, 400]
    limited = answers["<response-item1>"][1]["error"]
    assert limited["errors"][0]["reason"] == "rateLimitExceeded"


def test_calls_are_counted_like_others_and_hooks_run_between_them(
    bob: Caller, keys: list[str], mailboxes: Mailboxes
) -> None:
    bob.sandbox.after("messages.get", 1, lambda: mailboxes.delete(BOB, keys[1]))
    paths = [f"{BASE}messages/{key}" for key in keys[:3]]
    _, answers = batch(bob.sandbox, paths, token=bob.token)
    assert [answers[f"<response-item{n}>"][0] for n in range(3)] == [200, 404, 200]
    assert bob.sandbox.requests.count("batch") == 1
    assert bob.sandbox.requests.count("messages.get", user=BOB) == 3


def test_a_call_may_bring_a_token_of_its_own(gmail: GmailSandbox, ada: Caller, bob: Caller) -> None:
    head = f"Authorization: Bearer {ada.token}\r\n"
    _, answers = batch(gmail, [f"{BASE}profile"], token=bob.token, headers=head)
    assert answers["<response-item0>"][1]["emailAddress"] == ADA
    _, answers = batch(gmail, [f"{BASE}profile"])
    assert answers["<response-item0>"][0] == 401


def test_a_hundred_calls_are_enough(bob: Caller) -> None:
    answer, answers = batch(bob.sandbox, [f"{BASE}profile"] * 100, token=bob.token)
    assert answer.headers["content-type"].startswith("multipart/mixed; boundary=batch_")
    assert len(answers) == 100
    answer, _ = batch(bob.sandbox, [f"{BASE}profile"] * 101, token=bob.token)
    assert answer.status == 400
    assert "too many calls" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("{}", "application/json"),
        ("", "multipart/mixed; boundary=b"),
        ("--b\r\n\r\nnot a request\r\n--b--", "multipart/mixed; boundary=b"),
    ],
)
def test_what_is_no_batch_is_refused(bob: Caller, body: str, content_type: str) -> None:
    answer = raw(bob.sandbox, "/batch/gmail/v1", body, token=bob.token, content_type=content_type)
    assert answer.status == 400
    assert answer.json["error"]["errors"][0]["reason"] == "badRequest"


def test_a_fault_may_hit_the_batch_as_a_whole(bob: Caller) -> None:
    bob.sandbox.faults.add(Fault("server_error", "batch", status=503))
    answer, _ = batch(bob.sandbox, [f"{BASE}profile"], token=bob.token)
    assert answer.status == 503
    assert bob.sandbox.requests.count("getProfile") == 0
