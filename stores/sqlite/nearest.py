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
from stores.sqlite.vector_blocks import VectorBlocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NARROW: Final = 2_048
"""When no more chunks than this pass a filter, they alone are scored."""

_ASKED_FIRST: Final = 512


class Nearest:
    """A search over the entries, chunks and blocks of one store, inside one snapshot."""

    def __init__(self, prefix: str, connection: apsw.Connection, blocks: VectorBlocks) -> None:
        self._entry = f"{prefix}_entry"
        self._chunk = f"{prefix}_chunk"
        self._connection = connection
        self._blocks = blocks

    def search(
        self, unit: "NDArray[np.float32]", condition: Condition, limit: int
    ) -> list[ChunkHit]:
        """The chunks nearest to a unit vector (d) among those that pass a condition."""
        best = self._best(unit, condition, limit)
        places = {
            slot: (identifier, ordinal, start, end)
            for slot, identifier, ordinal, start, end in rows(
                self._connection,
                f"""SELECT c.slot, e.id, c.ordinal, c.start, c."end" FROM json_each(?) AS j
                CROSS JOIN {self._chunk} AS c ON c.slot = j.value
                CROSS JOIN {self._entry} AS e ON e.rid = c.rid""",
                (_json([slot for slot, _ in best]),),
            )
        }
        return [ChunkHit(*places[slot], score) for slot, score in best]

    def _best(
        self, unit: "NDArray[np.float32]", condition: Condition, limit: int
    ) -> list[tuple[int, float]]:
        if not condition.always:
            passing = self._passing(condition, _NARROW + 1)
            if len(passing) <= _NARROW:
                return ranked(
                    passing, self._blocks.score_slots(self._connection, unit, passing), limit
                )
        slots, scores = self._blocks.score(self._connection, unit)
        if condition.always:
            return ranked(slots, scores, limit)
        # Many pass. The best of all are asked whether they do: the same answer as filtering first,
        # for the price of a few hundred rows. Where too few of them do, those that pass are listed
        # after all, unless asking four times fewer promises enough.
        asked = max(_ASKED_FIRST, 4 * limit)
        while asked < len(slots):
            best = ranked(slots, scores, asked)
            passed = self._passing_among(condition, [slot for slot, _ in best])
            if len(passed) >= limit:
                return [hit for hit in best if hit[0] in passed][:limit]
            share = len(passed) / asked
            asked = int(1.5 * limit / share) if share else len(slots)
            if 4 * asked > share * len(slots):
                break
        passing = self._passing(condition, -1)
        return ranked(passing, scores[np.searchsorted(slots, passing)], limit)

    def _passing(self, condition: Condition, limit: int) -> "NDArray[np.int64]":
        """Slots that pass, in order; all of them with a limit of -1."""
        found = rows(
            self._connection,
            f"SELECT c.slot FROM {self._entry} AS e "
            f"CROSS JOIN {self._chunk} AS c ON c.rid = e.rid WHERE {condition.sql} LIMIT ?",
            (*condition.bindings, limit),
        )
        return np.sort(np.fromiter((slot for (slot,) in found), np.int64, len(found)))

    def _passing_among(self, condition: Condition, slots: Sequence[int]) -> set[int]:
        found = rows(
            self._connection,
            f"SELECT c.slot FROM json_each(?) AS j "
            f"CROSS JOIN {self._chunk} AS c ON c.slot = j.value "
            f"CROSS JOIN {self._entry} AS e ON e.rid = c.rid WHERE {condition.sql}",
            (_json(slots), *condition.bindings),
        )
        return {slot for (slot,) in found}


def ranked(
    slots: "NDArray[np.int64]", scores: "NDArray[np.float32]", limit: int
) -> list[tuple[int, float]]:
    """The best slots with their scores, best first, equals by slot; those of NaN are left out."""
    distances = np.where(np.isnan(scores), np.float32(np.inf), -scores)
    chosen = np.arange(len(scores))
    if limit < len(scores):
        cut = np.partition(distances, limit - 1)[limit - 1]
        # Everything up to the cut, so that equals at the cut are told apart by the sort below.
        chosen = np.flatnonzero(distances <= cut)
    chosen = chosen[np.lexsort((slots[chosen], distances[chosen]))][:limit]
    chosen = chosen[np.isfinite(distances[chosen])]
    return list(zip(slots[chosen].tolist(), scores[chosen].tolist(), strict=True))


def _json(numbers: Sequence[int]) -> str:
    return orjson.dumps(numbers).decode()
