"""What every `DocumentIndex` finds, and for whom. Part of `DocumentIndexContract`."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.documents import Document
from store_samples import START, a_company, a_document, filters, passes

from documents.fingerprints import access_hash
from documents.principals import DENY_ALL
from stores.base import DocumentIndex, SearchFilter
from stores.retriever import HybridRetriever
from stores.search import HybridSearch


class DocumentSearchContract:
    """Subclass it and say how an index is opened."""

    def open_index(self, folder: Path) -> DocumentIndex:
        """Opens the index of a test; the same folder gives the same index again."""
        raise NotImplementedError

    def settle(self, index: DocumentIndex) -> None:
        """Makes what was written visible to a search, where that takes a call."""

    @pytest.fixture
    def index(self, tmp_path: Path) -> Iterator[DocumentIndex]:
        index = self.open_index(tmp_path)
        yield index
        index.close()

    def found(
        self, index: DocumentIndex, query: str, where: SearchFilter | None = None
    ) -> set[str]:
        self.settle(index)
        return {hit.document_id for hit in index.search(query, limit=1_000, where=where)}

    def number(self, index: DocumentIndex, where: SearchFilter | None = None) -> int:
        self.settle(index)
        return index.count(where)

    # Search by words

    def test_words_are_found_by_their_stems_and_without_accents(self, index: DocumentIndex) -> None:
        index.write([a_document("1", "She was running to the Café"), a_document("2", "a bicycle")])
        for query in ("run", "RUNS", "running", "cafe", "CAFÉ", "cafe\u0301"):
            assert self.found(index, query) == {"slack:T1:message:1"}, query

    def test_words_side_by_side_rank_higher_and_find_no_more(self, index: DocumentIndex) -> None:
        index.write(
            [
                a_document("1", "The plan of this summer: travel, and one budget."),
                a_document("2", "The summer of travel: one plan, and this budget."),
                a_document("3", "This budget and one summer: the travel plan of."),
                a_document("4", "The summer of this plan: travel, and one budget."),
                a_document("5", "travel"),
            ]
        )
        self.settle(index)
        hits = index.search("travel plans", limit=10)
        assert hits[0].document_id == "slack:T1:message:3"
        assert {hit.document_id[-1] for hit in hits} == set("12345")
        assert index.search("travel plans", limit=1) == hits[:1]

    def test_a_document_is_found_by_its_title_its_container_its_author_and_its_files(
        self, index: DocumentIndex
    ) -> None:
        index.write(
            [
                a_document(
                    "1",
                    "nothing to see",
                    title="Roadmap",
                    container={"id": "C1", "name": "planning", "url": None},
                    author={"id": "U1", "name": "Ann Miller", "email": "am@x.com"},
                    extra={"files": [{"name": "forecast.xlsx"}]},
                )
            ]
        )
        for query in ("roadmap", "planning", "miller", "am@x.com", "forecast.xlsx"):
            assert self.found(index, query) == {"slack:T1:message:1"}, query

    def test_more_and_rarer_words_rank_higher(self, index: DocumentIndex) -> None:
        index.write([a_document(str(i), "common words only here") for i in range(20)])
        index.write(
            [a_document("both", "common zebra crossing"), a_document("one", "a zebra in the zoo")]
        )
        self.settle(index)
        hits = index.search("common zebra", limit=50)
        assert [hit.document_id.rpartition(":")[2] for hit in hits[:2]] == ["both", "one"]
        assert len(hits) == 22
        scores = [hit.score for hit in hits]
        assert scores == sorted(scores, reverse=True)

    def test_any_of_the_words_is_enough_and_stop_words_are_not(self, index: DocumentIndex) -> None:
        index.write([a_document("1", "the budget"), a_document("2", "the weather")])
        assert self.found(index, "what is the budget?") == {"slack:T1:message:1"}
        assert len(self.found(index, "budget or weather")) == 2
        assert len(self.found(index, "the")) == 2

    def test_identifiers_match_as_a_whole(self, index: DocumentIndex) -> None:
        texts = {
            "1": "see PROJ-123 for this",
            "2": "see PROJ-124, closed by 123",
            "3": "host 10.0.0.7 is down",
            "4": "host 10.0.1.7 and 0",
            "5": "call foo_bar() in v1.2.3",
            "6": "foo is no bar in v1.3.2",
            "7": "mail ann@example.com about https://example.com/a/b",
            "8": "ann wrote an example to com",
        }
        index.write([a_document(key, text) for key, text in texts.items()])
        for query, wanted in {
            "PROJ-123": "1",
            "10.0.0.7": "3",
            "foo_bar": "5",
            "v1.2.3": "5",
            "ann@example.com": "7",
            "https://example.com/a/b": "7",
        }.items():
            assert self.found(index, query) == {f"slack:T1:message:{wanted}"}, query

    def test_what_is_quoted_must_be_there_word_for_word(self, index: DocumentIndex) -> None:
        index.write(
            [
                a_document("1", "the release date is set"),
                a_document("2", "the date of the release is set"),
                a_document("3", "a release"),
            ]
        )
        assert self.found(index, '"release date"') == {"slack:T1:message:1"}
        assert self.found(index, '"release date" set') == {"slack:T1:message:1"}
        assert self.found(index, "“release date”") == {"slack:T1:message:1"}
        assert len(self.found(index, "release date")) == 3

    @settings(
        max_examples=150,
        deadline=None,
        # Every implementation runs the same test, in one process or in several.
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
        ],
    )
    @given(query=st.text() | st.from_regex(r'[a-z"*():^{}+\-\\ANDORT ]{0,30}'))
    def test_any_text_is_a_valid_query(self, index: DocumentIndex, query: str) -> None:
        index.search(query, limit=3)

    @pytest.mark.parametrize(
        "query",
        [
            "fox OR secret", "fox AND secret", "NOT fox", "fo*", "title:fox", "NEAR(fox secret)",
            "body : fox", "- fox", "^fox", '"', '""', "'; DROP TABLE documents_entry; --",
            "{title} : x", "fox\0secret", "\ud800", "🚀", "()", "a" * 20_000, "fox " * 5_000,
        ],
    )  # fmt: skip
    def test_a_query_language_is_plain_text_here(self, index: DocumentIndex, query: str) -> None:
        index.write([a_document("1", "a fox"), a_document("2", "unrelated words")])
        assert self.found(index, query) <= {"slack:T1:message:1"}
        assert self.number(index) == 2

    def test_a_limit_cuts_the_ranking(self, index: DocumentIndex) -> None:
        index.write(a_company(40))
        self.settle(index)
        everything = index.search("budget report", limit=100)
        assert index.search("budget report", limit=7) == everything[:7]
        assert index.search("budget report", limit=0) == []

    # Filters and access

    def test_every_filter_lets_through_exactly_what_it_says(self, index: DocumentIndex) -> None:
        documents = a_company()
        index.write(documents)
        hits = 0
        for where in filters():
            wanted = {d.id for d in documents if passes(d, where)}
            assert self.found(index, "budget", where) == wanted, where
            assert {d.id for d in index.iterate(where)} == wanted, where
            assert index.count(where) == len(wanted), where
            hits += len(wanted)
        assert hits > 1_000  # the filters were not all empty

    def test_a_filter_comes_before_the_cut(self, index: DocumentIndex) -> None:
        documents = [
            a_document(
                str(i),
                "needle " * (1 if i % 50 == 0 else 5) + "in hay",
                access=["user:ann@x.com"] if i % 50 == 0 else ["user:bob@x.com"],
            )
            for i in range(500)
        ]
        index.write(documents)
        where = SearchFilter(principals=frozenset({"user:ann@x.com"}))
        self.settle(index)
        hits = index.search("needle", limit=5, where=where)
        assert len(hits) == 5
        assert all(int(hit.document_id.rpartition(":")[2]) % 50 == 0 for hit in hits)

    def test_the_start_of_a_time_filter_counts_and_its_end_does_not(
        self, index: DocumentIndex
    ) -> None:
        index.write([a_document("1", "fox")])
        assert self.number(index) == index.count(SearchFilter(created_after=START)) == 1
        assert index.count(SearchFilter(created_before=START)) == 0

    def test_documents_come_in_the_order_of_time(self, index: DocumentIndex) -> None:
        hours = [3, 1, 2, 2, 5, 4]
        documents = [
            a_document(
                str(i),
                created_at=START + timedelta(hours=hour),
                container={"id": f"C{i % 2}", "name": "", "url": None},
                access=["user:ann@x.com"] if i else ["user:bob@x.com"],
                thread_id="t1" if i < 4 else None,
                parent_id="slack:T1:message:4" if i in {0, 5} else None,
            )
            for i, hour in enumerate(hours)
        ]
        index.write([*documents, a_document("timeless", created_at=None, thread_id="t1")])
        self.settle(index)

        def listed(where: SearchFilter = SearchFilter(), **options: Any) -> list[int]:  # noqa: B008
            found = index.in_order(where, **{"limit": 10, **options})
            stored = {document.id: document for document in documents}
            assert all(stored[document.id] == document for document in found)
            return [hours[int((document.id or "").rpartition(":")[2])] for document in found]

        assert listed() == sorted(hours)
        assert listed(newest_first=True, limit=4) == [5, 4, 3, 2]
        assert listed(thread="t1") == [1, 2, 2, 3]
        assert listed(parent="slack:T1:message:4") == [3, 4]
        ann = SearchFilter(principals=frozenset({"user:ann@x.com"}))
        assert listed(ann, parent="slack:T1:message:4") == [4]
        assert listed(ann, thread="t1") == [1, 2, 2]
        assert listed(SearchFilter(containers=("C1",))) == [1, 2, 4]
        assert listed(SearchFilter(created_after=START + timedelta(hours=3)), limit=2) == [3, 4]
        assert listed(thread="\ud800") == listed(thread="") == listed(limit=0) == []
        first = index.in_order(SearchFilter(), limit=3)
        assert [d.id for d in first] == [d.id for d in index.in_order(SearchFilter(), limit=3)]

    def test_a_retriever_over_it_finds_what_may_be_read_and_what_stands_around_it(
        self, index: DocumentIndex
    ) -> None:
        ann = ["user:ann@x.com"]
        mails = [
            a_document(
                f"m{i}", f"mail {i}{' quayside' if i == 2 else ''}", thread_id="t",
                created_at=START + timedelta(hours=i), access=["user:bob@x.com"] if i == 3 else ann,
            )
            for i in range(5)
        ]  # fmt: skip
        file = a_document("f", "a plan", parent_id=mails[2].id, access=ann)
        index.write([*mails, file, a_document("b", "quayside", access=["user:bob@x.com"])])
        self.settle(index)
        retriever = HybridRetriever(
            search=HybridSearch(index), as_user="ann", principals_of=lambda _: ann, neighbours=1
        )
        found = [(d.id or "").rpartition(":")[2] for d in retriever.invoke("quayside")]
        assert found == ["m2", "m1", "m4", "f"]
        assert len(retriever.get_context("quayside").citations) == 4

    def test_who_moved_to_another_conversation_is_listed_there(self, index: DocumentIndex) -> None:
        index.write([a_document("1", thread_id="t1"), a_document("2", parent_id="p")])
        index.write([a_document("1", thread_id="t2"), a_document("2")])
        self.settle(index)
        everything = SearchFilter()
        assert index.in_order(everything, thread="t1", limit=9) == []
        assert index.in_order(everything, parent="p", limit=9) == []
        (moved,) = index.in_order(everything, thread="t2", limit=9)
        assert moved.id == "slack:T1:message:1"
        index.delete([moved.id])
        self.settle(index)
        assert index.in_order(everything, thread="t2", limit=9) == []

    def test_a_time_of_change_that_was_not_told_is_that_of_creation(
        self, index: DocumentIndex
    ) -> None:
        later = START + timedelta(days=1)
        index.write([a_document("1"), a_document("2", updated_at=later)])
        assert self.number(index, SearchFilter(updated_after=START)) == 2
        assert index.count(SearchFilter(updated_after=later)) == 1
        assert index.count(SearchFilter(updated_before=later)) == 1

    def test_nobody_finds_what_is_denied_and_an_empty_set_finds_nothing(
        self, index: DocumentIndex
    ) -> None:
        index.write(
            [
                a_document("open", "fox", access=["public"]),
                a_document("mine", "fox", access=["user:ann@x.com", "group:slack:C1"]),
                a_document("denied", "fox", access=[]),
                Document(id="bare", page_content="fox", metadata={}),
                Document(id="empty", page_content="fox", metadata={"access": []}),
                Document(id="mixed", page_content="fox", metadata={"access": ["public", DENY_ALL]}),
            ]
        )

        def seen_by(*principals: str) -> set[str]:
            where = SearchFilter(principals=frozenset(principals))
            return {i.rpartition(":")[2] for i in self.found(index, "fox", where)}

        assert seen_by() == set()
        assert seen_by("public") == {"open"}
        assert seen_by("public", "user:ann@x.com") == {"open", "mine"}
        assert seen_by("group:slack:C1") == {"mine"}
        assert seen_by(DENY_ALL, "", "user:bob@x.com", "PUBLIC", "user:ann") == set()
        assert len(self.found(index, "fox")) == 6

    def test_access_is_replaced_and_nothing_else(self, index: DocumentIndex) -> None:
        document = a_document("1", "fox", title="A title", access=["user:ann@x.com"])
        other = a_document("2", "fox", access=["user:ann@x.com"])
        index.write([document, other])
        assert index.update_access({document.id or "": ["user:bob@x.com", "group:slack:C"]}) == []
        stored = index.get([document.id or ""])[document.id or ""]
        assert stored.metadata == {
            **document.metadata,
            "access": ["user:bob@x.com", "group:slack:C"],
            "access_hash": access_hash(["user:bob@x.com", "group:slack:C"]),
        }
        assert stored.page_content == "fox"
        ann = SearchFilter(principals=frozenset({"user:ann@x.com"}))
        bob = SearchFilter(principals=frozenset({"user:bob@x.com"}))
        assert self.found(index, "fox", ann) == {other.id}
        assert self.found(index, "fox", bob) == {document.id}
        assert index.get([other.id or ""])[other.id or ""] == other

    def test_an_access_list_that_is_none_is_refused_alone(self, index: DocumentIndex) -> None:
        documents = [a_document(str(i), "fox", access=["user:ann@x.com"]) for i in range(2)]
        index.write(documents)
        first, second = (document.id or "" for document in documents)
        (failure,) = index.update_access({first: "public", second: ["public"]})
        assert failure.document_id == first
        everybody = SearchFilter(principals=frozenset({"public"}))
        assert self.found(index, "fox", everybody) == {second}

    def test_access_that_was_taken_away_is_gone_at_once(self, index: DocumentIndex) -> None:
        document = a_document("1", "fox", access=["public"])
        index.write([document])
        index.update_access({document.id or "": [DENY_ALL]})
        everybody = SearchFilter(principals=frozenset({"public", DENY_ALL}))
        assert self.found(index, "fox", everybody) == set()
        index.write([document])
        assert self.found(index, "fox", everybody) == {document.id}

    def test_the_access_of_thousands_changes_in_one_call(self, index: DocumentIndex) -> None:
        documents = [a_document(str(i), "fox", access=["group:slack:old"]) for i in range(3_000)]
        index.write(documents)
        index.update_access(
            {d.id or "": [f"group:slack:{i % 3}"] for i, d in enumerate(documents)}
            | {"slack:T1:message:not-there": ["public"]}
        )
        for group in range(3):
            where = SearchFilter(principals=frozenset({f"group:slack:{group}"}))
            assert self.number(index, where) == 1_000
        assert index.count(SearchFilter(principals=frozenset({"group:slack:old"}))) == 0
        assert self.number(index) == 3_000
