"""Transform workers as a command runs them, in processes that are killed and started again."""

import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from store_state import state_of
from watched_stores import Watch, settings_in, watched

import tasks.worker
from exporters.base import BaseExporter
from faults.stages import STAGES
from faults.stages.base import Opener
from stores.ledger.job_types import Job, JobFilter, QueueDepth
from stores.ledger.ledger import Ledger
from tasks.context import SyncContext
from tasks.extraction import extract_partition
from tasks.options import SyncOptions
from tasks.results import Counts
from tasks.stores import Stores
from tasks.transform_run import work
from tasks.worker import WorkRequest

_ALL: Final = 1_000_000
_GLANCE: Final = 0.02


@dataclass(frozen=True)
class Site:
    """Where everything lies.

    Attributes:
        folder: Document index, vectors and landing, and the ledger too unless that is elsewhere.
        ledger: URL of the ledger.
        queue: URL of a broker.
        attempts: How often a job is tried. By default so often that no kill can use them up.
        making: Where documents are made.
        settings: Those of the source; a worker needs no credentials.
    """

    folder: Path
    ledger: str = ""
    queue: str = ""
    attempts: int = 100
    making: str = "here"
    settings: Mapping[str, str] = field(default_factory=dict)

    def open(self) -> Stores:
        """The stores."""
        return watched(settings_in(self.folder, ledger=self.ledger, queue=self.queue), Watch())

    def depth(self) -> QueueDepth:
        """How full the queue is."""
        with closing(self._opened_ledger()) as ledger:
            return ledger.jobs.depth(JobFilter())

    def jobs(self) -> list[Job]:
        """Every job."""
        with closing(self._opened_ledger()) as ledger:
            return ledger.jobs.page(limit=_ALL)

    def _opened_ledger(self) -> Ledger:
        return Ledger.open(self.ledger or self.folder / "store.db")

    @property
    def variables(self) -> dict[str, str]:
        """The settings as a worker reads them."""
        return {
            "DATA_GETTERS_STORES__DATA_DIRECTORY": str(self.folder),
            "DATA_GETTERS_STORES__EMBEDDING_MODEL": "python:scripted_source:MODEL",
            "DATA_GETTERS_STORES__LEDGER": self.ledger,
            "DATA_GETTERS_STORES__QUEUE": self.queue,
            "DATA_GETTERS_STORES__JOB_ATTEMPTS": str(self.attempts),
            "DATA_GETTERS_TASKS__MAKING": self.making,
            **self.settings,
        }

    def state(self) -> dict[str, Any]:
        """What the stores hold, and what became of every record and every job."""
        stores = self.open()
        with closing(stores):
            return {
                **state_of(stores),
                "extracted": {
                    row.record.key: (row.partition, row.record.status, row.record.error)
                    for row in stores.ledger.extractions.page(limit=_ALL)
                },
                "jobs": {
                    job.batch: (job.partition, job.status, job.error)
                    for job in stores.ledger.jobs.page(limit=_ALL)
                },
                "files": sorted(
                    str(path.relative_to(self.folder)) for path in self.folder.rglob("*.parquet")
                ),
            }


@dataclass(frozen=True)
class Kill:
    """When a worker is killed.

    Attributes:
        cpu: After it has used so many seconds of CPU, wherever it is then.
        job: At its n-th job.
        written: At that job when all of it is written and the queue was not told so yet; otherwise
            when it is begun.
    """

    cpu: float = 0.0
    job: int = 0
    written: bool = False


@dataclass(frozen=True)
class Worked:
    """How it went.

    Attributes:
        killed: How many workers were.
        cpu: Seconds that all of them used.
    """

    killed: int
    cpu: float


def extract(site: Site, source: str, openers: Sequence[Opener]) -> None:
    """Extracts a company, and the same company some changes later; no worker is there yet."""
    stage = STAGES[source]
    stores = site.open()
    with closing(stores):
        for number, opener in enumerate(openers):
            exporter = opener()
            with closing(exporter):
                context = _context(exporter, stores, f"run-{number}")
                name = f"extract:{source}:{context.connection}"
                with stores.ledger.lease(name, run_id=context.run_id) as lease:
                    for partition in exporter.partitions(stage.selection()):
                        if not partition.unreadable:
                            extract_partition(
                                replace(context, lease=lease), partition,
                                schemas=stage.manifest.load(stage.manifest.schemas), request={},
                            )  # fmt: skip


def _context(exporter: BaseExporter, stores: Stores, run_id: str) -> SyncContext:
    name = exporter.connection
    return SyncContext(
        exporter=exporter,
        connection=name,
        connection_id=stores.ledger.connection_id(exporter.source, name, name),
        stores=stores,
        options=SyncOptions(batch_records=4, max_delete_percent=50),
        run_id=run_id,
        store_name=STAGES[exporter.source].store_name,
    )


def work_off(
    site: Site,
    kills: Sequence[Kill] = (),
    at_once: int = 1,
    *,
    poison: int | None = None,
    gate: Path | None = None,
) -> Worked:
    """Has workers do every job, and starts another one for each that is killed.

    To be run in a process of its own, without threads: it forks.

    Args:
        site: Where the jobs are.
        kills: When the first workers are killed, one after the other.
        at_once: How many workers there are at a time.
        poison: Number of a job that kills each worker that begins it.
        gate: Each worker puts a file of its own beside this one when it begins its second job, and
            waits for this one.
    """
    os.environ.update(site.variables)
    waiting, killed = list(kills), 0
    running: set[int] = set()

    def hire() -> None:
        kill = waiting.pop(0) if waiting else None
        running.add(_forked(lambda: _work(kill, poison, gate)))

    for _ in range(at_once):
        hire()
    while running:
        pid, status = os.wait()
        running.discard(pid)
        code = os.waitstatus_to_exitcode(status)
        if code > 0:
            raise AssertionError("a worker failed: see what it said")
        if code < 0:
            killed += 1
            hire()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Worked(killed, used.ru_utime + used.ru_stime)


def _work(kill: Kill | None, poison: int | None, gate: Path | None) -> None:
    _watch_jobs(kill or Kill(), poison, gate)
    if kill is not None and kill.cpu:
        signal.signal(signal.SIGPROF, signal.SIG_DFL)  # ends it as SIGKILL does
        signal.setitimer(signal.ITIMER_PROF, kill.cpu)
    work(WorkRequest())


def _watch_jobs(kill: Kill, poison: int | None, gate: Path | None) -> None:
    """Has something happen before a worker's jobs, or after them."""
    transform, number = tasks.worker.transform_job, 0

    def watched_job(context: SyncContext, job: Job) -> Counts:
        nonlocal number
        number += 1
        if gate is not None and number == 2:
            gate.with_suffix(f".{os.getpid()}").touch()
            while not gate.exists():
                time.sleep(_GLANCE)
        is_last = number == kill.job
        if job.id == poison or (is_last and not kill.written):
            os.kill(os.getpid(), signal.SIGKILL)
        counts = transform(context, job)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)
        return counts

    tasks.worker.transform_job = watched_job


def _forked(function: Callable[[], object]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        function()
        code = 0
    except BaseException:  # noqa: BLE001 (whatever it is, the child must not go on)
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
