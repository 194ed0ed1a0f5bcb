"""A stage's sync into stores, as a run does it, and searches in them."""

from typing import Any

from exporters.base import BaseExporter
from exporters.errors import ExportError
from faults.stages.base import Stage
from tasks.context import SyncContext
from tasks.options import SyncOptions
from tasks.partition_errors import PartitionFailedError
from tasks.pipeline import sync_partition
from tasks.stores import Stores


def sync(
    stage: Stage[Any, Any], exporter: BaseExporter, stores: Stores, run_id: str
) -> list[Exception]:
    """Every partition that can be read; what failed of them."""
    failed: list[Exception] = []
    try:
        name = exporter.connection
        context = SyncContext(
            exporter=exporter,
            connection=name,
            connection_id=stores.ledger.connection_id(exporter.source, name, name),
            stores=stores,
            options=SyncOptions(batch_records=100, max_delete_percent=100),
            run_id=run_id,
            store_name=stage.store_name,
            custom=stage.custom,
        )
        for partition in exporter.partitions(stage.selection()):
            if not partition.unreadable:
                try:
                    sync_partition(context, partition)
                except PartitionFailedError as error:
                    failed.append(error)
    except ExportError as error:
        failed.append(error)
    return failed
