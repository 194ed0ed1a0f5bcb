"""From a mail's record to its document: pure, without network.

One mail in the mailboxes of ten people is one document with ten entries in `extra["copies"]`. The
document's id is a hash over everything that the document says besides its copies: Message-ID, From,
Reply-To, To, Cc, Date, Subject, In-Reply-To, References, and of each part its type, its name and a
hash of its content.

The Message-ID alone would not do. Who may read a document is the union of the owners of all its
copies, and anybody can send a mail with somebody else's Message-ID: that mail would be taken for a
copy, and its recipient let into a mail never sent to them. With the content in the hash, a forged
mail is another document unless it says, word for word, what the other one says; and then there is
nothing in it that its recipient has not got already.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from langchain_core.documents import Document

from documents.metadata import NOT_EMBEDDED, Author, make_document
from documents.text import normalize_text
from documents.times import iso_utc
from exporters.changes import RawRecord
from exporters.errors import InvalidDataError
from exporters.gmail.headers import HeaderFields
from exporters.gmail.invitations import event_markdown, events_of
from exporters.gmail.markup import split_html
from exporters.gmail.mime import AttachmentPart, Forwarded, MailContent, MailReader, TextPart
from exporters.gmail.payloads import MESSAGE, copy_entry, internal_date, search_url
from exporters.gmail.quoting import Split, is_forward, is_reply, split_plain

SOURCE: Final = "gmail"

_QUOTED_CHARS: Final = 20_000
_SIGNATURE_CHARS: Final = 2_000
_TEXT_CHARS: Final = 2_000_000
_TITLE_CHARS: Final = 300
_MOST_ATTACHMENTS: Final = 200
_FORWARDED_DEPTH: Final = 3

_IDENTITY: Final = "1"
"""Raised only if the hash is ever made of other things: then every document gets a new id."""


def mail_documents(record: RawRecord) -> Iterator[Document]:
    """Makes the document of a mail.

    Args:
        record: A copy of the mail; its payload is described in `exporters.gmail.payloads`.

    Raises:
        InvalidDataError: The payload is not a mail's.
    """
    try:
        yield _document(record)
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        LookupError,
        RecursionError,
        OverflowError,
    ) as error:
        raise InvalidDataError(
            f"The mail {record.external_id} cannot be read: {type(error).__name__} {error}.",
            external_id=record.external_id,
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mail:
    """What all copies of a mail have in common, read but not written down yet."""

    fields: HeaderFields
    content: MailContent
    attachments: Mapping[str, Mapping[str, Any]]
    message_id: str | None
    subject: str
    people: Mapping[str, list[dict[str, str]]]
    in_reply_to: list[str]
    references: list[str]
    date: datetime | None
    fallback_date: datetime | None

    def fingerprint(self) -> str:
        """A hash over everything that the document is made of."""
        date = self.date or self.fallback_date
        parts = [
            _IDENTITY,
            self.message_id,
            self.subject,
            self.people,
            self.in_reply_to,
            self.references,
            iso_utc(date) if date else None,
            self.content.digests,
        ]
        data = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(data).hexdigest()[:40]


def _document(record: RawRecord) -> Document:
    payload = record.payload
    message = payload["message"]
    mail = _read(payload, message)
    identity = mail.fingerprint()
    body = _body(mail)
    events = events_of(mail.content.calendars)
    sections = [
        body.new,
        *(event_markdown(event) for event in events),
        *(_forwarded_markdown(one, _FORWARDED_DEPTH) for one in mail.content.forwarded),
    ]
    attachments = [
        _attachment_entry(part, mail.attachments.get(part.part_id) or {})
        for part in mail.content.attachments[:_MOST_ATTACHMENTS]
    ]
    files = [
        _attachment_markdown(entry, mail.attachments.get(part.part_id) or {})
        for entry, part in zip(attachments, mail.content.attachments, strict=False)
        if not entry["inline"]
    ]
    said = any(section.strip() for section in sections)
    text = "\n\n".join(part for part in (*sections, *files) if part.strip())
    senders = mail.people["from"]
    date = mail.date or mail.fallback_date
    return make_document(
        source=SOURCE,
        connection=payload["connection"],
        entity=MESSAGE,
        native_id=identity,
        external_id=identity,
        content=text[:_TEXT_CHARS],
        title=mail.subject[:_TITLE_CHARS] or "(no subject)",
        access=payload["access"],
        url=search_url(mail.message_id),
        author=_author(senders[0]) if senders else None,
        created_at=date,
        thread_id=_thread(mail) or identity,
        extra={
            **({} if said or files else {NOT_EMBEDDED: True}),
            "message_id": mail.message_id,
            "in_reply_to": mail.in_reply_to,
            "references": mail.references,
            **mail.people,
            "date": iso_utc(mail.date) if mail.date else None,
            "attachments": attachments,
            "events": events,
            "forwarded": [_forwarded_entry(one) for one in mail.content.forwarded],
            "quoted": body.quoted[:_QUOTED_CHARS],
            "signature": body.signature[:_SIGNATURE_CHARS],
            "is_reply": bool(mail.in_reply_to or mail.references) or is_reply(mail.subject),
            "is_forward": is_forward(mail.subject) or bool(mail.content.forwarded),
            "is_signed": mail.content.is_signed,
            "is_encrypted": mail.content.is_encrypted,
            "text_truncated": mail.content.truncated or len(text) > _TEXT_CHARS,
            "copies": [copy_entry(record, message, mail.fields)],
        },
    )


def _read(payload: Mapping[str, Any], message: Mapping[str, Any]) -> _Mail:
    tree = message["payload"]
    attachments = {str(one["part_id"]): one for one in payload.get("attachments") or ()}
    reader = MailReader(
        bodies=payload.get("bodies"),
        nested=payload.get("nested"),
        sha256={identifier: one.get("sha256") for identifier, one in attachments.items()},
    )
    fields = HeaderFields(tree.get("headers"))
    date = fields.date("date")
    return _Mail(
        fields=fields,
        content=reader.read(tree),
        attachments=attachments,
        message_id=next(iter(fields.message_ids("message-id")), None),
        subject=fields.text("subject"),
        people={
            name: fields.addresses(name.replace("_", "-"))
            for name in ("from", "to", "cc", "reply_to")
        },
        in_reply_to=fields.message_ids("in-reply-to"),
        references=fields.message_ids("references"),
        date=date,
        # Where the mail tells no date, the mailbox's own is taken, and is part of the hash then.
        fallback_date=None if date else internal_date(message),
    )


def _thread(mail: _Mail) -> str | None:
    """The Message-ID with which the conversation began, as far as the mail tells.

    The same in every mailbox; Gmail's own thread id is not.
    """
    for candidates in (mail.references, mail.in_reply_to):
        if candidates:
            return candidates[0]
    return mail.message_id


def _body(mail: _Mail) -> Split:
    """The mail's own words, what it repeats, its signature.

    A mail that only repeats keeps its text.
    """
    forward = is_forward(mail.subject)
    parts = [_split(text, forward=forward) for text in mail.content.texts]
    new = "\n\n".join(part.new for part in parts if part.new)
    quoted = "\n\n".join(part.quoted for part in parts if part.quoted)
    signature = "\n\n".join(part.signature for part in parts if part.signature)
    if not new:
        return Split(new=quoted, signature=signature)
    return Split(new=new, quoted=quoted, signature=signature)


def _split(text: TextPart, *, forward: bool) -> Split:
    if text.is_html:
        return split_html(text.text, forward=forward)
    plain = unflowed(text.text, delsp=text.delsp) if text.flowed else text.text
    return split_plain(plain, forward=forward)


def unflowed(text: str, *, delsp: bool = False) -> str:
    """A text of `format=flowed` with its paragraphs on one line each (RFC 3676, 4.1)."""
    lines: list[str] = []
    depth_before, flows = 0, False
    for line in text.replace("\r\n", "\n").split("\n"):
        stripped = line.lstrip(">")
        depth = len(line) - len(stripped)
        content = stripped.removeprefix(" ")
        goes_on = content.endswith(" ") and content != "-- "
        if flows and depth == depth_before and content != "-- ":
            lines[-1] += content
        else:
            lines.append(f"{'>' * depth} {content}" if depth else content)
        if goes_on and delsp:
            lines[-1] = lines[-1][:-1]
        depth_before, flows = depth, goes_on
    return "\n".join(lines)


def _attachment_entry(part: AttachmentPart, known: Mapping[str, Any]) -> dict[str, Any]:
    text = known.get("text")
    return {
        "filename": part.filename,
        "mime_type": part.mime_type,
        "size": part.size,
        "sha256": known.get("sha256"),
        "inline": part.inline,
        "text_chars": len(text) if isinstance(text, str) else 0,
        "text_truncated": bool(known.get("text_truncated")),
        "reason": known.get("reason") or "",
    }


def _attachment_markdown(entry: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    detail = ", ".join(part for part in (entry["mime_type"], _size(entry["size"])) if part)
    line = f"Attachment: {entry['filename'] or 'without a name'} ({detail})"
    text = normalize_text(known.get("text") or "")
    return f"{line}\n\n{text}" if text else line


def _forwarded_markdown(forwarded: Forwarded, depth: int) -> str:
    """A mail within the mail as a quoted section with its headers."""
    entry = _forwarded_entry(forwarded)
    lines = [
        f"{name}: {value}"
        for name, value in (
            ("From", ", ".join(map(_named, entry["from"]))),
            ("To", ", ".join(map(_named, entry["to"]))),
            ("Date", entry["date"] or ""),
            ("Subject", entry["subject"]),
        )
        if value
    ]
    texts = [_split(text, forward=True) for text in forwarded.content.texts]
    lines += ["", *(text.new or text.quoted for text in texts)]
    if depth > 1:
        for inner in forwarded.content.forwarded:
            lines += ["", _forwarded_markdown(inner, depth - 1)]
    quoted = "\n".join(f"> {line}".rstrip() for line in "\n".join(lines).strip().split("\n"))
    return f"Forwarded mail:\n\n{quoted}"


def _forwarded_entry(forwarded: Forwarded) -> dict[str, Any]:
    fields = forwarded.headers
    date = fields.date("date")
    return {
        "from": fields.addresses("from"),
        "to": fields.addresses("to"),
        "date": iso_utc(date) if date else None,
        "subject": fields.text("subject")[:_TITLE_CHARS],
        "message_id": next(iter(fields.message_ids("message-id")), None),
    }


def _author(person: Mapping[str, str]) -> Author:
    address = person["address"]
    return {"id": address, "name": person["name"] or address, "email": address}


def _named(person: Mapping[str, str]) -> str:
    name, address = person["name"], person["address"]
    return f"{name} <{address}>" if name else address


def _size(size: int) -> str:
    amount = float(size)
    for unit in ("bytes", "KB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"
