"""How good the answers are, on the Cranfield collection (see its README for its origin).

The figures and how they are measured: docs/search-quality.md. Here is the floor that holds.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.collections import (
    CRANFIELD,
    Collection,
    mean_quality,
    ndcg,
    read_collection,
    read_judgements,
    recall,
)
from benchmarks.retrieval import Measured, Place, Rank, embedded, stored
from stores.fusion import default_fusion
from stores.wordllama import WordLlamaModel

cranfield = pytest.mark.skipif(not CRANFIELD.exists(), reason=f"{CRANFIELD} is not here")


@pytest.fixture(scope="module")
def collection() -> Collection:
    return read_collection(CRANFIELD)


@pytest.fixture(scope="module")
def measured(collection: Collection) -> Iterator[Measured]:
    model = WordLlamaModel()
    with stored(Place("embedded", ""), collection, model, embedded(collection, model, None)) as it:
        yield it


@cranfield
def test_words_and_vectors_together_are_better_than_either(
    collection: Collection, measured: Measured
) -> None:
    hybrid = measured.hybrid(default_fusion("wordllama"))
    ranks: list[Rank] = [measured.by_words, measured.by_vectors, hybrid]
    rankings = [{q: rank(text) for q, text in collection.queries.items()} for rank in ranks]
    judgements = {
        name: read_judgements(CRANFIELD / name)
        for name in ("qrels.tsv", "qrels.no-source-document.tsv")
    }
    for name, judged in judgements.items():
        words, vectors, both = (mean_quality(ranking, judged) for ranking in rankings)
        for measure in (0, 1):  # nDCG@10 and recall@100
            assert both[measure] > max(words[measure], vectors[measure]), (name, measure)
    words, vectors, both = (mean_quality(r, judgements["qrels.tsv"]) for r in rankings)
    assert words[0] > 0.560
    assert vectors[0] > 0.425
    assert both[0] > 0.563
    # Not by the luck of some queries: in each half of them it is much the same.
    ordered = list(collection.queries)
    for half in (ordered[::2], ordered[1::2]):
        words, _, both = (
            mean_quality({q: ranking[q] for q in half}, judgements["qrels.tsv"])
            for ranking in rankings
        )
        assert both[0] > words[0] - 0.005


class TestMeasures:
    def test_a_gain_is_worth_less_the_further_down_it_stands(self) -> None:
        grades = {"a": 2, "b": 1}
        assert ndcg(["a", "b"], grades) == 1
        assert ndcg(["b", "a"], grades) == pytest.approx(
            (1 + 3 / 1.585) / (3 + 1 / 1.585), abs=1e-3
        )
        assert ndcg(["x"] * 10 + ["a"], grades) == 0

    def test_recall_counts_what_is_relevant(self) -> None:
        assert recall(["x", "a"], {"a": 1, "b": 3, "c": 0}) == 0.5


class TestCollections:
    def test_the_shape_of_beir_is_read(self, tmp_path: Path) -> None:
        (tmp_path / "corpus.jsonl").write_text(
            '{"_id": "1", "title": "T", "text": "a"}\n{"_id": 2, "text": "b"}\n'
        )
        (tmp_path / "queries.jsonl").write_text(
            '{"_id": "q", "text": "what"}\n{"_id": "unjudged", "text": "x"}\n'
        )
        (tmp_path / "qrels").mkdir()
        (tmp_path / "qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\nq\t2\t1\nr\t1\t0\n")
        read = read_collection(tmp_path)
        assert [document.id for document in read.documents] == ["1", "2"]
        assert read.queries == {"q": "what"}
        assert read.judgements == {"q": {"2": 1}}

    def test_a_part_that_is_missing_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"corpus\.jsonl"):
            read_collection(tmp_path)
