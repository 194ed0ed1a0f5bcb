"""Slack's message timestamps and ids, and the clock a workspace lives by.

A ``ts`` is text: ten digits of seconds, a dot, six digits. It is unique within a channel only and
is compared as text here, which is the same as by time because every part has a fixed width.
"""

import re
import time
from random import Random

MICROSECONDS = 1_000_000
LAST_TS = "9999999999.999999"
FIRST_TS = "0000000000.000000"

_TS = re.compile(r"(\d{1,10})(?:\.(\d{1,6}))?\Z")
_ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_ID_LENGTH = 11


def format_ts(microseconds: int) -> str:
    """A ``ts`` for a number of microseconds since the epoch."""
    return f"{microseconds // MICROSECONDS:010d}.{microseconds % MICROSECONDS:06d}"


def ts_microseconds(ts: str) -> int:
    """The inverse of :func:`format_ts`."""
    seconds, _, fraction = ts.partition(".")
    return int(seconds) * MICROSECONDS + int(fraction.ljust(6, "0") or 0)


def parse_ts(text: str) -> str | None:
    """Write any number a client may send (``0``, ``1735689600``, ``1735689600.5``) as a ``ts``.

    Returns:
        The ``ts``, or None where Slack answers ``invalid_ts_oldest`` or ``invalid_ts_latest``.
    """
    match = _TS.match(text.strip())
    if match is None:
        return None
    return f"{int(match[1]):010d}.{(match[2] or '').ljust(6, '0')}"


def next_ts(ts: str) -> str:
    """The smallest ``ts`` after another one."""
    return format_ts(ts_microseconds(ts) + 1)


class Clock:
    """Time as a workspace sees it, in seconds since the epoch.

    With a start it begins there and runs on with the machine's monotonic clock, so a company
    generated for a fixed "now" still moves forward when a test changes it.
    """

    def __init__(self, start: float | None = None) -> None:
        self._start = start
        self._origin = time.monotonic()

    def __call__(self) -> float:
        """The time now."""
        if self._start is None:
            return time.time()
        return self._start + time.monotonic() - self._origin


class IdFactory:
    """Slack-like ids (``C0A9F2KQ7XD``), the same sequence for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(f"ids {seed}")
        self._issued: set[str] = set()

    def new(self, prefix: str) -> str:
        """A fresh id such as ``U0...`` for the prefix ``U``."""
        while True:
            tail = "".join(self._random.choices(_ID_ALPHABET, k=_ID_LENGTH - 2))
            candidate = f"{prefix}0{tail}"
            if candidate not in self._issued:
                self._issued.add(candidate)
                return candidate
