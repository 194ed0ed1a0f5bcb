"""What a token may see."""

from bisect import bisect_left

from sandbox.slack.errors import SlackError
from sandbox.slack.model import Channel, ChannelKind, Token, User
from sandbox.slack.switches import Switches
from sandbox.slack.timestamps import FIRST_TS, MICROSECONDS, format_ts
from sandbox.slack.workspace import Workspace

SCOPE_GROUP: dict[ChannelKind, str] = {
    "public": "channels",
    "private": "groups",
    "im": "im",
    "mpim": "mpim",
}
"""First half of the scopes for a kind of conversation (``groups:history``)."""

_SECONDS_A_DAY = 86_400


class Viewer:
    """A token's eyes on the workspace."""

    def __init__(self, workspace: Workspace, token: Token, switches: Switches) -> None:
        self.workspace = workspace
        self.token = token
        self.switches = switches

    @property
    def user(self) -> User:
        """Whose token it is."""
        return self.workspace.users[self.token.user]

    def require_scope(self, *any_of: str) -> None:
        """Refuse a token that has none of some scopes.

        Raises:
            SlackError: ``missing_scope`` with ``needed`` and ``provided``.
        """
        if not set(any_of) & set(self.token.scopes):
            raise SlackError(
                "missing_scope", needed=",".join(any_of), provided=",".join(self.token.scopes)
            )

    def sees(self, channel: Channel) -> bool:
        """Whether the token knows of a conversation at all."""
        if channel.kind == "public" and not self.user.is_guest:
            return True
        return self.token.user in channel.members

    def channel(self, channel_id: str) -> Channel:
        """A conversation the token knows of.

        Raises:
            SlackError: ``channel_not_found``, also for one that is hidden from the token.
        """
        channel = self.workspace.channels.get(channel_id)
        if channel is None or not self.sees(channel):
            raise SlackError("channel_not_found")
        return channel

    def readable_channel(self, channel_id: str, action: str) -> Channel:
        """A conversation whose content the token may read.

        A bot reads where it is a member; a person any public channel as well
        (docs.slack.dev, conversations.history).

        Args:
            channel_id: As the client sent it.
            action: Second half of the scope, ``history`` or ``read``.

        Raises:
            SlackError: ``channel_not_found``, ``missing_scope`` or ``not_in_channel``.
        """
        channel = self.channel(channel_id)
        self.require_scope(f"{SCOPE_GROUP[channel.kind]}:{action}")
        if (
            action == "history"
            and self.token.kind == "bot"
            and self.token.user not in channel.members
        ):
            raise SlackError("not_in_channel")
        return channel

    def hidden_before(self) -> str:
        """The ts before which a free plan shows nothing; the beginning of time on a paid one."""
        if not self.switches.free_plan:
            return FIRST_TS
        age = self.switches.free_plan_days * _SECONDS_A_DAY
        return format_ts(int((self.workspace.clock() - age) * MICROSECONDS))

    def timeline_range(
        self, timeline: list[str], oldest: str, latest: str, *, inclusive: bool
    ) -> tuple[int, int]:
        """Begin and end, in a sorted list of ts, of what lies between two moments.

        Args:
            timeline: Sorted ts.
            oldest: Excluded unless inclusive.
            latest: Excluded unless inclusive.
            inclusive: Whether the bounds belong to the range.
        """
        # U+007F sorts after every digit, so it makes a key just above the ts itself.
        low = bisect_left(timeline, oldest if inclusive else oldest + "\x7f")
        high = bisect_left(timeline, latest + "\x7f" if inclusive else latest)
        return max(low, bisect_left(timeline, self.hidden_before())), high
