"""Documents, chunks and filters for the tests of stores, and what a filter means."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import numpy as np
from langchain_core.documents import Document

from documents.chunks import Chunk, ChunkedDocument
from documents.fingerprints import access_hash, content_hash, text_hash
from documents.metadata import make_document
from documents.times import parse_iso
from stores.base import SearchFilter

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
DIMENSIONS = 8


def a_document(
    native_id: str = "1",
    content: str = "The quick brown fox",
    *,
    access: Iterable[str] = ("public",),
    **fields: Any,
) -> Document:
    """A document of the shared vocabulary, as the pipeline hands it to the stores."""
    document = make_document(
        **{
            "source": "slack",
            "connection": "T1",
            "entity": "message",
            "native_id": native_id,
            "external_id": native_id,
            "content": content,
            "title": "",
            "access": access,
            "created_at": START,
            **fields,
        }
    )
    document.metadata["content_hash"] = content_hash(document)
    document.metadata["access_hash"] = access_hash(document.metadata["access"])
    return document


def a_company(number: int = 120) -> list[Document]:
    """Documents that differ in everything a filter can tell apart."""
    documents = []
    for i in range(number):
        group = i % 7
        documents.append(
            a_document(
                str(i),
                f"report {i} about the budget",
                source=("slack", "jira", "gmail")[i % 3],
                connection=("T1", "T2")[i % 2],
                entity=("message", "thread", "issue", "mail")[i % 4],
                container={"id": f"C{i % 5}", "name": f"room-{i % 5}", "url": None},
                author={"id": f"U{i % 6}", "name": f"Ann {i % 6}", "email": f"Ann{i % 6}@X.com"}
                if i % 6
                else None,
                created_at=START + timedelta(hours=i) if i % 10 else None,
                updated_at=START + timedelta(hours=i + 80) if i % 3 else None,
                access=[f"group:slack:{group}", f"user:ann{i % 6}@x.com"] if group else ["public"],
            )
        )
    return documents


def filters() -> list[SearchFilter]:
    """Each field alone, and all of them with each other."""
    choices: dict[str, list[Any]] = {
        "sources": [(), ("slack",), ("jira", "gmail")],
        "connections": [(), ("T2",)],
        "entities": [(), ("message", "issue")],
        "containers": [(), ("C1", "room-3"), ("nowhere",)],
        "authors": [(), ("U2", "ANN4@x.com", "Ann 5")],
        "created_after": [None, START + timedelta(hours=30)],
        "created_before": [None, START + timedelta(hours=77)],
        "updated_after": [None, START + timedelta(hours=100)],
        "updated_before": [None, START + timedelta(hours=140)],
        "principals": [None, frozenset({"public", "group:slack:3"}), frozenset()],
    }
    names = list(choices)
    combined = [dict(zip(names, values, strict=True)) for values in product(*choices.values())]
    # Every 37th combination, and all that set one field only.
    few = [c for c in combined if sum(value not in ((), None) for value in c.values()) <= 1]
    return [SearchFilter(**choice) for choice in [*few, *combined[::37]]]


def passes(document: Document, where: SearchFilter) -> bool:
    """What a filter says, one field after the other."""
    metadata = document.metadata
    container = metadata["container"] or {}
    author = metadata["author"] or {}
    created = parse_iso(metadata["created_at"]) if metadata["created_at"] else None
    updated = parse_iso(metadata["updated_at"]) if metadata["updated_at"] else created
    return all(
        (
            not where.sources or metadata["source"] in where.sources,
            not where.connections or metadata["connection"] in where.connections,
            not where.entities or metadata["entity"] in where.entities,
            not where.containers
            or bool({container.get("id"), container.get("name")} & set(where.containers)),
            not where.authors
            or bool({author.get("id"), author.get("name")} & set(where.authors))
            or (author.get("email") or "").lower() in {a.lower() for a in where.authors},
            where.created_after is None or (created is not None and created >= where.created_after),
            where.created_before is None
            or (created is not None and created < where.created_before),
            where.updated_after is None or (updated is not None and updated >= where.updated_after),
            where.updated_before is None
            or (updated is not None and updated < where.updated_before),
            where.principals is None or bool(where.principals & set(metadata["access"])),
        )
    )


def direction(*numbers: float, dimensions: int = DIMENSIONS) -> np.ndarray:
    """A vector that begins with these numbers."""
    vector = np.zeros(dimensions, np.float32)
    vector[: len(numbers)] = numbers
    return vector


def random_vectors(number: int, *, seed: int = 1, dimensions: int = DIMENSIONS) -> np.ndarray:
    """Vectors (n, d) in all directions."""
    return np.random.default_rng(seed).standard_normal((number, dimensions)).astype(np.float32)


def chunked(document: Document, vectors: Sequence[np.ndarray]) -> ChunkedDocument:
    """A document cut into as many chunks as there are vectors."""
    text = document.page_content
    size = max(1, len(text) // max(1, len(vectors)))
    chunks = []
    for ordinal, vector in enumerate(vectors):
        start, end = ordinal * size, min(len(text), (ordinal + 1) * size)
        embedded = f"{document.id} {ordinal} {text[start:end]}"
        chunks.append(Chunk(ordinal, start, end, embedded, text_hash(embedded), vector))
    return ChunkedDocument(document, chunks)
