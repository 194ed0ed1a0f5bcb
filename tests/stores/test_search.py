"""Hybrid search over the embedded stores."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import numpy as np
import pytest
from store_samples import START, a_company, a_document, chunked, direction

from documents.chunks import Chunk, ChunkedDocument
from documents.principals import DENY_ALL
from stores.base import SearchFilter
from stores.embeddings import EmbeddingModel
from stores.errors import EmbeddingMismatchError
from stores.fusion import Fusion
from stores.recency import Recency
from stores.search import HybridSearch, SearchResult
from stores.sqlite.database import EmbeddedDatabase
from stores.sqlite.document_index import SqliteDocumentIndex
from stores.sqlite.vector_store import SqliteVectorStore

AXES = ("animal", "money", "weather", "city")


class Meanings(EmbeddingModel):
    """Knows what a handful of words are about."""

    words: ClassVar = {
        "fox": "animal", "dog": "animal", "vixen": "animal", "pet": "animal",
        "budget": "money", "cost": "money", "price": "money",
        "rain": "weather", "storm": "weather", "paris": "city", "town": "city",
    }  # fmt: skip

    def __init__(self) -> None:
        super().__init__("meanings", len(AXES))

    def embed_matrix(self, texts: Sequence[str]) -> np.ndarray:
        matrix = np.zeros((len(texts), len(AXES)), np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                if word in self.words:
                    matrix[row, AXES.index(self.words[word])] += 1
        return matrix


class Stores:
    def __init__(self, database: EmbeddedDatabase) -> None:
        self.index = SqliteDocumentIndex(database)
        self.vectors = SqliteVectorStore(database)
        self.model = Meanings()
        self.vectors.bind(self.model.identity, self.model.dimensions)
        self.search = HybridSearch(self.index, self.vectors, self.model)

    def write(self, native_id: str, *chunks: str, **fields: object) -> None:
        """A document whose text is its chunks, one a line."""
        document = a_document(native_id, "\n".join(chunks), **fields)  # type: ignore[arg-type]
        start = 0
        parts = []
        for ordinal, text in enumerate(chunks):
            vector = self.model.embed_matrix([text])[0]
            parts.append(Chunk(ordinal, start, start + len(text), text, str(ordinal), vector))
            start += len(text) + 1
        assert self.index.write([document]) == []
        assert self.vectors.write([ChunkedDocument(document, parts)]) == []


@pytest.fixture
def stores(database: EmbeddedDatabase) -> Stores:
    return Stores(database)


def names(results: Sequence[SearchResult]) -> list[str]:
    return [(result.document.id or "").rpartition(":")[2] for result in results]


class TestRanking:
    def test_a_document_is_found_by_its_words_by_its_meaning_or_by_both(
        self, stores: Stores
    ) -> None:
        stores.write("both", "a fox in the wood")
        stores.write("meaning", "a vixen in the field")
        stores.write("words", "Fox is a channel on air")
        stores.write("neither", "the price of rain")
        results = stores.search.search("fox", as_user=None)
        sides = dict(zip(names(results), [result.found_by for result in results], strict=True))
        assert sides["both"] == {"words", "vectors"}
        assert sides["meaning"] == {"vectors"}
        assert names(results)[0] == "both"
        assert [r.score for r in results] == sorted([r.score for r in results], reverse=True)

    def test_without_a_model_words_alone_decide(self, stores: Stores) -> None:
        stores.write("both", "a fox in the wood")
        stores.write("meaning", "a vixen in the field")
        search = HybridSearch(stores.index)
        (result,) = search.search("fox", as_user=None)
        assert search.words_only
        assert result.found_by == {"words"}
        assert result.score == pytest.approx(stores.index.search("fox", limit=1)[0].score)
        assert not stores.search.words_only

    def test_a_question_without_known_words_is_answered_by_words(self, stores: Stores) -> None:
        stores.write("1", "something xyzzy")
        (result,) = stores.search.search("xyzzy", as_user=None)
        assert result.found_by == {"words"}

    def test_a_document_counts_by_its_best_chunk_and_once(self, stores: Stores) -> None:
        stores.write("long", "the price", "a fox and a dog", "a cost", "the fox", "rain")
        stores.write("short", "paris")
        results = stores.search.search("vixen pet", as_user=None)
        assert names(results).count("long") == 1
        assert results[0].passage == "a fox and a dog"
        assert results[0].document.page_content[results[0].start : results[0].end] == (
            "a fox and a dog"
        )

    def test_many_chunks_of_one_document_leave_room_for_others(self, stores: Stores) -> None:
        stores.write("long", *["a fox"] * 250)
        stores.write("other", "a dog and rain")
        assert set(names(stores.search.search("vixen", as_user=None, limit=5))) == {"long", "other"}

    def test_the_fusion_can_be_chosen(self, stores: Stores) -> None:
        stores.write("words", "vixen vixen vixen budget budget budget budget")
        stores.write("meaning", "fox")
        stores.write("noise", "rain storm")

        def first(weight: float) -> str:
            fusion = Fusion("linear", weight=weight)
            search = HybridSearch(stores.index, stores.vectors, stores.model, fusion=fusion)
            return names(search.search("vixen", as_user=None))[0]

        assert (first(0.0), first(1.0)) == ("words", "meaning")

    def test_what_is_quoted_must_be_in_the_document(self, stores: Stores) -> None:
        stores.write("quoted", "the release date of the fox")
        stores.write("close", "a fox a dog a vixen")
        results = stores.search.search('"release date" fox', as_user=None)
        assert names(results) == ["quoted"]
        assert results[0].found_by == {"words", "vectors"}

    @pytest.mark.parametrize("query", ["", "   ", "\n"])
    def test_an_empty_question_finds_nothing(self, stores: Stores, query: str) -> None:
        stores.write("1", "a fox")
        assert stores.search.search(query, as_user=None) == []

    def test_no_more_than_the_limit_is_given(self, stores: Stores) -> None:
        for i in range(30):
            stores.write(str(i), f"a fox {i}")
        everything = names(stores.search.search("fox", as_user=None, limit=100))
        assert len(everything) == 30
        assert names(stores.search.search("fox", as_user=None, limit=7)) == everything[:7]
        assert stores.search.search("fox", as_user=None, limit=0) == []


class TestSnippets:
    def test_the_snippet_marks_the_words_in_the_passage(self, stores: Stores) -> None:
        stores.write("1", "the budget is planned", "foxes and a dog run")
        (result,) = stores.search.search("fox running", as_user=None)
        assert result.snippet.marked("[", "]") == "[foxes] and a dog [run]"

    def test_where_the_nearest_chunk_lacks_the_words_they_are_shown_from_elsewhere(
        self, stores: Stores
    ) -> None:
        stores.write("1", "xyzzy is said here", "a vixen and a dog")
        (result,) = stores.search.search("pet xyzzy", as_user=None)
        assert result.passage == "a vixen and a dog"
        assert "[xyzzy]" in result.snippet.marked("[", "]")

    def test_a_document_found_by_words_alone_shows_the_part_that_has_them(
        self, stores: Stores
    ) -> None:
        text = "lorem ipsum " * 500 + "here is xyzzy at last " + "dolor sit " * 500
        stores.index.write([a_document("1", text)])
        (result,) = stores.search.search("xyzzy", as_user=None)
        assert "xyzzy" in result.passage
        assert len(result.passage) <= 1_000
        assert text[result.start : result.end] == result.passage


class TestAccess:
    def test_only_what_a_person_may_read_is_found(self, stores: Stores) -> None:
        stores.write("open", "a fox", access=["public"])
        stores.write("anns", "a fox", access=["user:ann@x.com"])
        stores.write("bobs", "a vixen", access=["user:bob@x.com"])
        stores.write("denied", "a fox", access=[])

        def seen_by(*principals: str) -> set[str]:
            return set(names(stores.search.search("fox", as_user=principals)))

        assert seen_by() == set()
        assert seen_by("public", "user:ann@x.com") == {"open", "anns"}
        assert seen_by("user:bob@x.com") == {"bobs"}
        assert seen_by(DENY_ALL) == set()
        assert len(stores.search.search("fox", as_user=None)) == 4

    def test_a_few_readable_documents_are_found_among_many_better_ones(
        self, stores: Stores
    ) -> None:
        others = [a_document(f"o{i}", "fox fox fox", access=["group:x:o"]) for i in range(400)]
        stores.index.write(others)
        stores.vectors.write([chunked(d, [direction(1, dimensions=4)]) for d in others])
        stores.write("mine", "one fox and much else in this text", access=["user:ann@x.com"])
        results = stores.search.search("fox", as_user=["user:ann@x.com"], limit=3)
        assert names(results) == ["mine"]
        assert results[0].found_by == {"words", "vectors"}

    def test_should_the_stores_disagree_less_is_shown(self, stores: Stores) -> None:
        stores.write("1", "a fox", access=["user:ann@x.com"])
        stores.write("2", "a vixen", access=["user:ann@x.com"])
        # The index learned that access was taken away, the vector store has not yet.
        stores.index.update_access({"slack:T1:message:1": [DENY_ALL]})
        stores.index.delete(["slack:T1:message:2"])
        assert stores.search.search("fox", as_user=["user:ann@x.com"]) == []

    def test_what_is_left_out_makes_room_for_the_next(self, stores: Stores) -> None:
        for i in range(10):
            stores.write(str(i), "a fox")
        stores.index.delete([f"slack:T1:message:{i}" for i in range(8)])
        assert set(names(stores.search.search("vixen", as_user=None, limit=2))) == {"8", "9"}

    def test_principals_are_said_in_one_place(self, stores: Stores) -> None:
        with pytest.raises(ValueError, match="as_user"):
            stores.search.search(
                "fox", as_user=None, where=SearchFilter(principals=frozenset({"public"}))
            )

    def test_filters_hold_on_both_sides(self, stores: Stores) -> None:
        stores.write("slack", "a fox", source="slack")
        stores.write("jira", "a fox", source="jira")
        stores.write("mail", "a vixen", source="jira")
        results = stores.search.search("fox", as_user=None, where=SearchFilter(sources=("jira",)))
        assert set(names(results)) == {"jira", "mail"}


class TestPagesAndTime:
    def test_pages_follow_each_other_without_gaps_or_doubles(self, stores: Stores) -> None:
        for i in range(23):
            stores.write(str(i), f"a fox {'and a dog ' * (i % 4)}", access=[f"user:u{i % 2}@x.com"])
        for reader in (None, ["user:u0@x.com"]):
            whole = names(stores.search.search("fox", as_user=reader, limit=30))
            pages = [
                names(stores.search.search("fox", as_user=reader, limit=5, offset=offset))
                for offset in range(0, 30, 5)
            ]
            assert [name for page in pages for name in page] == whole

    def test_a_page_beyond_the_usual_candidates_is_reached(self, stores: Stores) -> None:
        stores.index.write([a_document(str(i), f"fox {i}") for i in range(130)])
        found = HybridSearch(stores.index).search("fox", as_user=None, limit=10, offset=115)
        assert len(found) == 10

    def test_recency_lifts_what_is_new_and_never_beyond_its_weight(self, stores: Stores) -> None:
        now = datetime.now(UTC)
        stores.write("old", "a fox a fox", created_at=now - timedelta(days=4_000))
        stores.write("new", "a fox and much else", created_at=now - timedelta(days=1))
        stores.write("changed", "a fox, budget and rain", created_at=now - timedelta(days=4_000),
                     updated_at=now - timedelta(days=2))  # fmt: skip
        search = HybridSearch(stores.index)
        plain = {r.document.id: r for r in search.search("fox", as_user=None)}
        aged = search.search("fox", as_user=None, recency=Recency(weight=0.4, half_life=30))
        for result in aged:
            share = result.score / plain[result.document.id].score
            old = names([result]) == ["old"]
            assert share == pytest.approx(0.6 if old else 1, abs=0.05)
        assert names(search.search("fox", as_user=None))[0] == "old"
        strong = search.search("fox", as_user=None, recency=Recency(weight=1, half_life=9))
        assert names(strong)[-1] == "old"

    @pytest.mark.parametrize("wrong", [{"weight": 1.1}, {"weight": -1}, {"half_life": 0}])
    def test_a_recency_out_of_range_is_refused(self, wrong: dict[str, float]) -> None:
        with pytest.raises(ValueError, match="of recency is not"):
            Recency(**wrong)

    def test_a_filter_by_time_of_change_holds_on_both_sides(self, stores: Stores) -> None:
        later = START + timedelta(days=30)
        stores.write("moved", "a vixen", updated_at=later)
        stores.write("still", "a fox")
        where = SearchFilter(updated_after=START + timedelta(days=1))
        assert names(stores.search.search("fox", as_user=None, where=where)) == ["moved"]
        where = SearchFilter(updated_before=START + timedelta(days=1))
        assert names(stores.search.search("fox", as_user=None, where=where)) == ["still"]

    def test_the_address_is_that_of_the_place_that_answers(self, stores: Stores) -> None:
        url = "https://acme.slack.com/p"
        text = "we had lunch\n" + "it rained\n" * 30 + "the fox was seen"
        messages = [{"ts": "1", "start": 0, "url": f"{url}1"}]
        messages.append({"ts": "2", "start": text.index("the fox"), "url": f"{url}2"})
        stores.write("1", *text.split("\n"), url=f"{url}1", extra={"messages": messages})
        (result,) = stores.search.search("fox", as_user=None)
        assert result.url == f"{url}2"


class TestStores:
    def test_vectors_of_another_model_are_refused_at_once(self, stores: Stores) -> None:
        stores.write("1", "a fox")
        other = Meanings()
        other.identity = "another"
        with pytest.raises(EmbeddingMismatchError, match="meanings"):
            HybridSearch(stores.index, SqliteVectorStore(stores.index._database), other)

    def test_a_search_can_be_awaited(self, stores: Stores) -> None:
        for i in range(5):
            stores.write(str(i), f"a fox {i}")

        async def several() -> list[list[SearchResult]]:
            return await asyncio.gather(
                *(stores.search.asearch("fox", as_user=None, limit=3) for _ in range(8))
            )

        answers = asyncio.run(several())
        assert all(names(answer) == names(answers[0]) for answer in answers)
        assert len(answers[0]) == 3

    def test_an_empty_store_answers_nothing(self, stores: Stores) -> None:
        assert stores.search.search("fox", as_user=None) == []

    def test_documents_come_back_as_they_were_written(self, stores: Stores) -> None:
        documents = a_company(5)
        stores.index.write(documents)
        results = stores.search.search("budget", as_user=None)
        stored = {result.document.id: result.document for result in results}
        assert all(stored[document.id] == document for document in documents)
