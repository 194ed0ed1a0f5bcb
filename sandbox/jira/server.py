"""A Jira that runs here: the site behind Jira's REST API on a local port."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiohttp import web

from sandbox.faults import Fault
from sandbox.jira import media
from sandbox.jira.api import RATE_LIMITED, UNAVAILABLE, RestApi
from sandbox.jira.limits import LimitForm, bucket_headers, refusal_headers
from sandbox.jira.model import Flavour
from sandbox.jira.site import Site
from sandbox.jira.switches import Switches
from sandbox.jira.tokens import install_sync_users
from sandbox.server import Call, SandboxServer


class JiraSandbox(SandboxServer):
    """Serves a site as ``https://<company>.atlassian.net`` would, or a Data Center.

    ::

        with JiraSandbox(site) as jira:
            client = JiraCloud(jira.base_url, username=SYNC_EMAIL, password=ADMIN_TOKEN)
            jira.faults.add(Fault("rate_limited", "issue/bulkfetch", retry_after=1))
            jira.switches.index_lag = 30

    Operations (for faults, hooks and counts) are the paths below ``/rest/api/3/``, with names in
    braces as :data:`sandbox.jira.api.ENDPOINTS` has them: ``search/jql``,
    ``issue/{issue}/comment``, ``agile/board/{board}/sprint``. Parts of the path are parameters
    (``issue="PAY-1"``).

    A site without credentials gets the sync's accounts and tokens of :mod:`sandbox.jira.tokens`.

    Attributes:
        site: The state; change it by its methods at any time.
        switches: Index lag, paging mischief, rate limits.
    """

    def __init__(
        self,
        site: Site,
        flavour: Flavour | None = None,
        *,
        switches: Switches | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        super().__init__(host=host, port=port)
        if flavour is not None and flavour != site.flavour:
            site.flavour = flavour
            site.tokens.clear()
        self.site = site
        self.switches = switches or Switches()
        self._api = RestApi(site, self.switches)
        if not site.tokens:
            install_sync_users(site)

    @property
    def gateway_url(self) -> str:
        """Where scoped and OAuth tokens are good: ``.../ex/jira/{cloudId}``."""
        return f"{self.base_url}/ex/jira/{self.site.cloud_id}"

    def refuse(
        self,
        form: LimitForm,
        operation: str = "*",
        *,
        wait: float = 1.0,
        times: int | None = 1,
        **match: str,
    ) -> None:
        """Answer the next calls with a 429.

        Args:
            form: Of Cloud: ``burst``, ``quota`` or ``write``. Data Center has one form only.
            operation: Glob on the operation.
            wait: Seconds announced.
            times: How often; None for always.
            **match: Parameters a request must carry to be hit.
        """
        body = {"errorMessages": ["Rate limit exceeded."], "errors": {}}
        headers = refusal_headers(form, wait) if self.site.is_cloud else bucket_headers(wait)
        self.faults.add(
            Fault("answer", operation, match, times, status=429, body=body, headers=headers)
        )

    def forget_rate_limits(self) -> None:
        """Let every rate limit begin anew."""
        self._api.limits.reset()

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """The REST API with and without the gateway, the site's id, and the files."""
        routes: list[web.AbstractRouteDef] = [
            web.get("/_edge/tenant_info", self._tenant_info),
            web.get("/oauth/token/accessible-resources", self._api.accessible_resources),
            web.get("/media/file/{media}/binary", self._media),
            web.get("/secure/attachment/{attachment}/{name}", self._api.download),
            web.get("/secure/thumbnail/{attachment}/{name}", self._api.download),
        ]
        for prefix in ("", "/ex/jira/{cloud}"):
            routes.append(web.route("*", prefix + "/rest/{path:.+}", self._api.handle))
        return routes

    async def describe(self, request: web.Request) -> Call:
        """A call's name is its endpoint's path; a download's is ``media`` or ``attachment``."""
        if request.path.startswith("/media/"):
            return Call("media", {"media": request.path.split("/")[3]})
        if request.path.startswith("/secure/"):
            kind, number = request.path.split("/")[2:4]
            return Call(f"secure/{kind}", {"attachment": number})
        if request.path in ("/_edge/tenant_info", "/oauth/token/accessible-resources"):
            return Call(request.path.rpartition("/")[2], {})
        return await self._api.describe(request)

    def fault_bodies(self) -> Mapping[int, bytes]:
        """What Jira sends with 429 and when it is down."""
        return {
            429: RATE_LIMITED,
            500: b'{"errorMessages":["Internal server error"],"errors":{}}',
            503: UNAVAILABLE,
        }

    def controls(self) -> Mapping[str, Mapping[str, Callable[..., object]]]:
        """``site``: every mutation, ``advance``, ``overview``. ``switches``: ``set``."""
        return {
            "site": {
                **self.site.mutations(),
                "advance": self.site.clock.advance,
                "overview": self.overview,
            },
            "switches": {"set": self.switches.set},
            "limits": {"forget": self.forget_rate_limits},
        }

    def overview(self) -> dict[str, Any]:
        """Ids, keys and sizes, for who steers from outside."""
        with self.site.lock:
            return {
                "cloud_id": self.site.cloud_id,
                "flavour": self.site.flavour,
                "issues": len(self.site.issues),
                "people": len(self.site.people),
                "projects": [
                    {
                        "id": project.id,
                        "key": project.key,
                        "name": project.name,
                        "issues": len(self.site.issues_of(project.id)),
                        "archived": project.archived_at is not None,
                    }
                    for project in self.site.projects.values()
                ],
            }

    async def _tenant_info(self, _: web.Request) -> web.Response:
        if not self.site.is_cloud:
            return web.Response(status=404)
        return web.json_response({"cloudId": self.site.cloud_id})

    async def _media(self, request: web.Request) -> web.Response:
        with self.site.lock:
            return media.download(self.site, request)
