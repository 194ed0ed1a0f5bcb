"""What belongs to another item goes with it, and not by itself."""

from collections.abc import Iterable
from dataclasses import replace

from scripted_source import ENTITY, Entry, gone, listed, listing, note, put
from workbench import Bench

from exporters.changes import Change, Checkpoint, Children, Complete, Delete, Upsert


def file(identifier: str, of: str) -> Upsert:
    """An attachment of a note."""
    record = note(identifier, f"file {identifier}")
    return Upsert(replace(record, entity="file", parent=f"{ENTITY}:{of}"))


def files(of: str, *identifiers: str) -> Children:
    return Children(parent=f"{ENTITY}:{of}", entity="file", external_ids=frozenset(identifiers))


def says(bench: Bench, changes: Iterable[Change]) -> None:
    entries: list[Entry] = [*changes, Checkpoint({"said": bench.runs})]
    bench.vendor.says(*entries)


def test_it_is_deleted_with_what_it_belongs_to(bench: Bench) -> None:
    says(bench, [put("a"), file("a1", "a"), file("a2", "a"), put("b"), file("b1", "b")])
    bench.sync()
    says(bench, [gone("a")])
    result = bench.sync()
    assert result.counts.deleted == 3
    assert sorted(bench.texts()) == ["b", "b1"]


def test_what_belongs_to_that_goes_too(bench: Bench) -> None:
    page = Upsert(replace(note("p"), entity="page", parent="file:a1"))
    says(bench, [put("a"), file("a1", "a"), page, put("b")])
    bench.sync()
    says(bench, [gone("a")])
    assert bench.sync().counts.deleted == 3
    assert sorted(bench.texts()) == ["b"]


def test_what_is_listed_no_more_is_deleted_and_nothing_else(bench: Bench) -> None:
    says(bench, [put("a"), file("a1", "a"), file("a2", "a"), put("b"), file("b1", "b")])
    bench.sync()
    says(bench, [put("a", "edited"), files("a", "a2", "a3"), file("a3", "a")])
    result = bench.sync()
    assert (result.counts.deleted, result.counts.new) == (1, 1)
    assert sorted(bench.texts()) == ["a", "a2", "a3", "b", "b1"]


def test_an_item_that_lists_none_any_more_keeps_none(bench: Bench) -> None:
    says(bench, [put("a"), file("a1", "a"), files("a", "a1")])
    bench.sync()
    says(bench, [files("a")])
    assert bench.sync().counts.deleted == 1
    assert sorted(bench.texts()) == ["a"]


def test_no_sweep_takes_it(bench: Bench) -> None:
    """A listing of ids shows the notes and not their files."""
    first = [put(n) for n in range(10)]
    bench.vendor.says(*listing([*first, file("f", "1"), file("g", "2")], page=100))
    bench.sync()
    bench.vendor.says(*listing([put(n) for n in range(9)], page=100))
    result = bench.sync(fresh=True)
    assert result.counts.deleted == 1
    assert {"f", "g"} <= bench.texts().keys()


def test_a_sweep_takes_it_with_what_it_belongs_to(bench: Bench) -> None:
    bench.vendor.says(*listing([*[put(n) for n in range(10)], file("f", "9")], page=100))
    bench.sync()
    bench.vendor.says(*listing([put(n) for n in range(9)], page=100))
    result = bench.sync(fresh=True)
    assert result.counts.deleted == 2
    assert "f" not in bench.texts()


def test_a_delete_of_its_own_takes_it_alone(bench: Bench) -> None:
    says(bench, [put("a"), file("a1", "a")])
    bench.sync()
    says(bench, [Delete("file", "a1"), Complete(full=False)])
    assert bench.sync().counts.deleted == 1
    assert sorted(bench.texts()) == ["a"]


def test_it_is_committed_before_what_it_belongs_to(bench: Bench) -> None:
    """Otherwise a run that was killed in between would never ask for it again."""
    part = listed(replace(note("part", version="1"), parent=f"{ENTITY}:whole"))
    whole = listed(note("whole", version="1"), lambda: [put("whole", version="1"), part])
    seen: list[set[str]] = []
    bench.watch.at("ledger.commit done", lambda: seen.append(set(bench.texts())))
    bench.vendor.says(whole, Checkpoint({"page": 1}))
    bench.sync(batch_records=1)
    assert next(texts for texts in seen if texts) == {"part"}
    assert bench.texts().keys() == {"part", "whole"}


def test_left_behind_by_a_kill_it_goes_with_the_word_that_its_owner_is_gone(bench: Bench) -> None:
    says(bench, [file("a1", "a"), put("b")])
    bench.sync()
    says(bench, [gone("a")])
    assert bench.sync().counts.deleted == 1
    assert sorted(bench.texts()) == ["b"]


def test_left_behind_by_a_kill_it_goes_with_the_next_whole_listing(bench: Bench) -> None:
    says(bench, [file("a1", "a"), put("b"), file("b1", "b")])
    bench.sync()
    bench.vendor.says(*listing([put("b"), file("c1", "c")], page=100))
    assert bench.sync(fresh=True).counts.deleted == 1
    assert sorted(bench.texts()) == ["b", "b1", "c1"], "c itself may have failed, and come later"
