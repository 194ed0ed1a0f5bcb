"""Aliases, generations, and building an index anew while it is searched and written."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from langchain_core.documents import Document
from store_samples import DIMENSIONS, a_document, chunked, direction, random_vectors

from stores.base import SearchFilter
from stores.elasticsearch import reindex as reindex_module
from stores.elasticsearch.connection import Connection
from stores.elasticsearch.document_index import ElasticsearchDocumentIndex
from stores.elasticsearch.reindex import IndexState, Reindexer
from stores.elasticsearch.target import read_target
from stores.elasticsearch.templates import IndexSchema
from stores.elasticsearch.vector_store import ElasticsearchVectorStore
from stores.errors import EmbeddingMismatchError, StoreError, StoreVersionError

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("elasticsearch")]


@pytest.fixture
def connection(store_url: str) -> Iterator[Connection]:
    connection = Connection.open(read_target(store_url))
    yield connection
    connection.close()


@pytest.fixture
def index(connection: Connection) -> ElasticsearchDocumentIndex:
    return ElasticsearchDocumentIndex(connection)


@pytest.fixture
def vectors(connection: Connection) -> ElasticsearchVectorStore:
    store = ElasticsearchVectorStore(connection)
    store.bind("model-a", DIMENSIONS)
    return store


@pytest.fixture
def reindexer(connection: Connection) -> Reindexer:
    return Reindexer(connection)


def changed(schema: IndexSchema) -> IndexSchema:
    """The schema of a later day: one more field."""
    properties = {**schema.mappings["properties"], "later": {"type": "keyword"}}
    return replace(schema, mappings={**schema.mappings, "properties": properties})


def the_state(reindexer: Reindexer, name: str = "slack") -> IndexState:
    (state,) = (s for s in reindexer.states() if s.alias.endswith(name))
    return state


class TestIndices:
    def test_documents_of_each_source_have_an_index_behind_an_alias(
        self,
        index: ElasticsearchDocumentIndex,
        elasticsearch_client: Elasticsearch,
        elasticsearch_prefix: str,
    ) -> None:
        bare = Document(id="no source at all", page_content="x", metadata={})
        index.write([a_document("1"), a_document("2", source="jira"), bare])
        found = elasticsearch_client.indices.get(index=f"{elasticsearch_prefix}-documents").body
        assert {name: sorted(about["aliases"]) for name, about in found.items()} == {
            f"{elasticsearch_prefix}-documents-{source}-v1": [
                f"{elasticsearch_prefix}-documents",
                f"{elasticsearch_prefix}-documents-{source}",
            ]
            for source in ("slack", "jira", "other")
        }

    def test_unknown_fields_are_stored_and_not_mapped(
        self,
        index: ElasticsearchDocumentIndex,
        elasticsearch_client: Elasticsearch,
        elasticsearch_prefix: str,
    ) -> None:
        name = f"{elasticsearch_prefix}-documents-slack"

        def mapping() -> Any:
            (about,) = elasticsearch_client.indices.get_mapping(index=name).body.values()
            return about["mappings"]

        index.write([a_document("1")])
        before = mapping()
        document = a_document("2", extra={"new": {"deep": 1}, "files": "not a list"})
        document.metadata["unheard_of"] = {"a": 1}
        assert index.write([document]) == []
        assert mapping() == before
        assert index.get([document.id or ""])[document.id or ""].metadata == document.metadata

    def test_typed_fields_of_a_source_can_be_filtered_and_the_rest_of_extra_by_path(
        self,
        index: ElasticsearchDocumentIndex,
        elasticsearch_client: Elasticsearch,
        elasticsearch_prefix: str,
    ) -> None:
        files = [{"name": "plan.pdf", "size": 12, "odd": 1}, "no file", {"size": "many"}]
        document = a_document("1", extra={"files": files, "reply_count": 7, "odd": {"k": "v"}})
        assert index.write([document]) == []
        index.maintain()

        def number(query: dict[str, Any]) -> int:
            name = f"{elasticsearch_prefix}-documents"
            return int(elasticsearch_client.count(index=name, query=query)["count"])

        assert number({"range": {"typed.reply_count": {"gte": 7}}}) == 1
        assert number({"term": {"typed.files.name": "plan.pdf"}}) == 1
        assert number({"term": {"metadata.extra.odd.k": "v"}}) == 1
        assert number({"exists": {"field": "typed.files.odd"}}) == 0

    def test_an_index_in_the_way_of_the_alias_is_told(
        self,
        index: ElasticsearchDocumentIndex,
        elasticsearch_client: Elasticsearch,
        elasticsearch_prefix: str,
    ) -> None:
        name = f"{elasticsearch_prefix}-documents-slack"
        elasticsearch_client.indices.create(index=name)
        with pytest.raises(StoreError, match=f"an index named {name}, where an alias") as told:
            index.write([a_document("1")])
        assert "prefix" in told.value.hint

    def test_an_index_with_another_mapping_in_the_way_is_told(
        self,
        index: ElasticsearchDocumentIndex,
        elasticsearch_client: Elasticsearch,
        elasticsearch_prefix: str,
    ) -> None:
        name = f"{elasticsearch_prefix}-documents-slack"
        elasticsearch_client.indices.create(index=f"{name}-v1", aliases={name: {}})
        with pytest.raises(StoreError, match=f"{name}-v1 was not made by this collection"):
            index.write([a_document("1")])

    def test_an_index_of_a_newer_version_is_left_alone(
        self,
        index: ElasticsearchDocumentIndex,
        elasticsearch_client: Elasticsearch,
        elasticsearch_prefix: str,
    ) -> None:
        name = f"{elasticsearch_prefix}-documents-slack"
        about = {"_meta": {"data_getters": {"layout": 99, "fingerprint": "x"}}}
        elasticsearch_client.indices.create(index=f"{name}-v1", aliases={name: {}}, mappings=about)
        with pytest.raises(StoreVersionError, match="newer version"):
            index.write([a_document("1")])

    def test_an_index_that_somebody_deletes_under_way_stops_the_write(
        self,
        index: ElasticsearchDocumentIndex,
        elasticsearch_client: Elasticsearch,
        elasticsearch_prefix: str,
    ) -> None:
        index.write([a_document("1")])
        elasticsearch_client.indices.delete(index=f"{elasticsearch_prefix}-documents-slack-v1")
        with pytest.raises(StoreError, match="is not there"):
            index.write([a_document("2")])

    def test_two_writers_make_one_index(
        self, store_url: str, elasticsearch_client: Elasticsearch, elasticsearch_prefix: str
    ) -> None:
        start = threading.Barrier(4)
        trouble: list[BaseException] = []

        def write(number: int) -> None:
            with_own = ElasticsearchDocumentIndex(Connection.open(read_target(store_url)))
            try:
                start.wait()
                with_own.write([a_document(str(number))])
            except BaseException as error:  # noqa: BLE001  # told to the test
                trouble.append(error)
            finally:
                with_own.close()

        writers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert trouble == []
        found = elasticsearch_client.indices.get(index=f"{elasticsearch_prefix}*").body
        assert list(found) == [f"{elasticsearch_prefix}-documents-slack-v1"]


class TestReindex:
    def test_a_fresh_index_is_up_to_date(
        self, index: ElasticsearchDocumentIndex, reindexer: Reindexer
    ) -> None:
        index.write([a_document("1")])
        state = the_state(reindexer)
        assert not state.outdated
        assert state.old == ()

    def test_the_new_index_takes_the_place_of_the_old_which_is_kept_until_told(
        self,
        index: ElasticsearchDocumentIndex,
        reindexer: Reindexer,
        elasticsearch_client: Elasticsearch,
    ) -> None:
        documents = [a_document(str(i), f"fox number{i}") for i in range(50)]
        index.write(documents)
        before = the_state(reindexer)
        done = reindexer.reindex(changed(before.schema))
        assert done.documents == 50
        assert (done.old, done.new) == (f"{done.alias}-v1", f"{done.alias}-v2")
        properties = elasticsearch_client.indices.get_mapping(index=done.alias).body[done.new]
        assert "later" in properties["mappings"]["properties"]
        assert index.get([d.id or "" for d in documents]) == {d.id or "": d for d in documents}
        assert len(index.search("number7", limit=5)) == 1
        index.write([a_document("later", "fox")])
        state = the_state(reindexer)
        assert [old.name for old in state.old] == [done.old]
        assert elasticsearch_client.count(index=done.old)["count"] == 50
        assert reindexer.drop_old() == [done.old]
        assert not elasticsearch_client.indices.exists(index=done.old)
        index.maintain()
        assert index.count() == 51

    def test_searches_answer_and_no_write_is_lost_all_the_while(
        self,
        store_url: str,
        index: ElasticsearchDocumentIndex,
        reindexer: Reindexer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # Many rounds of copying, so that writes and deletes fall into every one of them.
        monkeypatch.setattr(reindex_module, "_FEW", 0)
        monkeypatch.setattr(reindex_module, "_POLL_SECONDS", 0.05)
        number = 3_000
        index.write([a_document(f"old{i}", f"fox old{i}") for i in range(number)])
        index.maintain()
        stop = threading.Event()
        trouble: list[object] = []
        written: dict[str, Document] = {}
        deleted: set[str] = set()

        def search() -> None:
            try:
                while not stop.is_set():
                    hits = index.search("keep", limit=10)
                    if len(hits) != 1 or index.count(SearchFilter(sources=("slack",))) < 1_000:
                        trouble.append(hits)
            except BaseException as error:  # noqa: BLE001  # told to the test
                trouble.append(error)

        def write() -> None:
            # Servers of tests are slow, and so is a switch there.
            target = replace(read_target(store_url), patience=120)
            writer = ElasticsearchDocumentIndex(Connection.open(target))
            try:
                turn = 0
                while not stop.is_set():
                    turn += 1
                    documents = [a_document(f"new{turn}-{i}", f"cat {turn}") for i in range(20)] + [
                        a_document(f"old{turn}", f"changed in {turn}", version=str(turn))
                    ]
                    assert writer.write(documents) == []
                    written.update({d.id or "": d for d in documents})
                    gone = [f"slack:T1:message:old{number - turn}"]
                    if turn > 5:
                        gone.append(f"slack:T1:message:new{turn - 5}-3")
                    writer.delete(gone)
                    deleted.update(gone)
            except BaseException as error:  # noqa: BLE001  # told to the test
                trouble.append(error)
            finally:
                writer.close()

        index.write([a_document("keep", "keep this")])
        index.maintain()
        threads = [threading.Thread(target=search), threading.Thread(target=write)]
        for thread in threads:
            thread.start()
        for turn in range(2):
            state = the_state(reindexer)
            schema = changed(state.schema) if turn == 0 else state.schema
            reindexer.reindex(schema)
        stop.set()
        for thread in threads:
            thread.join()
        assert trouble == []
        index.maintain()
        expected = {f"slack:T1:message:old{i}" for i in range(number)} | {"slack:T1:message:keep"}
        expected = (expected | written.keys()) - deleted
        assert {d.id for d in index.iterate()} == expected
        stored = index.get(list(written.keys() - deleted))
        assert stored == {i: d for i, d in written.items() if i not in deleted}
        assert len(written) > 100  # the writer was at work

    def test_a_reindex_that_was_killed_is_cleared_away_by_the_next(
        self,
        index: ElasticsearchDocumentIndex,
        reindexer: Reindexer,
        elasticsearch_client: Elasticsearch,
    ) -> None:
        index.write([a_document("1")])
        state = the_state(reindexer)
        # As it is left when the process dies between the block and the switch.
        elasticsearch_client.indices.create(index=f"{state.alias}-v2")
        elasticsearch_client.indices.put_settings(
            index=state.current.name, settings={"index.blocks.write": True}
        )
        done = reindexer.reindex(state.schema)
        assert done.new == f"{state.alias}-v2"
        assert index.write([a_document("2")]) == []
        index.maintain()
        assert index.count() == 2

    def test_a_reindex_that_fails_leaves_the_old_index_in_use(
        self, index: ElasticsearchDocumentIndex, reindexer: Reindexer
    ) -> None:
        index.write([a_document("1", "a word", extra={"channel": {"kind": "public"}})])
        state = the_state(reindexer)
        properties = {**state.schema.mappings["properties"], "page_content": {"type": "long"}}
        broken = replace(state.schema, mappings={"dynamic": False, "properties": properties})
        with pytest.raises(StoreError, match="could not copy"):
            reindexer.reindex(broken)
        assert index.write([a_document("2")]) == []
        assert the_state(reindexer).current.name == state.current.name
        index.maintain()
        assert index.count() == 2

    def test_chunks_are_built_anew_with_their_vectors(
        self, vectors: ElasticsearchVectorStore, reindexer: Reindexer
    ) -> None:
        made = random_vectors(40)
        vectors.write([chunked(a_document(str(i)), [v, -v]) for i, v in enumerate(made)])
        vectors.maintain()
        before = vectors.search(made[7], limit=10)
        done = reindexer.reindex(changed(the_state(reindexer, "chunks").schema))
        assert done.documents == 80
        assert vectors.search(made[7], limit=10) == before
        assert before[0].score == pytest.approx(1, abs=1e-5)
        vectors.update_access({"slack:T1:message:7": ["user:ann@x.com"]})
        vectors.maintain()
        ann = SearchFilter(principals=frozenset({"user:ann@x.com"}))
        assert [hit.ordinal for hit in vectors.search(made[7], limit=10, where=ann)] == [0, 1]


class TestRebuildingVectors:
    def test_the_vectors_of_another_model_take_the_place_of_the_old_at_the_end(
        self, store_url: str, vectors: ElasticsearchVectorStore
    ) -> None:
        vectors.write([chunked(a_document("1"), [direction(1)])])
        vectors.maintain()
        with vectors.rebuilding("model-b", 3) as fresh:
            fresh.write([chunked(a_document("1"), [direction(0, 1, dimensions=3)])])
            assert len(vectors.search(direction(1), limit=5)) == 1
        (hit,) = vectors.search(direction(0, 1, dimensions=3), limit=5)
        assert hit.score == pytest.approx(1, abs=1e-5)
        other = ElasticsearchVectorStore(Connection.open(read_target(store_url)))
        with pytest.raises(EmbeddingMismatchError, match="model-b"):
            other.bind("model-a", DIMENSIONS)
        other.close()

    def test_a_rebuild_that_fails_leaves_the_vectors_as_they_were(
        self, vectors: ElasticsearchVectorStore, elasticsearch_client: Elasticsearch
    ) -> None:
        vectors.write([chunked(a_document("1"), [direction(1)])])
        vectors.maintain()
        with pytest.raises(RuntimeError), vectors.rebuilding("model-b", 3):
            raise RuntimeError("the model is gone")
        assert len(vectors.search(direction(1), limit=5)) == 1
        vectors.write([chunked(a_document("2"), [direction(1)])])
        vectors.maintain()
        assert vectors.count() == 2
