"""Chunk rows of the embedded vector store.

A chunk is a row with its place in the document's text (not the text again); its vector lies under
the same number in a `VectorTable`. A chunk that changes keeps its number, so that its vector is
replaced in place.
"""

# ruff: noqa: S608 -- the names of tables are put together from constants, never from data

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import apsw
import orjson

from documents.chunks import Chunk
from stores.sqlite.database import rows
from stores.sqlite.vector_table import VectorTable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_RIDS_AT_ONCE: Final = 10_000


class ChunkTable:
    """The chunks of one store; all methods work inside the caller's transaction."""

    def __init__(self, prefix: str) -> None:
        self.name = f"{prefix}_chunk"
        self.vectors = VectorTable(prefix)

    def statements(self) -> list[str]:
        """What makes the table; that of the vectors is made when their length is known."""
        return [
            f"""CREATE TABLE {self.name} (
                chunk INTEGER PRIMARY KEY, rid INTEGER NOT NULL, ordinal INTEGER NOT NULL,
                start INTEGER NOT NULL, "end" INTEGER NOT NULL)""",
            f"CREATE INDEX {self.name}_rid ON {self.name} (rid, ordinal)",
        ]

    def count(self, connection: apsw.Connection) -> int:
        """How many chunks there are."""
        return int(rows(connection, f"SELECT count(*) FROM {self.name}")[0][0])

    def any(self, connection: apsw.Connection) -> bool:
        """Whether there is a chunk."""
        return bool(rows(connection, f"SELECT 1 FROM {self.name} LIMIT 1"))

    def held_by(self, connection: apsw.Connection, rids: Iterable[int]) -> dict[int, list[int]]:
        """The chunks of documents that have any, by row number, in the chunks' order."""
        listed = list(rids)
        held: dict[int, list[int]] = {}
        for first in range(0, len(listed), _RIDS_AT_ONCE):
            for rid, chunk in rows(
                connection,
                f"SELECT c.rid, c.chunk FROM json_each(?) AS j "
                f"CROSS JOIN {self.name} AS c ON c.rid = j.value ORDER BY c.rid, c.ordinal",
                (orjson.dumps(listed[first : first + _RIDS_AT_ONCE]).decode(),),
            ):
                held.setdefault(rid, []).append(chunk)
        return held

    def replace(
        self,
        writer: apsw.Connection,
        documents: Sequence[tuple[int, Sequence[Chunk], Sequence[int]]],
        vectors: "NDArray[np.float32]",
    ) -> None:
        """Replaces the chunks of documents.

        Args:
            writer: Inside a transaction.
            documents: Row number, chunks, and the numbers of the chunks held so far, of each.
            vectors: Vectors (n, d) of all those chunks, in order.
        """
        units = iter(vectors)
        following = self._following(writer)
        new: list[tuple[int, int, int, int, int]] = []
        kept: list[tuple[int, int, int, int]] = []
        inserted: list[tuple[int, NDArray[np.float32]]] = []
        updated: list[tuple[int, NDArray[np.float32]]] = []
        surplus: list[int] = []
        for rid, chunks, held in documents:
            for chunk, number in zip(chunks, held, strict=False):
                kept.append((chunk.ordinal, chunk.start, chunk.end, number))
                updated.append((number, next(units)))
            for chunk in chunks[len(held) :]:
                new.append((following, rid, chunk.ordinal, chunk.start, chunk.end))
                inserted.append((following, next(units)))
                following += 1
            surplus += held[len(chunks) :]
        # Not INSERT OR REPLACE: with a second index it journals every row (eight times the work).
        writer.executemany(
            f'UPDATE {self.name} SET ordinal = ?, start = ?, "end" = ? WHERE chunk = ?', kept
        )
        writer.executemany(f"INSERT INTO {self.name} VALUES (?, ?, ?, ?, ?)", new)
        self.vectors.update(writer, updated)
        self.vectors.insert(writer, inserted)
        self.delete(writer, surplus)

    def delete(self, writer: apsw.Connection, chunks: Sequence[int]) -> None:
        """Deletes chunks and their vectors."""
        self.vectors.delete(writer, chunks)
        writer.executemany(
            f"DELETE FROM {self.name} WHERE chunk = ?", ((chunk,) for chunk in chunks)
        )

    def clear(self, writer: apsw.Connection) -> None:
        """Deletes all chunks, and the table of their vectors."""
        rows(writer, f"DELETE FROM {self.name}")
        self.vectors.drop(writer)

    def _following(self, connection: apsw.Connection) -> int:
        ((last,),) = rows(connection, f"SELECT max(chunk) FROM {self.name}")
        return 1 if last is None else int(last) + 1
