"""Two worker threads in a row, with short queues before each."""

from collections.abc import Callable
from contextlib import suppress
from queue import Empty, Full, Queue
from threading import Event, Thread
from types import TracebackType
from typing import Final, Self, TypeVar

from tasks.bad_items import TooManyFailuresError
from tasks.batches import ChangeBatch, WriteBatch
from tasks.transform import Transformer

_QUEUED_BATCHES: Final = 1
_POLL_SECONDS: Final = 0.1
"""How often a waiting side looks whether another one failed."""

_T = TypeVar("_T")


class _AbortedError(Exception):
    """Another side failed; this one has nothing more to say."""


class Conveyor:
    """Carries batches through `transform` and `write`, each in its own thread.

    When one side fails the others stop, and the failure is raised to whoever puts or drains next.
    """

    def __init__(self, transformer: Transformer, write: Callable[[WriteBatch], None]) -> None:
        self._transformer = transformer
        self._write = write
        self._changes: Queue[ChangeBatch | None] = Queue(_QUEUED_BATCHES)
        self._writes: Queue[WriteBatch | None] = Queue(_QUEUED_BATCHES)
        self._aborted = Event()
        self._error: BaseException | None = None
        self._threads = [
            Thread(target=self._run, args=(loop,), name=name, daemon=True)
            for loop, name in ((self._transforming, "transform"), (self._writing, "write"))
        ]

    def __enter__(self) -> Self:
        self._transformer.wait = self._wait
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self._aborted.set()
        else:
            with suppress(_AbortedError):  # raised below, as what it was
                self._hand_over(self._changes, None)
        for thread in self._threads:
            thread.join()
        if error is None:
            self._raise_error()

    def put(self, batch: ChangeBatch) -> None:
        """Hands a batch on; waits while the queue is full.

        Raises:
            Exception: Whatever another side failed with.
        """
        try:
            self._hand_over(self._changes, batch)
        except _AbortedError:
            self._raise_error()

    def drain(self) -> None:
        """Waits until everything put so far is durable.

        Raises:
            Exception: Whatever another side failed with.
        """
        done = Event()
        self.put(ChangeBatch(done=done))
        try:
            self._wait(done)
        except _AbortedError:
            self._raise_error()

    def _transforming(self) -> None:
        while (batch := self._take(self._changes)) is not None:
            try:
                write = self._transformer.transform(batch)
            except TooManyFailuresError as error:
                if error.unwritten is not None:
                    self._hand_over(self._writes, error.unwritten)
                self._hand_over(self._writes, None)
                raise
            del batch  # its payloads need not wait for the writing side too
            self._hand_over(self._writes, write)
            del write
        self._hand_over(self._writes, None)

    def _writing(self) -> None:
        while (batch := self._take(self._writes)) is not None:
            self._write(batch)
            del batch

    def _run(self, loop: Callable[[], None]) -> None:
        try:
            loop()
        except _AbortedError:
            return
        except TooManyFailuresError as error:
            if error.unwritten is not None:
                # The dead letters that led to it are still being written.
                self._threads[1].join()
            self._fail(error)
        except BaseException as error:  # noqa: BLE001 (raised again in the thread that waits)
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if self._error is None:
            self._error = error
        self._aborted.set()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _hand_over(self, queue: "Queue[_T]", item: _T) -> None:
        while True:
            if self._aborted.is_set():
                raise _AbortedError
            try:
                queue.put(item, timeout=_POLL_SECONDS)
            except Full:
                continue
            return

    def _take(self, queue: "Queue[_T]") -> _T:
        while True:
            try:
                return queue.get(timeout=_POLL_SECONDS)
            except Empty:
                if self._aborted.is_set():
                    raise _AbortedError from None

    def _wait(self, done: Event) -> None:
        while not done.wait(_POLL_SECONDS):
            if self._aborted.is_set():
                raise _AbortedError
