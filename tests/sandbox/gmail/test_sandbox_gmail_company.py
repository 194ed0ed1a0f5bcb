"""The generated mail: the same each time, of any size, and worth searching."""

import io
import time
import zipfile
import zlib
from collections import Counter
from email.message import Message as Part
from typing import Any
from xml.etree import ElementTree

import orjson
import pytest
from gmail_clients import Caller, all_parts, caller, data_of, header, leaves
from sandbox_clients import FIXED_NOW

from sandbox.gmail import (
    DEMO_QUESTIONS,
    GmailSandbox,
    Mailboxes,
    MailStaff,
    generate_mailboxes,
    harbourline_staff,
)
from sandbox.gmail.company import files
from sandbox.gmail.company.known import KNOWN_THREADS
from sandbox.gmail.company.talk import INSIDE, OUTSIDE, read_conversation
from sandbox.gmail.mailbox import Message
from sandbox.slack import generate_company
from sandbox.story import MAIL_THREADS

DAY = 86_400


def fingerprint(mailboxes: Mailboxes) -> bytes:
    """Everything the API could tell."""
    return orjson.dumps(
        [
            [
                [box.address, box.history_id, [str(label) for label in box.labels.values()]],
                [
                    [m.id, m.thread_id, m.labels, m.internal_date, m.history_id, str(m.raw)]
                    for m in box.newest_first()
                ],
            ]
            for box in mailboxes.boxes()
        ]
    )


def every_message(mailboxes: Mailboxes) -> list[Message]:
    return [message for box in mailboxes.boxes() for message in box.messages.values()]


def text_of(attachment: bytes, name: str) -> str:
    """The words in a file."""
    if name.endswith((".xlsx", ".docx")):
        with zipfile.ZipFile(io.BytesIO(attachment)) as archive:
            assert archive.testzip() is None
            pages = [archive.read(entry) for entry in archive.namelist()]
        return " ".join(" ".join(ElementTree.fromstring(page).itertext()) for page in pages)  # noqa: S314
    if name.endswith(".pdf"):
        streams = [part.partition(b"endstream")[0] for part in attachment.split(b"stream\n")[1::2]]
        return " ".join(zlib.decompress(stream).decode("cp1252") for stream in streams)
    return attachment.decode()


def test_the_same_seed_and_size_give_the_same_bytes() -> None:
    one, two = (generate_mailboxes(messages=700, seed=11, now=FIXED_NOW) for _ in range(2))
    assert fingerprint(one) == fingerprint(two)
    other = generate_mailboxes(messages=700, seed=12, now=FIXED_NOW)
    assert fingerprint(one) != fingerprint(other)


@pytest.mark.parametrize("messages", [300, 1000, 2503])
def test_there_are_exactly_as_many_messages_as_asked_for(messages: int) -> None:
    assert generate_mailboxes(messages=messages, now=FIXED_NOW).message_count() == messages


def test_mail_too_little_for_its_stories_is_refused() -> None:
    with pytest.raises(ValueError, match=r"mail of \d+ people needs \d+ messages at least"):
        generate_mailboxes(messages=50)
    with pytest.raises(ValueError, match="2 days"):
        generate_mailboxes(messages=500, days=1)


def test_a_large_company_has_many_mailboxes() -> None:
    staff = harbourline_staff(company_messages=20_000)
    mailboxes = generate_mailboxes(staff, messages=10_000, now=FIXED_NOW)
    assert len(mailboxes.boxes()) > 80


@pytest.mark.parametrize(("seed", "size"), [(7, 2000), (3, 9000)])
def test_its_people_are_those_of_the_slack_sandbox(seed: int, size: int) -> None:
    workspace = generate_company(messages=size, seed=seed, now=FIXED_NOW)
    staff = harbourline_staff(seed=seed, company_messages=size)
    people = {person.email: person for person in (*staff.of(), *staff.guests)}
    in_slack = {user.email: user for user in workspace.members() if user.email and not user.bot_id}
    assert set(people) == set(in_slack)
    for email, person in people.items():
        assert (person.name, person.title) == (in_slack[email].real_name, in_slack[email].title)
    assert staff.leavers == {email for email, user in in_slack.items() if user.deleted}
    customers = {
        user.real_name for user in workspace.users.values() if user.team_id != workspace.team.id
    }
    assert {person.name for person in staff.customers} == customers


def test_leavers_are_suspended_and_one_guest_has_no_gmail(
    harbourline: GmailSandbox, staff: MailStaff
) -> None:
    organization = harbourline.mailboxes.organization
    assert {u.email for u in organization.users.values() if u.suspended} == staff.leavers
    without = [user.email for user in organization.users.values() if not user.mail_enabled]
    assert without == [staff.guests[0].email]
    assert organization.admin().email == staff.admin
    left = (FIXED_NOW - 18 * DAY) * 1000
    for address in staff.leavers:
        box = harbourline.mailboxes.box(address)
        assert all(message.internal_date <= left for message in box.messages.values())


@pytest.mark.parametrize("days", [2, 30, 120])
def test_the_mail_lies_between_its_first_day_and_now(days: int) -> None:
    mailboxes = generate_mailboxes(messages=600, now=FIXED_NOW, days=days)
    dates = [message.internal_date / 1000 for message in every_message(mailboxes)]
    assert FIXED_NOW - days * DAY <= min(dates)
    assert max(dates) < FIXED_NOW


def test_without_a_fixed_now_the_last_week_has_mail() -> None:
    mailboxes = generate_mailboxes(messages=600)
    week_ago = (time.time() - 7 * DAY) * 1000
    assert sum(m.internal_date > week_ago for m in every_message(mailboxes)) > 20


def test_a_change_after_generation_comes_last(staff: MailStaff) -> None:
    mailboxes = generate_mailboxes(staff, messages=400, now=FIXED_NOW)
    head = staff.head("finance").email
    mailboxes.write("x@out.example", [head], "After the end", "Text")
    newest = next(mailboxes.box(head).newest_first())
    assert newest.mail.subject == "After the end"
    assert newest.history_id == mailboxes.box(head).history_id


@pytest.mark.parametrize("story", MAIL_THREADS, ids=lambda story: story.subject)
def test_the_story_is_told_whole_in_the_right_mailboxes(
    harbourline: GmailSandbox, staff: MailStaff, story: Any
) -> None:
    heads = {staff.head(name).email for name in story.between if name != "customer"}
    for address in heads:
        reader = caller(harbourline, address) if address not in staff.leavers else None
        assert reader is not None
        keys = harbourline.mailboxes.find(address, story.subject)
        assert len({reader.get(f"messages/{key}")["threadId"] for key in keys}) == 1
        texts, attached = "", {}
        for key in keys:
            message = reader.get(f"messages/{key}")
            for part in leaves(message["payload"]):
                if part["mimeType"] == "text/plain" and not part["filename"]:
                    texts += data_of(part["body"]).decode()
                elif part["filename"]:
                    path = f"messages/{key}/attachments/{part['body']['attachmentId']}"
                    attached[part["filename"]] = data_of(reader.get(path))
        for fact in story.facts:
            assert fact in texts
        name, sentence = story.attachment
        words = " ".join(text_of(attached[name], name).split())
        for piece in sentence.split(";"):
            assert piece.strip() in words
    elsewhere = {
        box.address
        for box in harbourline.mailboxes.boxes()
        if harbourline.mailboxes.find(box.address, story.subject)
    }
    assert elsewhere == heads


def test_every_demo_question_has_its_answer_where_it_says(
    harbourline: GmailSandbox, staff: MailStaff
) -> None:
    for question in DEMO_QUESTIONS:
        readers = (
            [person.email for person in staff.of() if person.email not in staff.leavers][:3]
            if question.readers == ("all",)
            else [staff.head(name).email for name in question.readers]
        )
        for address in readers:
            reader = caller(harbourline, address)
            found = " ".join(thread_words(reader, address, question.subject, question.place))
            assert question.answer in found, question


def thread_words(reader: Caller, address: str, subject: str, place: str) -> list[str]:
    """The texts of a thread, or what stands in its attachment of a name."""
    words = []
    for key in reader.sandbox.mailboxes.find(address, subject):
        for part in leaves(reader.get(f"messages/{key}")["payload"]):
            if place == "text" and part["mimeType"] == "text/plain" and not part["filename"]:
                words.append(" ".join(data_of(part["body"]).decode().split()))
            elif part["filename"] == place:
                path = f"messages/{key}/attachments/{part['body']['attachmentId']}"
                words.append(" ".join(text_of(data_of(reader.get(path)), place).split()))
    return words


def test_the_demo_s_subjects_are_those_of_known_threads() -> None:
    subjects = {thread.subject for thread in KNOWN_THREADS}
    asked = {question.subject for question in DEMO_QUESTIONS if question.readers != ("all",)}
    assert asked == subjects


def test_there_is_everything_that_mail_can_be(harbourline: GmailSandbox) -> None:
    kinds: Counter[str] = Counter()
    charsets: set[str] = set()
    labels: Counter[str] = Counter()
    heads: Counter[str] = Counter()
    pages, texts = "", ""
    for message in every_message(harbourline.mailboxes):
        labels.update(message.labels)
        root = message.mail.parsed()
        if root.get_content_type() == "text/html":
            heads["html only"] += 1
        for name in ("List-Id", "List-Unsubscribe", "Bcc", "Auto-Submitted", "In-Reply-To"):
            heads[name] += bool(message.mail.header(name))
        heads["encoded words"] += b"=?" in message.mail.raw
        for part in root.walk():
            kinds[part.get_content_type()] += 1
            charsets.add(str(part.get_content_charset()))
            if not part.is_multipart() and part.get_content_maintype() == "text":
                decoded = text_part(part)
                pages += decoded if part.get_content_subtype() == "html" else ""
                texts += decoded if part.get_content_subtype() == "plain" else ""
    assert {
        "multipart/mixed",
        "multipart/alternative",
        "multipart/related",
        "multipart/signed",
        "multipart/report",
        "message/rfc822",
        "message/delivery-status",
        "text/calendar",
        "application/ics",
        "application/pdf",
        "text/csv",
        "image/png",
        files.TYPES["xlsx"],
        files.TYPES["docx"],
    } <= set(kinds)
    assert {"iso-8859-1", "windows-1252", "iso-2022-jp", "koi8-u", "gb18030"} <= charsets
    assert {"SENT", "INBOX", "UNREAD", "STARRED", "IMPORTANT", "TRASH", "SPAM", "DRAFT"} <= (
        set(labels)
    )
    assert any(label.startswith("Label_") for label in labels)
    assert all(heads.values()), heads
    for mark in (
        "gmail_quote",
        "gmail_signature",
        "divRplyFwdMsg",
        '<blockquote type="cite"',
        "cid:",
    ):
        assert mark in pages
    for mark in (" wrote:\r\n> ", "\r\nSent: ", "\r\n-- \r\n", "________"):
        assert mark in texts


def text_part(part: Part) -> str:
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode(part.get_content_charset() or "utf-8", "replace")


def test_texts_are_finished(harbourline: GmailSandbox) -> None:
    for message in every_message(harbourline.mailboxes):
        for part in message.mail.parsed().walk():
            if part.get_content_maintype() == "text" and not part.is_multipart():
                text = text_part(part)
                assert "$" not in text, text
                assert "&amp;amp;" not in text
                if part.get_content_subtype() == "plain":
                    assert "{" not in text, text
        assert "$" not in message.mail.subject
        assert message.mail.message_id
        assert message.mail.date_ms == message.internal_date


def test_files_are_what_they_say(harbourline: GmailSandbox) -> None:
    for message in every_message(harbourline.mailboxes)[:600]:
        for part in message.mail.parsed().walk():
            name = part.get_filename()
            if not name or part.is_multipart():
                continue
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            if name.endswith(".pdf"):
                assert content.startswith(b"%PDF-1.4")
                assert content.endswith(b"%%EOF\n")
            elif name.endswith(".png"):
                assert content.startswith(b"\x89PNG\r\n\x1a\n")
            elif name.endswith(".ics"):
                assert content.startswith(b"BEGIN:VCALENDAR\r\n")
                assert all(len(line) <= 75 for line in content.split(b"\r\n"))
            if name.endswith((".pdf", ".xlsx", ".docx", ".csv", ".txt")):
                assert text_of(content, name).strip()


def test_replies_hang_together_in_every_mailbox(harbourline: GmailSandbox) -> None:
    threads = 0
    for box in harbourline.mailboxes.boxes():
        for key in box.threads:
            messages = box.thread(key)
            assert len({message.mail.bare_subject for message in messages}) == 1
            threads += len(messages) > 1
    assert threads > 100


def test_through_the_api_the_company_is_read_to_its_end(
    harbourline: GmailSandbox, staff: MailStaff
) -> None:
    reader = caller(harbourline, staff.head("support").email)
    keys = reader.ids(includeSpamTrash="true", maxResults=50)
    assert len(keys) == reader.get("profile")["messagesTotal"]
    for key in keys[:40]:
        message = reader.get(f"messages/{key}")
        assert header(message, "Subject") or header(message, "From")
        assert all("partId" in part for part in all_parts(message["payload"]))


@pytest.mark.parametrize("script", [*INSIDE, *OUTSIDE])
def test_every_conversation_can_be_read(script: str) -> None:
    conversation = read_conversation(script)
    assert conversation.subject
    assert len(conversation.roles) >= 2
    assert all("".join(turn.lines).strip() for turn in conversation.turns)


@pytest.mark.parametrize("script", ["a: no subject", "# subject only", "# s\nno mail has begun"])
def test_a_conversation_that_is_none_is_refused(script: str) -> None:
    with pytest.raises(ValueError, match=r"conversation|no mail"):
        read_conversation(script)
