"""Jira's ways of writing a moment, and the clock a site lives by."""

import time
from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo

DAY = 86_400


class Clock:
    """Time as a site sees it, in seconds since the epoch.

    With a start it begins there and runs on with the machine's monotonic clock; ``advance`` moves
    it, so that a test need not wait for a token to expire or an index to catch up.
    """

    def __init__(self, start: float | None = None) -> None:
        self._start = time.time() if start is None else start
        self._origin = time.monotonic()
        self._last = 0.0

    def __call__(self) -> float:
        """The time now, in whole milliseconds, as Jira stores it."""
        now = int((self._start + time.monotonic() - self._origin) * 1000) / 1000
        return max(now, self._last)

    def tick(self) -> float:
        """The time of a change: now, and later than the change before it."""
        self._last = max(self(), self._last + 0.001)
        return self._last

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            ValueError: Backwards.
        """
        if seconds < 0:
            raise ValueError("time does not go backwards")
        self._start += seconds


@cache
def zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name."""
    return ZoneInfo(name)


def milliseconds(moment: float) -> int:
    """Milliseconds since the epoch."""
    return round(moment * 1000)


def written(moment: float, tz: str) -> str:
    """A moment as ``2026-04-28T15:31:13.533+0200``, in the time zone of who asks."""
    local = datetime.fromtimestamp(milliseconds(moment) / 1000, zone(tz))
    return f"{local:%Y-%m-%dT%H:%M:%S}.{milliseconds(moment) % 1000:03d}{local:%z}"


def written_utc(moment: float) -> str:
    """A moment as the agile API writes it: ``2026-04-28T13:31:13.533Z``."""
    utc = datetime.fromtimestamp(moment, UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{milliseconds(moment) % 1000:03d}Z"


def written_date(moment: float) -> str:
    """A day as ``2026-04-28``, in UTC."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}"


def duration(seconds: int) -> str:
    """A span in Jira's words, with working days of 8 hours and weeks of 5: ``1w 2d 3h 30m``."""
    minutes = seconds // 60
    parts = []
    for unit, size in (("w", 5 * 8 * 60), ("d", 8 * 60), ("h", 60), ("m", 1)):
        count, minutes = divmod(minutes, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0m"
