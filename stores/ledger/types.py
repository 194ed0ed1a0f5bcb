"""What goes into the ledger and comes out of it.

Fingerprints (`payload_hash`, `content_hash`, `access_hash`, text hashes) are those of
`documents.fingerprints`: 32 hexadecimal characters in lower case. Times carry a zone and come back
in UTC, to the microsecond.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class RunState(StrEnum):
    """How a run ended, or that it has not."""

    RUNNING = "running"
    COMPLETED = "completed"
    PARTLY_FAILED = "partly_failed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """It stopped without saying so: the process was killed. Found by the next run."""


@dataclass(frozen=True, slots=True)
class KnownDocument:
    """A document that the stores hold."""

    id: str
    content_hash: str
    access_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordState:
    """What is known of a vendor's record.

    Attributes:
        key: Its name within the connection: `entity:external_id`.
        payload_hash: Fingerprint of its payload (and of the code that reads it).
        version: The vendor's version mark.
        fetched_at: When the vendor gave the payload.
        occurred_at: When the item came to be at the source.
        documents: The documents made of it, in order.
        raw_ref: Where its payload landed: `path#row` of a file that the ledger vouches for since
            this batch or an earlier one.
        url: Where a person opens it.
        parent: Key of the record it belongs to.
    """

    key: str
    payload_hash: str
    version: str | None
    fetched_at: datetime
    occurred_at: datetime | None
    documents: tuple[KnownDocument, ...]
    raw_ref: str | None
    url: str | None = None
    parent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """What one record adds to a document that several records make.

    Attributes:
        document_id: The document.
        key: The record.
        access: Who may read the document because of this copy.
        entry: What only this copy has; JSON-serialisable.
    """

    document_id: str
    key: str
    access: tuple[str, ...]
    entry: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AccessSaid:
    """Who may read every record of a partition, as a source said it last of all at once.

    Attributes:
        at: When it was said. Payloads that were fetched later know better.
        access: The principals.
    """

    at: datetime
    access: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ContainerSaid:
    """What a source last said of the container of a partition's records.

    Attributes:
        at: When it was said. Payloads that were fetched later know better.
        container: The `container` field of documents.
        extra: Entries of `extra`.
    """

    at: datetime
    container: Mapping[str, Any]
    extra: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionState:
    """A partition as the ledger knows it.

    Attributes:
        id: Row id.
        key: The vendor's id.
        name: What a person calls it.
        kind: What it is.
        cursor: The last committed checkpoint.
        generation: Number of the current (or last) listing; records seen in it carry it.
        listing_open: Whether that listing has not come to its end yet.
        records: How many records it holds; filled by `Ledger.partitions` only.
        updated_at: When a sync last committed something here.
        access_said: Who may read all of it, if that was ever said of all at once.
        container_said: What its container is, likewise.
        replayed: How far a replay came that has not ended.
    """

    id: int
    key: str
    name: str
    kind: str
    cursor: Mapping[str, Any] | None
    generation: int
    listing_open: bool
    records: int | None = None
    updated_at: datetime | None = None
    access_said: AccessSaid | None = None
    container_said: ContainerSaid | None = None
    replayed: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An item that was set aside.

    Attributes:
        id: Row id; None before it is stored.
        source: The source's name.
        connection: The account or tenant.
        partition: Key of the partition.
        key: Record key (`entity:external_id`); None when the item could not be told.
        document_id: The document a store refused, where that was the reason.
        url: Where a person opens the item.
        error: The error's class name.
        message: One sentence, without secrets.
        raw_ref: Where the payload landed; None when it could not be fetched.
        run_id: The run that last met it.
        attempts: How often it failed.
        first_seen: When it first failed.
        last_seen: When it last failed.
    """

    source: str
    connection: str
    partition: str
    key: str | None
    error: str
    message: str
    run_id: str
    url: str | None = None
    document_id: str | None = None
    raw_ref: str | None = None
    id: int | None = None
    attempts: int = 1
    first_seen: datetime | None = None
    last_seen: datetime | None = None


@dataclass(frozen=True, slots=True)
class RawFile:
    """A landed file that the ledger vouches for. Files it does not name are left-overs.

    Attributes:
        path: Within the raw store; the reference to its n-th row (from 0) is `path#n`.
        source: The source's name.
        connection: The account or tenant.
        partition: Key of the partition.
        entity: What its rows are.
        rows: How many.
    """

    path: str
    source: str
    connection: str
    partition: str
    entity: str
    rows: int


class ExtractionStatus(StrEnum):
    """What became of an extracted record."""

    LANDED = "landed"
    """Its payload is in the raw landing; nothing was made of it yet."""
    TRANSFORMED = "transformed"
    FAILED = "failed"
    """Its payload landed, and making documents of it failed; `error` says why."""
    QUARANTINED = "quarantined"
    """Its payload is not what the entity's schema says; `error` says why."""
    DELETED = "deleted"
    """The source has it no more. Unknown to a listing, as if it had never been."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractionOutcome:
    """What became of one landed payload. A newer one of the same record is left as it is.

    Attributes:
        key: The record.
        raw_ref: Where that payload lies.
        status: What became of it.
        error: Why it failed; without secrets.
    """

    key: str
    raw_ref: str
    status: ExtractionStatus
    error: str | None = None


@dataclass(slots=True, kw_only=True)
class LedgerBatch:
    """What one step of a partition's sync changes in the ledger, all of it or nothing.

    The ledger mirrors what the stores hold: the last batch wins, whatever its `fetched_at`. Whether
    an answer is too old to be written is decided before it is written.

    Attributes:
        partition_id: The partition.
        generation: The listing that saw the records.
        records: Records that are new or moved.
        seen: Keys of known records that were seen unchanged. A record that was in another
            partition before is in this one from now on.
        documents: Documents of known records whose payload stayed as it was: an access or a
            container change gave them new hashes. The record stays as seen as it was.
        deleted: Keys of records whose documents are gone from the stores.
        copies: Copies of shared documents that are new or moved.
        copies_gone: Copies that are no more, by document id and record key; applied before
            `copies`.
        dead_letters: Items set aside.
        resolved: Keys whose dead letters are resolved because the item went through; applied
            before `dead_letters`.
        raw_files: Files that landed.
        outcomes: What became of payloads that an extraction landed.
        cursor: The checkpoint everything above leads up to; None when none was passed.
        listing_closed: The listing came to its end with this batch.
        listed: Whether its records were seen in a listing. If not, as in a replay, they stay as
            seen as they were, and `seen` says nothing.
        replayed: How far a replay has come with it.
    """

    partition_id: int
    generation: int
    records: list[RecordState] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    documents: dict[str, tuple[KnownDocument, ...]] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    copies: list[Copy] = field(default_factory=list)
    copies_gone: set[tuple[str, str]] = field(default_factory=set)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    raw_files: list[RawFile] = field(default_factory=list)
    outcomes: list[ExtractionOutcome] = field(default_factory=list)
    cursor: Mapping[str, Any] | None = None
    listing_closed: bool = False
    listed: bool = True
    replayed: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class UnseenSummary:
    """How a listing compares with what was known before it began.

    Attributes:
        known: Records that the partition (or its part since a time) held before the listing began.
        unseen: Those of them that the listing did not see; what a sweep would delete.
        seen: Records that the listing saw, new ones included.
    """

    known: int
    unseen: int
    seen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionState:
    """An account as `status` shows it.

    Attributes:
        id: Row id.
        source: The source's name.
        connection: The account or tenant.
        title: What a person calls it.
        partitions: How many it has.
        records: How many records are known.
        dead_letters: How many items are set aside.
        raw_files: How many landed files the ledger vouches for.
        raw_rows: How many payloads are in them.
        updated_at: When a sync last committed something.
    """

    id: int
    source: str
    connection: str
    title: str
    partitions: int
    records: int
    dead_letters: int
    raw_files: int
    raw_rows: int
    updated_at: datetime | None


class Standing(StrEnum):
    """What the sources say of a person."""

    LISTED = "listed"
    """Somebody's list of members names them now."""

    LEFT = "left"
    """A list named them once, and none does any more: they were deactivated, or left."""

    UNKNOWN = "unknown"
    """No list ever named them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What a person may read by, and how that is known.

    Attributes:
        email: The address they were asked for by, in lower case.
        standing: What the sources say of them.
        names: What they are called at the sources: `user:...` principals, for each address and
            account.
        principals: Everything they may read by.
        lists: In how many lists of members they are, directly or by a group within a group.
        as_of: When the oldest of these lists was told; for somebody in none, when the sources last
            told any. None where they never did.
    """

    email: str
    standing: Standing
    names: frozenset[str]
    principals: frozenset[str]
    lists: int
    as_of: datetime | None


@dataclass(frozen=True, slots=True)
class VectorCacheSize:
    """How much of one model is cached.

    Attributes:
        model: The model's name.
        vectors: How many.
        size: In bytes, without the database's own overhead.
    """

    model: str
    vectors: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run, as `status` shows it.

    Attributes:
        id: The run's id, also in the documents it wrote.
        source: The source's name.
        connection: The account or tenant.
        state: How it ended.
        started_at: With time zone.
        ended_at: None while it runs.
        counts: Named counters: new, changed, unchanged, deleted, failed, api_calls ...
        message: Why it ended the way it did.
        flow_run_id: Prefect's id of the flow run, where there is one.
    """

    id: str
    source: str
    connection: str
    state: RunState
    started_at: datetime
    ended_at: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    message: str = ""
    flow_run_id: str | None = None
