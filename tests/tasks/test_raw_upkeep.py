"""What landed is verified, pruned and compacted, on a folder and on an object store."""

import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from scripted_source import MORNING, gone, put
from watched_stores import settings_in
from workbench import Bench

from documents.errors import ConfigurationError
from exporters.changes import Checkpoint
from stores.raw.store import RawStore
from stores.raw.types import RawRow
from tasks.raw_upkeep import Retention, compact_raw, prune_raw, upkeep, verify_raw
from tasks.replay import ReplayRequest, replay_partition
from tasks.stores import open_raw

sys.path.append(str(Path(__file__).parents[1] / "stores" / "raw"))
from object_store import object_store

LONG_AGO = date(2026, 1, 5)
DAYS = 30


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, bench: Bench) -> Iterator[Bench]:
    """The bench, with its landing in a folder or in an object store."""
    if request.param == "folder":
        yield bench
        return
    with object_store() as server:
        bench.settings = {"raw": server.uri()}
        yield bench


def landed(bench: Bench, *changes: Any, long_ago: bool = True, name: str = "n") -> None:
    """Syncs changes; they landed long ago."""
    raw, append = bench.stores.raw, type(bench.stores.raw).append
    if long_ago:
        raw.append = lambda rows, **o: append(raw, rows, day=LONG_AGO, **o)  # type: ignore[method-assign]
    bench.vendor.says(*changes, Checkpoint({name: 1}))
    bench.sync()
    raw.__dict__.pop("append", None)


def settings(bench: Bench) -> Any:
    return settings_in(bench.folder, bench.layout, **bench.settings)


def files_of(bench: Bench) -> list[str]:
    return sorted(file.path for file in bench.stores.raw.stored())


def test_a_whole_landing_is_told_to_be_whole(place: Bench) -> None:
    landed(place, put(1), put(2))
    told: list[tuple[int, int]] = []
    verified = verify_raw(settings=settings(place), passed=lambda *n: told.append(n))
    assert (verified.report.files, verified.report.rows, verified.report.damages) == (1, 2, [])
    assert told == [(1, 1)]
    assert "are whole" in verified.sentence


@pytest.mark.parametrize("quick", [False, True])
def test_a_missing_file_is_told_with_what_it_costs(place: Bench, quick: bool) -> None:
    landed(place, put(1), put(2), put(3))
    landed(place, put(4), name="m")
    [path, *_] = [f.path for f in place.stores.ledger.raw_files()]
    open_raw(settings(place)).remove(path)
    verified = verify_raw(settings=settings(place), quick=quick)
    [damage] = verified.report.damages
    assert (damage.path, damage.rows) == (path, 3)
    assert "missing" in damage.reason
    assert verified.newest == {path: 3}
    assert "newest payload of 3 items" in verified.sentence


def test_what_is_missing_lands_again_with_a_refetch_and_is_forgotten_then(place: Bench) -> None:
    landed(place, put(1), put(2), put(3))
    [path] = [f.path for f in place.stores.ledger.raw_files()]
    open_raw(settings(place)).remove(path)
    assert prune_raw(Retention(), settings=settings(place)).missing == 0, "it is needed"
    place.vendor.says(put(1), put(2), put(3), Checkpoint({"n": 2}))
    assert place.sync().counts.landed == 0
    place.watch.forget()
    place.vendor.says(put(1), put(2), put(3), Checkpoint({"n": 3}))
    counts = place.sync(refetch=True).counts
    assert (counts.landed, counts.unchanged, counts.written) == (3, 3, 0)
    assert place.watch.written == 0
    assert "nothing but older payloads" in verify_raw(settings=settings(place)).sentence
    assert prune_raw(Retention(), settings=settings(place), dry_run=True).missing == 1
    assert prune_raw(Retention(), settings=settings(place)).missing == 1
    assert "are whole" in verify_raw(settings=settings(place)).sentence


@pytest.mark.parametrize("newest_too", [False, True])
def test_a_landing_that_is_away_is_not_forgotten(bench: Bench, newest_too: bool) -> None:
    """A volume that is not mounted: what is forgotten would go as a left-over once it is back."""
    landed(bench, put(1, "old"))
    landed(bench, put(1, "new", fetched=datetime.now(UTC)), name="m")
    vouched = {file.path for file in bench.stores.ledger.raw_files()}
    folder = Path(open_raw(settings(bench)).location)
    away = folder.rename(folder.with_name("away"))
    folder.mkdir()
    assert prune_raw(Retention(newest_too=newest_too), settings=settings(bench)).missing == 0
    folder.rmdir()
    away.rename(folder)
    assert {file.path for file in bench.stores.ledger.raw_files()} == vouched
    assert "are whole" in verify_raw(settings=settings(bench)).sentence


@pytest.mark.parametrize("merged", [False, True])
def test_a_flipped_bit_is_found_in_a_file_and_in_a_merged_one(bench: Bench, merged: bool) -> None:
    for number in range(3):
        landed(bench, put(number, "word " * 400), name=f"n{number}")
    if merged:
        bench.stores.raw.compact(least=2, grace=timedelta(0))
        bench.stores.raw.compact(least=2, grace=timedelta(0))
    path = sorted(bench.folder.rglob("*.parquet"))[0]
    content = bytearray(path.read_bytes())
    content[content.index(b"word") + 2 if b"word" in content else 400] ^= 1
    path.write_bytes(bytes(content))
    assert verify_raw(settings=settings(bench), quick=True).report.damages == []
    verified = verify_raw(settings=settings(bench))
    assert len(verified.report.damages) == (3 if merged else 1)
    assert "damaged" in verified.report.damages[0].reason


def test_a_file_with_too_few_rows_is_damaged(bench: Bench) -> None:
    landed(bench, put(1), put(2))
    [file] = bench.stores.ledger.raw_files()
    other = RawStore.open(bench.folder / "other")
    rows = [RawRow(source="scripted", connection="W1", partition="r1", entity="note",
                   external_id="1", payload=b"{}", fetched_at=MORNING)]  # fmt: skip
    made = other.append(rows, run_id="x", day=LONG_AGO).files[0].path
    [target] = bench.folder.rglob(Path(file.path).name)
    target.write_bytes((bench.folder / "other" / made).read_bytes())
    [damage] = verify_raw(settings=settings(bench)).report.damages
    assert "1 rows of it instead of 2" in damage.reason


def test_retention_by_age_keeps_what_is_needed(place: Bench) -> None:
    later = MORNING + timedelta(hours=1)
    landed(place, put(1), put(2))  # superseded and deleted: may go
    landed(place, put(3), name="a")  # the newest of a living record
    landed(place, put(4), put(5, broken="x"), name="b")
    landed(
        place, put(1, "newer", fetched=later), gone(2), put(4, "newer", fetched=later),
        long_ago=False, name="c",
    )  # fmt: skip
    before = files_of(place)
    wanted = Retention(keep_days=DAYS)
    planned = prune_raw(wanted, dry_run=True, settings=settings(place))
    assert files_of(place) == before
    done = prune_raw(wanted, settings=settings(place))
    assert done.paths == planned.paths
    assert (done.files, done.kept) == (1, 2)  # a dead letter still needs the third
    assert len(files_of(place)) == len(before) - 1
    assert verify_raw(settings=settings(place)).report.damages == []
    assert prune_raw(wanted, settings=settings(place)).files == 0
    assert set(place.texts()) == {"1", "3", "4"}


def test_the_newest_payloads_go_if_that_is_wanted(place: Bench) -> None:
    landed(place, put(1), put(2, broken="x"))
    done = prune_raw(Retention(keep_days=DAYS, newest_too=True), settings=settings(place))
    assert done.files == 0  # what was set aside is still needed
    place.stores.ledger.resolve_dead_letters([letter.id or 0 for letter in place.letters()])
    done = prune_raw(Retention(keep_days=DAYS, newest_too=True), settings=settings(place))
    assert (done.files, files_of(place)) == (1, [])
    [state] = place.stores.ledger.partitions(1)
    result = replay_partition(place.context(), state, ReplayRequest(source="scripted"))
    assert (result.counts.written, set(place.texts())) == (0, {"1"})
    later = MORNING + timedelta(hours=1)
    landed(place, put(1, "newer", fetched=later), name="z")
    assert place.texts() == {"1": "newer"}


def test_retention_by_size_takes_the_oldest_first(place: Bench) -> None:
    for number in range(4):
        text = f"version {number}"
        landed(place, put(1, text, fetched=MORNING + timedelta(hours=number)), name=f"{number}")
    sizes = {file.path: file.size for file in place.stores.raw.stored()}
    paths = [file.path for file in place.stores.ledger.raw_files()]
    bound = sum(sizes.values()) - sizes[paths[0]]
    done = prune_raw(Retention(keep_bytes=bound), settings=settings(place))
    assert done.paths == paths[:1] or done.files == 1
    assert done.left_bytes <= bound
    done = prune_raw(Retention(keep_bytes=0), settings=settings(place))
    assert (done.files, done.kept) == (2, 1)
    assert files_of(place) == paths[3:]


def test_left_overs_go_after_a_day(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    landed(bench, put(1))
    rows = [RawRow(source="scripted", connection="W1", partition="r1", entity="note",
                   external_id="9", payload=b"{}", fetched_at=MORNING)]  # fmt: skip
    bench.stores.raw.append(rows, run_id="killed", day=LONG_AGO)
    assert verify_raw(settings=settings(bench)).report.leftovers == 1
    assert prune_raw(Retention(), settings=settings(bench)).files == 0
    monkeypatch.setattr("tasks.raw_upkeep._LEFTOVER_AGE", timedelta(0))
    done = prune_raw(Retention(), settings=settings(bench))
    assert (done.files, done.leftovers) == (1, 1)
    assert verify_raw(settings=settings(bench)).report.leftovers == 0


def test_merged_files_are_found_verified_and_pruned(place: Bench) -> None:
    for number in range(9):
        at = MORNING + timedelta(hours=number)
        landed(place, put(1, f"version {number}", fetched=at), name=f"{number}")
    report = compact_raw(settings=settings(place))
    assert (report.merged, report.made) == (9, 1)
    assert verify_raw(settings=settings(place)).report.damages == []
    assert prune_raw(Retention(keep_days=DAYS), settings=settings(place)).files == 8
    assert verify_raw(settings=settings(place)).report.damages == []
    later = datetime.now(UTC)
    landed(place, put(1, "the last", fetched=later), long_ago=False, name="z")
    assert prune_raw(Retention(keep_days=DAYS), settings=settings(place)).files == 2
    assert verify_raw(settings=settings(place)).report.damages == []
    assert len(files_of(place)) == 1


def test_an_upkeep_does_all_three(installed: Bench) -> None:
    landed(installed, put(1))
    done = upkeep(keep_days=DAYS, keep_gigabytes=None, verify=True)
    assert not done.damaged
    assert [row["step"] for row in done.rows] == ["prune", "compact", "verify"]
    assert "are whole" in done.sentence


def test_nothing_synced_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Nothing was synced yet"):
        verify_raw(settings=settings_in(tmp_path / "nowhere"))
