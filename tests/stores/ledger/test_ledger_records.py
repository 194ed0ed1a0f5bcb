"""What the ledger knows of records, and how batches change it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from ledger_samples import NOON, TEAM, Channel, document, raw_file, record

from documents.fingerprints import text_hash
from stores.errors import StoreError
from stores.ledger.ledger import Ledger
from stores.ledger.records import PAGE
from stores.ledger.types import KnownDocument, UnseenSummary


def test_a_committed_record_comes_back_as_it_was(channel: Channel) -> None:
    file = raw_file("a")
    states = [
        record("thread:1", raw_ref=f"{file.path}#7"),
        record("thread:2", version=None, occurred_at=None, url=None),
        record("file:ü:3", documents=()),
        record(
            "thread:4",
            documents=(
                document("slack:T1:thread:4"),
                document("slack:T1:message:elsewhere"),
                document("jira:other:issue:9"),
                document(":odd"),
                document("=odd"),
            ),
        ),
    ]
    channel.commit(records=states, raw_files=[file])

    known = channel.ledger.known(channel.connection, [state.key for state in states])

    assert [known[state.key].state() for state in states] == states
    assert {found.partition_id for found in known.values()} == {channel.id}
    assert {found.generation for found in known.values()} == {channel.generation}


def test_times_come_back_in_utc_to_the_microsecond(channel: Channel) -> None:
    tokyo = timezone(timedelta(hours=9))
    early = datetime(1969, 7, 20, 20, 17, 40, 999999, tzinfo=UTC)
    channel.commit(
        records=[record("thread:1", fetched_at=NOON.astimezone(tokyo), occurred_at=early)]
    )

    known = channel.ledger.known(channel.connection, ["thread:1"])["thread:1"]

    assert (known.fetched_at, known.fetched_at.tzinfo) == (NOON, UTC)
    assert known.occurred_at == early


def test_a_time_without_a_zone_is_refused_and_nothing_is_written(channel: Channel) -> None:
    with pytest.raises(ValueError, match="without a zone"):
        channel.commit(
            records=[record("thread:1"), record("thread:2", fetched_at=datetime(2026, 1, 1))],
            cursor={"ts": "1"},
        )
    assert channel.keys() == set()
    assert channel.cursor() is None


@pytest.mark.parametrize("fingerprint", ["", "abc", "z" * 32, "0" * 31, "0" * 33])
def test_what_is_not_a_fingerprint_is_refused(channel: Channel, fingerprint: str) -> None:
    with pytest.raises(ValueError, match="not a fingerprint"):
        channel.commit(records=[record("thread:1", payload_hash=fingerprint)])
    documents = (KnownDocument("slack:T1:thread:1", "0" * 32, fingerprint),)
    with pytest.raises(ValueError, match="not a fingerprint"):
        channel.commit(records=[record("thread:1", documents=documents)])


def test_only_asked_and_known_keys_come_back(channel: Channel) -> None:
    channel.commit(records=[record("thread:1"), record("thread:2"), record("thread:3")])

    known = channel.ledger.known(channel.connection, ["thread:2", "thread:none", "thread:1"])

    assert known.keys() == {"thread:1", "thread:2"}
    assert channel.ledger.known(channel.connection, []) == {}


def test_keys_of_another_connection_are_not_known(ledger: Ledger) -> None:
    here, there = Channel.of(ledger), Channel.of(ledger, team="T2")
    here.commit(records=[record("thread:1", "here")])
    there.commit(records=[record("thread:1", "there")])
    there.commit(deleted=["thread:1"])

    assert ledger.known(here.connection, ["thread:1"])["thread:1"].payload_hash == text_hash("here")
    assert ledger.known(there.connection, ["thread:1"]) == {}


def test_many_keys_are_looked_up_at_once(channel: Channel) -> None:
    keys = [f"thread:{number}" for number in range(5000)]
    channel.commit(records=[record(key) for key in keys])

    assert channel.ledger.known(channel.connection, keys).keys() == set(keys)


def test_keys_are_taken_literally(channel: Channel) -> None:
    keys = ["a%b", "a_b", "a'b", 'a"b', "a\\b", "a:b:c", "ä", "é", "日本", "a\nb", "[1]", "null"]
    channel.commit(records=[record(key) for key in keys])
    channel.list_again()
    channel.commit(seen=keys[:3], deleted=keys[3:6])

    assert channel.ledger.known(channel.connection, keys).keys() == {*keys[:3], *keys[6:]}
    assert channel.unseen_keys() == set(keys[6:])


def test_a_later_batch_replaces_a_record(channel: Channel) -> None:
    channel.commit(records=[record("thread:1", "old", version="1")])
    channel.commit(records=[record("thread:1", "new", version="2", url=None)])

    known = channel.ledger.known(channel.connection, ["thread:1"])
    assert known["thread:1"].state() == record("thread:1", "new", version="2", url=None)
    assert channel.keys() == {"thread:1"}


def test_the_last_of_two_states_of_a_record_in_one_batch_counts(channel: Channel) -> None:
    channel.commit(records=[record("thread:1", "old"), record("thread:1", "new")])

    known = channel.ledger.known(channel.connection, ["thread:1"])
    assert known["thread:1"].payload_hash == text_hash("new")


def test_the_ledger_mirrors_the_stores_also_for_an_older_answer(channel: Channel) -> None:
    channel.commit(records=[record("thread:1", "new", fetched_at=NOON)])
    channel.commit(records=[record("thread:1", "old", fetched_at=NOON - timedelta(hours=1))])

    known = channel.ledger.known(channel.connection, ["thread:1"])
    assert known["thread:1"].payload_hash == text_hash("old")


def test_a_deleted_record_is_known_no_more(channel: Channel) -> None:
    channel.commit(records=[record("thread:1"), record("thread:2")])
    channel.commit(deleted=["thread:1", "thread:never"])
    assert channel.keys() == {"thread:2"}


def test_a_batch_that_writes_and_deletes_the_same_record_is_refused(channel: Channel) -> None:
    with pytest.raises(ValueError, match="both writes and deletes"):
        channel.commit(records=[record("thread:1")], deleted=["thread:1"])


def test_new_hashes_of_documents_leave_the_record_as_it_was(channel: Channel) -> None:
    channel.commit(records=[record("thread:1"), record("thread:2")])
    channel.list_again()
    moved = (document("slack:T1:thread:1", "thread:1", access="workspace:T1"),)
    channel.commit(documents={"thread:1": moved, "thread:gone": moved})

    known = channel.ledger.known(channel.connection, ["thread:1", "thread:gone"])
    assert known.keys() == {"thread:1"}
    assert known["thread:1"].state() == record("thread:1", documents=moved)
    assert channel.unseen_keys() == {"thread:1", "thread:2"}


def test_a_reference_into_a_file_of_an_earlier_batch_is_kept(channel: Channel) -> None:
    file = raw_file("a")
    channel.commit(raw_files=[file])
    channel.commit(records=[record("thread:1", raw_ref=f"{file.path}#3")])
    assert channel.ledger.known(channel.connection, ["thread:1"])["thread:1"].raw_ref == (
        f"{file.path}#3"
    )


def test_a_reference_into_a_file_that_is_not_vouched_for_is_refused(channel: Channel) -> None:
    with pytest.raises(ValueError, match=r"thread:1 is in lost\.parquet#3"):
        channel.commit(records=[record("thread:1", raw_ref="lost.parquet#3")], cursor={"ts": "1"})
    assert channel.cursor() is None


def test_raw_files_are_listed_as_they_landed_and_by_filter(ledger: Ledger) -> None:
    channel = Channel.of(ledger)
    threads = [raw_file(f"{number}") for number in range(PAGE + 5)]
    people = raw_file("people", entity="user", rows=3)
    channel.commit(raw_files=threads)
    channel.commit(raw_files=[people, threads[0]])

    assert list(ledger.raw_files()) == [*threads, people]
    assert list(ledger.raw_files(entity="user", source="slack", connection=TEAM)) == [people]
    assert list(ledger.raw_files(partition="C2")) == []
    assert list(ledger.raw_files(source="jira")) == []


def test_a_commit_to_a_partition_that_does_not_exist_says_so(channel: Channel) -> None:
    channel.id = 4711
    with pytest.raises(StoreError, match="knows no partition 4711"):
        channel.commit(records=[record("thread:1")])


def test_what_a_listing_did_not_see_is_unseen(channel: Channel) -> None:
    channel.commit(records=[record(f"thread:{number}") for number in range(5)])
    channel.list_again()
    channel.commit(seen=["thread:0", "thread:1"], records=[record("thread:2", "changed")])
    channel.commit(records=[record("thread:new")])

    summary = channel.ledger.unseen(channel.id, generation=channel.generation)

    assert summary == UnseenSummary(known=5, unseen=2, seen=4)
    assert channel.unseen_keys() == {"thread:3", "thread:4"}


def test_new_records_do_not_hide_that_all_known_ones_vanished(channel: Channel) -> None:
    channel.commit(records=[record(f"old:{number}") for number in range(3)])
    channel.list_again()
    channel.commit(records=[record(f"new:{number}") for number in range(100)])

    summary = channel.ledger.unseen(channel.id, generation=channel.generation)
    assert summary == UnseenSummary(known=3, unseen=3, seen=100)


def test_a_listing_since_a_time_speaks_only_of_its_part(channel: Channel) -> None:
    channel.commit(
        records=[
            record("thread:old", occurred_at=NOON - timedelta(microseconds=1)),
            record("thread:edge", occurred_at=NOON),
            record("thread:young", occurred_at=NOON + timedelta(days=1)),
            record("thread:timeless", occurred_at=None),
        ]
    )
    channel.list_again()
    channel.commit(seen=["thread:young"])

    summary = channel.ledger.unseen(channel.id, generation=channel.generation, since=NOON)

    assert summary == UnseenSummary(known=2, unseen=1, seen=1)
    assert channel.unseen_keys(since=NOON) == {"thread:edge"}


def test_only_the_part_that_was_listed_is_compared(channel: Channel) -> None:
    hour = timedelta(hours=1)
    times = {"before": NOON - hour, "first": NOON, "last": NOON + hour, "after": NOON + 2 * hour}
    for name, moment in times.items():
        channel.commit(records=[record(f"thread:{name}", occurred_at=moment)])
    channel.list_again()

    part = {"since": NOON, "until": NOON + 2 * hour}
    summary = channel.ledger.unseen(channel.id, generation=channel.generation, **part)

    assert summary == UnseenSummary(known=2, unseen=2, seen=0)
    assert channel.unseen_keys(**part) == {"thread:first", "thread:last"}


def test_a_partition_has_records_as_soon_as_one_is_committed(channel: Channel) -> None:
    assert not channel.ledger.has_records(channel.id)
    channel.commit(records=[record("thread:1")])
    assert channel.ledger.has_records(channel.id)


def test_unseen_records_can_be_deleted_while_they_are_walked_through(channel: Channel) -> None:
    number = 2 * PAGE + 3
    channel.commit(records=[record(f"thread:{n}") for n in range(number)])
    channel.list_again()
    channel.commit(seen=["thread:5"])

    sizes = []
    for page in channel.ledger.unseen_records(channel.id, generation=channel.generation):
        sizes.append(len(page))
        assert all(state.documents for state in page)
        channel.commit(deleted=[state.key for state in page])

    assert sizes == [PAGE, PAGE, 2]
    assert channel.keys() == {"thread:5"}


def test_all_records_can_be_given_new_hashes_while_they_are_walked_through(
    channel: Channel,
) -> None:
    number = PAGE + 3
    channel.commit(records=[record(f"thread:{n}") for n in range(number)])

    for page in channel.ledger.records_of(channel.id):
        channel.commit(
            documents={
                state.key: tuple(
                    KnownDocument(known.id, known.content_hash, text_hash("deny:all"))
                    for known in state.documents
                )
                for state in page
            }
        )

    hashes = {
        known.access_hash
        for page in channel.ledger.records_of(channel.id)
        for state in page
        for known in state.documents
    }
    assert hashes == {text_hash("deny:all")}
    assert len(channel.keys()) == number


@pytest.mark.parametrize("how", ["seen", "records"])
def test_a_record_that_moved_is_not_swept_from_its_old_partition(ledger: Ledger, how: str) -> None:
    old, new = Channel.of(ledger, "C1"), Channel.of(ledger, "C2")
    old.commit(records=[record("file:moved"), record("file:stays")])
    before = ledger.known(old.connection, ["file:moved"])["file:moved"].id
    new.commit(**{how: ["file:moved"] if how == "seen" else [record("file:moved", "changed")]})
    old.list_again()
    old.commit(seen=["file:stays"])

    assert old.unseen_keys() == set()
    moved = ledger.known(old.connection, ["file:moved"])["file:moved"]
    assert (moved.partition_id, moved.generation) == (new.id, new.generation)
    assert moved.id == before
    assert new.keys() == {"file:moved"}


def test_a_record_that_moved_in_was_not_known_there_before(ledger: Ledger) -> None:
    old, new = Channel.of(ledger, "C1"), Channel.of(ledger, "C2")
    for _ in range(3):
        new.list_again()
    old.commit(records=[record("file:1"), record("file:2")])
    new.commit(seen=["file:1"], records=[record("file:2", "changed")])

    summary = ledger.unseen(new.id, generation=new.generation)
    assert summary == UnseenSummary(known=0, unseen=0, seen=2)


def test_the_counts_of_a_connection_are_those_of_its_parts(ledger: Ledger) -> None:
    here, aside, empty = (Channel.of(ledger, key) for key in ("C1", "C2", "C3"))
    Channel.of(ledger, team="T2").commit(records=[record("thread:9")])
    here.commit(records=[record("thread:1"), record("thread:2")], raw_files=[raw_file("a", rows=2)])
    aside.commit(records=[record("thread:3")], raw_files=[raw_file("b"), raw_file("c")])

    assert {state.key: state.records for state in ledger.partitions(here.connection)} == {
        "C1": 2,
        "C2": 1,
        "C3": 0,
    }
    (counted, other) = ledger.connections()
    assert (counted.source, counted.connection, counted.title) == ("slack", "T1", "Acme")
    assert (counted.partitions, counted.records, counted.dead_letters) == (3, 3, 0)
    assert (counted.raw_files, counted.raw_rows) == (3, 22)
    assert counted.updated_at is not None
    assert (other.records, other.raw_rows) == (1, 0)
    assert empty.keys() == set()
