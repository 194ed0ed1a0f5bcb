"""What document a mail becomes: identity, copies, text, people, conversation."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from gmail_mails import document_of, record_of, shared_part
from gmail_samples import mail
from hypothesis import given
from hypothesis import strategies as st

from documents.principals import user
from exporters.changes import RawRecord
from exporters.errors import InvalidDataError
from exporters.gmail.documents import mail_documents, unflowed
from processing.custom.gmail import add_mail_context

# --- identity ------------------------------------------------------------------------------------


def test_copies_of_a_mail_differ_in_their_entries_alone() -> None:
    letter = mail(cc="Cleo <cleo@acme.example>", files={"plan.txt": b"Bollards"})
    ada = mail_documents(record_of(letter, "ada@acme.example", labels=("SENT",)))
    bob = mail_documents(record_of(letter, "bob@acme.example", arrived=1_795_165_999_000))
    [adas], [bobs] = ada, bob
    assert shared_part(adas) == shared_part(bobs)
    assert adas.metadata["extra"]["copies"] != bobs.metadata["extra"]["copies"]
    assert adas.metadata["access"] == [user("ada@acme.example")]


def test_how_a_mail_came_makes_no_other_document_of_it() -> None:
    direct = mail()
    by_list = mail(
        Received="from lists.example by mx.example; Mon, 16 Nov 2026 09:00:05 +0000",
        Delivered_To="bob@acme.example",
        List_Id="Ferries <ferries.acme.example>",
        Sender="ferries-bounces@acme.example",
        Bcc="dora@acme.example",
    )
    one, other = document_of(direct), document_of(by_list)
    assert shared_part(one) == shared_part(other)
    [entry] = other.metadata["extra"]["copies"]
    assert entry["list_id"] == "Ferries <ferries.acme.example>"
    assert entry["bcc"] == [{"name": "", "address": "dora@acme.example"}]
    assert entry["delivered_to"] == ["bob@acme.example"]


@pytest.mark.parametrize(
    "forged",
    [
        {"text": "Anything"},
        {"subject": "Ferry!"},
        {"sender": "Eve <eve@evil.example>"},
        {"to": "eve@evil.example"},
        {"cc": "eve@evil.example"},
        {"date": datetime(2026, 11, 16, 9, 0, 1, tzinfo=UTC)},
        {"references": "<other@acme.example>"},
        {"in_reply_to": "<other@acme.example>"},
        {"reply_to": "eve@evil.example"},
        {"files": {"plan.txt": b"Bollards!"}},
        {"files": {"Plan.txt": b"Bollards"}},
        {"files": {}},
        {"html": "<p>The blue one.</p>"},
    ],
    ids=lambda forged: next(iter(forged)),
)
def test_a_forged_message_id_opens_nobody_the_mail_it_was_taken_from(
    forged: dict[str, Any],
) -> None:
    secret: dict[str, Any] = {"files": {"plan.txt": b"Bollards"}}
    original = document_of(mail(**secret), "ada@acme.example")
    forgery = document_of(mail(**{**secret, **forged}), "eve@acme.example")
    assert original.metadata["extra"]["message_id"] == forgery.metadata["extra"]["message_id"]
    assert original.id != forgery.id


def test_the_arrival_takes_part_in_the_identity_where_a_mail_tells_no_date() -> None:
    letter = mail()
    del letter["Date"]
    [one] = mail_documents(record_of(letter, arrived=1_795_165_200_000))
    [other] = mail_documents(record_of(letter, arrived=1_795_165_201_000))
    assert one.id != other.id
    assert one.metadata["created_at"] == "2026-11-20T09:00:00.000000Z"
    assert one.metadata["extra"]["date"] is None


def test_the_address_of_a_document_tells_of_no_mailbox() -> None:
    url = document_of(mail(message_id="<a+b/c@acme.example>")).metadata["url"]
    assert url == "https://mail.google.com/mail/#search/rfc822msgid%3Aa%2Bb%2Fc@acme.example"


# --- people and conversation ---------------------------------------------------------------------


def test_people_are_parted_into_names_and_addresses() -> None:
    document = document_of(
        mail(
            sender="=?utf-8?q?J=C3=BCrgen_M=C3=BCller?= <Juergen@Acme.example>",
            to='"Stone, Bob" <bob@acme.example>, cleo@acme.example',
            cc="undisclosed-recipients:;",
            reply_to="desk@acme.example",
        )
    )
    extra = document.metadata["extra"]
    assert extra["from"] == [{"name": "Jürgen Müller", "address": "juergen@acme.example"}]
    assert extra["to"] == [
        {"name": "Stone, Bob", "address": "bob@acme.example"},
        {"name": "", "address": "cleo@acme.example"},
    ]
    assert (extra["cc"], extra["reply_to"][0]["address"]) == ([], "desk@acme.example")
    assert document.metadata["author"] == {
        "id": "juergen@acme.example",
        "name": "Jürgen Müller",
        "email": "juergen@acme.example",
    }


def test_a_conversation_has_one_id_however_a_mail_program_refers_to_it() -> None:
    root = document_of(mail(message_id="<root@x.example>"))
    by_references = mail(
        message_id="<b@x.example>",
        references="<root@x.example> <a@x.example>",
        in_reply_to="<a@x.example>",
    )
    by_reply_alone = mail(message_id="<c@x.example>", in_reply_to="<root@x.example>")
    threads = {
        document.metadata["thread_id"]
        for document in (root, document_of(by_references), document_of(by_reply_alone))
    }
    assert threads == {"root@x.example"}


def test_a_mail_without_any_header_is_a_document_all_the_same() -> None:
    document = document_of(b"\r\nJust this.")
    assert document.page_content == "Just this."
    assert document.metadata["title"] == "(no subject)"
    assert (document.metadata["author"], document.metadata["url"]) == (None, None)
    assert document.metadata["thread_id"] in (document.id or "")


def test_the_context_of_a_mail_tells_what_every_reader_sees() -> None:
    letter = mail(
        to="bob@acme.example, a@x.example, b@x.example, c@x.example, d@x.example",
        bcc="dora@acme.example",
        in_reply_to="<root@x.example>",
        files={"plan.txt": b"Bollards"},
    )
    [document] = add_mail_context([document_of(letter)])
    assert document.metadata["extra"]["context"] == (
        "Answer from Ada Byron to bob@acme.example, a@x.example, b@x.example, c@x.example "
        "and 1 more of 2026-11-16 with 1 attachment"
    )


# --- text ----------------------------------------------------------------------------------------


def test_what_a_mail_repeats_is_kept_apart() -> None:
    document = document_of(
        mail(
            text="Yes, Monday.\n\nOn Mon, Nov 16, 2026 at 9:00 AM Bob <b@acme.example> wrote:\n"
            "> When?\n\n-- \nAda Byron\nHead of Ferries\n"
        )
    )
    assert document.page_content == "Yes, Monday."
    assert document.metadata["extra"]["quoted"].endswith("> When?")
    assert document.metadata["extra"]["signature"] == "Ada Byron\nHead of Ferries"


def test_a_mail_that_only_repeats_keeps_its_text() -> None:
    document = document_of(mail(text="> When?\n> Monday?\n"))
    assert document.page_content == "> When?\n> Monday?"
    assert document.metadata["extra"]["quoted"] == ""


def test_attachments_stand_behind_the_text_with_theirs() -> None:
    document = document_of(
        mail(files={"plan.txt": b"Paint the bollards.", "photo.bin": b"\0" * 1500})
    )
    assert document.page_content == (
        "The blue one.\n\n"
        "Attachment: plan.txt (text/plain, 19 bytes)\n\nPaint the bollards.\n\n"
        "Attachment: photo.bin (application/octet-stream, 2 KB)"
    )
    plan, photo = document.metadata["extra"]["attachments"]
    assert plan == {
        "filename": "plan.txt",
        "mime_type": "text/plain",
        "size": 19,
        "sha256": hashlib.sha256(b"Paint the bollards.").hexdigest(),
        "inline": False,
        "text_chars": 19,
        "text_truncated": False,
        "reason": "",
    }
    assert photo["reason"] == "It holds no text."


def test_bytes_of_attachments_do_not_land() -> None:
    record = record_of(mail(files={"plan.txt": b"Paint the bollards."}))
    landed = str(record.payload["message"])
    assert "UGFpbnQgdGhlIGJvbGxhcmRzLg" not in landed
    assert "VGhlIGJsdWUgb25l" in landed  # the text does


def test_a_mail_without_a_word_is_found_by_its_subject_and_not_embedded() -> None:
    document = document_of(mail(text=" \n"))
    assert document.page_content == ""
    assert document.metadata["extra"]["not_embedded"] is True


def test_a_flowed_text_has_its_paragraphs_on_one_line_each() -> None:
    text = "A paragraph that \r\nflows on.\r\nNext one.\r\n> quoted \r\n> words\r\n-- \r\nAda"
    assert unflowed(text).split("\n") == [
        "A paragraph that flows on.",
        "Next one.",
        "> quoted words",
        "-- ",
        "Ada",
    ]
    assert unflowed("half a \nword", delsp=True) == "half aword"


# --- damaged payloads ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [{"message": None}, {"message": {}}, {"mailbox": None}, {"connection": 7}, {"access": None}],
    ids=str,
)
def test_a_payload_that_is_no_mails_is_refused_by_its_id(damage: dict[str, Any]) -> None:
    record = record_of(mail())
    broken = RawRecord(entity="message", external_id="bob/1", payload={**record.payload, **damage})
    with pytest.raises(InvalidDataError, match="The mail bob/1 cannot be read"):
        list(mail_documents(broken))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "parts",
                    "body",
                    "headers",
                    "mimeType",
                    "data",
                    "partId",
                    "filename",
                    "name",
                    "value",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(_JSON)
def test_whatever_stands_for_a_tree_gives_a_document_or_one_kind_of_error(tree: Any) -> None:
    payload = {**record_of(mail()).payload, "message": {"id": "1", "payload": tree}}
    record = RawRecord(entity="message", external_id="bob/1", payload=payload)
    try:
        documents = list(mail_documents(record))
    except InvalidDataError:
        return
    assert len(documents) == 1


@given(st.binary(max_size=400), st.sampled_from([b"", b"\r\n\r\n", b"; charset=utf-7\r\n\r\n"]))
def test_whatever_bytes_a_mail_has_it_becomes_a_document(noise: bytes, glue: bytes) -> None:
    head = b"From: a@x.example\r\nContent-Type: text/html" if glue else b""
    [document] = mail_documents(record_of(head + glue + noise))
    document.page_content.encode()
