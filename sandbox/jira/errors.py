"""How Jira refuses a request."""

from collections.abc import Mapping
from typing import Any


class JiraError(Exception):
    """An answer that is no success.

    Attributes:
        status: HTTP status.
        body: JSON body: Jira's ``errorMessages`` and ``errors``, or the gateway's own form.
        headers: Headers that only this answer carries.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"errorMessages": [message], "errors": {}} if body is None else dict(body)
        self.headers = dict(headers or {})


def gateway_refusal(message: str) -> JiraError:
    """What ``api.atlassian.com`` answers before Jira sees the request."""
    return JiraError(401, message, body={"code": 401, "message": message})


def no_such_issue() -> JiraError:
    """The same words for an issue that is not there and for one that may not be seen."""
    return JiraError(404, "Issue does not exist or you do not have permission to see it.")


def no_such_project(key_or_id: str) -> JiraError:
    """The same words for a project that is not there and for one that may not be seen."""
    kind = "id" if key_or_id.isdigit() else "key"
    return JiraError(404, f"No project could be found with {kind} '{key_or_id}'.")


def bad_request(message: str) -> JiraError:
    """A request that makes no sense."""
    return JiraError(400, message)
