"""Measures the job queue: queueing, claiming and acknowledging batches.

Everything is durable when a call returns: SQLite with `synchronous=FULL`, PostgreSQL as its server
is set, RabbitMQ with quorum queues and publisher confirms (beside a ledger in SQLite). CPU seconds
are those of this process; a server spends its own. The time on the clock depends on the disk.

Run:
    python -m benchmarks.job_queue
    python -m benchmarks.job_queue --ledger postgresql://user:password@host/database
    python -m benchmarks.job_queue --broker amqp://user:password@host
    python -m benchmarks.job_queue --jobs 20000 --at-once 1 10 100 --workers 4
"""

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from stores.ledger.job_types import NewJob
from stores.ledger.ledger import Ledger
from stores.opening import open_queue
from stores.queue.base import JobQueue
from stores.settings import load_store_settings


class Watch:
    """Seconds on the clock and of CPU since it was made."""

    def __init__(self) -> None:
        self._clock, self._cpu = time.perf_counter(), time.process_time()

    def rates(self, number: int) -> tuple[float, float]:
        """So many, per second and per CPU second."""
        clock, cpu = time.perf_counter() - self._clock, time.process_time() - self._cpu
        return number / clock, number / cpu


def jobs(number: int) -> Iterator[NewJob]:
    """Jobs as an extraction queues them."""
    for n in range(number):
        path = f"source=slack/entity=thread/date=2026-11-20/3f2a9c51-{n:08}.parquet"
        yield NewJob(type="transform", entity="thread", batch=path, rows=1_000)


def opened(ledger: str, broker: str) -> JobQueue:
    """The queue under test."""
    return open_queue(load_store_settings(queue=broker or None), Ledger.open(ledger))


def work(ledger: str, broker: str, at_once: int, share: int) -> None:
    """Claims and acknowledges a share of the jobs."""
    with opened(ledger, broker) as queue:
        drain(queue, at_once, share)


def drain(queue: JobQueue, at_once: int, number: int) -> None:
    """Claims and acknowledges so many jobs."""
    done = 0
    while done < number:
        claimed = queue.claim(min(at_once, number - done), worker="benchmark", wait=10)
        if not claimed:
            sys.exit("A job is missing.")
        if queue.ack(claimed):
            sys.exit("A claim was lost.")
        done += len(claimed)


def measure(args: argparse.Namespace, ledger: str) -> Table:
    """A table of rates."""
    table = Table(title=f"{args.jobs:,} jobs; {args.broker.partition('@')[2] or 'no broker'}")
    for heading in ("what", "at once", "a second", "a CPU second"):
        table.add_column(heading, justify="left" if heading == "what" else "right")

    def add(what: str, at_once: int, rates: tuple[float, float]) -> None:
        cpu = f"{rates[1]:,.0f}" if rates[1] else ""
        table.add_row(what, f"{at_once:,}", f"{rates[0]:,.0f}", cpu)

    with opened(ledger, args.broker) as queue:
        connection = queue.ledger.connection_id("slack", "T1", "Benchmark")
        for at_once in args.at_once:
            number = min(args.jobs, at_once * 500)
            watch = Watch()
            queue.ledger.jobs.add(connection, jobs(number), run_id="benchmark")
            add("queue", 1_000, watch.rates(number))
            if args.broker:
                watch = Watch()
                queue.dispatch()
                add("publish", 500, watch.rates(number))
            watch = Watch()
            drain(queue, at_once, number)
            add("claim and acknowledge", at_once, watch.rates(number))
        if args.workers > 1:
            at_once = args.at_once[-1]
            queue.ledger.jobs.add(connection, jobs(args.jobs), run_id="benchmark")
            queue.dispatch()
            context = multiprocessing.get_context("spawn")
            share = args.jobs // args.workers
            watch = Watch()
            workers = [
                context.Process(target=work, args=(ledger, args.broker, at_once, share))
                for _ in range(args.workers)
            ]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            add(f"the same by {args.workers} workers", at_once, (watch.rates(args.jobs)[0], 0))
    return table


def main() -> None:
    """Runs the measurement."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=20_000, help="how many jobs")
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 10, 100], help="per claim")
    parser.add_argument("--workers", type=int, default=1, help="processes that work at once")
    parser.add_argument("--ledger", default="", help="URL or path; a temporary file by default")
    parser.add_argument("--broker", default="", help="URL of RabbitMQ; none by default")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Console().print(measure(args, args.ledger or str(Path(folder) / "ledger.db")))


if __name__ == "__main__":
    main()
