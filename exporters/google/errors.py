"""What Google's own error codes mean, beyond those that `exporters.classify` knows already.

From https://developers.google.com/workspace/gmail/api/guides/handle-errors and the token endpoint's
answers (RFC 6749, 5.2).
"""

from collections.abc import Mapping
from typing import Final

from exporters.classify import ErrorRule
from exporters.errors import AuthenticationError, PermissionDeniedError

_SCOPES_HINT: Final = (
    "In the Admin console under Security > API controls > Domain-wide delegation, give the service "
    "account's client id the scopes that the source's page names. With OAuth, consent again to all "
    "of them."
)
_NOT_ENABLED: Final = ErrorRule(
    error=PermissionDeniedError,
    message="The API behind {request} is not enabled in the Google Cloud project.",
    hint="Enable it in the Cloud console under APIs & Services > Library, and wait a few minutes.",
)
_SCOPE_MISSING: Final = ErrorRule(
    error=PermissionDeniedError,
    message="The Google credential lacks a scope for {request}.",
    hint=_SCOPES_HINT,
)
_NO_SERVICE: Final = ErrorRule(
    error=PermissionDeniedError,
    message="{service} is not in use for this person: {detail}.",
    hint="Give the person a licence and switch the service on, or leave the person out.",
)
_FORBIDDEN_BY_DOMAIN: Final = ErrorRule(
    error=PermissionDeniedError,
    message="The domain's administrators have switched off {request} for this person: {detail}.",
    hint="Allow the app in the Admin console under Security > API controls > App access control.",
)

GOOGLE_CODES: Final[Mapping[str, ErrorRule]] = {
    "insufficientPermissions": _SCOPE_MISSING,
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": _SCOPE_MISSING,
    "accessNotConfigured": _NOT_ENABLED,
    "SERVICE_DISABLED": _NOT_ENABLED,
    "failedPrecondition": _NO_SERVICE,
    "FAILED_PRECONDITION": _NO_SERVICE,
    "domainPolicy": _FORBIDDEN_BY_DOMAIN,
    "authError": ErrorRule(
        error=AuthenticationError,
        message="{service} does not accept the access token for {request}.",
        hint="Check that the credential is not revoked and that this machine's clock is right.",
    ),
}
"""Codes of the APIs: `errors[].reason` and `details[].reason`."""

TOKEN_CODES: Final[Mapping[str, ErrorRule]] = {
    "unauthorized_client": ErrorRule(
        error=AuthenticationError,
        message="Google does not let this service account act for people: {detail}.",
        hint=_SCOPES_HINT,
    ),
    "invalid_grant": ErrorRule(
        error=AuthenticationError,
        message="Google does not accept the credential: {detail}.",
        hint="The key was deleted, the refresh token expired or was revoked, or this machine's "
        "clock is wrong. Make a new one; refresh tokens of an app in testing die after 7 days.",
    ),
    "invalid_client": ErrorRule(
        error=AuthenticationError,
        message="Google does not know the OAuth client of the credential.",
        hint="Use the client id and secret with which the refresh token was made.",
    ),
    "invalid_scope": ErrorRule(
        error=AuthenticationError,
        message="Google does not grant the scopes that are needed: {detail}.",
        hint=_SCOPES_HINT,
    ),
    "access_denied": ErrorRule(
        error=AuthenticationError,
        message="Google does not let this service account act for people: {detail}.",
        hint=_SCOPES_HINT,
    ),
}
"""Codes of the token endpoint: `error`."""
