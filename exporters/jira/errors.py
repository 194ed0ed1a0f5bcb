"""What Jira's refusals mean. It gives no codes, so they are told by their status."""

from collections.abc import Mapping
from typing import Final

from exporters.classify import ErrorRule
from exporters.errors import (
    AuthenticationError,
    CursorExpiredError,
    NotFoundError,
    PermissionDeniedError,
)

JIRA_CODES: Final[Mapping[str, ErrorRule]] = {
    "HTTP 401": ErrorRule(
        error=AuthenticationError,
        message="Jira does not accept the token for {request}{why}.",
        hint="API tokens expire after a year at most: make a new one. A person's API token needs "
        "the setting `email`, a service account's must have it empty.",
    ),
    "HTTP 403": ErrorRule(
        error=PermissionDeniedError,
        message="Jira does not allow {request}{why}.",
        hint="Grant the account the right or the token the scope: docs/sources/jira.md has a list.",
    ),
    "HTTP 404": ErrorRule(
        error=NotFoundError,
        message="Jira does not know what {request} asks for, or not for this account.",
    ),
    "HTTP 410": ErrorRule(
        error=NotFoundError,
        message="This Jira no longer has {request}.",
        hint="Check the setting `edition`: Cloud and Data Center are asked differently.",
    ),
}
"""By status. Rate limits (429, with `RateLimit-Reason`) are known to `exporters.classify`."""

SCOPE_LACKING: Final = "scope does not match"
"""What Atlassian's gateway says, with status 401, to a good token without the scope for a call."""

PAGE_LOST: Final[Mapping[str, ErrorRule]] = {
    "HTTP 400": ErrorRule(
        error=CursorExpiredError,
        message="Jira no longer knows the page that {request} asks for.",
        hint="The listing begins again with the next run.",
    )
}
"""For a call that goes on with a page token, which lives seven days."""
