"""A source with a small company behind it: what the suites of faults are run on."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
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

Company = TypeVar("Company")
Sandbox = TypeVar("Sandbox", bound=SandboxServer)


def now() -> datetime:
    """The clock of the exporters."""
    return CLOCK


@dataclass(frozen=True)
class Opener:
    """Makes an exporter, in any process: it pickles.

    Attributes:
        make: Makes it.
        given: What it takes.
    """

    make: Callable[..., BaseExporter]
    given: tuple[str, ...]

    def __call__(self) -> BaseExporter:
        return self.make(*self.given)


class Stage(ABC, Generic[Company, Sandbox]):
    """One source, its company, and the sandbox that serves it."""

    source: ClassVar[str]
    """Its name in its manifest."""

    @abstractmethod
    def company(self) -> Company:
        """The company as it is at first; the same every time."""

    @abstractmethod
    def move(self, company: Company) -> None:
        """Lets some time pass in a company: news, edits, deletes, access that moves."""

    @abstractmethod
    def served(self, company: Company) -> AbstractContextManager[Sandbox]:
        """A sandbox with this company, while the block lasts."""

    @abstractmethod
    def opener(self, sandbox: Sandbox) -> Opener:
        """Makes exporters that ask a sandbox, with small pages and no limits of ours."""

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

    @property
    def manifest(self) -> SourceManifest:
        """The source's manifest."""
        return source(self.source)

    @property
    def store_name(self) -> str:
        """The document type."""
        name: str = self.manifest.load(self.manifest.document_type).store_name
        return name

    @property
    def custom(self) -> Any:
        """The source's own processing step."""
        return self.manifest.load(self.manifest.processing) if self.manifest.processing else None
