"""Jobs to test with."""

import time
from typing import Any

from stores.ledger.job_types import Job, NewJob
from stores.ledger.ledger import Ledger
from stores.queue.base import JobQueue
from stores.queue.embedded import LedgerQueue
from stores.queue.rabbitmq import RabbitMQQueue

SOURCE = "slack"
TEAM = "T1"


def new_job(number: int = 1, **changes: Any) -> NewJob:
    """A job about a landed file."""
    values: dict[str, Any] = {
        "type": "transform",
        "entity": "thread",
        "batch": f"source={SOURCE}/entity=thread/date=2026-11-20/run-{number}.parquet",
        "rows": number,
    }
    return NewJob(**{**values, **changes})


class Opener:
    """Opens the queue under test, also from another process.

    Attributes:
        ledger_url: Where the ledger is.
        broker_url: Where the broker is; empty for none.
    """

    def __init__(self, ledger_url: str, broker_url: str = "") -> None:
        self.ledger_url = ledger_url
        self.broker_url = broker_url

    def open(self) -> JobQueue:
        """The queue, on a ledger of its own."""
        ledger = Ledger.open(self.ledger_url)
        if self.broker_url:
            return RabbitMQQueue(self.broker_url, ledger)
        return LedgerQueue(ledger)


class Jobs:
    """Adds jobs to a queue and takes them.

    Attributes:
        queue: The queue.
        connection: Number of their account.
        partition: Row id of their partition.
    """

    def __init__(self, queue: JobQueue) -> None:
        self.queue = queue
        self.connection = queue.ledger.connection_id(SOURCE, TEAM, "Acme")
        self.partition = queue.ledger.partition(self.connection, "C1", "#C1", "channel").id

    def add(self, number: int = 1, *, connection: int | None = None, **changes: Any) -> None:
        """Queues jobs, numbered from 1, and tells the broker."""
        made = (new_job(n, partition_id=self.partition, **changes) for n in range(1, number + 1))
        self.queue.ledger.jobs.add(connection or self.connection, made, run_id="run-1")
        self.queue.dispatch()

    def claim(self, limit: int = 1, **options: Any) -> list[Job]:
        """Takes jobs."""
        return self.queue.claim(limit, worker="worker-1", **options)

    def one(self, **options: Any) -> Job:
        """Takes the only job there is."""
        (job,) = self.claim(2, **{"wait": 5.0, **options})
        return job

    def all(self, number: int) -> list[Job]:
        """Takes so many jobs, in as many claims as it needs."""
        taken: list[Job] = []
        deadline = time.monotonic() + 30
        while len(taken) < number and time.monotonic() < deadline:
            taken += self.claim(number - len(taken), wait=5.0)
        return taken
