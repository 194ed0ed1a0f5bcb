"""The process of `tasks.loading_process`: lands, makes, embeds and writes what it is handed."""

import os
import pickle
import signal
import traceback
from contextlib import suppress
from dataclasses import replace
from queue import SimpleQueue
from threading import Lock, Thread
from typing import IO, Any, Final

import orjson

from exporters.redaction import redact_all_logs, redactor
from stores.ledger.leases import HeldLease
from tasks.context import SyncContext
from tasks.conveyor import Conveyor
from tasks.garbage import patient_collector
from tasks.loading_messages import READY, LoadingOrder, Opening, PackedBatch, error_message, plain
from tasks.making_process import ProcessMaker
from tasks.partition_work import stages
from tasks.pipes import own_ends, receive, send
from tasks.results import Counts
from tasks.stores import open_stores

_Message = tuple[str, Any]


class _AbortedError(Exception):
    """The partition failed where it is fetched: what is not committed yet is left."""


class _Answers:
    """The pipe to whoever started this process, shared by the partitions' threads."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._lock = Lock()

    def tell(self, data: bytes) -> None:
        with self._lock, suppress(OSError):  # nobody listens: this process is about to end
            send(self._pipe, data)


class _Loading:
    """What the partitions share: stores, and what makes documents."""

    def __init__(self, order: LoadingOrder, answers: _Answers) -> None:
        self.answers = answers
        recipe = order.making.recipe()
        self._stores = open_stores(order.stores)
        self._maker: ProcessMaker | None = None
        if order.apart != "here":
            self._maker = ProcessMaker(
                order.making, recipe, seconds=order.making_seconds, always=order.apart == "apart"
            )
        self.context = SyncContext(
            exporter=recipe.exporter,
            connection=order.connection,
            connection_id=order.connection_id,
            stores=self._stores,
            options=order.options,
            run_id=order.run_id,
            store_name=recipe.store_name,
            custom=recipe.custom,
            maker=self._maker,
        )

    def close(self) -> None:
        if self._maker is not None:
            self._maker.close()
        self._stores.close()


class _Partition:
    """One partition: its orders, and the thread that follows them."""

    def __init__(self, loading: _Loading, ticket: int, opening: Opening) -> None:
        self.orders: SimpleQueue[_Message] = SimpleQueue()
        self._loading = loading
        self._ticket = ticket
        self._opening = opening
        self._lease = HeldLease(opening.lease) if opening.lease is not None else None
        self._counts = Counts()
        self._told = Counts()
        self._telling = Lock()
        self.thread = Thread(target=self._run, name=f"load {ticket}", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            with self._conveyor() as conveyor:
                while self._follow(conveyor):
                    pass
        except _AbortedError:
            pass
        except BaseException as error:  # noqa: BLE001 (raised again where the partition is fetched)
            with self._telling:
                self._loading.answers.tell(
                    error_message(self._ticket, error, self._news(), traceback.format_exc())
                )
            return
        self._tell("ended")

    def _follow(self, conveyor: Conveyor) -> bool:
        """Does what is asked next; tells whether there may be more."""
        kind, content = self.orders.get()
        match kind:
            case "put":
                self._put(conveyor, content)
            case "drain":
                conveyor.drain()
                self._tell("drained")
            case "end":
                if content:
                    raise _AbortedError
                return False
        return True

    def _put(self, conveyor: Conveyor, content: PackedBatch) -> None:
        if self._lease is not None and content.lease is not None:
            self._lease.extend(content.lease)
        conveyor.put(content.batch())
        self._tell("accepted")

    def _conveyor(self) -> Conveyor:
        opening = self._opening
        return Conveyor(
            stages(
                replace(self._loading.context, lease=self._lease),
                opening.partition,
                partition_id=opening.partition_id,
                generation=opening.generation,
                counts=self._counts,
                shared=None,
                resolves_seen=opening.resolves_seen,
                on_commit=lambda: self._tell("committed"),
            )
        )

    def _tell(self, kind: str) -> None:
        with self._telling:
            message = {"kind": kind, "ticket": self._ticket, "counts": plain(self._news())}
            self._loading.answers.tell(orjson.dumps(message))

    def _news(self) -> Counts:
        """What was counted since it was told last."""
        now = replace(self._counts)
        news, self._told = now.since(self._told), now
        return news


def _serve(loading: _Loading, orders: IO[bytes]) -> None:
    """Hands orders to partitions, until there are no more."""
    partitions: dict[int, _Partition] = {}
    while True:
        # What comes in was packed by the process that started this one.
        kind, ticket, content = pickle.loads(receive(orders))  # noqa: S301
        match kind:
            case "close":
                return
            case "begin":
                redactor.register(*content.secrets)
                partitions[ticket] = _Partition(loading, ticket, content)
            case _:
                partition = partitions[ticket]
                partition.orders.put((kind, content))
                if kind == "end":
                    del partitions[ticket]


def main() -> None:
    """Stores for whoever started this process, and ends with it."""
    # Ctrl+C reaches every process of a terminal; the one that fetches says what follows from it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    orders, pipe = own_ends()
    redact_all_logs()
    answers: Final = _Answers(pipe)
    try:
        order = pickle.loads(receive(orders))  # noqa: S301 (by the process that started this one)
        try:
            loading = _Loading(order, answers)
        except Exception as error:  # noqa: BLE001 (told to who started this, who goes on without)
            answers.tell(redactor.text(f"{type(error).__name__}: {error}").encode())
            return
        answers.tell(READY)
        with patient_collector():
            _serve(loading, orders)
        loading.close()
    except EOFError:
        # Whoever started this is gone, and with it the right to write.
        os._exit(1)


if __name__ == "__main__":
    main()
