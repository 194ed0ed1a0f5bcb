"""A workspace built from a Slack workspace export.

An export is a record of messages, not of the service: replies lie among the other messages of their
day, and what the API counts (replies, pins, memberships) has to be put together again.
"""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import orjson

from sandbox.slack.directory import SLACKBOT
from sandbox.slack.messages import tombstone_of
from sandbox.slack.model import Bot, Channel, ChannelKind, File, Message, Pin, Role, Text, User

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace

Raw = dict[str, Any]

_LISTS: tuple[tuple[str, ChannelKind], ...] = (
    ("channels.json", "public"),
    ("groups.json", "private"),
    ("mpims.json", "mpim"),
    ("dms.json", "im"),
)
_REBUILT_KEYS = frozenset(
    {
        "type",
        "ts",
        "user",
        "text",
        "subtype",
        "thread_ts",
        "parent_user_id",
        "root",
        "replies",
        "reply_count",
        "reply_users",
        "reply_users_count",
        "latest_reply",
        "is_locked",
        "subscribed",
        "last_read",
        "unread_count",
        "reactions",
        "edited",
        "files",
        "file",
        "pinned_to",
        "pinned_info",
        "hidden",
    }
)
"""Keys of an exported message that this workspace keeps in its own form or counts anew."""

_PERSONAL_KEYS = frozenset({"user_team", "source_team", "user_profile"})
"""Added by the export to everybody's messages; the API sends them for strangers only."""

_MODELLED_FILE_KEYS = frozenset(
    {
        "id",
        "created",
        "timestamp",
        "name",
        "title",
        "mimetype",
        "filetype",
        "pretty_type",
        "user",
        "user_team",
        "editable",
        "size",
        "mode",
        "is_external",
        "external_type",
        "is_public",
        "permalink",
        "permalink_public",
        "url_private",
        "url_private_download",
        "original_w",
        "original_h",
    }
)


def load_export(workspace: "Workspace", path: Path) -> None:
    """Fill an empty workspace.

    Raises:
        ValueError: The file is no zip archive, or lacks ``users.json`` or ``channels.json``.
    """
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path.name} is no zip archive") from error
    with archive:
        names = set(archive.namelist())
        if missing := {"users.json", "channels.json"} - names:
            raise ValueError(f"{path.name} is no Slack export: it lacks {sorted(missing)}")
        _load_people(workspace, _read(archive, "users.json"))
        for list_name, kind in _LISTS:
            if list_name in names:
                for head in _read(archive, list_name):
                    channel = _load_channel(workspace, head, kind)
                    raw = list(_messages_of(archive, names, channel))
                    _load_messages(workspace, channel, raw)
                    _load_pins(channel, head)
    for channel in workspace.channels.values():
        _connect_teams(workspace, channel)


def _load_people(workspace: "Workspace", people: list[Raw]) -> None:
    team_id = next((person["team_id"] for person in people if person.get("team_id")), None)
    if team_id:
        workspace.team.id = team_id
        workspace.users[SLACKBOT].team_id = team_id
    for person in people:
        profile: Raw = person.get("profile") or {}
        user = User(
            person["id"],
            person.get("team_id") or workspace.team.id,
            person.get("name", ""),
            person.get("real_name") or profile.get("real_name") or "",
            display_name=profile.get("display_name", ""),
            email=profile.get("email") or "",
            title=profile.get("title", ""),
            phone=profile.get("phone", ""),
            role=_role(person),
            tz=person.get("tz") or "America/Los_Angeles",
            tz_label=person.get("tz_label", "Pacific Standard Time"),
            tz_offset=int(person.get("tz_offset", -28800)),
            color=person.get("color", "9f69e7"),
            deleted=bool(person.get("deleted")),
            updated=int(person.get("updated", 0)),
            status_text=profile.get("status_text", ""),
            status_emoji=profile.get("status_emoji", ""),
            bot_id=profile.get("bot_id", ""),
            app_id=profile.get("api_app_id", ""),
        )
        workspace.adopt_user(user)
        if user.bot_id:
            workspace.bots[user.bot_id] = Bot(
                user.bot_id, user.real_name, user.app_id, user.id, updated=user.updated
            )


def _role(person: Raw) -> Role:
    if person.get("is_primary_owner"):
        return "primary_owner"
    if person.get("is_owner"):
        return "owner"
    if person.get("is_admin"):
        return "admin"
    if person.get("is_ultra_restricted"):
        return "single_channel_guest"
    return "guest" if person.get("is_restricted") else "member"


def _load_channel(workspace: "Workspace", head: Raw, kind: ChannelKind) -> Channel:
    created, members = int(head.get("created", 0)), list(head.get("members", []))
    channel = Channel(
        head["id"],
        head.get("name", ""),
        kind,
        created,
        head.get("creator") or (members[0] if members else SLACKBOT),
        updated=created * 1000,
        is_general=bool(head.get("is_general")),
        is_archived=bool(head.get("is_archived")),
        topic=_text(head.get("topic")),
        purpose=_text(head.get("purpose")),
        members=set(members),
    )
    workspace.channels[channel.id] = channel
    return channel


def _text(raw: Raw | None) -> Text:
    raw = raw or {}
    return Text(raw.get("value", ""), raw.get("creator", ""), int(raw.get("last_set", 0)))


def _messages_of(archive: zipfile.ZipFile, names: set[str], channel: Channel) -> Iterator[Raw]:
    for folder in (channel.name, channel.id):
        prefix = f"{folder}/"
        days = sorted(name for name in names if folder and name.startswith(prefix))
        for day in days:
            if day.endswith(".json"):
                yield from _read(archive, day)


def _load_messages(workspace: "Workspace", channel: Channel, raw_messages: list[Raw]) -> None:
    roots = {reply["ts"]: raw["ts"] for raw in raw_messages for reply in raw.get("replies") or ()}
    for raw in raw_messages:
        # Exports before 2018 name a thread's replies at the root only.
        raw.setdefault("thread_ts", roots.get(raw["ts"], ""))
        _adopt_author(workspace, raw)
        workspace.adopt_message(channel, _message(workspace, channel, raw))
    for root_ts in list(channel.threads):
        if root_ts not in channel.messages:
            # The root was deleted before the export; the API shows what Slack left of it.
            workspace.adopt_message(channel, tombstone_of(Message(root_ts, "", "")))


def _message(workspace: "Workspace", channel: Channel, raw: Raw) -> Message:
    dropped = _REBUILT_KEYS
    author = workspace.users.get(raw.get("user", ""))
    if author is None or author.team_id == workspace.team.id:
        dropped = dropped | _PERSONAL_KEYS
    fields = {key: value for key, value in raw.items() if key not in dropped}
    subtype = raw.get("subtype", "")
    if raw.get("hidden") and subtype == "tombstone":
        fields["hidden"] = True
    files = raw.get("files") or ([raw["file"]] if raw.get("file") else [])
    thread_ts = raw.get("thread_ts") or ""
    edited = raw.get("edited")
    return Message(
        raw["ts"],
        raw.get("user", ""),
        raw.get("text", ""),
        "import",
        # Messages with a file lost this subtype when Slack let them have several.
        "" if subtype == "file_share" else subtype,
        thread_ts="" if thread_ts == raw["ts"] else thread_ts,
        fields=fields or None,
        files=tuple(_adopt_file(workspace, channel, raw["ts"], file) for file in files),
        reactions={item["name"]: list(item["users"]) for item in raw.get("reactions", [])} or None,
        edited=(edited["user"], edited["ts"]) if edited else None,
    )


def _adopt_author(workspace: "Workspace", raw: Raw) -> None:
    """Make known who posted, where only the message itself tells."""
    profile, user_id = raw.get("user_profile"), raw.get("user")
    if profile and user_id and user_id not in workspace.users:
        stranger = User(
            user_id,
            profile.get("team") or raw.get("user_team", ""),
            profile.get("name", ""),
            profile.get("real_name") or "",
            display_name=profile.get("display_name", ""),
        )
        workspace.adopt_user(stranger)
    bot_id = raw.get("bot_id")
    if bot_id and bot_id not in workspace.bots:
        known: Raw = raw.get("bot_profile") or {}
        workspace.bots[bot_id] = Bot(
            bot_id,
            known.get("name") or raw.get("username") or bot_id,
            known.get("app_id", ""),
            known.get("user_id", ""),
            deleted=bool(known.get("deleted")),
            updated=int(known.get("updated", 0)),
        )


def _adopt_file(workspace: "Workspace", channel: Channel, ts: str, raw: Raw) -> str:
    file = workspace.files.get(raw["id"])
    if file is None:
        file = File(
            raw["id"],
            raw.get("name") or _name_in_address(raw),
            raw.get("title") or "",
            raw.get("mimetype") or "",
            raw.get("filetype") or "",
            raw.get("pretty_type") or "",
            raw.get("user") or "",
            int(raw.get("created") or 0),
            None,
            int(raw.get("size") or 0),
            mode=raw.get("mode") or "hosted",
            width=int(raw.get("original_w") or 0),
            height=int(raw.get("original_h") or 0),
            external_url=raw.get("url_private", "") if raw.get("is_external") else "",
            fields={
                key: value
                for key, value in raw.items()
                if key not in _MODELLED_FILE_KEYS and not key.startswith("thumb_")
            },
        )
        workspace.files[file.id] = file
    file.shares.setdefault(channel.id, []).append(ts)
    return file.id


def _name_in_address(raw: Raw) -> str:
    return unquote(urlsplit(raw.get("url_private") or "").path.rpartition("/")[2]) or "file"


def _load_pins(channel: Channel, head: Raw) -> None:
    for pin in head.get("pins") or ():
        if message := channel.messages.get(pin["id"]):
            message.pin = Pin(pin.get("user", ""), int(pin.get("created", 0)))
            channel.pins.append(message.ts)


def _connect_teams(workspace: "Workspace", channel: Channel) -> None:
    """A conversation with strangers in it is shared with their companies."""
    teams = {workspace.users[member].team_id for member in channel.members & set(workspace.users)}
    if not channel.is_direct:
        channel.connected_teams = sorted(teams - {workspace.team.id})


def _read(archive: zipfile.ZipFile, name: str) -> list[Raw]:
    content: list[Raw] = orjson.loads(archive.read(name))
    return content
