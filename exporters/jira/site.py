"""Finding a Jira and signing in: its edition, the id it is known under, where it answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from exporters.caller import ApiCaller
from exporters.errors import AuthenticationError, InvalidDataError, PermissionDeniedError
from exporters.jira.auth import AccessTokens, Credential, basic, bearer
from exporters.jira.errors import JIRA_CODES
from exporters.jira.settings import JiraSettings

if TYPE_CHECKING:
    from exporters.http import HttpClient

SERVICE: Final = "Jira"

_GATEWAY_PATH: Final = "/ex/jira/"
_BATCH_ATTEMPTS: Final = 2


@dataclass(frozen=True, slots=True)
class Site:
    """A Jira.

    Attributes:
        connection: The id it is known under: of the site in Atlassian's cloud, else its host.
        title: What a person calls it.
        url: Where people open it, without a slash at the end.
        is_cloud: Whether it is Cloud; else Data Center.
    """

    connection: str
    title: str
    url: str
    is_cloud: bool


class JiraWire:
    """HTTP to one Jira with one credential. Safe to use from several threads."""

    def __init__(self, credential: Credential, settings: JiraSettings) -> None:
        self._credential = credential
        self._settings = settings
        self._lock = Lock()
        self._opened: list[HttpClient] = []

    @cached_property
    def _found(self) -> Site:
        settings = self._settings
        base = settings.base_url.rstrip("/")
        _, gateway, behind = base.partition(_GATEWAY_PATH)
        cloud_id = settings.cloud_id or (behind.partition("/")[0] if gateway else None)
        if gateway:
            about = self.http.get("rest/api/3/serverInfo", name="the site").body
            return self._site(about, cloud_id, base, is_cloud=True)
        about = self._server_info()
        is_cloud = settings.edition == "cloud" or (
            settings.edition == "auto" and about.get("deploymentType") == "Cloud"
        )
        if is_cloud and not cloud_id:
            info = self._anonymous.get("_edge/tenant_info", name="the site's id").body
            cloud_id = str((info or {}).get("cloudId") or "")
            if not cloud_id:
                raise InvalidDataError(
                    f"{base} does not tell its cloud id.",
                    hint="Set DATA_GETTERS_JIRA__CLOUD_ID; it is shown at admin.atlassian.com.",
                )
        return self._site(about, cloud_id if is_cloud else None, base, is_cloud=is_cloud)

    def site(self) -> Site:
        """The Jira behind `base_url`.

        Raises:
            ConfigurationError: There is no credential, a half, or two.
            ExportError: It does not answer, or does not say what it is.
        """
        self._credential.check()
        with self._lock:
            return self._found

    def _server_info(self) -> Mapping[str, Any]:
        """What a Jira says of itself to anybody; some show it to who has signed in only."""
        try:
            answer = self._anonymous.get("rest/api/2/serverInfo", name="the site")
        except (AuthenticationError, PermissionDeniedError):
            answer = self._at_base.get("rest/api/2/serverInfo", name="the site")
        if not isinstance(answer.body, Mapping) or "baseUrl" not in answer.body:
            raise InvalidDataError(
                f"What answers at {self._settings.base_url} is no Jira.",
                hint="Set DATA_GETTERS_JIRA__BASE_URL to the address that you see in the browser, "
                "with the context path of a Data Center, if it has one.",
            )
        return answer.body

    @staticmethod
    def _site(about: Mapping[str, Any], cloud_id: str | None, base: str, *, is_cloud: bool) -> Site:
        url = str(about.get("baseUrl") or base).rstrip("/")
        host = urlsplit(url).netloc
        server_id = about.get("serverId")
        connection = cloud_id or (str(server_id) if server_id else host)
        name = host.removesuffix(".atlassian.net")
        title = name if is_cloud else str(about.get("serverTitle") or host)
        return Site(connection.lower().replace(":", "-"), title, url, is_cloud)

    @cached_property
    def http(self) -> "HttpClient":
        """The client for Jira's API."""
        self._credential.check()
        return self._signed_in(self._base())

    @cached_property
    def batch(self) -> "HttpClient":
        """The same for calls with many items, which are halved rather than repeated."""
        few = min(_BATCH_ATTEMPTS, self._settings.max_attempts)
        return self._signed_in(self._base(), max_attempts=few)

    def _base(self) -> str:
        """Where the API answers: a scoped token sent to the site itself is refused with 401."""
        settings = self._settings
        if _GATEWAY_PATH in settings.base_url or self._credential.is_basic:
            return settings.base_url
        site = self.site()
        if site.is_cloud:
            return f"{settings.gateway_url}{_GATEWAY_PATH}{site.connection}"
        return settings.base_url

    @cached_property
    def _at_base(self) -> "HttpClient":
        self._credential.check()
        return self._signed_in(self._settings.base_url)

    @cached_property
    def _anonymous(self) -> "HttpClient":
        """For what a site says to anybody."""
        return self._client(self._settings.base_url, None)

    @cached_property
    def _tokens(self) -> AccessTokens:
        credential = self._credential
        door = self._client(self._settings.auth_url, None)
        body = {
            "grant_type": "client_credentials",
            "client_id": credential.client_id,
            "client_secret": credential.client_secret,
        }

        def ask() -> Mapping[str, object]:
            answer = door.request("POST", "oauth/token", json=body, name="an access token")
            return answer.body if isinstance(answer.body, Mapping) else {}

        return AccessTokens(ask)

    def _signed_in(self, base_url: str, **changes: Any) -> "HttpClient":
        credential = self._credential
        if credential.client_id:
            tokens = self._tokens
            return self._client(base_url, tokens.headers, renew=tokens.renew, **changes)
        token = credential.token or ""
        if credential.email:
            return self._client(base_url, basic(credential.email, token), **changes)
        return self._client(base_url, bearer(token), **changes)

    def _client(
        self, base_url: str, authorization: Any, renew: Any = None, **changes: Any
    ) -> "HttpClient":
        from exporters.http import HttpClient  # noqa: PLC0415 (0.1 s)

        settings = self._settings.model_copy(update={"base_url": base_url, **changes})
        caller = ApiCaller(
            SERVICE, self._credential.secret, settings, codes=JIRA_CODES, renew=renew
        )
        client = HttpClient(caller, authorization=authorization)
        self._opened.append(client)
        return client

    def close(self) -> None:
        """Gives back the connections."""
        for client in self._opened:
            client.close()
