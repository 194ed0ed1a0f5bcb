"""Replay of what landed: CPU and rate, with an embedding that takes constant time, or a real one.

    python -m benchmarks.replay                       # 20,000 documents, best of 3
    python -m benchmarks.replay --model wordllama     # and the embedding of the same texts alone
    python -m benchmarks.replay --rate 2000           # as with a model on another machine
    python -m benchmarks.replay --rate 2000 --partitions 400

The documents of `benchmarks.pipeline` are synced once; then they are made again of the landing, in
a process of its own each time: with the same code (nothing is written), with a new mapping (every
document is another, and embedded), and with `--all` (every document is written, its vectors come
from the cache). CPU is that of the process from the opened stores to the end of the replay.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar, Final

from langchain_core.documents import Document

from benchmarks.made_up_source import ConstantTime, FileExporter, write_source
from exporters.base import Partition, Selection
from exporters.changes import RawRecord
from stores.embeddings import EmbeddingModel
from stores.opening import open_embeddings, open_vector_store
from stores.settings import load_store_settings
from tasks.context import SyncContext
from tasks.options import SyncOptions
from tasks.pipeline import sync_partition
from tasks.replay import ReplayRequest, replay_partitions
from tasks.results import Counts
from tasks.stores import Stores, open_stores

WAYS: Final = ("same code", "new mapping", "--all")


class Parted(FileExporter):
    """The records, dealt out to partitions.

    Args:
        path: The file.
        parts: How many partitions.
    """

    def __init__(self, path: Path, parts: int) -> None:
        super().__init__(path)
        self._parts = parts

    def partitions(self, selection: Selection) -> Iterator[Partition]:
        """As many as there are to be."""
        del selection
        for number in range(self._parts):
            yield Partition(key=str(number), name=f"part {number}", kind="file")

    def lines(self, partition: Partition) -> Iterator[bytes]:
        """The partition's own."""
        yield from islice(super().lines(partition), int(partition.key), None, self._parts)


class NewMapping(Parted):
    """Makes other texts of the same records."""

    transform_version: ClassVar[int] = 2

    def to_documents(self, record: RawRecord) -> Iterator[Document]:
        """One document a record, a little longer than before."""
        for document in super().to_documents(record):
            document.page_content = f"{document.page_content} and more"
            yield document


class Listened(EmbeddingModel):
    """A model that keeps what it is asked, to be asked again by itself.

    Attributes:
        cpu: Seconds of CPU that it took, of the threads that asked.
    """

    def __init__(self, inner: EmbeddingModel) -> None:
        super().__init__(inner.identity, inner.dimensions)
        self.inner = inner
        self.asked: list[Sequence[str]] = []
        self.cpu = 0.0

    @property
    def texts(self) -> int:
        """How many texts it was asked."""
        return sum(map(len, self.asked))

    def embed_matrix(self, texts: Sequence[str]) -> Any:
        """See `EmbeddingModel.embed_matrix`."""
        self.asked.append(texts)
        began = time.thread_time()
        try:
            return self.inner.embed_matrix(texts)
        finally:
            self.cpu += time.thread_time() - began

    def embed_question(self, text: str) -> Any:
        """See `EmbeddingModel.embed_question`."""
        return self.inner.embed_question(text)

    def alone(self) -> tuple[float, float]:
        """Embeds everything again; seconds on the clock and of CPU."""
        wall, cpu = time.monotonic(), time.process_time()
        for texts in self.asked:
            self.inner.embed_matrix(texts)
        return time.monotonic() - wall, time.process_time() - cpu


class Elsewhere(ConstantTime):
    """Takes as long as a model on another machine does, and nothing of this one.

    Args:
        rate: Texts a second, however many ask at once.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self._rate = rate
        self._turn = Lock()

    def embed_matrix(self, texts: Sequence[str]) -> Any:
        """See `EmbeddingModel.embed_matrix`."""
        with self._turn:
            end = time.monotonic() + len(texts) / self._rate
            vectors = super().embed_matrix(texts)
            time.sleep(max(0.0, end - time.monotonic()))
        return vectors

    def alone(self) -> tuple[float, float]:
        """Seconds on the clock and of CPU for everything it was asked."""
        return self.texts / self._rate, 0.0


def _context(
    folder: Path, exporter: FileExporter, model_name: str, rate: float | None
) -> SyncContext:
    settings = load_store_settings(data_directory=folder, embedding_model="none")
    model: EmbeddingModel = Elsewhere(rate) if rate else ConstantTime()
    if model_name:
        found = open_embeddings(settings.model_copy(update={"embedding_model": model_name}))
        if found is None:
            sys.exit("A model is needed.")
        found.embed_matrix(["warm"])
        model = Listened(found)
    vectors = open_vector_store(settings)
    vectors.bind(model.identity, model.dimensions)
    plain = open_stores(settings)
    stores = Stores(
        index=plain.index, vectors=vectors, embeddings=model, ledger=plain.ledger,
        raw=plain.raw, settings=settings, shared=plain.shared,
    )  # fmt: skip
    return SyncContext(
        exporter=exporter,
        connection=exporter.connection,
        connection_id=stores.ledger.connection_id("bench", exporter.connection, "Benchmark"),
        stores=stores,
        options=SyncOptions(),
        run_id=f"bench-{time.time_ns()}",
        store_name="documents",
    )


def run(
    source: Path,
    folder: Path,
    way: str,
    *,
    model_name: str = "",
    rate: float | None = None,
    parts: int = 1,
) -> dict[str, Any]:
    """Syncs (way `sync`) or replays once and measures; runs in a process of its own."""
    exporter = (NewMapping if way == "new mapping" else Parted)(source, parts)
    context = _context(folder, exporter, model_name, rate if way != "sync" else None)
    wall, cpu = time.monotonic(), time.process_time()
    counts = Counts()
    if way == "sync":
        for partition in exporter.partitions(Selection()):
            counts.add(sync_partition(context, partition).counts)
    else:
        states = context.stores.ledger.partitions(context.connection_id)
        request = ReplayRequest(source="bench", everything=way == "--all")
        for result in replay_partitions(context, states, request):
            counts.add(result.counts)
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    model = context.stores.embeddings
    embedding = model.cpu if isinstance(model, Listened) else 0.0
    context.stores.close()
    return {
        "embedding": embedding,
        "cpu": cpu,
        "wall": wall,
        "alone": model.alone()[0] if isinstance(model, Elsewhere | Listened) else 0.0,
        "texts": model.texts if isinstance(model, ConstantTime | Listened) else 0,
        "written": counts.written,
        "unchanged": counts.unchanged,
    }


def measure(documents: int, repeat: int, model: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Runs every way `repeat` times, each after a sync of its own."""
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write_source(root / "source.ndjson", documents)
        for number in range(repeat):
            for place, way in enumerate(WAYS):
                folder = root / f"stores-{number}-{place}"
                for step in ("sync", way):
                    command = [sys.executable, "-m", "benchmarks.replay", f"--way={step}",
                               "--folder", str(folder), *model]  # fmt: skip
                    done = subprocess.run(command, capture_output=True, text=True, check=True)
                found[way].append(json.loads(done.stdout.splitlines()[-1]))
    return found


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--model", default="", help="as in the settings; by default constant time")
    parser.add_argument("--rate", type=float, help="texts a second that a model elsewhere embeds")
    parser.add_argument("--partitions", type=int, default=1)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        source = arguments.folder.parent / "source.ndjson"
        print(
            json.dumps(
                run(
                    source,
                    arguments.folder,
                    arguments.way,
                    model_name=arguments.model,
                    rate=arguments.rate,
                    parts=arguments.partitions,
                )
            )
        )
        return
    print(f"{'replay':12} {'CPU s: min':>10} {'wall s':>7} {'docs/CPU s':>11} {'texts':>8} "
          f"{'written':>8} {'unchanged':>10} {'embedding, CPU s':>17} "
          f"{'alone, wall s':>14}")  # fmt: skip
    model = [f"--model={arguments.model}", f"--partitions={arguments.partitions}"]
    if arguments.rate:
        model.append(f"--rate={arguments.rate}")
    for way, runs in measure(arguments.documents, arguments.repeat, model).items():
        best = min(runs, key=lambda one: one["cpu"])
        rate = arguments.documents / best["cpu"]
        print(f"{way:12} {best['cpu']:10.2f} {best['wall']:7.2f} {rate:11,.0f} "
              f"{best['texts']:8,} {best['written']:8,} {best['unchanged']:10,} "
              f"{best['embedding']:17.2f} {best['alone']:14.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
