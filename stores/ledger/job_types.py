"""Jobs: what is to be done with something that landed, by references and never with payloads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class JobStatus(StrEnum):
    """How far a job is."""

    READY = "ready"
    """To be claimed, at once or once its `available_at` has come."""
    CLAIMED = "claimed"
    """A worker has it, until `available_at`."""
    DONE = "done"
    DEAD = "dead"
    """It failed too often, or for good; a person replays or discards it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to be queued.

    Attributes:
        type: What is to be done: `transform`.
        entity: The entity type of what it is about.
        batch: The landed file it is about: a path within the raw store.
        rows: How many rows of it.
        details: References that the work needs besides; JSON-serialisable, 64 KiB at most.
        key: A second job with the key of an earlier one of the connection is not queued.
        partition_id: The partition; that of the commit it is part of where not told.
    """

    type: str
    entity: str | None = None
    batch: str | None = None
    rows: int = 0
    details: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    partition_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as the ledger knows it.

    Attributes:
        id: Row id.
        type: What is to be done.
        source: The source's name.
        connection: The account or tenant.
        connection_id: Number of the connection.
        partition: Key of the partition.
        partition_id: Row id of the partition.
        entity: The entity type of what it is about.
        batch: The landed file it is about.
        rows: How many rows of it.
        details: References that the work needs besides.
        key: What keeps a second one like it from being queued.
        status: How far it is.
        attempts: How often it was claimed; one that was given back untouched is not counted.
        available_at: When it may be claimed: after a failure, or when its worker falls silent.
        claimed_by: Who has it, or had it last.
        error: Why it failed last.
        created_at: When it was queued.
        finished_at: When it was done or given up.
        run_id: The run that queued it.
        token: Of the claim; what a worker proves with that the job is still its own.
    """

    id: int
    type: str
    source: str
    connection: str
    connection_id: int
    partition: str | None
    partition_id: int | None
    entity: str | None
    batch: str | None
    rows: int
    details: Mapping[str, Any]
    key: str | None
    status: JobStatus
    attempts: int
    available_at: datetime
    claimed_by: str | None
    error: str | None
    created_at: datetime
    finished_at: datetime | None
    run_id: str
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs; what is None or empty excludes nothing.

    Attributes:
        types: Job types.
        source: The source's name.
        connection: The account or tenant.
    """

    types: tuple[str, ...] = ()
    source: str | None = None
    connection: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDepth:
    """How full the queue is.

    Attributes:
        ready: Jobs that can be claimed now, those of workers that fell silent included.
        delayed: Jobs that wait for their next attempt.
        claimed: Jobs that workers have.
        dead: Jobs that failed too often.
        done: Finished jobs that are still kept.
        oldest: Since when the oldest unfinished job has been waiting; None when there is none.
        oldest_age: The same in seconds, by the ledger's clock.
    """

    ready: int
    delayed: int
    claimed: int
    dead: int
    done: int
    oldest: datetime | None
    oldest_age: float | None

    @property
    def open(self) -> int:
        """Jobs that are not finished."""
        return self.ready + self.delayed + self.claimed
