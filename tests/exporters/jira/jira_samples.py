"""What the Jira tests share: a clock, quick settings, a small site, and stores to sync into."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from langchain_core.documents import Document

from exporters.base import BaseExporter, Partition
from exporters.jira.exporter import JiraExporter
from exporters.jira.settings import JiraSelection, JiraSettings
from processing.custom.jira import add_issue_context
from sandbox.jira.catalogue import DEVELOPERS
from sandbox.jira.server import JiraSandbox
from sandbox.jira.site import Site
from sandbox.jira.times import Clock
from sandbox.jira.tokens import SYNC_NAME, install_sync_users
from stores.base import SearchFilter
from stores.settings import StoreSettings
from tasks.context import SyncContext
from tasks.options import SyncOptions
from tasks.pipeline import sync_partition
from tasks.results import Counts, PartitionOutcome, PartitionResult
from tasks.stores import Stores, open_stores

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MakeExporter = Callable[..., JiraExporter]
"""Of the fixture `exporter_of`."""


class HandClock(Clock):
    """A site's clock that stands still but for a millisecond with each change."""

    def __init__(self) -> None:
        super().__init__(NOW.timestamp())
        self._time = NOW.timestamp()

    def __call__(self) -> float:
        self._time = round(self._time + 0.001, 3)
        return self._time

    def advance(self, seconds: float) -> None:
        self._time += seconds

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._time, UTC)


def small_site(clock: HandClock, *, flavour: str = "cloud") -> Site:
    """Ada, Bob and Cleo; the project TEA, which everybody with a licence reads."""
    site = Site("Acme", flavour=flavour, seed=5, clock=clock)  # type: ignore[arg-type]
    site.add_person("ada", "Ada Byron", groups=["jira-users"])
    site.add_person("bob", "Bob Stone", groups=["jira-users"])
    site.add_person("cleo", "Cleo Vance", groups=["jira-users"])
    site.add_project("TEA", "Tea kitchen", lead="ada", description="Kettles and cups.")
    install_sync_users(site)
    for person in (SYNC_NAME, "ada"):
        site.add_role_actor("TEA", DEVELOPERS, person=person)
    return site


def settings_for(jira: JiraSandbox, **changes: Any) -> JiraSettings:
    """Settings for a sandbox that paces nobody, with waits in hundredths of a second."""
    values: dict[str, Any] = {
        "base_url": jira.base_url,
        "gateway_url": jira.base_url,
        "auth_url": jira.base_url,
        "rate_limits": {"*": {"per_minute": 1_000_000, "burst": 10_000}},
        "backoff_base": 0.01,
        "backoff_cap": 0.02,
        "unspecified_wait": 0.05,
        "max_attempts": 3,
        "breaker_threshold": 100,
        "use_environment_proxy": False,
    }
    return JiraSettings(**{**values, **changes})


@contextmanager
def stores_in(folder: Path) -> Iterator[Stores]:
    """Stores that embed nothing and are closed again."""
    stores = open_stores(StoreSettings(data_directory=folder, embedding_model="none"))
    try:
        yield stores
    finally:
        stores.close()


def sync_all(
    exporter: BaseExporter,
    stores: Stores,
    run_id: str,
    *,
    fresh: bool = False,
    selection: JiraSelection | None = None,
    **options: Any,
) -> dict[str, PartitionResult]:
    """Every partition through the pipeline; what was done, by its key."""
    context = SyncContext(
        exporter=exporter,
        connection=exporter.connection,
        connection_id=stores.ledger.connection_id("jira", exporter.connection, "acme"),
        stores=stores,
        options=SyncOptions(**options),
        run_id=run_id,
        store_name="jira_issues",
        custom=add_issue_context,
    )
    return {
        partition.name.partition(" ")[0]: sync_partition(context, partition, fresh=fresh)
        for partition in exporter.partitions(selection or JiraSelection())
        if not partition.unreadable
    }


def sync(exporter: BaseExporter, stores: Stores, run_id: str, **options: Any) -> Counts:
    """The same; all partitions together, each of which came to its end in order."""
    total = Counts()
    for result in sync_all(exporter, stores, run_id, **options).values():
        assert result.outcome is PartitionOutcome.COMPLETED, result.message
        total.add(result.counts)
    return total


def documents(stores: Stores, entity: str = "issue") -> dict[str, Document]:
    """The stored documents of a kind, by the part of their id that is Jira's."""
    return {
        (document.id or "").split(":", 3)[3]: document
        for document in stores.index.iterate()
        if document.metadata["entity"] == entity
    }


def found(stores: Stores, words: str, person: str) -> set[str]:
    """Titles of issues, and of what belongs to them, that a person finds."""
    principals = stores.ledger.principals_of(f"{person}@acme.example")
    hits = stores.index.search(words, limit=50, where=SearchFilter(principals=principals))
    stored = stores.index.get([hit.document_id for hit in hits])
    return {
        document.metadata["title"]
        for document in stored.values()
        if document.metadata["entity"] in {"issue", "attachment", "comment"}
    }


def project(exporter: BaseExporter, key: str, **selection: Any) -> Partition:
    """The partition of a project."""
    asked = JiraSelection.of({"projects": [key], **selection})
    return next(p for p in exporter.partitions(asked) if p.kind == "project")
