"""Any LangChain vector store behind our contract, shown with LangChain's own in-memory one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contract_vector_store import MODEL, VectorStoreContract
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import InMemoryVectorStore
from store_samples import DIMENSIONS, a_document, chunked, direction, random_vectors

from stores.base import SearchFilter, VectorStore
from stores.langchain_adapter import LangChainVectorStore
from stores.sqlite.database import EmbeddedDatabase

_kept: dict[Path, dict[str, Any]] = {}


class CountingStore(InMemoryVectorStore):
    """LangChain's store, which also remembers what it was asked."""

    def __init__(self, embedding: Embeddings) -> None:
        super().__init__(embedding)
        self.asked: list[tuple[int, bool]] = []
        self.added: list[list[str]] = []
        self.deleted: list[list[str]] = []

    def add_documents(self, documents: list[Document], ids: Any = None, **kwargs: Any) -> list[str]:
        self.added.append(list(ids))
        return super().add_documents(documents, ids=ids, **kwargs)

    def delete(self, ids: Any = None, **kwargs: Any) -> None:
        self.deleted.append(sorted(ids))
        super().delete(ids, **kwargs)

    def similarity_search_with_score(self, query: str, k: int = 4, **kwargs: Any) -> Any:
        self.asked.append((k, "filter" in kwargs))
        return super().similarity_search_with_score(query, k=k, **kwargs)


class TestLangChainVectorStore(VectorStoreContract):
    def open_store(self, folder: Path) -> VectorStore:
        def make(embedding: Embeddings) -> InMemoryVectorStore:
            store = InMemoryVectorStore(embedding)
            store.store = _kept.setdefault(folder, {})  # what a server would keep
            return store

        return LangChainVectorStore(make, folder / "book.db")


class Adapted:
    def __init__(self, database: EmbeddedDatabase, **options: Any) -> None:
        self.inner: CountingStore | None = None

        def make(embedding: Embeddings) -> CountingStore:
            self.inner = CountingStore(embedding)
            return self.inner

        self.store = LangChainVectorStore(make, database, **options)
        self.store.bind(MODEL, DIMENSIONS)


def test_a_narrow_reader_gets_all_that_is_theirs(database: EmbeddedDatabase) -> None:
    adapted = Adapted(database)
    documents = [
        a_document(str(i), access=["user:ann@x.com"] if i >= 297 else ["group:x:o"])
        for i in range(300)
    ]
    adapted.store.write([chunked(d, [direction(1, i)]) for i, d in enumerate(documents)])
    where = SearchFilter(principals=frozenset({"user:ann@x.com"}))
    hits = adapted.store.search(direction(1), limit=3, where=where)
    assert {hit.document_id for hit in hits} == {d.id for d in documents[297:]}
    assert adapted.inner is not None
    assert [k for k, _ in adapted.inner.asked] == [12, 48, 192, 768]


def test_what_the_store_holds_and_the_book_does_not_is_not_shown(
    database: EmbeddedDatabase,
) -> None:
    adapted = Adapted(database)
    adapted.store.write([chunked(a_document("1"), [direction(1)])])
    assert adapted.inner is not None
    strange = [
        Document(id="x", page_content="x", metadata={}),
        Document(id="y", page_content="y", metadata={"document_id": "y", "ordinal": 0}),
        Document(
            id="z", page_content="z", metadata={"document_id": "slack:T1:message:1", "ordinal": 9}
        ),
    ]
    adapted.inner.add_documents(strange, ids=["x", "y", "z"])
    hits = adapted.store.search(direction(1), limit=10)
    assert [(hit.document_id, hit.ordinal) for hit in hits] == [("slack:T1:message:1", 0)]


def test_a_store_that_does_not_replace_is_cleared_first(database: EmbeddedDatabase) -> None:
    adapted = Adapted(database, replaces=False)
    document = a_document("1")
    adapted.store.write([chunked(document, random_vectors(3))])
    adapted.store.write([chunked(document, random_vectors(2))])
    assert adapted.inner is not None
    assert adapted.inner.deleted == [[f"slack:T1:message:1#{i}" for i in range(3)]]
    assert adapted.store.count() == 2


def test_only_chunks_that_are_gone_are_deleted_where_the_store_replaces(
    database: EmbeddedDatabase,
) -> None:
    adapted = Adapted(database)
    document = a_document("1")
    adapted.store.write([chunked(document, random_vectors(3))])
    adapted.store.write([chunked(document, random_vectors(2))])
    assert adapted.inner is not None
    assert adapted.inner.deleted == [["slack:T1:message:1#2"]]


def test_the_stores_own_filter_spares_it_work(database: EmbeddedDatabase) -> None:
    def narrow(where: SearchFilter) -> Any:
        return lambda document: document.metadata["source"] in where.sources

    adapted = Adapted(database, narrow=narrow)
    documents = [a_document(str(i), source="jira" if i % 50 else "slack") for i in range(200)]
    adapted.store.write([chunked(d, [direction(1, i)]) for i, d in enumerate(documents)])
    hits = adapted.store.search(direction(1), limit=2, where=SearchFilter(sources=("slack",)))
    assert [hit.document_id for hit in hits] == ["slack:T1:message:0", "slack:T1:message:50"]
    assert adapted.inner is not None
    assert adapted.inner.asked == [(8, True)]


def test_distances_become_cosines(database: EmbeddedDatabase) -> None:
    class DistanceStore(InMemoryVectorStore):
        def similarity_search_with_score(self, query: str, k: int = 4, **kwargs: Any) -> Any:
            return [(d, 1 - s) for d, s in super().similarity_search_with_score(query, k, **kwargs)]

    store = LangChainVectorStore(DistanceStore, database, cosine=lambda distance: 1 - distance)
    store.bind(MODEL, DIMENSIONS)
    store.write([chunked(a_document("1"), [direction(3, 4)])])
    (hit,) = store.search(direction(1), limit=1)
    assert hit.score == pytest.approx(0.6, abs=1e-6)


def test_a_store_that_fails_leaves_the_book_as_it_was(database: EmbeddedDatabase) -> None:
    class FailingStore(InMemoryVectorStore):
        def add_documents(self, *args: Any, **kwargs: Any) -> list[str]:
            raise ConnectionError

    store = LangChainVectorStore(FailingStore, database)
    store.bind(MODEL, DIMENSIONS)
    with pytest.raises(ConnectionError):
        store.write([chunked(a_document("1"), [direction(1)])])
    assert store.count() == 0


def test_given_vectors_are_not_kept(database: EmbeddedDatabase) -> None:
    adapted = Adapted(database)
    vectors = random_vectors(50)
    adapted.store.write([chunked(a_document(str(i)), [v]) for i, v in enumerate(vectors)])
    adapted.store.search(direction(1), limit=3)
    assert adapted.inner is not None
    assert adapted.inner.embedding._vectors == {}  # type: ignore[attr-defined]
    assert len(adapted.inner.embedding.embed_query("a probe of the store's own")) == DIMENSIONS
    assert np.isfinite(adapted.inner.embedding.embed_query("x")).all()
