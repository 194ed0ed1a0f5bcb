"""Making documents in a process of their own.

Fetching from a quick source and making documents are both work of this interpreter, which does one
thing at a time; a large sync therefore hands the making on. What a payload does to the code that
reads it stays there too: a record that makes the process hang or crash costs that record.

The process holds no credentials: `to_documents` asks nobody for anything. It is started when there
is much to make, and until it is up documents are made here.
"""

import os
import pickle
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Lock, Thread, Timer
from typing import Any, Final

import orjson
from langchain_core.documents import Document

from documents.errors import DataGettersError
from documents.registry import document_types
from exporters.errors import InvalidDataError
from exporters.registry import SourceManifest
from tasks.batches import EncodedUpsert
from tasks.garbage import patient_collector
from tasks.making import LocalMaker, Made, Recipe, made_here
from tasks.pipes import PackedRecord, ends_of, own_ends, packed, receive, send, started, unpacked

FEWEST: Final = 100
"""Records in a batch for which handing them on is worth it."""

_START_SECONDS: Final = 60
_READY: Final = b"ready"
_SECONDS_A_RECORD: Final = 0.2
"""What a batch may take on top of the limit for a single record, for each of its records."""

_KEPT_VARIABLES: Final = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "HOME", "SYSTEMROOT")

_Fields = list[tuple[str | None, str, dict[str, Any]]] | None


@dataclass(frozen=True, slots=True)
class Order:
    """What the process needs to know to make documents as this one does.

    Attributes:
        manifest: The source.
        selection: What a run asks of it.
        settings: The source's settings.
        characters: What is kept of a document's text.
    """

    manifest: SourceManifest
    selection: Any
    settings: Any
    characters: int

    def recipe(self) -> Recipe:
        """The recipe, with an exporter that has no credentials."""
        manifest = self.manifest
        document_class = manifest.load(manifest.document_type)
        if document_class.store_name not in document_types:
            document_types.register(document_class)
        exporter = manifest.load(manifest.exporter).for_selection(self.selection, {}, self.settings)
        return Recipe(
            exporter=exporter,
            store_name=document_class.store_name,
            characters=self.characters,
            custom=manifest.load(manifest.processing) if manifest.processing else None,
        )


class ProcessMaker:
    """Makes documents in another process where there are many. Safe to use from several threads.

    Args:
        order: How they are made there.
        recipe: How they are made here.
        seconds: How long the making of one record may take there.
        always: Make nothing here, however few records there are.
    """

    def __init__(
        self, order: Order, recipe: Recipe, *, seconds: float, always: bool = False
    ) -> None:
        self._order = order
        self._recipe = recipe
        self._local = LocalMaker(recipe)
        self._seconds = seconds
        self._always = always
        self._lock = Lock()
        self._child: _Child | None = None

    def make(self, items: Sequence[EncodedUpsert]) -> list[Made]:
        """See `Maker.make`.

        Raises:
            DataGettersError: Nothing is to be made here, and the process cannot be started.
        """
        if not items or (len(items) < FEWEST and not self._always):
            return self._local.make(items)
        with self._lock:
            child = self._running_child()
            up = child.is_up(_START_SECONDS if self._always else 0)
            answer = self._asked(child, items) if up else None
        if answer is None and self._always:
            raise DataGettersError(
                "The process in which documents are made did not start.",
                hint="Set DATA_GETTERS_TASKS__MAKING=here, or look whether the machine has room.",
            )
        if answer is None:
            return self._local.make(items)
        return [
            self._made(item, packed) if not isinstance(packed, Exception) else packed
            for item, packed in zip(items, answer, strict=True)
        ]

    def close(self) -> None:
        """Ends the process. Harmless when called twice."""
        with self._lock:
            if self._child is not None:
                self._child.end()
                self._child = None

    def _running_child(self) -> "_Child":
        if self._child is None:
            self._child = _Child(self._order)
        return self._child

    def _asked(
        self, child: "_Child", items: Sequence[EncodedUpsert]
    ) -> list[_Fields | Exception] | None:
        """What the process makes of records; None where it cannot be had at all."""
        records = [packed(item) for item in items]
        try:
            limit = self._seconds + _SECONDS_A_RECORD * len(records)
            return list(child.ask(records, limit))
        except _ChildGoneError:
            self._child = None
        # One of them is to blame: each is tried by itself.
        answers: list[_Fields | Exception] = []
        for item, one in zip(items, records, strict=True):
            child = self._running_child()
            if not child.is_up(_START_SECONDS):
                return None
            try:
                answers += child.ask([one], self._seconds)
            except _ChildGoneError as error:
                self._child = None
                record = item.record
                answers.append(
                    InvalidDataError(
                        f"The {record.entity} {record.external_id} could not be made a document: "
                        f"{error}.",
                        external_id=record.external_id,
                    )
                )
        return answers

    def _made(self, item: EncodedUpsert, packed: _Fields) -> Made:
        if packed is None:
            return made_here(self._recipe, item.whole())  # for the error itself
        document_class = document_types.get(self._recipe.store_name)
        return [
            document_class.model_construct(id=identifier, page_content=text, metadata=metadata)
            for identifier, text, metadata in packed
        ]


class _ChildGoneError(Exception):
    """The process ended, or was ended because it took too long."""


class _Child:
    """The process and the pipes to it."""

    def __init__(self, order: Order) -> None:
        self._settled = Event()
        self._works = False
        self._process = started(
            "tasks.making_process",
            {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ},
        )
        self._in, self._out = ends_of(self._process)
        Thread(target=self._begin, args=(order,), name="making", daemon=True).start()

    def _begin(self, order: Order) -> None:
        with suppress(OSError, EOFError, pickle.PicklingError, TypeError, AttributeError):
            send(self._in, pickle.dumps(order, protocol=pickle.HIGHEST_PROTOCOL))
            self._works = receive(self._out) == _READY
        self._settled.set()

    def is_up(self, seconds: float) -> bool:
        """Whether it can be asked, waiting so long to know."""
        return self._settled.wait(seconds) and self._works

    def ask(self, records: Sequence[PackedRecord], seconds: float) -> list[_Fields]:
        """What it makes of records, in order; None for one that raised something.

        Raises:
            _ChildGoneError: It ended, or took longer than that.
        """
        late = Event()

        def stop() -> None:
            late.set()
            self._process.kill()

        timer = Timer(seconds, stop)
        timer.start()
        try:
            send(self._in, pickle.dumps(records, protocol=pickle.HIGHEST_PROTOCOL))
            # JSON, for what comes back was made of whatever people sent.
            answer: list[_Fields] = orjson.loads(receive(self._out))
        except (OSError, EOFError, orjson.JSONDecodeError) as error:
            self.end()
            reason = f"it took more than {seconds:g} seconds" if late.is_set() else "it crashed"
            raise _ChildGoneError(reason) from error
        finally:
            timer.cancel()
        return answer

    def end(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._in, self._out):
            with suppress(OSError):
                pipe.close()


def _answer(made: Sequence[Made]) -> bytes:
    """What became of records, as JSON; null where the other side had better see for itself."""
    return b"[%b]" % b",".join(map(_plain, made))


def _plain(made: Made) -> bytes:
    if isinstance(made, Exception):
        return b"null"
    try:
        return orjson.dumps([_fields(document) for document in made])
    except TypeError:
        return b"null"  # what JSON does not have


def _fields(document: Document) -> tuple[str | None, str, dict[str, Any]]:
    return document.id, document.page_content, document.metadata


def main() -> None:
    """Makes documents for whoever started this process, until they close the pipe."""
    orders, answers = own_ends()
    with suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        # What comes in was packed by the process that started this one.
        recipe = pickle.loads(receive(orders)).recipe()  # noqa: S301
        send(answers, _READY)
        with patient_collector():
            while True:
                records = map(unpacked, pickle.loads(receive(orders)))  # noqa: S301
                send(answers, _answer([made_here(recipe, record) for record in records]))


if __name__ == "__main__":
    main()
