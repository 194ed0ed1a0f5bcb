"""The embedded document index keeps the contract, and what is its own besides."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from contract_document_index import DocumentIndexContract
from langchain_core.documents import Document
from store_samples import START, a_document

from stores.base import DocumentIndex, SearchFilter
from stores.sqlite.database import EmbeddedDatabase, rows
from stores.sqlite.document_index import SqliteDocumentIndex


class TestSqliteDocumentIndex(DocumentIndexContract):
    def open_index(self, folder: Path) -> DocumentIndex:
        return SqliteDocumentIndex(folder / "store.db")


class TestMetadata:
    def test_what_json_does_not_have_comes_back_as_its_nearest(
        self, database: EmbeddedDatabase
    ) -> None:
        index = SqliteDocumentIndex(database)
        given = {
            "tuple": (1, 2),
            "time": datetime(2026, 3, 1, tzinfo=UTC),
            "nan": float("nan"),
            "keys": {1: "a"},
            "numpy": np.float32(0.5),
        }
        assert index.write([Document(id="1", page_content="", metadata={"extra": given})]) == []
        assert index.get(["1"])["1"].metadata["extra"] == {
            "tuple": [1, 2],
            "time": "2026-03-01T00:00:00+00:00",
            "nan": None,
            "keys": {"1": "a"},
            "numpy": 0.5,
        }

    def test_a_number_beyond_64_bits_refuses_its_document(self, database: EmbeddedDatabase) -> None:
        index = SqliteDocumentIndex(database)
        (failure,) = index.write([Document(id="1", page_content="", metadata={"n": 2**70})])
        assert "64-bit" in failure.reason

    def test_the_order_of_fields_is_kept(self, database: EmbeddedDatabase) -> None:
        index = SqliteDocumentIndex(database)
        document = a_document("1", extra={"z": 1, "a": 2})
        index.write([document])
        stored = index.get([document.id or ""])[document.id or ""]
        assert list(stored.metadata) == list(document.metadata)
        assert list(stored.metadata["extra"]) == ["z", "a"]

    def test_the_order_and_the_hash_of_an_access_list_are_the_documents_own(
        self, database: EmbeddedDatabase
    ) -> None:
        index = SqliteDocumentIndex(database)
        fields = {"access": ["user:b@x.com", "user:a@x.com"], "access_hash": "its own"}
        index.write([Document(id="1", page_content="", metadata=fields)])
        assert index.get(["1"])["1"].metadata == fields

    def test_the_same_list_with_and_without_hash_comes_back_as_it_was(
        self, database: EmbeddedDatabase
    ) -> None:
        index = SqliteDocumentIndex(database)
        fields = [{"access": ["public"]}, {"access": ["public"], "access_hash": "its own"}, {}]
        documents = [Document(id=str(i), page_content="", metadata=m) for i, m in enumerate(fields)]
        index.write(documents)
        assert [index.get([str(i)])[str(i)].metadata for i in range(3)] == fields

    def test_texts_with_a_null_character_are_searched_to_their_end(
        self, database: EmbeddedDatabase
    ) -> None:
        index = SqliteDocumentIndex(database)
        index.write([a_document("1", "before\0after")])
        assert len(index.search("after", limit=5)) == 1
        assert index.get(["slack:T1:message:1"])["slack:T1:message:1"].page_content == (
            "before\0after"
        )


class TestFile:
    def test_an_access_list_is_kept_once_for_all_documents_that_share_it(
        self, database: EmbeddedDatabase
    ) -> None:
        index = SqliteDocumentIndex(database)
        everybody = [f"user:{i}@x.com" for i in range(100)]
        for batch in range(3):
            index.write([a_document(f"{batch}-{i}", access=everybody) for i in range(50)])
        with database.read() as reader:
            assert rows(reader, "SELECT count(*) FROM documents_access_set") == [(1,)]
            assert rows(reader, "SELECT count(*) FROM documents_access_member") == [(100,)]
            ((metadata,),) = rows(reader, "SELECT metadata FROM documents_content LIMIT 1")
        assert b"@x.com" not in metadata

    def test_upkeep_forgets_who_could_read_what_is_gone(self, database: EmbeddedDatabase) -> None:
        index = SqliteDocumentIndex(database)
        index.write([a_document("1", access=["user:ann@x.com"]), a_document("2")])
        index.delete(["slack:T1:message:1"])
        index.maintain()
        with database.read() as reader:
            assert rows(reader, "SELECT principal FROM documents_access_member") == [("public",)]

    def test_upkeep_leaves_few_segments_and_the_same_answers(
        self, database: EmbeddedDatabase
    ) -> None:
        index = SqliteDocumentIndex(database)
        for i in range(60):
            index.write([a_document(str(i), f"fox number{i} in the wood")])
        index.delete([f"slack:T1:message:{i}" for i in range(0, 60, 2)])

        def segments() -> int:
            with database.read() as reader:
                return int(
                    rows(reader, "SELECT count(DISTINCT segid) FROM documents_words_idx")[0][0]
                )

        before = {hit.document_id for hit in index.search("fox", limit=100)}
        assert segments() > 3
        index.maintain()
        assert segments() <= 1
        assert {hit.document_id for hit in index.search("fox", limit=100)} == before
        assert len(before) == 30
        assert len(index.search("number7", limit=5)) == 1

    def test_a_thousand_small_writes_leave_a_bounded_number_of_segments(
        self, database: EmbeddedDatabase
    ) -> None:
        index = SqliteDocumentIndex(database)
        with database.transaction():
            index.write([a_document("first")])
        for i in range(300):
            index.write([a_document(str(i % 20), f"fox {i}")])
        with database.read() as reader:
            ((number,),) = rows(reader, "SELECT count(DISTINCT segid) FROM documents_words_idx")
        assert number <= 48

    @pytest.mark.parametrize("order", [1, -1], ids=["oldest first", "newest first"])
    def test_replacing_costs_no_more_than_writing(
        self, database: EmbeddedDatabase, order: int
    ) -> None:
        """FTS5 flushes at each step back in row numbers: one segment a document, if let."""
        index = SqliteDocumentIndex(database)
        index.write([a_document(str(i), f"fox {i}") for i in range(300)])
        changed = [a_document(str(i), f"cat {i}") for i in range(300)]
        with database.transaction() as writer:
            index.write(changed[::order])
            ((number,),) = rows(writer, "SELECT count(DISTINCT segid) FROM documents_words_idx")
        assert number <= 3
        assert len(index.search("cat", limit=1_000)) == 300

    def test_a_filter_on_a_name_that_is_empty_finds_nothing(
        self, database: EmbeddedDatabase
    ) -> None:
        index = SqliteDocumentIndex(database)
        index.write([a_document("1")])
        for where in (
            SearchFilter(containers=("",)),
            SearchFilter(authors=("",)),
            SearchFilter(sources=("\ud800",)),
        ):
            assert index.count(where) == 0

    def test_a_file_of_the_first_version_learns_of_changes_and_conversations(
        self, database: EmbeddedDatabase
    ) -> None:
        later = START + timedelta(days=9)
        documents = [
            a_document("1", thread_id="t", updated_at=later),
            a_document("2", parent_id="slack:T1:message:1"),
            a_document("3", created_at=None),
        ]
        SqliteDocumentIndex(database).write(documents)
        with database.transaction() as writer:  # as the first version left it
            rows(writer, "DROP TABLE documents_kin")
            rows(writer, "ALTER TABLE documents_entry DROP COLUMN updated")
            rows(writer, "UPDATE documents_meta SET value = 1 WHERE key = 'version'")
        index = SqliteDocumentIndex(database)
        assert index.count(SearchFilter(updated_after=later)) == 1
        assert index.count(SearchFilter(updated_before=later)) == 1
        assert index.in_order(SearchFilter(), thread="t", limit=9) == documents[:1]
        assert index.in_order(SearchFilter(), parent=documents[0].id, limit=9) == documents[1:2]
        assert index.write(documents) == []
        assert index.count() == 3
