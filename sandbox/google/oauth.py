"""Google's token endpoint: service accounts that speak for people, and people's own consent.

A service account signs a JWT with its private key and names in ``sub`` whom it speaks for; an
administrator has to have granted its client the scopes for the whole domain
(developers.google.com/identity/protocols/oauth2/service-account). A person's consent is a refresh
token. Both are traded for access tokens that live an hour at most.
"""

import base64
import binascii
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson

from sandbox.google.errors import TokenError
from sandbox.google.organization import Organization

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
GOOGLE_TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105  (an address)
TOKEN_SECONDS = 3600
CLOCK_SKEW_SECONDS = 600

SERVICE_ACCOUNT_EMAIL = "knowledge-sync@harbourline-sync.iam.gserviceaccount.com"
PROJECT_ID = "harbourline-sync"
SERVICE_CLIENT_ID = "104729103572910357291"
OAUTH_CLIENT_ID = "731294618823-sandbox.apps.googleusercontent.com"
OAUTH_CLIENT_SECRET = "GOCSPX-sandbox-client-secret"  # noqa: S105  (invented)
_KEY_ID = secrets.token_hex(20)


@dataclass(frozen=True, slots=True)
class Grant:
    """What an access token stands for.

    Attributes:
        user: Primary address of whom it speaks for; empty for a service account as itself.
        scopes: What it may do.
        delegated: Whether a service account speaks for the user.
        expires: Seconds since the epoch.
    """

    user: str
    scopes: frozenset[str]
    delegated: bool
    expires: float


@dataclass(slots=True)
class Consent:
    """A refresh token's meaning.

    Attributes:
        user: Who consented.
        scopes: To what.
        revoked: Whether it was taken back.
    """

    user: str
    scopes: frozenset[str]
    revoked: bool = False


class OAuthServer:
    """Issues and knows access tokens. Safe to use from any thread.

    Attributes:
        delegated_scopes: Scopes granted to the service account for the whole domain. Empty: no
            domain-wide delegation.
        token_seconds: Lifetime of new access tokens.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        organization: Organization,
        delegated_scopes: Iterable[str],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.delegated_scopes = set(delegated_scopes)
        self.token_seconds = TOKEN_SECONDS
        self.clock = clock
        self._organization = organization
        self._grants: dict[str, Grant] = {}
        self._consents: dict[str, Consent] = {}
        self._lock = threading.Lock()

    def authorized_user_info(
        self, user: str, scopes: Iterable[str], token_uri: str
    ) -> dict[str, str]:
        """A person's consent as a file of kind ``authorized_user``, with a new refresh token.

        Raises:
            LookupError: There is no such user.
        """
        email = self._organization.user(user).email
        refresh_token = f"1//0{secrets.token_urlsafe(48)}"
        with self._lock:
            self._consents[refresh_token] = Consent(email, frozenset(scopes))
        return {
            "type": "authorized_user",
            "client_id": OAUTH_CLIENT_ID,
            "client_secret": OAUTH_CLIENT_SECRET,
            "refresh_token": refresh_token,
            "token_uri": token_uri,
            "universe_domain": "googleapis.com",
        }

    def issue_access_token(
        self, user: str, scopes: Iterable[str], *, delegated: bool = True
    ) -> str:
        """An access token without the way to it, for tests and for people with ``curl``.

        Raises:
            LookupError: There is no such user.
        """
        email = self._organization.user(user).email
        return self._issue(email, frozenset(scopes), delegated=delegated)

    def revoke_consent(self, user: str) -> None:
        """Take a person's consent back: refresh tokens and access tokens stop working."""
        email = self._organization.user(user).email
        with self._lock:
            for consent in self._consents.values():
                if consent.user == email:
                    consent.revoked = True
            self._grants = {
                token: grant
                for token, grant in self._grants.items()
                if grant.user != email or grant.delegated
            }

    def expire_access_tokens(self) -> None:
        """Let every access token be expired from now on: the next call of each gets a 401."""
        with self._lock:
            self._grants.clear()

    def grant_of(self, token: str) -> Grant | None:
        """What an access token stands for, or None for an unknown or expired one."""
        with self._lock:
            grant = self._grants.get(token)
        return None if grant is None or grant.expires <= self.clock() else grant

    def exchange(self, form: Mapping[str, str], token_uri: str) -> dict[str, Any]:
        """Answer a request to the token endpoint.

        Args:
            form: The request's fields.
            token_uri: The endpoint's own address, which an assertion has to name as its audience.

        Raises:
            TokenError: The grant is refused.
        """
        match form.get("grant_type", ""):
            case kind if kind == JWT_BEARER:
                return self._exchange_assertion(form.get("assertion", ""), token_uri)
            case "refresh_token":
                return self._exchange_refresh_token(form)
            case "":
                raise TokenError("invalid_request", "Required parameter is missing: grant_type")
            case kind:
                raise TokenError("unsupported_grant_type", f"Invalid grant_type: {kind}")

    def _exchange_assertion(self, assertion: str, token_uri: str) -> dict[str, Any]:
        claims = self._verified_claims(assertion)
        self._check_times(claims)
        if claims.get("aud") not in (token_uri, GOOGLE_TOKEN_URI):
            raise TokenError("invalid_grant", "Invalid JWT: Failed audience check.")
        scopes = frozenset(str(claims.get("scope", "")).split())
        if not scopes:
            raise TokenError("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        subject = str(claims.get("sub", ""))
        if subject in ("", SERVICE_ACCOUNT_EMAIL):
            return self._answer(self._issue("", scopes, delegated=False))
        if not scopes <= self.delegated_scopes:
            raise TokenError(
                "unauthorized_client",
                "Client is unauthorized to retrieve access tokens using this method, or client "
                "not authorized for any of the scopes requested.",
                401,
            )
        user = self._organization.find(subject)
        if user is None:
            raise TokenError("invalid_grant", "Invalid email or User ID")
        return self._answer(self._issue(user.email, scopes, delegated=True))

    def _verified_claims(self, assertion: str) -> Mapping[str, Any]:
        """The claims of an assertion whose RS256 signature is that of the service account.

        Raises:
            TokenError: It is not.
        """
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  (slow)
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415

        try:
            signed, _, signature = assertion.rpartition(".")
            header, _, body = signed.partition(".")
            read_header = orjson.loads(_decoded(header))
            claims = orjson.loads(_decoded(body))
            raw_signature = _decoded(signature)
        except (binascii.Error, ValueError) as error:
            raise TokenError("invalid_grant", "Invalid JWT: not a signed JWT.") from error
        if not isinstance(claims, dict) or not isinstance(read_header, dict):
            raise TokenError("invalid_grant", "Invalid JWT: not a signed JWT.")
        if claims.get("iss") != SERVICE_ACCOUNT_EMAIL:
            raise TokenError("invalid_grant", "Invalid grant: account not found")
        if read_header.get("alg") != "RS256":
            raise TokenError("invalid_grant", "Invalid JWT: unsupported algorithm.")
        if read_header.get("kid") not in (None, _KEY_ID):
            raise TokenError("invalid_grant", "Invalid JWT Signature.")
        try:
            _private_key().public_key().verify(raw_signature, signed.encode(), PKCS1v15(), SHA256())
        except InvalidSignature as error:
            raise TokenError("invalid_grant", "Invalid JWT Signature.") from error
        return claims

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self.clock()
        issued, expires = claims.get("iat"), claims.get("exp")
        right = (
            isinstance(issued, int | float)
            and isinstance(expires, int | float)
            and issued <= now + CLOCK_SKEW_SECONDS
            and now - CLOCK_SKEW_SECONDS < expires <= issued + TOKEN_SECONDS + CLOCK_SKEW_SECONDS
        )
        if not right:
            raise TokenError(
                "invalid_grant",
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable "
                "timeframe. Check your iat and exp values in the JWT claim.",
            )

    def _exchange_refresh_token(self, form: Mapping[str, str]) -> dict[str, Any]:
        client = form.get("client_id"), form.get("client_secret")
        if client[0] != OAUTH_CLIENT_ID:
            raise TokenError("invalid_client", "The OAuth client was not found.", 401)
        if client[1] != OAUTH_CLIENT_SECRET:
            raise TokenError("invalid_client", "The provided client secret is invalid.", 401)
        with self._lock:
            consent = self._consents.get(form.get("refresh_token", ""))
        if consent is None:
            raise TokenError("invalid_grant", "Bad Request")
        if consent.revoked or self._organization.find(consent.user) is None:
            raise TokenError("invalid_grant", "Token has been expired or revoked.")
        wanted = frozenset(form.get("scope", "").split()) or consent.scopes
        if not wanted <= consent.scopes:
            raise TokenError("invalid_scope", "Some requested scopes were invalid.")
        token = self._issue(consent.user, wanted, delegated=False)
        return {**self._answer(token), "scope": " ".join(sorted(wanted))}

    def _issue(self, user: str, scopes: frozenset[str], *, delegated: bool) -> str:
        token = f"ya29.{'c.' if delegated or not user else 'a0'}{secrets.token_urlsafe(60)}"
        expires = self.clock() + self.token_seconds
        with self._lock:
            self._grants[token] = Grant(user, scopes, delegated, expires)
        return token

    def _answer(self, token: str) -> dict[str, Any]:
        lifetime = max(1, int(self.token_seconds) - 1)
        return {"access_token": token, "expires_in": lifetime, "token_type": "Bearer"}


def service_account_info(token_uri: str) -> dict[str, str]:
    """The key file of the service account, as the Cloud console gives it out.

    The key is made once a process; every sandbox in it knows the account.

    Args:
        token_uri: Where its assertions are to be sent.
    """
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415  (slow)
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    private_key = _private_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {
        "type": "service_account",
        "project_id": PROJECT_ID,
        "private_key_id": _KEY_ID,
        "private_key": private_key.decode(),
        "client_email": SERVICE_ACCOUNT_EMAIL,
        "client_id": SERVICE_CLIENT_ID,
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": token_uri,
        "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
        "client_x509_cert_url": "https://www.googleapis.com/robot/v1/metadata/x509/"
        + SERVICE_ACCOUNT_EMAIL.replace("@", "%40"),
        "universe_domain": "googleapis.com",
    }


@cache
def _private_key() -> "RSAPrivateKey":
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415  (slow)

    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
