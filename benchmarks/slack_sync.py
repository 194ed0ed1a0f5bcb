"""A Slack workspace over HTTP: the whole sync against each of its stages alone.

    python -m benchmarks.slack_sync                        # 100,000 messages
    python -m benchmarks.slack_sync --latency 0.01         # every answer takes 10 ms to come
    python -m benchmarks.slack_sync --messages 20000 --embedding none

The sandbox serves a company from a process of its own, with its limits off, so that what is
measured is ours: fetching (pages over HTTP, four channels at once), transforming (raw landing,
documents, chunks, embedding) and writing (document index, vectors, ledger), each alone and on the
same messages, and the whole sync, in which the three overlap.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from benchmarks.sandbox_slack import running_slack
from exporters.base import Partition
from exporters.changes import Change, Listed, Upsert
from tasks.batches import ChangeBatch, EncodedUpsert, WriteBatch, encoded
from tasks.garbage import patient_collector
from tasks.partition_work import Stages, stages
from tasks.pipeline import sync_partition
from tasks.results import Counts
from tasks.session import SyncRequest, SyncSession

STAGES: Final = ("fetch", "transform", "write")
AT_ONCE: Final = 4


def measure_stages() -> dict[str, float]:
    """Wall seconds of each stage alone, one after the other on the same messages."""
    session = SyncSession(SyncRequest(source="slack"))
    partitions = _partitions(session)
    fetched: dict[str, list[Upsert]] = {}

    def fetch(partition: Partition) -> None:
        changes = _loaded(session.exporter.pull(partition, None))
        fetched[partition.key] = [change for change in changes if isinstance(change, Upsert)]

    seconds = {"fetch": _seconds(lambda: _at_once(fetch, partitions))}
    work = [
        (own, batch)
        for partition in partitions
        for own in [_stages(session, partition)]
        for batch in _batches(session, fetched.pop(partition.key))
    ]
    written: list[tuple[Stages, WriteBatch]] = []

    def transform() -> None:
        while work:
            own, batch = work.pop(0)
            made = own.transformer.transform(batch)
            own.embedding.embed(made)
            written.append((own, made))

    seconds["transform"] = _seconds(transform)

    def write() -> None:
        for own, batch in written:
            own.writer.write(batch)

    seconds["write"] = _seconds(write)
    session.close()
    return seconds


def measure_whole() -> dict[str, float]:
    """Wall seconds of the whole sync, and what came of it."""
    session = SyncSession(SyncRequest(source="slack"))
    partitions = _partitions(session)
    results: list[Counts] = []

    def sync(partition: Partition) -> None:
        results.append(sync_partition(session.context, partition, fresh=True).counts)

    seconds = _seconds(lambda: _at_once(sync, partitions))
    documents = session.stores.index.count()
    session.close()
    return {
        "whole": seconds,
        "documents": documents,
        "calls": sum(counts.api_calls for counts in results),
        "embedded": sum(counts.embedded for counts in results),
    }


def _loaded(changes: Iterable[Change]) -> Iterator[Change]:
    """Changes with every listed item fetched, as in a first sync."""
    for change in changes:
        if isinstance(change, Listed):
            yield from change.load()
        else:
            yield change


def _partitions(session: SyncSession) -> list[Partition]:
    found = session.exporter.partitions(session.selection)
    return [partition for partition in found if not partition.unreadable]


def _at_once(act: Callable[[Partition], None], partitions: list[Partition]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(act, partitions))


def _seconds(act: Callable[[], object]) -> float:
    started = time.monotonic()
    with patient_collector():  # as in a sync
        act()
    return time.monotonic() - started


def _batches(session: SyncSession, upserts: list[Upsert]) -> Iterator[ChangeBatch]:
    """Batches as the pipeline makes them; a record that comes again goes into the next one."""
    options = session.context.options
    batch, keys = ChangeBatch(), set[str]()
    for upsert in upserts:
        item = encoded(upsert, session.exporter.transform_version)
        if not isinstance(item, EncodedUpsert):
            raise TypeError(f"a payload of the sandbox is no JSON: {upsert.record.key}")
        if (
            item.record.key in keys
            or len(batch.items) >= options.batch_records
            or batch.size >= options.batch_bytes
        ):
            yield batch
            batch, keys = ChangeBatch(), set()
        batch.items.append(item)
        batch.size += len(item.payload)
        keys.add(item.record.key)
    yield batch


def _stages(session: SyncSession, partition: Partition) -> Stages:
    context, ledger = session.context, session.stores.ledger
    state = ledger.partition(context.connection_id, partition.key, partition.name, partition.kind)
    found = stages(
        replace(context, maker=None),  # the work itself, wherever it is done
        partition,
        partition_id=state.id,
        generation=ledger.begin_listing(state.id, fresh=True),
        counts=Counts(),
        shared=None,
    )
    found.transformer.wait = lambda _: None  # nothing is being written meanwhile
    return found


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds an answer takes")
    parser.add_argument("--embedding", default="wordllama", help="embedding model")
    parser.add_argument("--phase", choices=["stages", "whole"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.phase:
        found = measure_stages() if arguments.phase == "stages" else measure_whole()
        print(json.dumps(found))
        return
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running_slack(arguments.messages, folder, latency=arguments.latency) as slack:
            for phase in ("stages", "whole"):
                environment = {
                    **slack,
                    "DATA_GETTERS_STORES__DATA_DIRECTORY": str(folder / phase),
                    "DATA_GETTERS_STORES__EMBEDDING_MODEL": arguments.embedding,
                }
                done = subprocess.run(
                    [sys.executable, "-m", "benchmarks.slack_sync", "--phase", phase],
                    env=environment, stdout=subprocess.PIPE, text=True, check=True,
                )  # fmt: skip
                figures |= json.loads(done.stdout.splitlines()[-1])
    slowest = max(STAGES, key=lambda stage: figures[stage])
    print(f"{arguments.messages:,} messages, {figures['documents']:,} documents, "
          f"{figures['calls']:,} API calls, {figures['embedded']:,} texts embedded")  # fmt: skip
    for stage in STAGES:
        print(f"{stage:10} alone {figures[stage]:7.1f} s")
    print(f"whole sync       {figures['whole']:7.1f} s")
    print(f"against the slowest stage ({slowest}): {figures['whole'] / figures[slowest]:.2f}")


if __name__ == "__main__":
    main()
