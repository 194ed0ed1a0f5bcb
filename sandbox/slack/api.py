"""The Web API's front door: authentication, scopes, rate limits, envelope and headers."""

import hashlib
import itertools

import orjson
from aiohttp import web

from sandbox.server import CALL, ERROR_CODE
from sandbox.slack import conversation_methods, file_methods, message_methods, people_methods
from sandbox.slack.arguments import Arguments
from sandbox.slack.errors import SlackError
from sandbox.slack.limits import LIMITED_METHODS, TIER_REQUESTS, RateLimiter
from sandbox.slack.method import Method, WebCall
from sandbox.slack.model import Token
from sandbox.slack.payloads import Payload
from sandbox.slack.switches import Switches
from sandbox.slack.viewer import Viewer
from sandbox.slack.workspace import Workspace

METHODS: dict[str, Method] = {
    **people_methods.METHODS,
    **conversation_methods.METHODS,
    **message_methods.METHODS,
    **file_methods.METHODS,
}

RATE_LIMITED = b'{"ok":false,"error":"ratelimited"}'

STANDING_HEADERS = {
    "Server": "Apache",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "slack-route, x-slack-version-ts, x-b3-traceid",
    "Access-Control-Expose-Headers": "x-slack-req-id, retry-after",
    "Cache-Control": "private, no-cache, no-store, must-revalidate",
    "Expires": "Sat, 26 Jul 1997 05:00:00 GMT",
    "Pragma": "no-cache",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
    "X-Slack-Backend": "r",
    "X-XSS-Protection": "0",
}


class WebApi:
    """Answers ``/api/<method>`` from a workspace."""

    def __init__(self, workspace: Workspace, switches: Switches) -> None:
        self._workspace = workspace
        self._switches = switches
        self._limiter = RateLimiter()
        self._numbers = itertools.count(1)

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one call."""
        name = request.match_info["method"]
        arguments: Arguments = request[CALL].detail
        headers = dict(STANDING_HEADERS)
        headers["X-Slack-Req-Id"] = self._request_id()
        try:
            payload = self._answer(request, name, arguments, headers)
        except RateLimitedError as limited:
            headers["Retry-After"] = str(limited.seconds)
            request[ERROR_CODE] = "ratelimited"
            return _json(RATE_LIMITED, headers, status=429)
        except SlackError as error:
            request[ERROR_CODE] = error.code
            payload = {"ok": False, "error": error.code, **error.extra}
        _add_warnings(payload, arguments.warnings)
        return _json(orjson.dumps(payload), headers)

    def viewer_of(self, arguments: Arguments) -> Viewer | None:
        """Who a token speaks for, or None for a missing, wrong or dead one."""
        token = self._workspace.tokens.get(arguments.token)
        if token is None or token.state != "active":
            return None
        return Viewer(self._workspace, token, self._switches)

    def forget_rate_limits(self) -> None:
        """Start every rate limit window anew."""
        self._limiter.reset()

    def _answer(
        self, request: web.Request, name: str, arguments: Arguments, headers: dict[str, str]
    ) -> Payload:
        method = METHODS.get(name)
        if method is None:
            raise SlackError("unknown_method", req_method=name)
        token = self._authenticate(arguments)
        headers["X-OAuth-Scopes"] = ",".join(token.scopes)
        if method.accepted_scopes:
            headers["X-Accepted-OAuth-Scopes"] = method.accepted_scopes
        self._enforce_rate_limits(name, method, token)
        if arguments.problem is not None:
            raise arguments.problem
        viewer = Viewer(self._workspace, token, self._switches)
        if method.scopes:
            viewer.require_scope(*method.scopes)
        base_url = f"{request.scheme}://{request.host}"
        with self._workspace.lock:
            call = WebCall(self._workspace, viewer, arguments, self._switches, base_url)
            return {"ok": True, **method.handler(call)}

    def _authenticate(self, arguments: Arguments) -> Token:
        if not arguments.token:
            raise SlackError("not_authed")
        token = self._workspace.tokens.get(arguments.token)
        if token is None:
            raise SlackError("invalid_auth")
        if token.state != "active":
            raise SlackError(token.state)
        return token

    def _enforce_rate_limits(self, name: str, method: Method, token: Token) -> None:
        switches = self._switches
        if switches.limited_mode and name in LIMITED_METHODS:
            wait = self._limiter.take(name, token.app_id, 1, switches.limited_mode_scale)
        elif switches.rate_limit_scale is not None:
            allowed = TIER_REQUESTS[method.tier]
            wait = self._limiter.take(name, token.app_id, allowed, switches.rate_limit_scale)
        else:
            return
        if wait:
            raise RateLimitedError(wait)

    def _request_id(self) -> str:
        number = str(next(self._numbers)).encode()
        return hashlib.blake2b(number, digest_size=16).hexdigest()


class RateLimitedError(Exception):
    """Too many requests.

    Attributes:
        seconds: Until the next one is taken.
    """

    def __init__(self, seconds: int) -> None:
        super().__init__(f"wait {seconds} s")
        self.seconds = seconds


def _add_warnings(payload: Payload, warnings: list[str]) -> None:
    if warnings:
        payload["warning"] = ",".join(warnings)
        payload["response_metadata"] = {
            **payload.get("response_metadata", {}),
            "warnings": warnings,
        }


def _json(body: bytes, headers: dict[str, str], status: int = 200) -> web.Response:
    return web.Response(
        status=status, body=body, headers=headers, content_type="application/json", charset="utf-8"
    )
