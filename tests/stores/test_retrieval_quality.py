"""How good the answers are, on the Cranfield collection (see its README for its origin).

Measured here (nDCG@10 / recall@100): words .552 / .763, vectors .430 / .701, hybrid with the
default fusion .538 / .773, with reciprocal ranks .521 / .771; without the document each query was
written from .363 / .745, .299 / .677, .371 / .758 and .363 / .755.
"""

import csv
import gzip
import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from langchain_core.documents import Document

from documents.chunks import Chunk, ChunkedDocument
from stores.search import HybridSearch
from stores.sqlite.document_index import SqliteDocumentIndex
from stores.sqlite.vector_store import SqliteVectorStore
from stores.wordllama import WordLlamaModel

CRANFIELD = Path(__file__).parents[2].parent / "shared/realdata/retrieval/cranfield"

pytestmark = pytest.mark.skipif(not CRANFIELD.exists(), reason=f"{CRANFIELD} is not here")

Judgements = dict[str, dict[str, int]]


def judgements(name: str) -> Judgements:
    found: Judgements = {}
    with (CRANFIELD / name).open() as lines:
        for query, document, grade in csv.reader(lines, delimiter="\t"):
            if grade.isdigit():
                found.setdefault(query, {})[document] = int(grade)
    return found


def ndcg(ranking: Sequence[str], grades: dict[str, int], cut: int = 10) -> float:
    def gain(listed: Sequence[int]) -> float:
        return sum((2**grade - 1) / math.log2(place + 2) for place, grade in enumerate(listed))

    best = gain(sorted(grades.values(), reverse=True)[:cut])
    return gain([grades.get(identifier, 0) for identifier in ranking[:cut]]) / best


def recall(ranking: Sequence[str], grades: dict[str, int], cut: int = 100) -> float:
    relevant = {identifier for identifier, grade in grades.items() if grade}
    return len(relevant & set(ranking[:cut])) / len(relevant)


class Collection:
    def __init__(self, folder: Path) -> None:
        self.index = SqliteDocumentIndex(folder / "store.db")
        self.vectors = SqliteVectorStore(folder / "store.db")
        self.model = WordLlamaModel()
        self.vectors.bind(self.model.identity, self.model.dimensions)
        with gzip.open(CRANFIELD / "corpus.jsonl.gz", "rt") as lines:
            items = [json.loads(line) for line in lines]
        with (CRANFIELD / "queries.jsonl").open() as lines:
            self.queries = {item["_id"]: item["text"] for item in map(json.loads, lines)}
        documents = [
            Document(id=i["_id"], page_content=i["text"], metadata={"title": i["title"]})
            for i in items
        ]
        assert self.index.write(documents) == []
        matrix = self.model.embed_matrix([document.page_content for document in documents])
        assert self.vectors.write(
            [
                ChunkedDocument(d, [Chunk(0, 0, len(d.page_content), d.page_content, "", vector)])
                for d, vector in zip(documents, matrix, strict=True)
            ]
        ) == []  # fmt: skip

    def by_words(self, query: str) -> list[str]:
        return [hit.document_id for hit in self.index.search(query, limit=100)]

    def by_vectors(self, query: str) -> list[str]:
        question = self.model.embed_question(query)
        return [hit.document_id for hit in self.vectors.search(question, limit=100)]

    def hybrid(self, query: str) -> list[str]:
        search = HybridSearch(self.index, self.vectors, self.model)
        return [r.document.id or "" for r in search.search(query, as_user=None, limit=100)]


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    collection = Collection(tmp_path_factory.mktemp("cranfield"))
    yield collection
    collection.index.close()


def test_the_hybrid_is_as_good_as_words_alone_and_finds_more(
    collection: Collection, record_property: Callable[[str, object], None]
) -> None:
    def quality(rank: Callable[[str], list[str]]) -> dict[str, float]:
        rankings = {query: rank(text) for query, text in collection.queries.items()}
        told = {}
        for name in ("qrels.tsv", "qrels.no-source-document.tsv"):
            judged = judgements(name)
            for measure in (ndcg, recall):
                values = [measure(rankings[query], grades) for query, grades in judged.items()]
                told[f"{name} {measure.__name__}"] = round(sum(values) / len(values), 4)
        return told

    words, vectors, hybrid = map(
        quality, (collection.by_words, collection.by_vectors, collection.hybrid)
    )
    record_property("quality", {"words": words, "vectors": vectors, "hybrid": hybrid})
    assert words["qrels.tsv ndcg"] > 0.545
    assert vectors["qrels.tsv ndcg"] > 0.42
    assert hybrid["qrels.tsv ndcg"] > words["qrels.tsv ndcg"] - 0.02
    for better in ("qrels.tsv recall", *(n for n in words if n.startswith("qrels.no-source"))):
        assert hybrid[better] > words[better], better
