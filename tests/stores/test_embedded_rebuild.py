"""Vectors that are built anew in the embedded file: beside the old ones, and in one step."""

from pathlib import Path

import numpy as np
import pytest
from store_samples import a_document, chunked, direction, random_vectors

from documents.chunks import ChunkedDocument
from stores.base import SearchFilter
from stores.sqlite.database import EmbeddedDatabase, rows
from stores.sqlite.vector_store import SqliteVectorStore


def documents(number: int, dimensions: int) -> list[ChunkedDocument]:
    vectors = random_vectors(number, dimensions=dimensions)
    return [
        chunked(a_document(str(i), access=[f"group:x:{i % 3}"]), vectors[i : i + 1])
        for i in range(number)
    ]


@pytest.fixture
def store(tmp_path: Path) -> SqliteVectorStore:
    store = SqliteVectorStore(tmp_path / "store.db")
    store.bind("old", 8)
    store.write(documents(60, 8))
    return store


def schema(folder: Path) -> set[tuple[str, str]]:
    with EmbeddedDatabase.open(folder / "store.db").read() as reader:
        return set(rows(reader, "SELECT name, sql FROM sqlite_schema WHERE name LIKE 'vectors%'"))


def test_the_old_ones_answer_until_the_new_ones_are_whole(
    store: SqliteVectorStore, tmp_path: Path
) -> None:
    elsewhere = SqliteVectorStore(tmp_path / "store.db")
    elsewhere.bind("old", 8)
    with store.rebuilding("new", 4) as fresh:
        fresh.write(documents(90, 4))
        assert len(elsewhere.search(direction(1), limit=100)) == 60
        assert elsewhere.held_model() == ("old", 8)
    assert store.held_model() == ("new", 4)
    question = np.ones(4, np.float32)
    assert len(store.search(question, limit=100)) == 90
    narrow = SearchFilter(principals=frozenset({"group:x:1"}))
    assert len(store.search(question, limit=100, where=narrow)) == 30


def test_the_new_tables_are_as_if_they_had_always_been_there(
    store: SqliteVectorStore, tmp_path: Path
) -> None:
    before = {name for name, _ in schema(tmp_path)}
    for number in (70, 80):
        with store.rebuilding("new", 8) as fresh:
            fresh.write(documents(number, 8))
    assert {name for name, _ in schema(tmp_path)} == before
    assert "vectors_new" not in str(schema(tmp_path))
    assert store.write(documents(100, 8)) == []
    store.delete(["slack:T1:message:7"])
    store.update_access({"slack:T1:message:8": ["public"]})
    store.maintain()
    assert store.count() == 99
    public = SearchFilter(principals=frozenset({"public"}))
    assert [hit.document_id for hit in store.search(direction(1), limit=9, where=public)] == [
        "slack:T1:message:8"
    ]


def test_an_error_leaves_everything_as_it_was(store: SqliteVectorStore, tmp_path: Path) -> None:
    before = schema(tmp_path)

    def broken() -> None:
        with store.rebuilding("new", 4) as fresh:
            fresh.write(documents(90, 4))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    assert schema(tmp_path) == before
    assert len(store.search(direction(1), limit=100)) == 60


def test_what_a_killed_rebuild_left_is_dropped_by_the_next(
    store: SqliteVectorStore, tmp_path: Path
) -> None:
    left = SqliteVectorStore(tmp_path / "store.db", prefix="vectors_new")
    left.bind("another", 3)
    left.write(documents(5, 3))
    with store.rebuilding("new", 4) as fresh:
        fresh.write(documents(20, 4))
    assert (store.held_model(), store.count()) == (("new", 4), 20)


def test_nothing_takes_the_place_of_nothing(tmp_path: Path) -> None:
    store = SqliteVectorStore(tmp_path / "store.db")
    assert store.held_model() is None
    with store.rebuilding("new", 4):
        pass
    assert store.count() == 0
    store.bind("other", 8)
    assert store.write(documents(3, 8)) == []
