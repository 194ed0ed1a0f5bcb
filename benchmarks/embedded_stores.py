"""Measures the embedded stores: loading, replacing, searching, size and memory.

CPU seconds of this process count, not the time on the clock, so figures of different days and
machines under load can be compared. Documents are made of invented words in the frequencies of
natural language (Zipf), with a container, an author and an access list each.

Run:
    python benchmarks/embedded_stores.py
    python benchmarks/embedded_stores.py --documents 100000 --dimensions 256 --characters 1000
    python benchmarks/embedded_stores.py --folder FOLDER            # loads once, searches each time

`hybrid, filtered` asks for messages of one source, of the second half of the time of one kind:
what a person adds to a search.
"""

import argparse
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import numpy as np
from langchain_core.documents import Document
from rich.console import Console
from rich.table import Table

from documents.chunks import Chunk, ChunkedDocument
from documents.fingerprints import access_hash, content_hash
from documents.metadata import make_document
from stores.base import SearchFilter
from stores.embeddings import EmbeddingModel
from stores.search import HybridSearch
from stores.sqlite.database import EmbeddedDatabase
from stores.sqlite.document_index import SqliteDocumentIndex
from stores.sqlite.vector_store import SqliteVectorStore

GROUPS = 100
WORDS = 60_000
START = datetime(2026, 1, 1, tzinfo=UTC)


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
        self._model = model

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
        vectors = self._model.embed_matrix([""] * len(documents))
        return [
            ChunkedDocument(d, [Chunk(0, 0, len(d.page_content), "", "", vector)])
            for d, vector in zip(documents, vectors, strict=True)
        ]

    def question(self) -> str:
        """Two frequent words and two that are not."""
        frequent = self._random.choices(self.words[20:500], k=2)
        return " ".join([*frequent, *self._random.choices(self.words[500:20_000], k=2)])


class Clock:
    """CPU seconds spent in a block, added up."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> "Clock":
        self._started = time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += time.process_time() - self._started


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--characters", type=int, default=1_160, help="of a document")
    parser.add_argument("--dimensions", type=int, default=384)
    parser.add_argument("--batch", type=int, default=1_000, help="documents in a transaction")
    parser.add_argument("--searches", type=int, default=40, help="of each kind")
    parser.add_argument("--folder", type=Path, help="keep the file here")
    return parser.parse_args()


def resident_mb() -> float:
    """Largest memory of this process so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 if sys.platform == "linux" else 1024 * 1024)


def batches(numbers: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """Numbers in parts."""
    for first in range(0, len(numbers), size):
        yield numbers[first : first + size]


class Measurement:
    """One file with its stores, and the tables of what they cost."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options = options
        self.file = folder / "store.db"
        self.model = RandomModel(options.dimensions)
        self.corpus = Corpus(options.characters, self.model)
        self.database = EmbeddedDatabase.open(self.file)
        self.index = SqliteDocumentIndex(self.database)
        self.vectors = SqliteVectorStore(self.database)
        self.vectors.bind(self.model.identity, self.model.dimensions)
        self.writing = Table("step", "rows", "CPU s", "index", "vectors", "commit", "rows / CPU s")
        self.searching = Table("search", "reader", "answers")
        for cost in ("p50 CPU ms", "p95 CPU ms", "p50 ms", "p95 ms"):
            self.searching.add_column(cost)

    def write(self, name: str, numbers: Sequence[int], size: int) -> None:
        """Writes documents into both stores, one transaction a batch."""
        in_index, in_vectors, whole = Clock(), Clock(), Clock()
        for part in batches(numbers, size):
            documents = [self.corpus.document(number) for number in part]
            chunks = self.corpus.chunked(documents)
            with whole, self.database.transaction():
                with in_index:
                    self.index.write(documents)
                with in_vectors:
                    self.vectors.write(chunks)
        commit = whole.seconds - in_index.seconds - in_vectors.seconds
        parts = (f"{s:.2f}" for s in (whole.seconds, in_index.seconds, in_vectors.seconds, commit))
        rate = f"{len(numbers) / whole.seconds:,.0f}"
        self.writing.add_row(name, f"{len(numbers):,}", *parts, rate)

    def step(self, name: str, rows: int, work: Callable[[], object]) -> None:
        """Any other work on the file."""
        with Clock() as clock:
            work()
        rate = f"{rows / clock.seconds:,.0f}" if rows else ""
        self.writing.add_row(name, f"{rows:,}", f"{clock.seconds:.2f}", "", "", "", rate)

    def update_access(self) -> None:
        """Gives a tenth of the documents another access list."""
        stored = (document.id or "" for document in self.index.iterate())
        access = {i: ["group:slack:new"] for i in islice(stored, self.options.documents // 10)}

        def work() -> None:
            with self.database.transaction():
                self.index.update_access(access)
                self.vectors.update_access(access)

        self.step("access of 10 %", len(access), work)

    def search(self, name: str, principals: frozenset[str] | None) -> None:
        """Searches by words, by vectors and by both, on behalf of one reader."""
        where = SearchFilter(principals=principals)
        share = f"{name} ({self.index.count(where) / self.index.count():.1%})"
        half = START + timedelta(minutes=self.options.documents // 2)
        filtered = SearchFilter(sources=("slack",), entities=("thread",), created_after=half)
        hybrid = HybridSearch(self.index, self.vectors, self.model)
        kinds: dict[str, Callable[[str], Sequence[object]]] = {
            "words": lambda q: self.index.search(q, limit=100, where=where),
            "vectors": lambda q: self.vectors.search(
                self.model.embed_question(q), limit=300, where=where
            ),
            "hybrid": lambda q: hybrid.search(q, as_user=principals, limit=10),
            "hybrid, filtered": lambda q: hybrid.search(
                q, as_user=principals, limit=10, where=filtered
            ),
        }
        for kind, ask in kinds.items():
            spent, waited, answers = [], [], 0
            ask(self.corpus.question())  # warm
            for _ in range(self.options.searches):
                question = self.corpus.question()
                started = time.perf_counter()
                with Clock() as cpu:
                    answers += len(ask(question))
                waited.append(time.perf_counter() - started)
                spent.append(cpu.seconds)
            self.searching.add_row(
                kind,
                share,
                f"{answers / self.options.searches:.0f}",
                f"{np.percentile(spent, 50) * 1e3:.1f}",
                f"{np.percentile(spent, 95) * 1e3:.1f}",
                f"{np.percentile(waited, 50) * 1e3:.1f}",
                f"{np.percentile(waited, 95) * 1e3:.1f}",
            )


def measure(options: argparse.Namespace, folder: Path) -> None:
    """Everything, in a folder."""
    measurement = Measurement(options, folder)
    memory = [resident_mb()]
    numbers = list(range(options.documents))
    if measurement.vectors.count() < options.documents:
        measurement.write(f"load, batches of {options.batch}", numbers, options.batch)
        memory.append(resident_mb())
        few = random.Random(2).sample(numbers, options.documents // 20)
        measurement.write("replace 5 %, batches of 500", few, 500)
        measurement.update_access()
        measurement.step("upkeep, index", 0, measurement.index.maintain)
        measurement.step("upkeep, vectors", 0, measurement.vectors.maintain)
    else:
        memory.append(resident_mb())
    measurement.search("operator", None)
    for count in (1, 10):
        groups = range(30, 30 + count)
        measurement.search(f"of {count} groups", frozenset(f"group:slack:C{n}" for n in groups))
    measurement.search("of all groups", frozenset(f"group:slack:C{n}" for n in range(GROUPS)))
    memory.append(resident_mb())
    measurement.database.close()
    console = Console(width=110)
    console.print(
        f"{options.documents:,} documents of {options.characters:,} characters, "
        f"{options.dimensions} dimensions"
    )
    console.print(measurement.writing, measurement.searching)
    before, loaded, after = (f"{megabytes:,.0f} MB" for megabytes in memory)
    console.print(
        f"file {measurement.file.stat().st_size / 1e6:,.0f} MB; largest memory {before} before, "
        f"{loaded} after loading, {after} after searching"
    )


def main() -> None:
    """Runs it and prints two tables."""
    options = parsed()
    if options.folder is not None:
        measure(options, options.folder)
        return
    with tempfile.TemporaryDirectory(prefix="embedded-stores-") as folder:
        measure(options, Path(folder))


if __name__ == "__main__":
    main()
