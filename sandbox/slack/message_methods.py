"""Web API methods that read messages: history, threads, pins, permalinks."""

from bisect import bisect_left

import orjson

from sandbox.slack.errors import SlackError
from sandbox.slack.messages import encode_message, message_payload, permalink
from sandbox.slack.method import HISTORY_SCOPES, Method, WebCall
from sandbox.slack.model import Channel, Message
from sandbox.slack.paging import Cursor, cut_page, decode_cursor
from sandbox.slack.payloads import Payload
from sandbox.slack.switches import LIMITED_MODE_OBJECTS
from sandbox.slack.timestamps import FIRST_TS, LAST_TS, ts_microseconds

HISTORY_DEFAULT = 100
HISTORY_MAXIMUM = 999
REPLIES_DEFAULT = 1000
REPLIES_MAXIMUM = 1000
MAX_CURSOR_DIGITS = 16


def conversations_history(call: WebCall) -> Payload:
    """Top-level messages and broadcasts, newest first."""
    channel = call.viewer.readable_channel(call.arguments.required("channel"), "history")
    limit = _object_limit(call, HISTORY_DEFAULT, HISTORY_MAXIMUM)
    cursor = _ts_cursor(call)
    oldest, latest, inclusive = _time_range(call)
    low, high = call.viewer.timeline_range(channel.timeline, oldest, latest, inclusive=inclusive)
    if cursor:
        high = min(high, bisect_left(channel.timeline, cursor.key + "\x7f"))
    cut = cut_page(max(0, high - low), limit, cursor, call.switches)
    page = channel.timeline[high - cut.take : high]
    payload: Payload = {
        "messages": [_encoded(call, channel, channel.messages[ts]) for ts in reversed(page)],
        "has_more": cut.advance is not None,
        "pin_count": len(channel.pins),
        "channel_actions_ts": None,
        "channel_actions_count": 0,
    }
    if channel.timeline and channel.timeline[0] < call.viewer.hidden_before():
        payload["is_limited"] = True
    if cut.advance is None:
        return payload
    following = Cursor(_digits(channel.timeline[high - 1 - cut.advance]), cut.marker)
    return payload | {"response_metadata": {"next_cursor": following.encode("next_ts")}}


def conversations_replies(call: WebCall) -> Payload:
    """A thread: the root on every page, then replies, oldest first.

    Asked with a reply's ts, it gives that reply alone; asked with a message that has no replies,
    that message.
    """
    channel = call.viewer.readable_channel(call.arguments.required("channel"), "history")
    limit = _object_limit(call, REPLIES_DEFAULT, REPLIES_MAXIMUM)
    cursor = _ts_cursor(call)
    oldest, latest, inclusive = _time_range(call)
    root = channel.messages.get(call.arguments.text("ts"))
    if root is None or root.ts < call.viewer.hidden_before():
        raise SlackError("thread_not_found")
    thread = channel.threads.get(root.ts)
    if thread is None:
        return {"messages": [_encoded(call, channel, root)], "has_more": False}
    low, high = call.viewer.timeline_range(thread.replies, oldest, latest, inclusive=inclusive)
    if cursor:
        low = max(low, bisect_left(thread.replies, cursor.key))
    # The root counts as one of the objects; at least one reply follows, or paging would not end.
    cut = cut_page(max(0, high - low), max(1, limit - 1), cursor, call.switches)
    page = [root, *(channel.messages[ts] for ts in thread.replies[low : low + cut.take])]
    payload: Payload = {
        "messages": [_encoded(call, channel, message) for message in page],
        "has_more": cut.advance is not None,
    }
    if cut.advance is None:
        return payload
    following = Cursor(_digits(thread.replies[low + cut.advance]), cut.marker)
    return payload | {"response_metadata": {"next_cursor": following.encode("next_ts")}}


def pins_list(call: WebCall) -> Payload:
    """The pinned messages of a conversation, the latest pin first."""
    channel = call.viewer.channel(call.arguments.text("channel"))
    items: list[Payload] = []
    for ts in reversed(channel.pins):
        message = channel.messages[ts]
        if message.pin is None or ts < call.viewer.hidden_before():
            continue
        shown = message_payload(call.workspace, channel, message, call.base_url)
        shown["permalink"] = permalink(call.workspace, channel, ts, message.thread_ts)
        items.append(
            {
                "type": "message",
                "created": message.pin.created,
                "created_by": message.pin.user,
                "channel": channel.id,
                "message": shown,
            }
        )
    return {"items": items}


def chat_get_permalink(call: WebCall) -> Payload:
    """The address of a message."""
    channel = call.viewer.channel(call.arguments.text("channel"))
    message = channel.messages.get(call.arguments.text("message_ts"))
    if message is None:
        raise SlackError("message_not_found")
    link = permalink(call.workspace, channel, message.ts, message.thread_ts)
    return {"permalink": link, "channel": channel.id}


def _object_limit(call: WebCall, default: int, maximum: int) -> int:
    if call.switches.limited_mode:
        return call.arguments.limit(default=LIMITED_MODE_OBJECTS, maximum=LIMITED_MODE_OBJECTS)
    return call.arguments.limit(default=default, maximum=maximum)


def _time_range(call: WebCall) -> tuple[str, str, bool]:
    oldest, latest = call.arguments.ts("oldest"), call.arguments.ts("latest")
    # "inclusive" is ignored unless there is a bound it could include.
    inclusive = call.arguments.flag("inclusive") and (oldest is not None or latest is not None)
    return oldest or FIRST_TS, latest or LAST_TS, inclusive


def _ts_cursor(call: WebCall) -> Cursor | None:
    """The cursor with its key turned from Slack's ``1512085861000543`` into a ts."""
    cursor = decode_cursor(call.arguments.text("cursor"), "next_ts")
    if cursor is None:
        return None
    if not cursor.key.isdecimal() or len(cursor.key) > MAX_CURSOR_DIGITS:
        raise SlackError("invalid_cursor")
    return Cursor(f"{cursor.key[:-6].rjust(10, '0')}.{cursor.key[-6:]}", cursor.marker)


def _digits(ts: str) -> str:
    return str(ts_microseconds(ts)).rjust(MAX_CURSOR_DIGITS, "0")


def _encoded(call: WebCall, channel: Channel, message: Message) -> orjson.Fragment:
    return orjson.Fragment(encode_message(call.workspace, channel, message, call.base_url))


METHODS = {
    "conversations.history": Method(conversations_history, tier=3, scopes=HISTORY_SCOPES),
    "conversations.replies": Method(conversations_replies, tier=3, scopes=HISTORY_SCOPES),
    "pins.list": Method(pins_list, tier=2, scopes=("pins:read",)),
    "chat.getPermalink": Method(chat_get_permalink, tier=5),
}
