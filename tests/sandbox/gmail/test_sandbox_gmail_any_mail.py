"""What holds of every mail, however broken: it can be shown, found and deleted."""

import orjson
from gmail_clients import BOB
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.gmail import Mailboxes, Organization
from sandbox.gmail.mail import Mail, part_bytes
from sandbox.gmail.mailbox import Message
from sandbox.gmail.payload import find_part, message_payload, metadata_payload
from sandbox.google.errors import GoogleError
from sandbox.google.fields import apply_mask, parse_mask
from sandbox.google.paging import Position, decode_token, encode_token

LINES = st.sampled_from(
    [
        b"Content-Type: multipart/mixed; boundary=b",
        b"Content-Type: multipart/alternative",
        b"Content-Type: text/plain; charset=\"\xff\"; name*=utf-8''%FF%ZZ",
        b"Content-Type: text/html; charset=unicode-escape",
        b"Content-Type: text/plain; charset=idna",
        b"Content-Type: message/rfc822",
        b"Content-Type: \xe4\xf6/\xfc",
        b"Content-Transfer-Encoding: base64",
        b"Content-Transfer-Encoding: quoted-printable",
        b"Content-Transfer-Encoding: x-uuencode",
        b'Content-Disposition: attachment; filename="\xff\xfe.txt"',
        b"Content-Disposition: attachment; filename*0*=x''%E4; filename*2=b",
        b"Subject: =?utf-16?B?/v8=?= \xe4",
        b"S\xfcbject: hello",
        b"Message-ID: <a@b> <c@d>",
        b"References: <a@b>\r\n <c@d",
        b"Date: Mon, 99 Foo 20260 25:61:61 +9999",
        b"From: =?iso-8859-1?Q?J=FCrgen <j@x>, \xff@y",
        b"Bcc: hidden@x.example\r\n\tand more",
        b"",
        b"--b",
        b"--b--",
        b"=FF=\r\n=3",
        b"<html><p>text\xe9</p><style>",
        b"SGVsbG8",
    ]
)
MAILS = st.one_of(
    st.binary(max_size=200),
    st.lists(LINES, max_size=12).map(b"\r\n".join),
    st.lists(LINES, max_size=12).map(b"\n".join),
)


@settings(max_examples=400, deadline=None)
@given(MAILS)
def test_any_bytes_are_a_mail(raw: bytes) -> None:
    mail = Mail(raw)
    root = mail.parsed()
    payload = message_payload(root, [("Delivered-To", BOB)], "1a", 100)
    assert orjson.loads(orjson.dumps(payload)) == payload
    orjson.dumps(metadata_payload(root, [], []))
    orjson.dumps([mail.snippet, mail.subject, mail.searchable, mail.message_id, mail.filenames])
    assert len(mail.snippet) <= 1200
    assert mail.date_ms is None or isinstance(mail.date_ms, int)

    def check(part: dict[str, object]) -> None:
        found = find_part(root, str(part["partId"]))
        assert found is not None
        assert found.get_content_type() == part["mimeType"] or not str(part["mimeType"]).isascii()
        assert isinstance(part_bytes(found), bytes)
        for child in part.get("parts", ()):  # type: ignore[attr-defined]
            check(child)

    check(payload)


@settings(max_examples=150, deadline=None)
@given(st.lists(MAILS, min_size=1, max_size=5))
def test_any_mails_lie_in_a_mailbox_in_order(mails: list[bytes]) -> None:
    organization = Organization("acme.example")
    organization.add_user(BOB, "Bob Stone")
    mailboxes = Mailboxes(organization)
    keys = [mailboxes.deliver(mail, [BOB], date=1_790_000_000)[BOB] for mail in mails]
    box = mailboxes.box(BOB)
    newest: list[Message] = list(box.newest_first())
    assert [message.id for message in newest] == keys[::-1]
    assert sorted(key for ids in box.threads.values() for key in ids) == sorted(keys)
    for message in newest:
        assert message.raw.endswith(message.mail.raw)
        assert "Bcc" not in [name for name, _ in message.own_headers()]
        assert not message.mail.header("Bcc")
        box.remove(message)
    assert not box.messages
    assert not box.threads


@given(st.binary(max_size=40), st.booleans(), st.text(max_size=20))
def test_a_page_token_leads_back_to_its_place(key: bytes, served: bool, query: str) -> None:
    token = encode_token(Position(key, served), query)
    assert decode_token(token, query) == Position(key, served)


@given(st.text(alphabet="ab(),/* ", max_size=12))
def test_a_mask_is_read_or_refused_and_only_takes_away(text: str) -> None:
    value = {"a": {"b": [{"a": 1, "b": 2}]}, "b": 3}
    try:
        mask = parse_mask(text)
    except GoogleError as error:
        refused = error.code
    else:
        refused = 0
    assert refused in (0, 400)
    if not refused:
        kept = apply_mask(mask, value)
        assert set(kept) <= set(value)
        assert apply_mask(mask, kept) == kept
