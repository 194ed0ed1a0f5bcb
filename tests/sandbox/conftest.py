"""Servers and clients the sandbox tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sandbox_clients import FIXED_NOW, client_of
from slack_sdk import WebClient

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
