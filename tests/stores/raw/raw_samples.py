"""Rows to land."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from stores.raw.types import LandedRow, RawRow

NOON = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)
DAY = date(2026, 11, 18)
LATER = date(2026, 11, 19)


def row(number: int, **changes: Any) -> RawRow:
    """A message."""
    values: dict[str, Any] = {
        "source": "slack",
        "connection": "T1",
        "partition": "C1",
        "entity": "thread",
        "external_id": f"C1-{number}",
        "payload": b'{"text": "message %d"}' % number,
        "url": f"https://example.com/{number}",
        "occurred_at": NOON,
        "version": "1",
        "fetched_at": NOON,
    }
    return RawRow(**{**values, **changes})


def ids(rows: Iterable[LandedRow]) -> list[str]:
    """What was read, sorted."""
    return sorted(landed.row.external_id for landed in rows)
