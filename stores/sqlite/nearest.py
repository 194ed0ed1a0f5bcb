"""The chunks nearest to a question: exact, with the filter before the cut."""

# ruff: noqa: S608 -- the names of tables are put together from constants, never from data

from collections.abc import Container, Sequence
from typing import TYPE_CHECKING, Final

import apsw
import orjson

from stores.base import ChunkHit
from stores.sqlite.database import rows
from stores.sqlite.filters import Condition
from stores.sqlite.vector_table import FARTHEST, MOST_ASKED, Chosen, Hit, VectorTable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NARROW: Final = 2_048
"""When no more chunks than this pass a filter, each of them is looked at: 10 ms of CPU at most,
where vec0 reads everything."""

_LISTED: Final = 16_384
"""When no more chunks than this pass, vec0 is given their list. When more do, the best of all are
asked first whether they pass: a long list costs as much as the search itself."""

_ASKED_FIRST: Final = 512


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
            return self._among(unit, limit, None)
        passing = Chosen(
            f"SELECT c.chunk FROM {self._entry} AS e "
            f"CROSS JOIN {self._chunk} AS c ON c.rid = e.rid WHERE {condition.sql}",
            condition.bindings,
        )
        found = rows(self._connection, f"{passing.sql} LIMIT {_LISTED + 1}", passing.bindings)
        if len(found) <= _LISTED:
            listed = _json([chunk for (chunk,) in found])
            passing = Chosen("SELECT value AS chunk FROM json_each(?)", (listed,))
            if len(found) <= _NARROW:
                return _pointing(self._vectors.scan(self._connection, unit, limit, passing))
        else:
            asked = min(max(_ASKED_FIRST, 4 * limit), MOST_ASKED)
            hits = self._vectors.nearest(self._connection, unit, asked)
            best = certain(hits, asked, limit, self._passing_among(condition, hits))
            if best is not None:
                return best
        return self._among(unit, limit, passing)

    def _among(self, unit: "NDArray[np.float32]", limit: int, chosen: Chosen | None) -> list[Hit]:
        """The best of those chosen, or of all: one more is asked for, to see where equals end."""
        for asked in (limit + 1, MOST_ASKED):
            if asked <= MOST_ASKED:
                hits = self._vectors.nearest(self._connection, unit, asked, chosen)
                best = certain(hits, asked, limit)
                if best is not None:
                    return best
        return _pointing(self._vectors.scan(self._connection, unit, limit, chosen))

    def _passing_among(self, condition: Condition, hits: Sequence[Hit]) -> set[int]:
        found = rows(
            self._connection,
            f"SELECT c.chunk FROM json_each(?) AS j "
            f"CROSS JOIN {self._chunk} AS c ON c.chunk = j.value "
            f"CROSS JOIN {self._entry} AS e ON e.rid = c.rid WHERE {condition.sql}",
            (_json([chunk for _, chunk in hits]), *condition.bindings),
        )
        return {chunk for (chunk,) in found}


def certain(
    hits: Sequence[Hit], asked: int, limit: int, passing: Container[int] | None = None
) -> list[Hit] | None:
    """The best of an answer that may have been cut off in the middle of equal distances.

    Args:
        hits: The answer, best first.
        asked: How many it may hold.
        limit: How many are wanted.
        passing: The chunks that count; all when None.

    Returns:
        The best, equals by the age of their chunks; None where the answer is too short to tell.
    """
    found = _pointing(hits)
    whole = len(found) < asked
    if not whole:
        found = [hit for hit in found if hit[0] < found[-1][0]]
    if passing is not None:
        found = [hit for hit in found if hit[1] in passing]
    return found[:limit] if whole or len(found) >= limit else None


def _pointing(hits: Sequence[Hit]) -> list[Hit]:
    """Those that have a direction."""
    return [hit for hit in hits if hit[0] < FARTHEST]


def _json(numbers: Sequence[int]) -> str:
    return orjson.dumps(numbers).decode()
