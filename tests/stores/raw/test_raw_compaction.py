"""Small files are merged, and every reference stays valid."""

import os
import signal
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from raw_samples import DAY, LATER, ids, row

from stores.errors import StoreCorruptError
from stores.raw.store import RawStore

NOW = timedelta(0)


def parquet(folder: Path) -> list[str]:
    """The names of all files, without the run's marks."""
    return sorted(path.name.split("-")[0] for path in folder.rglob("*.parquet"))


def landed(store: RawStore, numbers: range, day: date = DAY) -> list[str]:
    """Lands a file of two rows for each number, and gives the references."""
    refs = []
    for number in numbers:
        rows = [row(number), row(number + 1000)]
        refs += store.append(rows, run_id=f"run{number}", day=day).refs
    return refs


def test_references_stay_valid_when_files_are_merged_and_removed(store: RawStore) -> None:
    refs = landed(store, range(20))
    before = {ref: store.read(ref) for ref in refs}

    merged = store.compact(grace=NOW)
    assert (merged.merged, merged.made, merged.removed) == (20, 1, 0)
    assert {ref: store.read(ref) for ref in refs} == before
    assert sorted(found.ref for found in store.iterate()) == sorted(refs)

    removed = store.compact(grace=NOW)
    assert (removed.merged, removed.made, removed.removed) == (0, 0, 20)
    assert {ref: store.read(ref) for ref in refs} == before
    assert {found.ref: found for found in store.iterate()} == before
    assert ids(store.read_many(refs[10:14])) == ids(before[ref] for ref in refs[10:14])
    fresh = store.compact(grace=NOW)
    assert (fresh.merged, fresh.removed) == (0, 0)


def test_merged_files_stay_for_whoever_is_reading_them(local: RawStore, folder: Path) -> None:
    landed(local, range(10))
    local.compact()
    local.compact()
    assert parquet(folder) == ["merged"] + [f"run{number}" for number in range(10)]


def test_a_reader_that_listed_before_finds_its_rows_after(local: RawStore) -> None:
    refs = landed(local, range(10))
    rows = local.iterate()
    found = [next(rows).ref for _ in range(3)]
    local.compact(grace=NOW)
    local.compact(grace=NOW)
    found += [landed.ref for landed in rows]
    assert sorted(found) == sorted(refs)


def test_a_replay_of_vouched_files_reads_them_out_of_the_merged_one(store: RawStore) -> None:
    refs = landed(store, range(10))
    vouched = {ref.partition("#")[0] for ref in refs[4:8]}
    store.compact(grace=NOW)
    store.compact(grace=NOW)

    assert sorted(found.ref for found in store.iterate(paths=vouched)) == sorted(refs[4:8])
    gone = f"{refs[0].rpartition('/')[0]}/never-was-1.parquet"
    told: list[StoreCorruptError] = []
    assert len(list(store.iterate(paths={*vouched, gone}, on_damage=told.append))) == 4
    assert [gone in str(damage) for damage in told] == [True]


def test_rows_of_a_merged_file_are_found_by_filter(local: RawStore) -> None:
    for number in range(10):
        team, place = f"T{number % 3}", f"C{number % 2}"
        local.append([row(number, connection=team, partition=place)], run_id="r", day=DAY)
    local.compact(grace=NOW)
    local.compact(grace=NOW)
    assert ids(local.iterate(connection="T1")) == ["C1-1", "C1-4", "C1-7"]
    assert ids(local.iterate(connection="T1", partition="C0")) == ["C1-4"]


def test_later_files_are_merged_with_what_was_merged_before(local: RawStore, folder: Path) -> None:
    refs = landed(local, range(10))
    local.compact(grace=NOW)
    local.compact(grace=NOW)
    refs += landed(local, range(10, 20))
    assert local.compact(grace=NOW).merged == 11
    local.compact(grace=NOW)

    assert parquet(folder) == ["merged"]
    assert sorted(found.ref for found in local.iterate()) == sorted(refs)
    assert [local.read(ref).ref for ref in refs] == refs


def test_only_full_days_with_enough_files_are_merged(local: RawStore, folder: Path) -> None:
    today = datetime.now(UTC).date()
    landed(local, range(3), day=DAY)
    landed(local, range(10, 22), day=today)
    assert local.compact(grace=NOW).made == 0
    assert local.compact(least=3, grace=NOW).made == 1
    assert local.compact(before=today + timedelta(days=1), grace=NOW).merged == 12


def test_large_files_are_left_alone(local: RawStore, folder: Path) -> None:
    large = [row(n, payload=os.urandom(1 << 20)) for n in range(17)]
    local.append(large, run_id="large", day=DAY)
    landed(local, range(8))
    assert local.compact(grace=NOW).merged == 8
    assert len(list(local.iterate())) == 33


def test_a_damaged_file_is_named_and_left_out(local: RawStore, folder: Path) -> None:
    refs = landed(local, range(10))
    bad = refs[6].partition("#")[0]
    path = folder / bad
    path.write_bytes(path.read_bytes()[:-20])

    report = local.compact(grace=NOW)
    local.compact(grace=NOW)

    assert report.merged == 9
    assert [bad in sentence for sentence in report.damaged] == [True]
    assert path.exists()
    told: list[StoreCorruptError] = []
    assert len(list(local.iterate(on_damage=told.append))) == 18
    assert len(told) == 1


def test_a_damaged_merged_file_is_named_and_its_parts_are_read(
    local: RawStore, folder: Path
) -> None:
    refs = landed(local, range(10))
    local.compact()
    (merged,) = folder.rglob("merged-*.parquet")
    merged.write_bytes(merged.read_bytes()[:-20])

    fresh = RawStore.open(folder)
    told: list[StoreCorruptError] = []
    assert sorted(found.ref for found in fresh.iterate(on_damage=told.append)) == sorted(refs)
    assert [merged.name in str(damage) for damage in told] == [True]
    assert fresh.compact(grace=NOW).removed == 0


def test_files_are_not_removed_when_the_merged_one_rotted(local: RawStore, folder: Path) -> None:
    refs = landed(local, range(10))
    local.compact()
    (merged,) = folder.rglob("merged-*.parquet")
    content = bytearray(merged.read_bytes())
    content[len(content) // 4] ^= 1
    merged.write_bytes(content)

    report = local.compact(grace=NOW)

    assert report.removed == 0
    assert [merged.name in sentence for sentence in report.damaged] == [True]
    merged.unlink()
    assert sorted(found.ref for found in RawStore.open(folder).iterate()) == sorted(refs)


def test_compactions_that_overlap_leave_each_row_once(local: RawStore, folder: Path) -> None:
    refs = landed(local, range(8))
    hidden = []
    for ref in refs[::4]:
        path = folder / ref.partition("#")[0]
        hidden.append((path, path.read_bytes()))
    for path, _ in hidden[:2]:
        path.unlink()
    local.compact(least=2)
    for path, content in hidden[:2]:
        path.write_bytes(content)
    for path, _ in hidden[2:]:
        path.unlink()
    for path in folder.rglob("merged-*.parquet"):
        aside = path.with_name("aside")
        path.rename(aside)
    RawStore.open(folder).compact(least=2)
    aside.rename(aside.with_name("merged-0000000000000000.parquet"))
    for path, content in hidden:
        path.write_bytes(content)

    fresh = RawStore.open(folder)
    assert len(list(folder.rglob("merged-*.parquet"))) == 2
    for _ in range(4):
        assert sorted(found.ref for found in fresh.iterate()) == sorted(refs)
        assert [fresh.read(ref).ref for ref in refs] == refs
        fresh.compact(least=2, grace=NOW)
    assert parquet(folder) == ["merged"]


def apart(folder: Path, landings: list[list[str]]) -> list[Path]:
    """Two merged files of a folder, as compactions leave them that did not see each other."""
    merged = []
    for refs in landings:
        paths = {folder / ref.partition("#")[0] for ref in refs}
        others = [path for path in folder.rglob("*.parquet") if path not in paths]
        for path in others:
            path.rename(path.with_suffix(".aside"))
        store = RawStore.open(folder)
        store.compact(least=2, grace=NOW)
        store.compact(least=2, grace=NOW)
        merged += folder.rglob("merged-*.parquet")
        for path in others:
            path.with_suffix(".aside").rename(path)
    return merged


def test_a_merged_file_that_goes_while_a_reader_is_at_another_is_found_again(
    local: RawStore, folder: Path
) -> None:
    landings = [landed(local, range(4)), landed(local, range(4, 8))]
    assert len(apart(folder, landings)) == 2

    rows = RawStore.open(folder).iterate()
    found = [next(rows).ref]
    for _ in range(2):
        local.compact(least=2, grace=NOW)
    assert parquet(folder) == ["merged"]
    found += [landed.ref for landed in rows]

    assert sorted(found) == sorted(landings[0] + landings[1])


def test_of_two_merged_files_with_the_same_rows_one_stays(local: RawStore, folder: Path) -> None:
    refs = landed(local, range(8))
    local.compact(grace=NOW)
    (merged,) = folder.rglob("merged-*.parquet")
    merged.with_name("merged-ffffffffffffffff.parquet").write_bytes(merged.read_bytes())
    for _ in range(2):
        local.compact(grace=NOW)
    assert parquet(folder) == ["merged"]
    assert sorted(found.ref for found in local.iterate()) == sorted(refs)


def test_a_killed_compaction_loses_and_doubles_nothing(folder: Path) -> None:
    local = RawStore.open(folder)
    refs = [ref for day in (DAY, LATER) for ref in landed(local, range(40), day=day)]
    for delay in (0.0, 0.01, 0.02, 0.04, 0.06, 0.1, 0.2):
        child = os.fork()
        if child == 0:
            for _ in range(2):
                RawStore.open(folder).compact(grace=NOW)
            os._exit(0)
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        fresh = RawStore.open(folder)
        assert sorted(found.ref for found in fresh.iterate()) == sorted(refs)
    fresh.compact(grace=NOW)
    fresh.compact(grace=NOW)
    assert parquet(folder) == ["merged", "merged"]
    assert sorted(found.ref for found in fresh.iterate()) == sorted(refs)


def test_what_killed_processes_left_half_written_is_removed_after_a_day(
    local: RawStore, folder: Path
) -> None:
    landed(local, range(1))
    (whole,) = folder.rglob("*.parquet")
    old, young = whole.with_name(".old.1a2b"), whole.with_name(".young.1a2b")
    for path in (old, young):
        path.write_bytes(b"half")
    long_ago = time.time() - 90_000
    os.utime(old, (long_ago, long_ago))

    assert local.compact().leftovers == 1
    assert (old.exists(), young.exists(), whole.exists()) == (False, True, True)


@pytest.mark.parametrize("rows", [1, 3000])
def test_merged_rows_keep_their_numbers_across_row_groups(local: RawStore, rows: int) -> None:
    refs = []
    for number in range(8):
        batch = [row(number * 10_000 + n) for n in range(rows)]
        refs += local.append(batch, run_id="r", day=DAY).refs
    local.compact(grace=NOW)
    local.compact(grace=NOW)
    assert sorted(found.ref for found in local.iterate()) == sorted(refs)
    for place in range(0, len(refs), max(1, len(refs) // 7)):
        expected = (place // rows) * 10_000 + place % rows
        assert local.read(refs[place]).row == row(expected)
