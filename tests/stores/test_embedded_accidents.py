"""The embedded file under all that happens to files: kills, full disks, no rights, damage."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from embedded_processes import both, started
from store_samples import a_document, chunked, direction

from stores.errors import (
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
    StoreUnavailableError,
)
from stores.sqlite.database import EmbeddedDatabase, rows
from stores.sqlite.document_index import SqliteDocumentIndex
from stores.sqlite.vector_store import SqliteVectorStore


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(command, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def make_read_only(disk: Path) -> None:
    """Takes away the right to write, from root too."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


class TestKills:
    @pytest.mark.parametrize("after", [1, 4, 9])
    def test_a_killed_writer_leaves_every_acknowledged_batch_and_no_half_of_another(
        self, tmp_path: Path, after: int
    ) -> None:
        path = tmp_path / "store.db"
        process = started(
            path,
            """
            for batch in range(10_000):
                documents = [a_document(f"{batch}-{i}", f"fox batch{batch}") for i in range(200)]
                with database.transaction():
                    index.write(documents)
                    vectors.write([chunked(d, [direction(1, batch)]) for d in documents])
                    if batch % 3 == 2:
                        gone = [f"slack:T1:message:{batch - 1}-{i}" for i in range(200)]
                        index.delete(gone)
                        vectors.delete(gone)
                print(batch, flush=True)
            """,
        )
        assert process.stdout is not None
        acknowledged = -1
        while acknowledged < after:
            acknowledged = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        acknowledged = max([acknowledged, *map(int, process.communicate()[0].split())])
        with EmbeddedDatabase.open(path).read() as reader:
            assert rows(reader, "PRAGMA integrity_check") == [("ok",)]
            rows(reader, "SELECT count(*) FROM documents_words")
        index, vectors = both(EmbeddedDatabase.open(path))
        try:
            batches = {d.page_content.split()[1] for d in index.iterate()}
            kept = {
                f"batch{batch}"
                for batch in range(acknowledged + 1)
                if not (batch % 3 == 1 and batch + 1 <= acknowledged)
            }
            # The batch that was being written may have been committed without being told.
            following = acknowledged + 1
            later = kept | {f"batch{following}"}
            if following % 3 == 2:
                later -= {f"batch{acknowledged}"}
            assert batches in (kept, later)
            for batch in batches:
                hits = index.search(batch, limit=1_000)
                assert len(hits) == 200
            assert index.count() == vectors.count() == 200 * len(batches)
            assert len(vectors.search(direction(1), limit=10_000)) == 200 * len(batches)
            index.write([a_document("after", "fox after")])
            assert len(index.search("after", limit=5)) == 1
        finally:
            index.close()


class TestDisks:
    def test_a_full_file_says_so_and_keeps_what_was_written(
        self, database: EmbeddedDatabase
    ) -> None:
        index, vectors = both(database)
        index.write([a_document("1", "fox")])
        with database.transaction() as writer:
            ((pages,),) = rows(writer, "PRAGMA page_count")
            rows(writer, f"PRAGMA max_page_count = {pages + 20}")
        with pytest.raises(StoreFullError, match="full"):
            index.write([a_document(str(i), "word " * 5_000) for i in range(200)])

        def write_both() -> None:
            with database.transaction():
                index.write([a_document("2", "cat")])
                vectors.write([chunked(a_document(str(i)), [direction(i)]) for i in range(20_000)])

        with pytest.raises(StoreFullError, match="full"):
            write_both()
        assert [d.page_content for d in index.iterate()] == ["fox"]
        with database.transaction() as writer:
            rows(writer, "PRAGMA max_page_count = 1000000")
        index.write([a_document("2", "cat")])
        assert index.count() == 2

    def test_a_file_that_is_full_in_the_middle_of_the_vectors_says_so(
        self, database: EmbeddedDatabase
    ) -> None:
        vectors = SqliteVectorStore(database)
        vectors.bind("m", 4_096)
        documents = [a_document(str(i)) for i in range(300)]

        def write(few: int) -> None:
            vectors.write([chunked(d, [direction(1, dimensions=4_096)]) for d in documents[:few]])

        write(10)
        with database.transaction() as writer:
            ((pages,),) = rows(writer, "PRAGMA page_count")
            rows(writer, f"PRAGMA max_page_count = {pages + 100}")
        with pytest.raises(StoreFullError, match="full"):
            write(300)
        assert vectors.count() == 10
        assert len(vectors.search(direction(1, dimensions=4_096), limit=100)) == 10
        with database.transaction() as writer:
            rows(writer, "PRAGMA max_page_count = 1000000")
        write(300)
        assert vectors.count() == 300

    def test_a_full_disk_says_so_and_the_next_run_goes_on(self, small_disk: Path) -> None:
        database = EmbeddedDatabase.open(small_disk / "store.db")
        index, _ = both(database)
        index.write([a_document("1", "fox")])
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(2_500_000))
        with pytest.raises(StoreFullError, match="full"):
            index.write([a_document(f"b{i}", f"word{i} " * 2_000) for i in range(300)])
        assert [d.page_content for d in index.iterate()] == ["fox"]
        ballast.unlink()
        index.write([a_document("2", "cat")])
        assert index.count() == 2
        database.close()

    @pytest.mark.parametrize("clean", [True, False], ids=["closed", "with a log"])
    def test_a_file_that_may_only_be_read_is_searched_and_not_written(
        self, small_disk: Path, tmp_path: Path, clean: bool
    ) -> None:
        database = EmbeddedDatabase.open(tmp_path / "store.db")
        index, vectors = both(database)
        index.write([a_document("1", "fox")])
        vectors.write([chunked(a_document("1"), [direction(1)])])
        if clean:
            database.close()
        for file in tmp_path.glob("store.db*"):
            shutil.copy(file, small_disk)
        assert len(list(small_disk.iterdir())) == (1 if clean else 3)
        database.close()
        make_read_only(small_disk)
        index, vectors = both(EmbeddedDatabase.open(small_disk / "store.db"))
        assert len(index.search("fox", limit=5)) == 1
        assert len(vectors.search(direction(1), limit=5)) == 1
        assert index.get(["slack:T1:message:1"])
        for write in (
            lambda: index.write([a_document("2")]),
            lambda: index.delete(["slack:T1:message:1"]),
            lambda: vectors.write([chunked(a_document("2"), [direction(1)])]),
            index.maintain,
        ):
            with pytest.raises(StoreReadOnlyError, match="read-only"):
                write()
        assert index.count() == vectors.count() == 1
        index.close()

    @pytest.mark.parametrize(
        "content", [b"not a database, but long enough to be one\n" * 200, b"%PDF"]
    )
    def test_a_file_that_is_no_database_is_left_alone(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "store.db"
        path.write_bytes(content)
        index = SqliteDocumentIndex(path)
        for use in (
            index.count,
            lambda: index.search("fox", limit=1),
            lambda: index.write([a_document("1")]),
        ):
            with pytest.raises(StoreCorruptError, match="not a store"):
                use()
        index.close()
        assert path.read_bytes() == content

    def test_a_damaged_file_says_so(self, tmp_path: Path) -> None:
        path = tmp_path / "store.db"
        index = SqliteDocumentIndex(path)
        index.write([a_document(str(i), f"fox {i} " * 300) for i in range(500)])
        index.close()
        content = bytearray(path.read_bytes())
        content[20_000:-20_000] = bytes(len(content) - 40_000)
        path.write_bytes(content)
        index = SqliteDocumentIndex(path)
        with pytest.raises(StoreCorruptError, match="damaged"):
            list(index.iterate())
        index.close()

    def test_a_folder_in_place_of_the_file_says_so(self, tmp_path: Path) -> None:
        with pytest.raises(StoreUnavailableError):
            SqliteDocumentIndex(tmp_path).count()

    def test_a_path_below_a_file_says_so(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(StoreUnavailableError, match="folder"):
            SqliteDocumentIndex(tmp_path / "file" / "store.db")


def test_the_sentences_of_errors_say_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"something else entirely" * 100)
    with pytest.raises(StoreError) as error:
        SqliteDocumentIndex(path).count()
    assert str(path) in str(error.value)
    assert error.value.hint
    assert not isinstance(error.value, StoreReadOnlyError)
