"""A source with a small company behind it: what the suites of faults are run on."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random
from typing import Any, ClassVar, Final, Generic, TypeVar

from langchain_core.documents import Document

from exporters.base import BaseExporter
from exporters.registry import SourceManifest, source
from sandbox.faults import Fault
from sandbox.server import SandboxServer

NOW: Final = 1_795_000_000.0
"""When the companies live, in seconds since 1970."""

CLOCK: Final = datetime.fromtimestamp(NOW, UTC)
CANARY: Final = "canary/7f3a9c+not-to-be-seen"
"""A credential of no vendor's shape, so that only who knows it can take it out."""

FREE: Final = {"per_minute": 1_000_000, "burst": 100_000}
"""A rate limit that is none."""

Clock = Callable[[], datetime]

Company = TypeVar("Company")
Sandbox = TypeVar("Sandbox", bound=SandboxServer)


class Hurried:
    """The clock of a company, set forward now and then."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.ahead = 0.0

    def __call__(self) -> float:
        return self._clock() + self.ahead


def hurried(clock: Callable[[], float], seconds: float) -> Hurried:
    """A clock set forward."""
    found = clock if isinstance(clock, Hurried) else Hurried(clock)
    found.ahead += seconds
    return found


@dataclass(frozen=True)
class Opener:
    """Makes an exporter, in any process: it pickles.

    Attributes:
        make: Makes it.
        given: What it takes, before its clock.
        settings: What of the source's settings is otherwise than usual.
        clock: What its clock says; None for that of the machine.
    """

    make: Callable[..., BaseExporter]
    given: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    clock: datetime | None = CLOCK

    def __call__(self) -> BaseExporter:
        return self.make(*self.given, now=lambda: self.clock or datetime.now(UTC), **self.settings)

    def at(self, clock: datetime | None) -> "Opener":
        """The same with another clock."""
        return replace(self, clock=clock)


class Stage(ABC, Generic[Company, Sandbox]):
    """One source, its company, and the sandbox that serves it."""

    source: ClassVar[str]
    """Its name in its manifest."""

    inside: ClassVar[frozenset[str]] = frozenset()
    """Operations that are calls within another request: they have no connection of their own."""

    files: ClassVar[frozenset[str]] = frozenset()
    """Operations whose answer is a file, whatever it holds."""

    finest: ClassVar[Mapping[str, Any]]
    """Settings with which everything comes in many small pages."""

    refused: ClassVar[Fault]
    """What the vendor says, to every request, to a token that it does not accept any more."""

    unscoped: ClassVar[Fault]
    """The same of a right that the token has lost, to the requests that need it."""

    contents: ClassVar[str]
    """The operation that lists what is in a part."""

    asked_by_listing: ClassVar[frozenset[str]] = frozenset()
    """Entities of which a single item is asked for by a listing too: a day of a chat."""

    lost_page: ClassVar[Fault]
    """The vendor does not know the page any more with which a listing goes on."""

    lost_cursor: ClassVar[Fault | None] = None
    """It does not know any more what changed; None where cursors are no marks of the vendor's."""

    @abstractmethod
    def company(self) -> Company:
        """The company as it is at first; the same every time."""

    @abstractmethod
    def move(self, company: Company) -> None:
        """Lets some time pass in a company: news, edits, deletes, access that moves."""

    @abstractmethod
    def step(self, company: Company, dice: Random) -> None:
        """Has one small thing happen in a company: an addition, an edit, a delete, other access.

        Only what the source tells of in its next sync, as far as its page in the docs says.
        """

    @abstractmethod
    def passes(self, company: Company, seconds: float) -> None:
        """Lets time pass in a company."""

    @abstractmethod
    def served(self, company: Company) -> AbstractContextManager[Sandbox]:
        """A sandbox with this company, while the block lasts."""

    def sign_in_by(self, sandbox: Sandbox, clock: Callable[[], float]) -> None:
        """Has the vendor hold signatures against a clock. Most vendors take none with a time."""

    @abstractmethod
    def opener(self, sandbox: Sandbox, **settings: Any) -> Opener:
        """Makes exporters that ask a sandbox, with small pages and no limits of ours.

        Args:
            sandbox: The sandbox.
            settings: Settings of the source that are to be otherwise.
        """

    @abstractmethod
    def credentials(self, sandbox: Sandbox) -> dict[str, str]:
        """What a process that asks a sandbox finds in its environment besides the settings."""

    @abstractmethod
    def selection(self) -> Any:
        """What is synced: enough for several checkpoints, little enough for hundreds of runs."""

    @abstractmethod
    def shuffle_access(self, company: Company, dice: Random) -> None:
        """Moves who may read what: memberships, privacy, recipients, roles, levels, groups."""

    @abstractmethod
    def people(self, company: Company) -> list[str]:
        """The addresses of everybody who may ask, those with least rights too."""

    @abstractmethod
    def may_read(self, company: Company, person: str, document: Document) -> bool:
        """Whether the source itself would show a person all that a document holds."""

    def is_promised(self, company: Company, person: str, document: Document) -> bool:
        """Whether a person who may read a document is promised to find it.

        False for what is closed on purpose; each such case is named where it is told.
        """
        return self.may_read(company, person, document)

    @abstractmethod
    def blindfolds(self) -> list[Fault]:
        """Calls that tell who may read, each refused for good."""

    @abstractmethod
    def secret_opener(self, company: Company, sandbox: Sandbox) -> tuple[Opener, list[str]]:
        """Makes exporters with a credential like no other, and what must be seen nowhere of it.

        The first of that is what a vendor may say back.
        """

    def secret_credentials(self, sandbox: Sandbox) -> dict[str, str]:
        """The credential of `secret_opener`, once that was called, as `credentials` gives it."""
        return self.credentials(sandbox)

    def close(self, company: Company) -> str:
        """Takes away the access to one part; its key, as a partition."""

    @abstractmethod
    def reopen(self, company: Company) -> None:
        """Gives it back."""

    @abstractmethod
    def remove(self, company: Company) -> str:
        """Removes one part from the source, so that it is listed no more; its key."""

    @abstractmethod
    def leave(self, company: Company) -> None:
        """Somebody who wrote a part of what is synced leaves."""

    def expire_tokens(self, sandbox: Sandbox) -> bool:
        """Lets access tokens expire that can be had anew; whether there are such."""
        return False

    @abstractmethod
    def environment(self, sandbox: Sandbox) -> dict[str, str]:
        """Credentials and settings as a person sets them, for a run as a command makes it."""

    @property
    def manifest(self) -> SourceManifest:
        """The source's manifest."""
        return source(self.source)

    def in_block(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Credentials as a saved block holds them.

        Args:
            variables: Their values by the variables that a process would find.
        """
        return {
            name: variables[variable]
            for name, field in self.manifest.credentials.items()
            for variable in field.environment
            if variable in variables
        }

    @property
    def store_name(self) -> str:
        """The document type."""
        name: str = self.manifest.load(self.manifest.document_type).store_name
        return name

    @property
    def custom(self) -> Any:
        """The source's own processing step."""
        return self.manifest.load(self.manifest.processing) if self.manifest.processing else None
