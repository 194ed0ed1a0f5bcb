"""What goes into a Slack record, the same from the Web API and from an export ZIP."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any, Final, Protocol

from documents.principals import user as user_principal
from documents.principals import user_without_email
from exporters.changes import RawRecord
from exporters.slack.blocks import mentions
from exporters.slack.documents import DAY, SOURCE, THREAD, ts_key, ts_time

SLACKBOT: Final = "USLACKBOT"
"""Id of Slack's own user, which no list marks as a bot."""

_OF_THE_VIEWER: Final = frozenset({"last_read", "subscribed", "unread_count", "is_starred"})
"""Fields that tell of the token's owner, not of the message; they change with every read."""


class Directory(Protocol):
    """Who and what the ids in messages are; None for an unknown one."""

    def person(self, user_id: str) -> Mapping[str, Any] | None:
        """`name`, `email` (may be None) and `is_bot` of a person or a bot."""

    def channel_name(self, channel_id: str) -> str | None:
        """A channel's name, without `#`."""

    def group_handle(self, group_id: str) -> str | None:
        """A user group's handle, without `@`."""


def is_thread_root(message: Mapping[str, Any]) -> bool:
    """Whether a top-level message has replies."""
    return bool(message.get("reply_count") or message.get("replies"))


def is_reply(message: Mapping[str, Any]) -> bool:
    """Whether a message belongs to another one's thread (shown in the channel too, or not)."""
    thread_ts = message.get("thread_ts")
    return thread_ts is not None and thread_ts != message["ts"]


def day_of(ts: str) -> str:
    """The UTC day of a `ts`, as `YYYY-MM-DD`."""
    return ts_time(ts).strftime("%Y-%m-%d")


def day_start(day: str) -> datetime:
    """The moment a UTC day begins."""
    return datetime.combine(datetime.fromisoformat(day).date(), time(), UTC)


def thread_record(
    *,
    team: Mapping[str, Any],
    channel: Mapping[str, Any],
    root_ts: str,
    messages: Sequence[Mapping[str, Any]],
    directory: Directory,
    version: str | None,
    fetched_at: datetime,
    file_texts: Mapping[str, str] | None = None,
    file_reasons: Mapping[str, str] | None = None,
) -> RawRecord:
    """The record of a thread: its root (where it still exists) and replies."""
    return RawRecord(
        entity=THREAD,
        external_id=f"{channel['id']}:{root_ts}",
        payload=_payload(
            team, channel, messages, directory, texts=file_texts, reasons=file_reasons
        ),
        occurred_at=ts_time(root_ts),
        version=version,
        fetched_at=fetched_at,
    )


def day_record(
    *,
    team: Mapping[str, Any],
    channel: Mapping[str, Any],
    day: str,
    messages: Sequence[Mapping[str, Any]],
    directory: Directory,
    version: str | None,
    fetched_at: datetime,
    file_texts: Mapping[str, str] | None = None,
    file_reasons: Mapping[str, str] | None = None,
) -> RawRecord:
    """The record of the single messages of a channel and day."""
    return RawRecord(
        entity=DAY,
        external_id=f"{channel['id']}:{day}",
        payload=_payload(
            team, channel, messages, directory, texts=file_texts, reasons=file_reasons
        ),
        occurred_at=day_start(day),
        version=version,
        fetched_at=fetched_at,
    )


def _payload(
    team: Mapping[str, Any],
    channel: Mapping[str, Any],
    messages: Iterable[Mapping[str, Any]],
    directory: Directory,
    *,
    texts: Mapping[str, str] | None,
    reasons: Mapping[str, str] | None,
) -> dict[str, Any]:
    kept = [
        _without_viewer(message)
        for message in sorted(messages, key=lambda message: ts_key(message["ts"]))
    ]
    people: set[str] = set()
    channels: set[str] = set()
    groups: set[str] = set()
    for message in kept:
        comment = message.get("comment")
        commenter = comment.get("user") if isinstance(comment, Mapping) else None
        people.update(
            uid
            for uid in (message.get("user"), message.get("bot_id"), commenter)
            if isinstance(uid, str)
        )
        found = mentions(message)
        people.update(found.users)
        channels.update(found.channels)
        groups.update(found.usergroups)
    payload: dict[str, Any] = {
        "team": team,
        "channel": channel,
        "people": _known((uid, directory.person(uid)) for uid in people),
        "channels": _known((cid, directory.channel_name(cid)) for cid in channels),
        "groups": _known((gid, directory.group_handle(gid)) for gid in groups),
        "messages": kept,
    }
    if texts:
        payload["file_texts"] = dict(texts)
    if reasons:
        payload["file_reasons"] = dict(reasons)
    return payload


def _without_viewer(message: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in message.items() if key not in _OF_THE_VIEWER}
    if isinstance(root := kept.get("root"), Mapping):  # a broadcast carries its thread's root
        kept["root"] = _without_viewer(root)
    return kept


def _known(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {key: value for key, value in sorted(pairs) if value is not None}


def channel_summary(channel: Mapping[str, Any], name: str | None = None) -> dict[str, Any]:
    """What of a channel object the documents need, from `conversations.list` or an export.

    What changes with every message or member (`num_members`, `updated`, `last_read`) is left out,
    so a busy channel does not look like a changed one.

    Args:
        channel: Slack's channel object.
        name: What to call it; direct messages carry no name of their own.
    """
    if channel.get("is_im"):
        kind = "dm"
    elif channel.get("is_mpim"):
        kind = "group_dm"
    elif channel.get("is_private") or channel.get("is_group"):
        kind = "private"
    else:
        kind = "public"
    teams = channel.get("shared_team_ids") if channel.get("is_org_shared") else None
    return {
        "id": channel["id"],
        "name": name or channel.get("name") or channel["id"],
        "kind": kind,
        "is_archived": bool(channel.get("is_archived")),
        "is_shared": bool(channel.get("is_shared") or channel.get("is_ext_shared")),
        "topic": (channel.get("topic") or {}).get("value") or "",
        "purpose": (channel.get("purpose") or {}).get("value") or "",
        "team_ids": sorted(teams) if teams else None,
    }


def person_summary(user: Mapping[str, Any]) -> dict[str, Any]:
    """What of a user object the documents need, from `users.list` or an export."""
    profile = user.get("profile") or {}
    name = (
        profile.get("display_name")
        or profile.get("real_name")
        or user.get("real_name")
        or user.get("name")
        or user["id"]
    )
    return {
        "name": name,
        "email": (profile.get("email") or "").lower() or None,
        "is_bot": bool(user.get("is_bot") or user["id"] == SLACKBOT),
    }


def direct_message_name(people: Iterable[Mapping[str, Any] | None]) -> str | None:
    """What a direct message is called: the names of those in it, in order of the alphabet."""
    return ", ".join(sorted(person["name"] for person in people if person)) or None


def is_full_member(user: Mapping[str, Any], team_id: str) -> bool:
    """Whether a user sees every public channel: no guest, no bot, not deactivated, of this team.

    Guests see only the channels they are members of, and people of connected organisations only
    the shared ones (https://slack.com/help/articles/202518103). In an Enterprise Grid a user
    belongs to several teams.
    """
    teams = (user.get("enterprise_user") or {}).get("teams") or [user.get("team_id") or team_id]
    return not (
        user.get("deleted")
        or user.get("is_bot")
        or user.get("is_restricted")
        or user.get("is_ultra_restricted")
        or user.get("is_stranger")
        or user["id"] == SLACKBOT
        or team_id not in teams
    )


def member_principal(user: Mapping[str, Any]) -> str:
    """The principal of an account: by e-mail address where Slack tells it."""
    email = (user.get("profile") or {}).get("email")
    return user_principal(email) if email else user_without_email(SOURCE, user["id"])
