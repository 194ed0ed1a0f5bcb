"""`data-getters jobs` and `raw list`, over a ledger in which jobs were given up."""

from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from command_line import CommandLine

from stores.ledger.extraction_types import ExtractedRecord, ExtractionBatch
from stores.ledger.job_types import JobStatus, NewJob
from stores.ledger.ledger import Ledger
from stores.ledger.types import ExtractionStatus, RawFile
from stores.queue.base import RetryPolicy
from stores.queue.embedded import LedgerQueue

ACCOUNTS = {"T1": "Acme", "T2": "Beta"}


def record(key: str, ref: str, **fields: Any) -> ExtractedRecord:
    return ExtractedRecord(
        key=key, payload_hash="0" * 32, version=None, fetched_at=datetime(2026, 11, 1, tzinfo=UTC),
        occurred_at=None, raw_ref=ref, **fields,
    )  # fmt: skip


@pytest.fixture
def queued(offline: CommandLine) -> CommandLine:
    """Two accounts of Slack with two jobs each, of which the one about threads was given up."""
    offline.folder.mkdir(parents=True)
    with closing(Ledger.open(offline.folder / "store.db")) as ledger:
        for account, title in ACCOUNTS.items():
            connection = ledger.connection_id("slack", account, title)
            place = ledger.partition(connection, "C1", "general", "public")
            generation = ledger.extractions.begin_listing(place.id, fresh=True)
            for entity in ("thread", "day"):
                path = f"source=slack/entity={entity}/date=2026-11-01/{account}-1.parquet"
                fine = record(f"{entity}:1", f"{path}#0")
                odd = record(
                    f"{entity}:2", f"{path}#1", status=ExtractionStatus.QUARANTINED, error="No ts."
                )
                ledger.commit_extraction(
                    ExtractionBatch(
                        partition_id=place.id,
                        generation=generation,
                        run_id="run-1",
                        records=[fine, odd],
                        raw_files=[RawFile(path, "slack", account, "C1", entity, 2)],
                        jobs=[NewJob(type="transform", entity=entity, batch=path, rows=2)],
                    )
                )
        queue = LedgerQueue(ledger, RetryPolicy())
        for job in queue.claim(10, worker="w"):
            if job.entity == "thread":
                queue.bury(job, "The file is missing.")
            else:
                queue.release([job])
    return offline


def test_jobs_are_listed_by_account_entity_and_status(queued: CommandLine) -> None:
    filters = ("--status", "ready", "--connection", "Beta", "--entity", "day")
    [ready] = queued.json("jobs", "list", *filters)
    assert (ready["connection"], ready["entity"]) == ("T2", "day")
    shown = queued.run("jobs", "list", "--limit", "1").out
    assert "The file is" in shown
    assert "There are more (--limit)." in shown


def test_an_account_that_there_is_not_is_a_sentence_that_names_those_there_are(
    queued: CommandLine,
) -> None:
    refused = queued.run("raw", "list", "--connection", "Gamma")
    assert refused.code == 64
    assert "There is no account 'Gamma'" in refused.complaint()
    assert "T1 (Acme), T2 (Beta)" in refused.complaint()


def test_jobs_are_retried_and_discarded_with_what_that_means(queued: CommandLine) -> None:
    with closing(Ledger.open(queued.folder / "store.db")) as ledger:
        first, second = (str(job.id) for job in ledger.jobs.page(status=JobStatus.DEAD))
        assert "1 job will be tried again." in queued.run("jobs", "retry", first).out
        told = queued.run("jobs", "discard", second).out
        assert "1 job discarded." in told
        assert "extract end SOURCE" in told
        counts = ledger.jobs.counts()
    assert (counts[JobStatus.READY], counts[JobStatus.DEAD]) == (3, 0)


def test_records_are_listed_by_account_entity_and_status(queued: CommandLine) -> None:
    filters = ("--connection", "T1", "--entity", "day", "--status", "quarantined")
    [odd] = queued.json("raw", "list", *filters)
    assert (odd["connection"], odd["record"]["key"]) == ("T1", "day:2")
    shown = queued.run("raw", "list", "--status", "quarantined", "--limit", "2").out
    assert "No ts." in shown
    assert "There are more (--limit)." in shown
