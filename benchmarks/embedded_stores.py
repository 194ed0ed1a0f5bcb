"""Measures the embedded stores: loading, replacing, searching, size and memory.

CPU seconds of this process count, not the time on the clock, so figures of different days and
machines under load can be compared. Documents are made of invented words in the frequencies of
natural language (Zipf), with a container, an author and an access list each.

Run:
    python -m benchmarks.embedded_stores
    python -m benchmarks.embedded_stores --documents 100000 --dimensions 256 --characters 1000
    python -m benchmarks.embedded_stores --folder FOLDER            # loads once, searches each time

The searches are those of `benchmarks.search_speed`.
"""

import argparse
import random
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.made_up_documents import Corpus, RandomModel
from benchmarks.search_speed import Clock, Searches
from stores.sqlite.database import EmbeddedDatabase
from stores.sqlite.document_index import SqliteDocumentIndex
from stores.sqlite.vector_store import SqliteVectorStore


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
    stores = (measurement.index, measurement.vectors)
    searching = Searches(*stores, measurement.corpus, options.documents, options.searches).table()
    memory.append(resident_mb())
    measurement.database.close()
    console = Console(width=110)
    console.print(
        f"{options.documents:,} documents of {options.characters:,} characters, "
        f"{options.dimensions} dimensions"
    )
    console.print(measurement.writing, searching)
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
