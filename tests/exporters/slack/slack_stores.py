"""Real stores in a folder, and Slack synced into them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exporters.base import BaseExporter
from exporters.slack.settings import SlackSelection
from processing.custom.slack import add_conversation_context
from stores.settings import StoreSettings
from tasks.context import SyncContext
from tasks.options import SyncOptions
from tasks.pipeline import sync_partition
from tasks.results import Counts, PartitionOutcome, PartitionResult
from tasks.stores import Stores, open_stores


@contextmanager
def stores_in(folder: Path, *, model: str = "wordllama") -> Iterator[Stores]:
    """Stores that are closed again."""
    stores = open_stores(StoreSettings(data_directory=folder, embedding_model=model))
    try:
        yield stores
    finally:
        stores.close()


def sync_all(
    exporter: BaseExporter, stores: Stores, run_id: str, *, fresh: bool = False
) -> dict[str, PartitionResult]:
    """Every partition through the pipeline; what was done, by its name."""
    context = SyncContext(
        exporter=exporter,
        connection=exporter.connection,
        connection_id=stores.ledger.connection_id("slack", exporter.connection, "real"),
        stores=stores,
        options=SyncOptions(),
        run_id=run_id,
        store_name="slack_messages",
        custom=add_conversation_context,
    )
    return {
        partition.name: sync_partition(context, partition, fresh=fresh)
        for partition in exporter.partitions(SlackSelection())
        if not partition.unreadable
    }


def sync(exporter: BaseExporter, stores: Stores, run_id: str) -> Counts:
    """The same; all partitions together, each of which came to its end in order."""
    total = Counts()
    for result in sync_all(exporter, stores, run_id).values():
        assert result.outcome is PartitionOutcome.COMPLETED, result.message
        total.add(result.counts)
    return total
