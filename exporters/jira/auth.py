"""Whose word a Jira takes: the ways of signing in, and which of them is meant."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock

from documents.errors import ConfigurationError
from exporters.errors import AuthenticationError


@dataclass(frozen=True, slots=True)
class Credential:
    """What was given to sign in with: a token, or an OAuth client.

    Attributes:
        email: Of the account that the token belongs to: then it is sent as Basic.
        token: An API token, a scoped token, an OAuth access token or a personal access token.
        client_id: Of an OAuth client, instead of a token.
        client_secret: Belongs to it.
    """

    email: str | None = None
    token: str | None = field(default=None, repr=False)
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)

    @property
    def secret(self) -> str:
        """What must not show anywhere."""
        return self.token or self.client_secret or ""

    @property
    def is_basic(self) -> bool:
        """Whether it is sent as a name and password, to the site itself."""
        return bool(self.token and self.email)

    def check(self) -> None:
        """Refuses none, a half, and two.

        Raises:
            ConfigurationError: With what to set.
        """
        if self.token and (self.client_id or self.client_secret):
            raise ConfigurationError(
                "There are two credentials for Jira, a token and an OAuth client.",
                hint="Unset JIRA_TOKEN, or JIRA_CLIENT_ID and JIRA_CLIENT_SECRET.",
            )
        if self.token or (self.client_id and self.client_secret):
            return
        if self.client_id or self.client_secret:
            given, lacking = ("id", "secret") if self.client_id else ("secret", "id")
            raise ConfigurationError(
                f"There is a client {given} for Jira and no client {lacking}.",
                hint=f"Set JIRA_CLIENT_{lacking.upper()} too, or add it to the credentials block.",
            )
        raise ConfigurationError(
            "There is no credential for Jira.",
            hint="Set JIRA_TOKEN (and DATA_GETTERS_JIRA__EMAIL for a person's API token), or "
            "JIRA_CLIENT_ID and JIRA_CLIENT_SECRET, or name a saved credentials block.",
        )


class AccessTokens:
    """Access tokens of an OAuth client, each got when the one before was refused.

    Args:
        ask: Gets one; gives the answer of the token endpoint.
    """

    def __init__(self, ask: Callable[[], Mapping[str, object]]) -> None:
        self._ask = ask
        self._token = ""
        self._lock = Lock()

    def headers(self) -> Mapping[str, str]:
        """The header that carries the token now.

        Raises:
            ExportError: There was none yet, and none was given.
        """
        with self._lock:
            if not self._token:
                self._token = self._new()
            return {"Authorization": f"Bearer {self._token}"}

    def renew(self) -> bool:
        """Gets a new one; whether there is one."""
        token = self._new()
        with self._lock:
            self._token = token
        return True

    def _new(self) -> str:
        token = self._ask().get("access_token")
        if not isinstance(token, str) or not token:
            raise AuthenticationError(
                "Atlassian gave no access token for the OAuth client.",
                hint="Check client id and secret; they are of a service account's OAuth 2.0 "
                "credential.",
            )
        return token


def basic(email: str, token: str) -> Mapping[str, str]:
    """The header of name and password (RFC 7617)."""
    packed = base64.b64encode(f"{email}:{token}".encode()).decode("ascii")
    return {"Authorization": f"Basic {packed}"}


def bearer(token: str) -> Mapping[str, str]:
    """The header of a token (RFC 6750)."""
    return {"Authorization": f"Bearer {token}"}
