"""Analysis is that of the reference documentation, though its module is stood in for."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("elasticsearch", reason="the Elasticsearch client is not installed")

from elasticsearch import ApiError, Elasticsearch

from servers.elasticsearch.fixture import (
    elasticsearch_client,
    elasticsearch_installation,
    elasticsearch_prefix,
    elasticsearch_url,
)

__all__ = [
    "elasticsearch_client",
    "elasticsearch_installation",
    "elasticsearch_prefix",
    "elasticsearch_url",
]

pytestmark = [pytest.mark.slow, pytest.mark.full, pytest.mark.faults]


@pytest.fixture
def client(elasticsearch_client: Elasticsearch) -> Elasticsearch:
    return elasticsearch_client


@pytest.fixture
def name(elasticsearch_prefix: str) -> str:
    return elasticsearch_prefix


def terms(client: Elasticsearch, text: str, **analysis: Any) -> list[str]:
    return [token["token"] for token in client.indices.analyze(text=text, **analysis)["tokens"]]


def found_ids(client: Elasticsearch, index: str, query: dict[str, Any]) -> list[str]:
    return [hit["_id"] for hit in client.search(index=index, query=query)["hits"]["hits"]]


def test_built_in_analysis_is_that_of_the_documentation(client: Elasticsearch) -> None:
    assert terms(client, "The running foxes' dens", analyzer="english") == ["run", "fox", "den"]
    assert terms(client, "The Running Foxes", analyzer="standard") == ["the", "running", "foxes"]
    assert terms(client, "The Fox", analyzer="stop") == ["fox"]
    assert terms(client, "New York", analyzer="keyword") == ["New York"]
    assert terms(client, "Wi-Fi 4you", analyzer="simple") == ["wi", "fi", "you"]
    assert terms(
        client, "Ünïcode Café", tokenizer="standard", filter=["lowercase", "asciifolding"]
    ) == [
        "unicode",
        "cafe",
    ]
    assert terms(client, "/a/b/c", tokenizer="path_hierarchy") == ["/a", "/a/b", "/a/b/c"]
    assert terms(client, "<p>Hello</p>", tokenizer="keyword", char_filter=["html_strip"]) == [
        "\nHello\n"
    ]
    edges = {"type": "edge_ngram", "min_gram": 2, "max_gram": 4}
    assert terms(client, "quick", tokenizer="keyword", filter=[edges]) == ["qu", "qui", "quic"]


def test_code_friendly_analysis_finds_identifiers_and_ticket_numbers(
    client: Elasticsearch, name: str
) -> None:
    client.indices.create(
        index=name,
        settings={
            "number_of_replicas": 0,
            "analysis": {
                "filter": {
                    "parts": {
                        "type": "word_delimiter_graph",
                        "preserve_original": True,
                        "catenate_all": True,
                    },
                    "english": {"type": "stemmer", "language": "english"},
                },
                "analyzer": {
                    "code": {
                        "tokenizer": "whitespace",
                        "filter": ["parts", "lowercase", "flatten_graph"],
                    },
                    "code_search": {"tokenizer": "whitespace", "filter": ["parts", "lowercase"]},
                    "prose": {
                        "tokenizer": "standard",
                        "filter": ["lowercase", "asciifolding", "stop", "english"],
                    },
                },
                "normalizer": {"folded": {"filter": ["lowercase", "asciifolding"]}},
            },
        },
        mappings={
            "properties": {
                "body": {
                    "type": "text",
                    "analyzer": "prose",
                    "fields": {
                        "code": {
                            "type": "text",
                            "analyzer": "code",
                            "search_analyzer": "code_search",
                        }
                    },
                },
                "email": {"type": "keyword", "normalizer": "folded"},
            }
        },
    )
    assert terms(client, "getUserName OPS-123", index=name, analyzer="code_search") == [
        "getusername",
        "getusername",
        "get",
        "user",
        "name",
        "ops-123",
        "ops123",
        "ops",
        "123",
    ]
    documents = {
        "1": "Fixed getUserName as OPS-123 says",
        "2": "Cafés were opened on the 123rd day",
    }
    for key, body in documents.items():
        client.index(index=name, id=key, document={"body": body, "email": "Zoë@Example.com"})
    client.indices.refresh(index=name)
    assert found_ids(client, name, {"match_phrase": {"body.code": "OPS-123"}}) == ["1"]
    assert found_ids(client, name, {"match": {"body.code": "user"}}) == ["1"]
    assert found_ids(client, name, {"match": {"body": "cafe opening"}}) == ["2"]
    assert found_ids(client, name, {"term": {"email": "ZOE@example.com"}}) == ["1", "2"]


def test_an_analyzer_that_does_not_exist_is_refused(client: Elasticsearch, name: str) -> None:
    with pytest.raises(ApiError) as refused:
        client.indices.create(
            index=name,
            settings={"analysis": {"analyzer": {"a": {"tokenizer": "standard", "filter": ["no"]}}}},
        )
    assert refused.value.status_code == 400
    assert "failed to find filter under name [no]" in str(refused.value)
