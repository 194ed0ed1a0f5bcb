"""A made-up source for tests: a real exporter over a vendor in memory that says what it is told to.

What a room (a partition) says is a list: changes are yielded, errors are raised, functions are
called. A checkpoint's cursor is a place in that list, so that a resumed sync goes on after it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import numpy as np
from langchain_core.documents import Document
from pydantic import Field

from documents.errors import ConfigurationError
from documents.fingerprints import fingerprint
from documents.metadata import make_document
from exporters.base import BaseExporter, ConnectionReport, Partition, Selection
from exporters.changes import (
    Change,
    Checkpoint,
    Complete,
    Cursor,
    Delete,
    Failure,
    Listed,
    RawRecord,
    Upsert,
    record_key,
)
from exporters.errors import InvalidDataError
from exporters.redaction import redactor
from exporters.settings import SourceSettings
from stores.embeddings import EmbeddingModel
from stores.errors import EmbeddingError

SOURCE = "scripted"
ENTITY = "note"
MEMBERS = "group:scripted:members"
MORNING = datetime(2026, 3, 1, 8, tzinfo=UTC)
"""When everything was fetched, unless a test says otherwise."""

Entry = Change | BaseException | Callable[[], object]


@dataclass
class Room:
    """A partition, and what the vendor says when it is pulled."""

    key: str
    name: str = ""
    kind: str = "room"
    unreadable: str | None = None
    says: Sequence[Entry] = ()


@dataclass
class Vendor:
    """An account of the made-up vendor.

    Attributes:
        rooms: Its partitions; one that is taken out has vanished.
        items: Answers to a question for a single item, by record key: changes, or an error to
            raise. None where the vendor cannot be asked.
        refuses: Raised instead of listing the rooms.
        mended: Whether records that are broken can be read after all.
        pulled: How many entries were taken out of rooms so far.
        cursors: With which cursors rooms were pulled.
    """

    account: str = "W1"
    rooms: list[Room] = field(default_factory=lambda: [Room("r1")])
    items: Mapping[str, Sequence[Change] | BaseException] | None = None
    refuses: BaseException | None = None
    mended: bool = False
    pulled: int = 0
    cursors: list[tuple[str, Cursor | None]] = field(default_factory=list)

    def says(self, *entries: Entry, room: str = "r1") -> None:
        """Sets what a room says from now on."""
        next(found for found in self.rooms if found.key == room).says = entries


VENDORS: dict[str, Vendor] = {}
"""The accounts of a process, for runs that find their source by its name."""


class ScriptedSelection(Selection):
    """What of the vendor is asked for."""

    vendor: str = Field(default="here", description="Which account of the process.")


class ScriptedSettings(SourceSettings):
    """Settings of the source."""

    base_url: str = "http://scripted.example/"


class ScriptedExporter(BaseExporter):
    """Says what its vendor is told to say."""

    source = SOURCE
    selection_type = ScriptedSelection

    def __init__(self, vendor: Vendor, token: str = "") -> None:
        redactor.register(token)
        self.vendor = vendor
        self._token = token

    @classmethod
    def for_selection(
        cls, selection: Any, credentials: Mapping[str, str], settings: Any
    ) -> BaseExporter:
        if selection.vendor not in VENDORS:
            raise ConfigurationError(f"There is no account {selection.vendor!r}.")
        return cls(VENDORS[selection.vendor], credentials.get("token", ""))

    @property
    def connection(self) -> str:
        return self.vendor.account

    def test_connection(self) -> ConnectionReport:
        return ConnectionReport(())

    def partitions(self, selection: Any) -> Iterator[Partition]:
        if self.vendor.refuses is not None:
            raise self.vendor.refuses
        for room in self.vendor.rooms:
            yield Partition(
                key=room.key,
                name=room.name or room.key,
                kind=room.kind,
                unreadable=room.unreadable,
            )

    def pull(self, partition: Partition, cursor: Cursor | None) -> Iterator[Change]:
        room = next(room for room in self.vendor.rooms if room.key == partition.key)
        self.vendor.cursors.append((room.key, cursor))
        for entry in _after(room.says, cursor):
            self.vendor.pulled += 1
            if isinstance(entry, BaseException):
                raise entry
            if callable(entry):
                entry()
            else:
                yield entry

    def fetch(self, partition: Partition, entity: str, external_id: str) -> Iterator[Change] | None:
        if self.vendor.items is None:
            return None
        key = record_key(entity, external_id)
        answer = self.vendor.items.get(key, (Delete(entity, external_id),))
        if isinstance(answer, BaseException):
            raise answer
        return iter(answer)

    def to_documents(self, record: RawRecord) -> Iterator[Document]:
        payload = record.payload
        if "broken" in payload and not self.vendor.mended:
            raise ValueError(payload["broken"])
        if "nonsense" in payload:
            raise InvalidDataError(payload["nonsense"], external_id=record.external_id)
        if "documents" in payload:
            for fields in payload["documents"]:
                yield Document(**fields)
            return
        for number, text in enumerate(payload.get("texts") or [payload["text"]]):
            yield make_document(
                source=SOURCE,
                connection=self.vendor.account,
                entity=record.entity,
                native_id=record.external_id if number == 0 else f"{record.external_id}/{number}",
                external_id=record.external_id,
                content=text,
                title=payload.get("title", ""),
                url=record.url,
                access=payload.get("access", ("workspace:W1",)),
                container={"id": "r", "name": payload.get("container", "room"), "url": None},
                created_at=record.occurred_at,
            )

    def export(self) -> Iterator[Document]:
        return self.documents(ScriptedSelection())


class MovedExporter(ScriptedExporter):
    """The same after its transformation changed."""

    transform_version: ClassVar[int] = 2


def _after(says: Sequence[Entry], cursor: Cursor | None) -> Sequence[Entry]:
    """What follows a checkpoint; everything where that checkpoint is not among what is said."""
    for place, entry in enumerate(says):
        if isinstance(entry, Checkpoint) and cursor is not None and entry.cursor == cursor:
            return says[place + 1 :]
    return says


def note(
    identifier: object,
    text: str | None = None,
    *,
    fetched: datetime = MORNING,
    version: str | None = None,
    url: str | None = None,
    at: datetime | None = None,
    **payload: Any,
) -> RawRecord:
    """A record; its time is its number in days after the first of March, where it has one."""
    if at is None and str(identifier).isdigit():
        at = MORNING + timedelta(days=int(str(identifier)))
    body = f"note {identifier} says something of its own" if text is None else text
    return RawRecord(
        external_id=str(identifier),
        entity=ENTITY,
        payload={"text": body, **payload},
        url=url or f"https://scripted.example/{identifier}",
        occurred_at=at,
        version=version,
        fetched_at=fetched,
    )


def put(identifier: object, text: str | None = None, **fields: Any) -> Upsert:
    """An upsert of a note."""
    return Upsert(note(identifier, text, **fields))


def gone(identifier: object) -> Delete:
    """A note is gone."""
    return Delete(ENTITY, str(identifier))


def fails(identifier: object, sentence: str = "The note makes no sense.") -> Failure:
    """A note that the source could not give."""
    return Failure(
        error=InvalidDataError(sentence, hint="Look at it."),
        entity=ENTITY,
        external_id=str(identifier),
        url=f"https://scripted.example/{identifier}",
    )


def listed(record: RawRecord, load: Callable[[], Iterable[Change]] | None = None) -> Listed:
    """A listed note, which is loaded when its version moved."""
    return Listed(
        entity=record.entity,
        external_id=record.external_id,
        version=record.version or "",
        load=load or (lambda: [Upsert(record)]),
    )


def listing(changes: Iterable[Change], *, page: int = 5, name: str = "page") -> list[Entry]:
    """A whole listing: a checkpoint after each page, `Complete(full=True)`, a last checkpoint."""
    entries: list[Entry] = []
    for number, change in enumerate(changes, start=1):
        entries.append(change)
        if number % page == 0:
            entries.append(Checkpoint({name: number // page}))
    return [*entries, Complete(full=True), Checkpoint({name: "end"})]


def document_id(identifier: object) -> str:
    """The id of a note's document."""
    return f"{SOURCE}:W1:{ENTITY}:{identifier}"


class CountingModel(EmbeddingModel):
    """An embedding model of 16 dimensions that remembers what it was asked.

    Attributes:
        texts: Every text it gave a vector for.
        refuses: It fails for every text that holds this.
        fails: Raised at every call.
        meanwhile: Called at every call.
    """

    def __init__(self) -> None:
        super().__init__("counting", 16)
        self.reset()

    def reset(self) -> None:
        """Forgets everything."""
        self.texts: list[str] = []
        self.calls = 0
        self.refuses = ""
        self.fails: BaseException | None = None
        self.meanwhile: Callable[[], object] = lambda: None

    def embed_matrix(self, texts: Sequence[str]) -> Any:
        self.calls += 1
        self.meanwhile()
        if self.fails is not None:
            raise self.fails
        if self.refuses and any(self.refuses in text for text in texts):
            raise EmbeddingError("The model counting cannot read a text.")
        self.texts += texts
        return np.stack([_vector(text) for text in texts])

    def embed_question(self, text: str) -> Any:
        return _vector(text)


def _vector(text: str) -> Any:
    seed = int(fingerprint(text.encode(errors="surrogatepass"))[:8], 16)
    return np.random.default_rng(seed).standard_normal(16).astype(np.float32)


MODEL = CountingModel()
"""What the setting `python:scripted_source:MODEL` names."""
