"""How long searches take: by words, by vectors, by both, on behalf of readers of more and of less.

    python -m benchmarks.search_speed                        # an Elasticsearch of the tests' own
    python -m benchmarks.search_speed --elasticsearch URL
    python -m benchmarks.search_speed --documents 20000 --dimensions 384

One after the other, warm. On Elasticsearch, CPU is that of this process alone. `hybrid, filtered`
asks for messages of one source, of the second half of the time of one kind: what a person adds to a
search. For the embedded file see `benchmarks.embedded_stores`.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Self

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.made_up_documents import GROUPS, START, Corpus, RandomModel
from stores.base import DocumentIndex, SearchFilter, VectorStore
from stores.opening import open_document_index, open_vector_store
from stores.search import HybridSearch
from stores.settings import StoreSettings

DOCUMENTS_AT_ONCE = 1_000


class Clock:
    """CPU seconds spent in a block, added up."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> Self:
        self._started = time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += time.process_time() - self._started


@dataclass(frozen=True, slots=True)
class Searches:
    """Two stores to be searched, and with what.

    Attributes:
        index: Holds the documents.
        vectors: Holds their chunks.
        corpus: Where they come from, and the questions.
        documents: How many they are.
        number: So many searches of each kind.
    """

    index: DocumentIndex
    vectors: VectorStore
    corpus: Corpus
    documents: int
    number: int

    def table(self) -> Table:
        """A row for each kind of search and each reader."""
        table = Table("search", "reader", "answers")
        for cost in ("p50 CPU ms", "p95 CPU ms", "p50 ms", "p95 ms"):
            table.add_column(cost)
        readers: dict[str, frozenset[str] | None] = {"operator": None}
        for count in (1, 10):
            groups = range(30, 30 + count)
            readers[f"of {count} groups"] = frozenset(f"group:slack:C{n}" for n in groups)
        readers["of all groups"] = frozenset(f"group:slack:C{n}" for n in range(GROUPS))
        for name, principals in readers.items():
            for row in self._rows(name, principals):
                table.add_row(*row)
        return table

    def _rows(self, name: str, principals: frozenset[str] | None) -> Iterator[list[str]]:
        where = SearchFilter(principals=principals)
        share = f"{name} ({self.index.count(where) / self.index.count():.1%})"
        half = START + timedelta(minutes=self.documents // 2)
        filtered = SearchFilter(sources=("slack",), entities=("thread",), created_after=half)
        model = self.corpus.model
        hybrid = HybridSearch(self.index, self.vectors, model)
        kinds: dict[str, Callable[[str], Sequence[object]]] = {
            "words": lambda q: self.index.search(q, limit=100, where=where),
            "vectors": lambda q: self.vectors.search(
                model.embed_question(q), limit=300, where=where
            ),
            "hybrid": lambda q: hybrid.search(q, as_user=principals, limit=10),
            "hybrid, filtered": lambda q: hybrid.search(
                q, as_user=principals, limit=10, where=filtered
            ),
        }
        for kind, ask in kinds.items():
            spent, waited, answers = [], [], 0
            ask(self.corpus.question())  # warm
            for _ in range(self.number):
                question = self.corpus.question()
                started = time.perf_counter()
                with Clock() as cpu:
                    answers += len(ask(question))
                waited.append(time.perf_counter() - started)
                spent.append(cpu.seconds)
            costs = [np.percentile(of, p) for of in (spent, waited) for p in (50, 95)]
            yield [kind, share, f"{answers / self.number:.0f}", *(f"{c * 1e3:.1f}" for c in costs)]


@contextmanager
def elasticsearch(url: str | None) -> Iterator[str]:
    """The address of a server; without one the tests' own is started."""
    if url:
        yield url
        return
    sys.path.append(str(Path(__file__).parents[1] / "tests"))
    server = import_module("servers.elasticsearch.server")
    with server.ElasticsearchServer(server.install(), heap="1g", lasting=True) as own:
        yield own.url


def measure(options: argparse.Namespace, url: str, folder: Path) -> Table:
    """Loads a server and searches it."""
    address = f"{url}?prefix=search-speed"
    settings = StoreSettings(data_directory=folder, document_index=address, vector_store=address)
    model = RandomModel(options.dimensions)
    corpus = Corpus(options.characters, model)
    index, vectors = open_document_index(settings), open_vector_store(settings)
    try:
        vectors.bind(model.identity, model.dimensions)
        for first in range(0, options.documents, DOCUMENTS_AT_ONCE):
            last = min(first + DOCUMENTS_AT_ONCE, options.documents)
            documents = [corpus.document(number) for number in range(first, last)]
            refused = index.write(documents) + vectors.write(corpus.chunked(documents))
            if refused:
                raise SystemExit(f"A document was refused: {refused[0]}")
        index.maintain()
        vectors.maintain()
        time.sleep(options.settle)
        return Searches(index, vectors, corpus, options.documents, options.searches).table()
    finally:
        index.clear()
        vectors.clear()
        index.close()
        vectors.close()


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--characters", type=int, default=1_000, help="of a document")
    parser.add_argument("--dimensions", type=int, default=256)
    parser.add_argument("--searches", type=int, default=60, help="of each kind")
    parser.add_argument("--settle", type=float, default=20, help="seconds between load and search")
    parser.add_argument("--elasticsearch", help="URL; without one a server is started")
    return parser.parse_args()


def main() -> None:
    """Runs it and prints a table."""
    options = parsed()
    with (
        tempfile.TemporaryDirectory(prefix="search-speed-") as folder,
        elasticsearch(options.elasticsearch) as url,
    ):
        table = measure(options, url, Path(folder))
    Console(width=110).print(
        f"{options.documents:,} documents of {options.characters:,} characters, "
        f"{options.dimensions} dimensions",
        table,
    )


if __name__ == "__main__":
    main()
