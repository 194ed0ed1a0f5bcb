"""The credentials a sandbox comes with, and what each is for.

They look like Atlassian's (``ATATT`` an API token, ``ATSTT`` a service account's) but not so much
that a secret scanner would take them for real ones.
"""

# ruff: noqa: S105  (made up, see above)

from sandbox.jira.projects import ADMIN_GROUP, LICENSED_GROUP
from sandbox.jira.site import Site

SYNC_NAME = "knowledge.sync"
SYNC_EMAIL = "knowledge.sync@harbourline.example"
READER_NAME = "knowledge.reader"
READER_EMAIL = "knowledge.reader@harbourline.example"

READ_SCOPES = (
    "read:jira-work",
    "read:jira-user",
    "manage:jira-project",
    "manage:jira-configuration",
)
"""Classic scopes that reading everything needs, permissions included."""

ADMIN_TOKEN = "ATATT-sandbox-admin"
"""The sync user's API token: Basic with ``SYNC_EMAIL``, on the site. Administers Jira."""

SCOPED_TOKEN = "ATSTT-sandbox-scoped"
"""The sync user as a service account: bearer, through the gateway only, all scopes."""

OAUTH_TOKEN = "oauth-sandbox-access"
"""An OAuth 2.0 access token of the sync user, through the gateway."""

NARROW_TOKEN = "ATSTT-sandbox-narrow"
"""The service account with ``read:jira-work`` only: no people, no groups, no level members."""

MEMBER_TOKEN = "ATATT-sandbox-member"
"""An ordinary person: sees what the permission schemes say, administers nothing."""

READER_TOKEN = "ATATT-sandbox-reader"
"""The sync user without administration: reads every open project, and none of their settings."""

EXPIRED_TOKEN = "ATATT-sandbox-expired"
"""The sync user's token of last year: 401."""

PAT = "pat-sandbox-admin"
"""Data Center: a personal access token of the sync user, as a bearer."""

MEMBER_PAT = "pat-sandbox-member"
"""Data Center: the same of an ordinary person."""


def install_sync_users(site: Site) -> None:
    """Give the sync its accounts and credentials, as far as they are not there.

    The sync user administers Jira and therefore every project; the reader is licensed and no more.
    """
    for name, shown, groups in (
        (SYNC_NAME, "Knowledge Sync", (LICENSED_GROUP, ADMIN_GROUP)),
        (READER_NAME, "Knowledge Reader", (LICENSED_GROUP,)),
    ):
        if site.find_person(name) is None:
            email = f"{name}@harbourline.example"
            kind = "app" if site.is_cloud else "atlassian"
            site.add_person(
                name, shown, email=email, account_type=kind, tz="Europe/Berlin", groups=groups
            )
    if site.is_cloud:
        site.issue_token(ADMIN_TOKEN, SYNC_NAME)
        site.issue_token(READER_TOKEN, READER_NAME)
        site.issue_token(SCOPED_TOKEN, SYNC_NAME, kind="scoped", scopes=READ_SCOPES)
        site.issue_token(OAUTH_TOKEN, SYNC_NAME, kind="oauth", scopes=READ_SCOPES)
        site.issue_token(NARROW_TOKEN, SYNC_NAME, kind="scoped", scopes=READ_SCOPES[:1])
        site.issue_token(EXPIRED_TOKEN, SYNC_NAME)
    else:
        site.issue_token(PAT, SYNC_NAME, kind="personal")
        site.issue_token(READER_TOKEN, READER_NAME, kind="personal")
        site.issue_token(EXPIRED_TOKEN, SYNC_NAME, kind="personal")
    site.set_token_state(EXPIRED_TOKEN, "expired")


def issue_member_token(site: Site, person: str) -> None:
    """Let an ordinary person in by ``MEMBER_TOKEN`` or ``MEMBER_PAT``."""
    if site.is_cloud:
        site.issue_token(MEMBER_TOKEN, person)
    else:
        site.issue_token(MEMBER_PAT, person, kind="personal")
