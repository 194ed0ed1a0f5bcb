"""The flow that makes documents again of what landed."""

from datetime import date
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.replay import ReplayRequest, run_replay
from tasks.run_names import named


@flow(
    name="replay",
    flow_run_name=named("{source}-replay"),
    description="Makes the documents of a source again of the payloads that landed, without asking "
    "the source: for a new mapping, other chunks or another embedding model.",
)
def replay(
    source: str,
    connection: str | None = None,
    entity: str | None = None,
    since: date | None = None,
    everything: bool = False,
    restart: bool = False,
) -> State[Any]:
    """Makes documents again of the newest payload of each record. Syncs of the account wait.

    Args:
        source: The source's name, as `data-getters sources` lists it.
        connection: Only this account, by id or title; empty means all of the source.
        entity: Only this kind of item (`thread`, `message`, `issue` ...); empty means all.
        since: Only payloads that landed on this day (UTC) or later; empty means all.
        everything: Also write documents that did not move, with new chunks and vectors.
        restart: Begin anew, also where a replay was stopped half way.

    Returns:
        The state in which the run ends; see `tasks.replay.run_replay`.
    """
    return run_replay(
        ReplayRequest(
            source=source,
            connection=connection,
            entity=entity,
            since=since,
            everything=everything,
            restart=restart,
        )
    )
