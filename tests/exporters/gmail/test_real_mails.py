"""Real mails: a list's archive whole through the stores, files of mail, recorded answers."""

import gzip
import html
import json
import mailbox
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC
from email.utils import parseaddr, parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from gmail_mails import document_of
from gmail_samples import HandClock, read_plain, shared_data, stores_in, sync

from documents.principals import user
from exporters.changes import RawRecord
from exporters.gmail.documents import mail_documents
from exporters.gmail.landing import land_mail, no_fetch
from exporters.gmail.mbox_exporter import GmailMboxExporter
from exporters.gmail.settings import GmailSettings
from stores.opening import open_search

READER = "reader@list.example"
_WORD = re.compile(r"(?<![\w/.-])[A-Za-z]{4,20}(?![\w/.-])")
_ID = re.compile(r"<([^<>\s]+)>")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A thousand mails of a kernel list, unpacked, and the first ten of them once more."""
    packed = shared_data("realdata", "mail", "linux-mips-2019.mbox.gz")
    path = tmp_path_factory.mktemp("mbox") / "list.mbox"
    content = gzip.decompress(packed.read_bytes())
    ends = [found.start() for found in re.finditer(rb"\n\nFrom mboxrd@z", content)]
    again = content[: ends[9] + 2].replace(b"Received: from mail.kernel.org", b"Received: from m2")
    path.write_bytes(content + (b"" if content.endswith(b"\n\n") else b"\n") + again)
    return path


@pytest.fixture(scope="module")
def raw(archive: Path) -> list[mailbox.mboxMessage]:
    """The same, read without our own code."""
    return list(mailbox.mbox(archive, create=False))


def exporter(archive: Path, clock: HandClock) -> GmailMboxExporter:
    return GmailMboxExporter(
        archive, READER, settings=GmailSettings(), extract=read_plain, now=clock.now
    )


def own_words(message: mailbox.mboxMessage) -> list[str]:
    """Words of the text that its sender wrote, quotes left out."""
    texts = []
    for part in message.walk():
        if part.get_content_type() == "text/plain" and not part.get_filename():
            data = part.get_payload(decode=True)
            texts.append(data.decode("utf-8", "replace") if isinstance(data, bytes) else "")
    lines = "\n".join(texts).partition("\n-- ")[0].split("\n")
    return _WORD.findall(" ".join(line for line in lines if line and line[0].islower()))


def test_a_thousand_mails_are_stored_joined_and_found_by_their_own_words(
    archive: Path, raw: list[mailbox.mboxMessage], clock: HandClock, tmp_path: Path
) -> None:
    ids = {_ID.findall(str(message["Message-ID"]))[0] for message in raw}
    assert (len(raw), len(ids)) == (1_010, 1_000)
    with stores_in(tmp_path) as stores:
        counts = sync(exporter(archive, clock), stores, "first")
        assert (counts.failed, counts.new) == (0, 1_000)
        search = open_search(stores.settings)
        missed, looked_for = [], 0
        for message in raw[::10]:
            words = own_words(message)[:6]
            if len(words) < 6:
                continue
            looked_for += 1
            query = " ".join(f'"{word}"' for word in words)
            found = search.search(query, as_user=[user(READER)], limit=200)
            known = {one.document.metadata["extra"]["message_id"] for one in found}
            if _ID.findall(str(message["Message-ID"]))[0] not in known:
                missed.append((message["Subject"], words))
        assert missed == []
        assert looked_for > 50
        second = sync(exporter(archive, clock), stores, "second")
        assert (second.written, second.landed, second.embedded, second.failed) == (0, 0, 0, 0)


def test_people_dates_and_conversations_of_a_thousand_mails_are_those_of_the_file(
    archive: Path, raw: list[mailbox.mboxMessage], clock: HandClock
) -> None:
    documents = {
        document.metadata["extra"]["message_id"]: document
        for document in exporter(archive, clock).export()
    }
    roots = Counter()
    for message in raw:
        document = documents[_ID.findall(str(message["Message-ID"]))[0]]
        metadata = document.metadata
        references = _ID.findall(str(message.get("References", "")))
        answers = _ID.findall(str(message.get("In-Reply-To", "")))
        root = (references or answers or [metadata["extra"]["message_id"]])[0]
        assert metadata["thread_id"] == root
        roots[root] += 1
        assert metadata["author"]["email"] == parseaddr(str(message["From"]))[1].lower()
        wanted = {one.lower() for one in _addresses(str(message.get("To", "")))}
        assert {one["address"] for one in metadata["extra"]["to"]} == wanted
        sent = parsedate_to_datetime(str(message["Date"])).astimezone(UTC)
        assert metadata["created_at"][:19] == sent.isoformat()[:19]
        assert document.page_content.strip()
    assert len(roots) == len({one.metadata["thread_id"] for one in documents.values()})
    assert max(roots.values()) > 20


def test_quotes_of_a_thousand_mails_are_kept_apart(archive: Path, clock: HandClock) -> None:
    answers = [
        document
        for document in exporter(archive, clock).export()
        if document.metadata["title"].lower().startswith("re:")
    ]
    quoting = [one for one in answers if one.metadata["extra"]["quoted"]]
    assert len(quoting) > len(answers) * 0.9
    leaking = [
        one.metadata["extra"]["message_id"]
        for one in quoting
        if re.search(r"^> ", one.page_content, re.MULTILINE)
    ]
    assert leaking == []


@pytest.mark.parametrize(
    ("name", "words", "files"),
    [
        ("testEmailWithPNGAtt.eml", "PNG attachment included", ["testPNG.png"]),
        (
            "testRFC822_multipart_attachments.eml",
            "This is Test TXTB File for parser",
            ["Test TxtA.txt", "Test TxtB.txt"],
        ),
    ],
)
def test_files_of_other_programs_are_read(name: str, words: str, files: list[str]) -> None:
    path = shared_data("realdata", "documents", "tika", name)
    document = document_of(path.read_bytes())
    assert words in document.page_content
    assert [one["filename"] for one in document.metadata["extra"]["attachments"]] == files


# --- recorded answers of the live service --------------------------------------------------------


def recorded() -> list[Mapping[str, Any]]:
    """Every message in the recorded answers, wherever it stands."""
    path = shared_data("specs", "google", "nango-recorded", "google-mail.ndjson.gz")
    with gzip.open(path, "rt") as file:
        return [one for line in file for one in _messages(json.loads(line)["response"])]


def _messages(answer: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(answer, dict):
        if "payload" in answer and "id" in answer:
            yield answer
        for value in answer.values():
            yield from _messages(value)
    elif isinstance(answer, list):
        for value in answer:
            yield from _messages(value)


def values_of(message: Mapping[str, Any], name: str) -> list[str]:
    headers = message["payload"].get("headers") or []
    return [one["value"] for one in headers if one["name"].lower() == name]


def test_recorded_messages_lose_no_field() -> None:
    messages = recorded()
    assert len(messages) > 100
    for message in messages:
        landed = land_mail(message, fetch=no_fetch, extract=read_plain, max_bytes=1_000_000)
        record = RawRecord(
            entity="message",
            external_id=f"me/{message['id']}",
            payload={
                "connection": "me",
                "mailbox": {"key": "me", "address": "me@x.example"},
                "access": ["user:me@x.example"],
                "labels": {},
                "message": landed.message,
                "bodies": landed.bodies,
                "nested": landed.nested,
                "attachments": landed.attachments,
            },
        )
        [document] = mail_documents(record)
        extra = document.metadata["extra"]
        [copy] = extra["copies"]
        assert copy["gmail_id"] == message["id"]
        assert copy["gmail_thread_id"] == message["threadId"]
        assert copy["history_id"] == message.get("historyId")
        assert copy["label_ids"] == sorted(message.get("labelIds") or [])
        assert copy["is_unread"] == ("UNREAD" in (message.get("labelIds") or []))
        assert copy["is_starred"] == ("STARRED" in (message.get("labelIds") or []))
        assert copy["is_important"] == ("IMPORTANT" in (message.get("labelIds") or []))
        assert copy["size"] == message.get("sizeEstimate")
        assert copy["mailbox"] == "me@x.example"
        assert bool(copy["internal_date"]) == bool(message.get("internalDate"))
        words = re.findall(r"\w{3,}", html.unescape(message.get("snippet") or ""))
        assert re.findall(r"\w{3,}", copy["snippet"])[:20] == words[:20]
        for name, field in (("from", "from"), ("to", "to"), ("cc", "cc"), ("reply-to", "reply_to")):
            given = {one.lower() for v in values_of(message, name) for one in _addresses(v)}
            assert {one["address"] for one in extra[field]} == given
        assert {one["address"] for one in copy["bcc"]} == {
            one for v in values_of(message, "bcc") for one in _addresses(v)
        }
        for value in values_of(message, "message-id"):
            assert f"<{extra['message_id']}>" == value.strip()
        for name in ("references", "in-reply-to"):
            wanted = [i for value in values_of(message, name) for i in _ID.findall(value)]
            assert extra[name.replace("-", "_")] == list(dict.fromkeys(wanted))
        assert bool(extra["date"]) == bool(values_of(message, "date"))
        assert bool(copy["list_id"]) == bool(values_of(message, "list-id"))
        for value in values_of(message, "subject"):
            assert document.metadata["title"] == (" ".join(value.split()) or "(no subject)")


def _addresses(value: str) -> list[str]:
    return re.findall(r"[\w.+=-]+@[\w.-]+\w", value)
