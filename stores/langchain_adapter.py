"""Any LangChain vector store as ours.

LangChain's interface can add, delete and search, but not list, count or change a field, and each
store has a filter language of its own. `LangChainVectorStore` therefore keeps a book beside the
store, in a SQLite file: which chunks a document has and all it can be filtered by. The store gives
the order, the book says who may see what.
"""

# ruff: noqa: S608 -- the names of tables are put together from constants, never from data

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import apsw
import numpy as np
import orjson
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore as LangChainStore

from documents.chunks import Chunk, ChunkedDocument
from stores.base import ChunkHit, SearchFilter, VectorStore, WriteFailure
from stores.entries import Entry, checked_updates, entry_of, identifier_of, storable_ids
from stores.errors import EmbeddingMismatchError, StoreError
from stores.sqlite.database import EmbeddedDatabase, rows
from stores.sqlite.entries import EntryTable
from stores.sqlite.filters import Condition, condition_of
from stores.sqlite.schema import Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PREFIX: Final = "langchain"
_CHUNKS: Final = f"{_PREFIX}_chunk"
_ENTRIES: Final = EntryTable(_PREFIX)
_CLEARED_AT_ONCE: Final = 1_000
_SCHEMA: Final = Schema(
    _PREFIX,
    [
        [
            *_ENTRIES.statements(),
            f"""CREATE TABLE {_CHUNKS} (
                rid INTEGER NOT NULL, ordinal INTEGER NOT NULL,
                start INTEGER NOT NULL, "end" INTEGER NOT NULL,
                PRIMARY KEY (rid, ordinal)) WITHOUT ROWID""",
        ],
        _ENTRIES.second_statements(),
    ],
)


class GivenVectors(Embeddings):
    """An `Embeddings` that computes nothing: it hands out the vectors it was given for a text.

    So a LangChain store, which wants to embed by itself, takes vectors that exist already.
    """

    def __init__(self, dimensions: int) -> None:
        self._unknown = [1.0] + [0.0] * (dimensions - 1)
        self._vectors: dict[str, list[float]] = {}
        self._lock = Lock()

    def give(self, vectors: Mapping[str, "NDArray[np.float32]"]) -> None:
        """Sets the vectors of texts."""
        with self._lock:
            self._vectors.update((text, vector.tolist()) for text, vector in vectors.items())

    def forget(self, texts: Iterable[str]) -> None:
        """Takes them back."""
        with self._lock:
            for text in texts:
                self._vectors.pop(text, None)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The vectors given for these texts."""
        # Some stores embed a word of their own on opening, to learn the dimensions.
        return [self._vectors.get(text, self._unknown) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """The vector given for this text."""
        return self._vectors.get(text, self._unknown)


class LangChainVectorStore(VectorStore):
    """Any LangChain `VectorStore` behind our contract.

    Filters hold whatever the store can do: it is asked for more chunks than wanted, those the book
    lets through are kept, and it is asked again for four times as many until enough are left or the
    store has no more. So nobody sees what they may not, also right after an access list changed;
    for a reader of few documents a search costs as much as listing the store.

    A write goes to the store first and then into the book, a delete likewise; what is not in the
    book is never shown. After a crash in between, the same write again puts it right.

    Args:
        make_store: Makes or opens the store around an `Embeddings`; called by `bind`.
        book: The SQLite file of the book. One file serves one store.
        narrow: Makes the store's own `filter` argument of ours, to spare it work. It may use only
            what never changes (`source`, `connection`, `entity`, which are in the metadata of the
            chunks), and only takes away: the book is asked in any case.
        cosine: Makes a cosine of the score the store gives, for instance
            `lambda distance: 1 - distance`.
        replaces: Whether `add_documents` replaces what has the same id. Otherwise the old chunks
            are deleted first.
    """

    def __init__(
        self,
        make_store: Callable[[Embeddings], LangChainStore],
        book: EmbeddedDatabase | Path | str,
        *,
        narrow: Callable[[SearchFilter], Any] | None = None,
        cosine: Callable[[float], float] = float,
        replaces: bool = True,
    ) -> None:
        self._make_store = make_store
        self._book = book if isinstance(book, EmbeddedDatabase) else EmbeddedDatabase.open(book)
        self._narrow = narrow
        self._cosine = cosine
        self._replaces = replaces
        self._opened: tuple[LangChainStore, GivenVectors, int] | None = None

    def bind(self, model: str, dimensions: int) -> None:
        """See `VectorStore.bind`."""
        with self._book.transaction() as writer:
            _SCHEMA.prepare(writer, self._book)
            stored = (_SCHEMA.get(writer, "model"), _SCHEMA.get(writer, "dimensions"))
            if stored not in {(None, None), (model, dimensions)} and self._count(writer):
                raise EmbeddingMismatchError(
                    f"The vector store holds vectors of {stored[0]} ({stored[1]} dimensions), "
                    f"not of {model} ({dimensions}).",
                    hint="Choose the model it was made with, or build the vectors anew (reindex).",
                )
            _SCHEMA.set(writer, "model", model)
            _SCHEMA.set(writer, "dimensions", dimensions)
        given = GivenVectors(dimensions)
        self._opened = (self._make_store(given), given, dimensions)

    def write(self, documents: Sequence[ChunkedDocument]) -> list[WriteFailure]:
        """See `VectorStore.write`."""
        store, given, dimensions = self._open()
        batch: dict[str, tuple[Entry, ChunkedDocument]] = {}
        failures = []
        for item in documents:
            try:
                identifier = identifier_of(item.document)
                _check_vectors(item.chunks, dimensions)
                batch[identifier] = (entry_of(item.document), item)
            except ValueError as error:
                failures.append(WriteFailure(item.document.id or "", f"cannot be stored: {error}"))
        if not batch:
            return failures
        # The store may be far away, so it is written before the book's file is locked.
        self._add(store, given, batch, self._held(batch))
        with self._book.transaction() as writer:
            known, new = _ENTRIES.write(writer, {i: entry for i, (entry, _) in batch.items()})
            rids = known | new
            writer.executemany(
                f"DELETE FROM {_CHUNKS} WHERE rid = ?", [(rid,) for rid in known.values()]
            )
            writer.executemany(
                f"INSERT INTO {_CHUNKS} VALUES (?, ?, ?, ?)",
                [
                    (rids[i], chunk.ordinal, chunk.start, chunk.end)
                    for i, (_, item) in batch.items()
                    for chunk in item.chunks
                ],
            )
        return failures

    def update_metadata(self, documents: Sequence[Document]) -> list[WriteFailure]:
        """See `VectorStore.update_metadata`. The book alone is written."""
        entries: dict[str, Entry] = {}
        failures = []
        for document in documents:
            try:
                entries[identifier_of(document)] = entry_of(document)
            except ValueError as error:
                failures.append(WriteFailure(document.id or "", f"cannot be stored: {error}"))
        with self._book.transaction() as writer:
            _SCHEMA.prepare(writer, self._book)
            stored = _ENTRIES.rids(writer, entries)
            _ENTRIES.write(writer, {i: entries[i] for i in stored})
        return failures

    def update_access(self, access: Mapping[str, Sequence[str]]) -> list[WriteFailure]:
        """See `VectorStore.update_access`. The book alone is written."""
        wanted, failures = checked_updates(access)
        with self._book.transaction() as writer:
            _SCHEMA.prepare(writer, self._book)
            _ENTRIES.update_access(writer, wanted)
        return failures

    def delete(self, document_ids: Sequence[str]) -> None:
        """See `VectorStore.delete`."""
        store, _, _ = self._open()
        held = self._held(storable_ids(document_ids))
        gone = [_chunk_id(i, ordinal) for i, ordinals in held.items() for ordinal in ordinals]
        if gone:
            store.delete(ids=gone)
        with self._book.transaction() as writer:
            rids = list(_ENTRIES.rids(writer, held).values())
            writer.executemany(f"DELETE FROM {_CHUNKS} WHERE rid = ?", [(rid,) for rid in rids])
            _ENTRIES.delete(writer, rids)

    def count(self) -> int:
        """See `VectorStore.count`."""
        with self._book.read() as reader:
            return self._count(reader) if _SCHEMA.readable(reader, self._book) else 0

    def search(
        self, vector: "NDArray[np.float32]", *, limit: int, where: SearchFilter | None = None
    ) -> list[ChunkHit]:
        """See `VectorStore.search`. As exact as the store's own order is."""
        store, given, dimensions = self._open()
        question = np.asarray(vector, np.float32).reshape(-1)
        if question.size != dimensions:
            raise _wrong_dimensions(question.size, dimensions)
        if limit <= 0 or not np.isfinite(question).all() or not question.any():
            return []
        condition = condition_of(_PREFIX, where)
        options = {}
        if self._narrow is not None and where is not None:
            options = {"filter": self._narrow(where)}
        text = f"question {uuid4()}"
        given.give({text: question})
        asked = limit if condition.always else 4 * limit
        try:
            while True:
                found = store.similarity_search_with_score(text, k=asked, **options)
                hits = self._let_through(found, condition)
                if len(hits) >= limit or len(found) < asked:
                    return hits[:limit]
                asked *= 4
        finally:
            given.forget([text])

    def clear(self) -> None:
        """See `VectorStore.clear`. Deletes what is in the book, a page at a time."""
        while True:
            with self._book.read() as reader:
                if not _SCHEMA.readable(reader, self._book):
                    return
                page = rows(reader, f"SELECT id FROM {_PREFIX}_entry LIMIT {_CLEARED_AT_ONCE}")
            if not page:
                return
            self.delete([identifier for (identifier,) in page])

    def maintain(self) -> None:
        """See `VectorStore.maintain`. Tidies the book; LangChain's interface has no upkeep."""
        with self._book.transaction() as writer:
            _SCHEMA.prepare(writer, self._book)
            _ENTRIES.forget_unused(writer)

    def close(self) -> None:
        """Closes the book. LangChain's interface has nothing to close a store with."""
        self._book.close()

    def _open(self) -> tuple[LangChainStore, GivenVectors, int]:
        if self._opened is None:
            raise StoreError("The vector store was not told its model: `bind` comes first.")
        return self._opened

    def _count(self, connection: apsw.Connection) -> int:
        return int(rows(connection, f"SELECT count(*) FROM {_CHUNKS}")[0][0])

    def _held(self, ids: Iterable[str]) -> dict[str, set[int]]:
        """The ordinals of the chunks of those documents that are in the book."""
        with self._book.read() as reader:
            known = _ENTRIES.rids(reader, ids)
            names = {rid: identifier for identifier, rid in known.items()}
            held: dict[str, set[int]] = {identifier: set() for identifier in known}
            for rid, ordinal in rows(
                reader,
                f"SELECT c.rid, c.ordinal FROM json_each(?) AS j "
                f"CROSS JOIN {_CHUNKS} AS c ON c.rid = j.value",
                (orjson.dumps(list(names)).decode(),),
            ):
                held[names[rid]].add(ordinal)
        return held

    def _add(
        self,
        store: LangChainStore,
        given: GivenVectors,
        batch: Mapping[str, tuple[Entry, ChunkedDocument]],
        held: Mapping[str, set[int]],
    ) -> None:
        """Writes the chunks of documents into the store and deletes those they no longer have."""
        ids, chunks, vectors = [], [], {}
        stale = []
        for identifier, (entry, item) in batch.items():
            # A vector of zeros has no direction: the book counts its chunk, nobody finds it.
            pointing = [c for c in item.chunks if c.vector is not None and c.vector.any()]
            kept = {chunk.ordinal for chunk in pointing} if self._replaces else set()
            stale += [_chunk_id(identifier, o) for o in held.get(identifier, set()) - kept]
            for chunk in pointing:
                ids.append(_chunk_id(identifier, chunk.ordinal))
                chunks.append(_as_document(identifier, entry, chunk))
                vectors[chunk.embedded_text] = np.asarray(chunk.vector)
        if stale:
            store.delete(ids=stale)
        if not chunks:
            return
        given.give(vectors)
        try:
            store.add_documents(chunks, ids=ids)
        finally:
            given.forget(vectors)

    def _let_through(
        self, found: Sequence[tuple[Document, float]], condition: Condition
    ) -> list[ChunkHit]:
        """What the store found, less what the book does not have or the condition keeps back."""
        asked = [(d.metadata.get("document_id"), d.metadata.get("ordinal")) for d, _ in found]
        with self._book.read() as reader:
            places = {
                (identifier, ordinal): (start, end)
                for identifier, ordinal, start, end in rows(
                    reader,
                    f"""SELECT e.id, c.ordinal, c.start, c."end" FROM json_each(?) AS j
                    CROSS JOIN {_PREFIX}_entry AS e ON e.id = j.value ->> 0
                    CROSS JOIN {_CHUNKS} AS c ON c.rid = e.rid AND c.ordinal = j.value ->> 1
                    WHERE {condition.sql}""",
                    (orjson.dumps(asked).decode(), *condition.bindings),
                )
            }
        hits = []
        for (identifier, ordinal), (_, score) in zip(asked, found, strict=True):
            place = places.pop((identifier, ordinal), None)
            if place is not None:
                hits.append(
                    ChunkHit(str(identifier), int(ordinal or 0), *place, self._cosine(score))
                )
        return hits


def _chunk_id(identifier: str, ordinal: int) -> str:
    return f"{identifier}#{ordinal}"


def _as_document(identifier: str, entry: Entry, chunk: Chunk) -> Document:
    return Document(
        id=_chunk_id(identifier, chunk.ordinal),
        page_content=chunk.embedded_text,
        metadata={
            "document_id": identifier,
            "ordinal": chunk.ordinal,
            "source": entry.scope[0],
            "connection": entry.scope[1],
            "entity": entry.scope[2],
        },
    )


def _check_vectors(chunks: Sequence[Chunk], dimensions: int) -> None:
    for chunk in chunks:
        if chunk.vector is None or not np.isfinite(chunk.vector).all():
            raise ValueError(f"chunk {chunk.ordinal} has no vector, or one that is not finite")
        if chunk.vector.shape != (dimensions,):
            raise _wrong_dimensions(chunk.vector.size, dimensions)


def _wrong_dimensions(found: int, wanted: int) -> EmbeddingMismatchError:
    return EmbeddingMismatchError(
        f"A vector has {found} dimensions, but those of the store have {wanted}."
    )
