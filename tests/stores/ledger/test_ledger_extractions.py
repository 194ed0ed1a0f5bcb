"""What was extracted: apart from syncs, with its jobs in the same transaction."""

import os
import signal
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from children import Parent, child
from ledger_samples import NOON, SOURCE, TEAM, Channel, letter, raw_file, record
from sqlalchemy import event

from documents.fingerprints import text_hash
from stores.ledger.errors import LeaseLostError
from stores.ledger.extraction_types import ExtractedRecord, ExtractionBatch
from stores.ledger.job_types import NewJob
from stores.ledger.ledger import Ledger
from stores.ledger.types import ExtractionOutcome, ExtractionStatus

FILE = raw_file("first")
STATEMENTS = 20
"""An extraction with everything in it has fewer statements than this."""


def extracted(key: str, text: str = "", **changes: Any) -> ExtractedRecord:
    """A record that landed in `FILE`."""
    values: dict[str, Any] = {
        "key": key,
        "payload_hash": text_hash(text or key),
        "version": "1",
        "fetched_at": NOON,
        "occurred_at": NOON - timedelta(days=1),
        "raw_ref": f"{FILE.path}#0",
    }
    return ExtractedRecord(**{**values, **changes})


class Extraction:
    """A partition that is extracted.

    Attributes:
        channel: The partition, as syncs see it.
        generation: The listing under way.
    """

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.ledger = channel.ledger
        self.generation = self.ledger.extractions.begin_listing(channel.id, fresh=True)

    def commit(self, **fields: Any) -> None:
        """Commits a batch."""
        batch = ExtractionBatch(
            partition_id=self.channel.id, generation=self.generation, run_id="run-1", **fields
        )
        self.ledger.commit_extraction(batch)

    def land(self, *keys: str, **changes: Any) -> None:
        """Lands records."""
        records = [extracted(key, **changes) for key in keys]
        self.commit(records=records, raw_files=[FILE])

    def list_again(self) -> None:
        """Begins a fresh listing."""
        self.generation = self.ledger.extractions.begin_listing(self.channel.id, fresh=True)

    def known(self, *keys: str) -> set[str]:
        """Which of these are known."""
        return set(self.ledger.extractions.known(self.channel.connection, keys))

    def unseen(self) -> set[str]:
        """The keys that the listing under way has not seen."""
        pages = self.ledger.extractions.unseen_records(self.channel.id, generation=self.generation)
        return {known.record.key for page in pages for known in page}


@pytest.fixture
def extraction(channel: Channel) -> Extraction:
    """A partition with an extraction under way."""
    return Extraction(channel)


def test_a_record_comes_back_as_it_was_committed(extraction: Extraction) -> None:
    given = extracted(
        "file:ö:1", parent="thread:1", status=ExtractionStatus.QUARANTINED, error="No `ts`."
    )
    extraction.commit(records=[given], raw_files=[FILE])
    (known,) = extraction.ledger.extractions.known(
        extraction.channel.connection, ["file:ö:1", "file:2"]
    ).values()
    assert known.record == given
    assert (known.generation, known.added, known.partition_id) == (1, 1, extraction.channel.id)
    (row,) = extraction.ledger.extractions.page()
    assert (row.record, row.source, row.connection, row.partition) == (given, SOURCE, TEAM, "C1")
    assert (row.entity, row.run_id, row.job_id) == ("file", "run-1", None)


def test_jobs_are_queued_with_what_they_are_about(extraction: Extraction) -> None:
    second = raw_file("second")
    extraction.commit(
        records=[extracted("thread:1"), extracted("thread:2", raw_ref=f"{second.path}#7")],
        raw_files=[FILE, second],
        jobs=[
            NewJob(type="transform", entity="thread", batch=f.path, rows=1) for f in (FILE, second)
        ],
        cursor={"n": 1},
    )
    jobs = extraction.ledger.jobs.page()
    assert [job.batch for job in jobs] == [FILE.path, second.path]
    assert {(job.source, job.connection, job.partition, job.run_id) for job in jobs} == {
        (SOURCE, TEAM, "C1", "run-1")
    }
    assert [row.job_id for row in extraction.ledger.extractions.page()] == [job.id for job in jobs]


def test_a_sync_and_an_extraction_know_nothing_of_each_other(extraction: Extraction) -> None:
    channel, ledger = extraction.channel, extraction.ledger
    channel.commit(records=[record("thread:sync")], cursor={"sync": 1})
    extraction.land("thread:extract")
    extraction.commit(cursor={"extract": 1}, listing_closed=True)
    assert channel.keys() == {"thread:sync"}
    assert extraction.known("thread:sync", "thread:extract") == {"thread:extract"}
    assert channel.cursor() == {"sync": 1}
    state = ledger.extractions.state(channel.id)
    assert (state.cursor, state.generation, state.listing_open) == ({"extract": 1}, 1, False)
    assert state.updated_at is not None
    assert ledger.partition(channel.connection, "C1", "#C1", "channel").listing_open


def test_a_partition_that_was_never_extracted(channel: Channel) -> None:
    state = channel.ledger.extractions.state(channel.id)
    assert (state.cursor, state.generation, state.listing_open) == (None, 0, False)
    assert not channel.ledger.extractions.has_any(channel.id)


def test_a_listing_that_a_killed_extraction_left_open_goes_on(channel: Channel) -> None:
    book = channel.ledger.extractions
    assert book.begin_listing(channel.id, fresh=False) == 1
    assert book.begin_listing(channel.id, fresh=False) == 1
    assert book.begin_listing(channel.id, fresh=True) == 2
    extraction = Extraction(channel)
    extraction.commit(cursor={"n": 1}, listing_closed=True)
    assert book.begin_listing(channel.id, fresh=False) == 4
    book.reset_cursor(channel.id)
    assert book.state(channel.id).cursor is None


def test_a_late_commit_of_an_older_listing_leaves_the_newer_one_open(
    extraction: Extraction,
) -> None:
    older = extraction.generation
    extraction.list_again()
    newer, extraction.generation = extraction.generation, older
    extraction.commit(listing_closed=True)
    state = extraction.ledger.extractions.state(extraction.channel.id)
    assert (state.generation, state.listing_open) == (newer, True)


def test_what_a_listing_did_not_see(extraction: Extraction) -> None:
    extraction.land("thread:1", "thread:2", "thread:3")
    extraction.land("file:1", parent="thread:1")
    extraction.list_again()
    extraction.commit(seen=["thread:1"])
    extraction.land("thread:4")
    assert extraction.unseen() == {"thread:2", "thread:3"}, "what belongs to another is left out"
    summary = extraction.ledger.extractions.unseen(
        extraction.channel.id, generation=extraction.generation
    )
    assert (summary.known, summary.unseen, summary.seen) == (3, 2, 2)
    part = extraction.ledger.extractions.unseen(
        extraction.channel.id, generation=extraction.generation, since=NOON
    )
    assert (part.known, part.unseen) == (0, 0)


def test_a_deleted_record_is_unknown_until_it_comes_back(extraction: Extraction) -> None:
    extraction.land("thread:1", "thread:2")
    extraction.list_again()
    extraction.commit(deleted=["thread:1"])
    book, connection = extraction.ledger.extractions, extraction.channel.connection
    assert extraction.known("thread:1", "thread:2") == {"thread:2"}
    assert extraction.unseen() == {"thread:2"}
    (row,) = book.page(status=ExtractionStatus.DELETED)
    assert row.record.key == "thread:1"
    extraction.land("thread:1")
    known = book.known(connection, ["thread:1"])["thread:1"]
    assert known.record.status is ExtractionStatus.LANDED
    assert known.added == extraction.generation, "it was not known before this listing"


def test_what_belongs_to_a_record(extraction: Extraction) -> None:
    extraction.land("thread:1", "thread:2")
    extraction.land("file:1", "file:2", parent="thread:1")
    extraction.land("file:3", parent="thread:gone")
    book = extraction.ledger.extractions
    found = book.children(extraction.channel.connection, ["thread:1"])
    assert {known.record.key for known in found} == {"file:1", "file:2"}
    extraction.list_again()
    extraction.commit(deleted=["thread:1"])
    orphans = book.orphans(extraction.channel.id, generation=extraction.generation)
    assert {k.record.key for page in orphans for k in page} == {"file:1", "file:2", "file:3"}


def test_a_record_that_moves_is_in_its_new_partition(extraction: Extraction) -> None:
    extraction.land("thread:1")
    other = Extraction(Channel.of(extraction.ledger, "C2"))
    other.commit(seen=["thread:1"])
    pages = other.ledger.extractions.records_of(other.channel.id)
    assert [known.record.key for page in pages for known in page] == ["thread:1"]
    assert not extraction.ledger.extractions.has_any(extraction.channel.id)


def test_what_became_of_a_payload(extraction: Extraction) -> None:
    second = raw_file("second")
    extraction.land("thread:1", "thread:2", "thread:3")
    moved = extracted("thread:3", "newer", raw_ref=f"{second.path}#0")
    extraction.commit(records=[moved], raw_files=[second])
    outcomes = [
        ExtractionOutcome(key=key, raw_ref=f"{FILE.path}#0", status=ExtractionStatus.TRANSFORMED)
        for key in ("thread:1", "thread:3")
    ]
    failed = ExtractionOutcome(
        key="thread:2", raw_ref=f"{FILE.path}#0", status=ExtractionStatus.FAILED, error="Bad\0."
    )
    extraction.channel.commit(outcomes=outcomes)
    extraction.ledger.set_outcomes(extraction.channel.connection, [failed])
    book = extraction.ledger.extractions
    rows = {row.record.key: row.record for row in book.page()}
    assert rows["thread:1"].status is ExtractionStatus.TRANSFORMED
    assert (rows["thread:2"].status, rows["thread:2"].error) == (
        ExtractionStatus.FAILED,
        "Bad\ufffd.",
    )
    assert rows["thread:3"] == moved, "a newer payload waits for its own outcome"
    assert book.counts() == {
        ExtractionStatus.LANDED: 1,
        ExtractionStatus.TRANSFORMED: 1,
        ExtractionStatus.FAILED: 1,
        ExtractionStatus.QUARANTINED: 0,
        ExtractionStatus.DELETED: 0,
    }
    with pytest.raises(ValueError, match="does not vouch"):
        extraction.ledger.set_outcomes(
            extraction.channel.connection, [replace(failed, raw_ref="nowhere#1")]
        )


def test_pages_by_account_entity_and_status(extraction: Extraction) -> None:
    extraction.land("thread:1", "thread:2", "file:1")
    other = Extraction(Channel.of(extraction.ledger, team="T2"))
    other.land("thread:9")
    book = extraction.ledger.extractions
    first = book.page(source=SOURCE, entity="thread", limit=2)
    rest = book.page(source=SOURCE, entity="thread", limit=2, after=first[-1].id)
    assert [row.record.key for row in (*first, *rest)] == ["thread:1", "thread:2", "thread:9"]
    assert [row.record.key for row in book.page(connection="T2")] == ["thread:9"]
    assert [row.record.key for row in book.page(partition="C1", connection=TEAM)] == [
        "thread:1",
        "thread:2",
        "file:1",
    ]
    assert book.page(status=ExtractionStatus.FAILED) == []
    assert book.counts(connection=TEAM, entity="file")[ExtractionStatus.LANDED] == 1
    assert book.page(source="jira") == []


def full_batch(extraction: Extraction, mark: str) -> dict[str, Any]:
    """A batch that changes every kind of row."""
    file = raw_file(mark)
    return {
        "records": [extracted(f"new:{n}", mark, raw_ref=f"{file.path}#{n}") for n in range(5)],
        "seen": ["seen:1"],
        "deleted": ["deleted:1"],
        "dead_letters": [letter("bad:1", run_id=mark)],
        "resolved": ["resolved:1"],
        "raw_files": [file],
        "jobs": [NewJob(type="transform", entity="new", batch=file.path, rows=5)],
        "cursor": {"mark": mark},
        "listing_closed": True,
    }


def traces(extraction: Extraction) -> list[bool]:
    """For every kind of row, whether the full batch reached it."""
    ledger = extraction.ledger
    state = ledger.extractions.state(extraction.channel.id)
    known = ledger.extractions.known(extraction.channel.connection, ["seen:1"])
    letters = {found.key for found in ledger.dead_letters()}
    return [
        extraction.known("new:0", "new:4") == {"new:0", "new:4"},
        known["seen:1"].generation == extraction.generation,
        extraction.known("deleted:1") == set(),
        "bad:1" in letters,
        "resolved:1" not in letters,
        len(list(ledger.raw_files())) == 2,
        len(ledger.jobs.page()) == 1,
        state.cursor == {"mark": "full"},
        not state.listing_open,
    ]


def test_a_process_killed_at_any_statement_leaves_all_or_nothing(url: str) -> None:
    extraction = Extraction(Channel.of(Ledger.open(url)))
    extraction.land("seen:1", "deleted:1")
    extraction.commit(dead_letters=[letter("resolved:1")], cursor={"mark": "before"})
    extraction.list_again()
    extraction.ledger.close()
    ends = []
    for number in range(1, STATEMENTS + 1):

        def commit_and_die(_: Parent, number: int = number) -> None:
            ledger = Ledger.open(url)
            extraction.ledger = ledger
            left = number

            def count(*_: object) -> None:
                nonlocal left
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

            event.listen(ledger._backend._writing, "after_cursor_execute", count)
            extraction.commit(**full_batch(extraction, "full"))

        with child(commit_and_die) as process:
            ends.append(process.ended())
        extraction.ledger = Ledger.open(url)
        reached = traces(extraction)
        extraction.ledger.close()
        if ends[-1] == 0:
            assert all(reached)
            break
        assert not any(reached), f"after statement {number}"
    assert ends[-1] == 0, "the batch has more statements than were tried"
    assert len(ends) > 8


def test_a_lost_lease_keeps_a_batch_and_its_jobs_out(extraction: Extraction) -> None:
    with extraction.ledger.lease("extraction", run_id="run-1") as lease:
        lease.lost.set()
        batch = ExtractionBatch(
            partition_id=extraction.channel.id,
            generation=1,
            run_id="run-1",
            jobs=[NewJob(type="transform")],
        )
        with pytest.raises(LeaseLostError):
            extraction.ledger.commit_extraction(batch, lease=lease)
    assert extraction.ledger.jobs.page() == []


def test_a_batch_that_contradicts_itself_is_refused(extraction: Extraction) -> None:
    with pytest.raises(ValueError, match="both writes and deletes"):
        extraction.commit(records=[extracted("thread:1")], raw_files=[FILE], deleted=["thread:1"])
    with pytest.raises(ValueError, match="does not vouch"):
        extraction.commit(records=[extracted("thread:1")])
    assert extraction.known("thread:1") == set()
