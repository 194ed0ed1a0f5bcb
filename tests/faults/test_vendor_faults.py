"""Every request of every source, and everything that may go wrong with it.

The operations are those that an undisturbed sync asks for, so a new source gets this with its
stage.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from effort import FULL

from faults.stages import STAGES
from faults.vendor.scene import Scene, Undisturbed, calm
from faults.vendor.table import WIRE_FAULTS, Expected, WireFault

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def plays(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The undisturbed syncs of a source, played when they are first asked for."""
    with ExitStack() as stack:
        played: dict[str, Undisturbed] = {}

        def play(source: str) -> Undisturbed:
            if source not in played:
                folder = tmp_path_factory.mktemp(source)
                played[source] = stack.enter_context(Undisturbed.played(STAGES[source], folder))
            return played[source]

        yield play


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
            check(play, phase, scene, fault.expected)
        except AssertionError as error:
            wrong[phase, operation] = str(error)[:1500]
    assert not wrong, "\n".join(f"{place}: {said}" for place, said in wrong.items())


def check(play: Undisturbed, phase: int, scene: Scene, expected: Expected) -> None:
    """Runs, judges, takes the fault away, runs again, and compares."""
    ended = scene.run()
    assert scene.sandbox.faults.report()[0]["struck"], "the fault did not strike"
    if expected is Expected.EQUAL:
        assert not ended.complaints, f"complained: {ended.complaints}"
    else:
        assert ended.complaints, "went through in silence"
        for sentence in ended.complaints:
            assert_is_clear(sentence)
    before, after, whole = play.ids[phase], scene.ids(), play.ids[phase + 1]
    assert before & whole <= after, f"deleted: {sorted(before & whole - after)}"
    if not ended.complaints:
        assert_equal(scene, play, phase)
        return
    calm(scene.sandbox)
    again = scene.run()
    assert not again.complaints, f"the next sync complained: {again.complaints}"
    # What was set aside may have landed twice, without a file and with it.
    assert_equal(scene, play, phase, but="raw")


def assert_equal(scene: Scene, play: Undisturbed, phase: int, *, but: str = "") -> None:
    state, expected = scene.state(), play.states[phase]
    for part in expected.keys() - {but}:
        same = state[part] == expected[part]
        assert same, f"{part} differs: {difference(state[part], expected[part])}"


def difference(found: Any, expected: Any) -> str:
    if isinstance(found, dict) and isinstance(expected, dict):
        keys = [key for key in {**found, **expected} if found.get(key) != expected.get(key)]
        return f"{keys[0]}: " + difference(found.get(keys[0]), expected.get(keys[0]))
    if isinstance(found, (list, tuple)) and isinstance(expected, (list, tuple)):
        return f"only found {[x for x in found if x not in expected][:2]}, only expected " + str(
            [x for x in expected if x not in found][:2]
        )
    return f"{found!r} is not {expected!r}"


def assert_is_clear(sentence: str) -> None:
    """It says what and what to do, and is no traceback."""
    assert "unexpectedly" not in sentence, sentence
    assert "Traceback" not in sentence, sentence
    assert ". " in sentence or "the setting `" in sentence, f"nothing to do: {sentence}"
