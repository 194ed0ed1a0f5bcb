"""Building an index anew beside the old one, with another mapping, while it is read and written.

1. The next generation is made, by the template of today.
2. The documents are copied by the server (`_reindex`), then again those that were written since
   (by sequence number), until few are left; those that were deleted are deleted.
3. The old index takes no writes for a moment: writers wait, and go on at the new one. The last
   documents are copied, and the last deleted.
4. The numbers are compared and the aliases switched, in one step.

Searches see the old index until the switch and the new one from then on. The old one stays, without
an alias, until `drop_old`. A reindex that is stopped leaves the old index as it was, or, stopped in
step 3, blocked for writing until the next reindex; what it built is deleted by the next.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Final

from stores.elasticsearch.bodies import delete_operation
from stores.elasticsearch.bulk import BulkWriter
from stores.elasticsearch.connection import Connection
from stores.elasticsearch.indices import Generation, Indices
from stores.elasticsearch.templates import (
    IndexSchema,
    chunk_schema,
    chunks_alias,
    document_schema,
    documents_group,
)
from stores.errors import StoreError

_FEW: Final = 5_000
"""Documents that are left for the moment without writes."""

_MOST_ROUNDS: Final = 10
_POLL_SECONDS: Final = 0.5
_PAGE: Final = 5_000
_DELETES_AT_ONCE: Final = 1_000
_BATCH: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexState:
    """An alias and what is behind it.

    Attributes:
        schema: How its index would be made today.
        current: Its index.
        old: Indices of before that were kept.
        documents: How many the current one has.
        size: Of the current one on disk, in bytes.
    """

    schema: IndexSchema
    current: Generation
    old: tuple[Generation, ...]
    documents: int
    size: int

    @property
    def alias(self) -> str:
        """The name it is known by."""
        return self.schema.alias

    @property
    def outdated(self) -> bool:
        """Whether its mapping is not the one of today."""
        return not self.current.matches(self.schema)


@dataclass(frozen=True, slots=True)
class ReindexProgress:
    """How far a reindex is.

    Attributes:
        alias: Of which index.
        done: Documents copied.
        total: Documents there are.
    """

    alias: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Reindexed:
    """What a reindex did.

    Attributes:
        alias: Of which index.
        old: The index of before, which is kept.
        new: The index the alias points to now.
        documents: How many it has.
    """

    alias: str
    old: str
    new: str
    documents: int


class Reindexer:
    """Builds the indices of one server anew."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._client = connection.client
        self._indices = Indices(connection)

    def states(self) -> list[IndexState]:
        """Every index of this collection on the server, documents first.

        Raises:
            StoreError: Something else is in the way of an alias.
        """
        prefix = self._connection.target.prefix
        group = documents_group(prefix)
        states = []
        for alias in self._indices.aliases(group):
            source = alias.removeprefix(f"{group}-")
            states.append(self._state(document_schema(prefix, source, self._indices.settings)))
        chunks = self._indices.current(chunks_alias(prefix))
        if chunks is not None:
            model, dimensions = str(chunks.about["model"]), int(chunks.about["dimensions"])
            schema = chunk_schema(prefix, model, dimensions, self._indices.settings)
            states.append(self._state(schema))
        return [state for state in states if state is not None]

    def reindex(
        self, schema: IndexSchema, progress: Callable[[ReindexProgress], None] | None = None
    ) -> Reindexed:
        """Builds an index anew and lets its aliases point to the new one.

        Args:
            schema: From `states`.
            progress: Told how far it is, about twice a second.

        Raises:
            StoreError: It did not work out; the old index is still in use.
        """
        alias = schema.alias
        current = self._begin(schema)
        fast = {"index": {"refresh_interval": "-1"}}
        new = self._indices.create(schema, current=False, settings=fast)
        switched = False
        try:
            documents = self._copy_all(alias, current.name, new, progress)
            self._indices.switch(schema, current.name, new)
            switched = True
        finally:
            if not switched:
                self._indices.discard(alias, new)
                self._indices.set(current.name, {"index.blocks.write": None})
        return Reindexed(alias, current.name, new, documents)

    def close(self) -> None:
        """Gives back the connection. Harmless when called twice."""
        self._connection.close()

    def drop_old(self) -> list[str]:
        """Deletes the kept indices of before; returns their names."""
        dropped = [old.name for state in self.states() for old in state.old]
        for name in dropped:
            self._indices.delete(name)
        return dropped

    def _state(self, schema: IndexSchema) -> IndexState | None:
        generations = self._indices.generations(schema.alias)
        current = next((g for g in generations if g.current), None)
        if current is None:
            return None
        stats = self._connection.call(
            partial(self._client.indices.stats, index=current.name, metric=["docs", "store"])
        )["_all"]["primaries"]
        return IndexState(
            schema=schema,
            current=current,
            old=tuple(g for g in generations if g.number < current.number),
            documents=stats["docs"]["count"],
            size=stats["store"]["size_in_bytes"],
        )

    def _begin(self, schema: IndexSchema) -> Generation:
        """Clears away what a reindex that was stopped left behind."""
        generations = self._indices.generations(schema.alias)
        current = next((g for g in generations if g.current), None)
        if current is None:
            raise StoreError(f"There is no index behind {schema.alias}.")
        for generation in generations:
            if generation.number > current.number:
                self._indices.delete(generation.name)
        self._indices.set(current.name, {"index.blocks.write": None})
        return current

    def _copy_all(
        self, alias: str, old: str, new: str, progress: Callable[[ReindexProgress], None] | None
    ) -> int:
        since = 0
        for _ in range(_MOST_ROUNDS):
            until = self._next_sequence_number(old)
            copied = self._copy(alias, old, new, since, progress)
            since = until
            if copied <= _FEW:
                break
        # Comparing takes a second or two for 50,000 documents; what is deleted by now is not
        # looked for again while writers wait.
        self._delete_gone(old, new)
        # Returns once every write that had begun is done, on all shards.
        self._connection.change(partial(self._client.indices.add_block, index=old, block="write"))
        self._copy(alias, old, new, since, None)
        self._delete_gone(old, new)
        self._indices.set(new, {"index.refresh_interval": self._refresh_interval()})
        documents = self._count(new)
        if documents != self._count(old):
            raise StoreError(
                f"The new index {new} has {documents:,} documents and {old} has "
                f"{self._count(old):,}: it is not used.",
                hint="Run `data-getters reindex` again.",
            )
        return documents

    def _copy(
        self,
        alias: str,
        old: str,
        new: str,
        since: int,
        progress: Callable[[ReindexProgress], None] | None,
    ) -> int:
        """Copies what was written from a sequence number on; returns how many documents."""
        self._indices.refresh(old)
        source: dict[str, Any] = {"index": old, "size": _BATCH}
        if since:
            source["query"] = {"range": {"_seq_no": {"gte": since}}}
        task = self._connection.change(
            partial(
                self._client.reindex,
                source=source,
                dest={"index": new},
                wait_for_completion=False,
            )
        )["task"]
        while True:
            # Not by the client's method, which warns a person of a technical preview.
            ask = partial(
                self._client.perform_request,
                "GET",
                f"/_tasks/{task}",
                headers={"accept": "application/json"},
            )
            answer = self._connection.change(ask)
            status = answer["task"]["status"]
            done = status["created"] + status["updated"]
            if progress is not None:
                progress(ReindexProgress(alias, done, status["total"]))
            if answer["completed"]:
                break
            time.sleep(_POLL_SECONDS)
        failed = answer.get("error") or next(iter(answer["response"]["failures"]), None)
        if failed:
            cause = failed.get("cause", failed)
            raise StoreError(
                f"The server could not copy {old} to {new}: {cause.get('reason') or cause}.",
                hint="The old index is still in use.",
            )
        return int(done)

    def _next_sequence_number(self, index: str) -> int:
        """From where on a copy has to begin that is to hold all that is written from now on.

        Each shard counts by itself: the lowest is right for all, and copies some twice. A number
        above the local checkpoint may be of a write that is still under way.
        """
        stats = self._connection.call(
            partial(self._client.indices.stats, index=index, level="shards")
        )
        shards = stats["indices"][index]["shards"].values()
        return min(
            int(copy["seq_no"]["local_checkpoint"]) + 1
            for copies in shards
            for copy in copies
            if copy["routing"]["primary"]
        )

    def _refresh_interval(self) -> str:
        return str(self._indices.settings["refresh_interval"])

    def _count(self, index: str) -> int:
        answer = self._connection.call(
            partial(self._client.search, index=index, size=0, track_total_hits=True)
        )
        return int(answer["hits"]["total"]["value"])

    def _delete_gone(self, old: str, new: str) -> None:
        """Deletes from the new index what is not in the old one any more, in flat memory."""
        self._indices.refresh(new)
        if self._count(old) == self._count(new):
            return
        writer = BulkWriter(self._connection, to_aliases=False)
        try:
            gone = _only_in_second(self._ids(old), self._ids(new))
            while page := list(islice(gone, _DELETES_AT_ONCE)):
                writer.write([delete_operation(new, i, i) for i in page])
        finally:
            writer.close()
        self._indices.refresh(new)

    def _ids(self, index: str) -> Iterator[str]:
        """The ids in an index, sorted, as it is now."""
        pit = self._connection.call(
            partial(self._client.open_point_in_time, index=index, keep_alive="5m")
        )["id"]
        after: list[Any] | None = None
        try:
            while True:
                answer = self._connection.call(
                    partial(
                        self._client.search,
                        pit={"id": pit, "keep_alive": "5m"},
                        sort=[{"id": "asc"}],
                        search_after=after,
                        size=_PAGE,
                        source=False,
                        track_total_hits=False,
                    )
                )
                pit = answer["pit_id"]
                hits = answer["hits"]["hits"]
                yield from (hit["sort"][0] for hit in hits)
                if len(hits) < _PAGE:
                    return
                after = hits[-1]["sort"]
        finally:
            with suppress(StoreError):  # it ends by itself
                self._connection.call(partial(self._client.close_point_in_time, id=pit), patience=0)


def _only_in_second(first: Iterator[str], second: Iterator[str]) -> Iterator[str]:
    """What only the second of two sorted iterators has."""
    held = next(first, None)
    for item in second:
        # Sorted by the bytes of UTF-8, as Elasticsearch sorts keywords.
        while held is not None and held.encode() < item.encode():
            held = next(first, None)
        if held != item:
            yield item
