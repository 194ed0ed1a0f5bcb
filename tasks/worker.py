"""A transform worker: claims jobs, makes documents of what they name, and finishes them.

Any number of workers may run at once, on any machines. A worker that is stopped finishes the job at
hand and gives the others back; one that is killed loses its claims, and its jobs are done again.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Event, Lock, Thread
from time import monotonic
from typing import Final
from uuid import uuid4

from documents.errors import DataGettersError
from exporters.redaction import redactor
from stores.errors import StoreError
from stores.ledger.errors import LeaseHeldError, LeaseLostError
from stores.ledger.job_types import Job, JobFilter, JobStatus
from stores.ledger.processes import this_process
from stores.queue.base import JobQueue
from tasks.results import Counts
from tasks.scripts import TRANSFORM
from tasks.session import SyncRequest, SyncSession, worker_lease_prefix
from tasks.transforming import transform_job

_log: Final = logging.getLogger(__name__)

_CLAIMED_AT_ONCE: Final = 10
_HELD_AT_MOST: Final = 1_000
"""Jobs that are kept claimed while older ones of their partition are not done."""

_VISIBILITY: Final = 120.0
_IDLE_SECONDS: Final = 5.0
"""How long to wait for a job before looking again whether to stop."""

_BLOCKED_SECONDS: Final = 0.5
_BLOCKED_ROUNDS: Final = 4
"""Rounds after which a drain ends in which all jobs were blocked, and not by another worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkRequest:
    """What a worker does.

    Attributes:
        source: Only jobs of this source.
        connection: Only jobs of this account.
        drain: End when there is nothing left to claim; else wait for more.
        most: End after so many jobs.
        run_id: The run.
    """

    source: str | None = None
    connection: str | None = None
    drain: bool = True
    most: int | None = None
    run_id: str = field(default_factory=lambda: uuid4().hex)

    @property
    def only(self) -> JobFilter:
        """The jobs that are claimed."""
        return JobFilter(types=(TRANSFORM,), source=self.source, connection=self.connection)


@dataclass(slots=True, kw_only=True)
class WorkResult:
    """What a worker did.

    Attributes:
        done: Jobs.
        retried: Attempts that failed and come again later.
        dead: Jobs that were given up, with the reason of each, by id.
        waiting: Jobs that were left because older ones of their partition are not done.
        counts: Documents.
        seconds: How long it took, wall time.
        stopped: It was asked to stop.
    """

    done: int = 0
    retried: int = 0
    dead: dict[int, str] = field(default_factory=dict)
    waiting: int = 0
    counts: Counts = field(default_factory=Counts)
    seconds: float = 0.0
    stopped: bool = False

    @property
    def sentence(self) -> str:
        """What was done, in a line."""
        counts = self.counts
        told = (
            f"Jobs done: {self.done:,}. Documents: {counts.new:,} new, {counts.changed:,} changed, "
            f"{counts.unchanged:,} unchanged, {counts.deleted:,} deleted."
        )
        if counts.failed:
            told += f" Items set aside: {counts.failed:,}."
        if self.retried:
            told += f" Attempts that failed and come again: {self.retried:,}."
        if self.dead:
            number, reason = next(iter(self.dead.items()))
            told += f" Jobs given up: {len(self.dead):,}; the first, {number}: {reason}"
        if self.waiting:
            told += f" Jobs that wait for older ones of their partition: {self.waiting:,}."
        return told


class _Outcome(StrEnum):
    DONE = "done"
    FAILED = "failed"
    BLOCKED = "blocked"
    LOST = "lost"


class Worker:
    """Does jobs, one after the other.

    Attributes:
        result: What was done so far.
    """

    def __init__(
        self,
        queue: JobQueue,
        request: WorkRequest,
        *,
        stop: Event | None = None,
        open_session: Callable[[SyncRequest, str], SyncSession] | None = None,
        progress: Callable[[WorkResult], object] = lambda _: None,
    ) -> None:
        """Prepares a worker.

        Args:
            queue: Where jobs come from.
            request: What it does.
            stop: When set, the worker ends after the job at hand.
            open_session: Opens source and stores of an account.
            progress: Told after each job.
        """
        self.result = WorkResult()
        self._queue = queue
        self._request = request
        self._stop = stop or Event()
        self._open = open_session or _opened
        self._progress = progress
        self._name = f"{this_process()} {request.run_id[:8]}"
        self._sessions: dict[tuple[str, str], SyncSession] = {}
        self._held: defaultdict[tuple[int, str | None], dict[int, Job]] = defaultdict(dict)
        self._lost: set[int] = set()
        self._others_work = False
        self._lock = Lock()

    def run(self) -> WorkResult:
        """Works until there is nothing left (in a drain), or until it is stopped.

        Raises:
            StoreError: The queue or the ledger cannot be used.
        """
        began = monotonic()
        with ExitStack() as stack:
            stack.callback(self._close)
            stack.callback(self._release_held)
            stack.enter_context(self._extending())
            idle_rounds = 0
            while not self._is_over():
                before = self.result.done + self.result.retried + len(self.result.dead)
                claimed = self._round()
                self.result.seconds = monotonic() - began
                worked = self.result.done + self.result.retried + len(self.result.dead) > before
                if worked:
                    idle_rounds = 0
                    continue
                self.result.waiting = sum(map(len, self._held.values()))
                self._release_held()
                if self._request.drain:
                    # Whoever has the job before these may find nothing to claim, and end, while
                    # they are in hand here.
                    idle_rounds += not self._others_work
                    had_some = claimed or self.result.waiting
                    if not had_some or idle_rounds >= _BLOCKED_ROUNDS:
                        break
                    self._stop.wait(_BLOCKED_SECONDS)
                elif claimed:
                    self._stop.wait(_BLOCKED_SECONDS)
        self.result.seconds = monotonic() - began
        self.result.stopped = self._stop.is_set()
        return self.result

    def _round(self) -> int:
        """Claims jobs until there are none, and does those that can be done; how many came."""
        claimed = 0
        self._others_work = False
        while not self._is_over() and sum(map(len, self._held.values())) < _HELD_AT_MOST:
            wait = 0.0 if self._request.drain or claimed else _IDLE_SECONDS
            jobs = self._queue.claim(
                _CLAIMED_AT_ONCE,
                worker=self._name,
                visibility=_VISIBILITY,
                only=self._request.only,
                wait=wait,
            )
            if not jobs:
                break
            claimed += len(jobs)
            with self._lock:
                for job in jobs:
                    self._held[_place(job)][job.id] = job
            for place in dict.fromkeys(map(_place, jobs)):
                self._work_on(place)
        return claimed

    def _work_on(self, place: tuple[int, str | None]) -> None:
        """Does the jobs of a partition that are held, in order, as far as that can be."""
        held = self._held[place]
        for number in sorted(held):
            if self._is_over():
                return
            if number not in held:
                continue
            outcome = self._attempt(held[number])
            if outcome is _Outcome.BLOCKED:
                return
            with self._lock:
                del held[number]
            self._progress(self.result)

    def _attempt(self, job: Job) -> _Outcome:  # noqa: PLR0911 (one way out for each way to end)
        if self._is_preceded(job):
            return _Outcome.BLOCKED
        try:
            with self._session(job).transforming(job.partition or "") as context:
                # Asked again, now that nobody else has the partition.
                if self._is_preceded(job):
                    return _Outcome.BLOCKED
                if not self._is_ours(job):
                    return _Outcome.LOST
                self._let_go_beside(job)
                counts = transform_job(context, job)
                self._queue.ack([job])
        except LeaseHeldError as held:
            self._others_work |= held.name.startswith(
                worker_lease_prefix(job.source, job.connection)
            )
            return _Outcome.BLOCKED
        except LeaseLostError:
            return _Outcome.LOST
        except Exception as error:  # noqa: BLE001 (whatever it is, the job is tried again or buried)
            return self._failed(job, error)
        self.result.done += 1
        self.result.counts.add(counts)
        return _Outcome.DONE

    def _failed(self, job: Job, error: Exception) -> _Outcome:
        sentence = redactor.text(_sentence(error))
        if not isinstance(error, DataGettersError):
            _log.error("Job %d failed: %s", job.id, sentence, exc_info=error)
        hopeless = isinstance(error, ValueError)
        if hopeless:
            status = JobStatus.DEAD if self._queue.bury(job, sentence) else JobStatus.CLAIMED
        else:
            status = self._queue.retry(job, sentence)
        if status is JobStatus.DEAD:
            self.result.dead[job.id] = sentence
        elif status is JobStatus.READY:
            self.result.retried += 1
        return _Outcome.FAILED

    def _is_preceded(self, job: Job) -> bool:
        """Whether an older job of the partition is not done yet."""
        for status in (JobStatus.READY, JobStatus.CLAIMED):
            oldest = self._queue.ledger.jobs.page(
                source=job.source,
                connection=job.connection,
                partition=job.partition,
                type=TRANSFORM,
                status=status,
                limit=1,
            )
            if oldest and oldest[0].id < job.id:
                self._others_work |= (
                    status is JobStatus.CLAIMED and oldest[0].id not in self._held[_place(job)]
                )
                return True
        return False

    def _is_ours(self, job: Job) -> bool:
        if job.id in self._lost:
            return False
        now = self._queue.ledger.jobs.get(job.id)
        return now is not None and now.status is JobStatus.CLAIMED and now.token == job.token

    @contextmanager
    def _extending(self) -> Iterator[None]:
        """Keeps the claims on jobs for as long as the block lasts."""
        over = Event()

        def extend() -> None:
            while not over.wait(_VISIBILITY / 4):
                if held := self._claimed():
                    try:
                        self._lost |= self._queue.extend(held, _VISIBILITY)
                    except StoreError as error:
                        _log.warning("The claims on jobs could not be extended: %s", error)

        thread = Thread(target=extend, name="claims", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _claimed(self) -> list[Job]:
        with self._lock:
            return [job for held in self._held.values() for job in held.values()]

    def _session(self, job: Job) -> SyncSession:
        account = (job.source, job.connection)
        if account not in self._sessions:
            request = SyncRequest(source=job.source, run_id=self._request.run_id)
            self._sessions[account] = self._open(request, job.connection)
        return self._sessions[account]

    def _is_over(self) -> bool:
        most = self._request.most
        return self._stop.is_set() or (most is not None and self.result.done >= most)

    def _let_go_beside(self, job: Job) -> None:
        """Gives back what must not be in hand should this job kill the worker.

        A claim counts as an attempt. So a job that was in hand when a worker was killed is never
        again in hand while another one is done: one that kills its workers takes none along.
        """
        suspect = self._is_suspect(job)
        self._release(
            [j for j in self._claimed() if j.id != job.id and (suspect or self._is_suspect(j))]
        )

    def _is_suspect(self, job: Job) -> bool:
        return job.attempts > 1 or job.attempts >= self._queue.policy.attempts

    def _release_held(self) -> None:
        self._release(self._claimed())

    def _release(self, jobs: Sequence[Job]) -> None:
        with self._lock:
            for job in jobs:
                del self._held[_place(job)][job.id]
        if jobs:
            self._queue.release(jobs)

    def _close(self) -> None:
        for session in self._sessions.values():
            if self.result.counts.written:
                session.stores.maintain()
            session.close()
        self._sessions.clear()


def _place(job: Job) -> tuple[int, str | None]:
    """What has its jobs done in order: a partition of an account."""
    return job.connection_id, job.partition


def _opened(request: SyncRequest, connection: str) -> SyncSession:
    return SyncSession(request, connection=connection)


def _sentence(error: Exception) -> str:
    if isinstance(error, DataGettersError):
        return error.sentence()
    return f"{type(error).__name__}: {error}"
