"""The vectors of documents' chunks in the embedded file.

A chunk is a row with its place in the document's text (see `stores.sqlite.chunks`) and a vector in
a table of sqlite-vec (see `stores.sqlite.vector_table`), both under one number.
"""

# ruff: noqa: S608 -- the names of tables are put together from constants, never from data

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import apsw
import numpy as np
from langchain_core.documents import Document

from documents.chunks import Chunk, ChunkedDocument
from stores.base import ChunkHit, SearchFilter, VectorStore, WriteFailure
from stores.entries import Entry, checked_updates, entry_of, identifier_of, storable_ids
from stores.errors import EmbeddingMismatchError, StoreError
from stores.sqlite.chunks import ChunkTable
from stores.sqlite.database import EmbeddedDatabase, rows
from stores.sqlite.entries import EntryTable
from stores.sqlite.filters import condition_of
from stores.sqlite.nearest import Nearest
from stores.sqlite.schema import Schema
from stores.sqlite.vector_table import MOST_DIMENSIONS, far_out
from stores.unit_vectors import unit_vectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PREFIX: Final = "vectors"
_BUILDING: Final = "vectors_new"
"""Before the names of tables that are to take the place of the others."""


class _Model(NamedTuple):
    """What the store says of its vectors, under these keys."""

    model: str
    dimensions: int


class SqliteVectorStore(VectorStore):
    """The embedded vector store: exact search, filters before the cut.

    Safe to use from several threads and processes. Writes inside `EmbeddedDatabase.transaction()`
    of the same file join it.

    Args:
        database: The file.
        prefix: What the names of its tables begin with.
    """

    def __init__(self, database: EmbeddedDatabase | Path | str, *, prefix: str = _PREFIX) -> None:
        self._database = (
            database if isinstance(database, EmbeddedDatabase) else EmbeddedDatabase.open(database)
        )
        self._prefix = prefix
        self._entries = EntryTable(prefix)
        self._chunks = ChunkTable(prefix)
        self._schema = Schema(
            prefix,
            [
                [*self._entries.statements(), *self._chunks.statements()],
                self._entries.second_statements(),
            ],
        )
        self._model: _Model | None = None

    def bind(self, model: str, dimensions: int) -> None:
        """See `VectorStore.bind`. A store without chunks takes any model."""
        if dimensions < 1:
            raise EmbeddingMismatchError(
                f"The embedding model {model} says it has {dimensions} dimensions."
            )
        if dimensions > MOST_DIMENSIONS:
            raise EmbeddingMismatchError(
                f"The embedding model {model} has {dimensions} dimensions; the embedded vector "
                f"store takes up to {MOST_DIMENSIONS}.",
                hint="Choose another model, or another vector store.",
            )
        wanted = _Model(model, dimensions)
        with self._database.read() as reader:
            if self._schema.readable(reader, self._database):
                self._check(reader, wanted)
        self._model = wanted

    def write(self, documents: Sequence[ChunkedDocument]) -> list[WriteFailure]:
        """See `VectorStore.write`. Of several documents with one id the last is kept.

        Raises:
            EmbeddingMismatchError: A vector does not have the dimensions of the bound model.
        """
        model = self._bound()
        batch: dict[str, tuple[Entry, list[Chunk]]] = {}
        failures = []
        for item in documents:
            try:
                identifier = identifier_of(item.document)
                entry = entry_of(item.document)
                _check_vectors(item.chunks, model)
                batch[identifier] = (entry, item.chunks)
            except ValueError as error:
                failures.append(WriteFailure(item.document.id or "", f"cannot be stored: {error}"))
        if not batch:
            return failures
        vectors = _unit_vectors([chunk for _, chunks in batch.values() for chunk in chunks], model)
        if np.isnan(vectors).any() and (broken := _not_finite(batch)):
            failures += [
                WriteFailure(i, "cannot be stored: a vector is not finite") for i in broken
            ]
            kept = [d for d in documents if d.document.id in batch.keys() - broken]
            return failures + self.write(kept)
        with self._database.transaction() as writer:
            self._schema.prepare(writer, self._database)
            self._claim(writer, model)
            known, new = self._entries.write(writer, {i: entry for i, (entry, _) in batch.items()})
            held = self._chunks.held_by(writer, known.values())
            rids = known | new
            self._chunks.replace(
                writer,
                [(rids[i], chunks, held.get(rids[i], ())) for i, (_, chunks) in batch.items()],
                far_out(vectors),
            )
        return failures

    def update_metadata(self, documents: Sequence[Document]) -> list[WriteFailure]:
        """See `VectorStore.update_metadata`. Documents that are not stored are passed over."""
        entries: dict[str, Entry] = {}
        failures = []
        for document in documents:
            try:
                entries[identifier_of(document)] = entry_of(document)
            except ValueError as error:
                failures.append(WriteFailure(document.id or "", f"cannot be stored: {error}"))
        if entries:
            with self._database.transaction() as writer:
                self._schema.prepare(writer, self._database)
                stored = self._entries.rids(writer, entries)
                self._entries.write(writer, {i: entries[i] for i in stored})
        return failures

    def update_access(self, access: Mapping[str, Sequence[str]]) -> list[WriteFailure]:
        """See `VectorStore.update_access`."""
        wanted, failures = checked_updates(access)
        if wanted:
            with self._database.transaction() as writer:
                self._schema.prepare(writer, self._database)
                self._entries.update_access(writer, wanted)
        return failures

    def delete(self, document_ids: Sequence[str]) -> None:
        """See `VectorStore.delete`."""
        ids = storable_ids(document_ids)
        if not ids:
            return
        with self._database.transaction() as writer:
            self._schema.prepare(writer, self._database)
            rids = list(self._entries.rids(writer, ids).values())
            held = self._chunks.held_by(writer, rids).values()
            self._chunks.delete(writer, [chunk for chunks in held for chunk in chunks])
            self._entries.delete(writer, rids)

    def clear(self) -> None:
        """See `VectorStore.clear`."""
        with self._database.transaction() as writer:
            self._schema.prepare(writer, self._database)
            self._chunks.clear(writer)
            self._entries.clear(writer)
            for key in _Model._fields:
                self._schema.set(writer, key, None)

    def held_model(self) -> tuple[str, int] | None:
        """See `VectorStore.held_model`."""
        with self._database.read() as reader:
            if not self._schema.readable(reader, self._database) or not self._chunks.any(reader):
                return None
            return self._stored_model(reader)

    @contextmanager
    def rebuilding(self, model: str, dimensions: int) -> Iterator[VectorStore]:
        """See `VectorStore.rebuilding`. In tables beside these, which are read all the while.

        They take the place of these in one transaction, about a second for 100,000 chunks. What a
        rebuild that was killed left behind is dropped by the next one.
        """
        fresh = SqliteVectorStore(self._database, prefix=_BUILDING)
        with self._database.transaction() as writer:
            fresh._drop(writer)
        try:
            fresh.bind(model, dimensions)
            yield fresh
            with self._database.transaction() as writer:
                fresh._schema.prepare(writer, self._database)
                self._take(writer, fresh)
        except BaseException:
            with self._database.transaction() as writer:
                fresh._drop(writer)
            raise
        self._model = _Model(model, dimensions)

    def _drop(self, writer: apsw.Connection) -> None:
        self._chunks.vectors.drop(writer)
        for name in self._tables(writer):
            rows(writer, f"DROP TABLE {name}")

    def _tables(self, connection: apsw.Connection) -> list[str]:
        """Its tables that are there, but that of the vectors."""
        names = (*self._entries.tables(), self._chunks.name, self._schema.meta)
        found = rows(connection, "SELECT name FROM sqlite_schema WHERE type = 'table'")
        return [name for name in names if (name,) in found]

    def _take(self, writer: apsw.Connection, fresh: "SqliteVectorStore") -> None:
        """Makes the tables of another store this one's own, instead of those it has."""
        self._drop(writer)
        model = fresh._stored_model(writer)
        if model is not None:
            # vec0 cannot be renamed: the tables behind it keep their names (0.1.9).
            self._chunks.vectors.create(writer, model.dimensions)
            rows(
                writer,
                f"INSERT INTO {self._chunks.vectors.name} (rowid, embedding) "
                f"SELECT rowid, embedding FROM {fresh._chunks.vectors.name}",
            )
            fresh._chunks.vectors.drop(writer)
        for name in fresh._tables(writer):
            rows(writer, f"ALTER TABLE {name} RENAME TO {name.replace(_BUILDING, self._prefix)}")
        for statement in (*self._entries.statements(), *self._chunks.statements()):
            if statement.startswith("CREATE INDEX "):  # they keep their names as well
                name = statement.split()[2]
                rows(writer, f"DROP INDEX {name.replace(self._prefix, _BUILDING)}")
                rows(writer, statement)

    def count(self) -> int:
        """See `VectorStore.count`."""
        with self._database.read() as reader:
            if not self._schema.readable(reader, self._database):
                return 0
            return self._chunks.count(reader)

    def search(
        self, vector: "NDArray[np.float32]", *, limit: int, where: SearchFilter | None = None
    ) -> list[ChunkHit]:
        """See `VectorStore.search`. Exact: what passes the filter is ranked, and nothing else.

        Equal scores are ordered by age in the store.

        Raises:
            EmbeddingMismatchError: The vector does not have the dimensions of the bound model.
        """
        model = self._bound()
        question = np.asarray(vector, dtype=np.float32).reshape(1, -1)
        if question.shape[1] != model.dimensions:
            raise _wrong_dimensions(model, question.shape[1])
        unit = unit_vectors(question)[0]
        if limit <= 0 or not np.isfinite(unit).all():
            return []  # a text without any known word has no direction, and no neighbours
        condition = condition_of(self._prefix, where)
        with self._database.snapshot() as reader:
            if not self._schema.readable(reader, self._database):
                return []
            self._check(reader, model)
            if self._stored_model(reader) != model:
                return []
            return Nearest(self._prefix, reader).search(unit, condition, limit)

    def maintain(self) -> None:
        """See `VectorStore.maintain`. Closes the gaps that deletes have left among the vectors.

        At most 65,536 vectors are moved, in about a CPU second; next to nothing is done while
        less than a tenth of all places is empty.
        """
        with self._database.transaction() as writer:
            self._schema.prepare(writer, self._database)
            self._entries.forget_unused(writer)
            if self._stored_model(writer) is not None:
                self._chunks.vectors.close_gaps(writer)

    def close(self) -> None:
        """Closes the file, for every store in it. Harmless when called twice."""
        self._database.close()

    def _bound(self) -> _Model:
        if self._model is None:
            raise StoreError("The vector store was not told its model: `bind` comes first.")
        return self._model

    def _check(self, connection: apsw.Connection, wanted: _Model) -> None:
        stored = self._stored_model(connection)
        if stored in (None, wanted) or not self._chunks.any(connection):
            return
        raise EmbeddingMismatchError(
            f"The store {self._database.path} holds vectors of {stored.model} "
            f"({stored.dimensions} dimensions), not of {wanted.model} ({wanted.dimensions}).",
            hint="Choose the model the store was made with, or build the vectors anew "
            "(`data-getters reindex --vectors`).",
        )

    def _claim(self, writer: apsw.Connection, model: _Model) -> None:
        """Makes sure that the table of vectors is the model's."""
        if self._stored_model(writer) != model:
            self._check(writer, model)
            self._chunks.vectors.create(writer, model.dimensions)
            for key, value in model._asdict().items():
                self._schema.set(writer, key, value)

    def _stored_model(self, connection: apsw.Connection) -> _Model | None:
        name, dimensions = (self._schema.get(connection, key) for key in _Model._fields)
        if not isinstance(name, str) or not isinstance(dimensions, int):
            return None
        return _Model(name, dimensions)


def _wrong_dimensions(model: _Model, found: int) -> EmbeddingMismatchError:
    return EmbeddingMismatchError(
        f"A vector has {found} dimensions, but the model {model.model} has {model.dimensions}."
    )


def _check_vectors(chunks: Sequence[Chunk], model: _Model) -> None:
    for chunk in chunks:
        if chunk.vector is None:
            raise ValueError(f"chunk {chunk.ordinal} has no vector")
        if chunk.vector.shape != (model.dimensions,):
            raise _wrong_dimensions(model, chunk.vector.size)


def _unit_vectors(chunks: Sequence[Chunk], model: _Model) -> "NDArray[np.float32]":
    if not chunks:
        return np.empty((0, model.dimensions), np.float32)
    return unit_vectors(np.stack([chunk.vector for chunk in chunks if chunk.vector is not None]))


def _not_finite(batch: Mapping[str, tuple[Entry, Sequence[Chunk]]]) -> set[str]:
    """The documents of which a vector holds NaN or an infinity."""
    return {
        identifier
        for identifier, (_, chunks) in batch.items()
        for chunk in chunks
        if chunk.vector is None or not np.isfinite(chunk.vector).all()
    }
