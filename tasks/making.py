"""Making documents of records: pure, so it may be done in this process or in another one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import orjson
from langchain_core.documents import Document

from exporters.base import BaseExporter
from exporters.changes import RawRecord
from processing.metadata import convert_to_ai_documents, fingerprints
from processing.text import normalize, truncate
from tasks.bad_items import check_ids
from tasks.batches import EncodedUpsert, Processing

Made = list[Document] | Exception
"""The documents of a record, or why there are none."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How the documents of a source are made.

    Attributes:
        exporter: Reads the payloads.
        store_name: The document type.
        characters: What is kept of a document's text.
        custom: The source's own processing step.
    """

    exporter: BaseExporter
    store_name: str
    characters: int
    custom: Processing | None = None

    def documents(self, record: RawRecord) -> list[Document]:
        """The documents of a record, typed and fingerprinted; fields of the run are not set.

        Raises:
            Exception: The record makes no sense, or the code that reads it is at fault.
        """
        documents = list(self._steps(self.exporter.to_documents(record)))
        check_ids(record, documents)
        return documents

    def _steps(self, documents: Iterator[Document]) -> Iterator[Document]:
        steps: Iterator[Document] = truncate(normalize(documents), self.characters)
        if self.custom is not None:
            steps = self.custom(steps)
        for document in convert_to_ai_documents(steps, self.store_name):
            document.metadata.update(fingerprints(document))
            yield document


class Maker(Protocol):
    """Makes the documents of many records."""

    def make(self, items: Sequence[EncodedUpsert]) -> list[Made]:
        """The documents of each record, or the reason why there are none."""


@dataclass(frozen=True)
class LocalMaker:
    """Makes documents where it is called."""

    recipe: Recipe

    def make(self, items: Sequence[EncodedUpsert]) -> list[Made]:
        """See `Maker.make`.

        Of what landed, not of what the source gave: the order of its keys is another, and a code
        that minds it would make another document in another process and in a replay.
        """
        return [
            made_here(self.recipe, replace(item.record, payload=orjson.loads(item.payload)))
            for item in items
        ]


def made_here(recipe: Recipe, record: RawRecord) -> Made:
    """The documents of a record, or what its making raised."""
    try:
        return recipe.documents(record)
    except Exception as error:  # noqa: BLE001 (one bad item is a dead letter, not the run)
        return error
