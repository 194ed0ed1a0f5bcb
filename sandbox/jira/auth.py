"""Who a request comes from.

On a Cloud site: Basic with address and API token. Through Atlassian's gateway
(``/ex/jira/{cloudId}/...``): the same, or a scoped token or OAuth access token as a bearer. A
scoped token on the site itself is refused, which people run into. On Data Center: a personal access
token as a bearer.
"""

import base64
import binascii
from dataclasses import dataclass

from sandbox.jira.errors import JiraError, gateway_refusal
from sandbox.jira.model import Token
from sandbox.jira.site import Site
from sandbox.jira.viewer import Viewer

UNAUTHENTICATED = "Client must be authenticated to access this resource."
SCOPE_MISSING = "Unauthorized; scope does not match"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the Authorization header says; all empty without one."""

    scheme: str = ""
    user: str = ""
    secret: str = ""


def read_credentials(header: str) -> Credentials:
    """Read an Authorization header; one that cannot be read has a scheme and no secret."""
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return Credentials("bearer", "", rest.strip())
    if scheme.lower() != "basic":
        return Credentials(scheme.lower())
    try:
        user, _, secret = base64.b64decode(rest, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return Credentials("basic")
    return Credentials("basic", user, secret)


def authenticate(
    site: Site, credentials: Credentials, *, gateway: bool
) -> tuple[Viewer, Token | None]:
    """Find out who asks.

    Args:
        site: The site.
        credentials: What was sent.
        gateway: Whether the request came through ``api.atlassian.com``.

    Returns:
        Who asks (nobody, without credentials, on the site) and the token they used.

    Raises:
        JiraError: 401.
    """
    if not credentials.scheme and not gateway:
        return Viewer(site, None), None
    token = site.tokens.get(credentials.secret)
    if token is None or token.state != "active" or not _fits(site, credentials, token, gateway):
        raise refusal(gateway=gateway)
    person = site.people[token.person]
    if not person.active:
        raise refusal(gateway=gateway)
    return Viewer(site, person), token


def _fits(site: Site, credentials: Credentials, token: Token, gateway: bool) -> bool:
    """Whether a token may be used in this way and in this place."""
    if not site.is_cloud:
        return credentials.scheme == "bearer" and token.kind == "personal"
    if credentials.scheme == "basic":
        owner = site.find_person(credentials.user)
        mine = owner is not None and owner.account_id == token.person
        return mine and (token.kind == "api_token" or (gateway and token.kind == "scoped"))
    return gateway and token.kind in ("scoped", "oauth")


def require_scopes(token: Token | None, scopes: tuple[str, ...]) -> None:
    """Refuse a token that lacks a scope; only scoped and OAuth tokens have scopes.

    Raises:
        JiraError: 401, as the gateway answers.
    """
    if token is not None and token.kind in ("scoped", "oauth") and set(scopes) - token.scopes:
        raise gateway_refusal(SCOPE_MISSING)


def refusal(*, gateway: bool) -> JiraError:
    """Nobody, or somebody who may not."""
    if gateway:
        return gateway_refusal("Unauthorized")
    return JiraError(
        401,
        UNAUTHENTICATED,
        body={"message": UNAUTHENTICATED, "status-code": 401},
        headers={
            "WWW-Authenticate": 'OAuth realm="https%3A%2F%2Fharbourline.atlassian.net"',
            "X-Seraph-LoginReason": "AUTHENTICATED_FAILED",
        },
    )
