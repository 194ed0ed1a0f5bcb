"""Messages and files as the JSON Slack sends, and their encoded form."""

from collections import Counter
from typing import Any
from urllib.parse import quote

import orjson

from sandbox.slack.conversations import Conversations
from sandbox.slack.directory import SLACKBOT
from sandbox.slack.model import Channel, File, Message
from sandbox.slack.payloads import (
    Payload,
    block_id,
    bot_payload,
    client_msg_id,
    fingerprint,
    short_profile,
)
from sandbox.slack.richtext import rich_text

FILES_HOST = "https://files.slack.com"
REPLY_USERS_SHOWN = 5
PREVIEW_LINES = 5
THUMBNAIL_SIZES = (64, 80, 160, 360)


def permalink(workspace: Conversations, channel: Channel, ts: str, thread_ts: str = "") -> str:
    """The address of a message, as ``chat.getPermalink`` gives it."""
    link = f"{workspace.team.url}archives/{channel.id}/p{ts.replace('.', '')}"
    return f"{link}?thread_ts={thread_ts}&cid={channel.id}" if thread_ts else link


def encode_message(
    workspace: Conversations, channel: Channel, message: Message, base_url: str
) -> bytes:
    """A message as JSON, from its cache where possible.

    Messages with files hold the address of the server that is asked and are not kept.
    """
    if message.encoded is not None:
        return message.encoded
    root = channel.messages.get(message.thread_ts) if message.is_broadcast else None
    encoded = orjson.dumps(message_payload(workspace, channel, message, base_url))
    if not message.files and not (root and root.files):
        # A copy: what orjson returns holds on to a buffer several times its length.
        message.encoded = bytes(memoryview(encoded))
    return encoded


def message_payload(
    workspace: Conversations, channel: Channel, message: Message, base_url: str
) -> Payload:
    """A message as ``conversations.history`` and ``conversations.replies`` send it."""
    payload: Payload = {"type": "message", "ts": message.ts, "text": message.text}
    if message.subtype:
        payload["subtype"] = message.subtype
    if message.user:
        payload["user"] = message.user
    if message.origin == "person":
        _add_personal(payload, workspace, channel, message)
    elif message.origin == "app":
        _add_app(payload, workspace, channel, message)
    if message.fields:
        payload |= message.fields
    if message.files:
        payload["files"] = [
            file_payload(workspace, workspace.files[file_id], base_url) for file_id in message.files
        ]
        payload.setdefault("upload", False)
        payload.setdefault("display_as_bot", False)
    if message.edited:
        payload["edited"] = {"user": message.edited[0], "ts": message.edited[1]}
    if message.reactions:
        payload["reactions"] = [
            {"name": name, "users": users, "count": len(users)}
            for name, users in message.reactions.items()
        ]
    if message.pin:
        payload["pinned_to"] = [channel.id]
    payload |= _thread_fields(workspace, channel, message, base_url)
    return payload


def _add_personal(
    payload: Payload, workspace: Conversations, channel: Channel, message: Message
) -> None:
    author = workspace.users.get(message.user)
    payload["client_msg_id"] = client_msg_id(channel.id, message.ts)
    payload["team"] = author.team_id if author else workspace.team.id
    if message.text:
        payload["blocks"] = [rich_text(message.text, block_id(channel.id, message.ts))]
    if author and author.team_id != workspace.team.id:
        payload |= {
            "user_team": author.team_id,
            "source_team": author.team_id,
            "user_profile": short_profile(author),
        }


def _add_app(
    payload: Payload, workspace: Conversations, channel: Channel, message: Message
) -> None:
    bot = workspace.bots[workspace.users[message.user].bot_id]
    payload |= {
        "bot_id": bot.id,
        "app_id": bot.app_id,
        "team": workspace.team.id,
        "bot_profile": {**bot_payload(bot), "team_id": workspace.team.id},
    }
    if message.text:
        payload["blocks"] = [rich_text(message.text, block_id(channel.id, message.ts))]


def _thread_fields(
    workspace: Conversations, channel: Channel, message: Message, base_url: str
) -> Payload:
    if message.thread_ts:
        root = channel.messages.get(message.thread_ts)
        fields: Payload = {"thread_ts": message.thread_ts}
        if root and root.user:
            fields["parent_user_id"] = root.user
        if message.is_broadcast and root:
            fields["root"] = message_payload(workspace, channel, root, base_url)
        return fields
    thread = channel.threads.get(message.ts)
    if thread is None or not thread.replies:
        return {}
    authors = Counter(
        reply.user or str((reply.fields or {}).get("bot_id", ""))
        for reply in (channel.messages[ts] for ts in thread.replies)
    )
    return {
        "thread_ts": message.ts,
        "reply_count": len(thread.replies),
        "reply_users_count": len(authors),
        "latest_reply": thread.replies[-1],
        "reply_users": list(authors)[:REPLY_USERS_SHOWN],
        "is_locked": False,
        "subscribed": False,
    }


def tombstone_of(message: Message) -> Message:
    """What remains of a deleted root that has replies."""
    return Message(
        message.ts,
        SLACKBOT,
        "This message was deleted.",
        "system",
        "tombstone",
        fields={"hidden": True},
    )


def file_payload(
    workspace: Conversations, file: File, base_url: str = FILES_HOST, *, shares: bool = False
) -> Payload:
    """A file as messages carry it, or with ``shares`` as ``files.info`` sends it."""
    if file.mode == "tombstone":
        return {"id": file.id, "mode": "tombstone"}
    team, name = workspace.team, quote(file.name)
    private = f"{base_url}/files-pri/{team.id}-{file.id}"
    payload: Payload = {
        "id": file.id,
        "created": file.created,
        "timestamp": file.created,
        "name": file.name,
        "title": file.title,
        "mimetype": file.mimetype,
        "filetype": file.filetype,
        "pretty_type": file.pretty_type,
        "user": file.user,
        "user_team": team.id,
        "editable": file.mode == "snippet",
        "size": file.size,
        "mode": file.mode,
        "is_external": file.mode == "external",
        "external_type": "gdrive" if file.mode == "external" else "",
        "is_public": any(_is_public(workspace, place) for place in file.shares),
        "public_url_shared": False,
        "display_as_bot": False,
        "username": "",
        "url_private": file.external_url or f"{private}/{name}",
        "permalink": f"{team.url}files/{file.user}/{file.id}/{name}",
        "has_rich_preview": False,
        "file_access": "visible",
    }
    if file.external_url:
        payload["external_url"] = file.external_url
    else:
        secret = fingerprint("public", file.id).hex()[:10]
        payload["url_private_download"] = f"{private}/download/{name}"
        payload["permalink_public"] = f"https://slack-files.com/{team.id}-{file.id}-{secret}"
        payload["media_display_type"] = "unknown"
    if file.mimetype.startswith("image/"):
        payload |= _image_fields(workspace, file, base_url)
    elif file.content is not None and file.mimetype.startswith("text/"):
        payload |= _text_fields(workspace, file)
    if file.fields:
        payload |= file.fields
    if shares:
        payload |= _share_fields(workspace, file)
    return payload


def _image_fields(workspace: Conversations, file: File, base_url: str) -> Payload:
    stem, _, suffix = file.name.rpartition(".")
    thumbnails = f"{base_url}/files-tmb/{workspace.team.id}-{file.id}-0a1b2c3d4e"
    fields: Payload = {"original_w": file.width, "original_h": file.height}
    for size in THUMBNAIL_SIZES:
        fields[f"thumb_{size}"] = f"{thumbnails}/{quote(stem)}_{size}.{suffix}"
    fields |= {"thumb_360_w": min(file.width, 360), "thumb_360_h": min(file.height, 360)}
    return fields


def _text_fields(workspace: Conversations, file: File) -> Payload:
    lines = (file.content or b"").decode(errors="replace").splitlines()
    preview = "\n".join(lines[:PREVIEW_LINES])
    return {
        "edit_link": f"{workspace.team.url}files/{file.user}/{file.id}/{quote(file.name)}/edit",
        "preview": preview,
        "preview_highlight": f'<div class="CodeMirror cm-s-default"><pre>{preview}</pre></div>',
        "lines": len(lines),
        "lines_more": max(0, len(lines) - PREVIEW_LINES),
        "preview_is_truncated": len(lines) > PREVIEW_LINES,
    }


def _is_public(workspace: Conversations, channel_id: str) -> bool:
    channel = workspace.channels.get(channel_id)
    return channel is not None and channel.kind == "public"


def _share_fields(workspace: Conversations, file: File) -> Payload:
    places: dict[str, dict[str, Any]] = {"public": {}, "private": {}}
    listed: dict[str, list[str]] = {"channels": [], "groups": [], "ims": []}
    for channel_id, timestamps in file.shares.items():
        key = {"C": "channels", "G": "groups", "D": "ims"}[channel_id[0]]
        listed[key].append(channel_id)
        place = places["public" if _is_public(workspace, channel_id) else "private"]
        place[channel_id] = [{"ts": ts} for ts in timestamps]
    shares = {visibility: shared for visibility, shared in places.items() if shared}
    return {**listed, "shares": shares, "comments_count": 0}
