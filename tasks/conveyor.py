"""Three worker threads in a row, with short queues before each.

Where documents and ledger are not one transaction, the documents of a batch are stored while the
batch before it is stored and committed: a server that waits for the end of each batch stands still
for a fifth of the time. Batches are committed in order all the same, so a cursor is never ahead of
the stores.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, Full, Queue
from threading import BoundedSemaphore, Event, Thread, current_thread
from types import TracebackType
from typing import Final, NamedTuple, Self, TypeVar

from documents.errors import DataGettersError
from exporters.redaction import redactor
from tasks.bad_items import TooManyFailuresError
from tasks.batches import ChangeBatch, Refusal, WriteBatch
from tasks.partition_work import Stages

_log: Final = logging.getLogger(__name__)

_QUEUED_BATCHES: Final = 1
_BATCHES_ON_THE_WAY: Final = 4
"""The stages hold no more between them, which bounds their memory."""

_POLL_SECONDS: Final = 0.1
"""How often a waiting side looks whether another one failed."""

_STORED_AT_ONCE: Final = 2
_GLANCE_SECONDS: Final = 0.01
"""How often is looked whether a batch is stored, while the next one may come first."""

_T = TypeVar("_T")


class _Stored(NamedTuple):
    """A batch that is being stored, and what was refused of it, once that is known."""

    batch: WriteBatch
    refused: "Future[dict[str, Refusal]]"


class _AbortedError(Exception):
    """Another side failed; this one has nothing more to say."""


class Conveyor:
    """Carries batches through the stages of a partition's work, each in its own thread.

    When a stage fails those before it stop. What it has handed on is written first, for it was
    embedded, and may have been paid for; then the failure is raised to whoever puts or drains next.
    """

    def __init__(self, stages: Stages) -> None:
        self._transformer, self._embedding, self._writer = stages
        self._changes: Queue[ChangeBatch | None] = Queue(_QUEUED_BATCHES)
        self._made: Queue[WriteBatch | None] = Queue(_QUEUED_BATCHES)
        self._writes: Queue[WriteBatch | None] = Queue(_QUEUED_BATCHES)
        self._room = BoundedSemaphore(_BATCHES_ON_THE_WAY)
        self._aborted = Event()
        self._error: BaseException | None = None
        self._threads = [
            Thread(target=self._run, args=(loop,), name=name, daemon=True)
            for loop, name in (
                (self._transforming, "transform"),
                (self._embed_all, "embed"),
                (self._writing, "write"),
            )
        ]
        self._writing_thread = self._threads[-1]

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
        """Hands a batch on; waits while there is no room for it.

        Raises:
            Exception: Whatever another side failed with.
        """
        try:
            while not self._room.acquire(timeout=_POLL_SECONDS):
                if self._aborted.is_set():
                    raise _AbortedError
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
        last: WriteBatch | None = None
        try:
            while (batch := self._take(self._changes)) is not None:
                write = self._transformer.transform(batch)
                del batch  # its payloads need not wait for the stages after this one too
                self._hand_over(self._made, write)
                del write
        except TooManyFailuresError as error:
            last = error.unwritten  # the dead letters that led to it
            raise
        finally:
            with suppress(_AbortedError):
                if last is not None:
                    self._hand_over(self._made, last)
                self._hand_over(self._made, None)

    def _embed_all(self) -> None:
        try:
            while (batch := self._take(self._made)) is not None:
                self._embedding.embed(batch)
                self._hand_to_writer(batch)
                del batch
        finally:
            with suppress(_AbortedError):
                self._hand_to_writer(None)

    def _writing(self) -> None:
        stored: _Stored | None = None
        with ThreadPoolExecutor(_STORED_AT_ONCE, thread_name_prefix="store") as pool:
            while True:
                try:
                    batch = self._following(stored)
                except Empty:
                    self._commit(stored)
                    stored = None
                    continue
                if batch is None or not self._may_follow(stored, batch):
                    self._commit(stored)
                    stored = None
                if batch is None:
                    return
                if self._writer.may_go_ahead(batch):
                    following = _Stored(batch, pool.submit(self._writer.store, batch))
                    self._commit(stored)
                    stored = following
                else:
                    self._writer.write(batch)
                    self._room.release()
                del batch

    def _following(self, stored: "_Stored | None") -> WriteBatch | None:
        """The next batch.

        Raises:
            Empty: The batch before is stored, and none follows it yet.
        """
        while stored is not None:
            with suppress(Empty):
                return self._writes.get(timeout=_GLANCE_SECONDS)
            if stored.refused.done():
                raise Empty
        return self._writes.get()

    def _may_follow(self, stored: "_Stored | None", batch: WriteBatch) -> bool:
        """Whether a batch may be stored beside the one before: they share no document."""
        return stored is None or (
            self._writer.may_go_ahead(batch)
            and stored.batch.document_ids.isdisjoint(batch.document_ids)
        )

    def _commit(self, stored: "_Stored | None") -> None:
        if stored is not None:
            self._writer.commit(stored.batch, stored.refused.result())
            self._room.release()

    def _run(self, loop: Callable[[], None]) -> None:
        try:
            loop()
        except _AbortedError:
            return
        except BaseException as error:  # noqa: BLE001 (raised again in the thread that waits)
            if current_thread() is not self._writing_thread:
                self._writing_thread.join()
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if self._error is None:
            self._error = error
        else:  # two stages failed: the other one is what is raised
            told = error.sentence() if isinstance(error, DataGettersError) else repr(error)
            _log.error("Something else failed as well: %s", redactor.text(told))
        self._aborted.set()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _hand_over(self, queue: "Queue[_T]", item: _T) -> None:
        while True:
            if self._aborted.is_set():
                raise _AbortedError
            with suppress(Full):
                queue.put(item, timeout=_POLL_SECONDS)
                return

    def _hand_to_writer(self, batch: WriteBatch | None) -> None:
        """Hands on what is embedded, also when the other stages stop."""
        while self._writing_thread.is_alive():
            with suppress(Full):
                self._writes.put(batch, timeout=_POLL_SECONDS)
                return
        raise _AbortedError

    def _take(self, queue: "Queue[_T]") -> _T:
        while True:
            if self._aborted.is_set():
                raise _AbortedError
            with suppress(Empty):
                return queue.get(timeout=_POLL_SECONDS)

    def _wait(self, done: Event) -> None:
        while not done.wait(_POLL_SECONDS):
            if self._aborted.is_set():
                raise _AbortedError
