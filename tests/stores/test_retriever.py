"""The hybrid search as a LangChain retriever."""

import asyncio

import pytest
from langchain_core.runnables import RunnableLambda
from pydantic import ValidationError
from store_samples import a_document

from stores.base import SearchFilter
from stores.retriever import HybridRetriever
from stores.search import HybridSearch
from stores.sqlite.database import EmbeddedDatabase
from stores.sqlite.document_index import SqliteDocumentIndex


@pytest.fixture
def search(database: EmbeddedDatabase) -> HybridSearch:
    index = SqliteDocumentIndex(database)
    index.write(
        [
            a_document("open", "a fox " + "and more " * 400, access=["public"]),
            a_document("anns", "a fox of ann", access=["user:ann@x.com"], source="jira"),
            a_document("bobs", "a fox of bob", access=["user:bob@x.com"]),
        ]
    )
    return HybridSearch(index)


def principals_of(person: str) -> set[str]:
    return {"public", f"user:{person}"}


def names(documents: list) -> set[str]:
    return {document.id.rpartition(":")[2] for document in documents}


def test_it_finds_what_its_person_may_read(search: HybridSearch) -> None:
    retriever = HybridRetriever(search=search, as_user="ann@x.com", principals_of=principals_of)
    assert names(retriever.invoke("fox")) == {"open", "anns"}


def test_the_operator_sees_everything_by_saying_so(search: HybridSearch) -> None:
    assert len(HybridRetriever(search=search, unrestricted=True).invoke("fox")) == 3


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"as_user": "ann@x.com"},
        {"as_user": "", "principals_of": principals_of},
        {"as_user": None, "principals_of": principals_of},
        {"principals_of": principals_of},
        {"as_user": "ann@x.com", "principals_of": principals_of, "unrestricted": True},
        {"unrestricted": True, "where": SearchFilter(principals=frozenset({"public"}))},
        {"unrestricted": False},
    ],
)
def test_there_is_no_retriever_for_nobody_in_particular(
    search: HybridSearch, options: dict
) -> None:
    with pytest.raises(ValidationError):
        HybridRetriever(search=search, **options)


def test_a_person_without_principals_finds_nothing(search: HybridSearch) -> None:
    retriever = HybridRetriever(search=search, as_user="eve@x.com", principals_of=lambda _: ())
    assert retriever.invoke("fox") == []


def test_who_leaves_a_group_stops_finding_what_it_may_read(search: HybridSearch) -> None:
    groups = {"ann@x.com": {"user:bob@x.com"}}
    retriever = HybridRetriever(
        search=search, as_user="ann@x.com", principals_of=lambda person: groups[person]
    )
    assert names(retriever.invoke("fox")) == {"bobs"}
    groups["ann@x.com"] = set()
    assert retriever.invoke("fox") == []


def test_filters_and_limit_hold(search: HybridSearch) -> None:
    where = SearchFilter(sources=("jira",))
    filtered = HybridRetriever(search=search, unrestricted=True, where=where)
    assert names(filtered.invoke("fox")) == {"anns"}
    assert len(HybridRetriever(search=search, unrestricted=True, limit=2).invoke("fox")) == 2


def test_documents_say_how_well_they_answer(search: HybridSearch) -> None:
    documents = HybridRetriever(search=search, unrestricted=True).invoke("fox")
    scores = [document.metadata["score"] for document in documents]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] > 0
    assert documents[0].metadata["found_by"] == ["words"]
    assert "**fox**" in documents[0].metadata["snippet"]
    assert documents[0].metadata["source"] in {"slack", "jira"}


def test_passages_take_the_place_of_long_texts(search: HybridSearch) -> None:
    retriever = HybridRetriever(
        search=search, as_user="eve@x.com", principals_of=principals_of, passages=True
    )
    (document,) = retriever.invoke("fox")
    assert document.page_content.startswith("a fox")
    assert len(document.page_content) <= 1_000


def test_it_can_be_awaited_and_chained(search: HybridSearch) -> None:
    retriever = HybridRetriever(search=search, as_user="bob@x.com", principals_of=principals_of)
    assert names(asyncio.run(retriever.ainvoke("fox"))) == {"open", "bobs"}
    chain = retriever | RunnableLambda(len)
    assert chain.invoke("fox") == 2
