"""The embedding cache: a text that was embedded once with a model is not embedded again.

It is bounded. New vectors push out the oldest ones: whenever a process has added a twentieth of the
bound, the cache is cut to nine tenths of it. A vector that is pushed out costs one embedding when
its text comes again, and is new then.
"""

import math
from collections.abc import Collection, Mapping
from threading import Lock
from typing import Final

from sqlalchemy import bindparam, delete, func, select

from stores.ledger.backend import Backend
from stores.ledger.packing import pack_hash
from stores.ledger.statements import among
from stores.ledger.tables import embeddings, models
from stores.ledger.types import VectorCacheSize

DEFAULT_CACHE_BYTES: Final = 1 << 30
"""About a million vectors of 256 numbers."""

_CHECKS_PER_BOUND: Final = 20
_KEPT: Final = 0.9
_ROWS_PER_DELETE: Final = 10_000

_MODEL: Final = select(models.c.id).where(models.c.name == bindparam("model"))
_FOUND: Final = select(embeddings.c.text_hash, embeddings.c.vector).where(
    embeddings.c.model_id == _MODEL.scalar_subquery(), among(embeddings.c.text_hash, "hashes")
)


class VectorCache:
    """Caches the vectors of any number of models in a ledger."""

    def __init__(self, backend: Backend, limit: int) -> None:
        self._backend = backend
        self._limit = limit
        insert = backend.insert(embeddings).on_conflict_do_nothing()
        self._add = backend.bulk_insert(embeddings, insert)
        self._added = limit  # bytes since the last check; the first addition checks
        self._counting = Lock()

    def get(self, model: str, hashes: Collection[str]) -> dict[str, bytes]:
        """See `Ledger.cached_vectors`."""
        wanted = {"model": model, "hashes": [pack_hash(text) for text in hashes]}
        with self._backend.read() as connection:
            return {row[0].hex(): row[1] for row in connection.execute(_FOUND, wanted)}

    def put(self, model: str, vectors: Mapping[str, bytes]) -> None:
        """See `Ledger.cache_vectors`."""
        if not vectors:
            return
        with self._backend.write() as connection:
            model_id = connection.scalar(_MODEL, {"model": model})
            if model_id is None:
                connection.execute(
                    self._backend.insert(models).values(name=model).on_conflict_do_nothing()
                )
                model_id = connection.execute(_MODEL, {"model": model}).scalar_one()
            # Sorted, so that two processes that add the same texts wait for each other in one
            # order; and so that neighbours in the index are written together.
            rows = [(model_id, pack_hash(text), vectors[text]) for text in sorted(vectors)]
            self._add.execute(connection, rows)
        if self._due(sum(map(len, vectors.values()))):
            self.prune(self._limit)

    def sizes(self) -> list[VectorCacheSize]:
        """See `Ledger.vector_cache`."""
        counted = (
            select(
                embeddings.c.model_id,
                func.count().label("number"),
                func.min(embeddings.c.id).label("first"),
            )
            .group_by(embeddings.c.model_id)
            .subquery()
        )
        # All vectors of a model are of one length, so one is measured.
        query = (
            select(models.c.name, counted.c.number, func.length(embeddings.c.vector))
            .join(counted, counted.c.model_id == models.c.id)
            .join(embeddings, embeddings.c.id == counted.c.first)
            .order_by(models.c.name)
        )
        with self._backend.read() as connection:
            return [
                VectorCacheSize(model, number, number * length)
                for model, number, length in connection.execute(query)
            ]

    def prune(self, limit: int) -> int:
        """See `Ledger.prune_vectors`."""
        sizes = self.sizes()
        total = sum(size.size for size in sizes)
        if total <= limit:
            return 0
        average = total / sum(size.vectors for size in sizes)
        excess = math.ceil((total - limit * _KEPT) / average)
        removed = 0
        while removed < excess:
            number = min(_ROWS_PER_DELETE, excess - removed)
            oldest = select(embeddings.c.id).order_by(embeddings.c.id).limit(number)
            with self._backend.write() as connection:
                gone = connection.execute(delete(embeddings).where(embeddings.c.id.in_(oldest)))
            if not gone.rowcount:
                break
            removed += gone.rowcount
        return removed

    def _due(self, added: int) -> bool:
        """Counts what was added, and says whether the bound is to be checked."""
        with self._counting:
            self._added += added
            due = self._added * _CHECKS_PER_BOUND >= self._limit
            if due:
                self._added = 0
        return due
