"""Landing and extraction: records of 1.5 kB a CPU second.

    python -m benchmarks.landing                       # 20,000 records, best of 5

The records of `benchmarks.pipeline` with longer texts are extracted: compared with what is known,
validated, landed as Parquet, and committed to the ledger with a job a batch. Measured apart from
that: `RawStore.append` alone. CPU is that of a process of its own, from the opened stores to the
end, all threads together; the source's own reading of its file is part of it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import orjson

from benchmarks.made_up_source import PARTITION, FileExporter, write_source
from exporters.base import Partition
from exporters.changes import Upsert
from exporters.schemas import PayloadSchema
from stores.settings import load_store_settings
from tasks.batches import EncodedUpsert, encoded, raw_row
from tasks.context import SyncContext
from tasks.extraction import extract_partition
from tasks.options import SyncOptions
from tasks.stores import open_stores

WAYS: Final = ("landing", "extraction", "nothing new")
_PADDING: Final = " and the rest of it is this" * 9
_BATCH: Final = 1_000


class Page(PayloadSchema):
    """What a record must hold."""

    id: str
    text: str
    author: dict[str, Any]


def run(source: Path, folder: Path, way: str) -> dict[str, Any]:
    """Lands everything once and measures; runs in a process of its own."""
    stores = open_stores(load_store_settings(data_directory=folder, embedding_model="none"))
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
    if way == "landing":
        rows = [
            raw_row("bench", "B1", PARTITION.key, item)
            for change in exporter.pull(PARTITION, None)
            if isinstance(change, Upsert) and isinstance(item := encoded(change, 0), EncodedUpsert)
        ]
        cpu = time.process_time()
        for start in range(0, len(rows), _BATCH):
            stores.raw.append(rows[start : start + _BATCH], run_id="bench")
        cpu, landed = time.process_time() - cpu, len(rows)
    else:
        cpu = time.process_time()
        partition = Partition(key=PARTITION.key, name=PARTITION.name, kind=PARTITION.kind)
        result = extract_partition(
            context, partition, schemas={"page": Page}, request={}, fresh=True
        )
        cpu, landed = time.process_time() - cpu, result.counts.landed
    jobs = sum(stores.ledger.jobs.counts().values())
    stores.close()
    return {"cpu": cpu, "landed": landed, "jobs": jobs}


def measure(records: int, repeat: int) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """Runs every way `repeat` times; also tells the mean size of a payload."""
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        source = root / "source.ndjson"
        write_source(root / "short.ndjson", records)
        with source.open("wb") as file:
            for line in (root / "short.ndjson").read_bytes().splitlines():
                payload = orjson.loads(line)
                file.write(orjson.dumps({**payload, "text": payload["text"] + _PADDING}) + b"\n")
        size = source.stat().st_size // records
        for number in range(repeat):
            for way in WAYS:
                # What is extracted first is what is not new the second time.
                folder = root / f"{number}-{'landing' if way == 'landing' else 'extraction'}"
                command = [sys.executable, "-m", "benchmarks.landing", f"--way={way}",
                           f"--folder={folder}", f"--records={records}"]  # fmt: skip
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                found[way].append(json.loads(done.stdout.splitlines()[-1]))
    return size, found


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        source = arguments.folder.parent / "source.ndjson"
        print(json.dumps(run(source, arguments.folder, arguments.way)))
        return
    size, found = measure(arguments.records, arguments.repeat)
    print(f"{arguments.records:,} records of {size:,} bytes")
    print(f"{'way':12} {'CPU s: min':>10} {'records/CPU s':>14} {'landed':>8} {'jobs':>6}")
    for way, runs in found.items():
        best = min(runs, key=lambda one: one["cpu"])
        print(f"{way:12} {best['cpu']:10.2f} {arguments.records / best['cpu']:14,.0f} "
              f"{best['landed']:8,} {best['jobs']:6,}")  # fmt: skip


if __name__ == "__main__":
    main()
