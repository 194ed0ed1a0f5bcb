"""A workspace written the way Slack writes a workspace export.

The form is that of real exports (hfaran/slack-export-viewer ships one): five lists at the top, a
folder a conversation, a file a day; thread roots name their ``replies``, people's messages carry
``user_profile``, and addresses of files end in a token.
"""

import zipfile
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from sandbox.slack.messages import FILES_HOST, message_payload
from sandbox.slack.model import Channel, Message
from sandbox.slack.payloads import Payload, short_profile, text_payload, user_payload
from sandbox.slack.timestamps import MICROSECONDS, ts_microseconds

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace

EXPORT_TOKEN = "xoxe-sandbox-export-token"  # noqa: S105
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Fixed, so that the same workspace gives the same bytes."""


def write_export(workspace: "Workspace", path: Path, *, private: bool) -> None:
    """Write the zip file; see :meth:`sandbox.slack.workspace.Workspace.write_export_zip`."""
    channels = [
        channel
        for channel in sorted(workspace.channels.values(), key=lambda channel: channel.id)
        if private or channel.kind == "public"
    ]
    users = [user_payload(workspace, user) for user in workspace.members()]
    with zipfile.ZipFile(path, "w") as archive:
        _write(archive, "users.json", users)
        _write(archive, "channels.json", [_head(c) for c in channels if c.kind == "public"])
        if private:
            _write(archive, "groups.json", [_head(c) for c in channels if c.kind == "private"])
            _write(archive, "mpims.json", [_head(c) for c in channels if c.kind == "mpim"])
            _write(archive, "dms.json", [_direct_head(c) for c in channels if c.kind == "im"])
        _write(archive, "integration_logs.json", _integration_logs(workspace))
        for channel in channels:
            _write_days(archive, workspace, channel)


def _write_days(archive: zipfile.ZipFile, workspace: "Workspace", channel: Channel) -> None:
    days: defaultdict[str, list[Payload]] = defaultdict(list)
    for ts in sorted(channel.messages):
        day = datetime.fromtimestamp(ts_microseconds(ts) // MICROSECONDS, tz=UTC)
        exported = _exported(workspace, channel, channel.messages[ts])
        days[day.strftime("%Y-%m-%d")].append(exported)
    folder = channel.id if channel.kind == "im" else channel.name
    for date, messages in days.items():
        _write(archive, f"{folder}/{date}.json", messages)


def _exported(workspace: "Workspace", channel: Channel, message: Message) -> Payload:
    payload = message_payload(workspace, channel, message, FILES_HOST)
    author = workspace.users.get(message.user)
    if author is not None and not author.is_bot and message.origin == "person":
        payload |= {
            "user_team": author.team_id,
            "source_team": author.team_id,
            "user_profile": short_profile(author),
        }
    if thread := channel.threads.get(message.ts):
        payload["replies"] = [
            {"user": channel.messages[ts].user, "ts": ts} for ts in thread.replies
        ]
    if "files" in payload:
        payload["files"] = [_with_tokens(file) for file in payload["files"]]
    return payload


def _with_tokens(file: Payload) -> Payload:
    return {
        key: f"{value}?t={EXPORT_TOKEN}"
        if isinstance(value, str) and value.startswith(FILES_HOST)
        else value
        for key, value in file.items()
    }


def _head(channel: Channel) -> Payload:
    head: Payload = {
        "id": channel.id,
        "name": channel.name,
        "created": channel.created,
        "creator": channel.creator,
        "is_archived": channel.is_archived,
        "is_general": channel.is_general,
        "members": sorted(channel.members),
        "topic": text_payload(channel.topic),
        "purpose": text_payload(channel.purpose),
    }
    pins = [(ts, channel.messages[ts]) for ts in channel.pins]
    if pins:
        head["pins"] = [
            {
                "id": ts,
                "type": "C",
                "created": message.pin.created,
                "user": message.pin.user,
                "owner": message.user,
            }
            for ts, message in pins
            if message.pin
        ]
    return head


def _direct_head(channel: Channel) -> Payload:
    return {"id": channel.id, "created": channel.created, "members": sorted(channel.members)}


def _integration_logs(workspace: "Workspace") -> list[Payload]:
    installer = next((user for user in workspace.members() if user.role == "primary_owner"), None)
    return [
        {
            "user_id": installer.id if installer else "",
            "user_name": installer.name if installer else "",
            "date": str(bot.updated),
            "change_type": "added",
            "app_type": bot.name,
            "app_id": bot.app_id,
            "scope": "chat:write" if bot.user_id else "incoming-webhook",
        }
        for bot in workspace.bots.values()
    ]


def _write(archive: zipfile.ZipFile, name: str, content: object) -> None:
    entry = zipfile.ZipInfo(name, _ZIP_EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, orjson.dumps(content, option=orjson.OPT_INDENT_2))
