"""The flow that makes documents of what extractions landed."""

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from tasks.run_names import named
from tasks.transform_run import run_worker
from tasks.worker import WorkRequest


@flow(
    name="transform-worker",
    flow_run_name=named("transform-worker"),
    description="Makes documents of what extractions landed. Any number may run at once; one that "
    "is cancelled finishes the job at hand.",
)
def transform_worker(
    source: str | None = None,
    connection: str | None = None,
    drain: bool = True,
    max_jobs: Annotated[int, Field(ge=1)] | None = None,
) -> State[Any]:
    """Does the jobs that extractions have queued.

    Args:
        source: Only jobs of this source; empty means all.
        connection: Only jobs of this account, by id; empty means all.
        drain: End when nothing is left to do, as for a schedule or an event; otherwise wait for
            more until the run is cancelled.
        max_jobs: End after so many jobs; empty for no bound.

    Returns:
        The state in which the run ends; see `tasks.transform_run.run_worker`.
    """
    return run_worker(WorkRequest(source=source, connection=connection, drain=drain, most=max_jobs))
