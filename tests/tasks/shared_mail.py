"""A made-up source whose records share documents: mails that lie in several mailboxes."""

from collections.abc import Iterator
from typing import Any, ClassVar

from langchain_core.documents import Document
from scripted_source import MORNING, SOURCE, ScriptedExporter

from documents.metadata import make_document
from exporters.changes import CopyChange, Delete, RawRecord, Upsert

MAIL = "mail"
ANN, BOB, CARL = "user:ann@x.example", "user:bob@x.example", "user:carl@x.example"


class MailExporter(ScriptedExporter):
    """Its records are copies of mails."""

    shares_documents: ClassVar[bool] = True

    def to_documents(self, record: RawRecord) -> Iterator[Document]:
        payload = record.payload
        yield make_document(
            source=SOURCE,
            connection=self.vendor.account,
            entity=MAIL,
            native_id=payload["message_id"],
            external_id=payload["message_id"],
            content=payload["text"],
            title=payload["message_id"],
            access=payload["access"],
            created_at=MORNING,
            extra={"copies": [{"mailbox": payload["mailbox"], "labels": payload["labels"]}]},
        )


def mail(
    mailbox: str, message_id: str, *labels: str, access: tuple[str, ...] = (), **fields: Any
) -> Upsert:
    """A mail in a mailbox, readable by its owner."""
    payload = {
        "message_id": message_id,
        "mailbox": mailbox,
        "text": fields.pop("text", f"the mail {message_id} says something of its own"),
        "labels": list(labels),
        "access": list(access or (f"user:{mailbox}@x.example",)),
    }
    return Upsert(
        RawRecord(
            external_id=f"{mailbox}/{message_id}",
            entity=MAIL,
            payload=payload,
            **{"fetched_at": MORNING, **fields},
        )
    )


def relabelled(mailbox: str, message_id: str, *labels: str) -> CopyChange:
    return CopyChange(
        entity=MAIL, external_id=f"{mailbox}/{message_id}", copy={"labels": list(labels)}
    )


def purged(mailbox: str, message_id: str) -> Delete:
    return Delete(MAIL, f"{mailbox}/{message_id}")
