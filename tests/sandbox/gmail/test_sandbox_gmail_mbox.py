"""An mbox file behind the API."""

import gzip
import re
from collections.abc import Iterator
from email.parser import BytesParser
from pathlib import Path

import pytest
from gmail_clients import Caller, caller, data_of, header, leaves

from sandbox.gmail import GmailSandbox
from sandbox.gmail.mbox import MBOX_READER, mbox_mails

TWO_MAILS = (
    b"From mboxrd@z Thu Jan  1 00:00:00 1970\n"
    b"From: ann@out.example\nSubject: Second\nDate: Tue, 03 Sep 2019 10:00:00 +0200\n"
    b"Message-ID: <2@out.example>\n\n"
    b"Text\n\n>From here on it is quoted, and\n>>From here twice.\nFrom is only a word here.\n\n"
    b"From mboxrd@z Thu Jan  1 00:00:00 1970\n"
    b"From: joe@out.example\nSubject: First\nDate: Mon, 02 Sep 2019 10:00:00 +0200\n\nText\n"
)


def test_a_file_is_taken_apart_at_its_from_lines(tmp_path: Path) -> None:
    path = tmp_path / "two.mbox"
    path.write_bytes(TWO_MAILS)
    first, second = mbox_mails(path)
    assert first.endswith(
        b"Text\n\nFrom here on it is quoted, and\n>From here twice.\nFrom is only a word here.\n"
    )
    assert second.startswith(b"From: joe@out.example\n")
    packed = tmp_path / "two.mbox.gz"
    packed.write_bytes(gzip.compress(TWO_MAILS))
    assert list(mbox_mails(packed)) == [first, second]


def test_what_is_no_mbox_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Dear diary\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"notes\.txt is not an mbox file"):
        GmailSandbox.from_mbox(path)
    with pytest.raises(FileNotFoundError):
        GmailSandbox.from_mbox(tmp_path / "missing.mbox")


def test_its_mails_are_in_one_mailbox_at_the_time_they_say(tmp_path: Path) -> None:
    path = tmp_path / "two.mbox"
    path.write_bytes(TWO_MAILS)
    with GmailSandbox.from_mbox(path, mailbox="list.reader@acme.example") as gmail:
        reader = caller(gmail, "list.reader@acme.example")
        shown = [reader.get(f"messages/{key}") for key in reader.ids()]
        assert [header(message, "Subject") for message in shown] == ["Second", "First"]
        assert shown[0]["internalDate"] == "1567497600000"
        assert int(shown[0]["id"], 16) > int(shown[1]["id"], 16)
        assert gmail.mailboxes.organization.admin().email == "list.reader@acme.example"


@pytest.fixture(scope="module")
def reader(real_mbox: Path) -> Iterator[Caller]:
    with GmailSandbox.from_mbox(real_mbox) as sandbox:
        yield caller(sandbox, MBOX_READER)


def test_a_thousand_real_mails_come_back_as_they_were(reader: Caller, real_mbox: Path) -> None:
    sent = {raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") for raw in mbox_mails(real_mbox)}
    keys = reader.ids(maxResults=500)
    assert len(keys) == len(set(keys)) == 1000
    seen = set()
    for key in keys:
        whole = data_of({"data": reader.get(f"messages/{key}", format="raw")["raw"]})
        _, _, rest = whole.partition(b"as permitted sender)\r\n")
        seen.add(rest)
    assert seen == sent


def test_real_mails_have_the_parts_that_python_finds_in_them(reader: Caller) -> None:
    kinds = set()
    for key in reader.ids(maxResults=500)[::7]:
        message = reader.get(f"messages/{key}")
        raw = data_of({"data": reader.get(f"messages/{key}", format="raw")["raw"]})
        parsed = BytesParser().parsebytes(raw)
        expected = [part for part in parsed.walk() if not part.is_multipart()]
        shown = list(leaves(message["payload"]))
        assert [part["mimeType"] for part in shown] == [p.get_content_type() for p in expected]
        for part, wanted in zip(shown, expected, strict=True):
            if "data" in part["body"]:
                assert data_of(part["body"]) == wanted.get_payload(decode=True)
            kinds.add(part["mimeType"])
    assert {"text/plain", "application/pgp-signature"} <= kinds


def test_real_threads_hang_together(reader: Caller) -> None:
    threads = [t for page in reader.pages("threads", maxResults=500) for t in page["threads"]]
    assert 300 < len(threads) < 700
    longest = 0
    for item in threads[:60]:
        thread = reader.get(f"threads/{item['id']}", format="metadata", metadataHeaders="Subject")
        subjects = {
            re.sub(
                r"^(re:\s*|\[[^]]*\]\s*)+", "", " ".join(header(message, "Subject").lower().split())
            )
            for message in thread["messages"]
        }
        assert len(subjects) == 1
        longest = max(longest, len(thread["messages"]))
    assert longest > 3
