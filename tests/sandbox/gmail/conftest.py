"""Mailboxes and callers the Gmail tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from gmail_clients import ADA, BOB, CLEO, Caller, caller
from sandbox_clients import FIXED_NOW

from sandbox.gmail import (
    GmailSandbox,
    Mailboxes,
    MailStaff,
    Organization,
    generate_mailboxes,
    harbourline_staff,
)

SHARED = Path(__file__).resolve().parents[3].parent / "shared"


def shared_data(*parts: str, what: str) -> Path:
    """A file or folder of the data that is kept beside the project; skips where it is missing."""
    # Beside this checkout, or beside the folder of checkouts it is in.
    for root in (SHARED, SHARED.parents[1] / "shared"):
        if (path := root.joinpath(*parts)).exists():
            return path
    pytest.skip(f"needs ../shared/{'/'.join(parts)}: {what}")


@pytest.fixture(scope="session")
def google_specs() -> Path:
    """Google's discovery documents and recordings."""
    return shared_data("specs", "google", what="the vendor's documents and recordings")


@pytest.fixture(scope="session")
def real_mbox() -> Path:
    """A thousand mails of a public mailing list."""
    what = "an archive of a public mailing list"
    return shared_data("realdata", "mail", "linux-mips-2019.mbox.gz", what=what)


@pytest.fixture(scope="session")
def staff() -> MailStaff:
    """The people of Harbourline."""
    return harbourline_staff(seed=7)


@pytest.fixture(scope="session")
def harbourline(staff: MailStaff) -> Iterator[GmailSandbox]:
    """Harbourline's mail. Shared by all tests: read only."""
    mailboxes = generate_mailboxes(staff, messages=1500, seed=7, now=FIXED_NOW)
    with GmailSandbox(mailboxes) as sandbox:
        yield sandbox


@pytest.fixture
def mailboxes() -> Mailboxes:
    """Three people: Ada administrates, Bob has an alias, Cleo is just there."""
    organization = Organization("acme.example")
    organization.add_user(ADA, "Ada Byron", is_admin=True)
    organization.add_user(BOB, "Bob Stone", aliases=["robert@acme.example"])
    organization.add_user(CLEO, "Cleo Nye")
    return Mailboxes(organization, seed=3)


@pytest.fixture
def gmail(mailboxes: Mailboxes) -> Iterator[GmailSandbox]:
    """A server of the small Workspace, the test's own."""
    with GmailSandbox(mailboxes) as sandbox:
        yield sandbox


@pytest.fixture
def ada(gmail: GmailSandbox) -> Caller:
    """Ada, through a service account with domain-wide delegation."""
    return caller(gmail, ADA)


@pytest.fixture
def bob(gmail: GmailSandbox) -> Caller:
    """Bob, the same way."""
    return caller(gmail, BOB)
