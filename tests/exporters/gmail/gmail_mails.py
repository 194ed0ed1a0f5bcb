"""Mails as records and documents, without any server."""

from email.message import EmailMessage
from typing import Any

from gmail_samples import read_plain
from langchain_core.documents import Document

from documents.principals import user
from exporters.changes import RawRecord
from exporters.gmail.documents import mail_documents
from exporters.gmail.landing import land_mail, no_fetch
from exporters.gmail.mbox import MboxMail, gmail_message


def record_of(
    message: EmailMessage | bytes,
    mailbox: str = "bob@acme.example",
    *,
    arrived: int = 1_795_165_200_000,
    labels: tuple[str, ...] = ("INBOX", "UNREAD"),
) -> RawRecord:
    """A mail as it lands from a mailbox."""
    raw = message if isinstance(message, bytes) else message.as_bytes()
    gmail, _ = gmail_message(MboxMail(raw, b"", 1))
    identifier = f"18f{abs(hash((raw, mailbox))):x}"
    gmail.update(id=identifier, threadId=f"t{mailbox}", labelIds=list(labels))
    gmail.update(historyId="77", internalDate=str(arrived), snippet=f"seen by {mailbox}")
    landed = land_mail(gmail, fetch=no_fetch, extract=read_plain, max_bytes=1_000_000)
    return RawRecord(
        entity="message",
        external_id=f"{mailbox}/{identifier}",
        payload={
            "connection": "C01",
            "mailbox": {"key": mailbox, "address": mailbox},
            "access": [user(mailbox)],
            "labels": {},
            "message": landed.message,
            "bodies": landed.bodies,
            "nested": landed.nested,
            "attachments": landed.attachments,
        },
    )


def document_of(message: EmailMessage | bytes, mailbox: str = "bob@acme.example") -> Document:
    [document] = mail_documents(record_of(message, mailbox))
    return document


def shared_part(document: Document) -> dict[str, Any]:
    metadata = {name: value for name, value in document.metadata.items() if name != "access"}
    extra = {name: value for name, value in metadata["extra"].items() if name != "copies"}
    return {"id": document.id, "text": document.page_content, **metadata, "extra": extra}
