"""What a job queue does, whichever broker is behind it.

    queue = open_queue(settings, ledger)  # stores.opening
    for job in queue.claim(10, worker="host-1", wait=30):
        try:
            work(job)
        except Exception as error:
            queue.retry(job, str(error))
        else:
            queue.ack([job])

Each job is done at least once: a worker that is killed, or silent for longer than it said it would
be, loses its jobs to others. So what a job does must bear to be done twice, and jobs come in no
particular order. Jobs are queued by the ledger, in the transaction of what they are about
(`ExtractionBatch.jobs`) or by `Ledger.jobs.add`; call `dispatch` afterwards. The ledger's table is
what counts: attempts, status and errors are there with every broker.
"""

import random
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from stores.ledger.claims import LONGEST_DELAY
from stores.ledger.job_types import Job, JobFilter, JobStatus, QueueDepth
from stores.ledger.ledger import Ledger

VISIBILITY: Final = 120.0
"""Seconds for which a claim holds unless it is extended."""

EVERYTHING: Final = JobFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and when a job is tried again.

    Attributes:
        attempts: How often a job is tried at all.
        first: Seconds until the second attempt; each further wait is twice as long.
        longest: Seconds that a wait takes at most.
    """

    attempts: int = 5
    first: float = 10.0
    longest: float = 15 * 60.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.first < 0 or not 0 <= self.longest <= LONGEST_DELAY:
            raise ValueError("at least one attempt, and waits between 0 and 24 hours")

    def delay(self, attempts: int) -> float:
        """Seconds until the next attempt, after so many; drawn by lot from the upper half.

        Jobs that failed together (a store that was down) must not all come back together.
        """
        longest = min(self.longest, self.first * 2.0 ** min(attempts - 1, 30))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 (nothing secret)


class JobQueue(ABC):
    """Hands out the jobs of a ledger. Safe to use from many threads.

    Every method raises a `StoreError` with a sentence where ledger or broker fail.

    Attributes:
        ledger: Whose jobs.
        policy: How often and when a job is tried again.
    """

    def __init__(self, ledger: Ledger, policy: RetryPolicy | None = None) -> None:
        self.ledger = ledger
        self.policy = policy or RetryPolicy()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    @abstractmethod
    def address(self) -> str:
        """What a person calls the queue; without secrets."""

    @abstractmethod
    def dispatch(self) -> int:
        """Tells the broker of jobs that it is to know of. To be called after jobs were queued.

        A process that is killed before it does so costs nothing: workers do it too.

        Returns:
            How many it was told of; always 0 where the ledger is the queue.
        """

    @abstractmethod
    def claim(
        self,
        limit: int = 1,
        *,
        worker: str,
        visibility: float = VISIBILITY,
        only: JobFilter = EVERYTHING,
        wait: float = 0.0,
    ) -> list[Job]:
        """Takes jobs, so that nobody else gets them for a while.

        A job that was claimed `policy.attempts` times without ever being finished (its worker was
        killed each time) is buried instead of being handed out again.

        Args:
            limit: How many at most.
            worker: Who takes them, for people.
            visibility: Seconds after which they come back unless `extend` is called.
            only: Which jobs.
            wait: Seconds to wait for the first one.

        Returns:
            Jobs, as soon as there are any; none if there were none for that long.
        """

    def ack(self, jobs: Sequence[Job]) -> set[int]:
        """Finishes claimed jobs: they are done.

        Returns:
            The ids of those whose claim had run out and that went to somebody else; they will be
            done once more.
        """
        lost = self.ledger.claims.done(jobs)
        self._settled(jobs)
        return lost

    def retry(self, job: Job, error: str, *, delay: float | None = None) -> JobStatus:
        """Has a claimed job tried again later, or buries it after its last attempt.

        Args:
            job: The job.
            error: Why it failed: one sentence, without secrets.
            delay: Seconds until the next attempt, where the failure tells (a rate limit); the
                policy's otherwise.

        Returns:
            `READY` or `DEAD`; `CLAIMED` where the claim had run out and the job is somebody
            else's.
        """
        if job.attempts >= self.policy.attempts:
            return JobStatus.DEAD if self.bury(job, error) else JobStatus.CLAIMED
        wait = self.policy.delay(job.attempts) if delay is None else delay
        kept = self.ledger.claims.retry(job, error, wait)
        self._settled([job])
        return JobStatus.READY if kept else JobStatus.CLAIMED

    def bury(self, job: Job, error: str) -> bool:
        """Gives a claimed job up at once: it can never succeed. It becomes a dead letter.

        Returns:
            Whether the job was still the caller's.
        """
        kept = self.ledger.claims.bury(job, error)
        self._settled([job], dead=kept)
        return kept

    def release(self, jobs: Sequence[Job]) -> set[int]:
        """Gives claimed jobs back that were not begun; the attempt does not count.

        Returns:
            The ids of those whose claim had run out.
        """
        lost = self.ledger.claims.release(jobs)
        self._settled(jobs)
        return lost

    def extend(self, jobs: Sequence[Job], visibility: float = VISIBILITY) -> set[int]:
        """Holds claims for longer. To be called well before `visibility` is over.

        Returns:
            The ids of those whose claim had run out and that went to somebody else: work on them
            is to be given up.
        """
        return self.ledger.claims.extend(jobs, visibility)

    def depth(self, only: JobFilter = EVERYTHING) -> QueueDepth:
        """How full the queue is."""
        return self.ledger.jobs.depth(only)

    # Dead jobs

    def dead(
        self,
        *,
        source: str | None = None,
        connection: str | None = None,
        entity: str | None = None,
        after: int = 0,
        limit: int = 1_000,
    ) -> list[Job]:
        """One page of the jobs that were given up, the oldest first; see `JobBook.page`."""
        return self.ledger.jobs.page(
            source=source,
            connection=connection,
            entity=entity,
            status=JobStatus.DEAD,
            after=after,
            limit=limit,
        )

    def replay(
        self, job_ids: Collection[int] | None = None, *, only: JobFilter = EVERYTHING
    ) -> int:
        """Queues dead jobs again, with all their attempts.

        Args:
            job_ids: Which; all of them where not told.
            only: Which of these.

        Returns:
            How many there were.
        """
        replayed = self.ledger.jobs.replay(job_ids, only)
        if replayed:
            self._no_longer_dead(replayed)
            self.dispatch()
        return len(replayed)

    def discard(
        self, job_ids: Collection[int] | None = None, *, only: JobFilter = EVERYTHING
    ) -> int:
        """Removes dead jobs for good; what they are about stays where it is.

        Args:
            job_ids: Which; all of them where not told.
            only: Which of these.

        Returns:
            How many there were.
        """
        discarded = self.ledger.jobs.discard(job_ids, only)
        if discarded:
            self._no_longer_dead(discarded)
        return len(discarded)

    def _settled(self, jobs: Sequence[Job], *, dead: bool = False) -> None:  # noqa: B027
        """Tells the broker that claimed jobs are the claimer's no more, and whether they died."""

    def _no_longer_dead(self, job_ids: Sequence[int]) -> None:  # noqa: B027 (most need not care)
        """Tells the broker, where it keeps dead jobs too."""

    @abstractmethod
    def close(self) -> None:
        """Gives back connections; claimed jobs come back by themselves. Harmless twice."""
