"""The hybrid store for code that knows LangChain only."""

import asyncio

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding

from stores.base import SearchFilter
from stores.errors import StoreError
from stores.langchain_store import HybridVectorStore
from stores.sqlite.database import EmbeddedDatabase
from stores.sqlite.document_index import SqliteDocumentIndex
from stores.sqlite.vector_store import SqliteVectorStore
from stores.wordllama import WordLlamaModel


def opened(database: EmbeddedDatabase, as_user: set[str] | None) -> HybridVectorStore:
    index, vectors = SqliteDocumentIndex(database), SqliteVectorStore(database)
    return HybridVectorStore(index, vectors, WordLlamaModel(), as_user=as_user)


def test_documents_are_added_found_and_deleted(database: EmbeddedDatabase) -> None:
    store = opened(database, None)
    ids = store.add_documents(
        [
            Document(id="1", page_content="The price of apples", metadata={"source": "a"}),
            Document(page_content="Birds in winter", metadata={"source": "b"}),
        ]
    )
    assert ids[0] == "1"
    assert [d.id for d in store.similarity_search("how much do apples cost", k=1)] == ["1"]
    found = store.similarity_search("apples", k=5, filter=SearchFilter(sources=("b",)))
    assert "1" not in {d.id for d in found}
    ((document, score),) = store.similarity_search_with_score("apples", k=1)
    assert (document.id, score > 0) == ("1", True)
    assert store.delete(["1"])
    assert store.get_by_ids(["1"]) == []
    assert [d.id for d in store.get_by_ids(ids)] == [ids[1]]


def test_texts_are_added_with_ids_and_metadata(database: EmbeddedDatabase) -> None:
    store = opened(database, None)
    assert store.add_texts(["a", "b"], [{"x": 1}, {"x": 2}], ids=["i", "j"]) == ["i", "j"]
    assert store.get_by_ids(["j"])[0].metadata == {"x": 2}


def test_a_store_is_made_of_texts(database: EmbeddedDatabase) -> None:
    index, vectors = SqliteDocumentIndex(database), SqliteVectorStore(database)
    model = WordLlamaModel()
    vectors.bind(model.identity, model.dimensions)
    store = HybridVectorStore.from_texts(
        ["The price of apples", "Birds in winter"], model, ids=["i", "j"],
        index=index, vectors=vectors, as_user=None,
    )  # fmt: skip
    assert [d.id for d in store.similarity_search("what do apples cost", k=1)] == ["i"]
    with pytest.raises(TypeError, match="load_embeddings"):
        HybridVectorStore.from_texts(
            ["x"], DeterministicFakeEmbedding(size=3), index=index, vectors=vectors, as_user=None
        )


def test_a_document_without_access_list_is_found_by_nobody(database: EmbeddedDatabase) -> None:
    opened(database, None).add_documents(
        [
            Document(id="1", page_content="apples", metadata={}),
            Document(id="2", page_content="apples", metadata={"access": ["public"]}),
            Document(id="3", page_content="apples", metadata={"access": ["public", "deny:all"]}),
        ]
    )
    reader = opened(database, {"public", "deny:all"})
    assert [d.id for d in reader.similarity_search("apples")] == ["2"]
    assert [d.id for d in reader.get_by_ids(["1", "2", "3"])] == ["2"]


def test_a_refused_document_is_told(database: EmbeddedDatabase) -> None:
    store = opened(database, None)
    with pytest.raises(StoreError, match="refused"):
        store.add_documents([Document(id="1", page_content="x", metadata={"a": b"bytes"})])


def test_langchains_own_ways_work(database: EmbeddedDatabase) -> None:
    store = opened(database, None)
    store.add_documents([Document(id=str(i), page_content=f"apples {i}") for i in range(5)])
    assert len(store.as_retriever(search_kwargs={"k": 3}).invoke("apples")) == 3
    assert len(asyncio.run(store.asimilarity_search("apples", k=2))) == 2
    assert store.embeddings.embed_query("apples")


def test_what_other_peoples_copies_say_is_not_handed_out(database: EmbeddedDatabase) -> None:
    ann, bob = "user:ann@x.com", "user:bob@x.com"
    copies = [{"labels": [name], "access": [name]} for name in (ann, bob)]
    extra = {"copies": copies, "copy_count": 2}
    document = Document(id="1", page_content="x", metadata={"access": [ann, bob], "extra": extra})
    opened(database, None).add_documents([document])
    [seen] = opened(database, {ann}).get_by_ids(["1"])
    assert (seen.metadata["access"], seen.metadata["extra"]) == ([ann], {"copies": copies[:1]})
    [whole] = opened(database, None).get_by_ids(["1"])
    assert whole.metadata["extra"] == extra
