"""Vectors in the embedded file: a `vec0` table of sqlite-vec.

Its rows are float32 unit vectors under the numbers of their chunks, so the L2 distance `d` from a
question of length 1 says the cosine: `1 - d * d / 2`. A vector without direction (all zeros, as of
a text without any known word) lies far out instead, behind everything that a search may find.

vec0 keeps its vectors in chunks of so many rows, each one BLOB. It fills only the newest chunk and
gives a chunk back only when all of its rows were deleted (0.1.9), so deletes here and there leave
gaps that searches still read; `close_gaps` moves what is left of such chunks to the end.

A search of all vectors reads these BLOBs itself: numpy's product with a question takes half of what
vec0's own search does (100,000 of 256 dimensions: 26 ms of CPU, not 50). It only tells which come
into question: what is ranked are the distances that sqlite-vec works out of these.
"""

# ruff: noqa: S608 -- the names of tables are put together from constants, never from data

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

import apsw
import numpy as np
import orjson

from stores.sqlite.database import rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_DIMENSIONS: Final = 8_192
"""Longer vectors vec0 does not take."""

_CHUNK_ROWS: Final = 64
"""Rows of a vec0 chunk, a multiple of 8. A chunk is rewritten with each of its vectors."""

_ROWS_AT_ONCE: Final = 4_096
_MOVED_AT_MOST: Final = 65_536

_FLOAT: Final = np.dtype("<f4")
_FAR_OUT: Final = np.float32(1e6)

FARTHEST: Final = 2.5
"""No two unit vectors are farther apart than 2; what is has no direction."""

Hit = tuple[float, int]
"""The distance of a vector from the question, and the number of its chunk."""


class Chosen(NamedTuple):
    """A query for the chunks (`chunk`) that count, with its bindings."""

    sql: str
    bindings: Sequence[str | int]


def far_out(units: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """Unit vectors (n, d) with those without direction put where no search finds them."""
    return np.where(np.isnan(units), _FAR_OUT, units)


class VectorTable:
    """The vectors of one store; all methods work inside the caller's transaction."""

    def __init__(self, prefix: str) -> None:
        self.name = f"{prefix}_vec"

    def create(self, writer: apsw.Connection, dimensions: int) -> None:
        """Makes the table anew, for vectors of that length."""
        self.drop(writer)
        rows(
            writer,
            f"CREATE VIRTUAL TABLE {self.name} USING vec0("
            f"embedding float[{dimensions}], chunk_size={_CHUNK_ROWS})",
        )

    def drop(self, writer: apsw.Connection) -> None:
        """Deletes the table, if there is one."""
        rows(writer, f"DROP TABLE IF EXISTS {self.name}")

    def insert(
        self, writer: apsw.Connection, vectors: "Iterable[tuple[int, NDArray[np.float32]]]"
    ) -> None:
        """Adds vectors (d) under new numbers."""
        with _plain_errors(writer):
            writer.executemany(f"INSERT INTO {self.name} (rowid, embedding) VALUES (?, ?)", vectors)

    def update(
        self, writer: apsw.Connection, vectors: "Iterable[tuple[int, NDArray[np.float32]]]"
    ) -> None:
        """Replaces vectors (d) in place: vec0 would leave a gap behind a DELETE and INSERT."""
        with _plain_errors(writer):
            writer.executemany(f"UPDATE {self.name} SET embedding = ?2 WHERE rowid = ?1", vectors)

    def delete(self, writer: apsw.Connection, chunks: Sequence[int]) -> None:
        """Deletes vectors; vec0 overwrites them with zeros."""
        with _plain_errors(writer):
            for first in range(0, len(chunks), _ROWS_AT_ONCE):
                rows(
                    writer,
                    f"DELETE FROM {self.name} WHERE rowid IN (SELECT value FROM json_each(?))",
                    (_json(chunks[first : first + _ROWS_AT_ONCE]),),
                )

    def close_gaps(self, writer: apsw.Connection) -> None:
        """Moves the vectors of chunks with gaps to the end, those with the most gaps first.

        Does nothing while less than a tenth of all places is empty, and moves at most 65,536
        vectors.
        """
        # The tables of vec0 behind the virtual one tell what it has no function for.
        ((places,),) = rows(writer, f"SELECT total(size) FROM {self.name}_chunks")
        ((held,),) = rows(writer, f"SELECT count(*) FROM {self.name}_rowids")
        if places - held < max(held / 9, _CHUNK_ROWS):
            return
        moved = rows(
            writer,
            f"""SELECT r.rowid FROM (
                SELECT chunk_id, sum(count(*)) OVER (ORDER BY count(*), chunk_id) AS so_far
                FROM {self.name}_rowids GROUP BY chunk_id HAVING count(*) < {_CHUNK_ROWS}) AS gappy
            CROSS JOIN {self.name}_rowids AS r ON r.chunk_id = gappy.chunk_id
            WHERE gappy.so_far <= {_MOVED_AT_MOST} ORDER BY gappy.so_far""",
        )
        for first in range(0, len(moved), _ROWS_AT_ONCE):
            chunks = [chunk for (chunk,) in moved[first : first + _ROWS_AT_ONCE]]
            vectors = rows(
                writer,
                f"SELECT v.rowid, v.embedding FROM json_each(?) AS j "
                f"CROSS JOIN {self.name} AS v ON v.rowid = j.value",
                (_json(chunks),),
            )
            self.delete(writer, chunks)
            self.insert(writer, vectors)

    def cosines(
        self, connection: apsw.Connection, unit: "NDArray[np.float32]"
    ) -> "tuple[NDArray[np.int64], NDArray[np.float32]]":
        """The numbers of all chunks (n), and their vectors' cosines with a unit vector (n).

        Rounded as numpy pleases, so equal vectors may differ by some 1e-7. Vectors without
        direction are left out.
        """
        held: dict[int, tuple[bytes, bytes]] = {
            chunk: (validity, numbers)
            for chunk, validity, numbers in rows(
                connection, f"SELECT chunk_id, validity, rowids FROM {self.name}_chunks"
            )
        }
        validity: list[bytes] = []
        numbers: list[bytes] = []
        cosines = [np.empty(0, np.float32)]
        firsts = [np.empty(0, np.float32)]
        # Not by a join: vec0 has no integer key there, and SQLite would look through all for each.
        for chunk, vectors in connection.execute(
            f"SELECT rowid, vectors FROM {self.name}_vector_chunks00"
        ):
            block = np.frombuffer(vectors, _FLOAT).reshape(-1, len(unit))
            validity.append(held[chunk][0])
            numbers.append(held[chunk][1])
            cosines.append(block @ unit)
            firsts.append(block[:, 0].copy())
        bits = np.unpackbits(np.frombuffer(b"".join(validity), np.uint8), bitorder="little")
        kept = (bits == 1) & (np.concatenate(firsts) < FARTHEST)
        return np.frombuffer(b"".join(numbers), "<i8")[kept], np.concatenate(cosines)[kept]

    def scan(
        self,
        connection: apsw.Connection,
        unit: "NDArray[np.float32]",
        limit: int,
        chosen: Chosen | None = None,
    ) -> list[Hit]:
        """The same by a look at one vector after the other: the faster way to some thousand.

        It knows no largest limit, and of equal distances the lowest numbers come first.
        """
        source = f"{self.name} AS v"
        if chosen is not None:
            source = f"({chosen.sql}) AS c CROSS JOIN {self.name} AS v ON v.rowid = c.chunk"
        return rows(
            connection,
            f"SELECT vec_distance_l2(?, v.embedding) AS distance, v.rowid FROM {source} "
            "ORDER BY distance, v.rowid LIMIT ?",
            [unit, *(chosen.bindings if chosen is not None else ()), limit],
        )


@contextmanager
def _plain_errors(writer: apsw.Connection) -> Iterator[None]:
    """Says that the disk is full where vec0 says only that it could not write."""
    try:
        yield
    except apsw.SQLError as error:
        # SQLite gives a whole transaction up by itself only when it can write no more.
        if writer.in_transaction:
            raise
        raise apsw.FullError(str(error)) from error


def _json(numbers: Sequence[int]) -> str:
    return orjson.dumps(numbers).decode()
