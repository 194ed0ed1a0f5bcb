"""Servers of a test's own: with little room, with security, killed and started again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("elasticsearch", reason="the Elasticsearch client is not installed")

from elasticsearch import ApiError, AuthorizationException, Elasticsearch

from servers.elasticsearch.fixture import elasticsearch_installation
from servers.elasticsearch.server import ElasticsearchServer, Installation, Setting

__all__ = ["elasticsearch_installation"]

pytestmark = [pytest.mark.slow, pytest.mark.full, pytest.mark.faults]

TEXT = "deploy rollback invoice release meeting pipeline customer outage"


@pytest.fixture(scope="module")
def limited(elasticsearch_installation: Installation) -> Iterator[ElasticsearchServer]:
    """A server that takes small bodies only and has next to no room for writes."""
    settings: dict[str, Setting] = {
        "http.max_content_length": "1mb",
        "thread_pool.write.size": 1,
        "thread_pool.write.queue_size": 1,
    }
    with ElasticsearchServer(elasticsearch_installation, settings=settings) as server:
        yield server


@pytest.fixture(scope="module")
def secured(elasticsearch_installation: Installation) -> Iterator[ElasticsearchServer]:
    with ElasticsearchServer(
        elasticsearch_installation, password="only-for-tests", tls=True
    ) as server:
        yield server


def test_writes_beyond_the_queue_are_rejected_item_by_item(limited: ElasticsearchServer) -> None:
    with Elasticsearch(limited.url, request_timeout=60) as client:
        client.indices.create(
            index="crowded", settings={"number_of_shards": 12, "number_of_replicas": 0}
        )
        items: list[dict[str, Any]] = []
        for attempt in range(20):
            operations: list[dict[str, Any]] = []
            for n in range(400):
                operations += [{"index": {"_id": f"{attempt}-{n}"}}, {"text": TEXT}]
            answer = client.bulk(index="crowded", operations=operations)
            items += [item["index"] for item in answer["items"]]
            if answer["errors"]:
                break
        rejected = [item for item in items if item["status"] == 429]
        assert rejected, "no write was ever rejected"
        assert {item["error"]["type"] for item in rejected} == {"es_rejected_execution_exception"}
        accepted = {item["_id"] for item in items if item["status"] == 201}
        assert accepted, "no write was ever accepted"
        client.indices.refresh(index="crowded")
        assert client.count(index="crowded")["count"] == len(accepted)


def test_a_body_above_the_limit_is_refused_with_413(limited: ElasticsearchServer) -> None:
    with Elasticsearch(limited.url, request_timeout=60) as client:
        with pytest.raises(ApiError) as refused:
            client.index(index="large", id="1", document={"text": "x" * 1_100_000})
        assert refused.value.status_code == 413
        assert client.index(index="large", id="1", document={"text": "x" * 900_000})


def test_acknowledged_documents_survive_a_kill(limited: ElasticsearchServer) -> None:
    url = limited.url
    with Elasticsearch(url, request_timeout=60) as client:
        for n in range(200):
            client.index(index="durable", id=str(n), document={"n": n})
        limited.kill()
        with pytest.raises(Exception, match="Connection"):
            client.info()
        limited.settings["http.max_content_length"] = "2mb"
        limited.start()
        assert limited.url == url
        client.indices.refresh(index="durable")
        assert client.count(index="durable")["count"] == 200
        assert client.index(index="durable", id="big", document={"text": "x" * 1_100_000})


def test_security_admits_whom_it_should(secured: ElasticsearchServer) -> None:
    trust = {"ca_certs": str(secured.certificate)}
    with Elasticsearch(secured.url, **trust) as nobody:  # type: ignore[arg-type]
        with pytest.raises(ApiError) as refused:
            nobody.info()
        assert refused.value.status_code == 401
    with Elasticsearch(secured.url, basic_auth=("elastic", "only-for-tests"), **trust) as admin:  # type: ignore[arg-type]
        key = admin.security.create_api_key(
            name="sync",
            role_descriptors={
                "sync": {
                    "cluster": ["monitor"],
                    "index": [{"names": ["docs*"], "privileges": ["all"]}],
                }
            },
        )["encoded"]
    with Elasticsearch(secured.url, api_key=key, **trust) as client:  # type: ignore[arg-type]
        assert client.info()["tagline"]
        client.index(index="docs-1", id="1", document={"n": 1}, refresh=True)
        assert client.reindex(source={"index": "docs-1"}, dest={"index": "docs-2"})["created"] == 1
        with pytest.raises(AuthorizationException, match="is unauthorized for API key"):
            client.index(index="other", id="1", document={"n": 1})
        with pytest.raises(AuthorizationException):
            client.reindex(source={"index": "docs-1"}, dest={"index": "other"})
