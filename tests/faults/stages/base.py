"""A source with a small company behind it: what the suites of faults are run on."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random
from typing import Any, ClassVar, Final, Generic, TypeVar

from exporters.base import BaseExporter
from exporters.registry import SourceManifest, source
from sandbox.server import SandboxServer

NOW: Final = 1_795_000_000.0
"""When the companies live, in seconds since 1970."""

CLOCK: Final = datetime.fromtimestamp(NOW, UTC)
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
        clock: What its clock says; None for that of the machine.
    """

    make: Callable[..., BaseExporter]
    given: tuple[str, ...]
    clock: datetime | None = CLOCK

    def __call__(self) -> BaseExporter:
        return self.make(*self.given, now=lambda: self.clock or datetime.now(UTC))

    def at(self, clock: datetime | None) -> "Opener":
        """The same with another clock."""
        return replace(self, clock=clock)


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

    @abstractmethod
    def opener(self, sandbox: Sandbox) -> Opener:
        """Makes exporters that ask a sandbox, with small pages and no limits of ours."""

    @abstractmethod
    def credentials(self, sandbox: Sandbox) -> dict[str, str]:
        """What a process that asks a sandbox finds in its environment besides the settings."""

    @abstractmethod
    def selection(self) -> Any:
        """What is synced: enough for several checkpoints, little enough for hundreds of runs."""

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
