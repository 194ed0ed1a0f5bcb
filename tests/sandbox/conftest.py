"""Servers and clients the sandbox tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from jira_clients import NOW, shared_folder
from sandbox_clients import FIXED_NOW, client_of
from slack_sdk import WebClient

from sandbox.jira import Clock, JiraSandbox, Site, generate_site
from sandbox.slack import SlackSandbox, Workspace, generate_company

SHARED = Path(__file__).resolve().parents[2].parent / "shared"


@pytest.fixture(scope="session")
def specs() -> Path:
    """Slack's specification and recordings, which are kept beside the project, not in it."""
    path = SHARED / "specs" / "slack"
    if not path.is_dir():
        pytest.skip("needs ../shared/specs/slack: the vendor's specification and recordings")
    return path


@pytest.fixture(scope="session")
def real_export() -> Path:
    """A workspace export as Slack made it."""
    path = SHARED / "realdata" / "slack" / "workspace-export.testarchive.zip"
    if not path.is_file():
        pytest.skip("needs ../shared/realdata/slack: a real workspace export")
    return path


@pytest.fixture(scope="session")
def company() -> Iterator[SlackSandbox]:
    """Harbourline with 2,000 messages. Shared by all tests: read only."""
    with SlackSandbox(generate_company(messages=2000, seed=7, now=FIXED_NOW)) as sandbox:
        yield sandbox


@pytest.fixture
def workspace() -> Workspace:
    """Three people and two channels: ``general`` (public) and ``secret`` (private)."""
    workspace = Workspace("Acme", "acme", seed=3)
    workspace.team.email_domain = "acme.example"
    workspace.add_user("ada", "Ada Byron", role="primary_owner")
    workspace.add_user("bob", "Bob Stone")
    workspace.add_user("gil", "Gil Guest", role="guest")
    workspace.create_channel("general", creator="ada", members=["bob"], is_general=True)
    workspace.create_channel("secret", kind="private", creator="ada")
    return workspace


@pytest.fixture
def slack(workspace: Workspace) -> Iterator[SlackSandbox]:
    """A server of the small workspace, the test's own."""
    with SlackSandbox(workspace) as sandbox:
        yield sandbox


@pytest.fixture
def client(slack: SlackSandbox) -> WebClient:
    """A client of the small workspace with the sync app's bot token."""
    return client_of(slack)


@pytest.fixture(scope="session")
def jira_specs() -> Path:
    """Jira's specifications and recordings."""
    path = shared_folder() / "specs" / "jira"
    if not path.is_dir():
        pytest.skip("needs ../shared/specs/jira: the vendor's specifications and recordings")
    return path


@pytest.fixture(scope="session")
def harbourline() -> Iterator[JiraSandbox]:
    """The company's Jira Cloud with 200 issues. Shared by all tests: read only."""
    with JiraSandbox(generate_site(issues=200, seed=7, now=NOW)) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def datacenter() -> Iterator[JiraSandbox]:
    """The same company's Data Center. Shared by all tests: read only."""
    site = generate_site(issues=200, seed=7, now=NOW, flavour="datacenter")
    with JiraSandbox(site) as sandbox:
        yield sandbox


@pytest.fixture
def site() -> Site:
    """Ada leads the project TEA, which everybody with a licence browses; Bob has one, Eve not."""
    site = Site("Acme", clock=Clock(NOW))
    site.add_person("ada", "Ada Byron", groups=["jira-users", "kitchen"], tz="Europe/Helsinki")
    site.add_person("bob", "Bob Stone", groups=["jira-users"], tz="America/New_York")
    site.add_person("eve", "Eve Outside")
    site.add_project("TEA", "Tea kitchen", lead="ada")
    return site


@pytest.fixture
def jira(site: Site) -> Iterator[JiraSandbox]:
    """A server of the small site, the test's own."""
    with JiraSandbox(site) as sandbox:
        yield sandbox
