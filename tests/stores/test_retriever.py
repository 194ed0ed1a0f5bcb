"""The hybrid search as a LangChain retriever."""

import asyncio
import threading
import time
from datetime import timedelta

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import ConfigurableField, RunnableLambda
from pydantic import ValidationError
from store_samples import START, a_document

from stores.base import SearchFilter
from stores.recency import Recency
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
        {"anonymous": True, "unrestricted": True},
        {"anonymous": True, "as_user": "ann@x.com", "principals_of": principals_of},
        {"unrestricted": True, "limit": 0},
        {"unrestricted": True, "neighbours": -1},
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


def test_nobody_in_particular_finds_what_is_public(search: HybridSearch) -> None:
    assert names(HybridRetriever(search=search, anonymous=True).invoke("fox")) == {"open"}


def test_langchains_usual_calls_work(search: HybridSearch) -> None:
    retriever = HybridRetriever(search=search, as_user="ann@x.com", principals_of=principals_of)
    assert [names(found) for found in retriever.batch(["fox", "ann", "zzz"])] == [
        {"open", "anns"}, {"anns"}, set(),
    ]  # fmt: skip
    assert len(retriever.invoke("fox", limit=1)) == 1
    with pytest.raises(TypeError, match="as_user"):
        retriever.invoke("fox", as_user="bob@x.com")  # whom it is for is not said by a call
    events = []
    config = {"callbacks": [_Listener(events)], "tags": ["a"], "run_name": "mine"}
    retriever.invoke("fox", config=config)
    asyncio.run(retriever.ainvoke("fox", config=config))
    assert events == ["start fox", "end 2"] * 2
    few = retriever.configurable_fields(limit=ConfigurableField(id="limit"))
    assert len(few.with_config(configurable={"limit": 1}).invoke("fox")) == 1


class _Listener(BaseCallbackHandler):
    def __init__(self, events: list[str]) -> None:
        self.events = events

    def on_retriever_start(self, serialized: object, query: str, **kwargs: object) -> None:
        self.events.append(f"start {query}")

    def on_retriever_end(self, documents: list, **kwargs: object) -> None:
        self.events.append(f"end {len(documents)}")


def test_searches_that_are_awaited_run_side_by_side_and_block_nobody(search: HybridSearch) -> None:
    meeting = threading.Barrier(3)

    def slowly(person: str) -> set[str]:
        meeting.wait(timeout=20)  # raises unless three of them are under way at once
        return principals_of(person)

    retriever = HybridRetriever(search=search, as_user="ann@x.com", principals_of=slowly)

    async def three_and_a_clock() -> int:
        ticks = 0
        searches = asyncio.gather(
            retriever.ainvoke("fox"), retriever.ainvoke("fox"), retriever.aget_context("fox")
        )
        while not searches.done():
            ticks += 1
            await asyncio.sleep(0.001)
            if ticks == 3:
                await asyncio.to_thread(time.sleep, 0)
        await searches
        return ticks

    assert asyncio.run(three_and_a_clock()) >= 1


def test_newer_documents_come_first_where_that_is_wanted(database: EmbeddedDatabase) -> None:
    index = SqliteDocumentIndex(database)
    index.write([a_document("old", "a fox a fox", created_at=START - timedelta(days=900))])
    index.write([a_document("new", "a fox and a few other words")])
    search = HybridSearch(index)

    def order(recency: Recency | None) -> list[str]:
        retriever = HybridRetriever(search=search, unrestricted=True, recency=recency)
        return [document.id.rpartition(":")[2] for document in retriever.invoke("fox")]

    assert order(None) == ["old", "new"]
    assert order(Recency(weight=0.9, half_life=365)) == ["new", "old"]


@pytest.fixture
def conversation(database: EmbeddedDatabase) -> HybridSearch:
    """A thread of five mails, one of them not for Ann; an issue with a file; a channel."""
    index = SqliteDocumentIndex(database)
    anns = ["user:ann@x.com"]
    mails = [
        a_document(f"m{i}", f"mail {i}" + (" quayside" if i == 2 else ""), source="gmail",
                   connection="C", entity="mail", thread_id="t", title=f"Mail {i}",
                   created_at=START + timedelta(hours=i),
                   access=["user:bob@x.com"] if i == 3 else anns)
        for i in range(5)
    ]  # fmt: skip
    issue = a_document("i1", "the crane is broken", source="jira", entity="issue", access=anns)
    file = a_document("f1", "photograph of rust", source="jira", entity="attachment",
                      parent_id=issue.id, access=anns)  # fmt: skip
    bobs = a_document("i2", "sell the dock", source="jira", entity="issue",
                      access=["user:bob@x.com"])  # fmt: skip
    shared = a_document("f2", "blueprint", source="jira", entity="attachment",
                        parent_id=bobs.id, access=anns)  # fmt: skip
    channel = {"id": "C1", "name": "dock", "url": None}
    talk = [
        a_document(f"s{i}", f"{'lunch' if i == 2 else 'chatter'} {i}", container=channel,
                   created_at=START + timedelta(minutes=i), access=anns)
        for i in range(5)
    ]  # fmt: skip
    elsewhere = a_document("x", "chatter elsewhere", created_at=START + timedelta(minutes=2),
                           container={"id": "C2", "name": "deck", "url": None})  # fmt: skip
    index.write([*mails, issue, file, bobs, shared, *talk, elsewhere])
    return HybridSearch(index)


def beside(documents: list) -> list[tuple[str, str]]:
    return [
        (document.metadata["relation"], document.id.rpartition(":")[2])
        for document in documents
        if "relation" in document.metadata
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("quayside", [("before", "m1"), ("after", "m4")]),  # m3 is not for Ann
        ("crane", [("part", "f1")]),
        ("rust", [("parent", "i1")]),
        ("blueprint", []),  # what it belongs to is not for Ann
        ("lunch", [("before", "s1"), ("after", "s3")]),
    ],
)
def test_what_stands_around_a_hit_comes_along(
    conversation: HybridSearch, query: str, expected: list
) -> None:
    retriever = HybridRetriever(
        search=conversation, as_user="ann@x.com", principals_of=principals_of, neighbours=1
    )
    documents = retriever.invoke(query)
    assert beside(documents) == expected
    assert all(d.metadata["neighbour_of"] == documents[0].id for d in documents[1:])


def test_neighbours_are_bounded_once_and_within_the_filter(conversation: HybridSearch) -> None:
    def found(query: str, **options: object) -> list[str]:
        retriever = HybridRetriever(search=conversation, unrestricted=True, **options)
        return [document.id.rpartition(":")[2] for document in retriever.invoke(query)]

    assert found("quayside") == ["m2"]
    assert found("quayside", neighbours=9) == ["m2", "m0", "m1", "m3", "m4"]
    hits = found("mail", neighbours=9)
    assert sorted(hits) == ["m0", "m1", "m2", "m3", "m4"]
    where = SearchFilter(entities=("attachment",), created_after=START)
    assert found("rust", neighbours=1, where=where) == ["f1", "i1"]
    assert found("lunch", neighbours=1, where=SearchFilter(containers=("dock",))) == [
        "s2", "s1", "s3",
    ]  # fmt: skip


def test_a_context_cites_what_it_tells(conversation: HybridSearch) -> None:
    retriever = HybridRetriever(
        search=conversation, as_user="ann@x.com", principals_of=principals_of, neighbours=1
    )
    context = retriever.get_context("quayside")
    assert context.text.startswith(
        "[1] Mail 2 (gmail, 2026-03-01)\nmail 2 quayside\n\n[2] Mail 1 ("
    )
    first, second, third = context.citations
    assert (first.number, first.title, first.source, first.relation) == (
        1,
        "Mail 2",
        "gmail",
        "match",
    )
    assert first.time == "2026-03-01T14:00:00.000000Z"
    assert (second.relation, third.relation) == ("before", "after")
    assert "mail 3" not in context.text  # not for Ann
    assert context.left_out == 0
    assert asyncio.run(retriever.aget_context("quayside")) == context


def test_a_context_has_one_budget_above_nothing(conversation: HybridSearch) -> None:
    retriever = HybridRetriever(search=conversation, unrestricted=True)
    for wrong in (
        {"max_characters": 0},
        {"max_tokens": -1},
        {"max_tokens": 1, "max_characters": 1},
    ):
        with pytest.raises(ValueError, match=r"context|not both"):
            retriever.get_context("quayside", **wrong)
    words = retriever.get_context("mail", max_tokens=20, count_tokens=lambda t: len(t.split()))
    assert 0 < len(words.text.split()) <= 20
    assert words.left_out > 0
