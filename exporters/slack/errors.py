"""What Slack's error codes mean (https://docs.slack.dev, each method's page lists its own)."""

from collections.abc import Mapping
from typing import Final

from exporters.classify import ErrorRule
from exporters.errors import (
    AuthenticationError,
    CursorExpiredError,
    ExportError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    TransientError,
)

_NEW_TOKEN: Final = "Copy the token again from the app's page under OAuth & Permissions."  # noqa: S105


def _rules(
    error: type[ExportError], hint: str, messages: Mapping[str, str]
) -> dict[str, ErrorRule]:
    return {
        code: ErrorRule(error=error, message=message, hint=hint)
        for code, message in messages.items()
    }


SLACK_CODES: Final[Mapping[str, ErrorRule]] = {
    **_rules(
        AuthenticationError,
        _NEW_TOKEN,
        {
            "invalid_auth": "Slack does not accept the token ({code}).",
            "not_authed": "No token was sent to Slack.",
            "account_inactive": "The account or app behind the Slack token was deactivated.",
            "token_revoked": "The Slack token was revoked.",
            "token_expired": "The Slack token has expired.",
            "team_access_not_granted": "The Slack token was not granted access to this workspace.",
        },
    ),
    "missing_scope": ErrorRule(
        error=PermissionDeniedError,
        message="The Slack token lacks the scope {needed} for {request}.",
        hint="Add it to the app under OAuth & Permissions, and reinstall the app.",
    ),
    "not_in_channel": ErrorRule(
        error=PermissionDeniedError,
        message="The Slack app is not a member of the channel asked for ({request}).",
        hint="Invite it with /invite in the channel.",
    ),
    "channel_not_found": ErrorRule(
        error=PermissionDeniedError,
        message="Slack does not show the channel any more ({request}): it was deleted, or the app "
        "lost access to it.",
        hint="Invite the app again if the channel still exists. What was synced of it stays.",
    ),
    **_rules(
        PermissionDeniedError,
        "Ask an administrator of the workspace to allow it.",
        {
            "access_denied": "Slack denies access to {request}.",
            "no_permission": "The Slack token has no permission for {request}.",
            "not_allowed_token_type": "This kind of Slack token may not call {request}.",
            "org_login_required": "The workspace is being moved to another organisation.",
            "restricted_action": "The workspace's settings forbid {request}.",
            "ekm_access_denied": "The administrators have suspended access to this data.",
        },
    ),
    **_rules(
        NotFoundError,
        "",
        {
            "thread_not_found": "Slack has no such thread ({request}).",
            "message_not_found": "Slack has no such message ({request}).",
            "user_not_found": "Slack has no such person ({request}).",
            "user_not_visible": "Slack does not show this person ({request}).",
            "users_not_found": "Slack has no such person ({request}).",
            "bot_not_found": "Slack has no such bot ({request}).",
            "file_not_found": "Slack has no such file ({request}).",
            "file_deleted": "The file was deleted ({request}).",
        },
    ),
    "invalid_cursor": ErrorRule(
        error=CursorExpiredError,
        message="Slack no longer knows the page that was asked for ({request}).",
        hint="The listing begins again with the next run.",
    ),
    "ratelimited": ErrorRule(
        error=RateLimitError,
        message="Slack limits the rate of {request}{wait}.",
        hint="It is asked again after a wait; if it lasts, lower the setting `rate_limits`.",
    ),
    **_rules(
        TransientError,
        "It is asked again; if it lasts, look at https://slack-status.com.",
        {
            "internal_error": "Slack failed inside ({request}, {code}).",
            "fatal_error": "Slack failed inside ({request}, {code}).",
            "service_unavailable": "Slack is not available at the moment ({request}).",
            "request_timeout": "Slack did not receive the request whole ({request}).",
            "team_added_to_org": "The workspace is being moved to an organisation.",
        },
    ),
}
"""Codes of `ok: false` answers."""
