"""One sync of one company: run as a flow runs it, and looked at from all sides."""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from store_state import state_of
from watched_stores import settings_in

from documents.errors import DataGettersError
from exporters import caller, limiter
from exporters.base import BaseExporter, Partition
from faults.stages.base import Stage
from sandbox.server import SandboxServer
from tasks.context import SyncContext
from tasks.options import SyncOptions
from tasks.partition_errors import PartitionFailedError
from tasks.pipeline import sync_partition
from tasks.results import PartitionOutcome, PartitionResult
from tasks.stores import Stores, open_stores

HURRIED: Final = {
    "max_attempts": 3,
    "backoff_base": 0.01,
    "backoff_cap": 0.02,
    "unspecified_wait": 0.02,
    "longest_wait": 3,
    "breaker_threshold": 50,
}
"""Settings with which nothing is waited for longer than a test likes."""

ENDLESS: Final = 120.0
"""Seconds after which a sync is taken for one that never ends; they take one or two."""


@dataclass
class Ended:
    """How a run of a source ended.

    Attributes:
        refusal: Why the partitions could not even be listed.
        results: What became of each partition, by key.
        withheld: The partitions that the source listed as unreadable.
        set_aside: What was said of single items.
    """

    refusal: str = ""
    results: dict[str, PartitionResult] = field(default_factory=dict)
    withheld: list[Partition] = field(default_factory=list)
    set_aside: list[str] = field(default_factory=list)

    @property
    def complaints(self) -> list[str]:
        """Every sentence that a person would read of something missing."""
        told = [
            result.message
            for result in self.results.values()
            if result.outcome is not PartitionOutcome.COMPLETED and result.message
        ]
        return [*([self.refusal] if self.refusal else []), *told, *self.set_aside]

    @property
    def failed(self) -> list[str]:
        """Keys of the partitions that failed."""
        return self._with(PartitionOutcome.FAILED)

    @property
    def attention(self) -> list[str]:
        """Keys of those that went through, with something set aside or held back."""
        return self._with(PartitionOutcome.ATTENTION)

    def _with(self, outcome: PartitionOutcome) -> list[str]:
        return [key for key, result in self.results.items() if result.outcome is outcome]

    @property
    def total(self) -> Counter[str]:
        """All partitions' counts together."""
        total: Counter[str] = Counter()
        for result in self.results.values():
            total.update(result.counts.as_dict())
            total["held back"] += result.held_back
        return total


class EndlessError(AssertionError):
    """A sync that does not come to its end."""


@dataclass
class Scene:
    """A source's stores, and syncs into them.

    Attributes:
        stage: The source.
        sandbox: What it asks.
        folder: The stores.
        settings: Of the source, besides the hurried ones.
        selection: What is synced; the stage's by default.
    """

    stage: Stage[Any, Any]
    sandbox: SandboxServer
    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    selection: Any = None

    def run(self, *, fresh: bool = False, **options: Any) -> Ended:
        """Syncs every partition, one after the other, as a run does in a process of its own.

        Raises:
            EndlessError: It does not come to its end.
        """
        limiter._limiters.clear()
        caller._breakers.clear()
        ended, stop, problems = Ended(), threading.Event(), list[BaseException]()

        def work() -> None:
            try:
                with self._opened() as (exporter, stores):
                    given = SyncOptions(**options)
                    self._sync(exporter, stores, ended, stop, fresh=fresh, options=given)
            except BaseException as error:  # noqa: BLE001 (handed on to the test)
                problems.append(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(ENDLESS)
        if thread.is_alive():
            stop.set()
            self.sandbox.stop()
            raise EndlessError(f"No end after {ENDLESS:.0f} s: {self.sandbox.requests.counts()}")
        if problems:
            raise problems[0]
        return ended

    @contextmanager
    def _opened(self) -> Iterator[tuple[BaseExporter, Stores]]:
        exporter = self.stage.opener(self.sandbox, **{**HURRIED, **self.settings})()
        stores = open_stores(settings_in(self.folder))
        try:
            yield exporter, stores
        finally:
            stores.close()
            exporter.close()

    def _sync(
        self,
        exporter: BaseExporter,
        stores: Stores,
        ended: Ended,
        stop: threading.Event,
        *,
        fresh: bool,
        options: SyncOptions,
    ) -> None:
        try:
            name = exporter.connection
            selection = self.stage.selection() if self.selection is None else self.selection
            partitions = list(exporter.partitions(selection))
        except DataGettersError as error:
            ended.refusal = error.sentence()
            return
        context = SyncContext(
            exporter=exporter,
            connection=name,
            connection_id=stores.ledger.connection_id(exporter.source, name, name),
            stores=stores,
            options=options.model_copy(update={"batch_records": 25}),
            run_id=f"run-{id(ended)}",
            store_name=self.stage.store_name,
            custom=self.stage.custom,
            stop=stop,
        )
        with stores.ledger.lease(f"sync:{name}", run_id=context.run_id) as lease:
            for partition in partitions:
                if partition.unreadable:
                    ended.withheld.append(partition)
                    continue
                try:
                    result = sync_partition(replace(context, lease=lease), partition, fresh=fresh)
                except PartitionFailedError as error:
                    result = error.result
                ended.results[partition.key] = result
        ended.set_aside = [letter.message for letter in stores.ledger.dead_letters()]

    def state(self) -> dict[str, Any]:
        """What the stores hold."""
        stores = open_stores(settings_in(self.folder))
        try:
            people = {
                address
                for document in stores.index.iterate()
                if (address := (document.metadata.get("author") or {}).get("email"))
            }
            return state_of(stores, people=tuple(sorted(people)))
        finally:
            stores.close()

    def ids(self) -> set[str]:
        """Ids of the stored documents."""
        stores = open_stores(settings_in(self.folder))
        try:
            return {document.id or "" for document in stores.index.iterate()}
        finally:
            stores.close()


@dataclass(frozen=True)
class Undisturbed:
    """Two syncs of one source that nobody disturbed: the first one, and one some changes later.

    Attributes:
        stage: The source.
        sandboxes: With the company before and after the changes.
        folders: The stores before each sync, and after the last one.
        states: What they held after each.
        ids: The documents before each sync, and after the last one.
        operations: What was asked in each, and how often.
    """

    stage: Stage[Any, Any]
    sandboxes: tuple[SandboxServer, SandboxServer]
    folders: list[Path]
    states: list[dict[str, Any]]
    ids: list[set[str]]
    operations: list[dict[str, int]]

    @classmethod
    @contextmanager
    def played(cls, stage: Stage[Any, Any], folder: Path) -> Iterator[Undisturbed]:
        """Plays both syncs; the sandboxes serve while the block lasts."""
        before, after = stage.company(), stage.company()
        stage.move(after)
        with stage.served(before) as first, stage.served(after) as second:
            told = cls(stage, (first, second), [folder / "0"], [], [set()], [])
            told.folders[0].mkdir()
            for phase, sandbox in enumerate(told.sandboxes):
                shutil.copytree(told.folders[-1], folder / f"{phase + 1}")
                scene = Scene(stage, sandbox, folder / f"{phase + 1}")
                ended = scene.run()
                assert not ended.complaints, ended.complaints
                told.folders.append(scene.folder)
                told.states.append(scene.state())
                told.ids.append(scene.ids())
                told.operations.append(grouped(sandbox.requests.counts()))
            yield told

    def scene(self, phase: int, folder: Path, **settings: Any) -> Scene:
        """The stores as they are before a sync, to be disturbed; nothing is wrong yet."""
        shutil.copytree(self.folders[phase], folder)
        calm(self.sandboxes[phase])
        return Scene(self.stage, self.sandboxes[phase], folder, settings)


def calm(sandbox: Any) -> None:
    """Takes all faults and mischief back."""
    sandbox.faults.clear()
    sandbox.requests.clear()
    sandbox.switches.set(**asdict(type(sandbox.switches)()))


def grouped(counts: dict[str, int]) -> dict[str, int]:
    """Operations as globs: files, which are named by their path, are one operation."""
    found: Counter[str] = Counter()
    for name, count in counts.items():
        found[f"/{name.split('/')[1]}/*" if name.startswith("/") else name] += count
    return dict(found)
