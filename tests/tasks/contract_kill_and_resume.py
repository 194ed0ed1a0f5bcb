"""The suite that every source and every store passes: killed anywhere, started again, all the same.

A source or a store joins with a `Rehearsal` and a subclass (see `test_kill_and_resume.py`):

    class TestJira(KillAndResume):
        @pytest.fixture(scope="class")
        @classmethod
        def rehearsal(cls) -> Rehearsal:
            return Rehearsal(open_exporter=..., open_stores=...)

The sync runs in a child, is killed there, and is run again to its end. What the stores hold then is
compared with one run that nobody disturbed.
"""

import os
import random
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
from fork_server import Ended, ForkServer
from store_state import state_of
from watched_stores import Watch

from exporters.base import BaseExporter, Partition
from exporters.changes import Change, Checkpoint, Cursor
from stores.ledger.types import PartitionState
from tasks.context import SyncContext
from tasks.making_process import ProcessMaker
from tasks.options import SyncOptions
from tasks.pipeline import sync_partition
from tasks.stores import Stores

STEPS = (
    "raw.append done",
    "index.write done",
    "vectors.write done",
    "ledger.commit",
    "ledger.commit done",
)
"""Where a write may be cut off: each of these is a place between two acknowledgements."""


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """A sync that can be run again and again, in any process. Everything in it must pickle.

    Attributes:
        open_exporter: Makes the exporter of a phase: 0 is the first sync, 1 the next one, after
            the source moved ...
        open_stores: Opens the stores in a folder, watched.
        phases: How many syncs follow each other.
        selection: What of the source is synced.
        options: Small batches, so that there is much to be cut off.
        store_name: The document type.
        people: E-mail addresses of persons whose principals must come out the same.
        custom: The source's own processing step.
        open_maker: Makes what makes the documents; None where the pipeline does it by itself.
        in_folder: Whether the folder holds the stores whole, so that a copy of it is one of them.
    """

    open_exporter: Callable[[int], BaseExporter]
    open_stores: Callable[[Path, Watch], Stores]
    phases: int = 2
    selection: Any = None
    options: SyncOptions = field(default_factory=lambda: SyncOptions(batch_records=7))
    store_name: str = "documents"
    people: tuple[str, ...] = ()
    custom: Any = None
    open_maker: "Callable[[BaseExporter, Rehearsal], ProcessMaker] | None" = None
    in_folder: bool = True

    def run(self, folder: Path, phase: int, watch: Watch, *, fresh: bool = False) -> None:
        """Syncs every partition, one after the other, as a run does."""
        exporter, stores = self.open_exporter(phase), self.open_stores(folder, watch)
        maker = self.open_maker(exporter, self) if self.open_maker is not None else None
        try:
            name = exporter.connection
            context = SyncContext(
                exporter=_Told(exporter, watch),
                connection=name,
                connection_id=stores.ledger.connection_id(exporter.source, name, name),
                stores=stores,
                options=self.options,
                run_id=f"run-{os.getpid()}",
                store_name=self.store_name,
                custom=self.custom,
                maker=maker,
            )
            with stores.ledger.lease(f"sync:{name}", run_id=context.run_id) as lease:
                for partition in exporter.partitions(self.selection):
                    if not partition.unreadable:
                        sync_partition(replace(context, lease=lease), partition, fresh=fresh)
        finally:
            if maker is not None:
                maker.close()
            stores.close()
            exporter.close()

    def before(self, folder: Path, phase: int, kept: Path) -> None:
        """Makes stores as they are before a phase.

        Args:
            folder: Where; it does not exist yet.
            phase: Which.
            kept: Such stores.
        """
        if self.in_folder:
            shutil.copytree(kept, folder)
            return
        folder.mkdir()
        for earlier in range(phase):
            self.run(folder, earlier, Watch())

    def state(self, folder: Path) -> dict[str, Any]:
        """What the stores in a folder hold."""
        stores = self.open_stores(folder, Watch())
        try:
            stores.maintain()  # a server shows what was written after a while, or so
            return state_of(stores, people=self.people)
        finally:
            stores.close()


class _Told(BaseExporter):
    """An exporter that tells of every checkpoint, once the pipeline has taken it."""

    source: ClassVar[str] = ""

    def __init__(self, inner: BaseExporter, watch: Watch) -> None:
        self.inner = inner
        self.watch = watch
        self.source = inner.source  # type: ignore[misc]
        self.transform_version = inner.transform_version  # type: ignore[misc]
        self.shares_documents = inner.shares_documents  # type: ignore[misc]

    @property
    def connection(self) -> str:
        return self.inner.connection

    def test_connection(self) -> Any:
        return self.inner.test_connection()

    def partitions(self, selection: Any) -> Iterator[Partition]:
        return self.inner.partitions(selection)

    def pull(self, partition: Partition, cursor: Cursor | None) -> Iterator[Change]:
        for change in self.inner.pull(partition, cursor):
            yield change
            if isinstance(change, Checkpoint):
                self.watch("checkpoint")

    def to_documents(self, record: Any) -> Any:
        return self.inner.to_documents(record)

    def fetch(self, partition: Partition, entity: str, external_id: str) -> Iterator[Change] | None:
        return self.inner.fetch(partition, entity, external_id)

    def export(self) -> Any:
        raise NotImplementedError


def rehearse(rehearsal: Rehearsal, folder: Path, phase: int) -> dict[str, Any]:
    """Runs undisturbed; gives the steps taken and the CPU seconds used."""
    watch = Watch()
    rehearsal.run(folder, phase, watch)
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"steps": dict(watch.counts), "cpu": used.ru_utime + used.ru_stime}


def rehearse_until(rehearsal: Rehearsal, phase: int, step: str, time: int, folder: Path) -> None:
    """Runs until a step is taken for the n-th time, and is killed there."""
    watch = Watch()
    watch.kills(step, time)
    rehearsal.run(folder, phase, watch)


def rehearse_for(rehearsal: Rehearsal, phase: int, seconds: float, folder: Path) -> None:
    """Runs until some CPU seconds are used up; then the kernel ends it, wherever it is."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    rehearsal.run(folder, phase, Watch())


@dataclass(frozen=True)
class Undisturbed:
    """One run of every phase that nobody disturbed.

    Attributes:
        folders: The stores before each phase, and after the last one.
        states: What they held after each phase.
        steps: How often each step was taken in it.
        cpu: How many CPU seconds it took.
    """

    folders: list[Path]
    states: list[dict[str, Any]]
    steps: list[dict[str, int]]
    cpu: list[float]


def undisturbed_runs(rehearsal: Rehearsal, fork_server: ForkServer, folder: Path) -> Undisturbed:
    """Runs every phase, one after the other; keeps the stores of before and after each."""
    told = Undisturbed([folder / "0"], [], [], [])
    told.folders[0].mkdir()
    for phase in range(rehearsal.phases):
        after = folder / f"{phase + 1}"
        rehearsal.before(after, phase, told.folders[-1])
        ended = fork_server.run(rehearse, rehearsal, after, phase)
        assert ended.code == 0, ended.value
        told.folders.append(after)
        told.states.append(rehearsal.state(after))
        told.steps.append(ended.value["steps"])
        told.cpu.append(ended.value["cpu"])
    assert told.states[-1]["documents"], "nothing was synced"
    return told


class KillAndResume:
    """The contract."""

    random_moments = 15
    most_checkpoints = 1_000
    """At how many checkpoints of a phase it is killed; where there are more, at some of them."""

    most_times = 2
    """How often it is killed at a step: in the middle and at the end, or at the end alone."""

    @pytest.fixture(scope="class")
    @classmethod
    def rehearsal(cls) -> Rehearsal:
        """What is synced, and into what."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def undisturbed(
        cls,
        rehearsal: Rehearsal,
        fork_server: ForkServer,
        tmp_path_factory: pytest.TempPathFactory,
    ) -> Undisturbed:
        """What every disturbed run must come to."""
        return undisturbed_runs(rehearsal, fork_server, tmp_path_factory.mktemp("undisturbed"))

    @pytest.fixture(params=[0, 1], ids=["first sync", "next sync"])
    def phase(self, request: pytest.FixtureRequest) -> int:
        """Which of the syncs is killed."""
        phase: int = request.param
        return phase

    def check_in_between(
        self, stores: Stores, phase: int, partitions: list[PartitionState]
    ) -> None:
        """Whether the stores hold what the cursors say, right after a kill. For subclasses."""

    def killed_and_resumed(
        self,
        rehearsal: Rehearsal,
        undisturbed: Undisturbed,
        phase: int,
        folder: Path,
        kill: Callable[[Path], Ended],
    ) -> bool:
        """Kills a run, runs it again, and compares; tells whether it was killed at all."""
        rehearsal.before(folder, phase, undisturbed.folders[phase])
        ended = kill(folder)
        assert ended.code <= 0, ended.value
        self._look(rehearsal, folder, phase)
        rehearsal.run(folder, phase, Watch())
        assert rehearsal.state(folder) == undisturbed.states[phase]
        shutil.rmtree(folder)
        return ended.code < 0

    def _look(self, rehearsal: Rehearsal, folder: Path, phase: int) -> None:
        stores = rehearsal.open_stores(folder, Watch())
        try:
            for connection in stores.ledger.connections():
                partitions = stores.ledger.partitions(connection.id)
                self.check_in_between(stores, phase, partitions)
        finally:
            stores.close()

    def test_killed_at_every_checkpoint(
        self,
        rehearsal: Rehearsal,
        undisturbed: Undisturbed,
        phase: int,
        fork_server: ForkServer,
        tmp_path: Path,
    ) -> None:
        checkpoints = undisturbed.steps[phase].get("checkpoint", 0)
        assert checkpoints
        stride = -(-checkpoints // self.most_checkpoints)
        for time in range(checkpoints, 0, -stride):
            assert self.killed_and_resumed(
                rehearsal, undisturbed, phase, tmp_path / f"{time}",
                partial(fork_server.run, rehearse_until, rehearsal, phase, "checkpoint", time),
            )  # fmt: skip

    @pytest.mark.parametrize("step", STEPS)
    def test_killed_between_two_writes(
        self,
        rehearsal: Rehearsal,
        undisturbed: Undisturbed,
        phase: int,
        step: str,
        *,
        fork_server: ForkServer,
        tmp_path: Path,
    ) -> None:
        taken = undisturbed.steps[phase].get(step, 0)
        assert taken, f"{step} is not taken at all"
        for time in sorted({taken, (taken + 1) // 2}, reverse=True)[: self.most_times]:
            assert self.killed_and_resumed(
                rehearsal, undisturbed, phase, tmp_path / f"{time}",
                partial(fork_server.run, rehearse_until, rehearsal, phase, step, time),
            )  # fmt: skip

    def test_killed_at_any_moment(
        self,
        rehearsal: Rehearsal,
        undisturbed: Undisturbed,
        fork_server: ForkServer,
        tmp_path: Path,
    ) -> None:
        dice = random.Random(20260301)  # noqa: S311 (moments, not secrets)
        killed = 0
        for number in range(self.random_moments):
            phase = number % rehearsal.phases
            moment = dice.uniform(0.05, 0.95) * undisturbed.cpu[phase]
            killed += self.killed_and_resumed(
                rehearsal, undisturbed, phase, tmp_path / f"{number}",
                partial(fork_server.run, rehearse_for, rehearsal, phase, moment),
            )  # fmt: skip
        assert killed > self.random_moments / 2
