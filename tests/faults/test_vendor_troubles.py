"""What goes wrong with a source as a whole: its pages, its tokens, its rights, its items."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from effort import FULL

from faults.stages import STAGES
from faults.vendor.judge import assert_is_clear, check, difference
from faults.vendor.scene import Scene, Undisturbed
from faults.vendor.table import Expected

pytestmark = pytest.mark.faults

SOURCES = sorted(STAGES)
PHASES = (0, 1) if FULL else (1,)
MISCHIEF = ("short_pages", "empty_pages", "duplicate_items")


def positions(play: Undisturbed, phase: int, number: int) -> list[tuple[str, int]]:
    """Requests of a sync between which something happens: one, or the first and last of each."""
    operations = play.operations[phase]
    everywhere = [(name, n) for name, count in operations.items() for n in {1, count}]
    return everywhere if FULL else [everywhere[number % len(everywhere)]]


@pytest.fixture(params=SOURCES)
def play(plays: Any, request: pytest.FixtureRequest) -> Undisturbed:
    found: Undisturbed = plays(request.param)
    return found


class TestPages:
    @pytest.mark.parametrize("phase", [0, 1])
    @pytest.mark.parametrize("mischief", [*MISCHIEF, "all of them"])
    def test_however_they_come_nothing_is_missing_and_nothing_double(
        self, play: Undisturbed, phase: int, mischief: str, tmp_path: Path
    ) -> None:
        scene: Any = play.scene(phase, tmp_path / "s", **play.stage.finest)
        scene.sandbox.switches.set(
            **dict.fromkeys(MISCHIEF if mischief == "all of them" else [mischief], True)
        )
        check(play, phase, scene, Expected.EQUAL)

    @pytest.mark.parametrize("phase", PHASES)
    @pytest.mark.parametrize("mischief", ["repeat_page_token", "ignore_start_at"])
    def test_the_same_page_again_and_again_is_loud_and_no_endless_loop(
        self, play: Undisturbed, phase: int, mischief: str, tmp_path: Path
    ) -> None:
        scene: Any = play.scene(phase, tmp_path / "s", **play.stage.finest)
        if not hasattr(scene.sandbox.switches, mischief):
            return  # its listings are not of that kind
        scene.sandbox.switches.set(**{mischief: True})
        ended = check(play, phase, scene)
        if mischief == "repeat_page_token" and phase == 0:
            assert any("same page again and again" in said for said in ended.complaints)

    def test_one_that_the_vendor_forgot_is_gone_on_from_elsewhere(
        self, play: Undisturbed, tmp_path: Path
    ) -> None:
        scene = play.scene(0, tmp_path / "s", **play.stage.finest)
        scene.sandbox.faults.add(play.stage.lost_page)
        check(play, 0, scene)

    def test_those_that_it_forgets_for_ever_are_loud(
        self, play: Undisturbed, tmp_path: Path
    ) -> None:
        scene = play.scene(0, tmp_path / "s", **play.stage.finest)
        scene.sandbox.faults.add(replace(play.stage.lost_page, times=None))
        check(play, 0, scene, Expected.LOUD)

    def test_a_cursor_that_it_forgot_is_made_anew_in_the_same_run(
        self, play: Undisturbed, tmp_path: Path
    ) -> None:
        if play.stage.lost_cursor is None:
            return  # its cursors are no marks of the vendor's
        scene = play.scene(1, tmp_path / "s")
        scene.sandbox.faults.add(play.stage.lost_cursor)
        check(play, 1, scene, Expected.EQUAL)


class TestRights:
    @pytest.mark.parametrize("phase", PHASES)
    def test_a_token_that_is_refused_in_mid_run_is_loud_and_not_tried_on(
        self, play: Undisturbed, phase: int, tmp_path: Path
    ) -> None:
        asked = sum(play.operations[phase].values())
        for number, skip in enumerate(range(0, asked, 3) if FULL else (asked // 2,)):
            scene = play.scene(phase, tmp_path / f"{number}")
            scene.sandbox.faults.add(replace(play.stage.refused, skip=skip))
            ended = check(play, phase, scene, Expected.LOUD)
            assert all("stopped unexpectedly" not in said for said in ended.complaints)

    @pytest.mark.parametrize("phase", PHASES)
    def test_a_token_that_expires_in_mid_run_is_renewed(
        self, play: Undisturbed, phase: int, tmp_path: Path
    ) -> None:
        for number, (operation, count) in enumerate(positions(play, phase, 5)):
            scene: Any = play.scene(phase, tmp_path / f"{number}")
            if not play.stage.expire_tokens(scene.sandbox):
                return  # there are no such tokens
            scene.sandbox.after(
                operation, count, lambda box=scene.sandbox: play.stage.expire_tokens(box)
            )
            check(play, phase, scene, Expected.EQUAL)

    @pytest.mark.parametrize("fresh", [False, True], ids=["incremental", "full"])
    def test_a_right_that_is_taken_away_deletes_nothing(
        self, play: Undisturbed, fresh: bool, tmp_path: Path
    ) -> None:
        scene = play.scene(1, tmp_path / "s")
        scene.sandbox.faults.add(play.stage.unscoped)
        ended = scene.run(fresh=fresh)
        if not fresh:
            assert ended.failed
        assert play.ids[1] & play.ids[2] <= scene.ids()
        for said in ended.complaints:
            assert_is_clear(said)


class TestItemsThatMove:
    def test_what_is_written_edited_and_deleted_during_paging_is_right_after_the_next_sync(
        self, play: Undisturbed, tmp_path: Path
    ) -> None:
        stage = play.stage
        for number, (operation, count) in enumerate(positions(play, 0, 11)):
            company = stage.company()
            with stage.served(company) as sandbox:
                scene = folder_scene(stage, sandbox, tmp_path / f"{number}", **stage.finest)
                sandbox.after(operation, count, lambda moved=company: stage.move(moved))
                first = scene.run()
                assert not first.failed, first.complaints
                assert not scene.run().complaints
                fresh = folder_scene(stage, sandbox, tmp_path / f"{number} fresh")
                fresh.run()
                assert_same_documents(scene, fresh)


class TestOnePart:
    def test_one_that_is_closed_in_mid_run_is_told_and_the_others_go_on(
        self, play: Undisturbed, tmp_path: Path
    ) -> None:
        stage = play.stage
        for number, (operation, count) in enumerate(positions(play, 1, 3)):
            company = stage.company()
            with stage.served(company) as sandbox:
                scene = folder_scene(stage, sandbox, tmp_path / f"{number}")
                scene.run()
                before = scene.ids()
                stage.move(company)
                sandbox.requests.clear()
                keys = list[str]()
                sandbox.after(operation, count, lambda c=company, k=keys: k.append(stage.close(c)))
                ended = scene.run()
                assert keys, f"{operation} was not asked for {count} times"
                assert not set(ended.failed) - set(keys), ended.complaints
                for said in ended.complaints:
                    assert_is_clear(said)
                moved = scene.ids()
                stage.reopen(company)
                assert not scene.run().complaints
                fresh = folder_scene(stage, sandbox, tmp_path / f"{number} fresh")
                fresh.run()
                assert_same_documents(scene, fresh)
                assert before & fresh.ids() <= moved, "deleted what is still there"

    def test_of_somebody_who_leaves_everything_stays(
        self, play: Undisturbed, tmp_path: Path
    ) -> None:
        stage, company = play.stage, play.stage.company()
        with stage.served(company) as sandbox:
            scene = folder_scene(stage, sandbox, tmp_path / "s")
            scene.run()
            before = scene.ids()
            stage.leave(company)
            for fresh in (False, True):
                ended = scene.run(fresh=fresh)
                assert not ended.failed
                assert scene.ids() == before


def folder_scene(stage: Any, sandbox: Any, folder: Path, **settings: Any) -> Scene:
    """Empty stores, beside a company that moves."""
    folder.mkdir()
    return Scene(stage, sandbox, folder, settings)


def assert_same_documents(scene: Scene, expected: Scene) -> None:
    """What a reader finds is the same; how it came there may differ."""
    found, wanted = scene.state(), expected.state()
    for part in ("documents", "vectors", "found by", "people", "dead letters"):
        assert found[part] == wanted[part], f"{part}: {difference(found[part], wanted[part])}"
