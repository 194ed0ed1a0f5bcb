"""What records add to documents that several of them make, and what belongs to another record."""

import threading
import time
from datetime import timedelta

import pytest
from ledger_samples import NOON, Channel, record

from stores.ledger.ledger import Ledger
from stores.ledger.types import Copy

MAIL = "slack:T1:mail:m1"


def copy(key: str, *labels: str, document: str = MAIL) -> Copy:
    return Copy(
        document_id=document,
        key=key,
        access=(f"user:{key}@x.example",),
        entry={"labels": [*labels]},
    )


def test_copies_come_back_in_the_order_of_their_keys(ledger: Ledger) -> None:
    channel = Channel.of(ledger)
    given = [copy("mail:b/1", "x"), copy("mail:a/1"), copy("mail:c/1", document="slack:T1:mail:m2")]
    channel.commit(copies=given)
    found = ledger.copies(channel.connection, [MAIL, "slack:T1:mail:m2", "unknown"])
    assert found[MAIL] == [given[1], given[0]]
    assert found["slack:T1:mail:m2"] == [given[2]]
    assert found["unknown"] == []


def test_a_copy_is_replaced_and_taken_away(ledger: Ledger) -> None:
    channel = Channel.of(ledger)
    channel.commit(copies=[copy("mail:a/1", "INBOX"), copy("mail:b/1")])
    channel.commit(copies=[copy("mail:a/1", "DONE")], copies_gone={(MAIL, "mail:b/1")})
    assert ledger.copies(channel.connection, [MAIL])[MAIL] == [copy("mail:a/1", "DONE")]


def test_accounts_keep_their_copies_apart(ledger: Ledger) -> None:
    one, other = Channel.of(ledger), Channel.of(ledger, team="T2")
    one.commit(copies=[copy("mail:a/1")])
    assert ledger.copies(other.connection, [MAIL])[MAIL] == []


def test_a_batch_that_fails_leaves_copies_as_they_were(ledger: Ledger) -> None:
    channel = Channel.of(ledger)
    channel.commit(copies=[copy("mail:a/1", "INBOX")])
    broken = record("thread:1", payload_hash="no fingerprint")
    with pytest.raises(ValueError, match="not a fingerprint"):
        channel.commit(copies=[copy("mail:a/1", "DONE")], records=[broken])
    assert ledger.copies(channel.connection, [MAIL])[MAIL] == [copy("mail:a/1", "INBOX")]


def test_two_that_merge_wait_for_each_other(ledger: Ledger) -> None:
    channel = Channel.of(ledger)
    steps: list[str] = []

    def other() -> None:
        with ledger.merging(channel.connection):
            steps.append("other")

    with ledger.merging(channel.connection):
        thread = threading.Thread(target=other)
        thread.start()
        time.sleep(0.2)
        steps.append("first")
    thread.join(10)
    assert steps == ["first", "other"]


def test_on_a_server_other_processes_wait_too(ledger: Ledger) -> None:
    """The embedded file has one writer at a time, whoever merges."""
    channel = Channel.of(ledger)
    backend = ledger._backend
    if backend.database is not None:
        assert backend.database.path.exists()
        return
    with ledger.merging(channel.connection), backend.read() as connection:
        held = connection.exec_driver_sql(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        ).scalar_one()
    assert held >= 1


def test_what_belongs_to_a_record_is_found_by_it(ledger: Ledger) -> None:
    channel = Channel.of(ledger)
    channel.commit(
        records=[
            record("issue:1"),
            record("file:1/a", parent="issue:1"),
            record("file:1/b", parent="issue:1"),
            record("file:2/a", parent="issue:2"),
        ]
    )
    found = ledger.children(channel.connection, ["issue:1", "issue:9"])
    assert sorted(child.key for child in found) == ["file:1/a", "file:1/b"]
    assert {child.parent for child in found} == {"issue:1"}
    assert ledger.known(channel.connection, ["issue:1"])["issue:1"].parent is None


def test_what_belongs_to_a_record_is_no_gap_of_a_listing(ledger: Ledger) -> None:
    channel = Channel.of(ledger)
    channel.commit(records=[record("issue:1"), record("issue:2"), record("f:1", parent="issue:1")])
    later = Channel.of(ledger)
    later.commit(seen=["issue:1"])
    summary = ledger.unseen(later.id, generation=later.generation)
    assert (summary.known, summary.unseen, summary.seen) == (2, 1, 1)
    pages = ledger.unseen_records(later.id, generation=later.generation)
    assert [r.key for page in pages for r in page] == ["issue:2"]
    since = NOON - timedelta(days=2)
    assert ledger.unseen(later.id, generation=later.generation, since=since).known == 2
