"""A small Workspace whose clock a test turns, its server, and exporters over it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from gmail_samples import ADMIN, HandClock, MakeExporter, credentials, read_plain, settings_for

from exporters.gmail.exporter import GmailExporter
from sandbox.gmail import GmailSandbox, Mailboxes, Organization


@pytest.fixture
def clock() -> HandClock:
    """Time as mailboxes and exporter see it; stands still until a test moves it."""
    return HandClock(datetime(2026, 11, 20, 12, tzinfo=UTC))


@pytest.fixture
def mailboxes(clock: HandClock) -> Mailboxes:
    """Ada, Bob and Cleo of Acme, and the administrator."""
    organization = Organization("acme.example")
    organization.add_user(ADMIN, "Root Admin", is_admin=True)
    for name in ("Ada Byron", "Bob Stone", "Cleo Vance"):
        organization.add_user(f"{name.split()[0].lower()}@acme.example", name)
    return Mailboxes(organization, clock=clock.seconds)


@pytest.fixture
def gmail(mailboxes: Mailboxes) -> Iterator[GmailSandbox]:
    """A server of the small Workspace, the test's own."""
    with GmailSandbox(mailboxes) as sandbox:
        yield sandbox


@pytest.fixture
def exporter_of(clock: HandClock) -> Iterator[Callable[..., GmailExporter]]:
    """Makes exporters of a server: the Workspace's, unless OAuth credentials are given."""
    made: list[GmailExporter] = []

    def build(
        gmail: GmailSandbox, *, oauth_credentials: str | None = None, **settings: Any
    ) -> GmailExporter:
        given = (
            {"oauth_credentials": oauth_credentials} if oauth_credentials else credentials(gmail)
        )
        exporter = GmailExporter(
            **given, settings=settings_for(gmail, **settings), extract=read_plain, now=clock.now
        )
        made.append(exporter)
        return exporter

    yield build
    for exporter in made:
        exporter.close()


@pytest.fixture
def exporter(gmail: GmailSandbox, exporter_of: MakeExporter) -> GmailExporter:
    """The Workspace's exporter."""
    return exporter_of(gmail)
