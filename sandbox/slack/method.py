"""What a Web API method is to the sandbox."""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.slack.arguments import Arguments
from sandbox.slack.payloads import Payload
from sandbox.slack.switches import Switches
from sandbox.slack.viewer import Viewer
from sandbox.slack.workspace import Workspace

READ_SCOPES = ("channels:read", "groups:read", "mpim:read", "im:read")
HISTORY_SCOPES = ("channels:history", "groups:history", "mpim:history", "im:history")


@dataclass(slots=True)
class WebCall:
    """One call being answered. The workspace's lock is held."""

    workspace: Workspace
    viewer: Viewer
    arguments: Arguments
    switches: Switches
    base_url: str


@dataclass(frozen=True, slots=True)
class Method:
    """A Web API method.

    Attributes:
        handler: Makes up the answer without ``ok``; raises ``SlackError`` to refuse.
        tier: Rate limit tier, see :data:`sandbox.slack.limits.TIER_REQUESTS`.
        scopes: A token needs one of these; the handler may ask for more. Empty: any token.
        accepted: The X-Accepted-OAuth-Scopes header, where it is not the scopes and ``read``.
    """

    handler: Callable[[WebCall], Payload]
    tier: int
    scopes: tuple[str, ...] = ()
    accepted: str = ""

    @property
    def accepted_scopes(self) -> str:
        """The X-Accepted-OAuth-Scopes header; empty for none. ``read`` is the ancestral scope."""
        if self.accepted or not self.scopes:
            return self.accepted
        return ",".join((*self.scopes, "read"))
