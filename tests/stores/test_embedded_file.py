"""The embedded file: transactions, versions, several processes."""

import contextlib
import os
import shutil
import threading
from pathlib import Path

import apsw
import pytest
from embedded_processes import both, ended, started
from store_samples import DIMENSIONS, a_document, chunked, direction

from stores.base import SearchFilter
from stores.errors import StoreError, StoreVersionError
from stores.sqlite.database import EmbeddedDatabase, rows
from stores.sqlite.document_index import SqliteDocumentIndex
from stores.sqlite.schema import Schema
from stores.sqlite.vector_store import SqliteVectorStore


class TestTransactions:
    def test_both_stores_commit_together(self, database: EmbeddedDatabase, tmp_path: Path) -> None:
        index, vectors = both(database)
        with database.transaction():
            index.write([a_document("1")])
            vectors.write([chunked(a_document("1"), [direction(1)])])
            assert ended(started(database.path, "print(index.count(), vectors.count())")) == "0 0\n"
        assert ended(started(database.path, "print(index.count(), vectors.count())")) == "1 1\n"

    def test_both_stores_are_undone_together(self, database: EmbeddedDatabase) -> None:
        index, vectors = both(database)
        index.write([a_document("0", "fox", access=["user:ann@x.com"])])

        def undone() -> None:
            with database.transaction():
                index.write([a_document("0", "cat"), a_document("1", "cat")])
                vectors.write([chunked(a_document("1"), [direction(1)])])
                index.update_access({"slack:T1:message:0": ["public"]})
                raise RuntimeError

        with pytest.raises(RuntimeError):
            undone()
        assert (index.count(), vectors.count()) == (1, 0)
        assert index.search("cat", limit=5) == []
        assert len(index.search("fox", limit=5)) == 1
        assert index.count(SearchFilter(principals=frozenset({"public"}))) == 0

    def test_the_first_write_can_be_undone(self, database: EmbeddedDatabase) -> None:
        index, vectors = both(database)

        def undone() -> None:
            with database.transaction():
                index.write([a_document("1")])
                vectors.write([chunked(a_document("1"), [direction(1)])])
                raise RuntimeError

        with pytest.raises(RuntimeError):
            undone()
        index.write([a_document("2")])
        vectors.write([chunked(a_document("2"), [direction(1)])])
        assert (index.count(), vectors.count()) == (1, 1)

    def test_one_reads_what_one_has_written_before_it_is_committed(
        self, database: EmbeddedDatabase
    ) -> None:
        index, vectors = both(database)
        with database.transaction():
            index.write([a_document("1", "fox")])
            vectors.write([chunked(a_document("1"), [direction(1)])])
            assert len(index.search("fox", limit=5)) == len(list(index.iterate())) == 1
            assert len(vectors.search(direction(1), limit=5)) == 1
            index.delete(["slack:T1:message:1"])
            assert index.get(["slack:T1:message:1"]) == {}
        assert index.count() == 0

    def test_a_snapshot_stays_as_it_is(self, database: EmbeddedDatabase) -> None:
        index, _ = both(database)
        index.write([a_document("1")])

        def number(reader: apsw.Connection) -> int:
            return int(rows(reader, "SELECT count(*) FROM documents_entry")[0][0])

        with database.snapshot() as reader:
            assert number(reader) == 1
            index.write([a_document("2")])
            assert number(reader) == 1
        with database.read() as reader:
            assert number(reader) == 2

    def test_what_a_joined_block_gave_up_cannot_be_committed(
        self, database: EmbeddedDatabase
    ) -> None:
        index, _ = both(database)

        def half_way() -> None:
            with database.transaction():
                index.write([a_document("1")])
                with contextlib.suppress(RuntimeError), database.transaction():
                    index.write([a_document("2")])
                    raise RuntimeError

        with pytest.raises(StoreError, match="half way"):
            half_way()
        assert index.count() == 0
        index.write([a_document("3")])
        assert index.count() == 1

    def test_only_a_transaction_that_says_so_does_not_wait_for_the_disk(
        self, database: EmbeddedDatabase
    ) -> None:
        def level(*, durable: bool) -> int:
            writer = database.begin(durable=durable)
            ((found,),) = rows(writer, "PRAGMA synchronous")
            database.commit()
            return int(found)

        full, normal = 2, 1  # https://sqlite.org/pragma.html#pragma_synchronous
        assert [level(durable=durable) for durable in (True, False, False, True)] == [
            full, normal, normal, full,
        ]  # fmt: skip
        assert level(durable=False) == normal
        database.close()
        with database.transaction() as writer:
            assert rows(writer, "PRAGMA synchronous") == [(full,)]

    def test_what_must_be_durable_does_not_join_what_need_not(
        self, database: EmbeddedDatabase
    ) -> None:
        database.begin(durable=False)
        with pytest.raises(RuntimeError, match="cannot join"):
            database.begin()
        database.begin(durable=False)
        database.commit()
        database.commit()
        with database.transaction():
            database.begin(durable=False)
            database.commit()

    def test_the_stores_work_in_files_of_their_own(self, tmp_path: Path) -> None:
        index = SqliteDocumentIndex(tmp_path / "a" / "documents.db")
        vectors = SqliteVectorStore(tmp_path / "b" / "vectors.db")
        vectors.bind("m", DIMENSIONS)
        index.write([a_document("1", "fox")])
        vectors.write([chunked(a_document("1"), [direction(1)])])
        assert (index.count(), vectors.count()) == (1, 1)
        index.close()
        assert vectors.count() == 1
        vectors.close()


class TestVersions:
    def test_a_newer_file_is_not_touched(self, database: EmbeddedDatabase) -> None:
        index, vectors = both(database)
        index.write([a_document("1")])
        vectors.write([chunked(a_document("1"), [direction(1)])])
        with database.transaction() as writer:
            for prefix in ("documents", "vectors"):
                rows(writer, f"UPDATE {prefix}_meta SET value = 99 WHERE key = 'version'")
        for use in (
            index.count,
            lambda: index.get(["x"]),
            lambda: index.write([a_document("2")]),
            lambda: index.delete(["slack:T1:message:1"]),
            vectors.count,
            lambda: vectors.bind("m", DIMENSIONS),
            lambda: vectors.search(direction(1), limit=1),
            lambda: vectors.write([chunked(a_document("2"), [direction(1)])]),
        ):
            with pytest.raises(StoreVersionError, match="newer") as error:
                use()
            assert "Update" in error.value.hint

    def test_an_older_file_is_brought_up_to_date_by_the_first_use(
        self, database: EmbeddedDatabase
    ) -> None:
        first = ["CREATE TABLE x_thing (name TEXT)", "INSERT INTO x_thing VALUES ('kept')"]
        second = ["ALTER TABLE x_thing ADD COLUMN size INTEGER DEFAULT 7"]
        with database.transaction() as writer:
            Schema("x", [first]).prepare(writer, database)
        newer = Schema("x", [first, second])
        with database.read() as reader:
            assert newer.readable(reader, database)
            assert rows(reader, "SELECT name, size FROM x_thing") == [("kept", 7)]
            assert newer.stored_version(reader, database) == 2
        with database.transaction() as writer:
            newer.prepare(writer, database)
            assert rows(writer, "SELECT count(*) FROM x_thing") == [(1,)]

    def test_a_failed_step_leaves_the_older_file(self, database: EmbeddedDatabase) -> None:
        first = ["CREATE TABLE x_thing (name TEXT)"]
        with database.transaction() as writer:
            Schema("x", [first]).prepare(writer, database)
        broken = Schema("x", [first, ["ALTER TABLE x_thing ADD COLUMN a", "nonsense"]])
        with pytest.raises(StoreError), database.transaction() as writer:
            broken.prepare(writer, database)
        with database.read() as reader:
            assert Schema("x", [first]).stored_version(reader, database) == 1
            assert [row[1] for row in rows(reader, "PRAGMA table_info(x_thing)")] == ["name"]


class TestEdges:
    def test_maintaining_an_empty_store_is_harmless(self, database: EmbeddedDatabase) -> None:
        index, vectors = both(database)
        index.maintain()
        vectors.maintain()
        vectors.clear()
        assert (index.count(), vectors.count()) == (0, 0)

    def test_stores_of_one_file_stay_together_when_one_was_closed(self, tmp_path: Path) -> None:
        path = tmp_path / "store.db"
        index, vectors = SqliteDocumentIndex(path), SqliteVectorStore(path)
        vectors.bind("m", DIMENSIONS)
        index.write([a_document("1")])
        index.close()
        again = SqliteDocumentIndex(path)
        with EmbeddedDatabase.open(path).transaction():
            again.write([a_document("2")])
            vectors.write([chunked(a_document("2"), [direction(1)])])
        assert (again.count(), vectors.count()) == (2, 1)
        again.close()

    def test_a_file_that_was_deleted_is_made_anew(self, tmp_path: Path) -> None:
        path = tmp_path / "folder" / "store.db"
        index = SqliteDocumentIndex(path)
        index.write([a_document("1")])
        index.close()
        shutil.rmtree(path.parent)
        index = SqliteDocumentIndex(path)
        assert index.count() == 0
        index.write([a_document("2")])
        assert index.count() == 1
        index.close()

    def test_a_closed_store_opens_again_by_itself(self, tmp_path: Path) -> None:
        index = SqliteDocumentIndex(tmp_path / "store.db")
        index.write([a_document("1", "fox")])
        index.close()
        assert index.count() == 1
        index.write([a_document("2", "fox")])
        assert index.count() == 2
        index.close()


class TestSeveralProcesses:
    def test_a_file_that_another_process_is_making_is_waited_for(self, tmp_path: Path) -> None:
        path = tmp_path / "store.db"
        other = apsw.Connection(str(path))
        other.execute("BEGIN IMMEDIATE; CREATE TABLE theirs (name TEXT)").fetchall()
        done = threading.Timer(0.3, lambda: other.execute("COMMIT").fetchall())
        done.start()
        database = EmbeddedDatabase(path)
        with database.transaction() as writer:
            assert rows(writer, "PRAGMA journal_mode") == [("wal",)]
            assert rows(writer, "SELECT count(*) FROM theirs") == [(0,)]
        done.join()
        database.close()
        other.close()

    def test_two_processes_write_at_the_same_time(self, tmp_path: Path) -> None:
        path = tmp_path / "store.db"
        script = """
            for batch in range(15):
                documents = [
                    a_document(f"{os.environ['WHO']}-{batch}-{i}", f"fox {batch}",
                               access=[f"group:x:{batch}", "user:ann@x.com"])
                    for i in range(40)
                ] + [a_document(f"shared-{i}", f"fox by {os.environ['WHO']}") for i in range(10)]
                with database.transaction():
                    index.write(documents)
                    vectors.write([chunked(d, [direction(1, batch)]) for d in documents])
        """
        writers = [
            started(path, script, env={**os.environ, "WHO": who}) for who in ("first", "second")
        ]
        for writer in writers:
            ended(writer)
        index, vectors = both(EmbeddedDatabase.open(path))
        try:
            assert index.count() == vectors.count() == 2 * 15 * 40 + 10
            where = SearchFilter(principals=frozenset({"group:x:3"}))
            assert index.count(where) == 80
            with EmbeddedDatabase.open(path).read() as reader:
                assert rows(reader, "SELECT count(*) FROM documents_access_set") == [(16,)]
            shared = index.get([f"slack:T1:message:shared-{i}" for i in range(10)])
            assert len({document.page_content for document in shared.values()}) == 1
        finally:
            index.close()

    def test_another_process_reads_while_this_one_writes(self, database: EmbeddedDatabase) -> None:
        index, _ = both(database)
        index.write([a_document("1", "fox")])
        reader = started(
            database.path,
            """
            print("ready", flush=True)
            end = time.monotonic() + 2
            while time.monotonic() < end:
                numbers = index.count(), len(index.search("fox", limit=1_000_000))
                assert numbers[1] >= numbers[0] > 0, numbers
            """,
        )
        assert reader.stdout is not None
        reader.stdout.readline()
        batch = 0
        while reader.poll() is None:
            documents = [a_document(f"{batch}-{i}", "fox") for i in range(20)]
            index.write(documents)
            batch += 1
        ended(reader)
        assert index.count() == 1 + 20 * batch
        assert batch > 3

    def test_a_forked_process_has_connections_of_its_own(self, tmp_path: Path) -> None:
        told = ended(
            started(
                tmp_path / "store.db",
                """
                index.write([a_document("before", "fox")])
                index.count()
                child = os.fork()
                if not child:
                    own = database._write_connection is None and database._readers.empty()
                    index.write([a_document("child", "fox")])
                    os._exit(0 if own and index.count() >= 2 else 1)
                index.write([a_document("parent", "fox")])
                assert os.waitpid(child, 0)[1] == 0
                print(index.count(), len(index.search("fox", limit=9)))
                """,
            )
        )
        assert told == "3 3\n"

    def test_a_lock_held_elsewhere_is_waited_for(self, database: EmbeddedDatabase) -> None:
        index, _ = both(database)
        index.write([a_document("1")])
        other = started(
            database.path,
            """
            with database.transaction():
                print("locked", flush=True)
                time.sleep(1)
                index.write([a_document("2")])
            """,
        )
        assert other.stdout is not None
        other.stdout.readline()
        index.write([a_document("3")])
        ended(other)
        assert index.count() == 3
