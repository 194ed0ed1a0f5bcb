"""The API's front door: which endpoint, who asks, limits, and how the answer is sent."""

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from sandbox.jira import (
    agile_endpoints,
    issue_endpoints,
    people_endpoints,
    project_endpoints,
    search_endpoints,
    settings_endpoints,
)
from sandbox.jira.asking import Asked, Asking
from sandbox.jira.auth import authenticate, read_credentials, refusal, require_scopes
from sandbox.jira.endpoint import Endpoint
from sandbox.jira.errors import JiraError
from sandbox.jira.index import Index
from sandbox.jira.issue_payloads import IssuePayloads
from sandbox.jira.limits import RateLimits, Verdict
from sandbox.jira.model import Token
from sandbox.jira.site import Site
from sandbox.jira.switches import Switches
from sandbox.jira.viewer import Viewer
from sandbox.server import CALL, ERROR_CODE, Call

ENDPOINTS: tuple[Endpoint, ...] = (
    *search_endpoints.ENDPOINTS,
    # Before issue/{issue}: the first endpoint that fits a path is taken.
    *people_endpoints.ENDPOINTS,
    *project_endpoints.ENDPOINTS,
    *settings_endpoints.ENDPOINTS,
    *issue_endpoints.ENDPOINTS,
    *agile_endpoints.ENDPOINTS,
)
RATE_LIMITED = b'{"errorMessages":["Rate limit exceeded."],"errors":{}}'
UNAVAILABLE = b'{"errorMessages":["The service is temporarily unavailable."],"errors":{}}'

_PATH = re.compile(
    r"(?:/ex/jira/(?P<cloud>[^/]+))?/rest/(?P<api>api|agile)/(?P<version>2|3|latest|1\.0)/(?P<rest>.+)"
)


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes.

    Attributes:
        endpoint: None for a path that no endpoint has.
        asked: Its parameters.
        cloud: The cloud id in the path; empty on the site itself.
        version: 2 or 3; the agile API speaks like 2 where it shows issues.
        prefix: What comes before ``/rest/``.
    """

    endpoint: Endpoint | None
    asked: Asked
    cloud: str = ""
    version: int = 3
    prefix: str = ""


class RestApi:
    """Answers ``/rest/...`` from a site."""

    def __init__(self, site: Site, switches: Switches) -> None:
        self._site = site
        self._switches = switches
        self._index = Index(site)
        self._numbers = itertools.count(1)
        self.limits = RateLimits(switches)

    async def describe(self, request: web.Request) -> Call:
        """A call's name is its endpoint's path (``issue/{issue}/comment``), else the path."""
        asked = await _read(request)
        route = self._route(request, asked)
        operation = request.path if route.endpoint is None else route.endpoint.path
        return Call(operation, route.asked.flat(), route)

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one call."""
        route: Route = request[CALL].detail
        headers = {"X-AREQUESTID": self._site.opaque(f"request {next(self._numbers)}")}
        try:
            answer = self._answer(request, route, headers)
        except JiraError as error:
            request[ERROR_CODE] = str(error)
            body = orjson.dumps(error.body)
            return _json(body, {**headers, **error.headers}, error.status)
        if isinstance(answer, web.Response):
            answer.headers.update(headers)
            return answer
        return _json(orjson.dumps(answer), headers)

    async def accessible_resources(self, request: web.Request) -> web.Response:
        """Answer ``/oauth/token/accessible-resources``: the sites a bearer token is good for."""
        credentials = read_credentials(request.headers.get("Authorization", ""))
        with self._site.lock:
            try:
                _, token = authenticate(self._site, credentials, gateway=True)
            except JiraError as error:
                return _json(orjson.dumps(error.body), error.headers, error.status)
            name = self._site.name.lower()
            scopes = sorted(token.scopes) if token else []
        entry = {
            "id": self._site.cloud_id,
            "url": f"{request.scheme}://{request.host}",
            "name": name,
            "scopes": scopes,
            "avatarUrl": f"https://site-admin-avatar-cdn.prod.public.atl-paas.net/{name}.png",
        }
        return _json(orjson.dumps([entry]), {})

    async def download(self, request: web.Request) -> web.Response:
        """Answer ``/secure/attachment/...``: Data Center's files, with the login of the API."""
        wanted = request.match_info["attachment"]
        with self._site.lock:
            try:
                credentials = read_credentials(request.headers.get("Authorization", ""))
                viewer, _ = authenticate(self._site, credentials, gateway=False)
            except JiraError as error:
                return _json(orjson.dumps(error.body), error.headers, error.status)
            found = self._site.find_file(wanted)
            if found is not None and viewer.may_see(found[0]):
                return web.Response(body=found[1].content, content_type=found[1].mime_type)
        return web.Response(status=404, text="<html><body>Not found</body></html>")

    def _route(self, request: web.Request, asked: Asked) -> Route:
        match = _PATH.fullmatch(request.path)
        if match is None:
            return Route(None, asked)
        cloud = match["cloud"] or ""
        prefix = f"/ex/jira/{cloud}" if cloud else ""
        version = 3 if match["version"] == "3" else 2
        rest = match["rest"].rstrip("/")
        path = f"agile/{rest}" if match["api"] == "agile" else rest
        known = self._site.is_cloud or (version == 2 and not cloud)
        for endpoint in ENDPOINTS if known else ():
            if self._site.flavour not in endpoint.flavours:
                continue
            parts = endpoint.match(request.method, path)
            if parts is not None:
                found = Asked(parts, asked.query, asked.body, asked.problem)
                return Route(endpoint, found, cloud, version, prefix)
        return Route(None, asked, cloud, version, prefix)

    def _answer(self, request: web.Request, route: Route, headers: dict[str, str]) -> Any:
        endpoint, gateway = route.endpoint, bool(route.cloud)
        if gateway and route.cloud != self._site.cloud_id:
            message = "No message available"
            raise JiraError(404, message, body={"code": 404, "message": message})
        with self._site.lock:
            credentials = read_credentials(request.headers.get("Authorization", ""))
            viewer, token = authenticate(self._site, credentials, gateway=gateway)
            headers |= self._identity(viewer)
            if endpoint is None:
                message = f"null for uri: {request.path}"
                raise JiraError(404, message, body={"message": message, "status-code": 404})
            headers |= self._enforce_limits(request.method, endpoint, viewer)
            self._admit(endpoint, viewer, token, gateway=gateway)
            if route.asked.problem:
                raise JiraError(400, route.asked.problem)
            site_url = f"{request.scheme}://{request.host}"
            make = IssuePayloads(viewer, site_url + route.prefix, route.version)
            if self._site.is_cloud:
                make.embedded_comments = self._switches.embedded_comments
            asking = Asking(
                self._site, viewer, make, self._index, self._switches, route.asked, site_url
            )
            answer = endpoint.handler(asking)
        if isinstance(answer, dict):
            objects: Any = answer.get("issues") or answer.get("values") or ()
            self.limits.spend(len(objects))
        return answer

    def _admit(
        self, endpoint: Endpoint, viewer: Viewer, token: Token | None, *, gateway: bool
    ) -> None:
        if viewer.person is None and not endpoint.anonymous:
            raise refusal(gateway=gateway)
        require_scopes(token, endpoint.scopes)

    def _enforce_limits(self, verb: str, endpoint: Endpoint, viewer: Viewer) -> Mapping[str, str]:
        verdict: Verdict
        if self._site.is_cloud:
            verdict = self.limits.cloud(f"{verb} {endpoint.path}")
        else:
            verdict = self.limits.datacenter(viewer.id)
        if not verdict.allowed:
            raise JiraError(
                429,
                "ratelimited",
                body=orjson.loads(RATE_LIMITED),
                headers=verdict.headers,
            )
        return verdict.headers

    def _identity(self, viewer: Viewer) -> Mapping[str, str]:
        """Headers that say as whom the request was answered."""
        if self._site.is_cloud:
            return {"X-AACCOUNTID": viewer.id.replace(":", "%3A")} if viewer.id else {}
        return {"X-AUSERNAME": viewer.person.name if viewer.person else "anonymous"}


async def _read(request: web.Request) -> Asked:
    query = {name: request.query.getall(name) for name in request.query}
    if request.method != "POST":
        return Asked({}, query)
    raw = await request.read()
    try:
        return Asked({}, query, orjson.loads(raw) if raw else {})
    except orjson.JSONDecodeError as error:
        return Asked({}, query, {}, f"Unexpected character in the JSON body: {error}")


def _json(body: bytes, headers: Mapping[str, str], status: int = 200) -> web.Response:
    return web.Response(
        status=status,
        body=body,
        headers=headers,
        content_type="application/json",
        charset="UTF-8",
    )
