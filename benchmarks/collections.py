"""Test collections of retrieval, in the shape that BEIR gives them, and how answers are judged.

A folder holds `corpus.jsonl`, `queries.jsonl` (either may end in `.gz`) and the judgements in
`qrels.tsv` or `qrels/test.tsv`: query, document, grade. Of a query without a relevant document
nothing can be said, so it is left out.
"""

import csv
import gzip
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from langchain_core.documents import Document

CRANFIELD: Final = Path(__file__).parents[2] / "shared/realdata/retrieval/cranfield"
"""Beside the repository, where it is there."""

Judgements = dict[str, dict[str, int]]
"""The grades of documents, by query."""

_JUDGED: Final = ("qrels.tsv", "qrels/test.tsv", "qrels/dev.tsv")


@dataclass(frozen=True, slots=True)
class Collection:
    """Documents, queries and which of the ones answer which of the others.

    Attributes:
        name: Of its folder.
        documents: With their titles.
        queries: Texts by id, those with judgements.
        judgements: Their grades.
    """

    name: str
    documents: list[Document]
    queries: dict[str, str]
    judgements: Judgements


def read_collection(folder: Path, judgements: str | None = None) -> Collection:
    """Reads a collection.

    Args:
        folder: Where it lies.
        judgements: The file with its judgements; None takes the first usual one.

    Raises:
        FileNotFoundError: A part of it is not there; the sentence says which.
    """
    documents = [
        Document(
            id=str(item["_id"]),
            page_content=item.get("text") or "",
            metadata={"title": item.get("title") or ""},
        )
        for item in _lines(folder, "corpus.jsonl")
    ]
    judged = read_judgements(_judged_file(folder, judgements))
    queries = {str(item["_id"]): item["text"] for item in _lines(folder, "queries.jsonl")}
    kept = {query: grades for query, grades in judged.items() if query in queries}
    return Collection(folder.name, documents, {q: queries[q] for q in kept}, kept)


def read_judgements(path: Path) -> Judgements:
    """Reads `query <tab> document <tab> grade`, with or without a line of titles."""
    found: Judgements = {}
    with path.open(encoding="utf-8") as lines:
        for row in csv.reader(lines, delimiter="\t"):
            if len(row) >= 3 and row[-1].strip().lstrip("-").isdigit():
                found.setdefault(row[0], {})[row[-2]] = max(0, int(row[-1]))
    return {query: grades for query, grades in found.items() if any(grades.values())}


def ndcg(ranking: Sequence[str], grades: Mapping[str, int], cut: int = 10) -> float:
    """Normalised discounted cumulative gain, with the gain `2^grade - 1`.

    Burges and others, "Learning to Rank using Gradient Descent" (ICML 2005).
    """

    def gain(listed: Sequence[int]) -> float:
        return sum(
            (2.0**grade - 1.0) / math.log2(place + 2.0) for place, grade in enumerate(listed)
        )

    best = gain(sorted(grades.values(), reverse=True)[:cut])
    found = gain([grades.get(identifier, 0) for identifier in ranking[:cut]])
    return found / best


def recall(ranking: Sequence[str], grades: Mapping[str, int], cut: int = 100) -> float:
    """The share of the relevant documents that are among the first."""
    relevant = {identifier for identifier, grade in grades.items() if grade}
    return len(relevant & set(ranking[:cut])) / len(relevant)


def mean_quality(
    rankings: Mapping[str, Sequence[str]], judgements: Judgements
) -> tuple[float, float]:
    """Mean nDCG@10 and recall@100 over the queries that are judged and were asked."""
    asked = [(rankings[query], grades) for query, grades in judgements.items() if query in rankings]
    return (
        sum(ndcg(ranking, grades) for ranking, grades in asked) / len(asked),
        sum(recall(ranking, grades) for ranking, grades in asked) / len(asked),
    )


def _lines(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    plain, packed = folder / name, folder / f"{name}.gz"
    if not plain.exists() and not packed.exists():
        raise FileNotFoundError(f"There is no {name} in {folder}.")
    with (
        plain.open("rt", encoding="utf-8")
        if plain.exists()
        else gzip.open(packed, "rt", encoding="utf-8") as lines
    ):
        for line in lines:
            if line.strip():
                yield json.loads(line)


def _judged_file(folder: Path, name: str | None) -> Path:
    names = (name,) if name else _JUDGED
    for candidate in names:
        if (folder / candidate).exists():
            return folder / candidate
    raise FileNotFoundError(f"There are no judgements in {folder}: {', '.join(names)}.")
