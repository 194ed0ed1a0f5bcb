"""A made-up source that reads payloads which do harm to whoever reads them."""

import os
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from langchain_core.documents import Document
from pydantic import Field

from documents.metadata import make_document
from exporters.base import BaseExporter, ConnectionReport, Partition, Selection
from exporters.changes import Change, Cursor, RawRecord
from exporters.errors import InvalidDataError
from exporters.registry import SourceManifest
from exporters.settings import SourceSettings

MANIFEST = SourceManifest(
    name="hostile",
    title="Hostile",
    summary="A made-up source.",
    exporter="hostile_source:HostileExporter",
    settings="hostile_source:HostileSettings",
    document_type="documents.types:AIDocument",
)


class HostileSelection(Selection):
    refuses: bool = Field(default=False, description="Whether the exporter cannot be made.")


class HostileSettings(SourceSettings):
    base_url: str = "http://hostile.example/"


class HostileExporter(BaseExporter):
    source = "hostile"
    selection_type = HostileSelection

    @classmethod
    def for_selection(
        cls, selection: Any, credentials: Mapping[str, str], settings: Any
    ) -> BaseExporter:
        assert not credentials, "the process is given no credentials"
        if selection.refuses:
            raise RuntimeError("no exporter today")
        return cls()

    @property
    def connection(self) -> str:
        return "H1"

    def test_connection(self) -> ConnectionReport:
        return ConnectionReport(())

    def partitions(self, selection: Any) -> Iterator[Partition]:
        yield Partition(key="p", name="p", kind="room")

    def pull(self, partition: Partition, cursor: Cursor | None) -> Iterator[Change]:
        return iter(())

    def to_documents(self, record: RawRecord) -> Iterator[Document]:
        match record.payload.get("does"):
            case "hang":
                time.sleep(600)
            case "crash":
                os.abort()
            case "print":
                print("in between", flush=True)  # noqa: T201
            case "raise":
                raise InvalidDataError("It makes no sense.", external_id=record.external_id)
            case "leak":
                raise InvalidDataError("It holds canary-of-the-loading.", external_id="leak")
            case "tell":
                yield self._document(record, f"{os.getpid()} {sorted(os.environ)} {sys.argv}")
                return
        yield self._document(record, f"text of {record.external_id}")

    def _document(self, record: RawRecord, text: str) -> Document:
        return make_document(
            source=self.source, connection="H1", entity=record.entity,
            native_id=record.external_id, external_id=record.external_id, content=text,
            title=record.external_id, access=["public"], created_at=record.occurred_at,
        )  # fmt: skip

    def export(self) -> Iterator[Document]:
        return iter(())
