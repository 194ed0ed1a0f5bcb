"""The history of a mailbox: what a client that comes back is told."""

from typing import Any

import pytest
from gmail_clients import ADA, BOB, Caller

from sandbox.gmail import Mailboxes


def kinds(records: list[Any]) -> list[str]:
    """The arrays of each record besides ``messages``."""
    return ["+".join(sorted(set(record) - {"id", "messages"})) for record in records]


def mail(mailboxes: Mailboxes, subject: str = "Hello") -> str:
    """A mail for Bob; its id in his mailbox."""
    written = mailboxes.write("x@out.example", [BOB], subject, "Text")
    return mailboxes.box(BOB).message(written).id


def test_nothing_happened(bob: Caller) -> None:
    now = bob.history_id()
    assert bob.get("history", startHistoryId=now) == {"historyId": now}


def test_everything_that_happens_to_a_message_is_told_in_order(
    bob: Caller, mailboxes: Mailboxes
) -> None:
    since = bob.history_id()
    key = mail(mailboxes)
    mailboxes.mark_read(BOB, key)
    mailboxes.relabel(BOB, key, add=["STARRED"])
    mailboxes.delete(BOB, key)
    records = bob.changes(since)
    assert kinds(records) == ["messagesAdded", "labelsRemoved", "labelsAdded", "messagesDeleted"]
    ids = [int(record["id"]) for record in records]
    assert ids == sorted(set(ids))
    assert ids[0] > int(since)
    assert ids[-1] == int(bob.history_id())
    assert ids != list(range(ids[0], ids[0] + len(ids)))
    assert all(record["messages"] == [{"id": key, "threadId": key}] for record in records)


def test_a_record_has_the_labels_as_they_were_just_after_it(
    bob: Caller, mailboxes: Mailboxes
) -> None:
    since = bob.history_id()
    key = mail(mailboxes)
    mailboxes.mark_read(BOB, key)
    mailboxes.relabel(BOB, key, add=["STARRED"])
    added, read, starred = bob.changes(since)
    first = {"id": key, "threadId": key, "labelIds": ["UNREAD", "CATEGORY_PERSONAL", "INBOX"]}
    assert added["messagesAdded"] == [{"message": first}]
    assert read["labelsRemoved"] == [
        {"message": first | {"labelIds": ["CATEGORY_PERSONAL", "INBOX"]}, "labelIds": ["UNREAD"]}
    ]
    assert starred["labelsAdded"][0]["labelIds"] == ["STARRED"]
    assert "STARRED" in starred["labelsAdded"][0]["message"]["labelIds"]


def test_the_trash_is_told_in_two_records(bob: Caller, mailboxes: Mailboxes) -> None:
    """TRASH comes, then INBOX goes, as the live service was recorded."""
    key = mail(mailboxes)
    since = bob.history_id()
    mailboxes.trash(BOB, key)
    mailboxes.untrash(BOB, key)
    trashed, left, back = bob.changes(since)
    assert trashed["labelsAdded"][0]["labelIds"] == ["TRASH"]
    assert {"TRASH", "INBOX"} <= set(trashed["labelsAdded"][0]["message"]["labelIds"])
    assert left["labelsRemoved"][0]["labelIds"] == ["INBOX"]
    assert back["labelsRemoved"][0]["labelIds"] == ["TRASH"]
    assert set(bob.get(f"messages/{key}")["labelIds"]) == {"UNREAD", "CATEGORY_PERSONAL"}


def test_a_purged_trash_is_a_deletion(bob: Caller, mailboxes: Mailboxes) -> None:
    key = mail(mailboxes)
    mailboxes.trash(BOB, key)
    since = bob.history_id()
    assert mailboxes.empty_trash(BOB) == 1
    (record,) = bob.changes(since)
    assert record["messagesDeleted"][0]["message"]["id"] == key
    assert "TRASH" in record["messagesDeleted"][0]["message"]["labelIds"]
    assert bob.error(f"messages/{key}")[0] == 404


def test_a_thread_that_is_moved_is_one_record(bob: Caller, mailboxes: Mailboxes) -> None:
    first = mailboxes.write("x@out.example", [BOB], "Plan", "One")
    mailboxes.write("x@out.example", [BOB], "Re: Plan", "Two", answers=first)
    since = bob.history_id()
    mailboxes.relabel_thread(BOB, mailboxes.box(BOB).message(first).thread_id, add=["STARRED"])
    (record,) = bob.changes(since)
    assert len(record["labelsAdded"]) == len(record["messages"]) == 2


def test_sending_leaves_a_record_that_names_no_change(bob: Caller, mailboxes: Mailboxes) -> None:
    since = bob.history_id()
    mailboxes.write(BOB, ["x@out.example"], "Out", "Text")
    assert kinds(bob.changes(since)) == ["messagesAdded", ""]
    assert bob.changes(since)[0]["messagesAdded"][0]["message"]["labelIds"] == ["SENT"]
    assert kinds(bob.changes(since, historyTypes="messageAdded")) == ["messagesAdded"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (["messageAdded"], ["messagesAdded"]),
        (["labelAdded", "labelRemoved"], ["labelsRemoved", "labelsAdded"]),
        (["messageDeleted"], []),
    ],
)
def test_a_client_may_ask_for_some_kinds_only(
    bob: Caller, mailboxes: Mailboxes, wanted: list[str], found: list[str]
) -> None:
    since = bob.history_id()
    key = mail(mailboxes)
    mailboxes.relabel(BOB, key, remove=["UNREAD"])
    mailboxes.relabel(BOB, key, add=["STARRED"])
    assert kinds(bob.changes(since, historyTypes=wanted)) == found
    assert bob.get("history", startHistoryId=since, historyTypes=wanted)["historyId"] == (
        bob.history_id()
    )


def test_a_client_may_ask_for_one_label(bob: Caller, mailboxes: Mailboxes) -> None:
    since = bob.history_id()
    first, second = mail(mailboxes, "One"), mail(mailboxes, "Two")
    mailboxes.relabel(BOB, first, add=["STARRED"])
    mailboxes.relabel(BOB, first, remove=["STARRED"])
    mailboxes.mark_read(BOB, second)
    assert kinds(bob.changes(since, labelId="STARRED")) == ["labelsAdded", "labelsRemoved"]
    assert bob.error("history", startHistoryId=since, labelId="NO_SUCH")[0] == 400


def test_pages_hold_records_and_the_end_says_where_to_go_on(
    bob: Caller, mailboxes: Mailboxes
) -> None:
    since = bob.history_id()
    for number in range(7):
        mail(mailboxes, f"Mail {number}")
    pages = list(bob.pages("history", startHistoryId=since, maxResults=3))
    assert [len(page["history"]) for page in pages] == [3, 3, 1]
    assert all(page["historyId"] == bob.history_id() for page in pages)
    seen = [record["id"] for page in pages for record in page["history"]]
    assert seen == [record["id"] for record in bob.changes(since)]


def test_what_happens_while_a_client_pages_comes_on_the_last_page(
    bob: Caller, mailboxes: Mailboxes
) -> None:
    since = bob.history_id()
    for number in range(3):
        mail(mailboxes, f"Mail {number}")
    bob.sandbox.after("history.list", 1, lambda: mail(mailboxes, "Late"))
    pages = list(bob.pages("history", startHistoryId=since, maxResults=2))
    assert [len(page["history"]) for page in pages] == [2, 2]
    assert pages[-1]["historyId"] == bob.history_id() != pages[0]["historyId"]


def test_history_that_is_no_longer_kept_is_not_found(bob: Caller, mailboxes: Mailboxes) -> None:
    start = bob.history_id()
    mail(mailboxes)
    middle = bob.history_id()
    mail(mailboxes)
    mailboxes.forget_history(BOB, before=middle)
    assert bob.error("history", startHistoryId=start)[:2] == (404, "notFound")
    assert len(bob.changes(middle)) == 1
    mailboxes.forget_history(BOB)
    assert bob.error("history", startHistoryId=middle)[0] == 404
    assert bob.changes(bob.history_id()) == []


def test_history_may_be_forgotten_while_a_client_pages(bob: Caller, mailboxes: Mailboxes) -> None:
    since = bob.history_id()
    for number in range(4):
        mail(mailboxes, f"Mail {number}")
    first = bob.get("history", startHistoryId=since, maxResults=2)
    mailboxes.forget_history(BOB)
    token = first["nextPageToken"]
    assert bob.error("history", startHistoryId=since, maxResults=2, pageToken=token)[0] == 404


@pytest.mark.parametrize("start", ["1", "99999999999"])
def test_an_id_of_no_time_is_not_found(bob: Caller, start: str) -> None:
    assert bob.error("history", startHistoryId=start)[:2] == (404, "notFound")


def test_an_id_is_needed(bob: Caller) -> None:
    assert bob.error("history")[:2] == (400, "required")


def test_each_mailbox_has_a_history_of_its_own(
    ada: Caller, bob: Caller, mailboxes: Mailboxes
) -> None:
    since = ada.history_id(), bob.history_id()
    written = mailboxes.write("x@out.example", [ADA, BOB], "Both", "Text")
    mailboxes.mark_read(BOB, written)
    assert kinds(ada.changes(since[0])) == ["messagesAdded"]
    assert kinds(bob.changes(since[1])) == ["messagesAdded", "labelsRemoved"]


def test_a_message_tells_the_last_record_that_concerns_it(
    bob: Caller, mailboxes: Mailboxes
) -> None:
    key = mail(mailboxes)
    before = bob.get(f"messages/{key}")["historyId"]
    mailboxes.mark_read(BOB, key)
    mail(mailboxes, "Another")
    after = bob.get(f"messages/{key}")["historyId"]
    assert int(before) < int(after) < int(bob.history_id())
