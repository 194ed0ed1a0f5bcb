"""Workers and brokers that are killed: every job is done, and by one worker at a time."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from children import Child, Parent, child
from effort import tries
from queue_samples import Jobs, Opener, new_job
from servers.rabbitmq import RabbitmqServer

from stores.errors import StoreUnavailableError
from stores.queue.base import JobQueue
from stores.queue.rabbitmq import RabbitMQQueue

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("amqp")]

WORKERS = 3


class Workshop:
    """Where workers leave word of what they do.

    A job that is being worked on has a file with the worker's process id in it; who finds one of a
    worker that is alive has caught two of them at one job.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def begin(self, job_id: int) -> None:
        """Says that this process works on a job."""
        mark = self.folder / f"{job_id}.working"
        try:
            other = int(mark.read_text())
            os.kill(other, 0)
        except (OSError, ValueError):
            pass
        else:
            self.tell(f"twice {job_id}")
        mark.write_text(str(os.getpid()))

    def end(self, job_id: int) -> None:
        """Says that a job is done."""
        self.tell(f"done {job_id}")
        (self.folder / f"{job_id}.working").unlink()

    def tell(self, word: str) -> None:
        """Adds a line that survives being killed."""
        with (self.folder / f"{os.getpid()}.log").open("a") as log:
            log.write(f"{word}\n")

    def told(self, word: str) -> Counter[int]:
        """How often each job was told of in a way."""
        lines = [line for log in self.folder.glob("*.log") for line in log.read_text().split("\n")]
        return Counter(int(line.split()[1]) for line in lines if line.startswith(word))


def worker(opener: Opener, workshop: Workshop, *, visibility: float) -> Callable[[Parent], None]:
    """A worker that works until it is killed."""

    def work(parent: Parent) -> None:
        queue = opener.open()
        parent.tell("begun")
        while True:
            claimed = queue.claim(3, worker=str(os.getpid()), visibility=visibility, wait=30)
            for job in claimed:
                workshop.begin(job.id)
            time.sleep(0.01)
            for job in claimed:
                workshop.end(job.id)
            queue.ack(claimed)

    return work


def wait_until(reached: Callable[[], bool], seconds: float = 90) -> None:
    """Waits for something that is sure to come."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)


def test_workers_are_killed_and_every_job_is_done(
    opener: Opener, queue: JobQueue, jobs: Jobs, tmp_path: Path
) -> None:
    number, kills = tries(150, 1500), tries(4, 30)
    lot = random.Random(1)  # noqa: S311 (nothing secret)
    workshop = Workshop(tmp_path / "workshop")
    jobs.add(number)
    work = worker(opener, workshop, visibility=60)
    with ExitStack() as stack:
        workers: list[Child] = []

        def hire() -> None:
            hired = stack.enter_context(child(work))
            assert hired.said() == "begun"
            workers.append(hired)

        for _ in range(WORKERS):
            hire()
        for kill in range(1, kills + 1):
            reached = number * kill // (kills + 2)
            wait_until(lambda reached=reached: queue.depth().done >= reached)
            killed = workers.pop(lot.randrange(len(workers)))
            killed.signal(signal.SIGKILL)
            killed.ended()
            hire()
        wait_until(lambda: queue.depth().open == 0)
    assert queue.depth().done == number
    assert queue.depth().dead == 0
    assert len(workshop.told("done")) == number
    assert workshop.told("twice") == Counter()
    # No more than what the killed had in hand was done again.
    assert sum(workshop.told("done").values()) <= number + 3 * kills


@pytest.mark.parametrize("kept", [0.0, 0.4, 0.8, 1.0])
def test_a_power_cut_undoes_claims_and_acknowledgements_and_every_job_is_done(
    sqlite_url: str, kept: float
) -> None:
    """What was flushed is there: the jobs. Of what came after it, the end of the log is gone."""
    opener, log, number = Opener(sqlite_url), Path(f"{sqlite_url}-wal"), 20

    def work(parent: Parent) -> None:
        with opener.open() as queue:
            Jobs(queue).add(number)
            parent.tell(log.stat().st_size)
            claimed = queue.claim(15, worker="w", visibility=3600)
            for job in claimed[:10]:
                queue.ack([job])
            parent.tell(log.stat().st_size)
            os.kill(os.getpid(), signal.SIGKILL)

    with child(work) as worker:
        flushed, size = int(worker.said()), int(worker.said())
        worker.ended()
    assert size > flushed
    with log.open("r+b") as file:
        file.truncate(flushed + int((size - flushed) * kept))
    Path(f"{sqlite_url}-shm").unlink()
    with opener.open() as queue:
        done = queue.depth().done
        least, most = {0.0: (0, 0), 1.0: (10, 10)}.get(kept, (0, 9))
        assert least <= done <= most
        taken = Jobs(queue).all(number - done)
        assert queue.ack(taken) == set()
        assert queue.depth().done == number


def test_a_broker_is_killed_and_started_again_and_every_job_is_done(
    rabbitmq: RabbitmqServer, sqlite_url: str, tmp_path: Path
) -> None:
    if not rabbitmq.can_be_killed:
        pytest.skip("this RabbitMQ server is not ours to kill")
    number = tries(200, 2000)
    opener = Opener(sqlite_url, rabbitmq.url)
    workshop = Workshop(tmp_path / "workshop")
    with opener.open() as queue, ExitStack() as stack:
        jobs = Jobs(queue)
        jobs.add(number // 2)
        work = worker(opener, workshop, visibility=60)
        workers = [stack.enter_context(child(work)) for _ in range(2)]
        assert [hired.said() for hired in workers] == ["begun", "begun"]
        waiting = number - number // 2
        kills = tries(1, 4)
        for _ in range(kills):
            reached = queue.depth().done + 10
            wait_until(lambda reached=reached: queue.depth().done >= reached)
            time.sleep(1)  # a queue as young as that is another test's
            rabbitmq.kill()
            # What is queued meanwhile is in the ledger, and workers tell the broker of it later.
            new = (new_job(n, partition_id=jobs.partition) for n in range(waiting // kills))
            assert queue.ledger.jobs.add(jobs.connection, new, run_id="run-1") == waiting // kills
            with pytest.raises(StoreUnavailableError, match="does not answer"):
                queue.dispatch()
            rabbitmq.start()
        queue.dispatch()
        wait_until(lambda: queue.depth().open == 0)
        assert queue.depth().done == number
    assert len(workshop.told("done")) == number
    assert workshop.told("twice") == Counter()


def test_a_queue_that_does_not_survive_its_server_is_made_and_filled_again_by_one_worker(
    rabbitmq: RabbitmqServer, sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """RabbitMQ 3.10 breaks a quorum queue that is killed within half a second of its making."""
    if not rabbitmq.can_be_killed:
        pytest.skip("this RabbitMQ server is not ours to kill")
    with ExitStack() as stack:
        queues = []
        for _ in range(WORKERS):
            queue = stack.enter_context(Opener(sqlite_url, rabbitmq.url).open())
            assert isinstance(queue, RabbitMQQueue)
            queue._broker.answer_seconds = 6  # deleting such a queue takes the server 5
            queues.append(queue)
        Jobs(queues[0]).add(5 * WORKERS)
        rabbitmq.kill()
        rabbitmq.start()

        def work(queue: JobQueue) -> int:
            done = 0
            while queue.depth().open:
                with suppress(StoreUnavailableError):
                    taken = queue.claim(1, worker=f"worker-{id(queue)}", wait=1)
                    assert queue.ack(taken) == set()
                    done += len(taken)
            return done

        with ThreadPoolExecutor(WORKERS) as pool:
            assert sum(pool.map(work, queues)) == 5 * WORKERS
    deleted = [told for told in caplog.messages if told.endswith("is broken.")]
    assert len(deleted) <= 1
