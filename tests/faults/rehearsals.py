"""Syncs of a source's stage that can be run again and again, in any process."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

from contract_kill_and_resume import Rehearsal
from watched_stores import Watch, settings_in, watched

from exporters.base import BaseExporter
from exporters.registry import SourceManifest
from faults.stages.base import Opener, Stage
from tasks.making import Recipe
from tasks.making_process import Order, ProcessMaker
from tasks.options import SyncOptions
from tasks.stores import Stores

OPTIONS = SyncOptions(batch_records=25, max_delete_percent=50)
"""Small batches, so that there is much to be cut off."""


@dataclass(frozen=True)
class Phases:
    """Makes the exporter of a phase.

    Attributes:
        openers: Of the company, of the same one later, and so on.
    """

    openers: tuple[Opener, ...]

    def __call__(self, phase: int) -> BaseExporter:
        return self.openers[phase]()


@dataclass(frozen=True)
class MadeApart:
    """Makes what makes documents in a process of its own."""

    manifest: SourceManifest
    selection: Any

    def __call__(self, exporter: BaseExporter, rehearsal: Rehearsal) -> ProcessMaker:
        characters = 1_000_000
        settings = exporter._settings  # type: ignore[attr-defined]
        return ProcessMaker(
            Order(self.manifest, self.selection, settings, characters),
            Recipe(
                exporter=exporter, store_name=rehearsal.store_name,
                characters=characters, custom=rehearsal.custom,
            ),
            seconds=60,
            always=True,
        )  # fmt: skip


def embedded(layout: str, folder: Path, watch: Watch) -> Stores:
    """Embedded stores in a folder."""
    return watched(settings_in(folder, layout), watch)


def on_a_server(url: str, prefix: str, folder: Path, watch: Watch) -> Stores:
    """Documents and vectors in indices named after the folder, landing and ledger in it."""
    name = blake2b(str(folder).encode(), digest_size=6).hexdigest()
    address = f"{url}?prefix={prefix}-{name}&patience=20"
    return watched(settings_in(folder, document_index=address, vector_store=address), watch)


def companies(stage: Stage[Any, Any], phases: int) -> list[Any]:
    """The company of each phase: as it is at first, and moved on once more each time."""
    made = [stage.company() for _ in range(phases)]
    for times, company in enumerate(made):
        for _ in range(times):
            stage.move(company)
    return made


@contextmanager
def rehearsal_of(
    stage: Stage[Any, Any],
    open_stores: Callable[[Path, Watch], Stores] | None = None,
    *,
    apart: bool = False,
    seconds: Sequence[float] = (0, 0),
    **fields: Any,
) -> Iterator[Rehearsal]:
    """The syncs of a stage: one of the company as it is at first, one a move later, and so on.

    Args:
        stage: Of which source.
        open_stores: Opens the stores in a folder; None for those in one file.
        apart: Whether documents are made in a process of their own.
        seconds: How far off the exporters' clock is in each phase.
        fields: Others of the rehearsal.
    """
    selection = stage.selection()
    with ExitStack() as stack:
        served = [stack.enter_context(stage.served(c)) for c in companies(stage, len(seconds))]
        openers = [
            stage.opener(box).off(by) for box, by in zip(served, seconds, strict=True)
        ]  # fmt: skip
        yield Rehearsal(
            open_exporter=Phases(tuple(openers)),
            open_stores=open_stores or partial(embedded, "one file"),
            phases=len(seconds),
            selection=selection,
            options=OPTIONS,
            store_name=stage.store_name,
            custom=stage.custom,
            open_maker=MadeApart(stage.manifest, selection) if apart else None,
            **fields,
        )
