"""A made-up source for benchmarks: records in a file, and an embedding that costs very little."""

import hashlib
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import orjson
from langchain_core.documents import Document

from documents.metadata import Author, make_document
from exporters.base import BaseExporter, ConnectionReport, Partition, Selection
from exporters.changes import Change, Checkpoint, Complete, Cursor, RawRecord, Upsert
from stores.embeddings import EmbeddingModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHARACTERS: Final = 1_160
DIMENSIONS: Final = 384
PARTITION: Final = Partition(key="file", name="file", kind="file")

_START = datetime(2026, 1, 1, tzinfo=UTC)


def write_source(path: Path, documents: int, changed_every: int = 0) -> None:
    """Writes records, one JSON a line.

    Args:
        path: Where to.
        documents: How many.
        changed_every: Each n-th record gets another text; 0 for none.
    """
    vocabulary = random.Random(1)
    words = ["".join(vocabulary.choices("etaoinshrdlucmfwypvbgk", k=vocabulary.randint(2, 10)))
             for _ in range(30_000)]  # fmt: skip
    # Words as frequent as in a language (Zipf's law).
    weights = [1 / (rank + 2) for rank in range(len(words))]
    texts = random.Random(2)
    with path.open("wb") as file:
        for number in range(documents):
            picked = " ".join(texts.choices(words, weights, k=230))[: CHARACTERS - 7]
            mark = "changed" if changed_every and number % changed_every == 0 else "initial"
            record = {
                "id": f"doc-{number:07}",
                "title": " ".join(picked.split()[:8]),
                "text": f"{picked} {mark}",
                "author": {"id": f"U{number % 97}", "name": f"Person {number % 97}"},
                "channel": f"C{number % 31}",
                "created": (_START + timedelta(seconds=37 * number)).isoformat(),
            }
            file.write(orjson.dumps(record) + b"\n")


class FileExporter(BaseExporter):
    """Records out of a file, as a source that lists everything each time."""

    source = "bench"
    selection_type = Selection

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def connection(self) -> str:
        """The only one."""
        return "B1"

    def test_connection(self) -> ConnectionReport:
        """Nothing to test."""
        return ConnectionReport(())

    def partitions(self, selection: Selection) -> Iterator[Partition]:
        """One: the file."""
        del selection
        yield PARTITION

    def pull(self, partition: Partition, cursor: Cursor | None) -> Iterator[Change]:
        """Every record, a checkpoint every thousand."""
        del cursor
        fetched = datetime.now(UTC)
        for number, line in enumerate(self.lines(partition), start=1):
            payload = orjson.loads(line)
            yield Upsert(
                RawRecord(
                    external_id=payload["id"],
                    entity="page",
                    payload=payload,
                    fetched_at=fetched,
                )
            )
            if number % 1_000 == 0:
                yield Checkpoint({"line": number})
        yield Complete(full=True)

    def lines(self, partition: Partition) -> Iterator[bytes]:
        """The records as JSON."""
        del partition
        with self._path.open("rb") as file:
            yield from file

    def to_documents(self, record: RawRecord) -> Iterator[Document]:
        """One document a record."""
        payload = record.payload
        yield make_document(
            source="bench",
            connection="B1",
            entity="page",
            native_id=payload["id"],
            external_id=payload["id"],
            content=payload["text"],
            title=payload["title"],
            access=["workspace:B1"],
            url=f"https://bench.example/{payload['id']}",
            container={"id": payload["channel"], "name": payload["channel"], "url": None},
            author=Author(id=payload["author"]["id"], name=payload["author"]["name"], email=None),
            created_at=datetime.fromisoformat(payload["created"]),
        )

    def export(self) -> Iterator[Document]:
        """Every document."""
        return self.documents(Selection())


class ConstantTime(EmbeddingModel):
    """A vector out of a text's digest: the same for the same text. Counts texts.

    Attributes:
        texts: How many texts were embedded.
    """

    def __init__(self) -> None:
        super().__init__("constant-time", DIMENSIONS)
        self.texts = 0
        self._table = np.random.default_rng(7).standard_normal((4096, DIMENSIONS), np.float32)

    def embed_matrix(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Vectors (n, d)."""
        self.texts += len(texts)
        digests = (hashlib.blake2b(text.encode(), digest_size=2).digest() for text in texts)
        table: NDArray[np.float32] = self._table
        return table[[int.from_bytes(digest) % 4096 for digest in digests]]
