"""A vendor, an exporter, real stores, and a sync between them: what most tests need."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from scripted_source import SOURCE, ScriptedExporter, Vendor
from store_state import state_of
from watched_stores import Watch, WatchedIndex, settings_in, watched

from stores.ledger.types import DeadLetter
from stores.sqlite.database import EmbeddedDatabase
from tasks.context import SyncContext
from tasks.options import SyncOptions
from tasks.partition_errors import PartitionFailedError
from tasks.pipeline import sync_partition
from tasks.results import PartitionResult
from tasks.stores import Stores


@dataclass
class Bench:
    """A vendor, an exporter, real stores, and a sync between them."""

    folder: Path
    layout: str
    vendor: Vendor = field(default_factory=Vendor)
    watch: Watch = field(default_factory=Watch)
    settings: dict[str, Any] = field(default_factory=dict)
    exporter_class: type[ScriptedExporter] = ScriptedExporter
    token: str = ""
    runs: int = 0
    _stores: Stores | None = None

    @property
    def stores(self) -> Stores:
        if self._stores is None:
            settings = settings_in(self.folder, self.layout, **self.settings)
            self._stores = watched(settings, self.watch)
        return self._stores

    @property
    def index(self) -> WatchedIndex:
        assert isinstance(self.stores.index, WatchedIndex)
        return self.stores.index

    def context(self, **options: Any) -> SyncContext:
        self.runs += 1
        account = self.vendor.account
        return SyncContext(
            exporter=self.exporter_class(self.vendor, self.token),
            connection=account,
            connection_id=self.stores.ledger.connection_id(SOURCE, account, account),
            stores=self.stores,
            options=SyncOptions(**options),
            run_id=f"run-{self.runs}",
            store_name="documents",
        )

    def sync(
        self,
        room: str = "r1",
        *,
        fresh: bool = False,
        change: Callable[[SyncContext], SyncContext] = lambda context: context,
        **options: Any,
    ) -> PartitionResult:
        """One attempt at one partition."""
        context = change(self.context(**options))
        rooms = {partition.key: partition for partition in context.exporter.partitions(None)}
        return sync_partition(context, rooms[room], fresh=fresh)

    def failing_sync(self, room: str = "r1", **options: Any) -> PartitionFailedError:
        """One attempt that stops before its end."""
        with pytest.raises(PartitionFailedError) as stopped:
            self.sync(room, **options)
        return stopped.value

    def cursor(self, room: str = "r1") -> Any:
        """The committed cursor."""
        [connection] = self.stores.ledger.connections()
        partitions = self.stores.ledger.partitions(connection.id)
        return next(found.cursor for found in partitions if found.key == room)

    def texts(self) -> dict[str, str]:
        """The stored documents, by the last part of their ids."""
        return {
            (document.id or "").split(":", 3)[3]: document.page_content
            for document in self.stores.index.iterate()
        }

    def database(self) -> EmbeddedDatabase:
        """The file of the ledger."""
        assert self.stores.ledger.database is not None
        return self.stores.ledger.database

    def letters(self) -> list[DeadLetter]:
        """What is set aside."""
        return self.stores.ledger.dead_letters()

    def state(self, *people: str) -> dict[str, Any]:
        """Everything the stores hold."""
        return state_of(self.stores, people=people)

    def close_after_opening(self) -> None:
        """Makes the stores, with all their tables."""
        self.stores.index.delete(["nothing"])
        if self.stores.vectors is not None:
            self.stores.vectors.delete(["nothing"])
        self.close()

    def close(self) -> None:
        """Closes the stores; the next use opens them again."""
        if self._stores is not None:
            self._stores.close()
            self._stores = None


_MANIFEST = """
name: scripted
title: Scripted
summary: A made-up source.
exporter: scripted_source:ScriptedExporter
settings: scripted_source:ScriptedSettings
document_type: documents.types:AIDocument
credentials:
  token:
    environment: [SCRIPTED_TOKEN]
    description: Anything.
    required: false
"""


def install(site: Path) -> Path:
    """Installs the made-up source in a folder, as a package of its own; for `sys.path`."""
    (site / "scripted_package").mkdir(parents=True)
    (site / "scripted_package" / "__init__.py").touch()
    (site / "scripted_package" / "datasource.yaml").write_text(_MANIFEST)
    information = site / "scripted_package-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Name: scripted-package\nVersion: 1\n")
    (information / "entry_points.txt").write_text(
        "[data_getters.exporters]\nscripted = scripted_package\n"
    )
    return site
