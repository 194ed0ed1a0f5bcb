"""From a landed payload to a document: pure, so that it can be repeated years later."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, ClassVar, Final

from langchain_core.documents import Document

from documents.metadata import make_document
from documents.types import AIDocument
from exporters.changes import RawRecord

SOURCE: Final = "folder"
FILE: Final = "file"


class MarkdownFileDocument(AIDocument):
    """A Markdown file. `metadata["extra"]` holds `path`, its path within the folder."""

    source: ClassVar[str] = SOURCE
    store_name: ClassVar[str] = "folder_files"
    extra_mapping: ClassVar[dict[str, Any]] = {"path": {"type": "keyword"}}


def file_documents(record: RawRecord) -> Iterator[Document]:
    """The document of a file; none where it holds no text, so that nobody finds an empty one."""
    payload = record.payload
    if not payload["text"].strip():
        return
    yield make_document(
        source=SOURCE,
        connection=payload["connection"],
        entity=FILE,
        native_id=record.external_id,
        external_id=record.external_id,
        content=payload["text"],
        title=_title(payload["text"]) or PurePosixPath(payload["path"]).stem,
        access=payload["access"],
        url=record.url,
        container={"id": payload["folder"], "name": payload["folder"], "url": None},
        updated_at=datetime.fromisoformat(payload["modified"]),
        version=record.version,
        extra={"path": payload["path"]},
    )


def _title(text: str) -> str:
    """The first heading, if the file begins with one."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return first.lstrip("#").strip() if first.startswith("#") else ""
