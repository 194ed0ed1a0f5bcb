"""Everything after the fetching, in a process of its own.

A quick source (an export file, a server near by) is fetched as fast as one interpreter works, and
so everything else that this interpreter does makes the sync longer. A large sync therefore hands
its batches on: landing, documents, embedding and writing are done by a process beside it, with the
same code and the same promises. What fetches keeps the lease and the listing; what stores commits
cursors, in order, as it would here.

The process has no credentials of the source. It is started when there is much to store; until it
is up, batches are stored here. It ends with the process that started it, at once and wherever that
leaves it: as a sync that is killed does.
"""

import logging
import os
import pickle
from collections.abc import Callable
from contextlib import suppress
from subprocess import TimeoutExpired
from threading import Condition, Event, Lock, Thread
from types import TracebackType
from typing import Any, Final, Protocol, Self

import orjson

from stores.ledger.leases import HeldLease
from tasks.batches import ChangeBatch, EncodedUpsert
from tasks.books import Sink
from tasks.loading_messages import (
    READY,
    LoadingError,
    LoadingOrder,
    Opening,
    PackedBatch,
    error_of,
)
from tasks.making_process import FEWEST
from tasks.pipes import ends_of, receive, send, started
from tasks.results import Counts

_log: Final = logging.getLogger(__name__)

_WAITING_THERE: Final = 1
"""Batches of a partition that are on their way: handed over, and not yet in the queue there."""

_END_SECONDS: Final = 10.0


class Carrier(Sink, Protocol):
    """Takes the batches of a partition to the stores, while a block lasts."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class Loader:
    """The process beside this one, started when it is first asked for. Safe to share.

    Args:
        order: What it is told, once it is wanted.
        fewest: Records in a batch for which it is worth it.
    """

    def __init__(self, order: Callable[[], LoadingOrder], *, fewest: int = FEWEST) -> None:
        self._order = order
        self._fewest = fewest
        self._lock = Lock()
        self._process: _Process | None = None

    def start(self) -> Event:
        """Starts the process where there is none; gives what is set once it takes batches.

        One that never came up is not started again: it would not the next time either.
        """
        with self._lock:
            process = self._process
            if process is None or (process.ended.is_set() and process.up.is_set()):
                process = self._process = _Process(self._order())
            return process.up

    def takes(self, batch: ChangeBatch) -> bool:
        """Whether a batch is large enough for it, and it is up; it is started where it is not."""
        upserts = sum(isinstance(item, EncodedUpsert) for item in batch.items)
        if upserts < self._fewest or not self.start().is_set():
            return False
        # One that ended meanwhile is followed by another, which is not up yet.
        return self._process is not None and not self._process.ended.is_set()

    def carrier(
        self,
        opening: Opening,
        *,
        lease: HeldLease | None,
        on_commit: Callable[[Counts], object],
    ) -> Carrier:
        """Takes the batches of a partition there, once it `takes` one.

        Args:
            opening: The partition.
            lease: What lets this run write.
            on_commit: Told what was counted, after each commit there.
        """
        with self._lock:
            if self._process is None:
                raise RuntimeError("nothing was handed to the loading process yet")
            return _FarCarrier(self._process, opening, lease, on_commit)

    def close(self) -> None:
        """Ends the process, once it has closed its stores. Harmless when called twice."""
        with self._lock:
            if self._process is not None:
                self._process.close()
                self._process = None


class SwitchingCarrier:
    """Stores batches here, and from the first large one on in the process beside this one.

    Args:
        here: Stores them here.
        loader: The process.
        there: Makes what takes them to it.
    """

    def __init__(self, here: Carrier, loader: Loader, there: Callable[[], Carrier]) -> None:
        self._here = here
        self._loader = loader
        self._make_there = there
        self._there: Carrier | None = None

    def __enter__(self) -> Self:
        self._here.__enter__()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if self._there is not None:
                self._there.__exit__(error_type, error, traceback)
        finally:
            self._here.__exit__(error_type, error, traceback)

    def put(self, batch: ChangeBatch) -> None:
        """See `Sink.put`."""
        if self._there is None and self._loader.takes(batch):
            self._here.drain()
            self._there = self._make_there().__enter__()
        (self._there or self._here).put(batch)

    def drain(self) -> None:
        """See `Sink.drain`."""
        (self._there or self._here).drain()


class _FarCarrier:
    """One partition's way to the process."""

    def __init__(
        self,
        process: "_Process",
        opening: Opening,
        lease: HeldLease | None,
        on_commit: Callable[[Counts], object],
    ) -> None:
        self._process = process
        self._opening = opening
        self._lease = lease
        self._on_commit = on_commit
        self._changed = Condition()
        self._underway = 0
        self._drains = 0
        self._ended = False
        self._error: LoadingError | None = None
        self._ticket = 0

    def __enter__(self) -> Self:
        self._ticket = self._process.enter(self)
        self._send("begin", self._opening)
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if self._error is None:
                self._send("end", error is not None)
            self._wait(lambda: self._ended, raises=error is None)
        finally:
            self._process.leave(self._ticket)

    def put(self, batch: ChangeBatch) -> None:
        self._wait(lambda: self._underway < _WAITING_THERE)
        self._underway += 1
        self._send("put", PackedBatch.of(batch, self._lease))

    def drain(self) -> None:
        self._drains += 1
        self._send("drain", None)
        self._wait(lambda: self._drains == 0)

    def told(self, message: dict[str, Any]) -> None:
        """Takes what the process says, in the thread that reads it."""
        if counts := message.get("counts"):
            self._on_commit(Counts(**counts))
        with self._changed:
            match message["kind"]:
                case "accepted":
                    self._underway -= 1
                case "drained":
                    self._drains -= 1
                case "ended":
                    self._ended = True
                case "failed":
                    self._fail(error_of(message))
            self._changed.notify_all()

    def lost(self, error: LoadingError) -> None:
        """Takes that the process is gone."""
        with self._changed:
            self._fail(error)
            self._changed.notify_all()

    def _fail(self, error: LoadingError) -> None:
        self._error = self._error or error
        self._ended = True

    def _send(self, kind: str, content: object) -> None:
        with suppress(OSError):  # it is gone: whoever reads from it says so
            self._process.send((kind, self._ticket, content))

    def _wait(self, until: Callable[[], bool], *, raises: bool = True) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._error is not None or until())
            if raises and self._error is not None:
                raise self._error


class _Process:
    """The process, the pipes to it, and the thread that reads what it says.

    Attributes:
        up: Set once it takes batches.
        ended: Set once it is gone, or never came up.
    """

    def __init__(self, order: LoadingOrder) -> None:
        self.up = Event()
        self.ended = Event()
        self._lock = Lock()
        self._sending = Lock()
        self._carriers: dict[int, _FarCarrier] = {}
        self._tickets = 0
        self._closing = False
        self._process = started("tasks.loading_child", os.environ)
        self._in, self._out = ends_of(self._process)
        self._reader = Thread(target=self._read, args=(order,), name="loading", daemon=True)
        self._reader.start()

    def enter(self, carrier: _FarCarrier) -> int:
        """A number for a carrier, by which the process names it."""
        with self._lock:
            self._tickets += 1
            self._carriers[self._tickets] = carrier
            if self.ended.is_set():
                carrier.lost(self._gone())
            return self._tickets

    def leave(self, ticket: int) -> None:
        """Forgets a carrier."""
        with self._lock:
            self._carriers.pop(ticket, None)

    def send(self, message: tuple[str, int, object]) -> None:
        """Hands a message over.

        Raises:
            OSError: The process is gone.
        """
        data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
        with self._sending:
            send(self._in, data)

    def close(self) -> None:
        """Asks it to end, and sees to it."""
        self._closing = True
        with suppress(OSError, ValueError):
            self.send(("close", 0, None))
        try:
            self._process.wait(_END_SECONDS)
        except TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(_END_SECONDS)
        for pipe in (self._in, self._out):
            with suppress(OSError):
                pipe.close()

    def _read(self, order: LoadingOrder) -> None:
        error = self._heard() if self._came_up(order) else None
        self._process.kill()
        self._process.wait()
        with self._lock:
            self.ended.set()
            left = list(self._carriers.values())
        for carrier in left:
            carrier.lost(error or self._gone())

    def _came_up(self, order: LoadingOrder) -> bool:
        """Tells the process what to do; whether it can, else the log says why not."""
        reason: object = "it ended at once"
        try:
            send(self._in, pickle.dumps(order, protocol=pickle.HIGHEST_PROTOCOL))
            said = receive(self._out)
            if said == READY:
                self.up.set()
                return True
            reason = said.decode()
        except (OSError, EOFError):
            pass  # it says no more than that
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            reason = error
        if not self._closing:
            _log.warning(
                "The process that stores large batches did not start, so they are stored here: %s",
                reason,
            )
        return False

    def _heard(self) -> LoadingError | None:
        """Hands on what the process says until it says no more; what is wrong with that, if so."""
        try:
            # JSON, for the documents it makes are made of whatever people sent.
            while True:
                self._dispatch(orjson.loads(receive(self._out)))
        except (OSError, EOFError):
            return None
        except Exception as error:  # noqa: BLE001 (raised again where the partition is fetched)
            told = "What the process that stores large batches said could not be taken"
            _log.exception(told)
            return LoadingError(
                f"{told}: {type(error).__name__}: {error}",
                hint="That should not happen: please report it with its traceback, which the log "
                "of the run has.",
                name=type(error).__name__,
                retryable=False,
            )

    def _dispatch(self, message: dict[str, Any]) -> None:
        with self._lock:
            carrier = self._carriers.get(message["ticket"])
        if carrier is not None:
            carrier.told(message)

    def _gone(self) -> LoadingError:
        code = self._process.poll()
        how = f"by signal {-code}" if code is not None and code < 0 else f"with code {code}"
        return LoadingError(
            f"The process that stores large batches ended unexpectedly, {how}.",
            hint="What it committed stays, and the partition goes on there. If it happens again, "
            "look for lack of memory, or set DATA_GETTERS_TASKS__LOADING=here.",
        )
