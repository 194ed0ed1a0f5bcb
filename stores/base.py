"""The store contracts. Every implementation passes the same contract tests.

A `DocumentIndex` holds whole documents and ranks them by words; a `VectorStore` holds the vectors
of their chunks. Both are written idempotently by document id. What a single document is refused
for comes back as a `WriteFailure`; what stops the store as a whole is raised as a `StoreError`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from langchain_core.documents import Document

from documents.chunks import ChunkedDocument
from stores.errors import StoreError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class WriteFailure:
    """One document a store refused.

    Attributes:
        document_id: Which.
        reason: The store's own words, without secrets.
    """

    document_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFilter:
    """Which documents a search may return; a field left empty allows everything.

    Attributes:
        sources: Source names.
        connections: Accounts or tenants.
        entities: What the item is.
        containers: Container ids or names.
        authors: Author ids, names or e-mail addresses.
        created_after: Inclusive, with time zone.
        created_before: Exclusive, with time zone.
        updated_after: Inclusive, with time zone; a document that was never changed counts by when
            it was created.
        updated_before: Exclusive, with time zone.
        principals: Who is asking: only documents whose access shares a principal with this set are
            found. None means the operator's view, without access filter; an empty set finds
            nothing.
    """

    sources: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    principals: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class DocumentHit:
    """A document that was found; scores compare within one answer only, higher is better."""

    document_id: str
    score: float


@dataclass(frozen=True, slots=True)
class ChunkHit:
    """A chunk that was found.

    Attributes:
        document_id: Its document.
        ordinal: Its place in the document.
        start: Where it begins in `page_content`.
        end: Where it ends, exclusive.
        score: Cosine similarity, -1 to 1.
    """

    document_id: str
    ordinal: int
    start: int
    end: int
    score: float


class DocumentIndex(ABC):
    """Whole documents: full text, filters, and the documents themselves."""

    @abstractmethod
    def write(self, documents: Sequence[Document]) -> list[WriteFailure]:
        """Inserts or replaces documents by id; those not named in the answer are durable.

        Raises:
            StoreError: The store as a whole cannot be written.
        """

    @abstractmethod
    def update_access(self, access: Mapping[str, Sequence[str]]) -> list[WriteFailure]:
        """Replaces the access lists of documents (by id), touching nothing else of them.

        `metadata["access_hash"]` follows. Ids that are not stored are passed over.
        """

    @abstractmethod
    def delete(self, document_ids: Sequence[str]) -> None:
        """Deletes documents by id; those not stored are passed over."""

    @abstractmethod
    def get(self, document_ids: Sequence[str]) -> dict[str, Document]:
        """The stored documents among these ids, as they were written."""

    @abstractmethod
    def iterate(self, where: SearchFilter | None = None) -> Iterator[Document]:
        """Every document, or those that pass a filter, in flat memory and no particular order."""

    @abstractmethod
    def in_order(
        self,
        where: SearchFilter,
        *,
        limit: int,
        thread: str | None = None,
        parent: str | None = None,
        newest_first: bool = False,
    ) -> list[Document]:
        """The documents that pass a filter, in the order in which they were created.

        Args:
            where: The filter. Documents of one moment come in a fixed order, those without a time
                not at all.
            limit: How many at most.
            thread: Only those of this conversation (`thread_id`).
            parent: Only those that belong to this document (`parent_id`).
            newest_first: Whether to begin at the end.
        """

    @abstractmethod
    def count(self, where: SearchFilter | None = None) -> int:
        """How many documents there are, or how many pass a filter."""

    @abstractmethod
    def search(
        self, query: str, *, limit: int, where: SearchFilter | None = None
    ) -> list[DocumentHit]:
        """Ranks documents by BM25. Any text is a valid query; one without words finds nothing."""

    @abstractmethod
    def clear(self) -> None:
        """Deletes all documents."""

    @abstractmethod
    def maintain(self) -> None:
        """Upkeep after a run; nothing where the store looks after itself.

        From here on searches find what was written before, if they did not at once. Takes
        seconds at most, however large the store is, and next to nothing when little has changed
        since the last time.

        Raises:
            StoreError: The store cannot be written.
        """

    @abstractmethod
    def close(self) -> None:
        """Gives back connections. Harmless when called twice."""


class VectorStore(ABC):
    """The vectors of documents' chunks.

    A store holds vectors of one model. `bind` is called before the first write or search.
    """

    @abstractmethod
    def bind(self, model: str, dimensions: int) -> None:
        """Says which model the vectors come from.

        Raises:
            EmbeddingMismatchError: The store holds vectors of another model.
        """

    @abstractmethod
    def write(self, documents: Sequence[ChunkedDocument]) -> list[WriteFailure]:
        """Replaces all chunks of each document with the given ones; every chunk has its vector.

        Raises:
            StoreError: The store as a whole cannot be written.
        """

    @abstractmethod
    def update_metadata(self, documents: Sequence[Document]) -> list[WriteFailure]:
        """Replaces what is filtered on (access, container, author ...), leaving the vectors."""

    @abstractmethod
    def update_access(self, access: Mapping[str, Sequence[str]]) -> list[WriteFailure]:
        """Replaces the access lists of documents' chunks, touching nothing else of them."""

    @abstractmethod
    def delete(self, document_ids: Sequence[str]) -> None:
        """Deletes all chunks of documents; those not stored are passed over."""

    @abstractmethod
    def count(self) -> int:
        """How many chunks there are."""

    @abstractmethod
    def search(
        self, vector: "NDArray[np.float32]", *, limit: int, where: SearchFilter | None = None
    ) -> list[ChunkHit]:
        """The chunks nearest to a vector by cosine."""

    def held_model(self) -> tuple[str, int] | None:
        """The model whose vectors the store holds, with its dimensions; None where it cannot tell.

        A store without vectors holds none.
        """
        return None

    def rebuilding(self, model: str, dimensions: int) -> "AbstractContextManager[VectorStore]":
        """A store to write all vectors to anew; it takes this one's place when the block ends.

        Until then searches answer from this one. Where the block is left by an error, or the
        process is killed in it, this one stays as it is.

        Raises:
            StoreError: This kind of store cannot do it.
        """
        del model, dimensions
        raise StoreError(
            f"{type(self).__name__} cannot be built anew in its place.",
            hint="Point vector_store elsewhere and sync again from the beginning.",
        )

    @abstractmethod
    def clear(self) -> None:
        """Deletes all chunks; `bind` takes any model afterwards."""

    @abstractmethod
    def maintain(self) -> None:
        """Upkeep after a run; nothing where the store looks after itself.

        From here on searches find what was written before, if they did not at once. Takes
        seconds at most, however large the store is, and next to nothing when little has changed
        since the last time.

        Raises:
            StoreError: The store cannot be written.
        """

    @abstractmethod
    def close(self) -> None:
        """Gives back connections. Harmless when called twice."""
