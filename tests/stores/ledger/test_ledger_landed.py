"""What needs a landed file, what was said of a whole partition, and who keeps an account."""

from datetime import UTC, datetime

import pytest

from stores.ledger.errors import LeaseHeldError
from stores.ledger.extraction_types import ExtractedRecord, ExtractionBatch
from stores.ledger.job_types import JobFilter, NewJob
from stores.ledger.ledger import Ledger
from stores.ledger.types import DeadLetter, LedgerBatch, RawFile, RecordState

NOW = datetime(2026, 11, 1, tzinfo=UTC)
HASH = "ab" * 16


def account(ledger: Ledger) -> int:
    [connection] = ledger.connections()
    return connection.id


def path(number: int) -> str:
    return f"source=slack/entity=thread/date=2026-01-01/run-{number}.parquet"


def raw_file(number: int) -> RawFile:
    return RawFile(path(number), "slack", "T1", "C1", "thread", 2)


def state(key: str, number: int) -> RecordState:
    return RecordState(
        key=key, payload_hash=HASH, version="1|a", fetched_at=NOW, occurred_at=None,
        documents=(), raw_ref=f"{path(number)}#0",
    )  # fmt: skip


def letter(key: str, number: int) -> DeadLetter:
    return DeadLetter(
        source="slack", connection="T1", partition="C1", key=key, error="X", message="x",
        run_id="r", raw_ref=f"{path(number)}#1",
    )  # fmt: skip


@pytest.fixture
def place(ledger: Ledger) -> int:
    """A partition with five files: of a record, of a dead letter, of two jobs, of nothing."""
    connection = ledger.connection_id("slack", "T1", "Acme")
    partition = ledger.partition(connection, "C1", "general", "channel").id
    ledger.commit(
        LedgerBatch(
            partition_id=partition,
            generation=1,
            records=[state("thread:1", 1), state("thread:2", 1)],
            dead_letters=[letter("thread:3", 2)],
            raw_files=[raw_file(number) for number in range(1, 6)],
        )
    )
    ledger.jobs.add(
        connection,
        [NewJob(type="transform", batch=path(3), details={"files": [path(4)]})],
        run_id="r",
    )
    return partition


def test_files_are_needed_by_records_letters_and_jobs(ledger: Ledger, place: int) -> None:
    assert ledger.landed.newest() == {path(1): 2}
    assert ledger.landed.awaited() == {path(2), path(3), path(4)}
    [job] = ledger.claims.claim(1, worker="w", visibility=60, attempts=5, only=JobFilter())
    ledger.claims.done([job])
    assert ledger.landed.awaited() == {path(2)}


def test_a_file_that_went_is_pointed_at_no_more(ledger: Ledger, place: int) -> None:
    ledger.landed.forget([path(1), path(2)])
    assert [file.path for file in ledger.raw_files()] == [path(3), path(4), path(5)]
    known = ledger.known(account(ledger), ["thread:1", "thread:2"])
    assert [record.raw_ref for record in known.values()] == [None, None]
    assert [found.raw_ref for found in ledger.dead_letters()] == [None]


def test_what_was_said_of_a_partition_is_remembered(ledger: Ledger, place: int) -> None:
    ledger.access_said(place, ["group:slack:C1"], at=NOW)
    ledger.container_said(place, {"id": "C1", "name": "new"}, {"topic": "x"})
    [found] = ledger.partitions(account(ledger))
    assert found.access_said is not None
    assert (found.access_said.at, found.access_said.access) == (NOW, ("group:slack:C1",))
    assert found.container_said is not None
    assert found.container_said.container["name"] == "new"
    assert found.container_said.extra == {"topic": "x"}


def test_records_that_no_listing_saw_stay_as_seen_as_they_were(ledger: Ledger, place: int) -> None:
    ledger.begin_listing(place, fresh=True)
    again = ledger.begin_listing(place, fresh=True)
    batch = LedgerBatch(
        partition_id=place, generation=again, records=[state("thread:1", 5)],
        seen=["thread:2"], listed=False, replayed={"record": 7},
    )  # fmt: skip
    ledger.commit(batch)
    known = ledger.known(account(ledger), ["thread:1", "thread:2"])
    assert known["thread:1"].raw_ref == f"{path(5)}#0"
    assert {record.generation for record in known.values()} == {1}
    assert ledger.partitions(account(ledger))[0].replayed == {"record": 7}
    ledger.end_replay(account(ledger))
    assert ledger.partitions(account(ledger))[0].replayed is None


def test_an_account_is_extracted_until_it_is_handed_over(ledger: Ledger, place: int) -> None:
    assert not ledger.extractions.is_used(account(ledger))
    batch = ExtractionBatch(
        partition_id=place,
        generation=ledger.extractions.begin_listing(place, fresh=True),
        run_id="r",
        records=[
            ExtractedRecord(
                key="thread:1", payload_hash=HASH, version="a", fetched_at=NOW,
                occurred_at=None, raw_ref=f"{path(5)}#0",
            )
        ],
        cursor={"n": 3},
        listing_closed=True,
    )  # fmt: skip
    ledger.commit_extraction(batch)
    assert ledger.extractions.is_used(account(ledger))
    assert ledger.landed.newest() == {path(1): 2, path(5): 1}
    assert ledger.extractions.hand_over(account(ledger)) == 1
    assert not ledger.extractions.is_used(account(ledger))
    assert ledger.partitions(account(ledger))[0].cursor == {"n": 3}
    assert ledger.landed.newest() == {path(1): 2}


def test_who_holds_leases_is_told_by_the_beginning_of_their_names(ledger: Ledger) -> None:
    names = ("transform:slack:T1:C1", "transform:slack:T_1:C1")
    with ledger.lease(names[0], run_id="r1"), ledger.lease(names[1], run_id="r2"):
        [holder] = ledger.holders("transform:slack:T1:")
        assert isinstance(holder, LeaseHeldError)
        assert (holder.name, holder.run_id) == (names[0], "r1")
        assert [h.run_id for h in ledger.holders("transform:slack:T_1:")] == ["r2"]
    assert ledger.holders("transform:") == []
