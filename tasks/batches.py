"""What travels through the pipeline: batches of changes, and what is to be written for them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Any

import orjson
from langchain_core.documents import Document

from documents.chunks import ChunkedDocument
from documents.fingerprints import fingerprint
from documents.text import whole_characters
from exporters.changes import (
    AccessChange,
    Children,
    CopyChange,
    Cursor,
    Delete,
    Failure,
    RawRecord,
    Upsert,
    record_key,
)
from exporters.errors import InvalidDataError
from exporters.redaction import redactor
from stores.ledger.types import Copy, LedgerBatch
from stores.raw.types import RawRow
from tasks.results import Counts


@dataclass(frozen=True, slots=True)
class EncodedUpsert:
    """An upsert with its payload as bytes, made by the fetching side.

    Attributes:
        record: The item.
        payload: As sorted JSON.
        payload_hash: Its fingerprint.
        partial: See `Upsert.partial`.
        raw_ref: Where it landed; None before.
    """

    record: RawRecord
    payload: bytes
    payload_hash: str
    partial: bool
    raw_ref: str | None = None

    def whole(self) -> RawRecord:
        """The record with its payload, also where another process handed it over without."""
        if self.record.payload:
            return self.record
        return replace(self.record, payload=orjson.loads(self.payload))


@dataclass(frozen=True, slots=True)
class Seen:
    """A listed item whose version is the one already known."""

    key: str


@dataclass(frozen=True, slots=True)
class Settled:
    """An item that was set aside came, which may say nothing new, or is no more.

    Its dead letter goes.
    """

    key: str


@dataclass(frozen=True, slots=True)
class Swept(Delete):
    """A delete that follows from a listing's gap, and not from the source's word.

    It counts only while the record is still where it was missing: another partition may have
    listed it in the meantime.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined(Failure):
    """A payload that landed and is not what its entity looks like.

    Attributes:
        raw_ref: Where it landed.
    """

    raw_ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedAgain(Failure):
    """An item that was set aside before and failed again.

    It does not count as one in a row: a rescan fetches what was set aside, and little else.
    """


Processing = Callable[[Iterable[Document]], Iterator[Document]]
"""A source's own step, from `processing.custom`."""

Item = EncodedUpsert | Seen | Settled | Delete | Children | AccessChange | CopyChange | Failure


@dataclass(slots=True)
class ChangeBatch:
    """Changes on their way, no key twice but for a failure after its own upsert.

    Attributes:
        items: In order.
        size: Bytes of the payloads.
        cursor: The checkpoint they lead up to, if one was passed.
        closes_listing: The listing came to its end with them.
        done: Set when all of it is durable.
        replayed: How far a replay has come with them.
    """

    items: list[Item] = field(default_factory=list)
    size: int = 0
    cursor: Cursor | None = None
    closes_listing: bool = False
    done: Event | None = None
    replayed: Cursor | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a document is not written.

    Attributes:
        error: A name for the kind of reason.
        message: The reason, as a sentence.
    """

    error: str
    message: str


@dataclass(slots=True)
class WriteBatch:
    """What the stores are to do for a batch of changes.

    Attributes:
        fresh: Documents to write that are not cut into chunks yet.
        documents: To write, with their chunks (none where nothing is embedded).
        new_ids: Which of them no store holds yet.
        access: Documents of which access alone moved.
        deleted: Documents to delete.
        copies: Copies of shared documents that are new or moved.
        copies_gone: Copies that are no more, by document id and record key.
        copy_fields: What is to be replaced of copies (`access`, or entries of `entry`), likewise.
        rewritten: Stored documents of which metadata alone moved.
        refused: Documents that are not to be written, because they cannot be embedded.
        vectors: Newly made vectors by text hash, to cache.
        landed: What an extraction had landed: references by record key.
        ledger: What the ledger is to remember.
        counts: What it comes to, less the documents to write: those count once they are written.
        done: Set when it is durable.
    """

    ledger: LedgerBatch
    fresh: list[Document] = field(default_factory=list)
    documents: list[ChunkedDocument] = field(default_factory=list)
    new_ids: set[str] = field(default_factory=set)
    access: dict[str, list[str]] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    copies: list[Copy] = field(default_factory=list)
    copies_gone: set[tuple[str, str]] = field(default_factory=set)
    copy_fields: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    rewritten: list[Document] = field(default_factory=list)
    refused: dict[str, Refusal] = field(default_factory=dict)
    vectors: dict[str, bytes] = field(default_factory=dict)
    landed: dict[str, str] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    done: Event | None = None

    @property
    def document_ids(self) -> set[str]:
        """The documents it does something to."""
        written = {item.document.id or "" for item in self.documents}
        return written.union(self.access, self.deleted, (d.id or "" for d in self.rewritten))

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write anywhere."""
        ledger = self.ledger
        return not (
            self.documents
            or self.access
            or self.deleted
            or self.copies
            or self.copies_gone
            or self.copy_fields
            or ledger.records
            or ledger.seen
            or ledger.documents
            or ledger.deleted
            or ledger.dead_letters
            or ledger.resolved
            or ledger.cursor is not None
            or ledger.listing_closed
            or ledger.replayed is not None
        )


def item_key(item: Item) -> str | None:
    """The record a change is about; None for a failure that could not be told."""
    match item:
        case EncodedUpsert():
            return item.record.key
        case Seen() | Delete() | CopyChange():
            return item.key
        case Children() | Settled():
            return None
        case _:
            if item.entity is None or item.external_id is None:
                return None
            return record_key(item.entity, item.external_id)


def parents_of(items: Iterable[Item]) -> set[str]:
    """Keys of the records that items belong to."""
    found = set()
    for item in items:
        if isinstance(item, Children):
            found.add(item.parent)
        elif isinstance(item, EncodedUpsert) and item.record.parent is not None:
            found.add(item.record.parent)
    return found


def encoded(upsert: Upsert, transform_version: int) -> EncodedUpsert | Failure:
    """The payload as sorted JSON: what lands, and what tells a moved record from the same.

    Args:
        upsert: The change.
        transform_version: Of the exporter; a newer one makes every record look moved.

    Returns:
        The upsert with its payload as bytes, free of our secrets, or what is wrong with it.
    """
    record = upsert.record
    if record.url:
        record = replace(record, url=redactor.url(record.url))
    try:
        try:
            payload = _json(record.payload)
        except TypeError:  # half a character, or no JSON at all
            record = replace(record, payload=whole_characters(record.payload))
            payload = _json(record.payload)
        if redactor.finds_secrets(payload):
            record = replace(record, payload=redactor.payload(record.payload))
            payload = _json(record.payload)
    except (TypeError, ValueError, RecursionError) as error:
        return Failure(
            error=InvalidDataError(
                f"The {record.entity} {record.external_id} is no JSON: {error}.",
                external_id=record.external_id,
            ),
            entity=record.entity,
            external_id=record.external_id,
            url=record.url,
        )
    return EncodedUpsert(record, payload, payload_hash(payload, transform_version), upsert.partial)


def payload_hash(payload: bytes, transform_version: int) -> str:
    """The fingerprint of a payload and of the code that reads it."""
    return fingerprint(b"%d|%b" % (transform_version, payload))


def _json(payload: object) -> bytes:
    return orjson.dumps(payload, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def raw_row(source: str, connection: str, partition: str, item: EncodedUpsert) -> RawRow:
    """A record as it lands."""
    record = item.record
    return RawRow(
        source=source,
        connection=connection,
        partition=partition,
        entity=record.entity,
        external_id=record.external_id,
        payload=item.payload,
        url=record.url,
        occurred_at=record.occurred_at,
        version=record.version,
        fetched_at=record.fetched_at,
    )
