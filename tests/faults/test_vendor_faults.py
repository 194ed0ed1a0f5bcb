"""Every request of every source, and everything that may go wrong with it.

The operations are those that an undisturbed sync asks for, so a new source gets this with its
stage.
"""

from pathlib import Path
from typing import Any

import pytest
from effort import FULL

from faults.stages import STAGES
from faults.vendor.judge import check
from faults.vendor.scene import Undisturbed
from faults.vendor.table import WIRE_FAULTS, WireFault

pytestmark = pytest.mark.faults


def places(play: Undisturbed, fault: WireFault, number: int) -> list[tuple[int, str]]:
    """Where a fault is tried: the sync (first or next) and the operation."""
    found = [
        (phase, operation)
        for phase, operations in enumerate(play.operations)
        for operation in operations
        if fault.concerns(play.stage, operation)
    ]
    return found if FULL else [found[number % len(found)]]


@pytest.mark.parametrize("fault", WIRE_FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("source", sorted(STAGES))
def test_a_request_that_goes_wrong(
    plays: Any, source: str, fault: WireFault, tmp_path: Path
) -> None:
    play: Undisturbed = plays(source)
    number = WIRE_FAULTS.index(fault) * 7
    wrong = {}
    for phase, operation in places(play, fault, number):
        folder = tmp_path / f"{phase} {operation.replace('/', '_')}"
        scene = play.scene(phase, folder, **fault.settings)
        count = play.operations[phase][operation]
        skip = 0 if count < 2 else (number + phase) % count
        scene.sandbox.faults.add(fault.at(operation, skip))
        try:
            check(play, phase, scene, fault.outcome(play.stage, operation))
        except AssertionError as error:
            wrong[phase, operation] = str(error)[:1500]
    assert not wrong, "\n".join(f"{place}: {said}" for place, said in wrong.items())
