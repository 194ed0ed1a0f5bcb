"""Extraction: which of a vendor's records landed where, apart from the documents made of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from stores.ledger.job_types import NewJob
from stores.ledger.types import DeadLetter, ExtractionStatus, RawFile


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractedRecord:
    """A record that was extracted.

    Attributes:
        key: Its name within the connection: `entity:external_id`.
        payload_hash: Fingerprint of its payload.
        version: The vendor's version mark.
        fetched_at: When the vendor gave the payload.
        occurred_at: When the item came to be at the source.
        raw_ref: Where its payload landed: `path#row` of a file that the ledger vouches for since
            this batch or an earlier one; None when it did not land.
        parent: Key of the record it belongs to.
        status: What became of it.
        error: Why, where it failed or is in quarantine; without secrets.
    """

    key: str
    payload_hash: str
    version: str | None
    fetched_at: datetime
    occurred_at: datetime | None
    raw_ref: str | None
    parent: str | None = None
    status: ExtractionStatus = ExtractionStatus.LANDED
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractionRow:
    """An extracted record with its place, for listings.

    Attributes:
        id: Row id; the next page begins after the last one.
        source: The source's name.
        connection: The account or tenant.
        partition: Key of the partition.
        entity: What the item is.
        record: The record.
        job_id: The last job that was queued together with it.
        run_id: The run that extracted it.
    """

    id: int
    source: str
    connection: str
    partition: str
    entity: str
    record: ExtractedRecord
    job_id: int | None
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractionState:
    """How far a partition was extracted. Its sync has a state of its own.

    Attributes:
        partition_id: The partition.
        cursor: The last committed checkpoint of an extraction.
        generation: Number of the current (or last) listing by an extraction; 0 before the first.
        listing_open: Whether that listing has not come to its end yet.
        updated_at: When an extraction last committed something here.
    """

    partition_id: int
    cursor: Mapping[str, Any] | None
    generation: int
    listing_open: bool
    updated_at: datetime | None


@dataclass(slots=True, kw_only=True)
class ExtractionBatch:
    """What one step of a partition's extraction changes in the ledger, all of it or nothing.

    Jobs are part of it, so none can be lost, and none be queued for what did not land.

    Attributes:
        partition_id: The partition.
        generation: The listing (by an extraction) that saw the records.
        run_id: The run.
        records: Records that are new or moved. Those whose payload is in the file that a job of
            this batch is about carry that job's id.
        seen: Keys of known records that were seen unchanged.
        deleted: Keys of records that the source has no more.
        dead_letters: Items set aside.
        resolved: Keys whose dead letters are resolved; applied before `dead_letters`.
        raw_files: Files that landed.
        jobs: What is to be done with them.
        cursor: The checkpoint everything above leads up to; None when none was passed.
        listing_closed: The listing came to its end with this batch.
    """

    partition_id: int
    generation: int
    run_id: str
    records: list[ExtractedRecord] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    raw_files: list[RawFile] = field(default_factory=list)
    jobs: list[NewJob] = field(default_factory=list)
    cursor: Mapping[str, Any] | None = None
    listing_closed: bool = False
