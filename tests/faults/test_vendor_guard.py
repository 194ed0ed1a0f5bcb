"""What is missing from a listing is not gone: nothing is deleted that is still there.

For every source, for what a sync lists anew and for what it lists whole.
"""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from effort import FULL

from faults.stages import STAGES
from faults.vendor.judge import assert_is_clear
from faults.vendor.scene import Scene, Undisturbed, calm
from sandbox.faults import Fault
from tasks.forget import find_partition, forget_partition
from tasks.recorded_run import ATTENTION
from tasks.results import SyncResult
from tasks.session import SyncRequest, SyncSession, unlisted
from tasks.sync import end_state

pytestmark = pytest.mark.faults

SHARES = (0.0, 0.3, 0.5, 0.9) if FULL else (0.0, 0.5)
"""How much of every listing is left by a vendor that lost the rest of it and does not know."""


@pytest.fixture(params=sorted(STAGES))
def play(plays: Any, request: pytest.FixtureRequest) -> Undisturbed:
    found: Undisturbed = plays(request.param)
    return found


@pytest.mark.parametrize("fresh", [False, True], ids=["incremental", "full"])
@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("answers", ["all", "contents"])
def test_a_source_that_loses_its_answers_loses_us_no_document(
    play: Undisturbed, answers: str, share: float, fresh: bool, tmp_path: Path
) -> None:
    scene = play.scene(1, tmp_path / "s")
    operation = "*" if answers == "all" else play.stage.contents
    scene.sandbox.faults.add(Fault("cut_listing", operation, fraction=share, times=None))
    ended = scene.run(fresh=fresh)
    lost = (records(play.states[0]) & records(play.states[1])) - records(scene.state())
    if share:
        # Asked for by itself, such an item is answered with a listing that is cut too: its word.
        lost = {key for key in lost if key.partition(":")[0] not in play.stage.asked_by_listing}
    assert not lost
    for said in ended.complaints:
        assert_is_clear(said)
    calm(scene.sandbox)
    assert not scene.run(fresh=True).complaints
    assert scene.ids() == play.ids[2]


def test_an_empty_account_is_told_with_what_would_be_deleted_and_how(
    play: Undisturbed, tmp_path: Path
) -> None:
    scene = play.scene(1, tmp_path / "s")
    before = scene.ids()
    ended = emptied(scene)
    assert scene.ids() >= before
    assert ended.attention
    state = end_state(result_of(scene, ended))
    assert state.name == ATTENTION
    held = 0
    for key in ended.attention:
        result = ended.results[key]
        known = f"{result.held_back} of {result.held_back} known items of {result.name} (100%)"
        assert known in result.message
        assert "the listing came back empty" in result.message
        assert "--max-delete-percent 100" in result.message
        assert result.message in str(state.message)
        held += result.held_back
    assert held


def test_what_a_person_allows_is_deleted_and_nothing_else(
    play: Undisturbed, tmp_path: Path
) -> None:
    scene = play.scene(1, tmp_path / "s")
    held = emptied(scene)
    before = scene.ids()
    allowed = emptied(scene, max_delete_percent=100)
    assert not allowed.complaints
    deleted_of = {key for key, result in allowed.results.items() if result.counts.deleted}
    assert deleted_of <= set(held.attention)
    assert not of_partitions(scene.state()) & set(held.attention)
    assert allowed.total["deleted"] == len(before) - len(scene.ids())
    calm(scene.sandbox)
    scene.run(fresh=True)
    assert scene.ids() == play.ids[2], "it comes back with the source"


def test_a_part_that_is_listed_no_more_stays_until_a_person_forgets_it(
    play: Undisturbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, company = play.stage, play.stage.company()
    with stage.served(company) as sandbox:
        everything = stage.manifest.load(stage.manifest.exporter).selection_type()
        scene = Scene(stage, sandbox, tmp_path / "data", selection=everything)
        scene.folder.mkdir()
        scene.run()
        before = scene.ids()
        key = stage.remove(company)
        for fresh in (False, True):
            assert not scene.run(fresh=fresh).failed
            assert scene.ids() == before
        told = as_a_command(scene, monkeypatch)
        assert [result.key for result in told] == [key]
        assert f"forget {stage.source} {key}" in told[0].message
        assert_is_clear(told[0].message)
        found = find_partition(stage.source, key)
        deleted = forget_partition(stage.source, found).counts.deleted
        assert 0 < deleted == len(before) - len(scene.ids())
        fresh_scene = Scene(stage, sandbox, tmp_path / "fresh", selection=everything)
        fresh_scene.folder.mkdir()
        fresh_scene.run()
        assert of_partitions(scene.state()) - {key} == of_partitions(fresh_scene.state())


def emptied(scene: Scene, **options: Any) -> Any:
    """A run in which every part of the source is empty, and single items cannot be asked for."""
    scene.sandbox.faults.clear()
    contents = scene.stage.contents
    scene.sandbox.faults.add(Fault("cut_listing", contents, fraction=0.0, times=None))
    return scene.run(fresh=True, confirm_deletes=0, **options)


def result_of(scene: Scene, ended: Any) -> SyncResult:
    partitions = list(ended.results.values())
    return SyncResult(
        run_id="r", source=scene.stage.source, connection="c", partitions=partitions, seconds=0
    )


def records(state: dict[str, Any]) -> set[str]:
    """Keys of all records: a day of a chat, a mail, an issue.

    Not of their documents: a vendor that shows half a day's messages is taken at its word.
    """
    [connection] = state["connections"].values()
    return {key for partition in connection["partitions"].values() for key in partition["records"]}


def of_partitions(state: dict[str, Any]) -> set[str]:
    """Keys of the partitions that hold something."""
    [connection] = state["connections"].values()
    return {key for key, partition in connection["partitions"].items() if partition["records"]}


def as_a_command(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a run of the command tells of parts that the source does not list any more."""
    for name, value in {
        **scene.stage.environment(scene.sandbox),
        "DATA_GETTERS_STORES__DATA_DIRECTORY": str(scene.folder),
        "DATA_GETTERS_STORES__EMBEDDING_MODEL": "python:scripted_source:MODEL",
    }.items():
        monkeypatch.setenv(name, value)
    with closing(SyncSession(SyncRequest(source=scene.stage.source))) as session:
        return unlisted(session, list(session.exporter.partitions(session.selection)))
