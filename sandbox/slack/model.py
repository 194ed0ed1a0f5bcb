"""What a Slack workspace is made of, without any behaviour of the API."""

from dataclasses import dataclass, field
from typing import Any, Literal

ChannelKind = Literal["public", "private", "im", "mpim"]
MessageOrigin = Literal["person", "app", "webhook", "system", "import"]
Role = Literal["member", "admin", "owner", "primary_owner", "guest", "single_channel_guest"]
FileMode = Literal["hosted", "snippet", "external", "tombstone"]


@dataclass(slots=True)
class Team:
    """The workspace itself."""

    id: str
    name: str
    domain: str
    email_domain: str = ""

    @property
    def url(self) -> str:
        """Address people open; permalinks begin with it."""
        return f"https://{self.domain}.slack.com/"


@dataclass(slots=True)
class User:
    """A person, the user of an app, or a stranger from another workspace (``team_id`` differs)."""

    id: str
    team_id: str
    name: str
    real_name: str
    display_name: str = ""
    email: str = ""
    title: str = ""
    phone: str = ""
    role: Role = "member"
    tz: str = "Europe/Lisbon"
    tz_label: str = "Western European Time"
    tz_offset: int = 0
    color: str = "9f69e7"
    deleted: bool = False
    updated: int = 0
    status_text: str = ""
    status_emoji: str = ""
    bot_id: str = ""
    app_id: str = ""

    @property
    def is_bot(self) -> bool:
        """Whether this is the user of an app."""
        return bool(self.bot_id)

    @property
    def is_guest(self) -> bool:
        """Whether the person sees only the channels they are in."""
        return self.role in ("guest", "single_channel_guest")


@dataclass(slots=True)
class Bot:
    """An integration. Without ``user_id`` it is an incoming webhook of the old kind."""

    id: str
    name: str
    app_id: str
    user_id: str = ""
    deleted: bool = False
    updated: int = 0


@dataclass(slots=True)
class UserGroup:
    """A ``@handle`` that stands for several people."""

    id: str
    handle: str
    name: str
    description: str
    created: int
    created_by: str
    users: list[str] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    deleted: bool = False
    updated: int = 0


@dataclass(slots=True)
class File:
    """A file with its bytes. ``content`` is None where only the metadata is known."""

    id: str
    name: str
    title: str
    mimetype: str
    filetype: str
    pretty_type: str
    user: str
    created: int
    content: bytes | None
    size: int
    mode: FileMode = "hosted"
    width: int = 0
    height: int = 0
    shares: dict[str, list[str]] = field(default_factory=dict)
    """Channel id to the ts of the messages that carry the file."""
    external_url: str = ""
    fields: dict[str, Any] | None = None
    """Payload keys of an imported file that its missing bytes would have given."""


@dataclass(slots=True)
class Pin:
    """Who pinned a message, and when (seconds)."""

    user: str
    created: int


@dataclass(slots=True)
class Message:
    """One message. ``thread_ts`` is set on replies only; a root is known by its thread."""

    ts: str
    user: str
    text: str
    origin: MessageOrigin = "person"
    subtype: str = ""
    thread_ts: str = ""
    fields: dict[str, Any] | None = None
    """Payload keys beyond the modelled ones: bot_id, username, blocks, attachments ..."""
    files: tuple[str, ...] = ()
    reactions: dict[str, list[str]] | None = None
    edited: tuple[str, str] | None = None
    pin: Pin | None = None
    encoded: bytes | None = None
    """The message as JSON, kept until something about it changes."""

    @property
    def is_broadcast(self) -> bool:
        """Whether this reply is also shown in the channel."""
        return self.subtype == "thread_broadcast"


@dataclass(slots=True)
class Thread:
    """The replies under one root, by ts."""

    replies: list[str] = field(default_factory=list)
    broadcasts: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Text:
    """A channel's topic or purpose."""

    value: str = ""
    creator: str = ""
    last_set: int = 0


@dataclass(slots=True)
class Channel:
    """A conversation of any kind with its messages.

    ``timeline`` holds the ts of what ``conversations.history`` shows (top-level messages and
    broadcasts), sorted; ``threads`` the replies. Both are searched by bisection.
    """

    id: str
    name: str
    kind: ChannelKind
    created: int
    creator: str
    updated: int = 0
    """Milliseconds, as Slack counts this one."""
    is_general: bool = False
    is_archived: bool = False
    topic: Text = field(default_factory=Text)
    purpose: Text = field(default_factory=Text)
    members: set[str] = field(default_factory=set)
    previous_names: list[str] = field(default_factory=list)
    connected_teams: list[str] = field(default_factory=list)
    """Teams of other companies the channel is shared with through Slack Connect."""
    messages: dict[str, Message] = field(default_factory=dict)
    timeline: list[str] = field(default_factory=list)
    threads: dict[str, Thread] = field(default_factory=dict)
    pins: list[str] = field(default_factory=list)

    @property
    def is_private(self) -> bool:
        """Whether only members know of it."""
        return self.kind != "public"

    @property
    def is_direct(self) -> bool:
        """Whether it is a conversation between people rather than a channel."""
        return self.kind in ("im", "mpim")

    @property
    def is_ext_shared(self) -> bool:
        """Whether another company takes part."""
        return bool(self.connected_teams)


@dataclass(slots=True)
class Token:
    """A credential and what it may do.

    Attributes:
        value: What the client sends.
        kind: ``bot`` (sees the channels its user is in) or ``user`` (sees what that person sees).
        user: Whose it is.
        app_id: Rate limits are counted per app.
        scopes: Granted scopes.
        state: ``active``, or the error Slack answers with.
    """

    value: str
    kind: Literal["bot", "user"]
    user: str
    app_id: str
    scopes: tuple[str, ...]
    state: Literal["active", "token_revoked", "account_inactive", "token_expired"] = "active"
