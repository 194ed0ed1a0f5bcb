"""The tokens a sandbox comes with, and what each is for.

They look like Slack's (``xoxb-`` a bot's, ``xoxp-`` a person's) but not so much that a secret
scanner would take them for real ones.
"""

# ruff: noqa: S105  (made up, see above)

from sandbox.slack.directory import FULL_BOT_SCOPES, FULL_USER_SCOPES
from sandbox.slack.workspace import Workspace

SYNC_APP = "Knowledge Sync"
SYNC_HANDLE = "knowledge_sync"

BOT_TOKEN = "xoxb-sandbox-bot"
"""The sync app's bot, with every scope an exporter needs. Sees what its user is a member of."""

USER_TOKEN = "xoxp-sandbox-owner"
"""The workspace's primary owner: every public channel, and the private ones they are in."""

MEMBER_TOKEN = "xoxp-sandbox-member"
"""An ordinary full member."""

GUEST_TOKEN = "xoxp-sandbox-guest"
"""A guest: sees only the channels they are in, public ones too."""

NO_EMAIL_TOKEN = "xoxb-sandbox-no-email"
"""The bot without ``users:read.email``: profiles come without addresses."""

NO_FILES_TOKEN = "xoxb-sandbox-no-files"
"""The bot without ``files:read``: downloads give the login page."""

PUBLIC_ONLY_TOKEN = "xoxb-sandbox-public-only"
"""The bot with the ``channels:*`` scopes only: ``missing_scope`` for everything private."""

REVOKED_TOKEN = "xoxb-sandbox-revoked"
"""``token_revoked``."""

LEAVER_TOKEN = "xoxp-sandbox-leaver"
"""Of somebody who has left: ``account_inactive``."""


def install_sync_app(workspace: Workspace, *, join_public: bool = True) -> None:
    """Install the app an exporter works as, and issue the tokens that need nobody but it.

    Args:
        workspace: Where. An app of this name that is there already, as after an import, is used
            with the memberships it has.
        join_public: Whether a new app's user joins every public channel that is not archived.
    """
    is_new = not any(user.name == SYNC_HANDLE for user in workspace.users.values())
    if is_new:
        workspace.add_app(SYNC_APP)
    bot_user = workspace.user(SYNC_HANDLE).id
    if is_new and join_public:
        for channel in workspace.channels.values():
            if channel.kind == "public" and not channel.is_archived:
                workspace.join(channel.id, bot_user, quiet=True)
    without_email = [scope for scope in FULL_BOT_SCOPES if scope != "users:read.email"]
    without_files = [scope for scope in FULL_BOT_SCOPES if scope != "files:read"]
    public_only = [scope for scope in FULL_BOT_SCOPES if scope.startswith("channels:")]
    workspace.issue_token(BOT_TOKEN, bot_user, kind="bot", scopes=FULL_BOT_SCOPES)
    workspace.issue_token(NO_EMAIL_TOKEN, bot_user, kind="bot", scopes=without_email)
    workspace.issue_token(NO_FILES_TOKEN, bot_user, kind="bot", scopes=without_files)
    workspace.issue_token(PUBLIC_ONLY_TOKEN, bot_user, kind="bot", scopes=public_only)
    workspace.issue_token(REVOKED_TOKEN, bot_user, kind="bot", scopes=FULL_BOT_SCOPES)
    workspace.revoke_token(REVOKED_TOKEN)


def issue_personal_tokens(workspace: Workspace) -> None:
    """Issue the tokens of people, as far as the workspace has such people."""
    people = [user for user in workspace.members() if not user.is_bot and user.id != "USLACKBOT"]
    active = [user for user in people if not user.deleted]
    full = [user for user in active if not user.is_guest]
    wanted = {
        USER_TOKEN: [user for user in full if user.role == "primary_owner"] or full,
        MEMBER_TOKEN: [user for user in full if user.role == "member"],
        GUEST_TOKEN: [user for user in active if user.role == "guest"],
        LEAVER_TOKEN: [user for user in people if user.deleted],
    }
    for value, candidates in wanted.items():
        if candidates:
            workspace.issue_token(value, candidates[0].id, kind="user", scopes=FULL_USER_SCOPES)
            if candidates[0].deleted:
                workspace.tokens[value].state = "account_inactive"
