"""Odd documents and odd options."""

from typing import Any

import pytest
from langchain_core.documents import Document
from pydantic import ValidationError
from scripted_source import MODEL, ScriptedExporter, document_id, put
from workbench import Bench

from tasks.options import SyncOptions


def fields(identifier: str, text: str, **metadata: Any) -> dict[str, Any]:
    return {"id": document_id(identifier), "page_content": text, "metadata": metadata}


class TestOptions:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("max_delete_percent", -1),
            ("max_delete_percent", 100.1),
            ("max_delete_percent", float("nan")),
            ("confirm_deletes", -1),
            ("max_consecutive_failures", 0),
            ("batch_records", 0),
            ("batch_bytes", 0),
            ("batch_seconds", 0),
            ("batch_seconds", float("nan")),
            ("batch_seconds", float("inf")),
            ("rescan", "perhaps"),
            ("no_such_option", 1),
        ],
    )
    def test_a_value_that_makes_no_sense_is_refused(self, name: str, value: object) -> None:
        with pytest.raises(ValidationError) as refused:
            SyncOptions(**{name: value})
        [error] = refused.value.errors()
        assert error["loc"] == (name,)

    def test_every_option_is_described(self) -> None:
        for name, field in SyncOptions.model_fields.items():
            assert field.description, name
        assert SyncOptions.offered <= set(SyncOptions.model_fields)


class TestDocuments:
    def test_one_without_access_is_read_by_nobody(self, bench: Bench) -> None:
        bench.vendor.says(put(1, documents=[fields("1", "text", source="scripted")]))
        bench.sync()
        assert bench.state()["documents"][document_id(1)]["access"] == ["deny:all"]

    def test_one_without_metadata_is_stored(self, bench: Bench) -> None:
        bench.vendor.says(put(1, documents=[{"id": document_id(1), "page_content": "bare"}]))
        assert bench.sync().counts.new == 1
        assert bench.sync().counts.unchanged == 1

    def test_metadata_none_is_as_good_as_none(self, bench: Bench) -> None:
        class Bare(ScriptedExporter):
            def to_documents(self, record: Any) -> Any:
                bare: dict[str, Any] = {"id": document_id(1), "page_content": "bare"}
                yield Document.model_construct(**bare, metadata=None)  # type: ignore[arg-type]

        bench.exporter_class = Bare
        bench.vendor.says(put(1))
        assert bench.sync().counts.new == 1
        assert bench.texts() == {"1": "bare"}

    @pytest.mark.parametrize("title", ["", "A title"])
    def test_an_empty_text_is_stored_and_embedded_by_its_title(
        self, bench: Bench, title: str
    ) -> None:
        bench.vendor.says(put(1, "", title=title))
        result = bench.sync()
        assert (result.counts.new, result.counts.failed) == (1, 0)
        assert MODEL.texts == ([title] if title else [])
        assert bench.texts() == {"1": ""}

    def test_a_record_of_no_documents_is_remembered(self, bench: Bench) -> None:
        bench.vendor.says(put(1, documents=[]))
        assert bench.sync().counts.landed == 1
        assert bench.sync().counts.landed == 0

    def test_a_text_that_is_too_long_is_cut_and_says_so(self, bench: Bench) -> None:
        bench.settings["document_characters"] = 1_000
        bench.vendor.says(put(1, "x" * 1_500), put(2, "short"))
        bench.sync()
        documents = bench.state()["documents"]
        assert documents[document_id(1)]["content"] == "x" * 1_000
        assert documents[document_id(1)]["extra"] == {
            "content_truncated": True,
            "content_characters": 1_500,
        }
        assert documents[document_id(2)]["extra"] == {}
        assert bench.sync().counts.unchanged == 2

    def test_half_a_character_costs_no_more_than_its_document(self, bench: Bench) -> None:
        bench.vendor.says(put(1, "half an emoji: \ud83d"), put(2, "whole: 😀"), put(3))
        result = bench.sync()
        assert result.counts.failed + result.counts.new == 3
        assert {"2", "3"} <= set(bench.texts())

    def test_a_nul_in_a_text_is_no_harm(self, bench: Bench) -> None:
        bench.vendor.says(put(1, "before\0after"), put(2))
        result = bench.sync()
        assert result.counts.new + result.counts.failed == 2
        assert "2" in bench.texts()
