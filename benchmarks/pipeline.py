"""The sync pipeline by itself: CPU, memory and texts embedded, for a first load and two resyncs.

    python -m benchmarks.pipeline                       # 20,000 documents, best of 5
    python -m benchmarks.pipeline --documents 200000 --repeat 1

A source that reads records from a file, a constant-time embedding of 384 dimensions, raw landing on,
durable ledger, the embedded stores with full-text index and vectors. Each phase runs in a process of
its own; its CPU is what the process used between the opened stores and the end of the sync, all
threads together, and its memory the peak above what the idle process held before.
"""

import argparse
import hashlib
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

DIMENSIONS: Final = 384
CHARACTERS: Final = 1_160
PHASES: Final = ("first load", "no change", "5 % changed")

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


def run_phase(source: Path, folder: Path) -> dict[str, Any]:
    """Syncs once and measures; runs in a process of its own."""
    from langchain_core.documents import Document
    from langchain_core.embeddings import Embeddings

    from documents.metadata import make_document
    from exporters.base import BaseExporter, ConnectionReport, Partition, Selection
    from exporters.changes import Change, Checkpoint, Complete, Cursor, RawRecord, Upsert
    from stores.embeddings import EmbeddingModel
    from stores.settings import load_store_settings
    from tasks.options import SyncOptions
    from tasks.pipeline import SyncContext, sync_partition
    from tasks.stores import Stores, open_stores

    class FileExporter(BaseExporter):
        """Records out of a file, as a source that lists everything each time."""

        source = "bench"
        selection_type = Selection

        @property
        def connection(self) -> str:
            return "B1"

        def test_connection(self) -> ConnectionReport:
            return ConnectionReport(())

        def partitions(self, selection: Any) -> Iterator[Partition]:
            yield Partition(key="file", name="file", kind="file")

        def pull(self, partition: Partition, cursor: Cursor | None) -> Iterator[Change]:
            fetched = datetime.now(UTC)
            with source.open("rb") as file:
                for number, line in enumerate(file, start=1):
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

        def to_documents(self, record: RawRecord) -> Iterator[Document]:
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
                author={**payload["author"], "email": None},
                created_at=datetime.fromisoformat(payload["created"]),
            )

        def export(self) -> Iterator[Document]:
            return iter(())

    class ConstantTime(EmbeddingModel):
        """A vector out of a text's digest: distinct, and the same for the same text."""

        texts = 0

        def __init__(self) -> None:
            super().__init__("constant-time", DIMENSIONS)
            self._table = np.random.default_rng(7).standard_normal((4096, DIMENSIONS), np.float32)

        def embed_matrix(self, texts: Sequence[str]) -> Any:
            ConstantTime.texts += len(texts)
            rows = [int.from_bytes(hashlib.blake2b(t.encode(), digest_size=2).digest()) % 4096
                    for t in texts]  # fmt: skip
            return self._table[rows]

    assert issubclass(EmbeddingModel, Embeddings)
    settings = load_store_settings(data_directory=folder, embedding_model="none")
    plain = open_stores(settings)
    model = ConstantTime()
    from stores.opening import open_vector_store

    vectors = open_vector_store(settings)
    vectors.bind(model.identity, model.dimensions)
    stores = Stores(
        index=plain.index, vectors=vectors, embeddings=model, ledger=plain.ledger,
        raw=plain.raw, settings=settings, shared=plain.shared,
    )  # fmt: skip
    exporter = FileExporter()
    context = SyncContext(
        exporter=exporter,
        connection="B1",
        connection_id=stores.ledger.connection_id("bench", "B1", "Benchmark"),
        stores=stores,
        options=SyncOptions(),
        run_id=f"bench-{time.time_ns()}",
        store_name="documents",
    )
    [partition] = exporter.partitions(None)
    import pyarrow.parquet  # noqa: F401 (an idle worker has it loaded)

    idle = _resident_bytes()
    wall, cpu = time.monotonic(), time.process_time()
    result = sync_partition(context, partition, fresh=True)
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    counts = result.counts
    stores.close()
    return {
        "cpu": cpu,
        "wall": wall,
        "peak": peak - idle,
        "texts": ConstantTime.texts,
        "new": counts.new,
        "changed": counts.changed,
        "unchanged": counts.unchanged,
    }


def _resident_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def measure(documents: int, repeat: int) -> dict[str, list[dict[str, Any]]]:
    """Runs every phase `repeat` times, each series from an empty folder."""
    found: dict[str, list[dict[str, Any]]] = {phase: [] for phase in PHASES}
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        initial, changed = root / "initial.ndjson", root / "changed.ndjson"
        write_source(initial, documents)
        write_source(changed, documents, changed_every=20)
        for number in range(repeat):
            folder = root / f"stores-{number}"
            for phase, source in zip(PHASES, (initial, initial, changed), strict=True):
                command = [sys.executable, "-m", "benchmarks.pipeline", "--phase", str(source),
                           "--folder", str(folder)]  # fmt: skip
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                found[phase].append(json.loads(done.stdout.splitlines()[-1]))
    return found


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--phase", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.phase:
        print(json.dumps(run_phase(arguments.phase, arguments.folder)))
        return
    print(f"{arguments.documents:,} documents of {CHARACTERS} characters, {DIMENSIONS} dimensions")
    print(f"{'phase':12} {'CPU s: min':>10} {'median':>7} {'wall s':>7} {'texts':>8} "
          f"{'new':>8} {'changed':>8} {'unchanged':>10} {'MB above idle':>14}")  # fmt: skip
    for phase, runs in measure(arguments.documents, arguments.repeat).items():
        runs.sort(key=lambda run: run["cpu"])
        best, median = runs[0], runs[len(runs) // 2]
        print(f"{phase:12} {best['cpu']:10.2f} {median['cpu']:7.2f} {median['wall']:7.2f} "
              f"{best['texts']:8,} {best['new']:8,} {best['changed']:8,} {best['unchanged']:10,} "
              f"{max(run['peak'] for run in runs) / 1e6:14.0f}")  # fmt: skip


if __name__ == "__main__":
    main()
