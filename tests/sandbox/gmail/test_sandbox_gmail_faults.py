"""Quotas, pages up to mischief, and answers that are none."""

from itertools import islice
from urllib.parse import urlencode

import pytest
from gmail_clients import ADA, BOB, USERS, Caller, batch, caller
from sandbox_clients import control, raw

from sandbox.gmail import Fault, GmailSandbox, Mailboxes


@pytest.fixture
def keys(mailboxes: Mailboxes) -> list[str]:
    """Ids of nine mails in Bob's mailbox, the newest first."""
    for number in range(9):
        mailboxes.write(
            "x@out.example", [BOB], f"Mail {number}", "Text", date=1_790_000_000 + number
        )
    return [message.id for message in mailboxes.box(BOB).newest_first()]


def sizes(bob: Caller, path: str = "messages", **parameters: int) -> list[int]:
    name = path.partition("?")[0]
    return [len(page.get(name, ())) for page in bob.pages(path, **parameters)]


def test_a_user_s_quota_is_used_up_by_what_calls_cost(
    gmail: GmailSandbox, ada: Caller, bob: Caller, keys: list[str]
) -> None:
    now = [0.0]
    gmail.quota.clock = lambda: now[0]
    gmail.switches.user_units = 50
    assert [bob.send(f"messages/{keys[0]}").status for _ in range(3)] == [200, 200, 403]
    status, reason, message = bob.error(f"messages/{keys[0]}")
    assert (status, reason) == (403, "userRateLimitExceeded")
    assert message.startswith("User-rate limit exceeded.  Retry after 20")
    assert bob.send("messages").status == 200
    assert ada.send("messages").status == 200
    assert control(gmail, "quota/spent", {"user": BOB}) == 45
    now[0] = 60.0
    assert bob.send(f"messages/{keys[0]}").status == 200


def test_projects_of_before_may_2026_pay_less(
    gmail: GmailSandbox, bob: Caller, keys: list[str]
) -> None:
    gmail.switches.user_units = 50
    gmail.switches.old_costs = True
    assert [bob.send(f"messages/{keys[0]}").status for _ in range(11)] == [200] * 10 + [403]


def test_the_project_s_quota_is_everybody_s(gmail: GmailSandbox, ada: Caller, bob: Caller) -> None:
    control(gmail, "switches/set", {"project_units": 10})
    assert [person.send("messages").status for person in (ada, bob, ada)] == [200, 200, 429]
    status, reason, _ = bob.error("messages")
    assert (status, reason) == (429, "rateLimitExceeded")
    assert bob.send("messages").json["error"]["status"] == "RESOURCE_EXHAUSTED"
    assert (
        caller(gmail, ADA, USERS).send("/admin/directory/v1/users", customer="my_customer").status
        == 200
    )
    control(gmail, "quota/reset", {})
    assert bob.send("messages").status == 200


def test_calls_of_a_batch_cost_as_much_as_alone(
    gmail: GmailSandbox, bob: Caller, keys: list[str]
) -> None:
    gmail.switches.user_units = 40
    paths = [f"/gmail/v1/users/me/messages/{key}" for key in keys[:3]]
    _, answers = batch(gmail, paths, token=bob.token)
    assert sorted(status for status, _ in answers.values()) == [200, 200, 403]


def test_a_refusal_can_be_ordered_in_google_s_form(gmail: GmailSandbox, bob: Caller) -> None:
    gmail.fail("messages.list", 403, "dailyLimitExceeded")
    assert bob.error("messages")[:2] == (403, "dailyLimitExceeded")
    assert bob.send("messages").status == 200
    for status in (500, 503):
        gmail.faults.add(Fault("server_error", "messages.list", status=status))
        assert bob.error("messages")[:2] == (status, "backendError")


def test_a_wait_may_be_said_in_a_header(gmail: GmailSandbox, bob: Caller) -> None:
    gmail.faults.add(Fault("rate_limited", "messages.*", retry_after=7))
    answer = bob.send("messages")
    assert (answer.status, answer.headers["retry-after"]) == (429, "7")
    assert answer.json["error"]["errors"][0]["reason"] == "rateLimitExceeded"


def test_a_fault_may_be_meant_for_one_person(gmail: GmailSandbox, ada: Caller, bob: Caller) -> None:
    gmail.faults.add(Fault("server_error", match={"user": BOB}, times=None))
    assert (ada.send("profile").status, bob.send("profile").status) == (200, 500)


def test_a_login_page_may_come_as_a_success(gmail: GmailSandbox, bob: Caller) -> None:
    gmail.faults.add(Fault("html", "messages.list", status=200))
    answer = bob.send("messages")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert b"Sign in" in answer.body
    gmail.faults.add(Fault("html", "messages.list", status=502))
    assert b"Bad gateway" in bob.send("messages").body


def test_json_may_end_in_the_middle(gmail: GmailSandbox, bob: Caller) -> None:
    gmail.faults.add(Fault("malformed_json", "labels.list"))
    answer = bob.send("labels")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=UTF-8"
    with pytest.raises(ValueError, match=r"Unterminated|Expecting|delimiter"):
        _ = answer.json


def test_the_token_endpoint_may_fail_as_well(gmail: GmailSandbox, bob: Caller) -> None:
    gmail.faults.add(Fault("server_error", "token", status=503))
    info = gmail.authorized_user_info(BOB)
    form = {
        "grant_type": "refresh_token",
        **{k: info[k] for k in ("client_id", "client_secret", "refresh_token")},
    }
    statuses = [raw(gmail, "/token", urlencode(form), token="").status for _ in range(2)]
    assert statuses == [503, 200]


@pytest.mark.parametrize("path", ["messages", "threads"])
def test_pages_may_come_short(bob: Caller, keys: list[str], path: str) -> None:
    bob.sandbox.switches.short_pages = True
    assert sizes(bob, path, maxResults=4) == [2, 2, 2, 2, 1]


def test_an_empty_page_may_lie_between_two(bob: Caller, keys: list[str]) -> None:
    bob.sandbox.switches.empty_pages = True
    assert sizes(bob, maxResults=4) == [4, 0, 4, 0, 1]
    pages = list(bob.pages("messages", maxResults=4))
    assert "messages" not in pages[1]
    assert pages[1]["nextPageToken"]


def test_a_message_may_come_on_two_pages(bob: Caller, keys: list[str]) -> None:
    bob.sandbox.switches.duplicate_items = True
    found = bob.ids(maxResults=4)
    assert list(dict.fromkeys(found)) == keys
    assert len(found) == len(keys) + 2


def test_a_page_may_name_itself_as_the_next_one(bob: Caller, keys: list[str]) -> None:
    bob.sandbox.switches.repeat_page_token = True
    pages = list(islice(bob.pages("messages", maxResults=2), 5))
    tokens = [page["nextPageToken"] for page in pages]
    assert len(set(tokens)) == 1
    assert [page["messages"] for page in pages[1:]] == [pages[1]["messages"]] * 4


def test_the_history_and_the_directory_page_the_same_way(
    gmail: GmailSandbox, bob: Caller, mailboxes: Mailboxes
) -> None:
    since = bob.history_id()
    for number in range(4):
        mailboxes.write("x@out.example", [BOB], f"Mail {number}", "Text")
    control(gmail, "switches/set", {"empty_pages": True})
    assert [
        len(p.get("history", ())) for p in bob.pages("history", startHistoryId=since, maxResults=2)
    ] == [2, 0, 2]
    admin = caller(gmail, ADA, USERS)
    pages = admin.pages("/admin/directory/v1/users", customer="my_customer", maxResults=2)
    assert [len(page.get("users", ())) for page in pages] == [2, 0, 1]


def test_a_message_may_go_between_the_list_and_the_get(
    bob: Caller, keys: list[str], mailboxes: Mailboxes
) -> None:
    bob.sandbox.after("messages.list", 1, lambda: mailboxes.delete(BOB, keys[3]))
    found = bob.ids()
    assert found == keys
    assert [bob.send(f"messages/{key}").status for key in found].count(404) == 1


def test_the_last_message_of_a_page_may_go_without_harm(
    bob: Caller, keys: list[str], mailboxes: Mailboxes
) -> None:
    bob.sandbox.after("messages.list", 1, lambda: mailboxes.delete(BOB, keys[3]))
    assert bob.ids(maxResults=4) == keys


def test_mail_that_arrives_while_a_client_pages_moves_nothing(
    bob: Caller, keys: list[str], mailboxes: Mailboxes
) -> None:
    bob.sandbox.after(
        "messages.list", 1, lambda: mailboxes.write("x@out.example", [BOB], "New", "Text")
    )
    assert bob.ids(maxResults=4) == keys


@pytest.mark.parametrize(
    "other",
    [
        {"q": "mail"},
        {"labelIds": "INBOX"},
        {"includeSpamTrash": "true"},
    ],
)
def test_a_page_token_belongs_to_its_query(
    bob: Caller, keys: list[str], other: dict[str, str]
) -> None:
    token = bob.get("messages", maxResults=2)["nextPageToken"]
    assert bob.get("messages", maxResults=3, pageToken=token)["messages"][0]["id"] == keys[2]
    assert bob.error("messages", pageToken=token, **other)[:2] == (400, "invalidArgument")


def test_a_page_token_of_something_else_is_refused(
    ada: Caller, bob: Caller, keys: list[str], mailboxes: Mailboxes
) -> None:
    mailboxes.write("x@out.example", [ADA], "Mail", "Text")
    token = bob.get("messages", maxResults=2)["nextPageToken"]
    assert token.isdigit()
    for person, path in ((ada, "messages"), (bob, "threads")):
        assert person.error(path, pageToken=token)[:2] == (400, "invalidArgument")
    for wrong in ("0", "abc", token[:-1], token + "1", "9" * 500):
        assert bob.error("messages", pageToken=wrong)[:2] == (400, "invalidArgument")


def test_no_such_switch(gmail: GmailSandbox) -> None:
    with pytest.raises(ValueError, match=r"no switches \['long_pages'\]"):
        gmail.switches.set(long_pages=True)
