"""What a partition's sync did, counted while it goes on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from time import monotonic
from typing import Any


class PartitionOutcome(StrEnum):
    """How a partition's sync ended."""

    COMPLETED = "completed"
    SKIPPED = "skipped"
    """It cannot be read, and was not asked for by name."""
    ATTENTION = "attention"
    """It went to its end, but items were set aside, deletes were held back, or the source keeps a
    part of it back."""
    FAILED = "failed"


@dataclass(slots=True)
class Counts:
    """Documents, unless said otherwise."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    access_changed: int = 0
    deleted: int = 0
    failed: int = 0
    """Items set aside as dead letters."""
    embedded: int = 0
    """Texts handed to the embedding model."""
    landed: int = 0
    """Records written to the raw landing."""
    api_calls: int = 0
    seconds_waited: float = 0.0
    """For rate limits and retries."""

    def add(self, other: "Counts") -> None:
        """Adds another count to this one."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def since(self, before: "Counts") -> "Counts":
        """What was counted after another state of the same counts."""
        return Counts(
            **{name: getattr(self, name) - getattr(before, name) for name in self.__slots__}
        )

    def as_dict(self) -> dict[str, int]:
        """The counts by name; seconds rounded."""
        return {name: round(getattr(self, name)) for name in self.__slots__}

    @property
    def written(self) -> int:
        """Documents that were written, changed or removed in the stores."""
        return self.new + self.changed + self.access_changed + self.deleted


@dataclass(slots=True, kw_only=True)
class PartitionResult:
    """What happened to one partition.

    Attributes:
        key: The partition.
        name: What a person calls it.
        kind: What it is.
        outcome: How it ended.
        counts: What was done.
        seconds: How long it took, wall time.
        message: Why it failed or was skipped, and what to do, in a sentence.
        error: The class name of the error it failed with.
        held_back: Items a sweep would have deleted and did not.
        ended: Whether there is nothing more to come in this attempt.
    """

    key: str
    name: str
    kind: str
    outcome: PartitionOutcome = PartitionOutcome.COMPLETED
    counts: Counts = field(default_factory=Counts)
    seconds: float = 0.0
    message: str = ""
    error: str = ""
    held_back: int = 0
    ended: bool = False
    started: float = field(default_factory=monotonic, repr=False)


Progress = Callable[[PartitionResult], None]
"""Told after every commit of a partition, from the thread that wrote it."""


@dataclass(slots=True, kw_only=True)
class SyncResult:
    """What a whole run did."""

    run_id: str
    source: str
    connection: str
    partitions: list[PartitionResult]
    seconds: float
    extracts: bool = False
    """Whether it was an extraction: then items are counted, and no document was made."""

    @property
    def counts(self) -> Counts:
        """All partitions together."""
        total = Counts()
        for partition in self.partitions:
            total.add(partition.counts)
        return total

    @property
    def needs_attention(self) -> bool:
        """Whether something is missing or was held back."""
        return any(
            partition.outcome in {PartitionOutcome.FAILED, PartitionOutcome.ATTENTION}
            for partition in self.partitions
        )

    @property
    def anything_done(self) -> bool:
        """Whether at least one partition that holds documents went through."""
        done = {PartitionOutcome.COMPLETED, PartitionOutcome.ATTENTION}
        return any(p.outcome in done and p.kind != "people" for p in self.partitions)

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values, for scripts."""
        return {
            "run_id": self.run_id,
            "source": self.source,
            "connection": self.connection,
            "seconds": round(self.seconds, 3),
            "counts": self.counts.as_dict(),
            "partitions": [
                {
                    "key": partition.key,
                    "name": partition.name,
                    "kind": partition.kind,
                    "outcome": partition.outcome.value,
                    "counts": partition.counts.as_dict(),
                    "seconds": round(partition.seconds, 3),
                    "error": partition.error or None,
                    "message": partition.message or None,
                    "held_back": partition.held_back,
                }
                for partition in self.partitions
            ],
        }

    def with_outcome(self, outcome: PartitionOutcome) -> list[PartitionResult]:
        """The partitions that ended in one way."""
        return [partition for partition in self.partitions if partition.outcome is outcome]
