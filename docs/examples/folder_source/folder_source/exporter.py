"""Folders of Markdown files: one partition a folder."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from langchain_core.documents import Document

from documents.errors import ConfigurationError
from exporters.base import BaseExporter, ConnectionReport, Outcome, Partition, Probe
from exporters.changes import (
    AccessChange,
    Change,
    Complete,
    Cursor,
    Delete,
    Failure,
    Listed,
    RawRecord,
    Upsert,
)
from exporters.errors import (
    ExportError,
    InvalidDataError,
    NotFoundError,
    PermissionDeniedError,
)
from folder_source.client import FileEntry, markdown_files, read_text
from folder_source.documents import FILE, SOURCE, file_documents
from folder_source.settings import FolderSelection, FolderSettings


class FolderExporter(BaseExporter):
    """Reads the Markdown files of folders.

    A folder has no feed of changes, so every sync lists it whole and reads the files whose size or
    time of writing moved.

    `fetch` is not there on purpose: asked for one file, a share that is not mounted would say that
    it is gone. Without `fetch` the sync does not take a large gap for a deletion.
    """

    source: ClassVar[str] = SOURCE
    selection_type = FolderSelection

    def __init__(self, *, settings: FolderSettings) -> None:
        self._settings = settings

    @property
    def connection(self) -> str:
        """The collection's name."""
        return self._settings.name

    def test_connection(self) -> ConnectionReport:
        """Tries to list each folder."""
        return ConnectionReport(
            tuple(_probe(name, path) for name, path in self._settings.folders.items())
        )

    def partitions(self, selection: FolderSelection) -> Iterator[Partition]:
        """One partition a folder.

        Raises:
            ConfigurationError: A folder is asked for that the settings do not name.
        """
        folders = self._settings.folders
        for name in selection.folders or folders:
            if name not in folders:
                raise ConfigurationError(
                    f"There is no folder {name!r} in the settings.",
                    hint=f"Known are: {', '.join(folders)}.",
                )
            yield Partition(key=name, name=name, kind="folder")

    def pull(self, partition: Partition, cursor: Cursor | None) -> Iterator[Change]:
        """Lists a folder; files are read only where they moved."""
        del cursor  # a folder has none: it is listed whole each time
        yield AccessChange(access=self._settings.readable_by)
        for file in markdown_files(self._settings.folders[partition.key]):
            external_id = f"{partition.key}/{file.name}"
            yield Listed(
                entity=FILE,
                external_id=external_id,
                version=file.version,
                load=partial(self._load, partition.key, external_id, file),
            )
        yield Complete(full=True)

    def to_documents(self, record: RawRecord) -> Iterator[Document]:
        """The document of a file; see `folder_source.documents`."""
        return file_documents(record)

    def export(self, folders: list[str] | None = None) -> Iterator[Document]:
        """Yields the documents of folders, for a person at a prompt.

        Args:
            folders: Their names; None means all.
        """
        return self.documents(FolderSelection(folders=folders))

    def _load(self, folder: str, external_id: str, file: FileEntry) -> Iterator[Change]:
        url = file.path.absolute().as_uri()
        try:
            text = read_text(file.path)
        except NotFoundError:
            yield Delete(FILE, external_id)  # since it was listed
            return
        except (InvalidDataError, PermissionDeniedError) as error:
            yield Failure(error=error, entity=FILE, external_id=external_id, url=url)
            return
        yield Upsert(
            RawRecord(
                entity=FILE,
                external_id=external_id,
                payload=self._payload(folder, file, text),
                url=url,
                version=file.version,
            )
        )

    def _payload(self, folder: str, file: FileEntry, text: str) -> Mapping[str, Any]:
        return {
            "connection": self.connection,
            "folder": folder,
            "path": file.name,
            "modified": file.modified.isoformat(),
            "access": list(self._settings.readable_by),
            "text": text,
        }


def _probe(name: str, path: Path) -> Probe:
    try:
        count = sum(1 for _ in markdown_files(path))
    except ExportError as error:
        return Probe(name, Outcome.FAILED, str(error), error.hint)
    return Probe(name, Outcome.PASSED, f"{count} Markdown files in {path}")
