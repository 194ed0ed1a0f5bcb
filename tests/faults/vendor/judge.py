"""Whether a disturbed sync ended as it must."""

from typing import Any

from faults.vendor.scene import Ended, Scene, Undisturbed, calm
from faults.vendor.table import OF_JSON, Expected
from sandbox.server import SandboxServer


def check(play: Undisturbed, phase: int, scene: Scene, expected: Expected | None = None) -> Ended:
    """Runs, judges, takes the fault away, runs again, and compares.

    Args:
        play: What would have come of it.
        phase: Which sync it is.
        scene: The stores, with the fault in place.
        expected: How it ends; None for either way.
    """
    ended = scene.run()
    if report := scene.sandbox.faults.report():
        assert report[0]["struck"], "the fault did not strike"
    silent = not ended.complaints
    if expected is Expected.LOUD and all_refused(scene.sandbox):
        expected = Expected.EQUAL
    if expected is Expected.EQUAL:
        assert not ended.complaints, f"complained: {ended.complaints}"
    elif expected is Expected.LOUD:
        assert not silent, "went through in silence"
    for sentence in ended.complaints:
        assert_is_clear(sentence)
    before, after, whole = play.ids[phase], scene.ids(), play.ids[phase + 1]
    assert before & whole <= after, f"deleted: {sorted(before & whole - after)}"
    if not ended.complaints:
        assert_equal(scene, play, phase)
        return ended
    calm(scene.sandbox)
    # A mail that was set aside is not told of again by Gmail's history: a rescan lists it.
    again = scene.run(fresh=bool(ended.set_aside))
    assert not again.complaints, f"the next sync complained: {again.complaints}"
    # What was set aside may have landed twice, without a file and with it.
    assert_equal(scene, play, phase, but="raw")
    return ended


def all_refused(sandbox: SandboxServer) -> bool:
    """Whether only refusals were spoiled, which their status tells: a 404 to what is gone.

    Nobody reads their bodies, so nothing was lost.
    """
    struck = [request for request in sandbox.requests if request.fault]
    return bool(struck) and all(one.fault in OF_JSON and one.status >= 400 for one in struck)


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
    assert ". " in sentence or "`" in sentence, f"nothing to do: {sentence}"
