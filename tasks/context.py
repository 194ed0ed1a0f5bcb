"""What the partitions of one run share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

from exporters.base import BaseExporter
from stores.ledger.leases import HeldLease
from tasks.batches import Processing
from tasks.loading_process import Loader
from tasks.making import Maker
from tasks.options import SyncOptions
from tasks.results import Progress
from tasks.stores import Stores


@dataclass(frozen=True, kw_only=True)
class SyncContext:
    """What the partitions of one run share.

    Attributes:
        exporter: The source.
        connection: The account or tenant.
        connection_id: The ledger's id of it.
        stores: Where to.
        options: How.
        run_id: This run, also in the documents it writes.
        store_name: The document type.
        custom: The source's own processing step.
        maker: Makes documents; None makes them where they are compared.
        loader: Stores large batches beside this process; None stores them here.
        lease: What lets this run write.
        progress: Told after each commit.
        on_wait: Told about once a second while a call waits: seconds left, and for what.
        stop: When set, partitions stop at their next change and in the middle of a wait.
    """

    exporter: BaseExporter
    connection: str
    connection_id: int
    stores: Stores
    options: SyncOptions
    run_id: str
    store_name: str
    custom: Processing | None = None
    maker: Maker | None = None
    loader: Loader | None = None
    lease: HeldLease | None = None
    progress: Progress | None = None
    on_wait: Callable[[str, float, str], None] | None = None
    stop: Event = field(default_factory=Event)
