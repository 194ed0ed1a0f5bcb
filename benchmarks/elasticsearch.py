"""The whole sync against Elasticsearch, beside the client's own `parallel_bulk`.

    cd tests && python -m servers.elasticsearch            # prints ELASTICSEARCH_URL and serves
    python -m benchmarks.elasticsearch                     # 20,000 documents, best of 3
    python -m benchmarks.elasticsearch --vectors           # with their chunks of 384 dimensions
    python -m benchmarks.elasticsearch --apart             # server and sync on cores of their own

`parallel_bulk` gets the very same bodies as dictionaries ready made in memory, with as many
threads and items in a request, and the orjson serializer. The sync reads records from a file, lands
them, makes documents, embeds in constant time, writes to the server and commits to its ledger. The
two take turns, each into fresh indices. With `--apart` the server is held to one half of the
machine's cores and everything here, `parallel_bulk` as well, to the other, as where the server is
another machine; without it they compete for the same ones. Then the same source is synced again:
nothing has changed, so no bulk request may be sent.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, Self
from uuid import uuid4

import orjson
from elasticsearch import Elasticsearch, OrjsonSerializer
from elasticsearch.helpers import parallel_bulk

from benchmarks.made_up_source import (
    CHARACTERS,
    PARTITION,
    ConstantTime,
    FileExporter,
    write_source,
)
from stores.elasticsearch.bulk import IN_FLIGHT, MOST_ITEMS, BulkWriter, Operation
from stores.elasticsearch.document_index import ElasticsearchDocumentIndex
from stores.elasticsearch.templates import chunk_schema, document_schema, index_settings
from stores.elasticsearch.vector_store import ElasticsearchVectorStore
from stores.opening import open_vector_store
from stores.settings import load_store_settings
from tasks.context import SyncContext
from tasks.options import SyncOptions
from tasks.pipeline import sync_partition
from tasks.stores import Stores, open_stores

SOURCE: Final = "bench"


class Cost(NamedTuple):
    """Seconds by the clock, and CPU seconds of this process and of the server."""

    seconds: float
    own: float
    server: float

    @property
    def cpu(self) -> float:
        """Of both."""
        return self.own + self.server


class Meter:
    """What a block costs, here and at the server."""

    def __init__(self, client: Elasticsearch) -> None:
        self._client = client

    def __enter__(self) -> Self:
        self._began = self._now()
        return self

    def __exit__(self, *_: object) -> None:
        began, ended = self._began, self._now()
        self.cost = Cost(*(round(e - b, 3) for b, e in zip(began, ended, strict=True)))

    def _now(self) -> tuple[float, float, float]:
        nodes = self._client.nodes.stats(metric="process")["nodes"].values()
        server = sum(node["process"]["cpu"]["total_in_millis"] for node in nodes) / 1_000
        return time.monotonic(), time.process_time(), server


class Synced(NamedTuple):
    """What one sync took."""

    cost: Cost
    requests: int
    written: int
    unchanged: int


class Recorded(BulkWriter):
    """Keeps every operation besides carrying it out."""

    def write(self, operations: Any) -> Any:
        """See `BulkWriter.write`."""
        self.kept: list[Operation] = getattr(self, "kept", [])
        self.kept.extend(operations)
        return super().write(operations)


def sync(
    client: Elasticsearch,
    url: str,
    source: Path,
    folder: Path,
    *,
    vectors: bool,
    keep: bool = False,
) -> tuple[Synced, list[list[Operation]]]:
    """Syncs once; answers what it took, and the operations where they were kept."""
    settings = load_store_settings(
        data_directory=folder, document_index=url, vector_store=url, embedding_model="none"
    )
    plain = open_stores(settings)
    model = ConstantTime() if vectors else None
    store = open_vector_store(settings) if vectors else None
    if store is not None and model is not None:
        store.bind(model.identity, model.dimensions)
    index = plain.index
    if not isinstance(index, ElasticsearchDocumentIndex):
        raise SystemExit(f"{url} is no Elasticsearch")
    writers = [index._bulk]
    if isinstance(store, ElasticsearchVectorStore):
        writers.append(store._bulk)
    if keep:
        index._bulk = writers[0] = Recorded(index._connection)
        if isinstance(store, ElasticsearchVectorStore):
            store._bulk = Recorded(store._connection)
            writers[1] = store._bulk
    stores = Stores(
        index=index, vectors=store, embeddings=model, ledger=plain.ledger,
        raw=plain.raw, settings=settings, shared=None,
    )  # fmt: skip
    exporter = FileExporter(source)
    context = SyncContext(
        exporter=exporter,
        connection=exporter.connection,
        connection_id=stores.ledger.connection_id(SOURCE, exporter.connection, "Benchmark"),
        stores=stores,
        options=SyncOptions(),
        run_id=f"bench-{time.time_ns()}",
        store_name="documents",
    )
    with Meter(client) as meter:
        counts = sync_partition(context, PARTITION, fresh=True).counts
    requests = sum(writer.requests for writer in writers)
    kept = [getattr(writer, "kept", []) for writer in writers]
    stores.close()
    return Synced(meter.cost, requests, counts.new + counts.changed, counts.unchanged), kept


def ready_made(operations: list[Operation], alias: str) -> list[dict[str, Any]]:
    """Operations as the dictionaries that `parallel_bulk` takes, for another index."""
    actions = []
    for operation in operations:
        action, body = (orjson.loads(line) for line in operation.lines.splitlines())
        actions.append({"_index": alias, "_id": action["index"]["_id"], "_source": body})
    return actions


def bulk_alone(client: Elasticsearch, parts: list[list[dict[str, Any]]]) -> Cost:
    """What `parallel_bulk` takes, one index after the other."""
    with Meter(client) as meter:
        for actions in parts:
            for _ in parallel_bulk(
                client,
                actions,
                thread_count=IN_FLIGHT,
                chunk_size=MOST_ITEMS,
                queue_size=IN_FLIGHT,
            ):
                pass
    return meter.cost


def keep_apart(client: Elasticsearch) -> str:
    """Gives the server and this process each one half of the cores; tells which."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise SystemExit("--apart needs two cores at least.")
    ours, theirs = set(cores[: len(cores) // 2]), set(cores[len(cores) // 2 :])
    for node in client.nodes.info(metric="process")["nodes"].values():
        threads = Path(f"/proc/{node['process']['id']}/task")
        if not threads.exists():
            raise SystemExit("--apart needs the server to run on this machine.")
        for thread in threads.iterdir():
            os.sched_setaffinity(int(thread.name), theirs)
    os.sched_setaffinity(0, ours)
    return f"server on cores {theirs}, everything else on cores {ours}"


def fresh_indices(client: Elasticsearch, *, vectors: bool) -> list[str]:
    """Empty indices of the mappings of the stores."""
    prefix = f"bench-{uuid4().hex[:8]}"
    schemas = [document_schema(prefix, SOURCE, index_settings())]
    if vectors:
        model = ConstantTime()
        schemas.append(chunk_schema(prefix, model.identity, model.dimensions, index_settings()))
    for schema in schemas:
        settings = dict(schema.settings)
        client.indices.create(index=schema.alias, mappings=dict(schema.mappings), settings=settings)
    return [schema.alias for schema in schemas]


def clear(client: Elasticsearch) -> None:
    """Deletes what the benchmark made."""
    for name in client.indices.get(index="bench-*", expand_wildcards="all"):
        client.indices.delete(index=name)
    for template in client.indices.get_index_template()["index_templates"]:
        if template["name"].startswith("bench-"):
            client.indices.delete_index_template(name=template["name"])


def rounds(
    client: Elasticsearch, url: str, arguments: argparse.Namespace, root: Path
) -> Iterator[tuple[Cost, Synced, Synced]]:
    """Each round: what `parallel_bulk` takes, the sync, and the sync that finds nothing new."""
    source = root / "source.ndjson"
    write_source(source, arguments.documents)
    vectors: bool = arguments.vectors
    prefix = f"bench-{uuid4().hex[:8]}"
    _, kept = sync(
        client, f"{url}?prefix={prefix}", source, root / "first", vectors=vectors, keep=True
    )
    for number in range(arguments.repeat):
        clear(client)
        aliases = fresh_indices(client, vectors=vectors)
        parts = [ready_made(part, alias) for part, alias in zip(kept, aliases, strict=True)]
        alone = bulk_alone(client, parts)
        del parts
        clear(client)
        address = f"{url}?prefix=bench-{uuid4().hex[:8]}"
        folder = root / f"stores-{number}"
        first, _ = sync(client, address, source, folder, vectors=vectors)
        again, _ = sync(client, address, source, folder, vectors=vectors)
        yield alone, first, again
    clear(client)


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--vectors", action="store_true", help="also chunks of 384 dimensions")
    parser.add_argument("--apart", action="store_true", help="server and sync on other cores")
    parser.add_argument("--url", default=os.environ.get("ELASTICSEARCH_URL"))
    arguments = parser.parse_args()
    if not arguments.url:
        parser.error("say --url or ELASTICSEARCH_URL")
    serializers = dict.fromkeys(
        ("application/json", "application/vnd.elasticsearch+json"), OrjsonSerializer()
    )
    what = "documents and their chunks" if arguments.vectors else "documents"
    print(f"{arguments.documents:,} {what} of {CHARACTERS} characters")
    print("documents/s: alone, sync, again | CPU s, own + server: alone, sync | bulk requests")
    alone, synced = [], []
    with (
        Elasticsearch(arguments.url, request_timeout=120, serializers=serializers) as client,
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
    ):
        if arguments.apart:
            print(keep_apart(client))
        for bulk, first, again in rounds(client, arguments.url, arguments, Path(folder)):
            alone.append(bulk)
            synced.append(first.cost)
            number = arguments.documents
            if (first.written, again.unchanged) != (number, number):
                raise SystemExit(f"not all was written: {first}, {again}")
            costs = (bulk, first.cost, again.cost)
            rates = " ".join(f"{number / cost.seconds:7,.0f}" for cost in costs)
            cpu = "  ".join(f"{c.own:5.1f} + {c.server:5.1f}" for c in (bulk, first.cost))
            print(f"{rates} | {cpu} | {first.requests} then {again.requests}", flush=True)
    clock = min(c.seconds for c in alone) / min(c.seconds for c in synced)
    cpu_seconds = min(c.cpu for c in alone) / min(c.cpu for c in synced)
    print(f"best against best: {clock:.2f} by the clock, {cpu_seconds:.2f} by CPU of both")


if __name__ == "__main__":
    main()
