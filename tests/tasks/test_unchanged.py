"""What did not move is neither embedded nor written again."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from scripted_source import (
    ENTITY,
    MODEL,
    MORNING,
    MovedExporter,
    document_id,
    gone,
    listed,
    listing,
    note,
    put,
)
from workbench import Bench

from documents.fingerprints import text_hash
from exporters.changes import AccessChange, Change, Complete, Upsert


def test_a_second_sync_of_the_same_touches_no_store(bench: Bench) -> None:
    bench.vendor.says(*listing(put(number) for number in range(23)))
    first = bench.sync(fresh=True)
    assert (first.counts.new, first.counts.embedded, first.counts.landed) == (23, 23, 23)
    assert len(MODEL.texts) == 23
    bench.watch.forget()
    before = bench.state()
    second = bench.sync(fresh=True)
    assert (second.counts.unchanged, second.counts.written) == (23, 0)
    assert (second.counts.embedded, second.counts.landed) == (0, 0)
    assert len(MODEL.texts) == 23
    assert bench.watch.written == 0
    assert bench.watch.counts["raw.append"] == 0
    assert bench.state() == before


def test_a_changed_text_is_written_and_embedded_alone(bench: Bench) -> None:
    bench.vendor.says(*listing(put(number) for number in range(9)))
    bench.sync(fresh=True)
    bench.watch.forget()
    MODEL.reset()
    later = MORNING + timedelta(hours=1)
    bench.vendor.says(
        *listing(put(n, "quite new" if n == 4 else None, fetched=later) for n in range(9))
    )
    result = bench.sync(fresh=True)
    assert (result.counts.changed, result.counts.unchanged, result.counts.embedded) == (1, 8, 1)
    assert MODEL.texts == ["quite new"]
    assert bench.watch.ids["index.write"] == bench.watch.ids["vectors.write"] == [document_id(4)]
    assert bench.texts()["4"] == "quite new"


def test_of_a_long_text_only_the_chunks_that_moved_are_embedded(bench: Bench) -> None:
    paragraphs = [f"paragraph {n} " + "word " * 250 for n in range(6)]
    bench.vendor.says(put(1, "\n\n".join(paragraphs)))
    bench.sync()
    chunks = len(MODEL.texts)
    assert chunks > 3
    MODEL.reset()
    paragraphs[-1] = "another end " + "word " * 250
    bench.vendor.says(put(1, "\n\n".join(paragraphs)))
    result = bench.sync()
    assert 0 < result.counts.embedded == len(MODEL.texts) < chunks


def test_a_change_of_access_alone_writes_access_alone(bench: Bench) -> None:
    bench.vendor.says(*[put(number) for number in range(6)])
    bench.sync()
    bench.watch.forget()
    MODEL.reset()
    bench.vendor.says(
        *[put(n, access=["user:ann@x.example"] if n < 2 else ["workspace:W1"]) for n in range(6)]
    )
    result = bench.sync()
    assert (result.counts.access_changed, result.counts.changed, result.counts.new) == (2, 0, 0)
    assert MODEL.texts == []
    assert set(bench.watch.ids["index.access"]) == {document_id(0), document_id(1)}
    assert set(bench.watch.ids["vectors.access"]) == {document_id(0), document_id(1)}
    assert "index.write" not in bench.watch.ids
    found, chunks = bench.state()["found by"]["user:ann@x.example"]
    assert found == chunks == [document_id(0), document_id(1)]


def test_an_access_change_without_content_writes_access_alone(bench: Bench) -> None:
    bench.vendor.says(*[put(number) for number in range(6)])
    bench.sync()
    bench.watch.forget()
    change = AccessChange(access=("user:ann@x.example",), entity=ENTITY, external_id="3")
    bench.vendor.says(change)
    assert bench.sync().counts.access_changed == 1
    assert bench.watch.ids == {
        "index.access": [document_id(3)],
        "vectors.access": [document_id(3)],
        **{step: [] for step in bench.watch.ids if not step.endswith(".access")},
    }
    assert bench.sync().counts.access_changed == 0
    assert bench.state()["found by"]["user:ann@x.example"] == ([document_id(3)], [document_id(3)])


class TestTheCacheOfEmbeddings:
    def test_a_text_that_another_document_has_is_not_embedded_again(self, bench: Bench) -> None:
        bench.vendor.says(put(1, "the same text"))
        bench.sync()
        bench.vendor.says(put(2, "the same text"), put(3, "the same text"))
        assert bench.sync().counts.embedded == 0
        assert MODEL.texts == ["the same text"]
        assert bench.stores.vectors is not None
        assert bench.stores.vectors.count() == 3

    def test_nor_one_that_was_deleted_and_came_back(self, bench: Bench) -> None:
        bench.vendor.says(put(1, "here and there"))
        bench.sync()
        bench.vendor.says(gone(1))
        assert bench.sync().counts.deleted == 1
        assert bench.stores.index.count() == 0
        bench.vendor.says(put(1, "here and there"))
        result = bench.sync()
        assert (result.counts.new, result.counts.embedded) == (1, 0)
        assert MODEL.texts == ["here and there"]

    def test_nor_one_in_a_batch_right_after(self, bench: Bench) -> None:
        """The batch before may not be written yet."""
        bench.vendor.says(*[put(number, "boilerplate") for number in range(40)])
        result = bench.sync(batch_records=4)
        assert (result.counts.new, result.counts.embedded) == (40, 1)
        assert MODEL.texts == ["boilerplate"]

    def test_another_model_has_a_cache_of_its_own(self, bench: Bench) -> None:
        bench.vendor.says(put(1))
        bench.sync()
        [cached] = bench.stores.ledger.vector_cache()
        assert (cached.model, cached.vectors) == ("counting", 1)
        assert bench.stores.ledger.cached_vectors("another", [text_hash(MODEL.texts[0])]) == {}


class TestListedItems:
    def test_one_whose_version_did_not_move_is_not_loaded(self, bench: Bench) -> None:
        loaded: list[str] = []

        def says(version: str) -> None:
            def load(number: int) -> list[Change]:
                loaded.append(f"{number} {version}")
                return [put(number, version=version)]

            records = [note(number, version=version) for number in range(3)]
            bench.vendor.says(
                *[listed(r, partial(load, int(r.external_id))) for r in records],
                Complete(full=True),
            )

        says("a")
        bench.sync()
        assert bench.sync().counts.unchanged == 3
        assert loaded == ["0 a", "1 a", "2 a"]
        says("b")
        assert bench.sync().counts.unchanged == 3
        assert loaded[3:] == ["0 b", "1 b", "2 b"]
        bench.sync()
        assert len(loaded) == 6, "an item whose version alone moved is loaded once"
        bench.sync(refetch=True)
        assert len(loaded) == 9

    def test_a_new_transformation_loads_and_transforms_everything(self, bench: Bench) -> None:
        bench.vendor.says(*[listed(note(number, version="a")) for number in range(3)])
        bench.sync()
        bench.exporter_class = MovedExporter
        bench.watch.forget()
        result = bench.sync()
        assert result.counts.landed == 3
        assert result.counts.unchanged == 3
        assert bench.watch.written == 0
        assert bench.sync().counts.landed == 0


class TestOldAnswers:
    def test_an_older_answer_replaces_nothing(self, bench: Bench) -> None:
        bench.vendor.says(put(1, "newer", fetched=MORNING))
        bench.sync()
        bench.vendor.says(put(1, "older", fetched=MORNING - timedelta(days=9)))
        assert bench.sync().counts.unchanged == 1
        assert bench.texts() == {"1": "newer"}

    def test_a_part_of_an_item_replaces_nothing_and_is_better_than_nothing(
        self, bench: Bench
    ) -> None:
        later = MORNING + timedelta(hours=1)
        bench.vendor.says(put(1, "whole"))
        bench.sync()
        bench.vendor.says(
            *[Upsert(note(number, "part", fetched=later), partial=True) for number in (1, 2)]
        )
        bench.sync()
        assert bench.texts() == {"1": "whole", "2": "part"}

    def test_a_clock_that_was_ahead_does_not_freeze_what_was_fetched_then(
        self, bench: Bench
    ) -> None:
        tomorrow = datetime.now(UTC) + timedelta(days=300)
        bench.vendor.says(put(1, "by a clock that is far ahead", fetched=tomorrow))
        bench.sync()
        bench.vendor.says(put(1, "by the right clock", fetched=datetime.now(UTC)))
        bench.sync()
        assert bench.texts() == {"1": "by the right clock"}


def test_a_key_that_comes_twice_ends_as_it_was_said_last(bench: Bench) -> None:
    bench.vendor.says(put(1, "one"), put(1, "two"), put(2), gone(2), put(3), gone(3), put(3, "yes"))
    bench.sync()
    assert bench.texts() == {"1": "two", "3": "yes"}


def test_a_record_that_makes_fewer_documents_loses_the_others(bench: Bench) -> None:
    bench.vendor.says(put(1, texts=["a", "b", "c"]))
    assert bench.sync().counts.new == 3
    bench.vendor.says(put(1, texts=["a", "other"]))
    result = bench.sync()
    assert (result.counts.unchanged, result.counts.changed, result.counts.deleted) == (1, 1, 1)
    assert bench.texts() == {"1": "a", "1/1": "other"}
    assert bench.stores.vectors is not None
    assert bench.stores.vectors.count() == 2


def test_a_document_that_moves_to_another_record_of_the_batch_stays(bench: Bench) -> None:
    def document(identifier: str) -> dict[str, Any]:
        fields = {"source": "scripted", "title": "", "access": ["workspace:W1"], "extra": {}}
        return {"id": document_id(identifier), "page_content": identifier, "metadata": fields}

    bench.vendor.says(put(1, documents=[document("x"), document("y")]), put(2, documents=[]))
    bench.sync()
    bench.vendor.says(put(2, documents=[document("x")]), put(1, documents=[document("y")]))
    bench.sync()
    assert bench.texts() == {"x": "x", "y": "y"}
