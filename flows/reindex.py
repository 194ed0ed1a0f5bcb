"""The flow that builds indices and vectors anew."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.reindex import ReindexRequest, run_reindex
from tasks.run_names import named


@flow(
    name="reindex",
    flow_run_name=named("reindex"),
    description="Builds indices of Elasticsearch anew with the mapping of today, and vectors with "
    "the chunks and the model of the settings. Searches answer all the while.",
)
def reindex(everything: bool = False, vectors: bool = False, drop_old: bool = False) -> State[Any]:
    """Builds indices beside the old ones and switches to them.

    Args:
        everything: Also build indices anew whose mapping is the one of today.
        vectors: Cut all documents into chunks again and embed them, with the model of the
            settings. Syncs go on while texts are embedded and wait while vectors are written.
        drop_old: Delete the indices of before afterwards.

    Returns:
        The state in which the run ends; see `tasks.reindex.run_reindex`.
    """
    return run_reindex(ReindexRequest(everything=everything, vectors=vectors, drop_old=drop_old))
