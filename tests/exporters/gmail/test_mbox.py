"""Mbox files: parted, unquoted, streamed, and the same documents as over the API."""

import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from gmail_mails import shared_part
from gmail_samples import HandClock, MakeExporter, mail, read_plain, shared_data, stores_in, sync

from documents.errors import ConfigurationError
from exporters.changes import Failure, RawRecord, Upsert
from exporters.errors import InvalidDataError
from exporters.gmail.mbox import MboxMail, gmail_message, mails, open_mbox
from exporters.gmail.mbox_exporter import GmailMboxExporter
from exporters.gmail.settings import GmailSelection, GmailSettings
from sandbox.gmail import GmailSandbox, Mailboxes

BOB = "bob@acme.example"


def written(path: Path, *letters: bytes, envelope: bytes = b"From ada@acme.example\n") -> Path:
    path.write_bytes(b"".join(envelope + letter + b"\n\n" for letter in letters))
    return path


def read(path: Path) -> list[MboxMail]:
    with open_mbox(path) as file:
        return [one for one in mails(file) if isinstance(one, MboxMail)]


def exporter_of_file(path: Path, clock: HandClock, account: str | None = None) -> GmailMboxExporter:
    return GmailMboxExporter(
        path, BOB, account=account, settings=GmailSettings(), extract=read_plain, now=clock.now
    )


def records(exporter: GmailMboxExporter, **selection: Any) -> list[RawRecord]:
    chosen = GmailSelection.of(selection)
    [partition] = exporter.partitions(chosen)
    return [one.record for one in exporter.pull(partition, None) if isinstance(one, Upsert)]


# --- the file ------------------------------------------------------------------------------------


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_mails_are_parted_at_from_lines_and_nowhere_else(tmp_path: Path, newline: bytes) -> None:
    text = newline.join(
        [
            b"From a@x Mon Nov 16 09:00:00 2026",
            b"Subject: one",
            b"",
            b"From the beginning:",  # no empty line before it in the header's sense, but one here
            b"words",
            b"From within a paragraph",
            b"",
            b">From quoted",
            b">>From quoted twice",
            b"",
            b"From b@x Mon Nov 16 10:00:00 2026",
            b"Subject: two",
            b"",
            b"more",
            b"",
        ]
    )
    path = tmp_path / "a.mbox"
    path.write_bytes(
        text.replace(newline + b"From the beginning", newline + b">From the beginning")
    )
    one, two = read(path)
    assert one.raw.splitlines() == [
        b"Subject: one",
        b"",
        b"From the beginning:",
        b"words",
        b"From within a paragraph",
        b"",
        b"From quoted",
        b">From quoted twice",
    ]
    assert two.raw.splitlines()[0] == b"Subject: two"
    assert gmail_message(two)[0]["internalDate"] == str(
        int(datetime(2026, 11, 16, 10, tzinfo=UTC).timestamp() * 1000)
    )


def test_a_mail_has_the_same_id_in_every_file(tmp_path: Path) -> None:
    one = written(tmp_path / "a.mbox", b"Subject: x\n\nwords")
    other = written(
        tmp_path / "b.mbox", b"Subject: x\r\n\r\nwords\r\n", envelope=b"From b Mon Nov 16 2026\r\n"
    )
    assert read(one)[0].id == read(other)[0].id


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "is empty"), (b"PK\x03\x04", "is no mbox file"), (b"Subject: x\n\n", "is no mbox file")],
)
def test_what_is_no_mbox_is_refused_before_anything_begins(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    path = tmp_path / "mail.mbox"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=sentence):
        GmailSelection.of({"mbox": path, "mailboxes": [BOB]})
    with pytest.raises(ConfigurationError, match="cannot be read"):
        GmailSelection.of({"mbox": tmp_path / "none.mbox", "mailboxes": [BOB]})


@pytest.mark.parametrize("mailboxes", [None, [BOB, "ada@acme.example"]])
def test_whose_mails_they_are_has_to_be_said(tmp_path: Path, mailboxes: list[str] | None) -> None:
    path = written(tmp_path / "a.mbox", b"Subject: x\n\nwords")
    with pytest.raises(ConfigurationError, match="the one mailbox"):
        GmailSelection.of({"mbox": path, "mailboxes": mailboxes})


def test_a_mail_that_is_too_large_is_set_aside_and_the_others_are_read(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mbox", b"S: 1\n\na", b"S: 2\n\n" + b"x\n" * 900, b"S: 3\n\nc")
    with open_mbox(path) as file:
        one, two, three = mails(file, largest=1_000)
    assert isinstance(two, InvalidDataError)
    assert str(two).startswith("The mail number 2 of the file has 180")
    assert [mail.raw[:4] for mail in (one, three) if isinstance(mail, MboxMail)] == [
        b"S: 1",
        b"S: 3",
    ]


def test_a_mail_that_cannot_be_read_is_a_dead_letter_of_its_own(
    tmp_path: Path, clock: HandClock
) -> None:
    nested = b"Content-Type: message/rfc822\n\n" * 2_000
    path = written(tmp_path / "a.mbox", b"S: 1\n\na", nested, b"S: 3\n\nc")
    exporter = exporter_of_file(path, clock)
    [partition] = exporter.partitions(GmailSelection())
    changes = list(exporter.pull(partition, None))
    assert len([one for one in changes if isinstance(one, Upsert)]) == 2
    [failure] = [one for one in changes if isinstance(one, Failure)]
    assert str(failure.error).startswith("The mail number 2 of the file cannot be read")
    assert failure.external_id is not None


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    peaks = []
    for count in (500, 5_000):
        path = tmp_path / f"{count}.mbox"
        letter = b"From a@x\nSubject: x\n\n" + b"words and more words\n" * 20 + b"\n"
        path.write_bytes(letter * count)
        tracemalloc.start()
        try:
            with open_mbox(path) as file:
                assert sum(1 for _ in mails(file)) == count
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    small, large = peaks
    assert large < small * 1.5


# --- Takeout -------------------------------------------------------------------------------------


def test_labels_and_conversations_of_takeout_are_taken_over(
    tmp_path: Path, clock: HandClock
) -> None:
    head = b"X-GM-THRID: 1849000000000000001\nX-Gmail-Labels: "
    labels = b'Inbox,Unread,Starred,Opened,"Harbour, north",Category Updates'
    path = written(
        tmp_path / "takeout.mbox",
        head + labels + b"\nSubject: one\n\nwords",
        head + b"Spam\nSubject: two\n\nwords",
        head + b"=?UTF-8?Q?H=C3=A4fen,Archived?=\nSubject: three\n\nwords",
        envelope=b"From 1849000000000000001@xxx Mon Nov 16 09:00:00 +0000 2026\n",
    )
    exporter = exporter_of_file(path, clock)
    one, three = (
        document.metadata["extra"]["copies"][0]
        for record in records(exporter)
        for document in exporter.to_documents(record)
    )
    assert one["labels"] == ["CATEGORY_UPDATES", "Harbour, north", "INBOX", "STARRED", "UNREAD"]
    assert (one["is_unread"], one["is_starred"], one["is_important"]) == (True, True, False)
    assert one["gmail_thread_id"] == f"{1849000000000000001:x}"
    assert one["internal_date"] == "2026-11-16T09:00:00.000000Z"
    assert three["labels"] == ["Häfen"]


def test_days_and_numbers_choose_mails(tmp_path: Path, clock: HandClock) -> None:
    path = tmp_path / "a.mbox"
    for number in range(1, 6):
        with path.open("ab") as file:
            file.write(b"From a@x Fri Nov %02d 09:00:00 2026\n" % (20 - number))
            file.write(b"Subject: %d\n\nwords\n\n" % number)
    exporter = exporter_of_file(path, clock)
    assert len(records(exporter)) == 5
    assert len(records(exporter, days_ago=3)) == 2
    assert len(records(exporter, max_results=4)) == 4
    assert len(list(exporter.export(max_results=2))) == 2


# --- the same as over the API --------------------------------------------------------------------


def hard_mails() -> Iterator[bytes]:
    """Mails of every form that files and API show differently."""
    yield mail(message_id="<plain@x.example>", text="Grüße\n\nFrom here on: words").as_bytes()
    yield mail(message_id="<rich@x.example>", html="<p>Rich <b>words</b></p>").as_bytes()
    yield mail(
        message_id="<files@x.example>",
        files={"plan.txt": b"Bollards", "bytes.bin": bytes(range(256))},
    ).as_bytes()
    outer = mail(message_id="<outer@x.example>", subject="Fwd: Plan")
    outer.add_attachment(mail(message_id="<inner@x.example>", files={"plan.txt": b"Bollards"}))
    yield outer.as_bytes()
    invitation = mail(message_id="<invite@x.example>")
    invitation.add_alternative("BEGIN:VCALENDAR\nEND:VCALENDAR\n", subtype="calendar")
    yield invitation.as_bytes()
    yield (
        b"From: =?iso-8859-1?q?J=FCrgen?= <j@x.example>\r\nSubject: =?utf-8?b?R3LDvMOfZQ==?=\r\n"
        b"Message-ID: <latin@x.example>\r\nDate: Mon, 16 Nov 2026 09:00:00 +0100\r\n"
        b"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        b"Gr\xfc\xdfe\r\n"
    )


def test_the_same_mails_over_http_give_the_same_documents(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, tmp_path: Path,
    clock: HandClock,
) -> None:  # fmt: skip
    path = tmp_path / "mail.mbox"
    for letter in hard_mails():
        mailboxes.deliver(letter, [BOB])
        quoted = letter.replace(b"\r\n", b"\n").replace(b"\nFrom here", b"\n>From here")
        with path.open("ab") as file:
            file.write(b"From x\n" + quoted + b"\n")
    by_api = exporter_of(gmail)
    over_http = {
        document.metadata["extra"]["message_id"]: shared_part(document)
        for document in by_api.documents(GmailSelection(mailboxes=[BOB]))
    }
    out_of_file = {
        document.metadata["extra"]["message_id"]: shared_part(document)
        for document in exporter_of_file(path, clock, by_api.connection).export()
    }
    assert len(over_http) == 6
    for message_id, document in over_http.items():
        assert out_of_file[message_id] == document


def test_a_file_after_the_api_adds_a_copy_and_no_document(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, tmp_path: Path,
    clock: HandClock,
) -> None:  # fmt: skip
    path = written(tmp_path / "mail.mbox", mail().as_bytes())
    mailboxes.deliver(mail().as_bytes(), ["ada@acme.example"])
    by_api = exporter_of(gmail)
    with stores_in(tmp_path / "stores") as stores:
        assert sync(by_api, stores, "api").new == 1
        counts = sync(exporter_of_file(path, clock, by_api.connection), stores, "file")
        assert (counts.new, counts.embedded) == (0, 0)
        [hit] = stores.index.search("blue", limit=5)
        document = stores.index.get([hit.document_id])[hit.document_id]
        assert document.metadata["access"] == ["user:ada@acme.example", f"user:{BOB}"]


def test_a_real_mailbox_of_another_program_is_read(clock: HandClock) -> None:
    path = shared_data("realdata", "documents", "tika", "testMBOX_complex.mbox")
    found = list(exporter_of_file(path, clock).export())
    assert len(found) == path.read_bytes().count(b"\nFrom ") + 1
    assert all(document.metadata["extra"]["message_id"] for document in found)
