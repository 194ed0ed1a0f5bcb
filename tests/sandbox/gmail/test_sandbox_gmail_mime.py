"""Mails as the tree of parts that Gmail makes of them."""

import base64
from typing import Any

import pytest
from gmail_clients import BOB, Caller, all_parts, data_of, header

from sandbox.gmail import Mailboxes
from sandbox.gmail.mail import Mail

HEAD = "From: x@out.example\r\nTo: bob@acme.example\r\nSubject: S\r\nMIME-Version: 1.0\r\n"


def payload(bob: Caller, mailboxes: Mailboxes, mail: str | bytes) -> Any:
    """The payload of a mail, without the headers that Gmail put in front."""
    key = mailboxes.deliver(mail, [BOB])[BOB]
    shown = bob.get(f"messages/{key}")["payload"]
    names = [item["name"] for item in shown["headers"]]
    assert names[0] == "Delivered-To"
    first = names.index("Received-SPF") + 1
    return shown | {"headers": shown["headers"][first:]}


def multipart(subtype: str, boundary: str, *parts: str) -> str:
    body = "".join(f"--{boundary}\r\n{part}\r\n" for part in parts)
    return (
        f'Content-Type: multipart/{subtype}; boundary="{boundary}"\r\n\r\n{body}--{boundary}--\r\n'
    )


def test_a_plain_mail_is_one_part(bob: Caller, mailboxes: Mailboxes) -> None:
    assert payload(bob, mailboxes, f"{HEAD}Content-Type: text/plain\r\n\r\nHello\r\n") == {
        "partId": "",
        "mimeType": "text/plain",
        "filename": "",
        "headers": [
            {"name": "From", "value": "x@out.example"},
            {"name": "To", "value": "bob@acme.example"},
            {"name": "Subject", "value": "S"},
            {"name": "MIME-Version", "value": "1.0"},
            {"name": "Content-Type", "value": "text/plain"},
        ],
        "body": {"size": 7, "data": "SGVsbG8NCg=="},
    }


def test_parts_are_numbered_by_where_they_stand(bob: Caller, mailboxes: Mailboxes) -> None:
    text = "Content-Type: text/plain\r\n\r\nText"
    page = "Content-Type: text/html\r\n\r\n<p>Text</p>"
    picture = "Content-Type: image/png\r\nContent-ID: <p>\r\n\r\nPNG"
    file = 'Content-Type: text/csv\r\nContent-Disposition: attachment; filename="a.csv"\r\n\r\na,b'
    related = multipart("related", "r", multipart("alternative", "a", text, page), picture)
    tree = payload(bob, mailboxes, HEAD + multipart("mixed", "m", related, file))
    shown = [(p["partId"], p["mimeType"], set(p["body"])) for p in all_parts(tree)]
    assert shown == [
        ("", "multipart/mixed", {"size"}),
        ("0", "multipart/related", {"size"}),
        ("0.0", "multipart/alternative", {"size"}),
        ("0.0.0", "text/plain", {"size", "data"}),
        ("0.0.1", "text/html", {"size", "data"}),
        ("0.1", "image/png", {"size", "attachmentId"}),
        ("1", "text/csv", {"size", "attachmentId"}),
    ]


def test_a_mail_inside_a_mail_keeps_its_own_parts_below_it(
    bob: Caller, mailboxes: Mailboxes
) -> None:
    inner = "From: =?utf-8?q?J=C3=BCrgen?= <j@north.example>\r\nSubject: Inner\r\n" + multipart(
        "mixed", "i", "\r\nInner text", "Content-Type: image/png\r\n\r\nPNG"
    )
    tree = payload(
        bob,
        mailboxes,
        HEAD
        + multipart(
            "mixed",
            "m",
            "\r\nSee below",
            f'Content-Type: message/rfc822; name="n.eml"\r\n\r\n{inner}',
        ),
    )
    outer = tree["parts"][1]
    assert (outer["partId"], outer["mimeType"], outer["filename"]) == (
        "1",
        "message/rfc822",
        "n.eml",
    )
    enclosed = outer["parts"][0]
    assert (enclosed["partId"], enclosed["mimeType"]) == ("1.0", "multipart/mixed")
    assert [part["partId"] for part in enclosed["parts"]] == ["1.0.0", "1.0.1"]
    assert {"name": "From", "value": "Jürgen <j@north.example>"} in enclosed["headers"]
    assert data_of(enclosed["parts"][0]["body"]) == b"Inner text"
    key = bob.ids()[0]
    whole = bob.get(f"messages/{key}/attachments/{outer['body']['attachmentId']}")
    assert data_of(whole) == inner.encode()
    assert whole["size"] == outer["body"]["size"] == len(data_of(whole))


@pytest.mark.parametrize(
    ("charset", "encoding", "text"),
    [
        ("iso-8859-1", "quoted-printable", "Überfahrt nach Gotland"),
        ("windows-1252", "8bit", "Été… 40 €"),
        ("iso-2022-jp", "7bit", "フェリー"),
        ("koi8-r", "base64", "Паром"),
        ("utf-8", "base64", "⛴️ ferry"),
        ("utf-16", "base64", "ferry"),
    ],
)
def test_a_text_comes_in_the_charset_it_was_sent_in(
    bob: Caller, mailboxes: Mailboxes, charset: str, encoding: str, text: str
) -> None:
    raw = text.encode(charset)
    if encoding == "base64":
        body = base64.encodebytes(raw)
    elif encoding == "quoted-printable":
        body = b"".join(b"=%02X" % byte for byte in raw)
    else:
        body = raw
    head = (
        f"{HEAD}Content-Type: text/plain; charset={charset}\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
    )
    shown = payload(bob, mailboxes, head.encode() + body)
    assert data_of(shown["body"]) == raw
    assert bob.get(f"messages/{bob.ids()[0]}")["snippet"] == text


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("=?utf-8?B?RsOkaHJl?= nach =?iso-8859-1?Q?=D6land?=", "Fähre nach Öland"),
        ("=?utf-8?Q?F=C3=A4h?=\r\n =?utf-8?Q?re?=", "Fähre"),
        ("=?iso-2022-jp?B?GyRCJVUlJyVqITwbKEI=?=", "フェリー"),
        ("=?no-such-charset?Q?abc?=", "abc"),
        ("=?utf-8?B?abcde?=", "=?utf-8?B?abcde?="),
        ("a long\r\n\tline", "a long\tline"),
        ("Fähre", "Fähre"),
        ("", ""),
    ],
)
def test_headers_are_unfolded_and_their_words_decoded(
    bob: Caller, mailboxes: Mailboxes, written: str, shown: str
) -> None:
    key = mailboxes.deliver(f"From: x@out.example\r\nSubject: {written}\r\n\r\nText", [BOB])[BOB]
    assert header(bob.get(f"messages/{key}"), "Subject") == shown


def test_a_header_in_latin_1_without_saying_so_is_still_read(
    bob: Caller, mailboxes: Mailboxes
) -> None:
    key = mailboxes.deliver("Subject: Fähre\r\n\r\nText".encode("latin-1"), [BOB])[BOB]
    assert header(bob.get(f"messages/{key}"), "Subject") == "Fähre"


@pytest.mark.parametrize(
    "disposition",
    [
        "attachment; filename*=utf-8''F%C3%A4hrplan.csv",
        "attachment; filename*0*=utf-8''F%C3%A4hr; filename*1=plan.csv",
        'attachment; filename="=?utf-8?Q?F=C3=A4hrplan.csv?="',
        'inline;\r\n filename="=?iso-8859-1?Q?F=E4hrplan.csv?="',
    ],
)
def test_a_file_name_is_read_in_every_way_it_is_written(
    bob: Caller, mailboxes: Mailboxes, disposition: str
) -> None:
    part = f"Content-Type: text/csv\r\nContent-Disposition: {disposition}\r\n\r\na,b"
    tree = payload(bob, mailboxes, HEAD + multipart("mixed", "m", "\r\nText", part))
    assert tree["parts"][1]["filename"] == "Fährplan.csv"
    assert bob.ids(q="has:attachment filename:csv") == bob.ids()


def test_a_long_text_is_kept_apart(bob: Caller, mailboxes: Mailboxes) -> None:
    bob.sandbox.switches.inline_limit = 1000
    short = payload(bob, mailboxes, HEAD + "\r\n" + "x" * 1000)
    assert len(data_of(short["body"])) == 1000
    long = payload(bob, mailboxes, HEAD + "\r\n" + "x" * 1001)
    assert "data" not in long["body"]
    key = bob.ids()[0]
    body = bob.get(f"messages/{key}/attachments/{long['body']['attachmentId']}")
    assert data_of(body) == b"x" * 1001


def test_an_invitation_stands_in_the_message_itself(bob: Caller, mailboxes: Mailboxes) -> None:
    event = "Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR"
    tree = payload(bob, mailboxes, HEAD + multipart("alternative", "a", "\r\nCome", event))
    assert data_of(tree["parts"][1]["body"]) == b"BEGIN:VCALENDAR"


@pytest.mark.parametrize(
    "mail",
    [
        b"",
        b"\r\n\r\n",
        b"no header at all",
        b"From: x@out.example\r\nContent-Type: multipart/mixed\r\n\r\nno boundary\r\n",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nnever closed",
        b"Content-Transfer-Encoding: base64\r\n\r\nnot base64!!\r\n",
        b"Content-Type: text/plain; charset=nonsense\r\n\r\n\xff\xfe\r\n",
        b"Content-Type: ///\r\nDate: yesterday\r\n\r\nText\r\n",
    ],
)
def test_a_broken_mail_is_shown_as_well_as_it_can_be(
    bob: Caller, mailboxes: Mailboxes, mail: bytes
) -> None:
    key = mailboxes.deliver(mail, [BOB])[BOB]
    for style in ("full", "metadata", "raw", "minimal"):
        assert bob.get(f"messages/{key}", format=style)["id"] == key
    assert bob.ids(q="anything") == []
    assert bob.get("threads")["threads"]


def test_a_bcc_is_seen_by_who_wrote_it_only(bob: Caller, mailboxes: Mailboxes) -> None:
    mail = "From: bob@acme.example\nTo: x@out.example\nBcc: ada@acme.example,\n cleo@acme.example\n"
    ids = mailboxes.send(mail + "Subject: Hidden\n\nText\n")
    assert set(ids) == {"ada@acme.example", "bob@acme.example", "cleo@acme.example"}
    assert header(bob.get(f"messages/{ids[BOB]}"), "Bcc") == "ada@acme.example, cleo@acme.example"
    assert b"Bcc" not in mailboxes.box("ada@acme.example").message(ids["ada@acme.example"]).raw


def test_a_snippet_is_cut_between_words_and_safe_in_a_page() -> None:
    words = "It's <b>bold</b> & " + "word " * 80
    snippet = Mail(f"Subject: S\n\n{words}".encode()).snippet
    assert snippet.startswith("It&#39;s &lt;b&gt;bold&lt;/b&gt; &amp; word word")
    assert snippet.endswith("word")
    page = b"Content-Type: text/html\n\n<title>No</title><style>p{}</style><p>Yes</p><p>it is</p>"
    assert Mail(page).snippet == "Yes it is"
