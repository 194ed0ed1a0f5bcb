"""Telling whoever watches this process what a run is doing.

The command line subscribes and draws a progress bar; nobody has to. Prefect's own record is made
apart from it, with artifacts.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from documents.errors import DataGettersError
from exporters.base import Partition
from tasks.results import PartitionResult, SyncResult

if TYPE_CHECKING:
    from tasks.reindex import ReindexResult
    from tasks.worker import WorkResult


@dataclass(frozen=True, slots=True)
class RunBegan:
    """A run is under way, and has asked nobody for anything yet."""

    run_id: str


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run knows what it will do."""

    run_id: str
    source: str
    connection: str
    partitions: tuple[Partition, ...]


@dataclass(frozen=True, slots=True)
class PartitionProgressed:
    """A partition committed something, or ended."""

    run_id: str
    result: PartitionResult
    ended: bool


@dataclass(frozen=True, slots=True)
class ItemsProgressed:
    """A run that knows how many items there are has gone through so many of them."""

    run_id: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A partition waits for a rate limit or before a retry."""

    run_id: str
    partition: str
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A run came to its end."""

    result: SyncResult


@dataclass(frozen=True, slots=True)
class RunFailed:
    """A run stopped as a whole."""

    run_id: str
    error: DataGettersError


@dataclass(frozen=True, slots=True)
class ReindexProgressed:
    """A reindex has copied something: so many of so many documents of an index."""

    name: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class ReindexEnded:
    """A reindex came to its end."""

    result: "ReindexResult"


@dataclass(frozen=True, slots=True)
class ReindexFailed:
    """A reindex stopped."""

    error: DataGettersError


@dataclass(frozen=True, slots=True)
class WorkProgressed:
    """A transform worker did another job."""

    result: "WorkResult"


@dataclass(frozen=True, slots=True)
class WorkEnded:
    """A transform worker came to its end."""

    result: "WorkResult"


@dataclass(frozen=True, slots=True)
class WorkFailed:
    """A transform worker stopped."""

    error: DataGettersError


Event = (
    RunBegan
    | RunStarted
    | PartitionProgressed
    | ItemsProgressed
    | Waiting
    | RunEnded
    | RunFailed
    | ReindexProgressed
    | ReindexEnded
    | ReindexFailed
    | WorkProgressed
    | WorkEnded
    | WorkFailed
)
Listener = Callable[[Event], None]

_listeners: list[Listener] = []
_lock = Lock()


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Calls a listener with every event of the block, from whichever thread it comes."""
    with _lock:
        _listeners.append(listener)
    try:
        yield
    finally:
        with _lock:
            _listeners.remove(listener)


def tell(event: Event) -> None:
    """Tells all listeners."""
    with _lock:
        listeners = tuple(_listeners)
    for listener in listeners:
        listener(event)
