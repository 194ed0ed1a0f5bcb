"""Syncs of a source's stage that can be run again and again, in any process."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

from contract_kill_and_resume import Rehearsal
from watched_stores import Watch, settings_in, watched

from exporters.base import BaseExporter
from exporters.registry import SourceManifest
from faults.stages.base import CLOCK, NOW, Opener, Stage
from stores.ledger.errors import LeaseHeldError
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
        openers: By phase.
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


def on_a_server(url: str, prefix: str, folder: Path, watch: Watch, *, patience: int = 20) -> Stores:
    """Documents and vectors in indices named after the folder, landing and ledger in it."""
    name = blake2b(str(folder).encode(), digest_size=6).hexdigest()
    address = f"{url}?prefix={prefix}-{name}&patience={patience}"
    return watched(settings_in(folder, document_index=address, vector_store=address), watch)


def run_once_free(rehearsal: Rehearsal, folder: Path) -> None:
    """Runs, also where the run before could not give its lease back: as if that had run out."""
    try:
        rehearsal.run(folder, 0, Watch())
    except LeaseHeldError:
        stores = rehearsal.open_stores(folder, Watch())
        with stores.ledger._backend.write() as connection:
            connection.exec_driver_sql("UPDATE ledger_leases SET expires_at = 0")
        stores.close()
        rehearsal.run(folder, 0, Watch())


def differences(found: Any, wanted: Any, place: str = "") -> list[str]:
    """Where two states differ, a line each."""
    if found == wanted:
        return []
    if isinstance(found, dict) and isinstance(wanted, dict):
        return [
            line
            for key in sorted({*found, *wanted}, key=str)
            for line in differences(found.get(key), wanted.get(key), f"{place}/{key}")
        ]
    if isinstance(found, list) and isinstance(wanted, list):
        more, less = [x for x in found if x not in wanted], [x for x in wanted if x not in found]
        return [f"{place}: {more!r} instead of {less!r}"]
    return [f"{place}: {found!r} instead of {wanted!r}"]


@contextmanager
def rehearsal_of(
    stage: Stage[Any, Any],
    open_stores: Callable[[Path, Watch], Stores] | None = None,
    *,
    apart: bool = False,
    phases: int = 2,
    clock: datetime | None = CLOCK,
    **fields: Any,
) -> Iterator[Rehearsal]:
    """The syncs of a stage: one of the company as it is at first, and one or two a move later.

    Args:
        stage: Of which source.
        open_stores: Opens the stores in a folder; None for those in one file.
        apart: Whether documents are made in a process of their own.
        phases: How many syncs follow each other.
        clock: What the exporters' clock says; None for that of the machine, which then is to be one
            at which the companies live, as is the vendor's.
        fields: Others of the rehearsal.
    """
    selection = stage.selection()
    with ExitStack() as stack:
        first, moved = stage.company(), stage.company()
        stage.move(moved)
        served = [stack.enter_context(stage.served(company)) for company in (first, moved)]
        if clock is None:
            began = time.monotonic()
            for sandbox in served:
                stage.sign_in_by(sandbox, lambda: NOW + time.monotonic() - began)
        openers = [stage.opener(sandbox).at(clock) for sandbox in served]
        yield Rehearsal(
            open_exporter=Phases((*openers, openers[-1])),
            open_stores=open_stores or partial(embedded, "one file"),
            phases=phases,
            selection=selection,
            options=OPTIONS,
            store_name=stage.store_name,
            custom=stage.custom,
            open_maker=MadeApart(stage.manifest, selection) if apart else None,
            **fields,
        )
