"""A server with next to no room, killed in the middle: what real answers and a real crash do."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from elasticsearch import Elasticsearch
from langchain_core.documents import Document
from servers.elasticsearch.server import ElasticsearchServer, Installation, Setting
from store_samples import a_document, chunked, random_vectors

from benchmarks.made_up_source import PARTITION, FileExporter, write_source
from stores.base import SearchFilter
from stores.elasticsearch.connection import Connection
from stores.elasticsearch.document_index import ElasticsearchDocumentIndex
from stores.elasticsearch.target import read_target
from stores.elasticsearch.vector_store import ElasticsearchVectorStore
from stores.settings import load_store_settings
from tasks.context import SyncContext
from tasks.options import SyncOptions
from tasks.partition_errors import PartitionFailedError
from tasks.pipeline import sync_partition
from tasks.stores import open_stores
from tasks.versions import NOTHING

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("elasticsearch-own")]


@pytest.fixture(scope="module")
def server(elasticsearch_installation: Installation) -> Iterator[ElasticsearchServer]:
    settings: dict[str, Setting] = {
        "http.max_content_length": "1mb",
        "thread_pool.write.size": 1,
        "thread_pool.write.queue_size": 1,
    }
    with ElasticsearchServer(elasticsearch_installation, settings=settings) as server:
        yield server


def opened(server: ElasticsearchServer, **options: Any) -> ElasticsearchDocumentIndex:
    parameters = "&".join(f"{name}={value}" for name, value in options.items())
    return ElasticsearchDocumentIndex(Connection.open(read_target(f"{server.url}?{parameters}")))


def test_a_batch_larger_than_the_server_takes_is_written_but_for_the_document_that_is_itself(
    server: ElasticsearchServer,
) -> None:
    index = opened(server, prefix="large", patience=60)
    documents = [a_document(str(i), f"fox {i} " + "x" * 20_000) for i in range(200)]
    large = a_document("large", "x" * 1_100_000)
    (failure,) = index.write([*documents[:100], large, *documents[100:]])
    assert failure.document_id == large.id
    assert "larger than the server takes" in failure.reason
    index.maintain()
    assert index.count() == 200
    index.close()


@pytest.mark.full
@pytest.mark.faults
def test_documents_for_which_there_is_no_room_are_all_written_in_the_end(
    server: ElasticsearchServer,
) -> None:
    index = opened(server, prefix="crowded", shards=12, patience=60)
    writers = []
    failures: list[Any] = []

    def write(number: int) -> None:
        documents = [a_document(f"{number}-{i}", "fox " * 50) for i in range(1_000)]
        failures.extend(index.write(documents))

    for number in range(3):
        writers.append(threading.Thread(target=write, args=(number,)))
        writers[-1].start()
    for writer in writers:
        writer.join()
    with Elasticsearch(server.url) as client:
        (node,) = client.nodes.stats(metric="thread_pool")["nodes"].values()
    assert node["thread_pool"]["write"]["rejected"] > 0  # there was no room
    assert failures == []
    index.maintain()
    assert index.count() == 3_000
    index.close()


def test_a_server_that_is_killed_in_the_middle_loses_nothing_and_doubles_nothing(
    server: ElasticsearchServer,
) -> None:
    index = opened(server, prefix="killed", patience=120)
    store = ElasticsearchVectorStore(Connection.open(read_target(f"{server.url}?prefix=killed")))
    store.bind("model-a", 8)
    written = threading.Event()
    told: list[Any] = []
    documents = [a_document(str(i), f"fox {i}") for i in range(1_200)]

    def write() -> None:
        for first in range(0, len(documents), 200):
            batch = documents[first : first + 200]
            told.extend(index.write(batch))
            told.extend(store.write([chunked(d, random_vectors(2, seed=first)) for d in batch]))
            if first >= 400:
                written.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert written.wait(120)
    server.kill()
    server.start()
    writer.join()
    assert told == []
    index.maintain()
    store.maintain()
    assert index.count() == len(documents)
    assert store.count() == 2 * len(documents)
    assert {d.id for d in index.iterate()} == {d.id for d in documents}
    index.close()
    store.close()


@pytest.mark.full
@pytest.mark.faults
def test_quantised_vectors_find_what_exact_ones_find(server: ElasticsearchServer) -> None:
    """Both kinds of quantisation: a byte for a dimension, and from 768 dimensions on a bit."""
    for dimensions in (256, 768):
        address = f"{server.url}?prefix=recall{dimensions}&patience=60"
        store = ElasticsearchVectorStore(Connection.open(read_target(address)))
        store.bind("model", dimensions)
        vectors = clustered(2_000, dimensions)
        for first in range(0, len(vectors), 200):
            store.write(
                [
                    chunked(a_document(str(i), access=[f"group:x:{i % 10}"]), [vectors[i]])
                    for i in range(first, first + 200)
                ]
            )
        store.maintain()
        units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        for group in (None, 3):
            where = None
            if group is not None:
                where = SearchFilter(principals=frozenset({f"group:x:{group}"}))
            found = 0
            for question in vectors[::200]:
                cosines = units @ (question / np.linalg.norm(question))
                if group is not None:
                    cosines[np.arange(len(units)) % 10 != group] = -2
                best = {f"slack:T1:message:{i}" for i in np.argsort(-cosines)[:50]}
                hits = store.search(question, limit=50, where=where)
                assert len(hits) == 50
                for hit in hits:
                    exact = cosines[int(hit.document_id.rpartition(":")[2])]
                    assert hit.score == pytest.approx(float(exact), abs=1e-4)
                found += len(best & {hit.document_id for hit in hits})
            assert found >= 0.95 * 500
        store.close()


def clustered(number: int, dimensions: int) -> np.ndarray:
    """Vectors (n, d) in some clusters, as texts have topics."""
    random = np.random.default_rng(5)
    centres = random.standard_normal((40, dimensions))
    chosen = centres[random.integers(0, 40, number)]
    return (chosen + 0.6 * random.standard_normal((number, dimensions))).astype(np.float32)


def test_a_sync_that_was_stopped_by_the_server_ends_as_an_undisturbed_one(
    server: ElasticsearchServer, tmp_path: Path
) -> None:
    """The whole pipeline: no cursor is committed before the server has its documents."""
    source = tmp_path / "source.ndjson"
    write_source(source, 2_000)
    settings = load_store_settings(
        data_directory=tmp_path / "data",
        document_index=f"{server.url}?prefix=synced&patience=5",
        embedding_model="none",
    )
    stores = open_stores(settings)
    exporter = FileExporter(source)

    def sync() -> Any:
        context = SyncContext(
            exporter=exporter,
            connection="B1",
            connection_id=stores.ledger.connection_id("bench", "B1", "Benchmark"),
            stores=stores,
            options=SyncOptions(batch_records=200),
            run_id="run",
            store_name="documents",
            progress=lambda result: server.kill() if killing and result.counts.new > 600 else None,
        )
        return sync_partition(context, PARTITION)

    killing = True
    with pytest.raises(PartitionFailedError, match="cannot be reached"):
        sync()
    killing = False
    server.start()
    known = stores.ledger.known(
        stores.ledger.connection_id("bench", "B1", ""),
        [f"page:{orjson.loads(line)['id']}" for line in source.read_text().splitlines()],
    )
    # What has no fingerprint yet was only announced: the server may or may not have it.
    ids = [
        document.id
        for record in known.values()
        for document in record.documents
        if document.content_hash != NOTHING
    ]
    stored: dict[str, Document] = stores.index.get(ids)
    assert 600 < len(ids) < 2_000
    assert set(stored) == set(ids)  # what the ledger knows is there
    again = sync()
    assert again.counts.failed == 0
    stores.index.maintain()
    assert stores.index.count() == 2_000
    third = sync()
    assert (third.counts.new, third.counts.changed, third.counts.unchanged) == (0, 0, 2_000)
    stores.close()
