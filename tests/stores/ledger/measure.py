"""Measures the ledger: CPU seconds for 20,000 records in batches of 1,000.

python tests/stores/ledger/measure.py [postgresql://...]
"""

import gc
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from documents.fingerprints import text_hash
from stores.ledger.ledger import Ledger
from stores.ledger.types import KnownDocument, LedgerBatch, RawFile, RecordState

RECORDS = 20_000
BATCH = 1_000
ROUNDS = 5
DIMENSIONS = 384
START = datetime(2026, 11, 1, tzinfo=UTC)

Figures = dict[str, list[float]]


def record(number: int, path: str, mark: str) -> RecordState:
    """A Slack thread as the pipeline hands it in."""
    native = f"C{number % 50:010d}-{1_700_000_000 + number * 37}.{number % 1_000_000:06d}"
    return RecordState(
        key=f"thread:{native}",
        payload_hash=text_hash(f"{native}{mark}"),
        version=f"{1_700_000_000 + number}.{number % 1_000_000:06d}",
        fetched_at=START,
        occurred_at=START - timedelta(minutes=number),
        documents=(
            KnownDocument(f"slack:T012345:thread:{native}", text_hash(native + mark), "0" * 32),
        ),
        raw_ref=f"{path}#{number % BATCH}",
        url=f"https://acme.slack.com/archives/{native}",
    )


def batches(mark: str) -> Iterator[tuple[list[RecordState], RawFile]]:
    """Batches of records, each with the file its payloads landed in."""
    for start in range(0, RECORDS, BATCH):
        path = f"source=slack/entity=thread/date=2026-11-20/0190f3c2-{mark}{start}.parquet"
        file = RawFile(path, "slack", "T012345", "C1", "thread", BATCH)
        yield [record(number, path, mark) for number in range(start, start + BATCH)], file


@contextmanager
def measured(figures: Figures, name: str) -> Iterator[None]:
    """Adds the CPU seconds and the wall seconds of a block."""
    cpu, wall = time.process_time(), time.perf_counter()
    yield
    figures.setdefault(f"{name} CPU s", []).append(time.process_time() - cpu)
    figures.setdefault(f"{name} wall s", []).append(time.perf_counter() - wall)


def measure(ledger: Ledger, figures: Figures, round_number: int) -> None:
    """One round on an own connection of the ledger."""
    connection = ledger.connection_id("slack", f"T{round_number}", "Acme")
    partition = ledger.partition(connection, "C1", "general", "channel").id
    generation = ledger.begin_listing(partition, fresh=True)

    def commit_all(work: list[tuple[list[RecordState], RawFile]]) -> None:
        for records, file in work:
            ledger.commit(
                LedgerBatch(
                    partition_id=partition,
                    generation=generation,
                    records=records,
                    raw_files=[file],
                    cursor={"ts": "1700000000.000000"},
                )
            )

    def known_all() -> None:
        for records, _ in new:
            keys = [record.key for record in records]
            found = ledger.known(connection, keys)
            # What the pipeline asks of every record.
            unchanged = [
                key
                for key, state in zip(keys, (found[key] for key in keys), strict=True)
                if state.payload_hash == state.payload_hash and state.partition_id == partition
            ]
            if len(unchanged) != len(keys):
                raise AssertionError

    new = list(batches(f"{round_number}a"))
    changed = list(batches(f"{round_number}b"))
    # Or the garbage collector walks through these inputs every few thousand records.
    gc.collect()
    gc.freeze()
    with measured(figures, "commit new"):
        commit_all(new)
    with measured(figures, "known"):
        known_all()
    with measured(figures, "commit changed"):
        commit_all(changed)
    generation = ledger.begin_listing(partition, fresh=True)
    with measured(figures, "seen"):
        for records, _ in new:
            seen = [record.key for record in records]
            ledger.commit(LedgerBatch(partition_id=partition, generation=generation, seen=seen))
    with measured(figures, "unseen summary"):
        ledger.unseen(partition, generation=generation)
    with measured(figures, "all records in pages, with documents"):
        for page in ledger.records_of(partition):
            for state in page:
                _ = state.documents
    vectors = [
        {text_hash(f"{round_number} {number}"): b"\x01" * (4 * DIMENSIONS) for number in chunk}
        for chunk in (range(start, start + BATCH) for start in range(0, RECORDS, BATCH))
    ]
    with measured(figures, "cache vectors"):
        for chunk in vectors:
            ledger.cache_vectors("model", chunk)
    with measured(figures, "cached vectors"):
        for chunk in vectors:
            ledger.cached_vectors("model", chunk)


def times(call: Callable[[], object], number: int) -> float:
    """Wall milliseconds of a call, the best of several."""
    best = float("inf")
    for _ in range(number):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best * 1000


def main() -> None:
    """Measures and prints."""
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[1] if len(sys.argv) > 1 else f"{folder}/ledger.db"
        ledger = Ledger.open(url)
        figures: Figures = {}
        for round_number in range(ROUNDS):
            measure(ledger, figures, round_number)
        lines = [
            f"{name:50} {' '.join(f'{value:.3f}' for value in values)}"
            for name, values in figures.items()
        ]
        opening = times(lambda: Ledger.open(url), 20)
        lines.append(f"opening a current schema, wall ms: {opening:.2f}")
        if ledger.database:
            size = Path(url).stat().st_size
            lines.append(f"file: {size / 1e6:.1f} MB for {ROUNDS * RECORDS} records and vectors")
        sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
