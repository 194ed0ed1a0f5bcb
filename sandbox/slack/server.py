"""A Slack that runs here: the workspace behind Slack's Web API on a local port."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiohttp import web

from sandbox.faults import Fault
from sandbox.server import CALL, Call, SandboxServer
from sandbox.slack import file_methods
from sandbox.slack.api import RATE_LIMITED, WebApi
from sandbox.slack.arguments import read_arguments
from sandbox.slack.switches import Switches
from sandbox.slack.tokens import install_sync_app, issue_personal_tokens
from sandbox.slack.workspace import Workspace


class SlackSandbox(SandboxServer):
    """Serves a workspace as ``https://slack.com/api/`` would.

    ::

        with SlackSandbox(workspace) as slack:
            client = WebClient(token=BOT_TOKEN, base_url=slack.api_url)
            slack.faults.add(Fault("rate_limited", "conversations.history", retry_after=1))
            slack.switches.short_pages = True

    A workspace without tokens gets the sync app and the tokens of :mod:`sandbox.slack.tokens`.

    Attributes:
        workspace: The state; change it by its methods at any time.
        switches: Rate limits, limited mode, free plan, paging mischief.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        switches: Switches | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        super().__init__(host=host, port=port)
        self.workspace = workspace
        self.switches = switches or Switches()
        self._api = WebApi(workspace, self.switches)
        if not workspace.tokens:
            install_sync_app(workspace)
            issue_personal_tokens(workspace)

    @property
    def api_url(self) -> str:
        """What slack_sdk calls ``base_url``: ends in ``/api/``."""
        return f"{self.base_url}/api/"

    def fail(self, method: str, error: str, *, times: int | None = 1, **match: str) -> None:
        """Answer the next calls of a method with ``ok: false`` and HTTP 200.

        Args:
            method: Web API method or a glob.
            error: ``internal_error``, ``fatal_error``, ``service_unavailable``, ...
            times: How often; None for always.
            **match: Arguments a call must have to be hit (``channel="C1"``).
        """
        body = {"ok": False, "error": error}
        self.faults.add(Fault("answer", method, match, times, status=200, body=body))

    def forget_rate_limits(self) -> None:
        """Let every rate limit window begin anew."""
        self._api.forget_rate_limits()

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """The Web API and the files."""
        return [
            web.route("*", "/api/{method}", self._api.handle),
            web.get(r"/files-{kind:pri|tmb}/{team_and_file}/{path:.+}", self._download),
        ]

    async def describe(self, request: web.Request) -> Call:
        """A call's name is its method, a download's its path."""
        arguments = await read_arguments(request)
        operation = request.path.removeprefix("/api/")
        return Call(operation, arguments.values, arguments)

    def fault_bodies(self) -> Mapping[int, bytes]:
        """What Slack sends with 429 and when it is down."""
        return {
            429: RATE_LIMITED,
            500: b'{"ok":false,"error":"internal_error"}',
            503: b'{"ok":false,"error":"service_unavailable"}',
        }

    def controls(self) -> Mapping[str, Mapping[str, Callable[..., object]]]:
        """``workspace``: every mutation. ``switches``: ``set``. ``limits``: ``forget``."""
        return {
            "workspace": {
                **self.workspace.mutations(),
                "message_count": self.workspace.message_count,
                "overview": self.overview,
            },
            "switches": {"set": self.switches.set},
            "limits": {"forget": self.forget_rate_limits},
        }

    def overview(self) -> dict[str, Any]:
        """Ids, names, kinds and sizes of the conversations, for who steers from outside."""
        with self.workspace.lock:
            return {
                "team": self.workspace.team.id,
                "messages": self.workspace.message_count(),
                "users": len(self.workspace.users),
                "channels": [
                    {
                        "id": channel.id,
                        "name": channel.name,
                        "kind": channel.kind,
                        "messages": len(channel.messages),
                        "members": len(channel.members),
                        "is_archived": channel.is_archived,
                    }
                    for channel in self.workspace.channels.values()
                ],
            }

    async def _download(self, request: web.Request) -> web.Response:
        file_id = request.match_info["team_and_file"].split("-")[1:2]
        viewer = self._api.viewer_of(request[CALL].detail)
        with self.workspace.lock:
            return file_methods.download(viewer, file_id[0] if file_id else "")
