"""The flow that syncs any source, also one that another package brings."""

from typing import Any, Final

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.options import SyncOptions
from tasks.run_names import named
from tasks.runner import partition_runner
from tasks.session import SyncRequest
from tasks.sync import run_sync

_DEFAULT_OPTIONS: Final = SyncOptions()


@flow(
    name="source-sync",
    flow_run_name=named("{source}-sync"),
    description="Syncs any source that is installed.",
    task_runner=partition_runner(),
)
def source_sync(
    source: str,
    selection: dict[str, Any] | None = None,
    credentials: str | None = None,
    options: SyncOptions = _DEFAULT_OPTIONS,
) -> State[Any]:
    """Syncs a source into document index, vector store and raw landing.

    Args:
        source: The source's name, as `data-getters sources` lists it.
        selection: Fields of the source's selection; empty means everything.
        credentials: Name of a saved credentials block of the source's type; empty takes the
            secrets from the environment.
        options: How the sync is done.

    Returns:
        The state in which the run ends; see `tasks.sync.run_sync`.
    """
    return run_sync(
        SyncRequest(
            source=source, selection=selection or {}, credentials=credentials, options=options
        )
    )
