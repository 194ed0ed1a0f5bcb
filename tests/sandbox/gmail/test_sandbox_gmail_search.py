"""What stands in ``q``, and what it finds."""

from datetime import UTC, datetime

import pytest
from gmail_clients import BOB, Caller

from sandbox.gmail import Mailboxes


def moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.fixture
def searcher(bob: Caller, mailboxes: Mailboxes) -> Caller:
    """Bob, with six mails whose subjects are letters."""

    def deliver(subject: str, date: str, text: str, head: str = "", **more: list[str]) -> str:
        mail = f"{head or 'From: Ann Smith <ann@north.example>'}\nSubject: {subject}\n\n{text}\n"
        return mailboxes.deliver(mail, [BOB], date=moment(date), **more)[BOB]

    mailboxes.clock = lambda: moment("2026-11-20T12:00")
    deliver("a", "2026-11-01T06:59:59", "A red boat, and oars")
    deliver(
        "b",
        "2026-11-01T07:00:00",
        "The blue boat",
        "From: joe@south.example\nCc: ann@north.example",
    )
    deliver("c offer", "2026-11-10T12:00:00", "Price of the boat-house", "From: joe@south.example")
    starred = deliver("d", "2026-11-15T12:00:00", "Nothing here")
    mailboxes.mark_read(BOB, starred)
    label = mailboxes.create_label(BOB, "Big Customers/North")
    mailboxes.relabel(BOB, starred, add=["STARRED", label])
    trashed = deliver("e", "2026-11-16T12:00:00", "A red boat in the bin")
    mailboxes.trash(BOB, trashed)
    mailboxes.send(
        f"From: {BOB}\nTo: ann@north.example\nSubject: f\n\nSent away\n", date=moment("2026-11-18")
    )
    return bob


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "abcdf"),
        ("boat", "abc"),
        ("BOAT", "abc"),
        ("boa", ""),
        ("red boat", "a"),
        ("red OR blue", "ab"),
        ("{red blue}", "ab"),
        ("(red OR blue) boat", "ab"),
        ('"blue boat"', "b"),
        ('"boat blue"', ""),
        ("boat -red", "bc"),
        ('boat -"blue boat"', "ac"),
        ("boat -(red OR blue)", "c"),
        ("from:ann", "ad"),
        ("from:ann@north.example", "ad"),
        ("from:north.example", "ad"),
        ("from:me", "f"),
        ("-from:me", "abcd"),
        ("to:ann", "bf"),
        ("cc:ann", "b"),
        ("from:(ann OR joe)", "abcd"),
        ("from:{ann joe}", "abcd"),
        ("subject:offer", "c"),
        ("subject:(c offer)", "c"),
        ("is:unread", "abc"),
        ("is:read", "df"),
        ("is:starred", "d"),
        ("in:inbox", "abcd"),
        ("in:sent", "f"),
        ("in:trash", "e"),
        ("in:anywhere", "abcdef"),
        ("in:anywhere red", "ae"),
        ("label:big-customers-north", "d"),
        ('label:"Big Customers/North"', "d"),
        ("label:inbox", "abcd"),
        ("label:no-such", ""),
        ("category:primary", "abcd"),
        ("after:2026/11/01", "bcdf"),
        ("after:2026-11-01", "bcdf"),
        ("before:2026/11/1", "a"),
        ("after:1793516400", "bcdf"),
        ("before:1793516400", "a"),
        ("after:1793516401", "cdf"),
        ("after:2026/11/01 before:2026/11/15", "bc"),
        ("newer_than:11d", "cdf"),
        ("newer_than:4d", "f"),
        ("older_than:11d", "ab"),
        ("newer:2026/11/15", "df"),
        ("older:2026/11/02", "ab"),
        ("after:tomorrow", ""),
        ("larger:1M", ""),
        ("smaller:1M", "abcdf"),
        ("size:10", "abcdf"),
        ("has:attachment", ""),
        ("-has:attachment from:joe", "bc"),
        ("filename:pdf", ""),
        ("price AND house", "c"),
        ("boat after:2026/11/01 -from:ann", "bc"),
        (")", "abcdf"),
        ('"', "abcdf"),
    ],
)
def test_a_search_finds_what_gmail_would(searcher: Caller, query: str, found: str) -> None:
    assert [subject[0] for subject in searcher.subjects(query)] == list(found)


def test_days_begin_at_midnight_in_california(bob: Caller, mailboxes: Mailboxes) -> None:
    for subject, hour in (("Last of October", 6), ("First of November", 7)):
        date = moment(f"2026-11-01T0{hour}:30")
        mailboxes.write("x@out.example", [BOB], subject, "Text", date=date)
    assert bob.subjects("after:2026/11/01") == ["First of November"]
    assert bob.subjects("after:2026/10/31 before:2026/11/01") == ["Last of October"]


def test_a_message_is_found_by_its_message_id(bob: Caller, mailboxes: Mailboxes) -> None:
    written = mailboxes.write("x@out.example", [BOB], "Here", "Text")
    mailboxes.write("x@out.example", [BOB], "There", "Text")
    for text in (written, written.strip("<>")):
        assert bob.subjects(f"rfc822msgid:{text}") == ["Here"]


def test_a_list_is_found_by_its_id(bob: Caller, mailboxes: Mailboxes) -> None:
    mailboxes.deliver("From: x@out.example\nList-Id: <dev.out.example>\nSubject: L\n\nText", [BOB])
    assert bob.subjects("list:dev.out.example") == ["L"]
    assert bob.subjects("category:forums") == ["L"]


def test_a_search_and_labels_hold_together(searcher: Caller) -> None:
    assert searcher.subjects("boat", labelIds=["INBOX"]) == ["a", "b", "c offer"]
    assert searcher.subjects("boat", labelIds=["TRASH"]) == ["e"]


def test_threads_are_found_by_any_of_their_messages(searcher: Caller) -> None:
    assert searcher.get("threads", q="boat -red")["resultSizeEstimate"] == 2
