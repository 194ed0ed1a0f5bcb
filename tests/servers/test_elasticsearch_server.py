"""The test server is a real Elasticsearch: what this project asks of one, by its own client."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

pytest.importorskip("elasticsearch", reason="the Elasticsearch client is not installed")

from elasticsearch import ApiError, AuthorizationException, ConflictError, Elasticsearch, helpers

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


def found_ids(client: Elasticsearch, index: str, query: dict[str, Any]) -> list[str]:
    return [hit["_id"] for hit in client.search(index=index, query=query)["hits"]["hits"]]


def test_the_server_says_its_version_and_is_healthy(client: Elasticsearch) -> None:
    info = client.info()
    major, minor, _ = (int(part) for part in info["version"]["number"].split("."))
    assert (major, minor) >= (8, 19)
    assert info["version"]["build_flavor"] == "default"
    assert info["tagline"] == "You Know, for Search"
    assert client.ping()
    assert client.cluster.health(wait_for_status="yellow")["timed_out"] is False


def test_an_index_takes_mapping_and_alias_from_its_template(
    client: Elasticsearch, name: str
) -> None:
    client.indices.put_index_template(
        name=name,
        index_patterns=[f"{name}-v*"],
        template={
            "settings": {"number_of_replicas": 0},
            "mappings": {
                "dynamic": False,
                "properties": {
                    "title": {
                        "type": "text",
                        "analyzer": "english",
                        "fields": {"exact": {"type": "keyword", "ignore_above": 512}},
                    },
                    "created_at": {"type": "date"},
                },
            },
            "aliases": {f"{name}-read": {}},
        },
    )
    client.index(index=f"{name}-v1", id="1", document={"title": "Notes", "unknown": 1})
    mapping = client.indices.get_mapping(index=f"{name}-v1")[f"{name}-v1"]["mappings"]
    assert set(mapping["properties"]) == {"title", "created_at"}
    assert list(client.indices.get_alias(name=f"{name}-read")) == [f"{name}-v1"]

    client.indices.create(index=f"{name}-v2", aliases={})
    client.indices.update_aliases(
        actions=[
            {"remove": {"index": f"{name}-v1", "alias": f"{name}-read"}},
            {"add": {"index": f"{name}-v2", "alias": f"{name}-read", "is_write_index": True}},
        ]
    )
    assert (
        f"{name}-read" not in client.indices.get_alias(index=f"{name}-v1")[f"{name}-v1"]["aliases"]
    )
    client.index(index=f"{name}-read", id="2", document={"title": "Later"}, refresh=True)
    assert client.count(index=f"{name}-v2")["count"] == 1


def test_a_value_that_does_not_fit_the_mapping_is_refused(client: Elasticsearch, name: str) -> None:
    client.indices.create(index=name, mappings={"properties": {"created_at": {"type": "date"}}})
    with pytest.raises(ApiError) as refused:
        client.index(index=name, id="1", document={"created_at": "yesterday"})
    assert refused.value.status_code == 400
    assert refused.value.error == "document_parsing_exception"


def test_bulk_answers_item_by_item(client: Elasticsearch, name: str) -> None:
    client.indices.create(index=name, mappings={"properties": {"n": {"type": "integer"}}})
    actions: list[dict[str, Any]] = [{"_index": name, "_id": str(n), "n": n} for n in range(1_000)]
    actions[7]["n"] = "seven"
    written, errors = helpers.bulk(client, actions, raise_on_error=False, refresh=True)
    assert written == 999
    assert isinstance(errors, list)
    assert [error["index"]["status"] for error in errors] == [400]
    assert client.count(index=name)["count"] == 999
    # A replay of the same version is a conflict, or with external_gte a rewrite of the same.
    versioned = {"_index": name, "_id": "v", "n": 1, "_version": 5}
    for version_type, expected in (("external", 1), ("external_gte", 1), ("external", 0)):
        written, _ = helpers.bulk(
            client, [{**versioned, "_version_type": version_type}], raise_on_error=False
        )
        assert written == expected


def test_a_conflicting_write_is_refused(client: Elasticsearch, name: str) -> None:
    first = client.index(index=name, id="1", document={"n": 1})
    client.index(index=name, id="1", document={"n": 2})
    with pytest.raises(ConflictError):
        client.index(
            index=name,
            id="1",
            document={"n": 3},
            if_seq_no=first["_seq_no"],
            if_primary_term=first["_primary_term"],
        )


def test_bm25_ranks_the_rarer_and_the_denser_first(client: Elasticsearch, name: str) -> None:
    texts = {
        "dense": "rollback rollback",
        "sparse": "the rollback of the release took all of the long afternoon",
        "other": "release notes",
    }
    for key, text in texts.items():
        client.index(index=name, id=key, document={"text": text})
    client.indices.refresh(index=name)
    assert found_ids(client, name, {"match": {"text": "rollback"}}) == ["dense", "sparse"]
    assert found_ids(client, name, {"match": {"text": "release rollback"}})[-1] == "other"
    explained = client.search(index=name, query={"match": {"text": "rollback"}}, explain=True)
    assert "BM25" not in str(explained["hits"]["hits"][0]["_source"])
    assert "computed as boost * idf * tf" in str(explained["hits"]["hits"][0]["_explanation"])


@pytest.mark.parametrize("kind", ["int8_hnsw", "int4_hnsw", "bbq_hnsw", "hnsw", "int8_flat"])
def test_knn_finds_the_nearest_behind_a_filter(client: Elasticsearch, name: str, kind: str) -> None:
    size, count = 384, 400
    client.indices.create(
        index=name,
        settings={"number_of_replicas": 0},
        mappings={
            "properties": {
                "vector": {
                    "type": "dense_vector",
                    "dims": size,
                    "similarity": "cosine",
                    "index": True,
                    "index_options": {"type": kind},
                },
                "access": {"type": "keyword"},
            }
        },
    )
    numbers = random.Random(7)  # noqa: S311
    vectors = [[numbers.gauss(0, 1) for _ in range(size)] for _ in range(count)]
    helpers.bulk(
        client,
        (
            {
                "_index": name,
                "_id": str(n),
                "vector": vector,
                "access": ["odd" if n % 2 else "even"],
            }
            for n, vector in enumerate(vectors)
        ),
        refresh=True,
    )
    mapping = client.indices.get_mapping(index=name)[name]["mappings"]["properties"]["vector"]
    assert mapping["index_options"]["type"] == kind
    for wanted in (3, 44):
        near = [value + numbers.gauss(0, 0.05) for value in vectors[wanted]]
        knn = {"field": "vector", "query_vector": near, "k": 5, "num_candidates": 50}
        hits = client.search(index=name, knn=knn)["hits"]["hits"]
        assert hits[0]["_id"] == str(wanted)
        hidden = {**knn, "filter": {"term": {"access": "even" if wanted % 2 else "odd"}}}
        hits = client.search(index=name, knn=hidden)["hits"]["hits"]
        assert len(hits) == 5
        assert {int(hit["_id"]) % 2 for hit in hits} == {1 - wanted % 2}


def test_a_partial_update_keeps_the_vector(client: Elasticsearch, name: str) -> None:
    properties = {
        "vector": {"type": "dense_vector", "dims": 4, "similarity": "cosine"},
        "access": {"type": "keyword"},
    }
    client.indices.create(index=name, mappings={"properties": properties})
    client.index(index=name, id="1", document={"vector": [1, 0, 0, 0], "access": ["a"]})
    client.update(index=name, id="1", doc={"access": ["b"]}, refresh=True)
    assert client.update(index=name, id="1", doc={"access": ["b"]})["result"] == "noop"
    knn = {"field": "vector", "query_vector": [1, 0, 0, 0], "k": 1}
    (hit,) = client.search(index=name, knn=knn, fields=[{"field": "access"}])["hits"]["hits"]
    assert hit["fields"]["access"] == ["b"]
    assert hit["_score"] == pytest.approx(1.0)


def test_a_script_scores_by_exact_similarity(client: Elasticsearch, name: str) -> None:
    properties = {"vector": {"type": "dense_vector", "dims": 2, "similarity": "cosine"}}
    client.indices.create(index=name, mappings={"properties": properties})
    for key, vector in (("far", [0, 1]), ("near", [1, 0.1])):
        client.index(index=name, id=key, document={"vector": vector}, refresh=True)
    score = {
        "source": "cosineSimilarity(params.vector, 'vector') + 1",
        "params": {"vector": [1, 0]},
    }
    exact = {"script_score": {"query": {"match_all": {}}, "script": score}}
    assert found_ids(client, name, exact) == ["near", "far"]


def test_msearch_answers_bm25_and_knn_in_one_request(client: Elasticsearch, name: str) -> None:
    properties = {
        "text": {"type": "text", "analyzer": "english"},
        "vector": {"type": "dense_vector", "dims": 2, "similarity": "cosine"},
    }
    client.indices.create(index=name, mappings={"properties": properties})
    client.index(index=name, id="words", document={"text": "deploying", "vector": [0, 1]})
    client.index(index=name, id="sense", document={"text": "else", "vector": [1, 0]}, refresh=True)
    answers = client.msearch(
        searches=[
            {"index": name},
            {"query": {"match": {"text": "deployed"}}},
            {"index": name},
            {"knn": {"field": "vector", "query_vector": [1, 0.1], "k": 1}},
            {"index": f"{name}-missing"},
            {"query": {"match_all": {}}},
        ]
    )["responses"]
    assert [hit["_id"] for hit in answers[0]["hits"]["hits"]] == ["words"]
    assert [hit["_id"] for hit in answers[1]["hits"]["hits"]] == ["sense"]
    assert answers[2]["status"] == 404


def test_a_point_in_time_pages_through_everything(client: Elasticsearch, name: str) -> None:
    helpers.bulk(
        client, ({"_index": name, "_id": str(n), "n": n} for n in range(250)), refresh=True
    )
    pit = client.open_point_in_time(index=name, keep_alive="1m")["id"]
    client.delete_by_query(index=name, query={"match_all": {}}, refresh=True)
    seen: list[int] = []
    after = None
    while True:
        page = client.search(
            size=100,
            pit={"id": pit, "keep_alive": "1m"},
            sort={"n": "asc"},
            search_after=after,
        )["hits"]["hits"]
        if not page:
            break
        seen += [hit["_source"]["n"] for hit in page]
        after = page[-1]["sort"]
    client.close_point_in_time(id=pit)
    assert seen == list(range(250))


def test_reindex_carries_documents_and_vectors_over(client: Elasticsearch, name: str) -> None:
    exact = {"dims": 2, "similarity": "cosine", "index_options": {"type": "flat"}}
    properties = {"vector": {"type": "dense_vector", **exact}}
    for index in (f"{name}-old", f"{name}-new"):
        client.indices.create(index=index, mappings={"properties": properties})
    helpers.bulk(
        client,
        (
            {"_index": f"{name}-old", "_id": str(n), "n": n, "vector": [1, n]}
            for n in range(1, 2_501)
        ),
        refresh=True,
    )
    answer = client.reindex(
        source={"index": f"{name}-old", "query": {"range": {"n": {"lte": 2_400}}}},
        dest={"index": f"{name}-new"},
        refresh=True,
    )
    assert (answer["total"], answer["created"], answer["batches"]) == (2_400, 2_400, 3)
    assert answer["failures"] == []
    knn = {"field": "vector", "query_vector": [1, 1], "k": 1, "num_candidates": 100}
    assert client.search(index=f"{name}-new", knn=knn)["hits"]["hits"][0]["_id"] == "1"
    # Once more, without overwriting what is there already.
    again = client.reindex(
        source={"index": f"{name}-old"},
        dest={"index": f"{name}-new", "op_type": "create"},
        conflicts="proceed",
    )
    assert (again["created"], again["version_conflicts"]) == (100, 2_400)
    with pytest.raises(ApiError, match="reindex cannot write into an index its reading from"):
        client.reindex(source={"index": f"{name}-old"}, dest={"index": f"{name}-old"})


def test_a_reindex_can_be_watched_and_cancelled(client: Elasticsearch, name: str) -> None:
    helpers.bulk(client, ({"_index": name, "_id": str(n)} for n in range(500)), refresh=True)

    def begin(target: str, **options: Any) -> str:
        task: str = client.reindex(
            source={"index": name, "size": 50},
            dest={"index": target},
            wait_for_completion=False,
            **options,
        )["task"]
        return task

    finished = begin(f"{name}-whole")
    answer = client.tasks.get(task_id=finished, wait_for_completion=True, timeout="30s")
    assert answer["response"]["created"] == 500
    assert answer["task"]["status"]["created"] == 500

    throttled = begin(f"{name}-part", requests_per_second=50)
    while client.tasks.get(task_id=throttled)["task"]["status"]["created"] == 0:
        time.sleep(0.05)
    status = client.tasks.get(task_id=throttled)["task"]["status"]
    assert status["total"] == 500
    assert status["created"] < 500
    client.tasks.cancel(task_id=throttled)
    answer = client.tasks.get(task_id=throttled, wait_for_completion=True, timeout="30s")
    assert answer["response"]["canceled"] == "by user request"


def test_update_by_query_runs_a_script(client: Elasticsearch, name: str) -> None:
    documents = {"1": ["a"], "2": ["a", "b"], "3": ["c"]}
    for key, access in documents.items():
        client.index(index=name, id=key, document={"access": access, "text": "kept"})
    client.indices.refresh(index=name)
    answer = client.update_by_query(
        index=name,
        query={"terms": {"access.keyword": ["a", "b"]}},
        script={
            "source": """
                if (ctx._source.access.size() == 1) { ctx.op = 'noop' }
                else { ctx._source.access = params.access; ctx._source.remove('missing') }
            """,
            "params": {"access": ["z"]},
        },
        refresh=True,
    )
    assert (answer["total"], answer["updated"], answer["noops"]) == (2, 1, 1)
    assert "created" not in answer
    assert client.get(index=name, id="2")["_source"] == {"access": ["z"], "text": "kept"}
    with pytest.raises(ApiError) as refused:
        client.update_by_query(index=name, script={"source": "ctx._source.n = = 1"})
    assert refused.value.status_code == 400
    assert "compile error" in str(refused.value)


def test_a_scripted_update_and_upsert(client: Elasticsearch, name: str) -> None:
    script = {"source": "ctx._source.n += params.by", "params": {"by": 2}}
    assert client.update(index=name, id="1", script=script, upsert={"n": 1})["result"] == "created"
    assert client.update(index=name, id="1", script=script)["result"] == "updated"
    assert client.get(index=name, id="1")["_source"] == {"n": 3}


def test_delete_by_query_deletes_what_it_finds_and_no_more(
    client: Elasticsearch, name: str
) -> None:
    helpers.bulk(
        client, ({"_index": name, "_id": str(n), "run": n % 3} for n in range(90)), refresh=True
    )
    answer = client.delete_by_query(
        index=name, query={"range": {"run": {"lt": 2}}}, max_docs=50, scroll_size=20, refresh=True
    )
    assert (answer["total"], answer["deleted"], answer["batches"]) == (50, 50, 3)
    assert client.count(index=name)["count"] == 40
    with pytest.raises(ApiError) as refused:
        client.delete_by_query(index=name, q=None, body={})
    assert refused.value.status_code == 400


def test_flattened_takes_any_shape_and_filters_by_path(client: Elasticsearch, name: str) -> None:
    client.indices.create(
        index=name,
        mappings={"dynamic": False, "properties": {"extra": {"type": "flattened"}}},
    )
    client.index(index=name, id="1", document={"extra": {"labels": ["red"], "votes": 3}})
    client.index(index=name, id="2", document={"extra": {"labels": {"deep": "red"}}})
    client.indices.refresh(index=name)
    assert found_ids(client, name, {"term": {"extra.labels": "red"}}) == ["1"]
    assert found_ids(client, name, {"term": {"extra.labels.deep": "red"}}) == ["2"]
    assert found_ids(client, name, {"term": {"extra.votes": "3"}}) == ["1"]
    properties = client.indices.get_mapping(index=name)[name]["mappings"]["properties"]
    assert set(properties) == {"extra"}


@pytest.mark.parametrize("kind", ["unified", "plain"])
def test_highlights_mark_the_stemmed_match(client: Elasticsearch, name: str, kind: str) -> None:
    client.indices.create(
        index=name, mappings={"properties": {"text": {"type": "text", "analyzer": "english"}}}
    )
    client.index(index=name, id="1", document={"text": "We deployed it twice."}, refresh=True)
    (hit,) = client.search(
        index=name,
        query={"match": {"text": "deploying"}},
        highlight={"type": kind, "fields": {"text": {}}},
    )["hits"]["hits"]
    assert hit["highlight"]["text"] == ["We <em>deployed</em> it twice."]


def test_aggregations_count_by_source_and_day(client: Elasticsearch, name: str) -> None:
    properties = {"source": {"type": "keyword"}, "at": {"type": "date"}}
    client.indices.create(index=name, mappings={"properties": properties})
    for n, source in enumerate(("slack", "slack", "jira")):
        client.index(index=name, document={"source": source, "at": f"2026-01-0{n + 1}T10:00:00Z"})
    client.indices.refresh(index=name)
    answer = client.search(
        index=name,
        size=0,
        aggregations={
            "sources": {"terms": {"field": "source"}},
            "days": {"date_histogram": {"field": "at", "calendar_interval": "day"}},
        },
    )["aggregations"]
    counts = {bucket["key"]: bucket["doc_count"] for bucket in answer["sources"]["buckets"]}
    assert counts == {"slack": 2, "jira": 1}
    assert [bucket["doc_count"] for bucket in answer["days"]["buckets"]] == [1, 1, 1]


def test_a_read_only_index_refuses_writes_but_not_searches(
    client: Elasticsearch, name: str
) -> None:
    client.index(index=name, id="1", document={"n": 1}, refresh=True)
    client.indices.put_settings(index=name, settings={"index.blocks.read_only": True})
    with pytest.raises(AuthorizationException) as refused:
        client.index(index=name, id="2", document={"n": 2})
    assert refused.value.error == "cluster_block_exception"
    assert client.count(index=name)["count"] == 1

    client.indices.put_settings(index=name, settings={"index.blocks.read_only": None})
    # What the server sets by itself when the disk runs full: too many requests, not forbidden.
    flooded = {"index.blocks.read_only_allow_delete": True}
    client.indices.put_settings(index=name, settings=flooded)
    answer = client.bulk(operations=[{"index": {"_index": name, "_id": "2"}}, {"n": 2}])
    assert answer["errors"] is True
    assert answer["items"][0]["index"]["status"] == 429
    error = answer["items"][0]["index"]["error"]
    assert error["type"] == "cluster_block_exception"
    assert "flood-stage watermark" in error["reason"]
