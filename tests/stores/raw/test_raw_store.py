"""Payloads land, and come back as they were."""

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from object_store import ObjectStore
from raw_samples import DAY, LATER, NOON, ids, row

from stores.errors import StoreCorruptError
from stores.ledger.ledger import Ledger
from stores.ledger.types import LedgerBatch, RawFile
from stores.raw.store import RawStore


def test_a_row_comes_back_as_it_landed(store: RawStore) -> None:
    rows = [
        row(1),
        row(2, url=None, occurred_at=None, version=None),
        row(3, payload=b'{"odd": "\xc3\xa4 \\ud83d \xff\x00"}', external_id="ü/#%:1"),
        row(4, occurred_at=datetime(1969, 7, 20, 20, 17, 40, 999999, tzinfo=UTC)),
        row(5, payload=b""),
    ]
    landing = store.append(rows, run_id="run-1", day=DAY)

    assert [store.read(ref).row for ref in landing.refs] == rows
    assert {store.read(ref).run_id for ref in landing.refs} == {"run-1"}
    assert [landed.ref for landed in store.iterate()] == landing.refs
    assert [landed.row for landed in store.iterate()] == rows


def test_times_come_back_in_utc(store: RawStore) -> None:
    fetched = NOON.astimezone(timezone(timedelta(hours=9)))
    landing = store.append([row(1, fetched_at=fetched)], run_id="run-1")
    found = store.read(landing.refs[0]).row.fetched_at
    assert (found, found.tzinfo) == (NOON, UTC)


@pytest.mark.parametrize("field", ["fetched_at", "occurred_at"])
def test_a_time_without_a_zone_is_refused_and_nothing_lands(store: RawStore, field: str) -> None:
    with pytest.raises(ValueError, match="without a zone in thread:C1-2"):
        store.append([row(1), row(2, **{field: datetime(2026, 1, 1)})], run_id="run-1")
    assert list(store.iterate()) == []


def test_a_batch_of_many_kinds_becomes_a_file_for_each(store: RawStore) -> None:
    rows = [
        row(1),
        row(2, entity="user"),
        row(3, partition="C2"),
        row(4),
        row(5, source="jira", connection="acme", entity="issue"),
        row(6, entity="user"),
    ]
    landing = store.append(rows, run_id="run-1", day=DAY)

    assert [store.read(ref).row for ref in landing.refs] == rows
    described = {
        (file.source, file.connection, file.partition, file.entity): file.rows
        for file in landing.files
    }
    assert described == {
        ("slack", "T1", "C1", "thread"): 2,
        ("slack", "T1", "C1", "user"): 2,
        ("slack", "T1", "C2", "thread"): 1,
        ("jira", "acme", "C1", "issue"): 1,
    }
    assert {file.path for file in landing.files} == {ref.partition("#")[0] for ref in landing.refs}
    assert landing.files[0].path.startswith("source=slack/entity=thread/date=2026-11-18/run1-")


def test_an_empty_batch_lands_nothing(store: RawStore) -> None:
    landing = store.append([], run_id="run-1")
    assert (landing.refs, landing.files) == ([], [])
    assert list(store.iterate()) == []


def test_a_reference_is_short_whatever_the_run_is_called(store: RawStore) -> None:
    for run in ("0190f3c2-7a4b-7c3d-9e1f-2a3b4c5d6e7f", "a run/with: odd#name", "../..", ""):
        landing = store.append([row(1)], run_id=run, day=DAY)
        (ref,) = landing.refs
        assert len(ref) < 90
        assert store.read(ref).run_id == run


def test_names_that_a_path_cannot_hold_are_kept(store: RawStore) -> None:
    odd = row(1, source="a/b=c", entity="../ü #%")
    landing = store.append([odd], run_id="run-1", day=DAY)
    assert store.read(landing.refs[0]).row == odd
    assert [found.row for found in store.iterate(source="a/b=c", entity="../ü #%")] == [odd]


def test_the_day_of_the_run_is_today_unless_told(store: RawStore) -> None:
    before = datetime.now(UTC).date()
    (file,) = store.append([row(1)], run_id="run-1").files
    assert file.path.split("/")[2] in {f"date={before}", f"date={datetime.now(UTC).date()}"}


def test_many_references_are_read_file_by_file(store: RawStore) -> None:
    landings = [store.append([row(n), row(n + 1)], run_id="r", day=DAY) for n in (10, 20, 30)]
    refs = [landings[2].refs[1], landings[0].refs[0], landings[2].refs[0], landings[0].refs[0]]
    assert ids(store.read_many(refs)) == ["C1-10", "C1-30", "C1-31"]
    assert list(store.read_many([])) == []


@pytest.mark.parametrize("ref", ["", "a", "a.parquet#1", "../../etc/passwd#0", "source=a/entity=b"])
def test_what_is_no_reference_is_told_so(store: RawStore, ref: str) -> None:
    with pytest.raises(ValueError, match="not a reference"):
        store.read(ref)


def test_rows_are_found_by_filter(store: RawStore) -> None:
    store.append([row(1), row(2, partition="C2"), row(3, entity="user")], run_id="a", day=DAY)
    store.append([row(4, connection="T2"), row(5, source="jira")], run_id="b", day=LATER)

    assert ids(store.iterate()) == ["C1-1", "C1-2", "C1-3", "C1-4", "C1-5"]
    assert ids(store.iterate(source="slack")) == ["C1-1", "C1-2", "C1-3", "C1-4"]
    assert ids(store.iterate(connection="T1")) == ["C1-1", "C1-2", "C1-3", "C1-5"]
    assert ids(store.iterate(partition="C2")) == ["C1-2"]
    assert ids(store.iterate(entity="user")) == ["C1-3"]
    assert ids(store.iterate(since=LATER)) == ["C1-4", "C1-5"]
    assert ids(store.iterate(until=LATER)) == ["C1-1", "C1-2", "C1-3"]
    assert ids(store.iterate(source="sl")) == []
    assert ids(store.iterate(source="slack", connection="T2", until=LATER)) == []


def test_a_replay_reads_only_what_the_ledger_vouches_for(store: RawStore, tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.db")
    connection = ledger.connection_id("slack", "T1", "Acme")
    partition = ledger.partition(connection, "C1", "general", "channel")
    landed = store.append([row(1), row(2, entity="user")], run_id="run-1", day=DAY)
    store.append([row(3)], run_id="killed", day=DAY)
    ledger.commit(LedgerBatch(partition_id=partition.id, generation=1, raw_files=landed.files))

    vouched = [file.path for file in ledger.raw_files(source="slack")]

    assert ids(store.iterate(paths=vouched)) == ["C1-1", "C1-2"]
    assert ids(store.iterate(paths=vouched, entity="user")) == ["C1-2"]
    assert ids(store.iterate(paths=[])) == []
    assert len(list(store.iterate())) == 3


def test_a_file_that_the_ledger_vouches_for_and_that_is_missing_is_named(store: RawStore) -> None:
    landing = store.append([row(1)], run_id="run-1", day=DAY)
    missing = landing.files[0].path.replace("run1", "run2")
    paths = [missing, landing.files[0].path]

    with pytest.raises(StoreCorruptError, match=r"run2.* is missing"):
        list(store.iterate(paths=paths))
    told: list[StoreCorruptError] = []
    assert ids(store.iterate(paths=paths, on_damage=told.append)) == ["C1-1"]
    assert [missing in str(damage) for damage in told] == [True]
    with pytest.raises(StoreCorruptError, match=r"run2.* is missing"):
        store.read(f"{missing}#0")
    with pytest.raises(StoreCorruptError, match="has no row 7"):
        store.read(f"{landing.files[0].path}#7")


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flip(content: bytes) -> bytes:
    """A single bit of the payload, which zstd and Parquet alone would not notice everywhere."""
    place = content.index(b"flip me") if b"flip me" in content else len(content) // 4
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def empty(content: bytes) -> bytes:
    return b""


def foreign(content: bytes) -> bytes:
    return b"Dear Sir or Madam"


def foreign_parquet(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"a": [1]}), sink)
    whole: bytes = sink.getvalue().to_pybytes()
    return whole


@pytest.mark.parametrize("damage", [cut, flip, empty, foreign, foreign_parquet])
def test_a_damaged_file_is_named_and_the_others_are_read(
    local: RawStore, folder: Path, damage: Callable[[bytes], bytes]
) -> None:
    noise = os.urandom(4000).replace(b"\0", b"1") + b"flip me"
    bad = local.append([row(n, payload=noise) for n in range(3)], run_id="bad", day=DAY)
    good = local.append([row(7)], run_id="good", day=DAY)
    path = folder / bad.files[0].path
    path.write_bytes(damage(path.read_bytes()))

    expected = rf"{bad.files[0].path} (is damaged|has no row)"
    with pytest.raises(StoreCorruptError, match=expected):
        local.read(bad.refs[2])
    with pytest.raises(StoreCorruptError, match=rf"{bad.files[0].path} is damaged"):
        list(local.iterate())
    told: list[StoreCorruptError] = []
    assert "C1-7" in ids(local.iterate(on_damage=told.append))
    assert [bad.files[0].path in str(error) for error in told] == [True]
    assert local.read(good.refs[0]).row == row(7)


def test_a_half_written_file_of_a_killed_process_is_no_row(local: RawStore, folder: Path) -> None:
    landing = local.append([row(1)], run_id="run-1", day=DAY)
    whole = folder / landing.files[0].path
    whole.with_name(f".{whole.name}.1a2b3c4d").write_bytes(whole.read_bytes()[:100])
    assert ids(local.iterate()) == ["C1-1"]


def test_every_acknowledged_row_outlives_a_killed_process(location: str) -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        landing = RawStore.open(location)
        for number in range(1_000_000):
            (ref,) = landing.append([row(number)], run_id="run-1", day=DAY).refs
            os.write(writing, f"{ref}\n".encode())
    os.close(writing)
    with os.fdopen(reading) as pipe:
        refs = [pipe.readline() for _ in range(20)]
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        refs += pipe.readlines()

    store = RawStore.open(location)
    acknowledged = [ref.strip() for ref in refs]
    assert [store.read(ref).row for ref in acknowledged] == [row(n) for n in range(len(refs))]
    assert len(list(store.iterate())) in {len(refs), len(refs) + 1}


def test_threads_land_side_by_side(store: RawStore) -> None:
    def land(number: int) -> list[str]:
        return store.append([row(number), row(number + 1000)], run_id="run-1", day=DAY).refs

    with ThreadPoolExecutor(8) as pool:
        refs = [ref for landed in pool.map(land, range(60)) for ref in landed]

    assert len(set(refs)) == 120
    assert len(list(store.iterate())) == 120


def test_a_forked_process_gives_other_names(local: RawStore) -> None:
    local.append([row(0)], run_id="run-1", day=DAY)
    child = os.fork()
    if child == 0:
        local.append([row(1)], run_id="run-1", day=DAY)
        os._exit(0)
    os.waitpid(child, 0)
    local.append([row(2)], run_id="run-1", day=DAY)
    assert ids(local.iterate()) == ["C1-0", "C1-1", "C1-2"]


def test_rows_are_read_in_flat_memory(local: RawStore) -> None:
    payload = 100_000
    for number in range(40):
        rows = [row(number, payload=os.urandom(payload)) for _ in range(5)]
        local.append(rows, run_id="run-1", day=DAY)
    before = pa.total_allocated_bytes()
    highest = 0
    for _ in local.iterate():
        highest = max(highest, pa.total_allocated_bytes() - before)
    assert 0 < highest < 5 * 5 * payload  # of 200 payloads


def test_any_parquet_reader_reads_the_landing(local: RawStore, folder: Path) -> None:
    local.append([row(1), row(2, entity="user")], run_id="run-1", day=DAY)
    local.append([row(3)], run_id="run-1", day=LATER)
    table = ds.dataset(folder, format="parquet", partitioning="hive").to_table()
    assert sorted(table.column("external_id").to_pylist()) == ["C1-1", "C1-2", "C1-3"]
    assert set(table.column("source").to_pylist()) == {"slack"}
    assert set(table.column("date").to_pylist()) == {str(DAY), str(LATER)}


def test_a_small_file_is_one_upload_and_a_large_one_arrives_whole(objects: ObjectStore) -> None:
    store = RawStore.open(objects.uri())
    objects.requests.clear()
    store.append([row(1)], run_id="run-1", day=DAY)
    assert [method for method, _ in objects.requests] == ["PUT", "HEAD"]

    large = [row(n, payload=os.urandom(1 << 20)) for n in range(24)]
    landing = store.append(large, run_id="run-1", day=DAY)
    assert any("partNumber" in path for _, path in objects.requests)
    assert store.read(landing.refs[23]).row == large[23]


def test_a_landed_file_describes_itself(store: RawStore) -> None:
    landing = store.append([row(1)], run_id="run-1", day=DAY)
    assert landing.files == [
        RawFile(landing.refs[0].removesuffix("#0"), "slack", "T1", "C1", "thread", 1)
    ]
