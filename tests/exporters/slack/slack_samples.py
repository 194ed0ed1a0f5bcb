"""What the Slack tests share: a clock, quick settings, and a follower of changes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from langchain_core.documents import Document

from exporters.base import BaseExporter, Partition
from exporters.changes import (
    AccessChange,
    Change,
    Checkpoint,
    Complete,
    ContainerChange,
    Cursor,
    Delete,
    Failure,
    Listed,
    MembershipChange,
    RawRecord,
    Upsert,
    Withheld,
)
from exporters.slack.exporter import SlackExporter
from exporters.slack.settings import TIER_LIMITS, SlackSelection, SlackSettings
from sandbox.slack import SlackSandbox, Workspace

MakeExporter = Callable[..., SlackExporter]
"""Of the fixture `exporter_of`."""

UNHURRIED = {scope: {"per_minute": 1_000_000, "burst": 10_000} for scope in TIER_LIMITS}


class HandClock:
    """A clock that a test turns by hand."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def seconds(self) -> float:
        return self.moment.timestamp()

    def forward(self, **parts: float) -> None:
        self.moment += timedelta(**parts)

    def ts(self, **ago: float) -> str:
        """A Slack `ts` of so long ago."""
        return f"{(self.moment - timedelta(**ago)).timestamp():.6f}"


def settings_for(slack: SlackSandbox, **changes: Any) -> SlackSettings:
    """Settings for a sandbox that paces nobody, with waits in hundredths of a second."""
    values: dict[str, Any] = {
        "base_url": slack.api_url,
        "rate_limits": UNHURRIED,
        "backoff_base": 0.01,
        "backoff_cap": 0.02,
        "unspecified_wait": 0.05,
        "max_attempts": 3,
        "breaker_threshold": 100,
        "use_environment_proxy": False,
    }
    return SlackSettings(**{**values, **changes})


@dataclass
class Mirror:
    """Follows an exporter as the pipeline does, in memory.

    Holds the records by key, with the version and the time of the listing that saw them, and the
    last cursor of each partition.
    """

    exporter: BaseExporter
    records: dict[str, RawRecord] = field(default_factory=dict)
    partition_of: dict[str, str] = field(default_factory=dict)
    cursors: dict[str, Cursor] = field(default_factory=dict)
    members: dict[str, frozenset[str]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    """Keys of the listed items that were fetched in the last run."""
    said: list[Change] = field(default_factory=list)
    """Changes of the last run other than upserts, listed items and checkpoints."""

    def run(self, selection: SlackSelection | None = None) -> "Mirror":
        """Brings every readable partition up to date."""
        self.loaded, self.said, self.failures = [], [], []
        for partition in self.exporter.partitions(selection or SlackSelection()):
            if not partition.unreadable:
                self.follow(partition)
        return self

    def follow(self, partition: Partition, *, checkpoints: int | None = None) -> None:
        """Brings a partition up to date, or goes on until so many checkpoints have passed."""
        seen: set[str] = set()
        for change in self.exporter.pull(partition, self.cursors.get(partition.key)):
            self._take(partition, change, seen)
            if isinstance(change, Checkpoint) and checkpoints is not None:
                checkpoints -= 1
                if checkpoints == 0:
                    return

    def _take(self, partition: Partition, change: Change, seen: set[str]) -> None:
        match change:
            case Upsert():
                key = change.record.key
                seen.add(key)
                if not (change.partial and key in self.records):
                    self.records[key] = change.record
                    self.partition_of[key] = partition.key
            case Listed():
                seen.add(change.key)
                known = self.records.get(change.key)
                if known is None or known.version != change.version:
                    self.loaded.append(change.key)
                    for inner in change.load():
                        self._take(partition, inner, seen)
            case Delete():
                self.records.pop(change.key, None)
                self.said.append(change)
            case Checkpoint():
                self.cursors[partition.key] = orjson.loads(orjson.dumps(change.cursor))
            case Complete():
                self._sweep(partition, change, seen)
                self.said.append(change)
            case Failure():
                self.failures.append(change)
            case MembershipChange():
                self.members[change.principal] = change.members
                self.said.append(change)
            case AccessChange() | ContainerChange() | Withheld():
                self.said.append(change)

    def _sweep(self, partition: Partition, complete: Complete, seen: set[str]) -> None:
        if not complete.full:
            return
        for key, record in list(self.records.items()):
            at = record.occurred_at
            assert at is not None
            inside = (complete.since is None or at >= complete.since) and (
                complete.until is None or at < complete.until
            )
            if self.partition_of[key] == partition.key and key not in seen and inside:
                del self.records[key]

    def documents(self) -> dict[str, Document]:
        """The documents of everything known, by id."""
        found: dict[str, Document] = {}
        for record in self.records.values():
            for document in self.exporter.to_documents(record):
                assert document.id is not None
                assert document.id not in found
                found[document.id] = document
        return found

    def texts(self) -> str:
        """Everything said, in one text."""
        return "\n".join(document.page_content for document in self.documents().values())

    def changes(self, kind: type[Any]) -> list[Any]:
        """What was said of one kind in the last run."""
        return [change for change in self.said if isinstance(change, kind)]


def partition_named(exporter: BaseExporter, name: str, **selection: Any) -> Partition:
    """The partition of a conversation."""
    partitions = exporter.partitions(SlackSelection(**selection))
    return next(partition for partition in partitions if partition.name == name)


def messages_in(documents: Iterable[Document]) -> list[tuple[str, str]]:
    """Channel and `ts` of every message in documents, with repetitions."""
    return [
        (document.metadata["container"]["id"], entry["ts"])
        for document in documents
        for entry in document.metadata["extra"]["messages"]
    ]


def one_with(documents: Mapping[str, Document], words: str) -> Document:
    """The one document whose text holds some words."""
    [found] = [document for document in documents.values() if words in document.page_content]
    return found


def flat(changes: Iterable[Change]) -> Iterator[Change]:
    """Changes with the listed items fetched."""
    for change in changes:
        if isinstance(change, Listed):
            yield from change.load()
        else:
            yield change


def utc(ts: str) -> datetime:
    """The moment of a `ts`."""
    return datetime.fromtimestamp(float(ts), UTC)


def fill(workspace: Workspace, clock: HandClock, count: int, *, minutes: int = 7) -> list[str]:
    """Messages in `general`, the oldest first, one every few minutes until now."""
    return [
        workspace.post("general", "ada", f"Number {n}", ts=clock.ts(minutes=minutes * (count - n)))
        for n in range(count)
    ]


def everything_of(mirror: Mirror, channel: str) -> list[str]:
    """The `ts` of every message of a channel, sorted, with repetitions."""
    return sorted(ts for at, ts in messages_in(mirror.documents().values()) if at == channel)
