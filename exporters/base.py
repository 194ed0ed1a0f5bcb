"""The exporter contract: how every source is asked, and how it answers."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any, ClassVar, Self

from langchain_core.documents import Document
from pydantic import BaseModel, ConfigDict, ValidationError

from documents.errors import ConfigurationError
from exporters.changes import Change, Cursor, Failure, Listed, RawRecord, Upsert
from exporters.loading import loaded

_log = logging.getLogger(__name__)


class Selection(BaseModel):
    """What of a source is asked for. Each source has its own, with described fields.

    The fields are the source's options: the command line and the flow forms are made of them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """A selection out of plain values.

        Raises:
            ConfigurationError: A field does not exist or its value makes no sense.
        """
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise ConfigurationError(_wrong_value(error)) from None


def _wrong_value(error: ValidationError) -> str:
    """The first complaint of a validation as a sentence."""
    first = error.errors(include_url=False)[0]
    name = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        return f"There is no option {name!r}."
    expected = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return f"{name} is {first['input']!r}; expected: {expected}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """A part of a source that is synced, retried and resumed by itself.

    A channel, a mailbox, a project, a repository, a drive.

    Attributes:
        key: The vendor's id of it, stable across renames.
        name: What a person calls it.
        kind: What it is: `channel`, `mailbox`, `people` ...
        options: What of the selection `pull` needs; JSON-serialisable.
        unreadable: Why it cannot be read and what to do about it; None when it can.
    """

    key: str
    name: str
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    unreadable: str | None = None


class Outcome(StrEnum):
    """How a probe ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Probe:
    """One thing that was tried before a sync.

    Attributes:
        name: What was tried: `token`, `scopes`, `sample read` ...
        outcome: How it ended.
        detail: What was seen.
        hint: What a person does about a failure.
    """

    name: str
    outcome: Outcome
    detail: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ConnectionReport:
    """What `test_connection` found: one probe after another."""

    probes: tuple[Probe, ...]

    @property
    def ok(self) -> bool:
        """Whether no probe failed."""
        return all(probe.outcome is not Outcome.FAILED for probe in self.probes)


class BaseExporter(ABC):
    """Speaks to one account of one source; knows no store and no Prefect.

    `partitions` and `pull` may be called from several threads at once, one thread a partition.

    Attributes:
        source: The source's name, the first part of every document id.
        selection_type: The source's `Selection`.
        transform_version: Raised whenever `to_documents` makes something else of the same record,
            so that records are transformed anew although their payload did not move.
        shares_documents: Whether several records may make the same document, as the copies of one
            mail in many mailboxes do. Each of them gives its own principals in `access` and one
            entry in `extra["copies"]` with what only that copy has; all else must be equal in all
            of them. The stored document has the union of access, and the entries of all copies in
            the order of their records' keys. It is deleted with its last copy.
    """

    source: ClassVar[str]
    selection_type: ClassVar[type[Selection]]
    transform_version: ClassVar[int] = 1
    shares_documents: ClassVar[bool] = False

    @property
    @abstractmethod
    def connection(self) -> str:
        """The account or tenant, by the vendor's id for it. The first read may ask the vendor.

        Raises:
            ExportError: The vendor does not tell.
        """

    @property
    def connection_title(self) -> str:
        """What a person calls the account."""
        return self.connection

    @abstractmethod
    def test_connection(self) -> ConnectionReport:
        """Tries what a sync will need, step by step. Never raises for the vendor's refusals."""

    @abstractmethod
    def partitions(self, selection: Any) -> Iterator[Partition]:
        """Lists what there is to sync.

        Args:
            selection: An instance of `selection_type`.

        Raises:
            ConfigurationError: The selection names something that does not exist.
            ExportError: The vendor refuses.
        """

    @abstractmethod
    def pull(self, partition: Partition, cursor: Cursor | None) -> Iterator[Change]:
        """Yields what changed in a partition. The one way data comes in.

        Args:
            partition: One of `partitions`.
            cursor: The last committed checkpoint, or None for the first time (and after the cursor
                expired): then everything is yielded.

        Yields:
            Changes, a `Checkpoint` wherever it is safe to resume, and at the end a `Complete`
            where the partition was listed to its end.

        Raises:
            ExportError: The partition cannot go on. What was yielded before stays valid.
            WaitInterruptedError: The run was stopped during a wait.
        """

    @abstractmethod
    def to_documents(self, record: RawRecord) -> Iterator[Document]:
        """Makes the documents of a record: pure, without network, replayable years later.

        Raises:
            InvalidDataError: The record makes no sense.
        """

    @abstractmethod
    def export(self, *args: Any, **kwargs: Any) -> Iterator[Document]:
        """Yields documents directly, for a person at a prompt. Typed anew by every source."""

    @classmethod
    def needs_credentials(cls, selection: Any) -> bool:
        """Whether a selection can be read with the manifest's credentials only."""
        del selection
        return True

    def check_credentials(self) -> None:  # noqa: B027 (most manifests say what is required)
        """Looks whether the credentials given are enough to begin with; asks nobody.

        For sources that take one of several, which a manifest cannot say.

        Raises:
            ConfigurationError: They are not; with what to set.
        """

    @classmethod
    def for_selection(
        cls, selection: Any, credentials: Mapping[str, str], settings: Any
    ) -> "BaseExporter":
        """Builds the exporter for a run.

        Args:
            selection: An instance of `selection_type`.
            credentials: The fields that the source's manifest names.
            settings: The source's settings.
        """
        del selection
        build: Callable[..., BaseExporter] = cls
        return build(**credentials, settings=settings)

    def documents(self, selection: Any, *, limit: int | None = None) -> Iterator[Document]:
        """Yields the documents of a selection, without any store: what `export` is made of.

        Items that fail and partitions that cannot be read are logged and left out.

        Args:
            selection: An instance of `selection_type`.
            limit: The most documents; None for all.

        Raises:
            ConfigurationError: The limit is smaller than 1.
            ExportError: The source refuses; raised when the first document is asked for.
        """
        if limit is not None and limit < 1:
            raise ConfigurationError(f"limit is {limit}; expected: at least 1, or None for all.")
        return islice(self._documents(selection), limit)

    def _documents(self, selection: Any) -> Iterator[Document]:
        for partition in self.partitions(selection):
            if partition.unreadable:
                _log.warning("%s is left out. %s", partition.name, partition.unreadable)
                continue
            for said in _fetched(self.pull(partition, None)):
                if isinstance(said, Upsert):
                    yield from self.to_documents(said.record)
                elif isinstance(said, Failure):
                    _log.warning("An item of %s is left out. %s", partition.name, said.error)

    def fetch(self, partition: Partition, entity: str, external_id: str) -> Iterator[Change] | None:
        """Asks again for one item: to retry a dead letter, or to prove that it is gone.

        Yields:
            An `Upsert` where it exists, a `Delete` where the source says that it does not.

        Returns:
            None when the source cannot be asked for single items.
        """
        del partition, entity, external_id
        return None

    def owner_of(self, entity: str, external_id: str) -> str | None:
        """What an item belongs to, as far as its id tells; pure.

        A rescan fetches that again where the item was set aside. For sources whose records have a
        `parent`.

        Returns:
            The key of that record; None for an item that belongs to none.
        """
        del entity, external_id
        return None

    def close(self) -> None:  # noqa: B027 (most exporters hold nothing)
        """Gives back connections. Harmless when called twice."""


def _fetched(changes: Iterable[Change]) -> Iterator[Change]:
    """Changes, with listed items fetched, and what belongs to them."""
    waiting: list[Listed] = []
    for change in changes:
        if isinstance(change, Listed):
            waiting.append(change)
            most = change.load_many.at_most if change.load_many is not None else 1
            if len(waiting) < most:
                continue
        yield from _fetched(loaded(waiting)) if waiting else ()
        waiting = []
        if not isinstance(change, Listed):
            yield change
    if waiting:
        yield from _fetched(loaded(waiting))
