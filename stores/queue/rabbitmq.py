"""The queue on RabbitMQ: the broker hands jobs round, the ledger says what they are.

A message is a job's number and references. It is published after the job was committed (the ledger
is an outbox), and comes at least once. Who gets a message claims the job in the ledger; the message
of a job that is done, or that somebody else has, is dropped. So it does no harm when one comes
twice, and none is missed when one is lost: what the ledger holds and the broker does not deliver is
published again.

Retries wait in the ledger (`available_at`) and are published when they are due. A queue with a time
to live would hold back short waits behind long ones, because messages expire at its head only, and
the attempts would be told in two places.
"""

import logging
import time
from collections.abc import Collection, Iterable, Sequence
from threading import Lock
from typing import Final

from documents.fingerprints import text_hash
from stores.errors import StoreError, StoreUnavailableError
from stores.ledger.job_types import Job, JobFilter, JobStatus
from stores.ledger.ledger import Ledger
from stores.queue.addresses import parse_broker_url
from stores.queue.base import EVERYTHING, VISIBILITY, JobQueue, RetryPolicy
from stores.queue.broker import Broker, Delivery, Outgoing

_PUBLISHED_AT_ONCE: Final = 500
_DISPATCH_SECONDS: Final = 1.0
_QUEUES_SECONDS: Final = 5.0
_SILENCE: Final = 3.0
"""Seconds without a message, with jobs waiting in the ledger, after which they are told again."""

_PATIENCE: Final = 60.0
"""Seconds for which a claim waits for a server that is starting again."""

_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 5.0
_NAME_BYTES: Final = 255

_log = logging.getLogger(__name__)


class RabbitMQQueue(JobQueue):
    """Hands out jobs through RabbitMQ."""

    def __init__(self, url: str, ledger: Ledger, policy: RetryPolicy | None = None) -> None:
        """Prepares it; nothing is connected yet.

        Args:
            url: `amqp://user:password@host:5672/vhost`, or `amqps://...`.
            ledger: Whose jobs.
            policy: How often and when a job is tried again.

        Raises:
            ConfigurationError: The URL cannot be read.
        """
        super().__init__(ledger, policy)
        self._prefix = f"data-getters.{ledger.jobs.identity()}"
        self._broker = Broker(parse_broker_url(url), f"{self._prefix}.dead")
        self._deliveries: dict[tuple[int, str | None], Delivery] = {}
        self._session = 0
        self._lock = Lock()
        self._queues: tuple[JobFilter, float, list[str]] = (EVERYTHING, 0.0, [])
        self._dispatched_at = 0.0

    @property
    def address(self) -> str:
        """Where the broker is, without secrets."""
        return str(self._broker.address)

    def dispatch(self) -> int:
        """See `JobQueue.dispatch`; returns once the broker has the messages on disk."""
        published = 0
        while True:
            taken, waiting = self.ledger.claims.take_undispatched(_PUBLISHED_AT_ONCE)
            if not waiting:
                return published
            messages = [Outgoing(self._queue_of(job), job.id, _body(job)) for job in waiting]
            confirmed: set[int] = set()
            try:
                confirmed |= self._broker.publish(messages)
                if len(confirmed) < len(messages):
                    # A queue was deleted under our hands: now it is there again.
                    rest = [message for message in messages if message.job_id not in confirmed]
                    confirmed |= self._broker.publish(rest)
            finally:
                self.ledger.claims.dispatched(taken, confirmed)
                self.ledger.claims.not_dispatched(taken)
            published += len(confirmed)
            if len(confirmed) < len(messages):
                _log.warning(
                    "RabbitMQ at %s did not take %d messages; they are published again soon.",
                    self.address,
                    len(messages) - len(confirmed),
                )
                return published

    def claim(
        self,
        limit: int = 1,
        *,
        worker: str,
        visibility: float = VISIBILITY,
        only: JobFilter = EVERYTHING,
        wait: float = 0.0,
    ) -> list[Job]:
        """See `JobQueue.claim`; a server that is starting again is waited for."""
        begun = heard = time.monotonic()
        pause = _FIRST_PAUSE
        while True:
            try:
                self._dispatch_now_and_then()
                found = self._broker.receive(self._queues_of(only), limit, _slice(begun, wait))
            except StoreUnavailableError:
                if time.monotonic() - begun > max(wait, _PATIENCE):
                    raise
                time.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            if found:
                if claimed := self._take(found, worker, visibility):
                    return claimed
                heard = time.monotonic()
                continue
            if self.ledger.claims.recover():
                self.dispatch()
                continue
            now = time.monotonic()
            if now - begun >= wait + _PATIENCE:
                return []
            if not self.ledger.claims.is_due(only):
                if now - begun >= wait:
                    return []
                heard = now
            elif now - heard > _SILENCE:
                heard = now
                if self.ledger.claims.dispatch_again(_SILENCE, only):
                    self.dispatch()

    def release(self, jobs: Sequence[Job]) -> set[int]:
        """See `JobQueue.release`; the broker is told of them again with the next claim."""
        lost = super().release(jobs)
        self._dispatched_at = 0.0
        return lost

    def close(self) -> None:
        """See `JobQueue.close`."""
        self._broker.close()

    def _settled(self, jobs: Sequence[Job], *, dead: bool = False) -> None:
        deliveries = self._deliveries_of(jobs)
        if dead:
            self._broker.reject(deliveries)  # it goes through the dead-letter exchange
        else:
            self._broker.ack(deliveries)

    def _no_longer_dead(self, job_ids: Sequence[int]) -> None:
        del job_ids  # whatever is dead no more leaves the dead queue

        def dead(ids: Collection[int]) -> set[int]:
            known = self.ledger.claims.known(ids)
            return {job_id for job_id, status in known.items() if status is JobStatus.DEAD}

        try:
            self._broker.clear_dead(dead)
        except StoreError as error:
            _log.warning("The dead queue of RabbitMQ could not be cleared: %s", error)

    def _take(self, found: list[Delivery], worker: str, visibility: float) -> list[Job]:
        """Claims the jobs that messages tell of, and settles the messages that tell of none."""
        by_job = {delivery.job_id: delivery for delivery in found if delivery.job_id is not None}
        try:
            claimed = self.ledger.claims.claim_these(
                by_job.keys(),
                worker=worker,
                visibility=visibility,
                attempts=self.policy.attempts,
            )
            taken = {job.id for job in claimed}
            others = by_job.keys() - taken
            known = self.ledger.claims.known(others) if others else {}
            due = self.ledger.claims.due(others) if others else set()
        except BaseException:
            self._broker.requeue(found)
            raise
        with self._lock:
            if found[0].session != self._session:
                self._session = found[0].session
                self._deliveries.clear()  # those of a lost connection have gone back
            for job in claimed:
                self._deliveries[job.id, job.token] = by_job[job.id]
        rejected = [by_job[i] for i, status in known.items() if status is JobStatus.DEAD]
        back = [by_job[i] for i in due]  # somebody is just taking it
        settled = {by_job[i] for i in taken}.union(rejected, back)
        self._broker.reject(rejected)
        self._broker.requeue(back)
        self._broker.ack([delivery for delivery in found if delivery not in settled])
        return claimed

    def _deliveries_of(self, jobs: Iterable[Job]) -> list[Delivery]:
        with self._lock:
            found = (self._deliveries.pop((job.id, job.token), None) for job in jobs)
            return [delivery for delivery in found if delivery is not None]

    def _dispatch_now_and_then(self) -> None:
        now = time.monotonic()
        if now - self._dispatched_at >= _DISPATCH_SECONDS:
            self._dispatched_at = now
            self.dispatch()

    def _queues_of(self, only: JobFilter) -> list[str]:
        """The queues of all accounts and job types that there are jobs of."""
        asked, at, names = self._queues
        now = time.monotonic()
        if asked != only or now - at > _QUEUES_SECONDS or not names:
            groups = self.ledger.jobs.groups(only)
            # What was subscribed to stays: its last messages may be on their way.
            kept = set(names) if asked == only else set()
            names = sorted({self._queue(*group) for group in groups} | kept)
            self._queues = (only, now, names)
        return names

    def _queue_of(self, job: Job) -> str:
        return self._queue(job.type, job.source, job.connection)

    def _queue(self, job_type: str, source: str, connection: str) -> str:
        name = f"{self._prefix}.{job_type}.{source}.{connection}"
        if len(name.encode()) <= _NAME_BYTES:
            return name
        return f"{self._prefix}.{text_hash(name)}"


def _body(job: Job) -> dict[str, object]:
    return {
        "type": job.type,
        "source": job.source,
        "connection": job.connection,
        "entity": job.entity,
        "batch": job.batch,
    }


def _slice(begun: float, wait: float) -> float:
    """How long to listen before the ledger is looked at again."""
    left = begun + wait - time.monotonic()
    return min(max(left, 0.05), _DISPATCH_SECONDS)
