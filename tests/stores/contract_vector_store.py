"""What every `VectorStore` does. A subclass named `Test...` says how one is opened."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from langchain_core.documents import Document
from store_samples import (
    DIMENSIONS,
    START,
    a_company,
    a_document,
    chunked,
    direction,
    filters,
    passes,
    random_vectors,
)

from documents.chunks import Chunk, ChunkedDocument
from documents.principals import DENY_ALL
from stores.base import ChunkHit, SearchFilter, VectorStore
from stores.errors import EmbeddingMismatchError, StoreError

MODEL = "model-a"


class VectorStoreContract:
    """Subclass it and say how a store is opened."""

    def open_store(self, folder: Path) -> VectorStore:
        """Opens the store of a test, not yet bound; the same folder gives the same store again."""
        raise NotImplementedError

    def settle(self, store: VectorStore) -> None:
        """Makes what was written visible to a search, where that takes a call."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[VectorStore]:
        store = self.open_store(tmp_path)
        store.bind(MODEL, DIMENSIONS)
        yield store
        store.close()

    def nearest(
        self,
        store: VectorStore,
        vector: np.ndarray,
        *,
        limit: int = 1_000,
        where: SearchFilter | None = None,
    ) -> list[ChunkHit]:
        self.settle(store)
        return store.search(vector, limit=limit, where=where)

    def found(
        self, store: VectorStore, vector: np.ndarray, where: SearchFilter | None = None
    ) -> set[str]:
        return {hit.document_id for hit in self.nearest(store, vector, where=where)}

    def number(self, store: VectorStore) -> int:
        self.settle(store)
        return store.count()

    # Chunks

    def test_a_store_that_was_never_written_is_empty(self, store: VectorStore) -> None:
        assert store.count() == 0
        assert store.search(direction(1), limit=5) == []
        store.delete(["slack:T1:message:1"])
        assert store.update_access({"slack:T1:message:1": ["public"]}) == []
        assert store.update_metadata([a_document("1")]) == []
        assert store.count() == 0

    def test_chunks_are_ranked_by_cosine(self, store: VectorStore) -> None:
        document = a_document("1", "alpha beta gamma delta")
        store.write([chunked(document, [direction(1), direction(3, 4), direction(0, 2)])])
        hits = self.nearest(store, direction(2))
        assert [hit.ordinal for hit in hits] == [0, 1, 2]
        assert [hit.score for hit in hits] == pytest.approx([1.0, 0.6, 0.0], abs=1e-5)

    def test_a_hit_says_where_in_the_document_its_chunk_is(self, store: VectorStore) -> None:
        document = a_document("1", "0123456789")
        store.write(
            [
                ChunkedDocument(
                    document,
                    [
                        Chunk(0, 0, 6, "first", "h1", direction(1)),
                        Chunk(1, 4, 10, "second", "h2", direction(0, 1)),
                    ],
                )
            ]
        )
        (hit, _) = self.nearest(store, direction(0, 1))
        assert (hit.document_id, hit.ordinal, hit.start, hit.end) == (document.id, 1, 4, 10)

    def test_opposite_directions_score_minus_one(self, store: VectorStore) -> None:
        store.write([chunked(a_document("1"), [direction(-5)])])
        (hit,) = self.nearest(store, direction(1))
        assert hit.score == pytest.approx(-1, abs=1e-5)

    def test_writing_twice_is_writing_once(self, store: VectorStore) -> None:
        batch = [chunked(a_document(str(i)), random_vectors(3, seed=i)) for i in range(20)]
        for _ in range(3):
            assert store.write(batch) == []
        assert self.number(store) == 60
        hits = self.nearest(store, direction(1))
        assert len(hits) == len({(hit.document_id, hit.ordinal) for hit in hits}) == 60

    def test_a_document_that_shrinks_and_grows_has_exactly_its_chunks(
        self, store: VectorStore
    ) -> None:
        other = chunked(a_document("other"), random_vectors(2, seed=99))
        store.write([other])
        for size in (5, 2, 7, 0, 1):
            vectors = random_vectors(size, seed=size)
            store.write([chunked(a_document("1", "x" * 70), vectors)])
            assert self.number(store) == size + 2
            hits = self.nearest(store, direction(1))
            mine = [hit for hit in hits if hit.document_id.endswith(":1")]
            assert sorted(hit.ordinal for hit in mine) == list(range(size))
            for hit in mine:
                cosine = vectors[hit.ordinal][0] / np.linalg.norm(vectors[hit.ordinal])
                assert hit.score == pytest.approx(cosine, abs=1e-4)

    def test_a_changed_chunk_is_found_by_its_new_vector_only(self, store: VectorStore) -> None:
        document = a_document("1")
        store.write([chunked(document, [direction(1)])])
        store.write([chunked(document, [direction(0, 1)])])
        (hit,) = self.nearest(store, direction(1))
        assert hit.score == pytest.approx(0, abs=1e-5)

    def test_of_one_id_twice_in_a_batch_the_last_is_kept(self, store: VectorStore) -> None:
        document = a_document("1")
        store.write([chunked(document, random_vectors(3)), chunked(document, [direction(1)])])
        (hit,) = self.nearest(store, direction(1))
        assert hit.score == pytest.approx(1, abs=1e-5)

    def test_deleted_chunks_are_gone_and_their_place_can_be_used_again(
        self, store: VectorStore
    ) -> None:
        documents = [a_document(str(i)) for i in range(40)]
        for _ in range(3):
            store.write([chunked(d, random_vectors(2, seed=i)) for i, d in enumerate(documents)])
            assert self.number(store) == 80
            store.delete([*(d.id or "" for d in documents[::2]), "slack:T1:message:never-was"])
            assert self.number(store) == 40
            assert self.found(store, direction(1)) == {d.id for d in documents[1::2]}

    def test_a_vector_without_direction_is_counted_and_never_found(
        self, store: VectorStore
    ) -> None:
        store.write([chunked(a_document("1"), [direction(0), direction(1)])])
        assert self.number(store) == 2
        assert [hit.ordinal for hit in self.nearest(store, direction(-1))] == [1]
        assert self.nearest(store, direction(0)) == []

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_a_vector_that_is_not_finite_refuses_its_document_alone(
        self, store: VectorStore, bad: float
    ) -> None:
        failures = store.write(
            [
                chunked(a_document("1"), [direction(1)]),
                chunked(a_document("2"), [direction(1), direction(1, bad)]),
                chunked(a_document("3"), [direction(1)]),
            ]
        )
        assert [failure.document_id for failure in failures] == ["slack:T1:message:2"]
        assert self.number(store) == 2

    def test_a_chunk_without_vector_refuses_its_document_alone(self, store: VectorStore) -> None:
        lacking = ChunkedDocument(a_document("2"), [Chunk(0, 0, 3, "abc", "h")])
        (failure,) = store.write([chunked(a_document("1"), [direction(1)]), lacking])
        assert failure.document_id == "slack:T1:message:2"
        assert self.number(store) == 1

    def test_very_long_and_very_short_vectors_keep_their_direction(
        self, store: VectorStore
    ) -> None:
        store.write(
            [
                chunked(a_document("long"), [direction(3e30, 4e30)]),
                chunked(a_document("short"), [direction(3e-30, 4e-30)]),
            ]
        )
        hits = self.nearest(store, direction(1))
        assert [hit.score for hit in hits] == pytest.approx([0.6, 0.6], abs=1e-5)

    def test_thousands_of_chunks_in_one_call(self, store: VectorStore) -> None:
        vectors = random_vectors(3_000)
        assert store.write([chunked(a_document(str(i)), [v]) for i, v in enumerate(vectors)]) == []
        assert self.number(store) == 3_000
        (hit,) = self.nearest(store, vectors[1234], limit=1)
        assert hit.document_id == "slack:T1:message:1234"

    def test_odd_ids_are_kept_apart(self, store: VectorStore) -> None:
        odd = ['it\'s "quoted"', "größe 東京 🚀", "a#0", "a", "x'); DROP TABLE vectors_entry; --"]
        odd += ["é" * 247]
        store.write([chunked(a_document(o), [direction(1, i)]) for i, o in enumerate(odd)])
        ids = {f"slack:T1:message:{o}" for o in odd}
        assert self.found(store, direction(1)) == ids
        store.delete([f"slack:T1:message:{odd[3]}"])
        assert self.found(store, direction(1)) == ids - {f"slack:T1:message:{odd[3]}"}

    def test_what_was_written_is_there_after_reopening(
        self, store: VectorStore, tmp_path: Path
    ) -> None:
        store.write([chunked(a_document("1"), [direction(1)])])
        store.close()
        store.close()
        again = self.open_store(tmp_path)
        try:
            again.bind(MODEL, DIMENSIONS)
            assert self.found(again, direction(1)) == {"slack:T1:message:1"}
        finally:
            again.close()

    # The model

    def test_nothing_is_written_or_searched_before_the_model_is_told(self, tmp_path: Path) -> None:
        store = self.open_store(tmp_path)
        try:
            with pytest.raises(StoreError):
                store.write([chunked(a_document("1"), [direction(1)])])
            with pytest.raises(StoreError):
                store.search(direction(1), limit=1)
        finally:
            store.close()

    @pytest.mark.parametrize("other", [("model-b", DIMENSIONS), (MODEL, DIMENSIONS + 1)])
    def test_vectors_of_another_model_are_refused(
        self, store: VectorStore, tmp_path: Path, other: tuple[str, int]
    ) -> None:
        store.write([chunked(a_document("1"), [direction(1)])])
        with pytest.raises(EmbeddingMismatchError, match=MODEL):
            store.bind(*other)
        store.bind(MODEL, DIMENSIONS)
        assert self.found(store, direction(1)) == {"slack:T1:message:1"}

    def test_an_emptied_store_takes_another_model(self, store: VectorStore) -> None:
        store.write([chunked(a_document("1"), [direction(1)])])
        store.delete(["slack:T1:message:1"])
        store.bind("model-b", 3)
        store.write([chunked(a_document("1"), [direction(0, 1, dimensions=3)])])
        (hit,) = self.nearest(store, direction(0, 1, dimensions=3))
        assert hit.score == pytest.approx(1, abs=1e-5)

    def test_a_cleared_store_is_empty_and_takes_any_model(self, store: VectorStore) -> None:
        store.clear()
        documents = [a_document(str(i)) for i in range(1_200)]
        store.write([chunked(d, random_vectors(2, seed=i)) for i, d in enumerate(documents)])
        store.clear()
        assert self.number(store) == 0
        assert self.nearest(store, direction(1)) == []
        store.bind("model-b", 3)
        assert self.nearest(store, direction(1, dimensions=3)) == []
        store.maintain()
        store.write([chunked(documents[0], [direction(0, 1, dimensions=3)])])
        (hit,) = self.nearest(store, direction(0, 1, dimensions=3))
        assert (hit.document_id, hit.score) == (documents[0].id, pytest.approx(1, abs=1e-5))

    def test_upkeep_changes_no_answer(self, store: VectorStore) -> None:
        store.maintain()
        documents = a_company()
        store.write([chunked(d, random_vectors(2, seed=i)) for i, d in enumerate(documents)])
        store.delete([d.id or "" for d in documents[::2]])
        question = direction(1, 2, 3)
        before = [(w, self.nearest(store, question, where=w)) for w in (None, *filters()[:20])]
        store.maintain()
        for where, hits in before:
            assert self.nearest(store, question, where=where) == hits

    def test_a_vector_of_other_dimensions_stops_the_write_and_the_search(
        self, store: VectorStore
    ) -> None:
        with pytest.raises(EmbeddingMismatchError, match="dimensions"):
            store.write([chunked(a_document("1"), [direction(1, dimensions=5)])])
        with pytest.raises(EmbeddingMismatchError, match="dimensions"):
            store.search(direction(1, dimensions=5), limit=1)
        assert self.number(store) == 0

    # Filters and access

    def test_every_filter_lets_through_exactly_what_it_says(self, store: VectorStore) -> None:
        documents = a_company()
        vectors = random_vectors(len(documents))
        store.write([chunked(d, [v, -v]) for d, v in zip(documents, vectors, strict=True)])
        for where in filters():
            wanted = {d.id for d in documents if passes(d, where)}
            assert self.found(store, direction(1), where) == wanted, where

    def test_a_filter_comes_before_the_cut(self, store: VectorStore) -> None:
        documents = [
            a_document(str(i), access=["user:ann@x.com"] if i % 50 == 0 else ["user:bob@x.com"])
            for i in range(500)
        ]
        store.write(
            [
                chunked(d, [direction(1, 2 if i % 50 == 0 else 0.001 * i)])
                for i, d in enumerate(documents)
            ]
        )
        where = SearchFilter(principals=frozenset({"user:ann@x.com"}))
        hits = self.nearest(store, direction(1), limit=5, where=where)
        assert len(hits) == 5
        assert all(int(hit.document_id.rpartition(":")[2]) % 50 == 0 for hit in hits)

    def test_the_start_of_a_time_filter_counts_and_its_end_does_not(
        self, store: VectorStore
    ) -> None:
        store.write([chunked(a_document("1"), [direction(1)])])
        assert self.found(store, direction(1), SearchFilter(created_after=START))
        assert not self.found(store, direction(1), SearchFilter(created_before=START))

    def test_nobody_finds_what_is_denied_and_an_empty_set_finds_nothing(
        self, store: VectorStore
    ) -> None:
        documents = [
            a_document("open", access=["public"]),
            a_document("mine", access=["user:ann@x.com", "group:slack:C1"]),
            a_document("denied", access=[]),
            Document(id="bare", page_content="fox", metadata={}),
            Document(id="mixed", page_content="fox", metadata={"access": ["public", DENY_ALL]}),
        ]
        store.write([chunked(d, [direction(1, i)]) for i, d in enumerate(documents)])

        def seen_by(*principals: str) -> set[str]:
            where = SearchFilter(principals=frozenset(principals))
            return {i.rpartition(":")[2] for i in self.found(store, direction(1), where)}

        assert seen_by() == set()
        assert seen_by("public") == {"open"}
        assert seen_by("public", "user:ann@x.com") == {"open", "mine"}
        assert seen_by(DENY_ALL, "", "user:bob@x.com", "PUBLIC") == set()
        assert len(self.found(store, direction(1))) == 5

    def test_access_is_replaced_at_once_and_nothing_else(self, store: VectorStore) -> None:
        documents = [a_document(str(i), access=["user:ann@x.com"]) for i in range(3)]
        store.write([chunked(d, [direction(1, i)]) for i, d in enumerate(documents)])
        before = self.nearest(store, direction(1))
        store.update_access(
            {documents[0].id or "": ["user:bob@x.com"], documents[1].id or "": [DENY_ALL]}
        )
        ann = SearchFilter(principals=frozenset({"user:ann@x.com", DENY_ALL}))
        bob = SearchFilter(principals=frozenset({"user:bob@x.com"}))
        assert self.found(store, direction(1), ann) == {documents[2].id}
        assert self.found(store, direction(1), bob) == {documents[0].id}
        assert self.nearest(store, direction(1)) == before

    def test_metadata_is_replaced_and_the_vectors_stay(self, store: VectorStore) -> None:
        document = a_document("1", container={"id": "C1", "name": "old", "url": None})
        store.write([chunked(document, [direction(1), direction(0, 1)])])
        before = self.nearest(store, direction(1))
        renamed = a_document(
            "1", container={"id": "C1", "name": "new", "url": None}, access=["user:ann@x.com"]
        )
        assert store.update_metadata([renamed, a_document("not-stored")]) == []
        assert self.nearest(store, direction(1)) == before
        assert not self.found(store, direction(1), SearchFilter(containers=("old",)))
        where = SearchFilter(containers=("new",), principals=frozenset({"user:ann@x.com"}))
        assert self.found(store, direction(1), where) == {document.id}

    # Several at once

    def test_a_search_never_meets_half_a_write(self, store: VectorStore) -> None:
        documents = [a_document(str(i)) for i in range(60)]

        def write(sign: int) -> None:
            store.write([chunked(d, [direction(sign, 0.01 * i)]) for i, d in enumerate(documents)])

        write(1)
        self.settle(store)
        stop = threading.Event()
        trouble: list[object] = []

        def read() -> None:
            try:
                while not stop.is_set():
                    hits = store.search(direction(1), limit=100)
                    if len(hits) != 60 or len({hit.document_id for hit in hits}) != 60:
                        trouble.append(len(hits))
            except BaseException as error:  # noqa: BLE001  # told to the test
                trouble.append(error)

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        for turn in range(20):
            write(-1 if turn % 2 else 1)
        stop.set()
        for reader in readers:
            reader.join()
        assert trouble == []
