"""How full the job queue is, how fast it is worked off, and what failed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from stores.ledger.job_types import JobFilter, JobStatus, QueueDepth
from stores.ledger.ledger import Ledger
from stores.ledger.types import ExtractionStatus

_WINDOW: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class QueueState:
    """The queue at a moment.

    Attributes:
        depth: How full it is.
        done_last_hour: Jobs that were done within the last hour.
        quarantined: Payloads that do not look as they should.
        reason: Why the first of the dead jobs was given up.
    """

    depth: QueueDepth
    done_last_hour: int
    quarantined: int
    reason: str | None

    @property
    def used(self) -> bool:
        """Whether anything was ever queued, as far as is known."""
        depth = self.depth
        return bool(depth.open or depth.dead or depth.done or self.quarantined)

    @property
    def sentence(self) -> str:
        """All of it in a line."""
        depth = self.depth
        age = f", the oldest for {_age(depth.oldest_age)}" if depth.oldest_age is not None else ""
        told = (
            f"Jobs that wait: {depth.open:,}{age}; done in the last hour: {self.done_last_hour:,}."
        )
        if depth.dead:
            told += f" Given up: {depth.dead:,}, see `data-getters jobs list`."
        if self.quarantined:
            told += f" Payloads in quarantine: {self.quarantined:,}."
        return told

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A row a measure, for an artifact."""
        return [{"measure": name, "value": value} for name, value in self.as_dict().items()]

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values, for scripts."""
        depth = self.depth
        return {
            "ready": depth.ready,
            "delayed": depth.delayed,
            "claimed": depth.claimed,
            "dead": depth.dead,
            "oldest_age_seconds": None if depth.oldest_age is None else round(depth.oldest_age),
            "done_last_hour": self.done_last_hour,
            "quarantined": self.quarantined,
            "first_dead": self.reason,
        }


def queue_state(ledger: Ledger, source: str | None = None) -> QueueState:
    """The state of a ledger's queue, or of its part that belongs to a source."""
    only = JobFilter(source=source)
    dead = ledger.jobs.page(source=source, status=JobStatus.DEAD, limit=1)
    return QueueState(
        depth=ledger.jobs.depth(only),
        done_last_hour=ledger.jobs.finished_since(datetime.now(UTC) - _WINDOW, only),
        quarantined=ledger.extractions.counts(source=source)[ExtractionStatus.QUARANTINED],
        reason=dead[0].error if dead else None,
    )


def _age(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
