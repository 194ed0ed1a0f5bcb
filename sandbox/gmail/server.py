"""A Gmail that runs here: the mailboxes of a Workspace behind Google's APIs on a local port."""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, Self
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from sandbox import faults
from sandbox.faults import Fault
from sandbox.gmail.mailboxes import Mailboxes
from sandbox.gmail.mbox import MBOX_READER, read_mbox
from sandbox.gmail.methods import SCHEMAS, operations
from sandbox.gmail.quota import Quota, project_rate_limit
from sandbox.gmail.scopes import CONTENT_SCOPES, SCOPE_LABELS, SCOPE_METADATA, SCOPE_SETTINGS
from sandbox.gmail.switches import Switches
from sandbox.google import directory, oauth
from sandbox.google.api import (
    JSON_TYPE,
    STANDING_HEADERS,
    ApiAnswer,
    ApiRequest,
    GoogleApi,
    Route,
)
from sandbox.google.batch import read_batch, write_batch
from sandbox.google.errors import STATUS_NAMES, GoogleError, TokenError, unauthenticated
from sandbox.google.oauth import OAuthServer
from sandbox.requestlog import LoggedRequest
from sandbox.server import CALL, ERROR_CODE, Call, SandboxServer

TOKEN_PATH = "/token"  # noqa: S105  (a path)
BATCH_PATHS = ("/batch/gmail/v1", "/batch")

DELEGATED_SCOPES = frozenset(
    {
        *CONTENT_SCOPES,
        SCOPE_METADATA,
        SCOPE_LABELS,
        SCOPE_SETTINGS,
        directory.SCOPE_USERS_READONLY,
    }
)
"""What the service account may do for everybody, unless a test says otherwise."""

_STATUS_FAULTS = frozenset({"rate_limited", "server_error", "html", "answer"})
"""Faults that a single call of a batch may have."""


def service_account_info(base_url: str) -> dict[str, str]:
    """The key file of the service account that every Gmail sandbox of this process knows.

    Args:
        base_url: Of the sandbox that is to be asked for tokens.
    """
    return oauth.service_account_info(base_url + TOKEN_PATH)


class GmailSandbox(SandboxServer):
    """Serves mailboxes as ``https://gmail.googleapis.com`` would.

    The same address answers for the token endpoint (``/token``) and for the Admin SDK
    (``/admin/directory/v1/users``)::

        with GmailSandbox(mailboxes) as gmail:
            info = gmail.service_account_info()
            gmail.faults.add(Fault("rate_limited", "messages.get", retry_after=1))
            gmail.switches.short_pages = True

    Attributes:
        mailboxes: The state; change it by its methods at any time.
        oauth: Who may do what.
        switches: Quotas and paging mischief.
        quota: Units spent.
        key_file: Where to write the service account's key file once the port is open; None writes
            none.
    """

    def __init__(
        self,
        mailboxes: Mailboxes,
        *,
        switches: Switches | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        super().__init__(host=host, port=port)
        self.mailboxes = mailboxes
        self.switches = switches or Switches()
        self.oauth = OAuthServer(mailboxes.organization, DELEGATED_SCOPES)
        self.quota = Quota(self.switches)
        self.key_file: Path | None = None
        users = directory.Directory(mailboxes.organization, self.switches)
        self._api = GoogleApi(
            [*operations(mailboxes, self.switches), *users.operations()],
            self.oauth,
            {**SCHEMAS, **directory.SCHEMAS},
            self.quota.charge,
        )
        self._order = Random(7)

    def start(self) -> Self:
        """Listen and serve, and write the key file where one is asked for.

        Raises:
            OSError: The port is taken, or the file cannot be written.
        """
        super().start()
        if self.key_file is not None:
            try:
                self.key_file.touch(mode=0o600)
                self.key_file.write_bytes(orjson.dumps(self.service_account_info()) + b"\n")
            except OSError:
                self.stop()
                raise
        return self

    @classmethod
    def from_mbox(
        cls,
        path: Path,
        *,
        mailbox: str = MBOX_READER,
        switches: Switches | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> Self:
        """A server with the mails of an mbox file in one mailbox.

        Args:
            path: The file, packed with gzip or not.
            mailbox: Address of the mailbox; its domain becomes the Workspace's.
            switches: As for the class.
            host: As for the class.
            port: As for the class.

        Raises:
            OSError: The file cannot be read.
            ValueError: It is not an mbox file.
        """
        return cls(read_mbox(path, mailbox), switches=switches, host=host, port=port)

    def service_account_info(self, base_url: str = "") -> dict[str, str]:
        """The key file of a service account with domain-wide delegation.

        Args:
            base_url: Where this server is reached. Default: its own address.
        """
        return service_account_info(base_url or self.base_url)

    def authorized_user_info(
        self, user: str, scopes: Iterable[str] = CONTENT_SCOPES, base_url: str = ""
    ) -> dict[str, str]:
        """The file of a person's own consent (kind ``authorized_user``).

        google-auth reads it with ``Credentials(None, refresh_token=..., token_uri=...)``; its
        ``from_authorized_user_info`` asks Google itself, whatever ``token_uri`` says.

        Args:
            user: Address of the person.
            scopes: What the person consented to.
            base_url: As for :meth:`service_account_info`.
        """
        return self.oauth.authorized_user_info(
            user, scopes, (base_url or self.base_url) + TOKEN_PATH
        )

    def fail(
        self, operation: str, status: int, reason: str, *, times: int | None = 1, **match: str
    ) -> None:
        """Refuse the next calls of a method in Google's error form.

        Args:
            operation: Name of the method (``messages.get``) or a glob.
            status: HTTP status (403, 429, 500 ...).
            reason: ``userRateLimitExceeded``, ``dailyLimitExceeded``, ``backendError`` ...
            times: How often; None for always.
            **match: Parameters a call must have to be hit (``id="18f..."``).
        """
        domain = "usageLimits" if "Exceeded" in reason else "global"
        body = GoogleError(status, f"Refused by the test: {reason}", reason, domain=domain)
        self.faults.add(
            Fault("answer", operation, match, times, status=status, body=body.payload())
        )

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """Tokens, batches, and every other path as a method of an API."""
        return [
            web.post(TOKEN_PATH, self._token),
            *[web.post(path, self._batch) for path in BATCH_PATHS],
            web.route("*", "/{path:.*}", self._method),
        ]

    async def describe(self, request: web.Request) -> Call:
        """A call's name is its method's; its parameters are those of path and query."""
        body = await request.read()
        if request.path == TOKEN_PATH:
            form = dict(parse_qsl(body.decode("latin-1")))
            return Call("token", _harmless(form), form)
        asked = ApiRequest(
            request.method,
            request.rel_url.raw_path,
            tuple(request.query.items()),
            {name.lower(): value for name, value in request.headers.items()},
            body,
        )
        if request.path in BATCH_PATHS:
            return Call("batch", {}, asked)
        return self._call(self._api.route(asked))

    def fault_bodies(self) -> Mapping[int, bytes]:
        """What Google sends with 429 and when it is down."""
        down = {
            500: GoogleError(500, "Internal error encountered.", "backendError"),
            502: GoogleError(502, "Bad Gateway", "backendError", status=STATUS_NAMES[503]),
            503: GoogleError(503, "The service is currently unavailable.", "backendError"),
        }
        return {
            429: project_rate_limit().body(),
            401: unauthenticated().body(),
            **{status: error.body() for status, error in down.items()},
        }

    def controls(self) -> Mapping[str, Mapping[str, Callable[..., object]]]:
        """``mailboxes``: every mutation. ``oauth``, ``switches``, ``quota``."""
        return {
            "mailboxes": {
                **self.mailboxes.mutations(),
                "message_count": self.mailboxes.message_count,
                "overview": self.mailboxes.overview,
            },
            "oauth": {
                "service_account_info": self.service_account_info,
                "authorized_user_info": self.authorized_user_info,
                "issue_access_token": self.oauth.issue_access_token,
                "expire_access_tokens": self.oauth.expire_access_tokens,
                "revoke_consent": self.oauth.revoke_consent,
                "delegate": self.set_delegated_scopes,
            },
            "switches": {"set": self.switches.set},
            "quota": {"reset": self.quota.reset, "spent": self.quota.spent},
        }

    def set_delegated_scopes(self, scopes: Sequence[str]) -> list[str]:
        """Grant the service account these scopes for the domain; with an empty list, none."""
        self.oauth.delegated_scopes = set(scopes)
        return sorted(self.oauth.delegated_scopes)

    def _call(self, route: Route) -> Call:
        parameters = route.parameters()
        grant = self._api.grant_of(route.request)
        if grant is not None and grant.user:
            # So that a test can count or hit the calls for one person.
            parameters["user"] = grant.user
        return Call(route.name, parameters, route)

    async def _token(self, request: web.Request) -> web.Response:
        token_uri = f"{request.scheme}://{request.host}{TOKEN_PATH}"
        try:
            answer = self.oauth.exchange(request[CALL].detail, token_uri)
        except TokenError as error:
            request[ERROR_CODE] = error.error
            return _json(error.code, error.body())
        return _json(200, orjson.dumps(answer))

    async def _method(self, request: web.Request) -> web.Response:
        answer = self._api.answer(request[CALL].detail)
        if answer.error:
            request[ERROR_CODE] = answer.error
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    async def _batch(self, request: web.Request) -> web.Response:
        asked: ApiRequest = request[CALL].detail
        try:
            calls = read_batch(asked)
        except GoogleError as error:
            request[ERROR_CODE] = error.reason
            return _json(error.code, error.body())
        answers = [(call.content_id, await self._inner(call.request)) for call in calls]
        if not self.switches.batch_in_order:
            self._order.shuffle(answers)
        boundary = f"batch_{self._order.getrandbits(96):024x}"
        return web.Response(
            body=write_batch(answers, boundary),
            headers={**STANDING_HEADERS, "Content-Type": f"multipart/mixed; boundary={boundary}"},
        )

    async def _inner(self, asked: ApiRequest) -> ApiAnswer:
        """Answer one call of a batch, with its own faults, hooks and line in the log."""
        route = self._api.route(asked)
        call = self._call(route)
        fault = self.faults.take(call.operation, call.parameters)
        if fault is not None and fault.kind not in _STATUS_FAULTS:
            fault = None  # one call of a batch has no connection or body of its own to spoil
        if fault is not None:
            spoilt = faults.answer_for(fault, self.fault_bodies())
            body = spoilt.body if isinstance(spoilt.body, bytes) else b""
            answer = ApiAnswer(spoilt.status, body, dict(spoilt.headers), "fault")
        else:
            answer = self._api.answer(route)
        await self._run_hooks(call)
        self.requests.add(
            LoggedRequest(
                operation=call.operation,
                http_method=asked.http_method,
                parameters=call.parameters,
                time=self.mailboxes.clock(),
                status=answer.status,
                error=answer.error,
                fault="" if fault is None else fault.kind,
            )
        )
        return answer


def _harmless(form: Mapping[str, str]) -> dict[str, str]:
    """What may be logged of a token request: which kind, and for whom."""
    shown: dict[str, Any] = {"grant_type": form.get("grant_type", "")}
    claims = form.get("assertion", "").split(".")
    if len(claims) == 3:
        shown |= _subject(claims[1])
    return shown


def _subject(encoded: str) -> dict[str, str]:
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except ValueError:
        return {}
    if not isinstance(claims, dict):
        return {}
    return {name: str(claims[name]) for name in ("sub", "scope") if name in claims}


def _json(status: int, body: bytes) -> web.Response:
    return web.Response(
        status=status, body=body, headers={**STANDING_HEADERS, "Content-Type": JSON_TYPE}
    )
