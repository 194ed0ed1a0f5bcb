"""Measures the raw landing: CPU seconds for 20,000 payloads of 1.3 kB in batches of 2,000.

python tests/stores/raw/measure.py [location]
"""

import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from stores.raw.store import RawStore
from stores.raw.types import RawRow

PAYLOADS = 20_000
BATCH = 2_000
ROUNDS = 5
TINY = 5
NOW = datetime(2026, 11, 20, tzinfo=UTC)

chance = random.Random(1)  # noqa: S311
WORDS = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=5)) for _ in range(3000)]


def rows(number: int) -> list[RawRow]:
    """Messages as Slack gives them."""
    return [
        RawRow(
            source="slack",
            connection="T012345",
            partition="C1",
            entity="thread",
            external_id=f"C1-{place}",
            payload=orjson.dumps(
                {
                    "type": "message",
                    "user": f"U{chance.randrange(500):08d}",
                    "ts": f"{1_700_000_000 + place}.{chance.randrange(1_000_000):06d}",
                    "text": " ".join(chance.choices(WORDS, k=190)),
                    "team": "T012345",
                    "client_msg_id": f"{chance.getrandbits(128):032x}",
                }
            ),
            url=f"https://acme.slack.com/archives/C1/p{place}",
            occurred_at=NOW + timedelta(seconds=place),
            version="1",
            fetched_at=NOW,
        )
        for place in range(number)
    ]


@contextmanager
def measured(name: str, results: dict[str, list[tuple[float, float]]]) -> Iterator[None]:
    """Adds the CPU seconds (of all threads) and the wall seconds of a block."""
    cpu, wall = time.process_time(), time.perf_counter()
    yield
    results.setdefault(name, []).append((time.process_time() - cpu, time.perf_counter() - wall))


def size(folder: Path) -> tuple[int, float]:
    """Number of files, and megabytes."""
    found = list(folder.rglob("*.parquet"))
    return len(found), sum(path.stat().st_size for path in found) / 1e6


def main() -> None:
    """Measures and prints."""
    payloads = rows(PAYLOADS)
    results: dict[str, list[tuple[float, float]]] = {}
    lines = [f"{sum(len(row.payload) for row in payloads) / PAYLOADS:.0f} bytes a payload"]
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            store = RawStore.open(folder)
            with measured("append", results):
                for start in range(0, PAYLOADS, BATCH):
                    landed = store.append(payloads[start : start + BATCH], run_id="run")
            with measured("iterate", results):
                if sum(1 for _ in store.iterate()) != PAYLOADS:
                    raise AssertionError
            with measured("read 100 references of one file, one by one", results):
                for ref in landed.refs[::20]:
                    store.read(ref)
            with measured("read 100 references of one file at once", results):
                list(store.read_many(landed.refs[::20]))
            large = size(Path(folder))
        with tempfile.TemporaryDirectory() as folder:
            store = RawStore.open(folder)
            day = NOW.date() - timedelta(days=9)
            with measured(f"append in files of {TINY} rows", results):
                for start in range(0, PAYLOADS // 5, TINY):
                    landed = store.append(payloads[start : start + TINY], run_id="r", day=day)
            tiny = size(Path(folder))
            with measured("iterate tiny files", results):
                sum(1 for _ in store.iterate())
            with measured("compact", results):
                store.compact(grace=timedelta(0))
            with measured("remove merged files", results):
                store.compact(grace=timedelta(0))
            merged = size(Path(folder))
            with measured("iterate compacted", results):
                sum(1 for _ in store.iterate())
            with measured("read a reference into a merged file", results):
                store.read(landed.refs[0])
    for name, figures in results.items():
        cpu = " ".join(f"{figure[0]:.3f}" for figure in figures)
        wall = " ".join(f"{figure[1]:.3f}" for figure in figures)
        lines.append(f"{name:45} CPU s {cpu}   wall s {wall}")
    lines.append(f"batches of {BATCH}: {large[0]} files, {large[1]:.2f} MB")
    lines.append(f"batches of {TINY}: {tiny[0]} files, {tiny[1]:.2f} MB")
    lines.append(f"compacted: {merged[0]} files, {merged[1]:.2f} MB")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
