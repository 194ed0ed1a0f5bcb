"""Every source: a run that is cancelled in Prefect, in its middle, and the next one goes on.

The runs are those of a deployment, by a worker; the cancellation comes through the API, as the
button in the UI sends it.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from deployed import Collection, is_gone, save_block, until
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelling
from store_state import state_of
from watched_stores import settings_in

from faults.commands import chosen, settings_of
from faults.rehearsals import differences
from faults.stages import STAGES
from faults.stages.base import Stage
from sandbox.faults import Fault
from tasks.stores import open_stores

pytestmark = [pytest.mark.faults, pytest.mark.prefect, pytest.mark.full]

PARTS = (0.35, 0.6, 0.85)
"""After which of all requests the source hardly answers any more, and the run is cancelled."""

SMALL = {"options": {"batch_records": 10}}
"""Small batches, so that something is committed by then."""


def state(folder: Path) -> dict[str, Any]:
    """All that a run leaves, but for cursors, in which times of runs may be."""
    stores = open_stores(settings_in(folder, embedding_model="wordllama"))
    try:
        found = state_of(stores)
    finally:
        stores.close()
    for connection in found["connections"].values():
        for partition in connection["partitions"].values():
            del partition["cursor"]
    return found


def committed(folder: Path) -> int:
    """How many documents are in the stores."""
    stores = open_stores(settings_in(folder, embedding_model="wordllama"))
    try:
        return stores.index.count()
    finally:
        stores.close()


@contextmanager
def ending(collection: Collection, run: FlowRun) -> Iterator[None]:
    """The process of a run does not outlive the block."""
    child = collection.process_of(run)
    try:
        yield
        until(lambda: is_gone(child), "the end of the run's process")
    finally:
        if not is_gone(child):
            os.kill(child, signal.SIGKILL)
        collection.ended(run)


@pytest.mark.parametrize("name", sorted(STAGES))
def test_a_cancelled_run_stops_and_the_next_one_ends_as_one_that_nobody_disturbed(
    name: str, collection: Collection, tmp_path: Path
) -> None:
    stage: Stage[Any, Any] = STAGES[name]
    with stage.served(stage.company()) as sandbox:
        save_block(collection.client, name, "sandbox", stage.in_block(stage.credentials(sandbox)))

        def start(stores: Path) -> FlowRun:
            return collection.start_in(
                settings_of(stage, sandbox, stores),
                f"{name}-sync/{name}",
                {**chosen(stage), **SMALL, "credentials": "sandbox"},
            )

        assert collection.ended(start(tmp_path / "calm")).name == "Completed"
        undisturbed = state(tmp_path / "calm")
        asked = len(sandbox.requests.entries("*"))
        partly = []
        for part in PARTS:
            folder = tmp_path / f"cancelled at {part}"
            stall = Fault("slow_body", times=None, skip=int(asked * part), seconds=100)
            sandbox.faults.add(stall)
            run = start(folder)
            until(lambda: sandbox.faults.report()[0]["struck"], "a request that hangs")
            with ending(collection, run):
                time.sleep(1)  # what was fetched before is stored meanwhile
                collection.client.set_flow_run_state(run.id, Cancelling())
                assert collection.ended(run).type is StateType.CANCELLED
            sandbox.faults.clear()
            partly.append(committed(folder))
            again = collection.ended(start(folder))
            assert again.name == "Completed", again.message
            found = differences(state(folder), undisturbed)
            assert not found, "\n".join(found[:20])
    whole = len(undisturbed["documents"])
    assert any(0 < count < whole for count in partly), f"{partly} of {whole} were there"
