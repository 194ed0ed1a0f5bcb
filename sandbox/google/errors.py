"""Google's error form: an HTTP status and a JSON object that says it twice.

The outer object (``code``, ``message``, ``status``) is that of google.rpc.Status
(cloud.google.com/apis/design/errors); the list ``errors`` with ``domain`` and ``reason`` is the
older form, which Gmail's and the Admin SDK's guides still tell clients to read.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


class GoogleError(Exception):
    """An answer that is a refusal.

    Attributes:
        code: HTTP status.
        message: For a person.
        reason: For a program (``notFound``, ``userRateLimitExceeded``).
        domain: ``global`` or ``usageLimits``.
        status: Name of the code; None where the service sends none (the Admin SDK).
        location: What was wrong, as ``(type, name)``.
        details: Objects of google.rpc (``ErrorInfo``, ``BadRequest``).
        headers: Further headers of the answer.
    """

    def __init__(
        self,
        code: int,
        message: str,
        reason: str,
        *,
        domain: str = "global",
        status: str | None = "",
        location: tuple[str, str] | None = None,
        details: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason
        self.domain = domain
        self.status = STATUS_NAMES.get(code, "UNKNOWN") if status == "" else status
        self.location = location
        self.details = details
        self.headers = dict(headers or {})

    def payload(self) -> dict[str, Any]:
        """The JSON object of the answer."""
        item: dict[str, Any] = {"message": self.message, "domain": self.domain}
        item["reason"] = self.reason
        if self.location is not None:
            item["locationType"], item["location"] = self.location
        error: dict[str, Any] = {"code": self.code, "message": self.message, "errors": [item]}
        if self.status is not None:
            error["status"] = self.status
        if self.details:
            error["details"] = [dict(detail) for detail in self.details]
        return {"error": error}

    def body(self) -> bytes:
        """The answer's body, written over several lines as Google's are."""
        return orjson.dumps(self.payload(), option=orjson.OPT_INDENT_2) + b"\n"


class TokenError(Exception):
    """A refusal of the token endpoint (RFC 6749, section 5.2).

    Attributes:
        error: ``invalid_grant``, ``unauthorized_client`` ...
        description: For a person.
        code: HTTP status.
    """

    def __init__(self, error: str, description: str, code: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.code = code

    def body(self) -> bytes:
        """The answer's body."""
        return orjson.dumps({"error": self.error, "error_description": self.description})


def not_found(message: str = "Requested entity was not found.") -> GoogleError:
    """There is no such thing, or it is not yours."""
    return GoogleError(404, message, "notFound")


def invalid_argument(message: str, reason: str = "invalidArgument") -> GoogleError:
    """The request makes no sense."""
    return GoogleError(400, message, reason)


def forbidden(message: str, reason: str = "forbidden") -> GoogleError:
    """Understood, and refused."""
    return GoogleError(403, message, reason)


def unauthenticated() -> GoogleError:
    """The access token is missing, unknown, expired or revoked."""
    return GoogleError(
        401,
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login "
        "cookie or other valid authentication credential. See "
        "https://developers.google.com/identity/sign-in/web/devconsole-project.",
        "authError",
        location=("header", "Authorization"),
        headers={"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/"'},
    )


def insufficient_scope(service: str) -> GoogleError:
    """The token was not given a scope that the method needs."""
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        "domain": "googleapis.com",
        "metadata": {"service": service},
    }
    return GoogleError(
        403,
        "Request had insufficient authentication scopes.",
        "insufficientPermissions",
        details=[info],
    )
