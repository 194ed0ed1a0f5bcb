"""Google credentials: a service account that acts for people, or one person's OAuth consent.

google-auth signs and asks for the tokens; its requests go through `exporters.http`, so they are
classified, counted and redacted like all others.
"""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from documents.errors import ConfigurationError
from exporters.caller import ApiCaller
from exporters.errors import AuthenticationError, PermissionDeniedError
from exporters.google.errors import TOKEN_CODES
from exporters.http import HttpClient
from exporters.redaction import redactor
from exporters.settings import SourceSettings

_TOKEN_ADDRESS: Final = "https://oauth2.googleapis.com/token"  # noqa: S105 (an address)
_SERVICE: Final = "Google's token endpoint"

_SERVICE_ACCOUNT_FIELDS: Final = ("client_email", "private_key")
_OAUTH_FIELDS: Final = ("client_id", "client_secret", "refresh_token")


@dataclass(frozen=True, slots=True)
class GoogleCredential:
    """A parsed credential. Its representation shows no secret.

    Attributes:
        info: The fields of the key file or of the consent.
        admin_subject: With a service account, the administrator in whose name the directory is
            read; None for the OAuth consent of one person.
    """

    info: Mapping[str, Any]
    admin_subject: str | None

    @classmethod
    def of(
        cls,
        *,
        service_account: str | None,
        admin_subject: str | None,
        oauth_credentials: str | None,
    ) -> "GoogleCredential | None":
        """The credential that was given; None where there is none at all.

        Args:
            service_account: The key file of a service account: its JSON text, or its path.
            admin_subject: Address of an administrator, beside a service account.
            oauth_credentials: `authorized_user` JSON with client id, client secret and refresh
                token, or the path of a file with it.

        Raises:
            ConfigurationError: Something is missing or makes no sense.
        """
        if service_account:
            info = _fields(service_account, "service account key", _SERVICE_ACCOUNT_FIELDS)
            redactor.register(info["private_key"], info.get("private_key_id"))
            if not admin_subject:
                raise ConfigurationError(
                    "With a service account, admin_subject is needed.",
                    hint="Give the address of an administrator who may read the directory: set "
                    "GOOGLE_ADMIN_SUBJECT, or the field of the saved credentials block.",
                )
            return cls(info, admin_subject.strip().lower())
        if oauth_credentials:
            info = _fields(oauth_credentials, "OAuth credentials", _OAUTH_FIELDS)
            redactor.register(info["refresh_token"], info["client_secret"])
            return cls(info, None)
        return None

    @property
    def secret(self) -> str:
        """What stands for the credential where limits are shared by it."""
        return str(self.info.get("private_key") or self.info.get("refresh_token"))

    def __repr__(self) -> str:
        name = self.info.get("client_email") or self.info.get("client_id")
        return f"GoogleCredential({name!r})"

    def signed_in(self, subject: str | None, scopes: Sequence[str]) -> Any:
        """google-auth's credentials, without a token yet.

        Args:
            subject: In whose name a service account acts.
            scopes: What a service account asks for; an OAuth consent has its own.

        Raises:
            ConfigurationError: The private key cannot be read.
        """
        address = self.info.get("token_uri") or _TOKEN_ADDRESS
        if self.admin_subject is None:
            from google.oauth2.credentials import Credentials  # noqa: PLC0415 (0.1 s)

            return Credentials(  # type: ignore[no-untyped-call]
                None,
                refresh_token=self.info["refresh_token"],
                token_uri=address,
                client_id=self.info["client_id"],
                client_secret=self.info["client_secret"],
            )
        from google.oauth2 import service_account  # noqa: PLC0415 (0.1 s)

        try:
            return service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
                {**self.info, "token_uri": address}, scopes=list(scopes), subject=subject
            )
        except ValueError:
            # Its words may quote the key.
            raise ConfigurationError(
                "The private key of the service account cannot be read.",
                hint="Use the key file as the Cloud console gave it, unchanged.",
            ) from None


def token_client(credential: GoogleCredential, settings: SourceSettings) -> HttpClient:
    """The way to the token endpoint, one for all access tokens of a credential.

    Args:
        credential: The credential.
        settings: Time limits.
    """
    # The call that needs the token repeats itself when this one fails in passing.
    own = settings.model_copy(update={"rate_limits": {}, "max_attempts": 1})
    return HttpClient(ApiCaller(_SERVICE, credential.secret, own, codes=TOKEN_CODES))


class AccessToken:
    """The access token of one person: asked for when it is needed, and anew when it expired.

    Safe to share between threads.

    Args:
        credential: The credential.
        http: See `token_client`.
        scopes: What is asked for.
        subject: In whose name a service account acts.
    """

    def __init__(
        self,
        credential: GoogleCredential,
        http: HttpClient,
        scopes: Sequence[str],
        subject: str | None,
    ) -> None:
        self._signed_in = credential.signed_in(subject, scopes)
        self._client_id = str(credential.info.get("client_id") or "")
        self._subject = subject
        self._http = http
        self._lock = threading.Lock()
        self._refused: Exception | None = None

    def headers(self) -> Mapping[str, str]:
        """The header that carries a token that is valid now.

        Raises:
            AuthenticationError: Google does not accept the credential.
            PermissionDeniedError: The person's account does not exist or is suspended.
            TransientError: The token endpoint failed.
        """
        with self._lock:
            if not self._signed_in.valid:
                self._refresh()
            return {"Authorization": f"Bearer {self._signed_in.token}"}

    def renew(self) -> bool:
        """Gets another token after one was refused; False where Google gives none.

        Raises:
            PermissionDeniedError: As for `headers`.
            TransientError: As for `headers`.
        """
        with self._lock:
            if self._refused is None:
                try:
                    self._refresh()
                except AuthenticationError:
                    return False
            return self._refused is None

    def _refresh(self) -> None:
        from google.auth.exceptions import RefreshError  # noqa: PLC0415

        if self._refused is not None:
            raise self._refused
        try:
            self._signed_in.refresh(_Transport(self._http))
        except (AuthenticationError, PermissionDeniedError) as error:
            self._refused = self._told(error)
            raise self._refused from None
        except RefreshError:
            self._refused = AuthenticationError(
                f"{_SERVICE} gave no access token.", hint="Make the credential anew."
            )
            raise self._refused from None
        redactor.register_passing(self._signed_in.token)

    def _told(
        self, error: AuthenticationError | PermissionDeniedError
    ) -> AuthenticationError | PermissionDeniedError:
        """A refusal that concerns one person, or names the client to change, says so."""
        if self._subject is None:
            return error
        if error.code == "invalid_grant" and "user id" in str(error).lower():
            return PermissionDeniedError(
                f"Google lets nobody act for {self._subject}: the account does not exist or is "
                "suspended.",
                hint="Restore the account, or leave it out.",
                code=error.code,
            )
        if error.code in {"unauthorized_client", "access_denied"} and self._client_id:
            return type(error)(
                str(error),
                hint=f"{error.hint} The client id is {self._client_id}.",
                code=error.code,
            )
        return error


class _Transport:
    """google-auth's `transport.Request` over our HTTP layer."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **options: object,
    ) -> "_Response":
        del timeout, options  # the settings' limits apply
        answer = self._http.request(
            method, url, content=body, headers=headers, name="an access token"
        )
        return _Response(answer.status, answer.headers, json.dumps(answer.body).encode())


@dataclass(frozen=True, slots=True)
class _Response:
    """google-auth's `transport.Response`."""

    status: int
    headers: Mapping[str, str]
    data: bytes


def _fields(given: str, what: str, needed: Sequence[str]) -> dict[str, Any]:
    """A credential's fields, out of JSON text or out of a file.

    Raises:
        ConfigurationError: The file cannot be read, or it is another kind of file.
    """
    text = given.strip()
    if not text.startswith("{"):
        try:
            text = Path(text).expanduser().read_text("utf-8")
        except (OSError, ValueError):
            raise ConfigurationError(
                f"The {what} is neither JSON nor a file that can be read.",
                hint="Give the whole JSON text, or the path of the file with it.",
            ) from None
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise ConfigurationError(
            f"The {what} is not valid JSON.", hint="Copy the file whole, from { to }."
        )
    missing = [name for name in needed if not isinstance(fields.get(name), str)]
    if missing:
        kind = fields.get("type")
        is_known = isinstance(kind, str) and kind in {"service_account", "authorized_user"}
        raise ConfigurationError(
            f"The {what} has no {' and no '.join(missing)}"
            + (f"; it is of the type {kind}." if is_known else "."),
            hint="docs/sources/gmail.md says how to make it.",
        )
    return fields
