"""The chunks nearest to a question: exact, with the filter before the cut."""

# ruff: noqa: S608 -- the names of tables are put together from constants, never from data

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import apsw
import numpy as np
import orjson

from stores.base import ChunkHit
from stores.sqlite.database import rows
from stores.sqlite.filters import Condition
from stores.sqlite.vector_table import FARTHEST, Chosen, Hit, VectorTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NARROW: Final = 2_048
"""When no more chunks than this pass a filter, each of them is looked at: 10 ms of CPU at most,
where a search of all reads everything."""

_LISTED: Final = 16_384
"""When no more chunks than this pass, their list is known, and only they are ranked. When more do,
the best of all are asked whether they pass: a long list costs as much as the search itself."""

_ASKED_FIRST: Final = 512
_ASKED_MORE: Final = 8
"""How many times as many are asked next, where too few of the best pass."""

_ROUNDING: Final = 1e-5
"""Cosines that differ by less may be of equal vectors."""


class Nearest:
    """A search over the entries, chunks and vectors of one store, inside one snapshot."""

    def __init__(self, prefix: str, connection: apsw.Connection) -> None:
        self._entry = f"{prefix}_entry"
        self._chunk = f"{prefix}_chunk"
        self._connection = connection
        self._vectors = VectorTable(prefix)

    def search(
        self, unit: "NDArray[np.float32]", condition: Condition, limit: int
    ) -> list[ChunkHit]:
        """The chunks nearest to a unit vector (d) among those that pass a condition."""
        best = self._best(unit, condition, limit)
        places = {
            chunk: (identifier, ordinal, start, end)
            for chunk, identifier, ordinal, start, end in rows(
                self._connection,
                f"""SELECT c.chunk, e.id, c.ordinal, c.start, c."end" FROM json_each(?) AS j
                CROSS JOIN {self._chunk} AS c ON c.chunk = j.value
                CROSS JOIN {self._entry} AS e ON e.rid = c.rid""",
                (_json([chunk for _, chunk in best]),),
            )
        }
        return [ChunkHit(*places[chunk], 1 - distance**2 / 2) for distance, chunk in best]

    def _best(self, unit: "NDArray[np.float32]", condition: Condition, limit: int) -> list[Hit]:
        if condition.always:
            return self._ranked(unit, self._nearest(unit, limit, None), limit)
        found = rows(
            self._connection,
            f"SELECT c.chunk FROM {self._entry} AS e "
            f"CROSS JOIN {self._chunk} AS c ON c.rid = e.rid "
            f"WHERE {condition.sql} LIMIT {_LISTED + 1}",
            condition.bindings,
        )
        if len(found) <= _LISTED:
            passing = [chunk for (chunk,) in found]
            if len(passing) > _NARROW:
                passing = self._nearest(unit, limit, passing)
            return self._ranked(unit, passing, limit)
        return self._ranked(unit, self._nearest_passing(unit, condition, limit), limit)

    def _nearest(
        self, unit: "NDArray[np.float32]", limit: int, passing: Sequence[int] | None
    ) -> list[int]:
        """All that may be among the best, of those that pass or of all."""
        numbers, cosines = self._vectors.cosines(self._connection, unit)
        if passing is not None:
            kept = _among(numbers, passing)
            numbers, cosines = numbers[kept], cosines[kept]
        return _first(numbers, cosines, limit)

    def _nearest_passing(
        self, unit: "NDArray[np.float32]", condition: Condition, limit: int
    ) -> list[int]:
        """The same, where too many pass to list them: the best are asked, and more if need be."""
        numbers, cosines = self._vectors.cosines(self._connection, unit)
        asked = max(_ASKED_FIRST, 4 * limit)
        while True:
            cut = _cut(cosines, asked)
            first = numbers[cosines >= cut - _ROUNDING]
            passing = self._passing_among(condition, first.tolist())
            kept = _among(numbers, passing)
            # All that pass are known down to the cut, and to all that may be equal to it.
            if len(first) == len(numbers) or np.count_nonzero(cosines[kept] >= cut) >= limit:
                return _first(numbers[kept], cosines[kept], limit)
            asked *= _ASKED_MORE

    def _ranked(self, unit: "NDArray[np.float32]", chunks: Sequence[int], limit: int) -> list[Hit]:
        """The best of some chunks, by their exact distances, equals by the age of their chunks."""
        chosen = Chosen("SELECT value AS chunk FROM json_each(?)", (_json(chunks),))
        hits = self._vectors.scan(self._connection, unit, limit, chosen)
        return [hit for hit in hits if hit[0] < FARTHEST]

    def _passing_among(self, condition: Condition, chunks: Sequence[int]) -> list[int]:
        found = rows(
            self._connection,
            f"SELECT c.chunk FROM json_each(?) AS j "
            f"CROSS JOIN {self._chunk} AS c ON c.chunk = j.value "
            f"CROSS JOIN {self._entry} AS e ON e.rid = c.rid WHERE {condition.sql}",
            (_json(chunks), *condition.bindings),
        )
        return [chunk for (chunk,) in found]


def _first(numbers: "NDArray[np.int64]", cosines: "NDArray[np.float32]", limit: int) -> list[int]:
    """The numbers with the largest cosines, and all that may be equal to the last of them."""
    first: list[int] = numbers[cosines >= _cut(cosines, limit) - _ROUNDING].tolist()
    return first


def _among(numbers: "NDArray[np.int64]", passing: Sequence[int]) -> "NDArray[np.bool_]":
    """Which of the numbers are among others: by a table of all, which costs less than a sort."""
    table = np.zeros(int(numbers.max(initial=0)) + 1, np.bool_)
    listed = np.asarray(passing, np.int64)
    table[listed[listed < len(table)]] = True
    return table[numbers]


def _cut(cosines: "NDArray[np.float32]", limit: int) -> float:
    """The last of so many largest."""
    if limit >= len(cosines):
        return -np.inf
    place = len(cosines) - limit
    return float(np.partition(cosines, place)[place])


def _json(numbers: Sequence[int]) -> str:
    return orjson.dumps(numbers).decode()
