"""An account that is synced, or extracted and transformed, over real stores in a folder."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripted_source import Room, Vendor
from store_state import state_of
from watched_stores import Watch, settings_in, watched

from exporters.base import BaseExporter, Partition
from stores.queue.base import RetryPolicy
from stores.queue.embedded import LedgerQueue
from tasks.context import SyncContext
from tasks.extraction import extract_partition
from tasks.options import SyncOptions
from tasks.pipeline import sync_partition
from tasks.scripts import SCRIPT
from tasks.stores import Stores
from tasks.worker import Worker, WorkRequest, WorkResult


@dataclass
class Site:
    """Stores in a folder, and an account that is synced into them, or extracted and transformed."""

    folder: Path
    store_name: str = "documents"
    custom: Any = None
    schemas: Any = field(default_factory=dict)
    runs: int = 0

    def __post_init__(self) -> None:
        self.stores: Stores = watched(settings_in(self.folder), Watch())

    def context(self, exporter: BaseExporter, **options: Any) -> SyncContext:
        self.runs += 1
        name = exporter.connection
        return SyncContext(
            exporter=exporter,
            connection=name,
            connection_id=self.stores.ledger.connection_id(exporter.source, name, name),
            stores=self.stores,
            options=SyncOptions(**{"batch_records": 20, "max_delete_percent": 50, **options}),
            run_id=f"run-{self.runs}",
            store_name=self.store_name,
            custom=self.custom,
        )

    def sync(self, exporter: BaseExporter, partitions: Sequence[Partition], **how: Any) -> None:
        fresh = how.pop("fresh", False)
        for partition in partitions:
            sync_partition(self.context(exporter, **how), partition, fresh=fresh)

    def extract(self, exporter: BaseExporter, partitions: Sequence[Partition], **how: Any) -> Any:
        fresh = how.pop("fresh", False)
        return [
            extract_partition(
                self.context(exporter, **how), partition,
                schemas=self.schemas, request={}, fresh=fresh,
            )
            for partition in partitions
        ]  # fmt: skip

    def work(self, exporter: BaseExporter, queue: Any = None, **request: Any) -> WorkResult:
        context = self.context(exporter)
        queue = queue or LedgerQueue(self.stores.ledger, RetryPolicy(attempts=2, first=0.0))
        return Worker(queue, WorkRequest(**request), open_session=lambda *_: Session(context)).run()

    def state(self) -> dict[str, Any]:
        """What the stores hold, but for what only an extraction lands and keeps."""
        state = state_of(self.stores, people=("ann@x.example",))
        state["raw"] = [row for row in state["raw"] if row[1] != SCRIPT]
        for connection in state["connections"].values():
            for partition in connection["partitions"].values():
                del partition["cursor"], partition["listing open"]
        return state

    def cursors(self) -> dict[str, Any]:
        ledger = self.stores.ledger
        return {
            p.key: p.cursor or ledger.extractions.state(p.id).cursor
            for c in ledger.connections()
            for p in ledger.partitions(c.id)
        }


class Session:
    """What a worker needs of a session, with stores that are open already."""

    def __init__(self, context: SyncContext) -> None:
        self.context = context
        self.stores = context.stores

    @contextmanager
    def transforming(self, partition: str) -> Iterator[SyncContext]:
        yield self.context

    def close(self) -> None:
        pass


def vendor_of(*rooms: str) -> tuple[Vendor, list[Partition]]:
    names = rooms or ("r1",)
    partitions = [Partition(key=name, name=name, kind="room") for name in names]
    return Vendor(rooms=[Room(name) for name in names]), partitions
