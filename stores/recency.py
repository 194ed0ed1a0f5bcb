"""Recency as an option of a search: of two answers alike, the newer one first.

A score is multiplied by

    (1 - weight) + weight * 0.5 ** (age / half_life)

so a document loses half of what `weight` puts at stake with each half-life, and never more than
`weight` in all: an old answer that fits well still beats a new one that does not.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from langchain_core.documents import Document

from documents.times import parse_iso

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recency:
    """How much newer documents are preferred.

    Attributes:
        weight: 0 (not at all) to 1 (what is infinitely old is worth nothing).
        half_life: Days, more than 0.

    Raises:
        ValueError: A value is out of range.
    """

    weight: float = 0.3
    half_life: float = 90.0

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise ValueError(f"the weight of recency is not between 0 and 1: {self.weight}")
        if not self.half_life > 0:
            raise ValueError(f"the half-life of recency is not above 0 days: {self.half_life}")

    def factor(self, document: Document, now: datetime) -> float:
        """What a document's score is multiplied by; one without a time counts as very old."""
        told = document.metadata.get("updated_at") or document.metadata.get("created_at")
        if not told:
            return 1 - self.weight
        age = max(0.0, (now - parse_iso(str(told))) / _DAY)  # of tomorrow is as good as of now
        return float((1 - self.weight) + self.weight * 0.5 ** (age / self.half_life))
