"""What was set aside is tried again by a listing from the beginning, though nothing moved."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

import pytest
from scripted_source import (
    ENTITY,
    Entry,
    ScriptedExporter,
    fails,
    gone,
    listed,
    listing,
    note,
    put,
)
from workbench import Bench

from exporters.changes import Change, Checkpoint, Children, Failure, Listed, RawRecord, Upsert
from exporters.errors import InvalidDataError
from tasks.results import PartitionOutcome


class OwningExporter(ScriptedExporter):
    """A source whose files belong to notes: the file `a/1` to the note `a`."""

    def owner_of(self, entity: str, external_id: str) -> str | None:
        return f"{ENTITY}:{external_id.partition('/')[0]}" if entity == "file" else None


@pytest.fixture
def bench(bench: Bench) -> Bench:
    bench.exporter_class = OwningExporter
    return bench


class Shelf:
    """Notes with files, and which of all these cannot be had now."""

    def __init__(self, bench: Bench, **files: int) -> None:
        self.bench = bench
        self.files = files
        self.lost: set[str] = set()
        self.loaded: list[str] = []

    def run(self, *more: Entry, fresh: bool = False, **options: object) -> tuple[int, int]:
        """Syncs; how many items are new, and how many failed."""
        self.loaded.clear()
        # Each sync has marks of its own, so that one that goes on is shown everything too.
        name = f"page of {self.bench.runs}"
        self.bench.vendor.says(*listing([*map(self._note, self.files)], name=name), *more)
        result = self.bench.sync(fresh=fresh, **options)
        wrong = bool(result.counts.failed)
        assert result.outcome is PartitionOutcome[("COMPLETED", "ATTENTION")[wrong]]
        return result.counts.new, result.counts.failed

    def _note(self, name: str) -> Listed:
        record = note(name, version="1")
        return listed(record, lambda: self._loaded(record, self._files(name)))

    def _files(self, name: str) -> Iterable[Change]:
        names = [f"{name}/{number}" for number in range(1, self.files[name] + 1)]
        yield Children(parent=f"{ENTITY}:{name}", entity="file", external_ids=frozenset(names))
        for one in names:
            plain = replace(note(one, version="1"), entity="file", parent=f"{ENTITY}:{name}")
            yield listed(plain, lambda plain=plain: self._loaded(plain))  # type: ignore[misc]

    def _loaded(self, record: RawRecord, more: Iterable[Change] = ()) -> Sequence[Change]:
        name = record.external_id
        self.loaded.append(name)
        if name in self.lost:
            error = InvalidDataError(f"{name} cannot be had.")
            return [Failure(error=error, entity=record.entity, external_id=name)]
        return [Upsert(record), *more]

    @property
    def letters(self) -> dict[str | None, int]:
        """What is set aside, and how often it was tried."""
        return {letter.key: letter.attempts for letter in self.bench.letters()}


def test_a_file_that_failed_is_asked_for_again_with_its_note(bench: Bench) -> None:
    shelf = Shelf(bench, a=2, b=1)
    shelf.lost = {"a/2"}
    assert shelf.run() == (4, 1)
    assert shelf.run() == (0, 0)
    assert shelf.loaded == [], "a sync that goes on fetches nothing for it"
    assert shelf.run(fresh=True) == (0, 1)
    assert shelf.loaded == ["a", "a/2"]
    assert shelf.letters == {"file:a/2": 2}
    shelf.lost.clear()
    assert shelf.run(fresh=True) == (1, 0)
    assert shelf.loaded == ["a", "a/2"]
    assert shelf.letters == {}
    assert set(bench.texts()) == {"a", "a/1", "a/2", "b", "b/1"}
    shelf.run(fresh=True)
    assert shelf.loaded == []


def test_what_comes_as_it_was_known_is_settled_too(bench: Bench) -> None:
    shelf = Shelf(bench, a=1)
    shelf.run()
    shelf.lost = {"a", "a/1"}
    assert shelf.run(refetch=True) == (0, 1)
    shelf.lost = {"a/1"}
    assert shelf.run(refetch=True) == (0, 1)
    assert shelf.letters == {"file:a/1": 1}
    shelf.lost.clear()
    assert shelf.run(fresh=True) == (0, 0)
    assert shelf.letters == {}


def test_failing_again_does_not_stop_a_partition(bench: Bench) -> None:
    """A rescan fetches what was set aside and little else: that is no row of failures."""
    shelf = Shelf(bench, a=3, b=3)
    shelf.lost = {f"{name}/{number}" for name in "ab" for number in (2, 3)}
    shelf.run(max_consecutive_failures=5)
    assert shelf.run(fresh=True, max_consecutive_failures=2) == (0, 4)
    assert set(shelf.letters.values()) == {2}


def test_a_file_that_its_note_lists_no_more_is_settled(bench: Bench) -> None:
    shelf = Shelf(bench, a=2)
    shelf.lost = {"a/1", "a/2"}
    shelf.run()
    shelf.files["a"] = 1
    shelf.run(fresh=True)
    assert shelf.letters == {"file:a/1": 2}


def test_a_file_goes_with_its_note(bench: Bench) -> None:
    shelf = Shelf(bench, a=1, b=1)
    shelf.lost = {"a/1", "b/1"}
    shelf.run()
    del shelf.files["a"]
    assert shelf.run(gone("a"), fresh=True) == (0, 1)
    assert shelf.letters == {"file:b/1": 2}


def test_what_landed_is_not_fetched_again(bench: Bench) -> None:
    shelf = Shelf(bench, a=1)
    bench.index.refuses = {"scripted:W1:file:a/1"}
    shelf.run()
    [letter] = bench.letters()
    assert letter.raw_ref
    shelf.run(fresh=True)
    assert shelf.loaded == []


def test_an_item_that_comes_back_as_it_was_is_set_aside_no_more(bench: Bench) -> None:
    bench.vendor.says(put(1), put(2), Checkpoint({"n": 1}))
    bench.sync()
    bench.vendor.says(fails(1), put(2, broken="unreadable"), Checkpoint({"n": 2}))
    bench.sync()
    assert {letter.key for letter in bench.letters()} == {f"{ENTITY}:1", f"{ENTITY}:2"}
    bench.vendor.says(put(1), put(2), Checkpoint({"n": 3}))
    counts = bench.sync().counts
    assert (counts.new, counts.changed, counts.unchanged) == (0, 0, 2)
    assert bench.letters() == []


@pytest.mark.parametrize("part", [True, False], ids=["a part of it", "and fails once more"])
def test_it_stays_set_aside_where_that_proves_nothing(bench: Bench, part: bool) -> None:
    bench.vendor.says(put(1), Checkpoint({"n": 1}))
    bench.sync()
    for number in (2, 3):
        known = [Upsert(note(1), partial=True)] if part else [put(1), fails(1)]
        bench.vendor.says(*(known if number == 3 else [fails(1)]), Checkpoint({"n": number}))
        bench.sync()
    [letter] = bench.letters()
    assert letter.attempts == (1 if part else 2)


@pytest.mark.parametrize("killed_at", range(1, 5))
def test_what_is_known_of_an_item_and_what_failed_of_it_are_written_together(
    bench: Bench, killed_at: int
) -> None:
    """Otherwise a killed run leaves items that are current, and nobody knows what they lack."""
    records = [note(n, version="1") for n in range(3)]

    def page() -> Sequence[Entry]:
        loads = ([Upsert(record), fails(record.external_id)] for record in records)
        return listing(listed(r, lambda x=x: x) for r, x in zip(records, loads, strict=True))  # type: ignore[misc]

    bench.vendor.says(*page())
    bench.watch.raises("ledger.commit done", KeyboardInterrupt(), time=killed_at)
    with suppress(KeyboardInterrupt):
        bench.sync(batch_records=1)
    bench.vendor.says(*page())
    bench.sync(batch_records=1)
    keys = {f"{ENTITY}:{n}" for n in range(3)}
    assert {letter.key for letter in bench.letters()} == keys
