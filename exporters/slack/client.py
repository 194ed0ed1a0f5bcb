"""The wire to Slack's Web API: authentication, paging, limits. The only user of slack_sdk."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from http.client import IncompleteRead
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit
from urllib.request import (
    BaseHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
)

from documents.errors import ConfigurationError
from exporters.caller import ApiCaller
from exporters.classify import RequestInfo, answer_too_large
from exporters.errors import CursorExpiredError, InvalidDataError, TransientError
from exporters.paging import PageTokens
from exporters.slack.errors import SLACK_CODES
from exporters.slack.settings import Kind, SlackSettings

if TYPE_CHECKING:
    from slack_sdk import WebClient
    from slack_sdk.web import SlackResponse

    from exporters.http import HttpClient

_log = logging.getLogger(__name__)

_SERVICE: Final = "Slack"

KIND_SCOPES: Final[Mapping[Kind, tuple[str, str]]] = {
    "public": ("channels:read", "channels:history"),
    "private": ("groups:read", "groups:history"),
    "group_dm": ("mpim:read", "mpim:history"),
    "dm": ("im:read", "im:history"),
}
"""What a token needs to list and to read each kind of conversation."""

_KIND_TYPES: Final[Mapping[Kind, str]] = {
    "public": "public_channel",
    "private": "private_channel",
    "group_dm": "mpim",
    "dm": "im",
}

_LIMITED_OBJECTS: Final = 15
_LIMITED_RETRY_SECONDS: Final = 20
"""Since May 2025 apps that are distributed outside the Marketplace get 15 objects and one request a
minute of history and replies; others that meet a limit are asked to wait for a few seconds."""

_PIECE_BYTES: Final = 64 * 1024
_FILE_HOSTS: Final = ("files.slack.com", "slack-files.com")


class MessagePage(NamedTuple):
    """A page of messages.

    Attributes:
        messages: As Slack gave them; may be few or none although more follow.
        hides_older: Slack says that there are older messages which it shows to nobody, because the
            workspace is on the free plan.
    """

    messages: list[dict[str, Any]]
    hides_older: bool


class SlackClient:
    """Calls Slack with one token. Safe to use from several threads.

    Attributes:
        limited_mode: Whether Slack was found to give this app 15 messages a minute only.
        gives_full_pages: Whether it was found not to.
    """

    def __init__(self, token: str | None, settings: SlackSettings) -> None:
        self._token = token
        self._settings = settings
        self._lock = Lock()
        self._suspects_limit = False
        self.limited_mode = False
        self.gives_full_pages = False

    @cached_property
    def _caller(self) -> ApiCaller:
        if not self._token:
            raise ConfigurationError(
                "There is no Slack token.",
                hint="Set SLACK_BOT_TOKEN, or name a saved Slack credentials block.",
            )
        return ApiCaller(_SERVICE, self._token, self._settings, codes=SLACK_CODES)

    @cached_property
    def _web(self) -> "WebClient":
        base = self._settings.base_url
        return _bounded_web_client(self._settings)(
            token=self._token,
            base_url=base if base.endswith("/") else f"{base}/",
            timeout=int(max(1, self._settings.read_timeout)),
            retry_handlers=[],
        )

    @cached_property
    def _files(self) -> "HttpClient":
        from exporters.http import HttpClient  # noqa: PLC0415 (only where a file is read)

        return HttpClient(
            self._caller,
            authorization={"Authorization": f"Bearer {self._token}"},
            credential_hosts=_FILE_HOSTS,
        )

    @cached_property
    def _identity(self) -> dict[str, Any]:
        response = self._response("auth.test")
        headers = {str(k).lower(): str(v) for k, v in response.headers.items()}
        scopes = headers.get("x-oauth-scopes")
        data = _data(response)
        return {
            "team_id": data["team_id"],
            "team": data.get("team") or "",
            "url": (data.get("url") or "").rstrip("/") or None,
            "user": data.get("user") or "",
            "is_bot": bool(data.get("bot_id")),
            "scopes": frozenset(s.strip() for s in scopes.split(",")) if scopes else None,
        }

    def identity(self) -> Mapping[str, Any]:
        """Whose token it is: `team_id`, `team`, `url`, `user`, `is_bot`, `scopes`.

        `scopes` is None where Slack does not tell them (legacy tokens).

        Raises:
            ExportError: Slack does not accept the token.
        """
        with self._lock:
            return self._identity

    def readable_kinds(self, kinds: Sequence[Kind]) -> tuple[list[Kind], dict[Kind, str]]:
        """Which kinds of conversation the token may read, and what it lacks for the others."""
        scopes = self.identity()["scopes"]
        if scopes is None:
            return list(kinds), {}
        lacking = {kind: [s for s in KIND_SCOPES[kind] if s not in scopes] for kind in kinds}
        readable = [kind for kind in kinds if not lacking[kind]]
        return readable, {kind: " and ".join(names) for kind, names in lacking.items() if names}

    def users(self) -> Iterator[dict[str, Any]]:
        """Everybody in the workspace, people who left and bots too."""
        return self._listing("users.list", "members")

    def user(self, user_id: str) -> dict[str, Any]:
        """One person, also of a connected organisation.

        Raises:
            NotFoundError: Slack does not know or show the person.
        """
        return dict(self._call("users.info", user=user_id)["user"])

    def usergroups(self) -> list[dict[str, Any]]:
        """The workspace's user groups."""
        return list(self._call("usergroups.list").get("usergroups") or ())

    def channels(self, kinds: Sequence[Kind], *, archived: bool) -> Iterator[dict[str, Any]]:
        """The conversations of some kinds that the token can see."""
        if not kinds:
            return iter(())
        return self._listing(
            "conversations.list",
            "channels",
            types=",".join(_KIND_TYPES[kind] for kind in kinds),
            exclude_archived=not archived,
        )

    def members(self, channel_id: str) -> list[str]:
        """Ids of the people in a conversation, complete."""
        return list(self._listing("conversations.members", "members", channel=channel_id))

    def join(self, channel_id: str) -> None:
        """Makes the app a member of a public channel."""
        self._call("conversations.join", channel=channel_id)

    def history(
        self, channel_id: str, *, oldest: datetime | None, latest: datetime | None
    ) -> Iterator[MessagePage]:
        """Pages of a channel's top-level messages, newest first; pages may be short or empty.

        Args:
            channel_id: The channel.
            oldest: Inclusive.
            latest: Inclusive.

        Raises:
            ExportError: Slack refuses.
        """
        arguments: dict[str, Any] = {"channel": channel_id, "inclusive": True}
        if oldest is not None:
            arguments["oldest"] = _ts(oldest)
        if latest is not None:
            arguments["latest"] = _ts(latest)
        return self._messages("conversations.history", arguments, newest_first=True)

    def replies(self, channel_id: str, root_ts: str) -> Iterator[MessagePage]:
        """Pages of a thread: the root, on every page, and replies from the oldest.

        Raises:
            NotFoundError: There is no such message.
        """
        arguments = {"channel": channel_id, "ts": root_ts}
        return self._messages("conversations.replies", arguments, newest_first=False)

    def holds(self, file: Mapping[str, Any]) -> bool:
        """Whether a file lies with Slack: the token is not shown to anybody else."""
        host = urlsplit(_file_url(file)).hostname or ""
        return host == urlsplit(self._settings.base_url).hostname or host in _FILE_HOSTS

    def download(self, file: Mapping[str, Any], *, max_bytes: int) -> tuple[bytes, bool]:
        """The beginning of a file that `holds` knows, and whether there is more of it.

        Raises:
            ExportError: The file could not be read now.
        """
        answer = self._files.download(
            _file_url(file),
            max_bytes=max_bytes,
            expected_type=str(file.get("mimetype") or ""),
            name="a file",
            item=file.get("id"),
        )
        return answer.content, answer.truncated

    def _listing(self, method: str, field: str, **arguments: Any) -> Iterator[Any]:
        """The items of all pages of a cursor-paged method."""
        cursor, cursors = "", PageTokens(_SERVICE, method)
        while True:
            page = self._call(
                method,
                limit=self._settings.list_page_size,
                **arguments,
                **({"cursor": cursor} if cursor else {}),
            )
            yield from _items(page, field, method)
            cursor = _next_cursor(page)
            if not cursor:
                return
            cursors.following(cursor)

    def _messages(
        self, method: str, arguments: Mapping[str, Any], *, newest_first: bool
    ) -> Iterator[MessagePage]:
        """Pages of messages; where Slack lost its place, from the last message's time on."""
        bound = "latest" if newest_first else "oldest"
        current, cursor, last, begun = dict(arguments), "", "", ""
        cursors = PageTokens(_SERVICE, method)
        while True:
            try:
                page = self._call(
                    method,
                    limit=_LIMITED_OBJECTS if self.limited_mode else self._settings.page_size,
                    **current,
                    **({"cursor": cursor} if cursor else {}),
                )
            except CursorExpiredError:
                if not cursor or last == begun:
                    raise
                current, cursor, begun = {**arguments, bound: last}, "", last
                cursors = PageTokens(_SERVICE, method)
                continue
            messages = _items(page, "messages", method)
            if len(messages) > _LIMITED_OBJECTS:
                self._suspects_limit = False
                self.gives_full_pages = True
            elif len(messages) == _LIMITED_OBJECTS and page.get("has_more"):
                self._suspects_limit = True
            yield MessagePage(messages, bool(page.get("is_limited")))
            before, last = last, messages[-1]["ts"] if messages else last
            cursor = _next_cursor(page)
            if cursor:
                cursors.following(cursor)
                continue
            if not page.get("has_more"):
                return
            if last == before:
                raise TransientError(
                    f"Slack says that there is more of {method}, and not how to get at it.",
                    hint="Run again later; nothing of this listing was taken for deleted.",
                )
            # More, but no cursor: Slack sends this to apps of the oldest kind.
            current = {**arguments, bound: last}

    def _call(self, method: str, **arguments: Any) -> dict[str, Any]:
        return _data(self._response(method, **arguments))

    def _response(self, method: str, **arguments: Any) -> "SlackResponse":
        limit = arguments.get("limit")
        channel = arguments.get("channel")
        return self._caller.call(
            lambda: self._once(method, arguments),
            scope=method,
            request=f"{method} for {channel}" if channel else method,
            page_size=limit,
            item=arguments.get("ts") or arguments.get("user"),
        )

    def _once(self, method: str, arguments: dict[str, Any]) -> "SlackResponse":
        from slack_sdk.errors import SlackApiError  # noqa: PLC0415 (see _web)

        try:
            response = self._web.api_call(method, params=arguments)
        except SlackApiError as error:
            self._notice_limited_mode(method, error)
            raise
        except _TooLargeError:
            about = RequestInfo(service=_SERVICE, name=method, page_size=arguments.get("limit"))
            raise answer_too_large(self._settings.max_json_bytes, about) from None
        if not isinstance(response.data, dict):
            raise InvalidDataError(f"Slack's answer to {method} is no JSON object.")
        return response

    def _notice_limited_mode(self, method: str, error: Exception) -> None:
        """Slows down for good where Slack gives an app 15 messages a minute only."""
        response = getattr(error, "response", None)
        headers = {str(k).lower(): v for k, v in (getattr(response, "headers", None) or {}).items()}
        if (
            self.limited_mode
            or not self._suspects_limit
            or method not in {"conversations.history", "conversations.replies"}
            or getattr(response, "status_code", None) != 429
        ):
            return
        wait = str(headers.get("retry-after") or "0")
        if not wait.isdigit() or int(wait) < _LIMITED_RETRY_SECONDS:
            return
        self.limited_mode = True
        for limited in ("conversations.history", "conversations.replies"):
            self._caller.limiter.tighten(limited, per_minute=1)
        _log.warning(
            "Slack gives this app 15 messages a minute only, as it does to apps that are "
            "distributed outside its Marketplace. An app made for your own workspace has no such "
            "limit; see docs/sources/slack.md."
        )


class _TooLargeError(Exception):
    """An answer is larger than the setting `max_json_bytes`."""


def _bounded_web_client(settings: SlackSettings) -> "type[WebClient]":
    """slack_sdk's client, which by itself reads an answer of any size for any time."""
    from slack_sdk import WebClient  # noqa: PLC0415 (0.1 s, and an optional extra)

    class BoundedWebClient(WebClient):
        @cached_property
        def _opener(self) -> OpenerDirector:
            """Made once: a new one for each call would take as long as the rest of the call."""
            handlers: list[BaseHandler] = [HTTPSHandler(context=self.ssl)]
            if self.proxy:
                handlers.append(ProxyHandler({"http": self.proxy, "https": self.proxy}))
            return build_opener(*handlers)

        def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
            if not url.startswith(("https://", "http://")):
                raise ConfigurationError(f"{url} is no address of Slack's Web API.")
            deadline = time.monotonic() + settings.answer_timeout
            with self._opener.open(req, timeout=self.timeout) as answer:
                body = bytearray()
                while piece := answer.read1(_PIECE_BYTES):
                    body += piece
                    if len(body) > settings.max_json_bytes:
                        raise _TooLargeError
                    if time.monotonic() > deadline:
                        raise TimeoutError("the answer takes too long as a whole")
                if answer.length:
                    raise IncompleteRead(bytes(body[:0]), answer.length)
                charset = answer.headers.get_content_charset() or "utf-8"
                text = body.decode(charset)
                return {"status": answer.code, "headers": answer.headers, "body": text}

    return BoundedWebClient


def _data(response: "SlackResponse") -> dict[str, Any]:
    # Iterating a SlackResponse changes it in place, so what is kept is its data.
    data = response.data
    return data if isinstance(data, dict) else {}


def _next_cursor(page: Mapping[str, Any]) -> str:
    return str((page.get("response_metadata") or {}).get("next_cursor") or "")


def _items(page: Mapping[str, Any], field: str, method: str) -> list[Any]:
    """The items of a page, which must be there: a listing must not end early in silence."""
    found = page.get(field)
    if not isinstance(found, list):
        raise TransientError(
            f"Slack answered {method} without {field!r}.",
            hint="Run again later; if it lasts, check base_url and proxies on the way.",
        )
    return found


def _ts(moment: datetime) -> str:
    """A moment as Slack's `ts`, exact to the microsecond."""
    seconds = int(moment.replace(microsecond=0).timestamp())
    return f"{seconds}.{moment.microsecond:06d}"


def _file_url(file: Mapping[str, Any]) -> str:
    return str(file.get("url_private_download") or file.get("url_private") or "")
