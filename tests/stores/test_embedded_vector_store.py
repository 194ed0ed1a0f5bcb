"""The embedded vector store keeps the contract, is exact, and stays small."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from contract_vector_store import MODEL, VectorStoreContract
from store_samples import DIMENSIONS, a_document, chunked, direction, random_vectors

from stores.base import SearchFilter, VectorStore
from stores.errors import EmbeddingMismatchError
from stores.sqlite.database import EmbeddedDatabase, rows
from stores.sqlite.vector_store import SqliteVectorStore


class TestSqliteVectorStore(VectorStoreContract):
    def open_store(self, folder: Path) -> VectorStore:
        return SqliteVectorStore(folder / "store.db")


NUMBER = 12_000
CHUNKS = 2


@pytest.fixture(scope="module")
def changed(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[SqliteVectorStore, np.ndarray, np.ndarray]]:
    """A store that has been changed in every way, its vectors (n, 2, d), and who may read each."""
    store = SqliteVectorStore(tmp_path_factory.mktemp("exact") / "store.db")
    store.bind(MODEL, DIMENSIONS)
    random = np.random.default_rng(7)
    levels = random.integers(0, 1_000, NUMBER)

    def write(numbers: np.ndarray, vectors: np.ndarray) -> None:
        for part in np.array_split(numbers, max(1, len(numbers) // 1_500)):
            store.write(
                [
                    chunked(a_document(str(n), "ab", access=[f"group:x:{levels[n]}"]), vectors[n])
                    for n in part
                ]
            )

    everything = np.arange(NUMBER)
    # Three chunks first, of which the last goes again.
    write(everything, random_vectors(NUMBER * 3, seed=2).reshape(NUMBER, 3, DIMENSIONS))
    gone = random.choice(everything, 3_000, replace=False)
    store.delete([f"slack:T1:message:{n}" for n in gone])
    vectors = random_vectors(NUMBER * CHUNKS, seed=3).reshape(NUMBER, CHUNKS, DIMENSIONS)
    write(random.permutation(everything), vectors)
    store.maintain()
    moved = random.choice(everything, 500, replace=False)
    levels[moved] = random.integers(0, 1_000, len(moved))
    store.update_access({f"slack:T1:message:{n}": [f"group:x:{levels[n]}"] for n in moved})
    yield store, vectors, levels
    store.close()


class TestExactness:
    """Against a brute-force ranking of everything, in numpy."""

    @pytest.mark.parametrize("limit", [50, 400, 5_000])
    @pytest.mark.parametrize("below", [0, 1, 5, 60, 100, 120, 300, 990, 1_000, None])
    def test_the_best_of_those_that_pass_are_found_in_order(
        self,
        changed: tuple[SqliteVectorStore, np.ndarray, np.ndarray],
        below: int | None,
        limit: int,
    ) -> None:
        store, vectors, levels = changed
        units = vectors / np.linalg.norm(vectors, axis=2, keepdims=True)
        passing = np.ones(NUMBER, bool) if below is None else levels < below
        where = None
        if below is not None:
            where = SearchFilter(principals=frozenset(f"group:x:{n}" for n in range(below)))
        for question in random_vectors(5, seed=11):
            cosines = units @ (question / np.linalg.norm(question))
            cosines[~passing] = -np.inf
            order = np.argsort(-cosines, axis=None)[:limit]
            order = order[np.isfinite(cosines.reshape(-1)[order])]
            hits = store.search(question, limit=limit, where=where)
            places = [(int(h.document_id.rpartition(":")[2]), h.ordinal) for h in hits]
            assert len(set(places)) == len(places)
            # By their cosines: two that differ in the eighth digit may stand the other way round.
            best = pytest.approx(cosines.reshape(-1)[order].tolist(), abs=1e-6)
            assert [cosines[place] for place in places] == best
            assert [h.score for h in hits] == best

    def test_a_reader_of_what_is_far_away_from_the_question_finds_it(
        self, database: EmbeddedDatabase
    ) -> None:
        store = SqliteVectorStore(database)
        store.bind(MODEL, DIMENSIONS)
        near = random_vectors(5_000, seed=1) * 0.1 + direction(1)
        far = random_vectors(17_000, seed=2) * 0.1 - direction(1)
        for name, vectors in (("near", near), ("far", far)):
            store.write(
                [
                    chunked(a_document(f"{name}{i}", access=[f"group:x:{name}"]), [vector])
                    for i, vector in enumerate(vectors)
                ]
            )
        where = SearchFilter(principals=frozenset({"group:x:far"}))
        hits = store.search(direction(1), limit=20, where=where)
        cosines = np.sort(far[:, 0] / np.linalg.norm(far, axis=1))[::-1][:20]
        assert [hit.score for hit in hits] == pytest.approx(cosines.tolist(), abs=1e-5)

    @pytest.mark.parametrize("filtered", [False, True])
    def test_equal_scores_are_ordered_by_age_wherever_the_cut_is(
        self, database: EmbeddedDatabase, filtered: bool
    ) -> None:
        store = SqliteVectorStore(database)
        store.bind(MODEL, DIMENSIONS)
        store.write([chunked(a_document(str(i)), [direction(1)]) for i in range(5_000)])
        where = SearchFilter(sources=("slack",)) if filtered else None
        for limit in (1, 10, 4_000, 4_500):
            hits = store.search(direction(1), limit=limit, where=where)
            assert [hit.document_id for hit in hits] == [
                f"slack:T1:message:{i}" for i in range(limit)
            ]

    def test_texts_without_direction_take_nobodys_place(self, database: EmbeddedDatabase) -> None:
        store = SqliteVectorStore(database)
        store.bind(MODEL, DIMENSIONS)
        documents = [a_document(str(i)) for i in range(500)]
        store.write([chunked(d, [direction(0), direction(-1)]) for d in documents[:50]])
        store.write([chunked(d, [direction(0)]) for d in documents[50:]])
        for where in (None, SearchFilter(sources=("slack",))):
            hits = store.search(direction(1), limit=100, where=where)
            assert [hit.document_id for hit in hits] == [d.id for d in documents[:50]]
        # A direction comes and goes with the text.
        store.write([chunked(d, [direction(1)]) for d in documents[400:]])
        store.write([chunked(d, [direction(0)]) for d in documents[:50]])
        hits = store.search(direction(1), limit=500)
        assert [hit.document_id for hit in hits] == [d.id for d in documents[400:]]
        assert store.count() == 500

    def test_vectors_can_be_written_in_any_order(self, database: EmbeddedDatabase) -> None:
        dimensions, number = 4_096, 150
        store = SqliteVectorStore(database)
        store.bind(MODEL, dimensions)
        shuffled = np.random.default_rng(1).permutation(number)
        for seed, order in enumerate((range(number), range(number)[::-1], shuffled)):
            vectors = random_vectors(number, seed=seed, dimensions=dimensions)
            store.write([chunked(a_document(str(i)), [vectors[i]]) for i in order])
            for i in range(0, number, 7):
                (hit,) = store.search(vectors[i], limit=1)
                assert (hit.document_id, hit.score) == (
                    f"slack:T1:message:{i}",
                    pytest.approx(1, abs=1e-5),
                )

    def test_vectors_that_are_too_long_are_refused_when_the_model_is_told(
        self, database: EmbeddedDatabase
    ) -> None:
        store = SqliteVectorStore(database)
        longest = 8_192
        store.bind(MODEL, longest)
        store.write([chunked(a_document("1"), [direction(1, dimensions=longest)])])
        assert len(store.search(direction(1, dimensions=longest), limit=1)) == 1
        with pytest.raises(EmbeddingMismatchError, match="up to 8192"):
            store.bind("model-b", longest + 1)


class TestUpkeep:
    def file_pages(self, database: EmbeddedDatabase) -> int:
        with database.read() as reader:
            return int(rows(reader, "PRAGMA page_count")[0][0])

    def test_writing_the_same_again_makes_the_file_no_larger(
        self, database: EmbeddedDatabase
    ) -> None:
        store = SqliteVectorStore(database)
        store.bind(MODEL, 256)
        documents = [a_document(str(i)) for i in range(2_000)]

        def write(seed: int) -> None:
            vectors = random_vectors(len(documents), seed=seed, dimensions=256)
            store.write([chunked(d, [v]) for d, v in zip(documents, vectors, strict=True)])

        write(0)
        before = self.file_pages(database)
        for seed in range(1, 6):
            write(seed)
            store.delete([d.id or "" for d in documents[: 200 * seed]])
        write(9)
        assert self.file_pages(database) <= before * 1.2

    def test_gaps_are_closed_when_much_was_deleted(self, database: EmbeddedDatabase) -> None:
        store = SqliteVectorStore(database)
        store.bind(MODEL, 64)
        number = 6_000
        vectors = random_vectors(number, dimensions=64)
        store.write([chunked(a_document(str(i)), [v]) for i, v in enumerate(vectors)])
        left = sorted(np.random.default_rng(1).choice(number, number // 3, replace=False))
        store.delete([f"slack:T1:message:{i}" for i in set(range(number)) - set(left)])

        def places() -> int:
            with database.read() as reader:
                return int(rows(reader, "SELECT sum(size) FROM vectors_vec_chunks")[0][0])

        assert places() > 5_900
        store.maintain()
        assert len(left) <= places() < 1.1 * len(left)
        assert store.count() == len(left)
        for i in left[::97]:
            (hit,) = store.search(vectors[i], limit=1)
            assert hit.document_id == f"slack:T1:message:{i}"
            assert hit.score == pytest.approx(1, abs=1e-5)
        store.write([chunked(a_document("new"), [vectors[0]])])
        assert store.count() == len(left) + 1

    def test_few_gaps_are_left_alone(self, database: EmbeddedDatabase) -> None:
        store = SqliteVectorStore(database)
        store.bind(MODEL, DIMENSIONS)
        vectors = random_vectors(3_000)
        store.write([chunked(a_document(str(i)), [v]) for i, v in enumerate(vectors)])
        store.delete([f"slack:T1:message:{i}" for i in range(0, 3_000, 15)])
        with database.transaction() as writer:
            before = writer.total_changes()
            store.maintain()
            assert writer.total_changes() == before

    def test_deleted_vectors_are_overwritten_in_the_file(self, database: EmbeddedDatabase) -> None:
        store = SqliteVectorStore(database)
        store.bind(MODEL, DIMENSIONS)
        secret = direction(0.6, 0.8)
        store.write([chunked(a_document("1"), [secret]), chunked(a_document("2"), [direction(1)])])

        def stored() -> bytes:
            with database.read() as reader:
                ((vectors,),) = rows(reader, "SELECT vectors FROM vectors_vec_vector_chunks00")
            return bytes(vectors)

        assert secret.tobytes()[:8] in stored()
        store.delete(["slack:T1:message:1"])
        assert secret.tobytes()[:8] not in stored()

    def test_an_emptied_store_is_searched_with_another_model_before_it_is_written(
        self, database: EmbeddedDatabase
    ) -> None:
        store = SqliteVectorStore(database)
        store.bind(MODEL, DIMENSIONS)
        store.write([chunked(a_document("1"), [direction(1)])])
        store.delete(["slack:T1:message:1"])
        store.bind("model-b", 3)
        assert store.search(direction(1, dimensions=3), limit=5) == []

    def test_what_no_document_uses_is_forgotten(self, database: EmbeddedDatabase) -> None:
        store = SqliteVectorStore(database)
        store.bind(MODEL, DIMENSIONS)
        author = {"id": "U1", "name": "Ann", "email": "ann@x.com"}
        old = a_document("1", access=["user:ann@x.com"], author=author)
        store.write([chunked(old, [direction(1)])])
        store.write([chunked(a_document("1", access=["user:bob@x.com"]), [direction(1)])])
        store.maintain()
        with database.read() as reader:
            assert rows(reader, "SELECT principal FROM vectors_access_member") == [
                ("user:bob@x.com",)
            ]
            assert rows(reader, "SELECT * FROM vectors_author") == []
        where = SearchFilter(principals=frozenset({"user:bob@x.com"}))
        assert len(store.search(direction(1), limit=5, where=where)) == 1

    def test_the_number_of_an_access_list_never_comes_to_mean_another(
        self, database: EmbeddedDatabase
    ) -> None:
        store = SqliteVectorStore(database)
        store.bind(MODEL, DIMENSIONS)
        seen = []
        for name in ("ann", "bob", "eve"):
            store.write([chunked(a_document("1", access=[f"user:{name}@x.com"]), [direction(1)])])
            with database.read() as reader:
                seen += rows(reader, "SELECT access FROM vectors_access_set")
            store.delete(["slack:T1:message:1"])
            store.maintain()
        assert len(set(seen)) == 3
