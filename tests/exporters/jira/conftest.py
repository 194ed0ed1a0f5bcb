"""A small site whose clock a test turns, its server, and exporters over it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jira_samples import HandClock, MakeExporter, settings_for, small_site, stores_in

from exporters.jira.exporter import JiraExporter
from sandbox.jira.server import JiraSandbox
from sandbox.jira.site import Site
from sandbox.jira.tokens import READ_SCOPES, SYNC_NAME
from tasks.stores import Stores

_SHARED = Path(__file__).resolve().parents[3].parent / "shared"


@pytest.fixture(scope="session")
def recorded() -> Path:
    """Answers that real Jiras gave."""
    for place in (_SHARED, _SHARED.parents[1] / "shared"):
        if (path := place / "specs" / "jira").is_dir():
            return path
    pytest.skip("needs ../shared/specs/jira: recorded answers of real Jiras")


@pytest.fixture
def clock() -> HandClock:
    """Time as site and exporter see it; stands still until a test moves it."""
    return HandClock()


@pytest.fixture
def site(clock: HandClock) -> Site:
    """Ada, Bob and Cleo, and the project TEA."""
    return small_site(clock)


@pytest.fixture
def jira(site: Site) -> Iterator[JiraSandbox]:
    """A Cloud of the small site, the test's own."""
    with JiraSandbox(site) as sandbox:
        yield sandbox


@pytest.fixture
def data_center(clock: HandClock) -> Iterator[JiraSandbox]:
    """A Data Center of a small site."""
    with JiraSandbox(small_site(clock, flavour="datacenter")) as sandbox:
        yield sandbox


@pytest.fixture
def exporter_of(token: str, clock: HandClock) -> Iterator[Callable[..., JiraExporter]]:
    """Makes exporters of a server: of the account that administers it, unless told otherwise.

    Each test has a token of its own, so that no limiter or breaker is shared.
    """
    made: list[JiraExporter] = []

    def build(
        jira: JiraSandbox, *, person: str = SYNC_NAME, kind: str = "", **settings: Any
    ) -> JiraExporter:
        value = f"{token}-{len(made)}"
        cloud = jira.site.is_cloud
        kind = kind or ("api_token" if cloud else "personal")
        jira.site.issue_token(value, person, kind=kind, scopes=READ_SCOPES)  # type: ignore[arg-type]
        email = jira.site.person(person).email if kind == "api_token" else None
        exporter = JiraExporter(
            value, settings=settings_for(jira, **{"email": email, **settings}), now=clock.now
        )
        made.append(exporter)
        return exporter

    yield build
    for exporter in made:
        exporter.close()


@pytest.fixture
def exporter(jira: JiraSandbox, exporter_of: MakeExporter) -> JiraExporter:
    """The exporter of the small site."""
    return exporter_of(jira)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    """Empty stores, without embeddings."""
    with stores_in(tmp_path) as opened:
        yield opened
