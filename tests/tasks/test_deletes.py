"""What deletes, and what does not: explicit deletes at once, sweeps after a whole listing only."""

from datetime import timedelta

import pytest
from scripted_source import (
    ENTITY,
    MORNING,
    SOURCE,
    Entry,
    Room,
    document_id,
    gone,
    listed,
    listing,
    note,
    put,
)
from workbench import Bench

from exporters.changes import Checkpoint, Complete, Delete, DeleteReason, Failure
from exporters.errors import InvalidDataError, PermissionDeniedError, TransientError
from tasks.partition_errors import PartitionFailedError
from tasks.results import PartitionOutcome

WHOLE = Complete(full=True)


@pytest.fixture
def filled(bench: Bench) -> Bench:
    """Ten notes, listed whole."""
    bench.vendor.says(*listing(put(number) for number in range(10)))
    bench.sync()
    bench.watch.forget()
    return bench


def missing(*numbers: int) -> list[Entry]:
    """A listing without some of the notes."""
    return [put(number) for number in range(10) if number not in numbers]


@pytest.mark.parametrize("reason", DeleteReason)
def test_a_delete_that_the_source_names_is_done_at_once(
    filled: Bench, reason: DeleteReason
) -> None:
    filled.vendor.says(*[Delete(ENTITY, str(number), reason) for number in range(9)])
    result = filled.sync()
    assert (result.counts.deleted, result.held_back) == (9, 0)
    assert set(filled.texts()) == {"9"}
    assert filled.watch.ids["vectors.delete"] == [document_id(number) for number in range(9)]
    assert filled.stores.vectors is not None
    assert filled.stores.vectors.count() == 1


def test_a_delete_of_something_unknown_is_nothing(filled: Bench) -> None:
    filled.vendor.says(gone("nobody"))
    assert filled.sync().counts.deleted == 0
    assert filled.stores.index.count() == 10


class TestSweeps:
    def test_what_a_whole_listing_does_not_show_is_deleted(self, filled: Bench) -> None:
        filled.vendor.says(*missing(3, 7), WHOLE)
        result = filled.sync()
        assert (result.counts.deleted, result.counts.unchanged, result.held_back) == (2, 8, 0)
        assert set(filled.texts()) == {str(n) for n in range(10) if n not in {3, 7}}
        assert result.outcome is PartitionOutcome.COMPLETED

    @pytest.mark.parametrize("end", [[], [Complete(full=False)]], ids=["no end", "not full"])
    def test_after_a_partial_listing_nothing_is(self, filled: Bench, end: list[Entry]) -> None:
        filled.vendor.says(*missing(3), *end)
        assert filled.sync().counts.deleted == 0
        assert filled.stores.index.count() == 10

    @pytest.mark.parametrize(
        "error", [PermissionDeniedError("no"), TransientError("no"), KeyError("no")]
    )
    def test_after_an_error_nothing_is(self, filled: Bench, error: Exception) -> None:
        filled.vendor.says(*missing(3), error, WHOLE)
        filled.failing_sync()
        assert filled.stores.index.count() == 10

    @pytest.mark.parametrize("percent", [0, 20, 99])
    def test_an_empty_listing_deletes_nothing_and_says_so(
        self, filled: Bench, percent: float
    ) -> None:
        filled.vendor.says(WHOLE)
        result = filled.sync(max_delete_percent=percent)
        assert (result.counts.deleted, result.held_back) == (0, 10)
        assert result.outcome is PartitionOutcome.ATTENTION
        assert "10 of 10 known items of r1 (100%) were missing" in result.message
        assert "came back empty" in result.message
        assert "--max-delete-percent 100" in result.message
        assert filled.stores.index.count() == 10

    def test_an_empty_listing_deletes_everything_when_a_person_says_so(self, filled: Bench) -> None:
        filled.vendor.says(WHOLE)
        assert filled.sync(max_delete_percent=100).counts.deleted == 10
        assert filled.stores.index.count() == 0

    def test_beyond_the_guard_nothing_is_deleted_and_it_is_said(self, filled: Bench) -> None:
        filled.vendor.says(*missing(1, 2, 3), WHOLE)
        result = filled.sync()
        assert (result.counts.deleted, result.held_back) == (0, 3)
        assert "3 of 10 known items of r1 (30%)" in result.message
        assert "the guard is 20 %" in result.message
        assert filled.stores.index.count() == 10
        assert filled.sync(max_delete_percent=30).counts.deleted == 3

    def test_only_what_was_known_before_the_listing_counts_for_the_guard(
        self, filled: Bench
    ) -> None:
        filled.vendor.says(*missing(1, 2, 3), *[put(number) for number in range(100, 150)], WHOLE)
        result = filled.sync()
        assert (result.counts.new, result.counts.deleted, result.held_back) == (50, 0, 3)

    def test_the_first_listing_of_all_sweeps_nothing(self, bench: Bench) -> None:
        bench.vendor.says(put(1), WHOLE, put(2), WHOLE)
        assert bench.sync().held_back == 0
        assert set(bench.texts()) == {"1", "2"}

    def test_of_another_partition_nothing_is_swept(self, filled: Bench) -> None:
        filled.vendor.rooms.append(Room("r2", says=[*[put(n) for n in range(50, 60)], WHOLE]))
        filled.sync("r2")
        assert filled.sync("r2").counts.deleted == 0
        assert filled.stores.index.count() == 20

    def test_an_item_that_moved_to_another_partition_stays(self, filled: Bench) -> None:
        filled.vendor.rooms.append(Room("r2", says=[put(9), WHOLE]))
        filled.sync("r2")
        filled.vendor.says(*missing(9), WHOLE)
        assert filled.sync().counts.deleted == 0
        assert filled.stores.index.count() == 10

    def test_an_item_that_moves_while_its_old_partition_is_swept_stays(self, filled: Bench) -> None:
        filled.vendor.rooms.append(Room("r2", says=[put(9), WHOLE]))
        moved: list[object] = []

        def move() -> None:
            if not moved:
                moved.append(filled.sync("r2"))

        class Late(type(filled.stores.ledger)):  # type: ignore[misc]
            """Another partition's sync goes on just after the gaps were listed."""

            def unseen_records(self, *args: object, **options: object) -> object:
                pages = list(super().unseen_records(*args, **options))
                move()
                return iter(pages)

        filled.stores.ledger.__class__ = Late
        filled.vendor.says(*missing(9), WHOLE)
        filled.sync()
        assert moved
        assert filled.texts()["9"]

    def test_an_item_that_failed_is_not_gone(self, filled: Bench) -> None:
        failure = Failure(error=InvalidDataError("odd"), entity=ENTITY, external_id="3")
        filled.vendor.says(*missing(3, 4), failure, put(4, broken="no sense"), WHOLE)
        result = filled.sync()
        assert (result.counts.deleted, result.counts.failed) == (0, 2)
        assert filled.stores.index.count() == 10

    def test_while_a_failure_has_no_name_nothing_is_swept(self, filled: Bench) -> None:
        filled.vendor.says(*missing(3), Failure(error=InvalidDataError("something odd")), WHOLE)
        result = filled.sync()
        assert (result.counts.deleted, result.held_back) == (0, 1)
        assert "could not be told apart" in result.message

    def test_a_failure_with_half_a_name_has_none(self, filled: Bench) -> None:
        failure = Failure(error=InvalidDataError("something odd"), external_id="3")
        filled.vendor.says(*missing(3), failure, WHOLE)
        assert filled.sync().held_back == 1

    def test_nor_when_it_came_before_the_listing_was_resumed(self, filled: Bench) -> None:
        failure = Failure(error=InvalidDataError("something odd"))
        page: list[Entry] = [failure, *missing(3), Checkpoint({"at": 1})]
        filled.vendor.says(*page, TransientError("away"))
        filled.failing_sync(fresh=True)
        filled.vendor.says(*page, WHOLE)
        result = filled.sync()
        assert filled.vendor.cursors[-1] == ("r1", {"at": 1})
        assert (result.counts.deleted, result.held_back) == (0, 1)

    def test_a_whole_listing_without_it_settles_a_failure_without_a_name(
        self, filled: Bench
    ) -> None:
        filled.vendor.says(*missing(), Failure(error=InvalidDataError("something odd")), WHOLE)
        filled.sync()
        assert len(filled.letters()) == 1
        filled.vendor.says(*missing(), Complete(full=True, since=MORNING))
        filled.sync()
        assert len(filled.letters()) == 1
        filled.vendor.says(*missing(), WHOLE)
        filled.sync()
        assert filled.letters() == []

    def test_a_resumed_listing_sweeps_what_neither_part_showed(self, filled: Bench) -> None:
        first: list[Entry] = [*[put(n) for n in range(5)], Checkpoint({"at": 1})]
        filled.vendor.says(*first, TransientError("away"))
        filled.failing_sync(fresh=True)
        filled.vendor.says(*first, *[put(n) for n in range(5, 9)], WHOLE)
        result = filled.sync()
        assert result.counts.unchanged == 4
        assert result.counts.deleted == 1
        assert set(filled.texts()) == {str(n) for n in range(9)}


class TestAPartOfAPartition:
    """Notes 0 to 9 are of the first ten days of March."""

    def day(self, number: int) -> object:
        return MORNING + timedelta(days=number)

    def test_only_the_listed_days_are_swept(self, filled: Bench) -> None:
        since, until = MORNING + timedelta(days=3), MORNING + timedelta(days=6)
        filled.vendor.says(put(3), Complete(full=True, since=since, until=until))
        assert filled.sync(max_delete_percent=70).counts.deleted == 2
        assert set(filled.texts()) == {"0", "1", "2", "3", "6", "7", "8", "9"}

    def test_the_guard_counts_the_listed_days_alone(self, filled: Bench) -> None:
        since = MORNING + timedelta(days=5)
        filled.vendor.says(*[put(n) for n in range(5, 8)], Complete(full=True, since=since))
        result = filled.sync()
        assert (result.counts.deleted, result.held_back) == (0, 2)
        assert "2 of 5 known items" in result.message

    def test_what_has_no_time_is_in_no_part(self, filled: Bench) -> None:
        filled.vendor.says(put("undated"))
        filled.sync()
        filled.vendor.says(Complete(full=True, since=MORNING - timedelta(days=99)))
        filled.sync(max_delete_percent=100)
        assert set(filled.texts()) == {"undated"}


class TestAskingForWhatIsMissing:
    def test_what_the_source_confirms_is_deleted_beyond_the_guard(self, filled: Bench) -> None:
        filled.vendor.items = {}
        filled.vendor.says(put(0), WHOLE)
        result = filled.sync()
        assert (result.counts.deleted, result.held_back) == (9, 0)

    def test_what_is_there_after_all_stays(self, filled: Bench) -> None:
        later = MORNING + timedelta(hours=1)
        filled.vendor.items = {
            f"{ENTITY}:{n}": [put(n, "still here", fetched=later)] for n in range(5)
        }
        filled.vendor.says(WHOLE)
        result = filled.sync()
        assert (result.counts.changed, result.counts.deleted) == (5, 5)
        assert set(filled.texts()) == {"0", "1", "2", "3", "4"}

    @pytest.mark.parametrize("error", [PermissionDeniedError("not yours"), TransientError("away")])
    def test_a_refusal_deletes_nothing(self, filled: Bench, error: Exception) -> None:
        filled.vendor.items = {f"{ENTITY}:{n}": error for n in range(10)}
        filled.vendor.says(WHOLE)
        assert isinstance(filled.failing_sync(), PartitionFailedError)
        assert filled.stores.index.count() == 10

    def test_an_answer_that_makes_no_sense_is_set_aside_and_deletes_nothing(
        self, filled: Bench
    ) -> None:
        filled.vendor.items = {f"{ENTITY}:3": InvalidDataError("nonsense")}
        filled.vendor.says(*missing(3, 4), WHOLE)
        result = filled.sync()
        assert (result.counts.deleted, result.counts.failed) == (1, 1)
        assert "3" in filled.texts()
        assert [letter.key for letter in filled.letters()] == [f"{ENTITY}:3"]

    def test_beyond_what_is_asked_for_the_guard_holds(self, filled: Bench) -> None:
        filled.vendor.items = {}
        filled.vendor.says(put(0), WHOLE)
        result = filled.sync(confirm_deletes=3)
        assert (result.counts.deleted, result.held_back) == (0, 9)

    def test_one_alive_in_the_sample_holds_the_rest_back(self, bench: Bench) -> None:
        bench.vendor.says(*listing(put(number) for number in range(100)))
        bench.sync()
        bench.vendor.items = {f"{ENTITY}:1": [put(1)]}
        bench.vendor.says(*[put(number) for number in range(12, 100)], WHOLE)
        result = bench.sync(confirm_deletes=4)
        assert (result.counts.deleted, result.held_back) == (3, 8)
        assert "1 missing ones were there when asked" in result.message


def test_a_partition_that_vanished_or_cannot_be_read_keeps_its_documents(filled: Bench) -> None:
    before = filled.state()
    filled.vendor.rooms[:] = [Room("r2", unreadable="It is locked.", says=[WHOLE])]
    [partition] = filled.context().exporter.partitions(None)
    assert partition.unreadable
    assert filled.state()["documents"] == before["documents"]
    assert filled.stores.ledger.partitions(filled.stores.ledger.connection_id(SOURCE, "W1", "W1"))


def test_a_listed_item_whose_loading_says_it_is_gone_is_deleted(filled: Bench) -> None:
    filled.vendor.says(
        *missing(3), listed(note(3, version="new"), lambda: [gone(3)]), Complete(full=False)
    )
    assert filled.sync().counts.deleted == 1
    assert "3" not in filled.texts()
