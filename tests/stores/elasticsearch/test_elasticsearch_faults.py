"""Writing while things go wrong: nothing is lost, nothing doubled, and what is given up is told."""

import json
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from elasticsearch import Elasticsearch
from fault_proxy import Answer, Cut, FaultProxy, Request
from langchain_core.documents import Document
from store_samples import DIMENSIONS, a_document, chunked, random_vectors

from stores.elasticsearch.connection import Connection
from stores.elasticsearch.document_index import ElasticsearchDocumentIndex
from stores.elasticsearch.reindex import Reindexer
from stores.elasticsearch.target import read_target
from stores.elasticsearch.vector_store import ElasticsearchVectorStore
from stores.errors import (
    StoreFullError,
    StoreReadOnlyError,
    StoreUnavailableError,
)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("elasticsearch")]

Pass = Callable[[Request], Answer]

BUSY = json.dumps(
    {
        "error": {
            "type": "es_rejected_execution_exception",
            "reason": "rejected execution of coordinating operation",
        },
        "status": 429,
    }
).encode()


def too_large(request: Request, forward: Pass) -> Answer | None:
    """A server, or a proxy before it, that takes 20,000 bytes."""
    return Answer(413, b"") if request.is_bulk and len(request.body) > 20_000 else None


@pytest.fixture
def proxy(elasticsearch_url: str) -> Iterator[FaultProxy]:
    with FaultProxy(elasticsearch_url) as proxy:
        yield proxy


@pytest.fixture
def index(proxy: FaultProxy, elasticsearch_prefix: str) -> Iterator[ElasticsearchDocumentIndex]:
    """An index behind the proxy, which is already made."""
    address = f"{proxy.url}?prefix={elasticsearch_prefix}&patience=15"
    index = ElasticsearchDocumentIndex(Connection.open(read_target(address)))
    index.write([a_document("first")])
    proxy.requests.clear()
    yield index
    proxy.fault = None
    index.close()


def some_documents(number: int = 600, words: str = "fox") -> list[Document]:
    return [a_document(str(i), f"{words} {i}") for i in range(number)]


def assert_complete(index: ElasticsearchDocumentIndex, documents: list[Document]) -> None:
    index.maintain()
    assert index.count() == len(documents) + 1  # the first one
    assert index.get([d.id or "" for d in documents]) == {d.id or "": d for d in documents}


class TestBusy:
    def test_only_rejected_items_are_sent_again(
        self, proxy: FaultProxy, index: ElasticsearchDocumentIndex
    ) -> None:
        rejected: list[str] = []

        def fault(request: Request, forward: Pass) -> Answer | None:
            """Every third item of a first attempt finds no room."""
            fresh = [n for n, i in enumerate(request.ids) if i not in rejected]
            kept = [n for n in range(len(request.ids)) if n not in fresh or n % 3]
            if len(kept) == len(request.ids):
                return None
            answer = forward(request.only(kept)).json()
            items = iter(answer["items"])
            refused = {"index": {"status": 429, "error": json.loads(BUSY)["error"]}}
            merged = [next(items) if n in kept else refused for n in range(len(request.ids))]
            rejected.extend(i for n, i in enumerate(request.ids) if n not in kept)
            return Answer(200, json.dumps({"errors": True, "items": merged}).encode())

        proxy.fault = lambda r, forward: fault(r, forward) if r.is_bulk else None
        documents = some_documents()
        assert index.write(documents) == []
        assert rejected
        sent = [i for request in proxy.requests for i in request.ids]
        assert sorted(sent) == sorted([d.id or "" for d in documents] + rejected)
        assert_complete(index, documents)

    def test_a_request_that_finds_no_room_is_sent_again(
        self, proxy: FaultProxy, index: ElasticsearchDocumentIndex
    ) -> None:
        left = [5]

        def fault(request: Request, forward: Pass) -> Answer | None:
            if request.is_bulk and left[0]:
                left[0] -= 1
                return Answer(429, BUSY)
            return None

        proxy.fault = fault
        documents = some_documents()
        assert index.write(documents) == []
        assert left == [0]
        assert_complete(index, documents)

    def test_a_server_that_stays_busy_is_told_in_the_end(
        self, proxy: FaultProxy, elasticsearch_prefix: str
    ) -> None:
        address = f"{proxy.url}?prefix={elasticsearch_prefix}&patience=1"
        index = ElasticsearchDocumentIndex(Connection.open(read_target(address)))
        proxy.fault = lambda request, _: Answer(429, BUSY) if request.is_bulk else None
        with pytest.raises(StoreUnavailableError, match="overloaded") as told:
            index.write([a_document("1")])
        assert told.value.retryable
        assert len(proxy.requests) > 1
        index.close()


class TestTooLarge:
    def test_a_request_that_is_too_large_is_halved(
        self, proxy: FaultProxy, index: ElasticsearchDocumentIndex
    ) -> None:
        proxy.fault = too_large
        documents = some_documents()
        assert index.write(documents) == []
        assert any(len(request.body) > 20_000 for request in proxy.requests)
        assert_complete(index, documents)

    def test_a_document_that_is_too_large_alone_is_refused_alone(
        self, proxy: FaultProxy, index: ElasticsearchDocumentIndex
    ) -> None:
        proxy.fault = too_large
        documents = some_documents(100)
        large = a_document("large", "x" * 30_000)
        (failure,) = index.write([*documents[:50], large, *documents[50:]])
        assert failure.document_id == large.id
        assert "larger than the server takes" in failure.reason
        assert_complete(index, documents)


class TestRefused:
    def test_what_the_server_refuses_comes_back_with_its_reason(
        self, index: ElasticsearchDocumentIndex
    ) -> None:
        bad = a_document("bad")
        bad.metadata["title"] = {"not": "a text"}
        documents = some_documents(100)
        (failure,) = index.write([*documents[:50], bad, *documents[50:]])
        assert failure.document_id == bad.id
        assert "title" in failure.reason
        assert "failed to parse" in failure.reason
        assert_complete(index, documents)

    def test_a_chunk_that_is_refused_refuses_its_document_once(
        self, proxy: FaultProxy, elasticsearch_prefix: str
    ) -> None:
        address = f"{proxy.url}?prefix={elasticsearch_prefix}&patience=5"
        store = ElasticsearchVectorStore(Connection.open(read_target(address)))
        store.bind("model-a", DIMENSIONS)

        def fault(request: Request, forward: Pass) -> Answer | None:
            if not request.is_bulk:
                return None
            answer = forward(request).json()
            for action, item in zip(request.actions, answer["items"], strict=True):
                if b'"slack:T1:message:1"' in action[-1]:
                    error = {"type": "document_parsing_exception", "reason": "not this one"}
                    item["index"] = {"status": 400, "error": error}
            return Answer(200, json.dumps({**answer, "errors": True}).encode())

        proxy.fault = fault
        batch = [chunked(a_document(str(i)), random_vectors(3, seed=i)) for i in range(3)]
        (failure,) = store.write(batch)
        assert failure.document_id == "slack:T1:message:1"
        assert failure.reason == "refused by Elasticsearch: not this one"
        store.close()


class TestAway:
    def test_an_answer_that_is_lost_doubles_nothing(
        self, proxy: FaultProxy, index: ElasticsearchDocumentIndex
    ) -> None:
        lost: list[Request] = []

        def fault(request: Request, forward: Pass) -> Answer | None:
            if request.is_bulk and len(lost) < 3:
                lost.append(request)
                forward(request)
                raise Cut
            return None

        proxy.fault = fault
        documents = some_documents()
        assert index.write(documents) == []
        assert len(lost) == 3
        assert_complete(index, documents)

    def test_a_server_that_goes_away_and_comes_back_costs_time_only(
        self, proxy: FaultProxy, index: ElasticsearchDocumentIndex
    ) -> None:
        away = threading.Event()

        def fault(request: Request, forward: Pass) -> Answer | None:
            if away.is_set():
                raise Cut
            if len(proxy.requests) == 2:
                away.set()
                threading.Timer(1.5, away.clear).start()
                raise Cut
            return None

        proxy.fault = fault
        documents = some_documents()
        assert index.write(documents) == []
        assert len(proxy.requests) > 4
        assert_complete(index, documents)

    def test_a_server_that_stays_away_stops_the_write_loudly_and_a_second_one_heals(
        self, proxy: FaultProxy, elasticsearch_prefix: str
    ) -> None:
        address = f"{proxy.url}?prefix={elasticsearch_prefix}&patience=1"
        index = ElasticsearchDocumentIndex(Connection.open(read_target(address)))
        index.write([a_document("first")])
        proxy.requests.clear()

        def fault(request: Request, forward: Pass) -> Answer | None:
            if len(proxy.requests) > 1:
                raise Cut
            return None

        proxy.fault = fault
        documents = some_documents()
        with pytest.raises(StoreUnavailableError, match="cannot be reached") as told:
            index.write(documents)
        assert told.value.retryable
        proxy.fault = None
        assert index.write(documents) == []
        assert_complete(index, documents)
        index.close()

    def test_chunks_of_a_write_that_was_cut_off_are_deleted_with_their_document(
        self, proxy: FaultProxy, elasticsearch_prefix: str
    ) -> None:
        """A document grows from one chunk to five and the write ends in the middle."""
        address = f"{proxy.url}?prefix={elasticsearch_prefix}&patience=0"
        store = ElasticsearchVectorStore(Connection.open(read_target(address)))
        store.bind("model-a", DIMENSIONS)
        document = a_document("1", "x" * 50)
        store.write([chunked(document, random_vectors(1))])

        def cut_after(number: int) -> None:
            proxy.requests.clear()

            def fault(request: Request, forward: Pass) -> Answer | None:
                if len(proxy.requests) > number:
                    raise Cut
                if request.is_bulk and len(proxy.requests) == number:
                    forward(request)
                    raise Cut
                return None

            proxy.fault = fault

        for number in (1, 2):
            cut_after(number)
            with pytest.raises(StoreUnavailableError):
                store.write([chunked(document, random_vectors(5))])
            proxy.fault = None
            store.delete([document.id or ""])
            store.maintain()
            assert store.count() == 0
            store.write([chunked(document, random_vectors(1))])
        store.close()


class TestBlocks:
    @pytest.fixture
    def blocked(
        self,
        index: ElasticsearchDocumentIndex,
        elasticsearch_client: Elasticsearch,
        elasticsearch_prefix: str,
    ) -> Iterator[Callable[[str], None]]:
        set_by_test: list[str] = []

        def block(name: str, value: bool | None = True) -> None:
            set_by_test.append(name)
            elasticsearch_client.indices.put_settings(
                index=f"{elasticsearch_prefix}-documents-slack",
                settings={f"index.blocks.{name}": value},
            )

        yield block
        for name in [*set_by_test]:
            block(name, None)

    def test_a_disk_that_is_full_is_told_as_such(
        self, index: ElasticsearchDocumentIndex, blocked: Callable[[str], None]
    ) -> None:
        """The block that the server sets by itself at the flood-stage watermark."""
        blocked("read_only_allow_delete")
        with pytest.raises(StoreFullError, match="documents-slack-v1 read-only") as told:
            index.write(some_documents(10))
        assert "Free disk space" in told.value.hint
        index.maintain()
        assert len(index.search("fox", limit=5)) == 1

    def test_a_read_only_index_is_told_as_such(
        self, index: ElasticsearchDocumentIndex, blocked: Callable[[str], None]
    ) -> None:
        blocked("read_only")
        with pytest.raises(StoreReadOnlyError, match="documents-slack-v1 is read-only"):
            index.write(some_documents(10))

    def test_a_write_waits_for_a_reindex_and_goes_on(
        self,
        index: ElasticsearchDocumentIndex,
        blocked: Callable[[str], None],
        elasticsearch_client: Elasticsearch,
        elasticsearch_prefix: str,
    ) -> None:
        blocked("write")
        started = time.monotonic()

        def free() -> None:
            elasticsearch_client.indices.put_settings(
                index=f"{elasticsearch_prefix}-documents-slack",
                settings={"index.blocks.write": None},
            )

        threading.Timer(1.0, free).start()
        documents = some_documents(10)
        assert index.write(documents) == []
        assert time.monotonic() - started >= 1.0
        assert_complete(index, documents)

    def test_a_block_that_a_reindex_left_behind_is_told_with_what_to_do(
        self, proxy: FaultProxy, elasticsearch_prefix: str, blocked: Callable[[str], None]
    ) -> None:
        address = f"{proxy.url}?prefix={elasticsearch_prefix}&patience=1"
        index = ElasticsearchDocumentIndex(Connection.open(read_target(address)))
        blocked("write")
        with pytest.raises(StoreReadOnlyError, match="reindex") as told:
            index.write(some_documents(10))
        assert "data-getters reindex" in told.value.hint
        index.close()


class TestLostAnswers:
    def test_a_switch_whose_answer_is_lost_is_done_and_deletes_nothing(
        self, proxy: FaultProxy, index: ElasticsearchDocumentIndex, elasticsearch_prefix: str
    ) -> None:
        documents = some_documents(50)
        index.write(documents)
        address = f"{proxy.url}?prefix={elasticsearch_prefix}&patience=0"
        reindexer = Reindexer(Connection.open(read_target(address)))
        (state,) = reindexer.states()
        lost: list[Request] = []

        def fault(request: Request, forward: Pass) -> Answer | None:
            if request.path.startswith("/_aliases") and not lost:
                lost.append(request)
                forward(request)
                raise Cut
            return None

        proxy.fault = fault
        assert reindexer.reindex(state.schema).new.endswith("-v2")
        assert lost
        assert_complete(index, documents)
        reindexer.close()
