"""The sync pipeline by itself: CPU, memory and texts embedded, for a first load and two resyncs.

    python -m benchmarks.pipeline                       # 20,000 documents, best of 5
    python -m benchmarks.pipeline --documents 200000 --repeat 1

A source that reads records from a file, a constant-time embedding of 384 dimensions, raw landing
on, durable ledger, the embedded stores with full-text index and vectors. Each phase runs in a
process of its own; its CPU is what the process used between the opened stores and the end of the
sync, all threads together, and its memory the peak above what the idle process held before.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet  # noqa: F401 (an idle worker has it loaded)

from benchmarks.made_up_source import (
    CHARACTERS,
    DIMENSIONS,
    PARTITION,
    ConstantTime,
    FileExporter,
    write_source,
)
from stores.opening import open_vector_store
from stores.settings import load_store_settings
from tasks.context import SyncContext
from tasks.options import SyncOptions
from tasks.pipeline import sync_partition
from tasks.stores import Stores, open_stores

PHASES: Final = ("first load", "no change", "5 % changed")


def run_phase(source: Path, folder: Path) -> dict[str, Any]:
    """Syncs once and measures; runs in a process of its own."""
    settings = load_store_settings(data_directory=folder, embedding_model="none")
    model = ConstantTime()
    vectors = open_vector_store(settings)
    vectors.bind(model.identity, model.dimensions)
    plain = open_stores(settings)
    stores = Stores(
        index=plain.index, vectors=vectors, embeddings=model, ledger=plain.ledger,
        raw=plain.raw, settings=settings, shared=plain.shared,
    )  # fmt: skip
    exporter = FileExporter(source)
    context = SyncContext(
        exporter=exporter,
        connection=exporter.connection,
        connection_id=stores.ledger.connection_id("bench", exporter.connection, "Benchmark"),
        stores=stores,
        options=SyncOptions(),
        run_id=f"bench-{time.time_ns()}",
        store_name="documents",
    )
    idle = _resident_bytes()
    wall, cpu = time.monotonic(), time.process_time()
    counts = sync_partition(context, PARTITION, fresh=True).counts
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    stores.close()
    return {
        "cpu": cpu,
        "wall": wall,
        "peak": peak - idle,
        "texts": model.texts,
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
