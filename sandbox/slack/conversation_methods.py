"""Web API methods about conversations and who is in them."""

from bisect import bisect_left

from sandbox.slack.arguments import Arguments
from sandbox.slack.errors import SlackError
from sandbox.slack.method import READ_SCOPES, Method, WebCall
from sandbox.slack.model import Channel, ChannelKind
from sandbox.slack.paging import Cursor, cut_page, decode_cursor
from sandbox.slack.payloads import Payload, channel_payload
from sandbox.slack.viewer import SCOPE_GROUP

LIST_DEFAULT = 100
LIST_MAXIMUM = 1000
NEVER_READ = "0000000000.000000"

_TYPES: dict[str, ChannelKind] = {
    "public_channel": "public",
    "private_channel": "private",
    "mpim": "mpim",
    "im": "im",
}


def conversations_list(call: WebCall) -> Payload:
    """Every conversation the token knows of; without ``types`` only public channels."""
    viewer = call.viewer
    known = [channel for channel in call.workspace.channels.values() if viewer.sees(channel)]
    return _page_of_channels(call, known, viewer.token.user)


def users_conversations(call: WebCall) -> Payload:
    """The conversations a person or bot is in; default: the token's own."""
    person = call.arguments.text("user", call.viewer.token.user)
    if person not in call.workspace.users:
        raise SlackError("user_not_found")
    joined = [
        channel
        for channel in call.workspace.channels.values()
        if person in channel.members and call.viewer.sees(channel)
    ]
    payload = _page_of_channels(call, joined, person)
    for channel in payload["channels"]:
        channel.pop("num_members", None)
        channel.pop("is_member", None)
    return payload


def conversations_info(call: WebCall) -> Payload:
    """One conversation."""
    channel = call.viewer.readable_channel(call.arguments.required("channel"), "read")
    payload = channel_payload(call.workspace, channel, call.viewer.token.user)
    if not call.arguments.flag("include_num_members"):
        payload.pop("num_members", None)
    if call.arguments.flag("include_locale"):
        payload["locale"] = "en-GB"
    if channel.kind == "im":
        payload |= {"last_read": NEVER_READ, "is_open": True}
    elif call.viewer.token.user in channel.members:
        payload["last_read"] = NEVER_READ
    if not channel.is_direct:
        payload |= {"is_thread_only": False, "is_read_only": False}
    return {"channel": payload}


def conversations_members(call: WebCall) -> Payload:
    """Ids of who is in a conversation, sorted."""
    channel = call.viewer.readable_channel(call.arguments.required("channel"), "read")
    limit = call.arguments.limit(default=LIST_DEFAULT, maximum=LIST_MAXIMUM)
    cursor = decode_cursor(call.arguments.text("cursor"), "user")
    members = [] if channel.is_archived else sorted(channel.members)
    start = bisect_left(members, cursor.key) if cursor else 0
    cut = cut_page(len(members) - start, limit, cursor, call.switches)
    following = ""
    if cut.advance is not None:
        following = Cursor(members[start + cut.advance], cut.marker).encode("user")
    return {
        "members": members[start : start + cut.take],
        "response_metadata": {"next_cursor": following},
    }


def conversations_join(call: WebCall) -> Payload:
    """Let the token's user join a public channel."""
    channel = call.viewer.channel(call.arguments.required("channel"))
    if channel.kind != "public":
        raise SlackError("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise SlackError("is_archived")
    if call.viewer.user.is_guest:
        raise SlackError("user_is_restricted")
    user = call.viewer.token.user
    if user in channel.members:
        call.arguments.warnings.append("already_in_channel")
    else:
        call.workspace.join(channel.id, user)
    payload = channel_payload(call.workspace, channel, user)
    payload.pop("num_members")
    return {"channel": payload | {"priority": 0}}


def _page_of_channels(call: WebCall, channels: list[Channel], viewer: str) -> Payload:
    arguments = call.arguments
    kinds = _wanted_kinds(call)
    limit = arguments.limit(default=LIST_DEFAULT, maximum=LIST_MAXIMUM)
    cursor = decode_cursor(arguments.text("cursor"), "team")
    channels = sorted(channels, key=lambda channel: channel.id)
    if not call.switches.filter_after_paging:
        channels = _filtered(arguments, channels, kinds)
    start = bisect_left([channel.id for channel in channels], cursor.key) if cursor else 0
    cut = cut_page(len(channels) - start, limit, cursor, call.switches)
    page = channels[start : start + cut.take]
    following = ""
    if cut.advance is not None:
        following = Cursor(channels[start + cut.advance].id, cut.marker).encode("team")
    return {
        "channels": [
            channel_payload(call.workspace, channel, viewer)
            for channel in _filtered(arguments, page, kinds)
        ],
        "response_metadata": {"next_cursor": following},
    }


def _wanted_kinds(call: WebCall) -> set[ChannelKind]:
    """The kinds in ``types``; every one of them needs its read scope."""
    names = [name.strip() for name in call.arguments.text("types", "public_channel").split(",")]
    if any(name not in _TYPES for name in names):
        raise SlackError("invalid_types")
    kinds = {_TYPES[name] for name in names}
    lacking = [
        f"{group}:read"
        for kind, group in SCOPE_GROUP.items()
        if kind in kinds and f"{group}:read" not in call.viewer.token.scopes
    ]
    if lacking:
        provided = ",".join(call.viewer.token.scopes)
        raise SlackError("missing_scope", needed=",".join(lacking), provided=provided)
    return kinds


def _filtered(
    arguments: Arguments, channels: list[Channel], kinds: set[ChannelKind]
) -> list[Channel]:
    exclude_archived = arguments.flag("exclude_archived")
    return [
        channel
        for channel in channels
        if channel.kind in kinds and not (exclude_archived and channel.is_archived)
    ]


METHODS = {
    "conversations.list": Method(conversations_list, tier=2, scopes=READ_SCOPES),
    "conversations.info": Method(conversations_info, tier=3, scopes=READ_SCOPES),
    "conversations.members": Method(conversations_members, tier=4, scopes=READ_SCOPES),
    "users.conversations": Method(users_conversations, tier=2, scopes=READ_SCOPES),
    "conversations.join": Method(
        conversations_join,
        tier=3,
        scopes=("channels:join", "channels:write"),
        accepted="channels:join,channels:write,post",
    ),
}
