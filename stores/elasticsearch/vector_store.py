"""The vectors of documents' chunks on Elasticsearch.

A chunk is a document of its own, with what it is filtered by. Its id is made of the document's id
and its place, and the first chunk says how many there are, so all chunks of a document are found by
id, also those that no search sees yet. A document that grows gets its first chunk first, one that
shrinks loses its last chunks first: the number never says too little, wherever a write is cut off.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from langchain_core.documents import Document

from documents.chunks import Chunk, ChunkedDocument
from stores.base import ChunkHit, SearchFilter, VectorStore, WriteFailure
from stores.elasticsearch.bodies import (
    checked_id,
    chunk_key,
    chunk_operations,
    delete_operation,
    filter_fields,
    update_operation,
)
from stores.elasticsearch.bulk import BulkWriter, Operation
from stores.elasticsearch.connection import Connection
from stores.elasticsearch.indices import Generation, Indices
from stores.elasticsearch.queries import filters
from stores.elasticsearch.templates import (
    BBQ_DIMENSIONS,
    IndexSchema,
    chunk_schema,
    chunks_alias,
)
from stores.entries import Entry, checked_updates, entry_of, storable_ids
from stores.errors import EmbeddingMismatchError, StoreError
from stores.unit_vectors import unit_vectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

_IDS_AT_ONCE: Final = 1_000
_MOST_HITS: Final = 10_000
_FEWEST_CANDIDATES: Final = 200
_CANDIDATES: Final = 5
"""How many candidates the graph brings for each hit that is wanted."""

_OVERSAMPLE: Final = (2.0, 4.0)
"""How many of those, for each hit, are ranked by their float vectors: where a dimension is kept in
a byte, and where it is kept in a bit."""

_KEEP_ALIVE: Final = "5m"


class _Model(NamedTuple):
    name: str
    dimensions: int


class _Ready(NamedTuple):
    """A document ready to be written."""

    operations: list[Operation]
    entry: Entry


class ElasticsearchVectorStore(VectorStore):
    """The vector store on a server. Safe to use from several threads and processes.

    The search is approximate: candidates come from a graph of quantised vectors, filtered while it
    is walked, and are ranked by their float vectors, so scores are exact cosines.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._alias = chunks_alias(connection.target.prefix)
        self._target = self._alias
        self._indices = Indices(connection)
        self._bulk = BulkWriter(connection)
        self._model: _Model | None = None
        self._claimed: _Model | None = None

    def bind(self, model: str, dimensions: int) -> None:
        """See `VectorStore.bind`. A store without chunks takes any model."""
        if dimensions < 1:
            raise EmbeddingMismatchError(
                f"The embedding model {model} says it has {dimensions} dimensions."
            )
        wanted = _Model(model, dimensions)
        self._check(self._indices.current(self._alias), wanted)
        self._model = wanted

    def write(self, documents: Sequence[ChunkedDocument]) -> list[WriteFailure]:
        """See `VectorStore.write`. Of several documents with one id the last is kept.

        Raises:
            EmbeddingMismatchError: A vector does not have the dimensions of the bound model.
        """
        model = self._bound()
        batch: dict[str, _Ready] = {}
        failures = []
        for item in documents:
            try:
                identifier = checked_id(item.document)
                batch[identifier] = self._ready(identifier, item, model)
            except ValueError as error:
                failures.append(WriteFailure(item.document.id or "", f"cannot be stored: {error}"))
        if not batch:
            return failures
        self._claim(model)
        before = self._numbers(list(batch))
        first: list[Operation] = []
        then: list[Operation] = []
        for identifier, ready in batch.items():
            held, number = before.get(identifier, 0), len(ready.operations)
            surplus = [
                delete_operation(self._target, chunk_key(identifier, place), identifier)
                for place in range(number, held)
            ]
            if number > held:
                first += ready.operations[:1]
                then += ready.operations[1:]
            elif number:
                first += surplus
                then += ready.operations
            else:
                first += surplus[1:]
                then += surplus[:1]
        return failures + self._send(first, then)

    def update_metadata(self, documents: Sequence[Document]) -> list[WriteFailure]:
        """See `VectorStore.update_metadata`. Documents that are not stored are passed over."""
        fields: dict[str, Mapping[str, Any]] = {}
        failures = []
        for document in documents:
            try:
                fields[checked_id(document)] = filter_fields(entry_of(document))
            except ValueError as error:
                failures.append(WriteFailure(document.id or "", f"cannot be stored: {error}"))
        return failures + self._update(fields)

    def update_access(self, access: Mapping[str, Sequence[str]]) -> list[WriteFailure]:
        """See `VectorStore.update_access`. Partial updates; nothing is embedded."""
        wanted, failures = checked_updates(access)
        fields = {i: {"metadata": {"access": list(access[i])}} for i in wanted}
        return failures + self._update(fields)

    def delete(self, document_ids: Sequence[str]) -> None:
        """See `VectorStore.delete`."""
        numbers = self._numbers(storable_ids(document_ids))
        # The first chunk goes last: it says how many there are.
        rest = {i: range(1, number) for i, number in numbers.items()}
        self._send(self._deletes(rest), self._deletes(dict.fromkeys(numbers, range(1))))

    def count(self) -> int:
        """See `VectorStore.count`. Counts what searches find."""
        client = self._connection.client
        answer = self._connection.call(
            lambda: client.search(
                index=self._target, size=0, track_total_hits=True, ignore_unavailable=True
            )
        )
        return int(answer["hits"]["total"]["value"])

    def search(
        self, vector: "NDArray[np.float32]", *, limit: int, where: SearchFilter | None = None
    ) -> list[ChunkHit]:
        """See `VectorStore.search`. At most 10,000; equal scores in the order of their ids.

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
        try:
            hits = self._nearest(unit, min(limit, _MOST_HITS), where)
        except StoreError:
            # Vectors of other dimensions are told as such, not as a request that makes no sense.
            self._check(self._indices.current(self._alias), model)
            if self.count() == 0:
                return []
            raise
        return sorted(
            (_hit_of(hit) for hit in hits),
            key=lambda hit: (-hit.score, hit.document_id, hit.ordinal),
        )

    def held_model(self) -> tuple[str, int] | None:
        """See `VectorStore.held_model`."""
        current = self._indices.current(self._alias)
        return None if current is None else _stored_model(current)

    @contextmanager
    def rebuilding(self, model: str, dimensions: int) -> "Iterator[VectorStore]":
        """A store to write all vectors to anew; it takes this one's place when the block ends.

        Searches of this one go on meanwhile. The index of before is kept.

        Raises:
            StoreError: An index cannot be made.
        """
        schema = self._schema(_Model(model, dimensions))
        current = self._indices.current(self._alias)
        for left_over in self._indices.generations(self._alias):
            if current is not None and left_over.number > current.number:
                self._indices.delete(left_over.name)
        name = self._indices.create(schema, current=False)
        store = _Rebuild(self._connection, name, _Model(model, dimensions))
        try:
            yield store
            self._indices.refresh(name)
            self._indices.switch(schema, current.name if current else None, name)
        except BaseException:
            self._indices.discard(self._alias, name)
            raise
        finally:
            store.finish()
        self._model = _Model(model, dimensions)

    def clear(self) -> None:
        """See `VectorStore.clear`. Deletes the index; the next write makes a new one."""
        current = self._indices.current(self._alias)
        if current is not None:
            self._indices.delete(current.name)
        self._indices.forget(self._alias)
        self._claimed = None

    def maintain(self) -> None:
        """See `VectorStore.maintain`. Searches find from here on what was written before."""
        self._indices.refresh(self._target)

    def close(self) -> None:
        """See `VectorStore.close`."""
        self._bulk.close()
        self._connection.close()

    def _nearest(
        self, unit: "NDArray[np.float32]", limit: int, where: SearchFilter | None
    ) -> list[Mapping[str, Any]]:
        client = self._connection.client
        candidates = min(_MOST_HITS, max(_FEWEST_CANDIDATES, _CANDIDATES * limit))
        oversample = min(_OVERSAMPLE[len(unit) >= BBQ_DIMENSIONS], candidates / limit)
        knn = {
            "field": "vector",
            "query_vector": unit,
            "k": limit,
            "num_candidates": candidates,
            "filter": filters(where),
            "rescore_vector": {"oversample": oversample},
        }
        answer = self._connection.call(
            lambda: client.search(
                index=self._target,
                knn=knn,
                size=limit,
                source={"includes": ["document_id", "ordinal", "start", "end"]},
                ignore_unavailable=True,
                allow_partial_search_results=False,
                track_total_hits=False,
            )
        )
        hits: list[Mapping[str, Any]] = answer["hits"]["hits"]
        return hits

    def _ready(self, identifier: str, item: ChunkedDocument, model: _Model) -> _Ready:
        entry = entry_of(item.document)
        units = _units(item.chunks, model)
        return _Ready(
            chunk_operations(
                self._target,
                identifier,
                entry,
                item.chunks,
                units,
                packed=self._connection.packs_vectors,
            ),
            entry,
        )

    def _numbers(self, ids: Sequence[str]) -> dict[str, int]:
        """How many chunks each of these documents has; those without are left out."""
        client = self._connection.client
        numbers: dict[str, int] = {}
        for start in range(0, len(ids), _IDS_AT_ONCE):
            page = list(dict.fromkeys(ids[start : start + _IDS_AT_ONCE]))
            answer = self._connection.change(
                partial(
                    client.mget,
                    index=self._target,
                    ids=[chunk_key(i, 0) for i in page],
                    source_includes=["chunks"],
                )
            )
            for identifier, hit in zip(page, answer["docs"], strict=True):
                if hit.get("found"):
                    numbers[identifier] = int(hit["_source"]["chunks"])
        return numbers

    def _deletes(self, places: Mapping[str, range]) -> list[Operation]:
        return [
            delete_operation(self._target, chunk_key(identifier, place), identifier)
            for identifier, listed in places.items()
            for place in listed
        ]

    def _update(self, fields: Mapping[str, Mapping[str, Any]]) -> list[WriteFailure]:
        numbers = self._numbers(list(fields))
        return self._send(
            [
                update_operation(
                    self._target, chunk_key(identifier, place), identifier, fields[identifier]
                )
                for identifier, number in numbers.items()
                for place in range(number)
            ]
        )

    def _send(self, *steps: Sequence[Operation]) -> list[WriteFailure]:
        """Carries out steps, one after the other; a refused chunk refuses its document, once."""
        refused: dict[str, str] = {}
        for step in steps:
            for key, reason in self._bulk.write([o for o in step if o.key not in refused]):
                refused.setdefault(key, reason)
        return [WriteFailure(key, reason) for key, reason in refused.items()]

    def _bound(self) -> _Model:
        if self._model is None:
            raise StoreError("The vector store was not told its model: `bind` comes first.")
        return self._model

    def _schema(self, model: _Model) -> IndexSchema:
        prefix = self._connection.target.prefix
        return chunk_schema(prefix, model.name, model.dimensions, self._indices.settings)

    def _check(self, current: Generation | None, wanted: _Model) -> None:
        if current is None:
            return
        stored = _stored_model(current)
        if stored == wanted:
            return
        self._indices.refresh(self._alias)
        if self.count() == 0:
            return
        raise EmbeddingMismatchError(
            f"The vectors in {current.name} are of {stored.name} ({stored.dimensions} "
            f"dimensions), not of {wanted.name} ({wanted.dimensions}).",
            hint="Choose the model the store was made with, or build the vectors anew "
            "(`data-getters reindex --vectors`).",
        )

    def _claim(self, model: _Model) -> None:
        """Makes sure that the index is the model's; an empty one of another model is replaced."""
        if self._claimed == model:
            return
        current = self._indices.current(self._alias)
        schema = self._schema(model)
        if current is not None and _stored_model(current) != model:
            self._check(current, model)
            name = self._indices.create(schema, current=False)
            self._indices.switch(schema, current.name, name)
            self._indices.delete(current.name)
        self._indices.ensure(schema)
        self._claimed = model


class _Rebuild(ElasticsearchVectorStore):
    """Writes into a generation that no alias points to yet."""

    def __init__(self, connection: Connection, name: str, model: _Model) -> None:
        super().__init__(connection)
        self._bulk = BulkWriter(connection, to_aliases=False)
        self._target = name
        self._model = model

    def finish(self) -> None:
        """Ends its threads; the connection is the other store's."""
        self._bulk.close()

    def _claim(self, model: _Model) -> None:
        del model


def _stored_model(generation: Generation) -> _Model:
    about = generation.about
    return _Model(str(about.get("model")), int(about.get("dimensions") or 0))


def _hit_of(hit: Mapping[str, Any]) -> ChunkHit:
    source = hit["_source"]
    # Elasticsearch makes (1 + cosine) / 2 of it (docs: dense_vector, similarity).
    cosine = 2.0 * hit["_score"] - 1.0
    return ChunkHit(
        source["document_id"], source["ordinal"], source["start"], source["end"], cosine
    )


def _units(chunks: Sequence[Chunk], model: _Model) -> "NDArray[np.float32]":
    """The vectors (n, d) of chunks, of length 1; NaN for one without direction.

    Raises:
        ValueError: A chunk has no vector, or one that is not finite.
        EmbeddingMismatchError: A vector has other dimensions.
    """
    for chunk in chunks:
        if chunk.vector is None:
            raise ValueError(f"chunk {chunk.ordinal} has no vector")
        if chunk.vector.shape != (model.dimensions,):
            raise _wrong_dimensions(model, chunk.vector.size)
    if not chunks:
        return np.empty((0, model.dimensions), np.float32)
    matrix = np.stack([chunk.vector for chunk in chunks if chunk.vector is not None])
    if not np.isfinite(matrix).all():
        raise ValueError("a vector is not finite")
    return unit_vectors(matrix)


def _wrong_dimensions(model: _Model, found: int) -> EmbeddingMismatchError:
    return EmbeddingMismatchError(
        f"A vector has {found} dimensions, but the model {model.name} has {model.dimensions}."
    )
