"""Fewer garbage collections while a sync runs.

A sync makes objects by the hundred thousand, nearly all of them freed by their reference counts.
Python's collector, at its usual pace of once in 700 new objects, spends about an eighth of the CPU
time of a first load on looking for cycles among them (`python -m benchmarks.pipeline`).
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_PATIENT: Final = (50_000, 20, 100)

_lock: Final = threading.Lock()
_usual: list[tuple[int, int, int]] = []
"""One entry for each block under way; the first holds what was set before it."""


@contextmanager
def patient_collector() -> Iterator[None]:
    """Lets the collector run seldom inside the block; blocks of several threads may overlap."""
    with _lock:
        _usual.append(gc.get_threshold())
        gc.set_threshold(*_PATIENT)
    try:
        yield
    finally:
        with _lock:
            before = _usual.pop()
            if not _usual:
                gc.set_threshold(*before)
