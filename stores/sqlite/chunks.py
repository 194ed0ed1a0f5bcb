"""Chunk rows, and the slots their vectors lie in.

A chunk is a row with its place in the document's text (not the text again) and the number of its
slot. A chunk that changes keeps its slot and the slots of deleted chunks are used again, so writing
the same documents again and again makes the file no larger and a search no slower.
"""

# ruff: noqa: S608 -- the names of tables are put together from constants, never from data

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import apsw
import numpy as np
import orjson

from documents.chunks import Chunk
from stores.sqlite.database import rows
from stores.sqlite.vector_blocks import VectorBlocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RIDS_AT_ONCE: Final = 10_000
_SLOTS_AT_ONCE: Final = 4_096
_MOVED_AT_MOST: Final = 65_536


class ChunkTable:
    """The chunks of one store; all methods work inside the caller's transaction."""

    def __init__(self, prefix: str) -> None:
        self.name = f"{prefix}_chunk"
        self._free = f"{prefix}_free"

    def statements(self) -> list[str]:
        """What makes the tables."""
        return [
            f"""CREATE TABLE {self.name} (
                slot INTEGER PRIMARY KEY, rid INTEGER NOT NULL, ordinal INTEGER NOT NULL,
                start INTEGER NOT NULL, "end" INTEGER NOT NULL)""",
            f"CREATE INDEX {self.name}_rid ON {self.name} (rid, ordinal)",
            f"CREATE TABLE {self._free} (slot INTEGER PRIMARY KEY)",
        ]

    def count(self, connection: apsw.Connection) -> int:
        """How many chunks there are."""
        return int(rows(connection, f"SELECT count(*) FROM {self.name}")[0][0])

    def any(self, connection: apsw.Connection) -> bool:
        """Whether there is a chunk."""
        return bool(rows(connection, f"SELECT 1 FROM {self.name} LIMIT 1"))

    def slots_of(self, connection: apsw.Connection, rids: Iterable[int]) -> dict[int, list[int]]:
        """The slots of documents that have chunks, by row number, in the chunks' order."""
        listed = list(rids)
        held: dict[int, list[int]] = {}
        for first in range(0, len(listed), _RIDS_AT_ONCE):
            for rid, slot in rows(
                connection,
                f"SELECT c.rid, c.slot FROM json_each(?) AS j "
                f"CROSS JOIN {self.name} AS c ON c.rid = j.value ORDER BY c.rid, c.ordinal",
                (orjson.dumps(listed[first : first + _RIDS_AT_ONCE]).decode(),),
            ):
                held.setdefault(rid, []).append(slot)
        return held

    def replace(
        self,
        writer: apsw.Connection,
        blocks: VectorBlocks,
        documents: Sequence[tuple[int, Sequence[Chunk], Sequence[int]]],
        vectors: "NDArray[np.float32]",
    ) -> None:
        """Replaces the chunks of documents.

        Args:
            writer: Inside a transaction.
            blocks: Where the vectors go.
            documents: Row number, chunks, and the slots held so far, of each document.
            vectors: Unit vectors (n, d) of all those chunks, in order.
        """
        lacking = sum(max(0, len(chunks) - len(held)) for _, chunks, held in documents)
        fresh = iter(self._take(writer, lacking))
        slots: list[int] = []
        new: list[tuple[int, int, int, int, int]] = []
        kept: list[tuple[int, int, int, int]] = []
        surplus: list[int] = []
        for rid, chunks, held in documents:
            for place, chunk in enumerate(chunks):
                if place < len(held):
                    slot = held[place]
                    kept.append((chunk.ordinal, chunk.start, chunk.end, slot))
                else:
                    slot = next(fresh)
                    new.append((slot, rid, chunk.ordinal, chunk.start, chunk.end))
                slots.append(slot)
            surplus += held[len(chunks) :]
        # Not INSERT OR REPLACE: with a second index it journals every row (eight times the work).
        writer.executemany(
            f'UPDATE {self.name} SET ordinal = ?, start = ?, "end" = ? WHERE slot = ?', kept
        )
        writer.executemany(f"INSERT INTO {self.name} VALUES (?, ?, ?, ?, ?)", new)
        if slots:
            blocks.write(writer, np.array(slots, np.int64), vectors)
        self.free(writer, blocks, surplus)

    def free(self, writer: apsw.Connection, blocks: VectorBlocks, slots: Sequence[int]) -> None:
        """Deletes chunks and empties their slots."""
        for first in range(0, len(slots), _SLOTS_AT_ONCE):
            blocks.clear(writer, np.array(slots[first : first + _SLOTS_AT_ONCE], np.int64))
        numbers = [(slot,) for slot in slots]
        writer.executemany(f"DELETE FROM {self.name} WHERE slot = ?", numbers)
        writer.executemany(f"INSERT INTO {self._free} VALUES (?)", numbers)

    def clear(self, writer: apsw.Connection) -> None:
        """Forgets all chunks and slots."""
        rows(writer, f"DELETE FROM {self.name}")
        rows(writer, f"DELETE FROM {self._free}")

    def close_gaps(self, writer: apsw.Connection, blocks: VectorBlocks) -> None:
        """Moves the last vectors into empty slots and drops the blocks at the end.

        Does nothing while less than a tenth of the slots, or less than one block, is empty, and
        moves at most 65,536 vectors.
        """
        empty = int(rows(writer, f"SELECT count(*) FROM {self._free}")[0][0])
        if empty * 9 < self.count(writer) or empty < blocks.capacity:
            return
        for _ in range(_MOVED_AT_MOST // _SLOTS_AT_ONCE):
            if not self._move_last(writer, blocks):
                break
        end = self._last(writer) + 1
        rows(writer, f"DELETE FROM {self._free} WHERE slot >= ?", (end,))
        blocks.drop_from(writer, -(-end // blocks.capacity))

    def _take(self, writer: apsw.Connection, number: int) -> list[int]:
        """Empty slots: those of deleted chunks first, then new ones at the end."""
        taken = [
            slot
            for (slot,) in rows(
                writer, f"SELECT slot FROM {self._free} ORDER BY slot LIMIT ?", (number,)
            )
        ]
        if taken:
            rows(writer, f"DELETE FROM {self._free} WHERE slot <= ?", (taken[-1],))
        first = max(self._last(writer), *taken[-1:], -1) + 1
        return taken + list(range(first, first + number - len(taken)))

    def _last(self, connection: apsw.Connection) -> int:
        ((last,),) = rows(connection, f"SELECT max(slot) FROM {self.name}")
        return -1 if last is None else int(last)

    def _move_last(self, writer: apsw.Connection, blocks: VectorBlocks) -> bool:
        """Moves some thousand vectors from the end into gaps; False when there was none to move."""
        gaps = rows(writer, f"SELECT slot FROM {self._free} ORDER BY slot LIMIT {_SLOTS_AT_ONCE}")
        last = rows(
            writer, f"SELECT slot FROM {self.name} ORDER BY slot DESC LIMIT {_SLOTS_AT_ONCE}"
        )
        moves = [(to, source) for (to,), (source,) in zip(gaps, last, strict=False) if to < source]
        if not moves:
            return False
        targets, sources = np.array(moves, np.int64).T
        blocks.write(writer, targets, blocks.read(writer, sources))
        blocks.clear(writer, sources)
        writer.executemany(f"UPDATE {self.name} SET slot = ? WHERE slot = ?", moves)
        writer.executemany(
            f"UPDATE {self._free} SET slot = ? WHERE slot = ?", [m[::-1] for m in moves]
        )
        return True
