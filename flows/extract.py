"""The flow that extracts any source: lands what moved, and leaves the rest to transform workers."""

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
    name="extract",
    flow_run_name=named("{source}-extract"),
    description="Lands what moved in a source, and queues what is to be made of it. Transform "
    "workers make the documents.",
    task_runner=partition_runner(),
)
def extract(
    source: str,
    selection: dict[str, Any] | None = None,
    credentials: str | None = None,
    options: SyncOptions = _DEFAULT_OPTIONS,
) -> State[Any]:
    """Extracts a source into the raw landing, validated; no document is made here.

    Args:
        source: The source's name, as `data-getters sources` lists it.
        selection: Fields of the source's selection; empty means everything.
        credentials: Name of a saved credentials block of the source's type; empty takes the
            secrets from the environment.
        options: How it is done.

    Returns:
        The state in which the run ends; see `tasks.sync.run_sync`.
    """
    return run_sync(
        SyncRequest(
            source=source,
            selection=selection or {},
            credentials=credentials,
            options=options,
            extracts=True,
        )
    )
