"""Made-up documents for measuring stores: invented words in the frequencies of natural language."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from langchain_core.documents import Document

from documents.chunks import Chunk, ChunkedDocument
from documents.fingerprints import access_hash, content_hash
from documents.metadata import make_document
from stores.embeddings import EmbeddingModel

GROUPS: Final = 100
WORDS: Final = 60_000
START: Final = datetime(2026, 1, 1, tzinfo=UTC)


class RandomModel(EmbeddingModel):
    """A direction for every text, drawn by lot."""

    def __init__(self, dimensions: int) -> None:
        super().__init__("random", dimensions)
        self._random = np.random.default_rng(1)

    def embed_matrix(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors (n, d)."""
        shape = (len(texts), self.dimensions)
        return self._random.standard_normal(shape, dtype=np.float32)


class Corpus:
    """Invented documents."""

    def __init__(self, characters: int, model: RandomModel) -> None:
        self._random = random.Random(1)
        letters = "etaoinshrdlcumwfgypbvk"
        self.words = [
            "".join(self._random.choices(letters, k=self._random.randint(2, 11)))
            for _ in range(WORDS)
        ]
        weights = [1 / (rank + 3) for rank in range(WORDS)]
        self._pool = self._random.choices(self.words, weights, k=1_000_000)
        self._characters = characters
        self.model = model

    def text(self) -> str:
        """A text of the wanted length."""
        first = self._random.randrange(len(self._pool) - self._characters)
        return " ".join(self._pool[first : first + self._characters // 3])[: self._characters]

    def document(self, number: int) -> Document:
        """The document of a number; a new text each time."""
        text = self.text()
        group = min(int(self._random.expovariate(0.08)), GROUPS - 1)
        person = number % 300
        document = make_document(
            source="slack",
            connection="T01",
            entity="thread",
            native_id=f"C{group:04d}:1700000{number:07d}.000100",
            external_id=f"1700000{number:07d}.000100",
            content=text,
            title=text[:60],
            access=[f"group:slack:C{group}", "user:owner@example.com"],
            url=f"https://example.slack.com/archives/C{group:04d}/p1700000{number:07d}",
            container={"id": f"C{group:04d}", "name": f"channel-{group}", "url": None},
            author={
                "id": f"U{person}",
                "name": f"Person {person}",
                "email": f"person{person}@example.com",
            },
            created_at=START + timedelta(minutes=number),
            thread_id=f"1700000{number:07d}.000100",
            extra={
                "message_count": 3,
                "reply_count": 2,
                "participants": [{"id": f"U{person}", "name": f"Person {person}", "email": None}],
                "links": ["https://example.com/a"],
            },
        )
        document.metadata |= {
            "content_hash": content_hash(document),
            "access_hash": access_hash(document.metadata["access"]),
            "run_id": "0198a",
            "ingestion_timestamp": "2026-11-20T00:00:00.000000Z",
            "raw_ref": "slack/thread/2026-11-20/0001.parquet#17",
        }
        return document

    def chunked(self, documents: Sequence[Document]) -> list[ChunkedDocument]:
        """Each document with one chunk."""
        vectors = self.model.embed_matrix([""] * len(documents))
        return [
            ChunkedDocument(d, [Chunk(0, 0, len(d.page_content), "", "", vector)])
            for d, vector in zip(documents, vectors, strict=True)
        ]

    def question(self) -> str:
        """Two frequent words and two that are not."""
        frequent = self._random.choices(self.words[20:500], k=2)
        return " ".join([*frequent, *self._random.choices(self.words[500:20_000], k=2)])
