"""A small workspace whose clock a test turns, its server, and exporters over it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from slack_samples import HandClock, MakeExporter, settings_for

from exporters.extraction.settings import ExtractionSettings
from exporters.slack.exporter import SlackExporter
from sandbox.slack import SlackSandbox, Workspace
from sandbox.slack.directory import FULL_BOT_SCOPES, FULL_USER_SCOPES
from sandbox.slack.tokens import SYNC_HANDLE

_SHARED = Path(__file__).resolve().parents[3].parent / "shared"


@pytest.fixture(scope="session")
def real_export() -> Path:
    """A workspace export as Slack made it."""
    path = _SHARED / "realdata" / "slack" / "workspace-export.testarchive.zip"
    if not path.is_file():
        pytest.skip("needs ../shared/realdata/slack: a real workspace export")
    return path


@pytest.fixture
def clock() -> HandClock:
    """Time as workspace and exporter see it; stands still until a test moves it."""
    return HandClock(datetime(2026, 11, 20, 12, tzinfo=UTC))


@pytest.fixture
def workspace(clock: HandClock) -> Workspace:
    """Ada, Bob, Cleo and a guest; `general`, `random` (public) and `secret` (private)."""
    workspace = Workspace("Acme", "acme", seed=5, clock=clock.seconds)
    workspace.team.email_domain = "acme.example"
    workspace.add_user("ada", "Ada Byron", role="primary_owner")
    workspace.add_user("bob", "Bob Stone")
    workspace.add_user("cleo", "Cleo Vance")
    workspace.add_user("gil", "Gil Guest", role="guest")
    workspace.create_channel("general", creator="ada", members=["bob", "cleo"], is_general=True)
    workspace.create_channel("random", creator="bob", members=["ada"])
    workspace.create_channel("secret", kind="private", creator="ada", members=["bob"])
    return workspace


@pytest.fixture
def slack(workspace: Workspace) -> Iterator[SlackSandbox]:
    """A server of the small workspace, the test's own; the app is in `secret` too."""
    sandbox = SlackSandbox(workspace)
    workspace.join("secret", SYNC_HANDLE, quiet=True)
    with sandbox:
        yield sandbox


@pytest.fixture
def exporter_of(token: str, clock: HandClock) -> Iterator[Callable[..., SlackExporter]]:
    """Makes exporters of a server: the bot's with all scopes, unless told otherwise.

    Each test has a token of its own, so that no limiter or breaker is shared.
    """
    made: list[SlackExporter] = []

    def build(
        slack: SlackSandbox,
        *,
        person: str = "",
        scopes: tuple[str, ...] | None = None,
        attachments: ExtractionSettings | None = None,
        **settings: Any,
    ) -> SlackExporter:
        value = f"{token}-{len(made)}"
        if person:
            granted = FULL_USER_SCOPES if scopes is None else scopes
            slack.workspace.issue_token(value, person, kind="user", scopes=granted)
        else:
            granted = FULL_BOT_SCOPES if scopes is None else scopes
            slack.workspace.issue_token(value, SYNC_HANDLE, kind="bot", scopes=granted)
        exporter = SlackExporter(
            value,
            settings=settings_for(slack, **settings),
            attachments=attachments,
            now=clock.now,
        )
        made.append(exporter)
        return exporter

    yield build
    for exporter in made:
        exporter.close()


@pytest.fixture
def exporter(slack: SlackSandbox, exporter_of: MakeExporter) -> SlackExporter:
    """The bot's exporter of the small workspace."""
    return exporter_of(slack)
