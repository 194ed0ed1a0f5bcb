"""Listed items that one call fetches together, and items that are listed without a version."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import pytest
from scripted_source import ENTITY, MovedExporter, fails, gone, listed, listing, note, put
from workbench import Bench

from exporters.changes import (
    Change,
    Checkpoint,
    Complete,
    Delete,
    Failure,
    Listed,
    LoadMany,
    Upsert,
)
from exporters.errors import InvalidDataError, TransientError


@dataclass
class Calls:
    """The vendor's calls, and what it has."""

    has: dict[str, Sequence[Change]]
    alone: list[str] = field(default_factory=list)
    together: list[list[str]] = field(default_factory=list)
    at_most: int = 10
    spoiled_by: str = ""
    refuses: BaseException | None = None

    def __post_init__(self) -> None:
        self._many = LoadMany(self._load_many, self.at_most)

    def listed(self, identifier: str, version: str | None = "1") -> Listed:
        return Listed(
            entity=ENTITY,
            external_id=identifier,
            version=version,
            load=lambda: self._load(identifier),
            load_many=self._many,
        )

    def _load(self, identifier: str) -> Iterator[Change]:
        self.alone.append(identifier)
        if identifier == self.spoiled_by:
            raise InvalidDataError("That one is broken.", external_id=identifier)
        yield from self.has.get(identifier, ())

    def _load_many(self, identifiers: Sequence[str]) -> Iterator[Change]:
        self.together.append(list(identifiers))
        if self.refuses is not None:
            raise self.refuses
        if self.spoiled_by in identifiers:
            raise InvalidDataError("The answer ends in the middle.")
        for identifier in reversed(identifiers):  # in whatever order the vendor likes
            yield from self.has.get(identifier, ())


@pytest.fixture
def calls() -> Callable[..., Calls]:
    def made(count: int, **fields: object) -> Calls:
        has = {f"n{n}": [Upsert(note(f"n{n}", version="1"))] for n in range(count)}
        return Calls(has, **fields)  # type: ignore[arg-type]

    return made


def names(count: int, start: int = 0) -> list[str]:
    return [f"n{number}" for number in range(start, count)]


def test_new_items_are_fetched_as_many_at_once_as_the_vendor_allows(
    bench: Bench, calls: Callable[..., Calls]
) -> None:
    vendor = calls(25)
    bench.vendor.says(*listing([vendor.listed(name) for name in names(25)], page=100))
    assert bench.sync().counts.new == 25
    assert [len(call) for call in vendor.together] == [10, 10, 5]
    assert vendor.alone == []
    assert sorted(bench.texts()) == sorted(names(25))


def test_what_did_not_move_is_not_asked_for(bench: Bench, calls: Callable[..., Calls]) -> None:
    vendor = calls(25)
    bench.vendor.says(*listing([vendor.listed(name) for name in names(25)], page=100))
    bench.sync()
    vendor.together.clear()
    vendor.has["n7"] = [Upsert(note("n7", "edited", version="2"))]
    vendor.has["n9"] = [Upsert(note("n9", "edited too", version="2"))]
    bench.vendor.says(
        *listing([vendor.listed(n, "2" if n in {"n7", "n9"} else "1") for n in names(25)], page=100)
    )
    result = bench.sync(fresh=True)
    assert (result.counts.changed, result.counts.unchanged) == (2, 23)
    assert vendor.together == [["n7", "n9"]]


def test_an_item_that_an_answer_leaves_out_is_a_failure_and_not_a_gap(
    bench: Bench, calls: Callable[..., Calls]
) -> None:
    vendor = calls(5)
    del vendor.has["n3"]
    bench.vendor.says(*listing([vendor.listed(name) for name in names(5)], page=100))
    result = bench.sync()
    assert (result.counts.new, result.counts.failed) == (4, 1)
    [letter] = bench.letters()
    assert letter.key == f"{ENTITY}:n3"
    assert "left out of the answer" in letter.message


def test_an_answer_that_one_item_spoils_costs_that_item_alone(
    bench: Bench, calls: Callable[..., Calls]
) -> None:
    vendor = calls(10, spoiled_by="n4")
    bench.vendor.says(*listing([vendor.listed(name) for name in names(10)], page=100))
    result = bench.sync()
    assert (result.counts.new, result.counts.failed) == (9, 1)
    assert vendor.alone == names(10)
    assert [letter.key for letter in bench.letters()] == [f"{ENTITY}:n4"]


def test_a_failure_of_the_service_stops_the_partition_and_commits_no_cursor_beyond_it(
    bench: Bench, calls: Callable[..., Calls]
) -> None:
    vendor = calls(10)
    bench.vendor.says(
        put("first"),
        Checkpoint({"page": 1}),
        *[vendor.listed(name) for name in names(10)],
        Checkpoint({"page": 2}),
    )
    vendor.refuses = TransientError("The service does not answer.")
    bench.failing_sync()
    assert bench.cursor() == {"page": 1}
    vendor.refuses = None
    assert bench.sync().counts.new == 10
    assert bench.cursor() == {"page": 2}


def test_the_order_of_what_is_said_of_one_item_is_kept(
    bench: Bench, calls: Callable[..., Calls]
) -> None:
    vendor = calls(4)
    bench.vendor.says(
        *[vendor.listed(name) for name in names(3)],
        Delete(ENTITY, "n1"),
        gone("n3"),
        vendor.listed("n3"),
        Checkpoint({"page": 1}),
    )
    bench.sync()
    assert sorted(bench.texts()) == ["n0", "n2", "n3"]


def test_items_without_a_version_are_fetched_only_where_nothing_is_known_of_them(
    bench: Bench, calls: Callable[..., Calls]
) -> None:
    vendor = calls(8)
    bench.vendor.says(*listing([vendor.listed(n, None) for n in names(6)], page=100))
    bench.sync()
    vendor.together.clear()
    bench.vendor.says(*listing([vendor.listed(n, None) for n in names(8, 1)], page=100))
    result = bench.sync(fresh=True, max_delete_percent=50)
    assert vendor.together == [["n6", "n7"]]
    assert (result.counts.new, result.counts.unchanged, result.counts.deleted) == (2, 5, 1)


def test_items_without_a_version_are_fetched_again_by_a_newer_transformation(
    bench: Bench, calls: Callable[..., Calls]
) -> None:
    vendor = calls(3)
    bench.vendor.says(*listing([vendor.listed(n, None) for n in names(3)], page=100))
    bench.sync()
    vendor.together.clear()
    bench.exporter_class = MovedExporter
    bench.sync(fresh=True)
    assert vendor.together == [names(3)]


def test_an_item_without_a_version_that_a_store_refused_is_tried_again(
    bench: Bench, calls: Callable[..., Calls]
) -> None:
    vendor = calls(2)
    bench.index.refuses = {"scripted:W1:note:n1"}
    bench.vendor.says(*listing([vendor.listed(n, None) for n in names(2)], page=100))
    assert bench.sync().counts.failed == 1
    bench.index.refuses = set()
    assert bench.sync(fresh=True).counts.changed == 1
    assert sorted(bench.texts()) == ["n0", "n1"]
    assert bench.letters() == []


def test_what_an_item_lists_in_turn_is_fetched_where_it_moved(bench: Bench) -> None:
    fetched: list[str] = []

    def part(identifier: str) -> Listed:
        record = replace(note(identifier, version="x"), parent=f"{ENTITY}:whole")

        def load() -> list[Change]:
            fetched.append(identifier)
            return [Upsert(record)]

        return listed(record, load)

    def whole(version: str, *parts: str) -> Listed:
        record = note("whole", f"edition {version}", version=version)
        return listed(record, lambda: [Upsert(record), *map(part, parts)])

    bench.vendor.says(whole("1", "a", "b"), Checkpoint({"page": 1}))
    assert bench.sync().counts.new == 3
    bench.vendor.says(whole("2", "a", "b", "c"), Checkpoint({"page": 2}))
    result = bench.sync()
    assert (result.counts.new, result.counts.changed, result.counts.unchanged) == (1, 1, 2)
    assert fetched == ["a", "b", "c"]


def test_an_item_may_say_that_it_failed_among_others(
    bench: Bench, calls: Callable[..., Calls]
) -> None:
    vendor = calls(3)
    vendor.has["n1"] = [fails("n1")]
    bench.vendor.says(*listing([vendor.listed(name) for name in names(3)], page=100))
    result = bench.sync()
    assert (result.counts.new, result.counts.failed) == (2, 1)


def test_export_fetches_together_too(bench: Bench, calls: Callable[..., Calls]) -> None:
    vendor = calls(25)
    bench.vendor.says(
        *[vendor.listed(name) for name in names(25)],
        Failure(error=InvalidDataError("odd")),
        Complete(full=True),
    )
    documents = list(bench.exporter_class(bench.vendor).export())
    assert len(documents) == 25
    assert [len(call) for call in vendor.together] == [10, 10, 5]
