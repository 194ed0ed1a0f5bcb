"""Texts, attachments and invitations out of MIME trees of every form."""

import time
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import pytest
from gmail_mails import document_of
from gmail_samples import mail

from exporters.errors import InvalidDataError
from exporters.gmail.charsets import decode_text
from exporters.gmail.headers import addresses, header_date, header_text, message_ids
from exporters.gmail.mbox import MboxMail, gmail_message
from exporters.gmail.mime import MAX_PARTS, MailReader

INVITATION = """BEGIN:VCALENDAR
PRODID:-//Google Inc//Google Calendar 70.9054//EN
VERSION:2.0
METHOD:REQUEST
BEGIN:VEVENT
DTSTART:20261123T090000Z
DTEND:20261123T093000Z
ORGANIZER;CN=Ada Byron:mailto:ada@acme.example
UID:abc@google.com
ATTENDEE;PARTSTAT=NEEDS-ACTION;CN=Bob:mailto:Bob@acme.example
SUMMARY:Ferry timetable\\, winter
LOCATION:Pier 2
RRULE:FREQ=WEEKLY;COUNT=4
STATUS:CONFIRMED
END:VEVENT
END:VCALENDAR
"""


def raw_mail(content_type: str, body: bytes, *more: str) -> bytes:
    head = ["From: a@x.example", "MIME-Version: 1.0", f"Content-Type: {content_type}", *more]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def multipart(kind: str, *parts: EmailMessage) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"] = "ada@acme.example"
    message["Content-Type"] = f'multipart/{kind}; boundary="frontier {kind}"'
    message.set_payload(list(parts))
    return message


def text_part(text: str, subtype: str = "plain", **headers: str) -> EmailMessage:
    part = EmailMessage(policy=SMTP)
    part.set_content(text, subtype=subtype)
    for name, value in headers.items():
        part[name.replace("_", "-")] = value
    return part


# --- charsets ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("charset", "data", "text"),
    [
        ("iso-8859-1", b"Gr\xfc\xdfe \x80", "Grüße €"),
        ("us-ascii", "Grüße".encode(), "Grüße"),
        ("utf-8", b"Gr\xfc\xdfe", "Grüße"),
        ("gb2312", "漢字".encode("gb18030"), "漢字"),
        ("iso-2022-jp", "日本".encode("iso2022_jp"), "日本"),
        ("x-sjis", "日本".encode("cp932"), "日本"),
        ("ks_c_5601-1987", "한국".encode("cp949"), "한국"),
        ("koi8-r", "Паром".encode("koi8-r"), "Паром"),
        ("utf-7", b"Gr+APwA3w-e", "Grüße"),
        ("no-such-charset", "Grüße".encode(), "Grüße"),
        ("base64", b"Hello", "Hello"),
        ("punycode", b"Hello-", "Hello-"),
        (None, b"\xff\xfeH\x00i\x00", "Hi"),
        (None, b"\xef\xbb\xbfHi", "Hi"),
        ("", b"", ""),
    ],
)
def test_bytes_of_any_charset_are_read(charset: str | None, data: bytes, text: str) -> None:
    assert decode_text(data, charset) == text


def test_one_damaged_character_does_not_turn_a_mail_into_letters_of_another_alphabet() -> None:
    data = "日本の船はあした九時に出ます。切符はここで買えます。".encode("cp932") + b"\x82"
    assert decode_text(data, "shift_jis").startswith("日本の船")


# --- headers -------------------------------------------------------------------------------------


def test_encoded_words_are_decoded_and_broken_ones_stay() -> None:
    assert header_text("=?iso-8859-1?Q?Gr=FC=DFe?= =?utf-8?b?4oKs?=") == "Grüße€"
    assert header_text("=?utf-8?b?a?=") != ""
    assert header_text("Re:\r\n\tfolded") == "Re: folded"
    assert header_text("=?no-such?q?x?=") == "x"


def test_addresses_are_found_in_headers_that_no_standard_allows() -> None:
    assert addresses(["Stone, Bob (via Ferry) <bob@acme.example>"])[-1]["address"] == (
        "bob@acme.example"
    )
    assert addresses(["(" * 50_000 + " a@x.example"]) == [{"name": "", "address": "a@x.example"}]
    assert addresses(["nobody", "", "@", "<>"]) == []
    assert len(addresses(["a@x.example, A@X.example"])) == 1


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Mon, 16 Nov 2026 10:00:00 +0100 (CET)", "2026-11-16 09:00:00+00:00"),
        ("16 Nov 26 09:00 GMT", "2026-11-16 09:00:00+00:00"),
        ("Thu, 1 Jan 1970 00:00:00 +0000", "None"),
        ("Mon, 16 Nov 9999 23:59:59 -1200", "None"),
        ("yesterday", "None"),
        ("", "None"),
    ],
)
def test_dates_are_read_or_left_out(value: str, shown: str) -> None:
    assert str(header_date(value)) == shown


def test_message_ids_are_read_in_order_each_once() -> None:
    assert message_ids("<a@x>\r\n <b@x> <a@x> noise") == ["a@x", "b@x"]
    assert message_ids("a@x.example") == ["a@x.example"]
    assert message_ids("<no id>") == []


# --- which text ----------------------------------------------------------------------------------


def test_of_alternatives_the_plain_one_is_taken() -> None:
    document = document_of(mail(text="Plain words", html="<p><b>Rich</b> words</p>"))
    assert document.page_content == "Plain words"


@pytest.mark.parametrize(
    "stub", ["", "Please view this mail in an HTML capable mail client.", "See the web version"]
)
def test_a_plain_alternative_that_says_nothing_gives_way(stub: str) -> None:
    rich = "<p>" + "The ferry leaves at nine. " * 30 + "</p>"
    assert "leaves at nine" in document_of(mail(text=stub, html=rich)).page_content


def test_a_mail_of_html_alone_is_markdown() -> None:
    html = b"<h1>Ferry</h1><p>at <b>nine</b></p><img src='https://t.example/p.gif' width=1>"
    document = document_of(raw_mail("text/html; charset=utf-8", html))
    assert document.page_content == "# Ferry\n\nat **nine**"


def test_nested_parts_give_their_texts_in_order() -> None:
    related = multipart("related", text_part("<p>Rich</p>", "html"))
    alternative = multipart("alternative", text_part("Plain"), related)
    document = document_of(multipart("mixed", alternative, text_part("List footer")))
    assert document.page_content == "Plain\n\nList footer"


def test_pictures_within_a_text_are_named_and_not_shown_as_attachments() -> None:
    picture = EmailMessage(policy=SMTP)
    picture.set_content(b"\x89PNG", "image", "png", disposition="inline", filename="logo.png")
    picture["Content-ID"] = "<logo>"
    document = document_of(multipart("related", text_part("<p>Hi</p>", "html"), picture))
    assert document.page_content == "Hi"
    [entry] = document.metadata["extra"]["attachments"]
    assert (entry["filename"], entry["inline"]) == ("logo.png", True)


def test_a_forwarded_mail_is_a_section_with_its_headers_and_its_files() -> None:
    inner = mail(subject="Plan", text="Paint them.", files={"plan.txt": b"Bollards"})
    outer = mail(subject="Fwd: Plan", text="FYI")
    outer.add_attachment(inner)
    document = document_of(outer)
    assert document.page_content.startswith(
        "FYI\n\nForwarded mail:\n\n> From: Ada Byron <ada@acme.example>\n> To: bob@acme.example\n"
        "> Date: 2026-11-16T09:00:00.000000Z\n> Subject: Plan\n>\n> Paint them."
    )
    assert "Bollards" in document.page_content
    assert document.metadata["extra"]["is_forward"] is True
    assert document.metadata["extra"]["forwarded"][0]["subject"] == "Plan"


def test_an_invitation_is_read_once_wherever_it_stands() -> None:
    letter = mail(text="You are invited", html="<p>You are invited</p>")
    letter.add_alternative(INVITATION, subtype="calendar", params={"method": "REQUEST"})
    letter.add_attachment(INVITATION.encode(), "application", "ics", filename="invite.ics")
    document = document_of(letter)
    [event] = document.metadata["extra"]["events"]
    assert event["uid"] == "abc@google.com"
    assert (event["start"], event["all_day"]) == ("2026-11-23T09:00:00.000000Z", False)
    assert event["attendees"] == [
        {"name": "Bob", "address": "bob@acme.example", "answer": "NEEDS-ACTION"}
    ]
    assert document.page_content.startswith(
        "You are invited\n\nInvitation: Ferry timetable, winter\n"
        "When: 2026-11-23 09:00 UTC to 2026-11-23 09:30 UTC\n"
        "Repeats: FREQ=WEEKLY;COUNT=4\nWhere: Pier 2\nOrganizer: Ada Byron <ada@acme.example>\n"
        "Attendees: Bob <bob@acme.example>"
    )
    assert document.metadata["extra"]["attachments"] == []


@pytest.mark.parametrize("text", ["BEGIN:VCALENDAR", "nonsense", "BEGIN:VEVENT\n" * 1000, "\0"])
def test_a_broken_invitation_costs_nothing_but_itself(text: str) -> None:
    letter = mail(text="You are invited")
    letter.add_alternative(text, subtype="calendar")
    document = document_of(letter)
    assert document.page_content == "You are invited"
    assert document.metadata["extra"]["events"] == []


def test_signed_and_encrypted_mails_say_so() -> None:
    signature = EmailMessage(policy=SMTP)
    signature.set_content(b"x", "application", "pgp-signature", filename="signature.asc")
    signed = document_of(multipart("signed", text_part("Words"), signature))
    assert (signed.page_content, signed.metadata["extra"]["is_signed"]) == ("Words", True)
    assert signed.metadata["extra"]["attachments"] == []
    sealed = document_of(raw_mail("application/pkcs7-mime; name=smime.p7m", b"\x30\x80"))
    assert sealed.metadata["extra"]["is_encrypted"] is True


def test_outlooks_own_container_is_named() -> None:
    document = document_of(mail(files={"winmail.dat": b"\x78\x9f\x3e\x22"}))
    assert "Attachment: winmail.dat" in document.page_content


# --- damaged and hostile trees -------------------------------------------------------------------


def test_a_multipart_without_its_boundary_keeps_its_words() -> None:
    document = document_of(raw_mail("multipart/mixed; boundary=b", b"No boundary at all."))
    assert document.page_content == "No boundary at all."


def test_a_part_that_is_no_base64_is_passed_over() -> None:
    tree = {
        "mimeType": "multipart/mixed",
        "parts": [
            {"partId": "0", "mimeType": "text/plain", "body": {"data": "%%%"}},
            {"partId": "1", "mimeType": "text/plain", "body": {"data": "SGk"}},
            "no part",
            {"mimeType": 7, "headers": [{"name": 1}], "body": None},
        ],
    }
    assert [text.text for text in MailReader().read(tree).texts] == ["Hi"]


def test_depth_and_number_of_parts_are_bounded() -> None:
    deep: dict[str, Any] = {"mimeType": "text/plain", "body": {"data": "SGk"}}
    for _ in range(300):
        deep = {"mimeType": "multipart/mixed", "parts": [deep]}
    assert MailReader().read(deep).truncated
    leaf = {"mimeType": "text/plain", "body": {"data": "SGk"}}
    wide = MailReader().read({"mimeType": "multipart/mixed", "parts": [leaf] * 5_000})
    assert wide.truncated
    assert len(wide.texts) < MAX_PARTS


@pytest.mark.parametrize(
    "hostile",
    [
        raw_mail("text/html", b"<div>" * 200_000),
        raw_mail("text/html", b"<" * 300_000),
        raw_mail("text/html", b"<div class=gmail_quote>" * 50_000),
        raw_mail("text/plain", b"> " * 100_000 + b"\r\n" * 100_000),
        raw_mail("text/plain", b"On Mon wrote: " * 20_000),
        raw_mail("text/plain", b"\r\n\r\nOn a" + b" a" * 100_000),
        raw_mail("text/plain", b"\r\nFrom: a\r\nTo: b\r\n" * 20_000),
        raw_mail("text/plain", b"x", "Subject: =?utf-8?q?" + "=C3" * 20_000 + "?="),
        raw_mail("text/plain", b"x", "To: " + "<" * 30_000),
        raw_mail("text/plain", b"x", "To: " + "a@x.example," * 10_000),
        raw_mail("text/plain", b"x", "References: " + "<a@x.example> " * 10_000),
        raw_mail("multipart/mixed; boundary=b", b"--b\r\n\r\nx\r\n" * 20_000),
        raw_mail("text/plain; charset=punycode", b"a-" * 30_000),
    ],
    ids=lambda raw: f"{raw[60:100]!r}",
)
def test_a_hostile_mail_takes_bounded_work(hostile: bytes) -> None:
    began = time.process_time()
    document_of(hostile)
    assert time.process_time() - began < 5


def test_a_mail_nested_beyond_reason_is_set_aside() -> None:
    raw = raw_mail("message/rfc822", b"Content-Type: message/rfc822\r\n\r\n" * 2_000)
    with pytest.raises(InvalidDataError, match="The mail number 1 of the file cannot be read"):
        gmail_message(MboxMail(raw, b"", 1))
