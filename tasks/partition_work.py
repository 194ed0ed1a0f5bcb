"""The stages of a partition's work after the fetching, wired as every way to it needs them."""

from collections.abc import Callable
from typing import NamedTuple

from exporters.base import Partition
from tasks.context import SyncContext
from tasks.embedding_stage import EmbeddingStage
from tasks.keeping import Keeper
from tasks.results import Counts
from tasks.shared_documents import SharedDocuments
from tasks.transform import Transformer
from tasks.writer import Writer


class Stages(NamedTuple):
    """What a batch of changes passes through, in this order.

    Attributes:
        transformer: Makes it what is to be written.
        embedding: Sets vectors.
        writer: Makes it durable.
    """

    transformer: Transformer
    embedding: EmbeddingStage
    writer: Writer


def stages(
    context: SyncContext,
    partition: Partition,
    *,
    partition_id: int,
    generation: int,
    counts: Counts,
    shared: SharedDocuments | None,
    resolves_seen: bool = False,
    keeper: Keeper | None = None,
    on_commit: Callable[[], object] = lambda: None,
) -> Stages:
    """The stages of a partition's work.

    Args:
        context: What the partitions of a run share.
        partition: The partition.
        partition_id: The ledger's id of it.
        generation: The listing that is under way.
        counts: Added to after each commit.
        shared: Merges documents that several records make, where the source has such.
        resolves_seen: See `Transformer`.
        keeper: See `Transformer`.
        on_commit: Called after each batch.
    """
    transformer = Transformer(
        exporter=context.exporter,
        partition=partition,
        connection=context.connection,
        connection_id=context.connection_id,
        partition_id=partition_id,
        generation=generation,
        run_id=context.run_id,
        store_name=context.store_name,
        stores=context.stores,
        options=context.options,
        custom=context.custom,
        maker=context.maker,
        resolves_seen=resolves_seen,
        keeper=keeper,
    )
    writer = Writer(
        context.stores,
        transformer,
        connection_id=context.connection_id,
        lease=context.lease,
        counts=counts,
        max_refused=context.options.max_consecutive_failures,
        shared=shared,
        on_commit=on_commit,
    )
    return Stages(transformer, EmbeddingStage(context.stores), writer)
