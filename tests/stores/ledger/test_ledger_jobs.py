"""The table of jobs: what is added, looked at, recovered and cleared away."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ledger_samples import SOURCE, TEAM, Channel
from sqlalchemy import update

from stores.ledger.job_types import Job, JobFilter, JobStatus, NewJob
from stores.ledger.ledger import Ledger
from stores.ledger.tables import jobs

ANY = JobFilter()


def add(channel: Channel, *new: NewJob, connection: int | None = None) -> int:
    return channel.ledger.jobs.add(connection or channel.connection, new, run_id="run-1")


def claim(ledger: Ledger, limit: int = 10, **changes: Any) -> list[Job]:
    options = {"worker": "w", "visibility": 60.0, "attempts": 5, "only": ANY, **changes}
    return ledger.claims.claim(limit, **options)


def shift(ledger: Ledger, **values: Any) -> None:
    """Changes every job, as another clock would have written it."""
    with ledger._backend.write() as connection:
        connection.execute(update(jobs).values(**values))


def micros(**ahead: float) -> int:
    return int((datetime.now(UTC) + timedelta(**ahead)).timestamp() * 1_000_000)


def test_jobs_are_added_in_any_number(channel: Channel) -> None:
    new = (NewJob(type="transform", batch=f"{n}.parquet") for n in range(2_345))
    assert channel.ledger.jobs.add(channel.connection, new, run_id="run-1") == 2_345
    assert channel.ledger.jobs.counts()[JobStatus.READY] == 2_345


def test_a_job_whose_key_is_known_is_not_added_again(channel: Channel) -> None:
    assert add(channel, NewJob(type="transform", key="a"), NewJob(type="transform", key="a")) == 1
    (job,) = claim(channel.ledger)
    channel.ledger.claims.done([job])
    assert add(channel, NewJob(type="transform", key="a"), NewJob(type="transform", key="b")) == 1
    other = channel.ledger.connection_id(SOURCE, "T2", "Other")
    assert add(channel, NewJob(type="transform", key="a"), connection=other) == 1
    assert add(channel, NewJob(type="transform"), NewJob(type="transform")) == 2


def test_payloads_have_no_place_in_a_job(channel: Channel) -> None:
    with pytest.raises(ValueError, match="holds references"):
        add(channel, NewJob(type="transform", details={"payload": "x" * 70_000}))
    with pytest.raises(ValueError, match="are no JSON"):
        add(channel, NewJob(type="transform", details={"payload": object()}))
    assert channel.ledger.jobs.page() == []


def test_pages_by_account_type_entity_and_status(channel: Channel) -> None:
    ledger = channel.ledger
    other = ledger.connection_id("jira", "J1", "Other")
    add(channel, *(NewJob(type="transform", entity="thread") for _ in range(3)))
    add(channel, NewJob(type="delete", entity="file", partition_id=channel.id))
    add(channel, NewJob(type="transform", entity="issue"), connection=other)
    first = ledger.jobs.page(source=SOURCE, entity="thread", limit=2)
    rest = ledger.jobs.page(source=SOURCE, entity="thread", limit=2, after=first[-1].id)
    assert len(first) + len(rest) == 3
    assert [job.entity for job in ledger.jobs.page(connection="J1")] == ["issue"]
    assert [job.type for job in ledger.jobs.page(partition="C1")] == ["delete"]
    assert [job.entity for job in ledger.jobs.page(type="delete", connection=TEAM)] == ["file"]
    ledger.claims.done(claim(ledger, 1))
    assert len(ledger.jobs.page(status=JobStatus.DONE)) == 1
    assert len(ledger.jobs.page(status=JobStatus.READY, source=SOURCE)) == 3
    assert ledger.jobs.counts(source="jira")[JobStatus.READY] == 1
    assert ledger.jobs.get(987_654) is None


def test_the_oldest_job_is_claimed_first(channel: Channel) -> None:
    add(channel, *(NewJob(type="transform", rows=n) for n in range(5)))
    (first,) = claim(channel.ledger, 1)
    channel.ledger.claims.retry(first, "Later.", 0)
    assert [job.rows for job in claim(channel.ledger, 4)] == [1, 2, 3, 4]
    assert [job.rows for job in claim(channel.ledger, 4)] == [0]


def test_done_jobs_are_cleared_away_and_dead_ones_stay(channel: Channel) -> None:
    ledger = channel.ledger
    add(channel, *(NewJob(type="transform") for _ in range(4)))
    taken = claim(ledger, 3)
    ledger.claims.done(taken[:2])
    ledger.claims.bury(taken[2], "Bad.")
    now = datetime.now(UTC)
    assert ledger.jobs.finished_since(now - timedelta(minutes=1)) == 2
    assert ledger.jobs.purge(now - timedelta(hours=1)) == 0
    assert ledger.jobs.purge(now + timedelta(hours=1)) == 2
    counts = ledger.jobs.counts()
    assert (counts[JobStatus.DONE], counts[JobStatus.DEAD], counts[JobStatus.READY]) == (0, 1, 1)


def test_a_clock_that_was_set_back_does_not_hold_up_new_jobs(channel: Channel) -> None:
    add(channel, NewJob(type="transform"))
    shift(channel.ledger, available_at=micros(hours=3), dispatch_after=micros(hours=3))
    assert claim(channel.ledger) == []
    assert channel.ledger.claims.recover() == 1
    assert len(claim(channel.ledger)) == 1
    assert channel.ledger.claims.recover() == 0


def test_a_clock_that_was_set_back_by_years_frees_claims_and_retries(channel: Channel) -> None:
    add(channel, NewJob(type="transform"), NewJob(type="transform"))
    waiting, _ = claim(channel.ledger)
    channel.ledger.claims.retry(waiting, "Busy.", 60)
    shift(channel.ledger, available_at=micros(days=700))
    assert channel.ledger.claims.recover() == 2
    assert {job.attempts for job in claim(channel.ledger)} == {2}


def test_a_wait_that_is_meant_is_left_alone(channel: Channel) -> None:
    add(channel, NewJob(type="transform"))
    (job,) = claim(channel.ledger)
    assert channel.ledger.claims.recover() == 0, "its worker lives"
    channel.ledger.claims.retry(job, "Busy.", 3600)
    assert channel.ledger.claims.recover() == 0


def test_a_claim_of_a_process_that_is_certainly_gone_is_freed(channel: Channel) -> None:
    add(channel, NewJob(type="transform"), NewJob(type="transform"))
    claim(channel.ledger, 1)
    (job,) = channel.ledger.jobs.page(status=JobStatus.CLAIMED)
    table, pid, started = channel_process(channel).rsplit(" ", 2)
    shift(channel.ledger, process=f"{table} {pid} {int(started) - 1}")
    assert channel.ledger.claims.recover() == 1
    assert job.id in {found.id for found in claim(channel.ledger)}
    shift(channel.ledger, process=f"another machine {pid} 1")
    assert channel.ledger.claims.recover() == 0, "of another machine nothing is certain"


def channel_process(channel: Channel) -> str:
    """The mark of this process, as a claim wrote it."""
    with channel.ledger._backend.read() as connection:
        mark: str = (
            connection.execute(jobs.select().where(jobs.c.process.is_not(None))).one().process
        )
    return mark


def test_a_ledger_has_a_name_of_its_own(ledger: Ledger, url: str) -> None:
    name = ledger.jobs.identity()
    assert len(name) == 8
    assert Ledger.open(url).jobs.identity() == name


def test_an_error_of_any_length_and_kind_is_kept(channel: Channel) -> None:
    add(channel, NewJob(type="transform"))
    (job,) = claim(channel.ledger)
    channel.ledger.claims.bury(job, "a\0b\ud83d" + "x" * 10_000)
    (dead,) = channel.ledger.jobs.page(status=JobStatus.DEAD)
    assert dead.error is not None
    assert dead.error.startswith("a\ufffdb\ufffdx")
    assert len(dead.error) == 4_000
