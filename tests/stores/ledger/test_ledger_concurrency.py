"""Many threads, several processes, and processes that are killed."""

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from children import Parent, child
from ledger_samples import Channel, document, letter, raw_file, record
from sqlalchemy import event

from documents.fingerprints import text_hash
from stores.errors import StoreError
from stores.ledger.ledger import Ledger
from stores.ledger.types import LedgerBatch
from stores.sqlite.database import EmbeddedDatabase

STATEMENTS = 30
"""A batch with everything in it has fewer statements than this."""


def full_batch(channel: Channel, mark: str) -> LedgerBatch:
    """A batch that changes every kind of row; `mark` is found in all of them."""
    file = raw_file(mark)
    return channel.batch(
        records=[record(f"new:{n}", mark, raw_ref=f"{file.path}#{n}") for n in range(50)],
        seen=["seen:1"],
        documents={"access:1": (document("slack:T1:access:1", "", access=mark),)},
        deleted=["deleted:1"],
        dead_letters=[letter("bad:1", run_id=mark)],
        resolved=["resolved:1"],
        raw_files=[file],
        cursor={"mark": mark},
        listing_closed=True,
    )


def traces(channel: Channel) -> list[bool]:
    """For every kind of row, whether the full batch reached it."""
    ledger = channel.ledger
    keys = channel.keys()
    letters = {found.key for found in ledger.dead_letters()}
    known = ledger.known(channel.connection, ["seen:1", "access:1"])
    state = ledger.partition(channel.connection, "C1", "#C1", "channel")
    return [
        "new:0" in keys,
        "new:49" in keys,
        known["seen:1"].generation == channel.generation,
        known["access:1"].documents == (document("slack:T1:access:1", "", access="full"),),
        "deleted:1" not in keys,
        "bad:1" in letters,
        "resolved:1" not in letters,
        len(list(ledger.raw_files())) == 1,
        state.cursor == {"mark": "full"},
        not state.listing_open,
    ]


def prepared(ledger: Ledger) -> Channel:
    channel = Channel.of(ledger)
    channel.commit(
        records=[record("seen:1"), record("access:1"), record("deleted:1")],
        dead_letters=[letter("resolved:1")],
        cursor={"mark": "before"},
    )
    channel.list_again()
    return channel


def test_a_process_killed_at_any_statement_leaves_all_or_nothing(url: str) -> None:
    channel = prepared(Ledger.open(url))
    channel.ledger.close()
    ends = []
    for number in range(1, STATEMENTS + 1):

        def commit_and_die(_: Parent, number: int = number) -> None:
            ledger = Ledger.open(url)
            count = 0

            def die(*_: object) -> None:
                nonlocal count
                count += 1
                if count == number:
                    os.kill(os.getpid(), signal.SIGKILL)

            event.listen(ledger._backend._writing, "before_cursor_execute", die)
            event.listen(ledger._backend._writing, "commit", die)
            channel.ledger = ledger
            ledger.commit(full_batch(channel, "full"))

        with child(commit_and_die) as process:
            ended = process.ended()
        channel.ledger = Ledger.open(url)
        ends.append((ended, set(traces(channel))))
        channel.ledger.close()
        if ended == 0:
            break

    killed, last = ends[:-1], ends[-1]
    assert len(killed) >= 9, "the batch has at least that many statements"
    assert all(end == (-signal.SIGKILL, {False}) for end in killed)
    assert last == (0, {True})


def write(url: str, partition: str, batches: int) -> Callable[[Parent], None]:
    """A process that commits batches of 20 records and says so."""

    def work(parent: Parent) -> None:
        channel = Channel.of(Ledger.open(url), partition)
        for number in range(batches):
            new = [record(f"{partition}:{number}:{n}") for n in range(20)]
            channel.commit(records=new, cursor={"n": number})
            parent.tell(number)

    return work


def test_every_acknowledged_batch_outlives_a_killed_process(url: str) -> None:
    with child(write(url, "C1", 1_000_000)) as process:
        for _ in range(20):
            acknowledged = int(process.said())
        process.signal(signal.SIGKILL)
        acknowledged = int([str(acknowledged), *process.rest()][-1])

    ledger = Ledger.open(url)
    (state,) = ledger.partitions(ledger.connection_id("slack", "T1", "Acme"))
    assert state.cursor is not None
    assert state.cursor["n"] in {acknowledged, acknowledged + 1}
    assert state.records == 20 * (state.cursor["n"] + 1)


def test_two_processes_write_side_by_side(url: str) -> None:
    with child(write(url, "C1", 30)) as one, child(write(url, "C2", 30)) as two:
        assert [one.rest()[-1], two.rest()[-1]] == ["29", "29"]
        assert [one.ended(), two.ended()] == [0, 0]

    ledger = Ledger.open(url)
    states = ledger.partitions(ledger.connection_id("slack", "T1", "Acme"))
    assert [(state.key, state.records) for state in states] == [("C1", 600), ("C2", 600)]


def test_a_forked_process_uses_connections_of_its_own(ledger: Ledger) -> None:
    channel = Channel.of(ledger)

    def work(parent: Parent) -> None:
        for number in range(50):
            channel.commit(records=[record(f"child:{number}")])
        parent.tell("done")

    with child(work) as process:
        for number in range(50):
            channel.commit(records=[record(f"parent:{number}")])
        assert process.said() == "done"
        assert process.ended() == 0
    assert len(channel.keys()) == 100


def test_threads_write_and_read_side_by_side(ledger: Ledger) -> None:
    channels = [Channel.of(ledger, f"C{number}") for number in range(8)]
    start = threading.Barrier(len(channels), timeout=20)

    def sync(channel: Channel) -> None:
        start.wait()
        for number in range(10):
            keys = [f"{channel.id}:{number}:{n}" for n in range(20)]
            assert ledger.known(channel.connection, keys) == {}
            channel.commit(records=[record(key) for key in keys], cursor={"n": number})
            assert ledger.known(channel.connection, keys).keys() == set(keys)

    with ThreadPoolExecutor(len(channels)) as pool:
        list(pool.map(sync, channels))

    states = ledger.partitions(channels[0].connection)
    assert [(state.records, state.cursor) for state in states] == [(200, {"n": 9})] * 8


def test_partitions_that_fight_for_the_same_records_do_not_block_each_other(
    ledger: Ledger,
) -> None:
    channels = [Channel.of(ledger, f"C{number}") for number in range(4)]
    keys = [f"file:{number}" for number in range(200)]

    def sync(channel: Channel) -> None:
        for number in range(15):
            order = keys if (number + channel.id) % 2 else keys[::-1]
            channel.commit(records=[record(key, f"{number}") for key in order[:100]])
            channel.commit(seen=order)
            channel.commit(dead_letters=[letter(key) for key in order[:20]])

    with ThreadPoolExecutor(len(channels)) as pool:
        list(pool.map(sync, channels))

    held = [state.records for state in ledger.partitions(channels[0].connection)]
    assert sum(number or 0 for number in held) == 200


def test_threads_that_cache_the_same_texts_do_not_block_each_other(ledger: Ledger) -> None:
    start = threading.Barrier(4, timeout=20)
    ledger.cache_vectors("model", {text_hash("first"): b"vector"})

    def work(number: int) -> None:
        for turn in range(5):
            hashes = [text_hash(f"{turn} {place}") for place in range(500)]
            start.wait()
            order = hashes if number % 2 else hashes[::-1]
            ledger.cache_vectors("model", dict.fromkeys(order, b"vector"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))

    assert [size.vectors for size in ledger.vector_cache()] == [2501]


def test_threads_that_meet_the_same_people_do_not_block_each_other(ledger: Ledger) -> None:
    people = [f"user:person{number}@acme.com" for number in range(1500)]
    start = threading.Barrier(4, timeout=20)

    def work(number: int) -> None:
        connection = ledger.connection_id("slack", f"T{number}", "Acme")
        start.wait()
        ledger.set_members(connection, f"group:slack:C{number}", people)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))

    assert len(ledger.principals_of("person7@acme.com")) == 3 + 4


def test_reading_never_waits_for_a_writer(url: str) -> None:
    ledger = Ledger.open(url)
    channel = Channel.of(ledger)
    channel.commit(records=[record("thread:1")])
    writing, done = threading.Event(), threading.Event()

    def write_slowly() -> None:
        with ledger._backend.write():
            channel.commit(records=[record("thread:2")])
            writing.set()
            done.wait(20)

    thread = threading.Thread(target=write_slowly)
    thread.start()
    assert writing.wait(20)
    begun = time.monotonic()
    ledger.known(channel.connection, ["thread:1"])
    ledger.principals_of("ann@acme.com")
    ledger.cached_vectors("model", [])
    ledger.partition(channel.connection, "C1", "#C1", "channel")
    ledger.connection_id("slack", "T1", "Acme")
    ledger.runs()
    took = time.monotonic() - begun
    done.set()
    thread.join()
    assert took < 5
    assert ledger.known(channel.connection, ["thread:2"])


@pytest.fixture
def documents(file_ledger: Ledger) -> EmbeddedDatabase:
    """A table of documents in the same file."""
    database = file_ledger.database
    assert database is not None
    with database.transaction() as connection:
        connection.execute("CREATE TABLE stored (id TEXT PRIMARY KEY)").fetchall()
    return database


def stored(database: EmbeddedDatabase) -> list[str]:
    with database.read() as connection:
        return [name for (name,) in connection.execute("SELECT id FROM stored ORDER BY id")]


def test_documents_and_cursor_are_committed_together(
    file_ledger: Ledger, documents: EmbeddedDatabase
) -> None:
    channel = Channel.of(file_ledger)
    with documents.transaction() as connection:
        connection.execute("INSERT INTO stored VALUES ('a')").fetchall()
        channel.commit(records=[record("thread:1")], cursor={"n": 1})
        assert channel.cursor() == {"n": 1}, "a transaction reads what it has written"
        file_ledger.cache_vectors("model", {"0" * 32: b"vector"})

    assert stored(documents) == ["a"]
    assert (channel.cursor(), channel.keys()) == ({"n": 1}, {"thread:1"})
    assert file_ledger.cached_vectors("model", ["0" * 32]) == {"0" * 32: b"vector"}


def test_a_failing_block_leaves_neither_documents_nor_cursor(
    file_ledger: Ledger, documents: EmbeddedDatabase
) -> None:
    channel = Channel.of(file_ledger)

    def fail() -> None:
        with documents.transaction() as connection:
            connection.execute("INSERT INTO stored VALUES ('a')").fetchall()
            channel.commit(records=[record("thread:1")], cursor={"n": 1})
            file_ledger.cache_vectors("model", {"0" * 32: b"vector"})
            file_ledger.cached_vectors("model", ["0" * 32])
            file_ledger.known(channel.connection, ["thread:1"])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert stored(documents) == []
    assert (channel.cursor(), channel.keys()) == (None, set())
    file_ledger.cache_vectors("other", {"1" * 32: b"other"})
    assert file_ledger.cached_vectors("model", ["0" * 32, "1" * 32]) == {}


def test_a_ledger_batch_that_fails_takes_the_documents_with_it(
    file_ledger: Ledger, documents: EmbeddedDatabase
) -> None:
    channel = Channel.of(file_ledger)

    def fail_and_go_on() -> None:
        with documents.transaction() as connection:
            connection.execute("INSERT INTO stored VALUES ('a')").fetchall()
            with pytest.raises(ValueError, match="does not vouch"):
                channel.commit(records=[record("thread:1", raw_ref="lost#1")], cursor={"n": 1})
            connection.execute("INSERT INTO stored VALUES ('b')").fetchall()

    with pytest.raises(StoreError, match="given up half way"):
        fail_and_go_on()

    assert stored(documents) == []
    assert channel.cursor() is None


def test_a_process_killed_inside_the_shared_transaction_leaves_nothing(
    file_ledger: Ledger, documents: EmbeddedDatabase
) -> None:
    channel = Channel.of(file_ledger)
    path = documents.path

    def write_and_die(_: Parent) -> None:
        ledger = Ledger.open(path)
        assert ledger.database is not None
        with ledger.database.transaction() as connection:
            connection.execute("INSERT INTO stored VALUES ('a')").fetchall()
            channel.ledger = ledger
            channel.commit(records=[record("thread:1")], cursor={"n": 1})
            os.kill(os.getpid(), signal.SIGKILL)

    with child(write_and_die) as process:
        assert process.ended() == -signal.SIGKILL
    assert stored(documents) == []
    assert (channel.cursor(), channel.keys()) == (None, set())
