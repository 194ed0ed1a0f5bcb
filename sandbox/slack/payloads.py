"""Workspace objects as the JSON Slack sends.

The key sets follow recorded answers of 2026 and Slack's own SDK fixtures; ``tests/sandbox``
compares them. Addresses that a client may open (files) point back at the sandbox.
"""

import base64
from hashlib import blake2b
from typing import Any
from uuid import UUID

from sandbox.slack.directory import SLACKBOT, Directory
from sandbox.slack.model import Bot, Channel, Text, User, UserGroup

Payload = dict[str, Any]

AVATAR_SIZES = (24, 32, 48, 72, 192, 512)
TEAM_ICON_SIZES = (34, 44, 68, 88, 102, 132, 230)
BOT_ICON_SIZES = (36, 48, 72)
AVATARS = "https://avatars.slack-edge.com"
STATIC = "https://a.slack-edge.com/80588"


def fingerprint(*parts: str) -> bytes:
    """Sixteen bytes that depend on the parts only: the source of made-up ids and hashes."""
    return blake2b("\0".join(parts).encode(), digest_size=16).digest()


def client_msg_id(channel: str, ts: str) -> str:
    """The UUID a client gives the message it posts."""
    return str(UUID(bytes=fingerprint("client_msg_id", channel, ts), version=4))


def block_id(channel: str, ts: str, number: int = 0) -> str:
    """The short random id of a block."""
    return base64.b64encode(fingerprint("block", channel, ts, str(number))).decode()[:5]


def team_payload(directory: Directory) -> Payload:
    """``team`` of ``team.info``."""
    team = directory.team
    icon: Payload = {"image_default": True}
    icon |= {f"image_{n}": f"{STATIC}/img/avatars-teams/ava_0008-{n}.png" for n in TEAM_ICON_SIZES}
    return {
        "id": team.id,
        "name": team.name,
        "url": team.url,
        "domain": team.domain,
        "email_domain": team.email_domain,
        "avatar_base_url": "https://ca.slack-edge.com/",
        "is_verified": False,
        "icon": icon,
        "lob_sales_home_enabled": False,
        "is_sfdc_auto_slack": False,
    }


def user_payload(
    directory: Directory, user: User, *, email: bool = True, locale: bool = False
) -> Payload:
    """A user as ``users.list`` and ``users.info`` send it.

    Args:
        directory: Whose workspace answers.
        user: Who.
        email: Whether the token may see addresses (``users:read.email``).
        locale: Whether ``include_locale`` was asked for.
    """
    payload: Payload = {
        "id": user.id,
        "name": user.name,
        "is_bot": user.is_bot,
        "updated": user.updated,
        "is_app_user": False,
        "team_id": user.team_id,
        "deleted": user.deleted,
        "profile": _profile(user, email=email),
    }
    if not user.deleted:
        payload |= {
            "color": user.color,
            "is_email_confirmed": bool(user.email),
            "real_name": user.real_name,
            "tz": user.tz,
            "tz_label": user.tz_label,
            "tz_offset": user.tz_offset,
            "is_admin": user.role in ("admin", "owner", "primary_owner"),
            "is_owner": user.role in ("owner", "primary_owner"),
            "is_primary_owner": user.role == "primary_owner",
            "is_restricted": user.is_guest,
            "is_ultra_restricted": user.role == "single_channel_guest",
            "who_can_share_contact_card": "EVERYONE",
        }
    if user.team_id != directory.team.id:
        # A stranger is somebody of another team in no channel the token sees; these share one.
        payload["is_stranger"] = False
    if locale and not user.deleted:
        payload["locale"] = "en-GB"
    return payload


def _profile(user: User, *, email: bool) -> Payload:
    first, _, last = user.real_name.partition(" ")
    avatar = fingerprint("avatar", user.id).hex()[:12]
    if user.id == SLACKBOT:
        avatar = "sv41d8cd98f0"
        images = {f"image_{size}": f"{STATIC}/img/slackbot_{size}.png" for size in AVATAR_SIZES}
    else:
        images = {
            f"image_{size}": f"{AVATARS}/2025-02-03/{avatar}_{size}.png" for size in AVATAR_SIZES
        }
    profile: Payload = {
        "real_name": user.real_name,
        "display_name": user.display_name,
        "avatar_hash": avatar,
        "real_name_normalized": user.real_name,
        "display_name_normalized": user.display_name,
        **images,
        "first_name": first,
        "last_name": last,
        "team": user.team_id,
        "title": user.title,
        "phone": user.phone,
        "skype": "",
        "fields": {},
        "status_text": user.status_text,
        "status_text_canonical": "",
        "status_emoji": user.status_emoji,
        "status_emoji_display_info": [],
        "status_expiration": 0,
    }
    if email and user.email:
        profile["email"] = user.email
    if user.is_bot:
        custom = f"{AVATARS}/2026-02-25/{avatar}"
        profile |= {
            "image_1024": f"{custom}_1024.png",
            "image_original": f"{custom}_original.png",
            "is_custom_image": True,
            "bot_id": user.bot_id,
            "api_app_id": user.app_id,
            "always_active": False,
        }
    elif user.id == SLACKBOT:
        profile["always_active"] = True
    return profile


def short_profile(user: User) -> Payload:
    """``user_profile`` of a message: what exports and strangers' messages carry."""
    avatar = fingerprint("avatar", user.id).hex()[:12]
    return {
        "avatar_hash": avatar,
        "image_72": f"{AVATARS}/2025-02-03/{avatar}_72.png",
        "first_name": user.real_name.partition(" ")[0],
        "real_name": user.real_name,
        "display_name": user.display_name,
        "team": user.team_id,
        "name": user.name,
        "is_restricted": user.is_guest,
        "is_ultra_restricted": user.role == "single_channel_guest",
    }


def bot_payload(bot: Bot) -> Payload:
    """``bot`` of ``bots.info``."""
    payload: Payload = {
        "id": bot.id,
        "deleted": bot.deleted,
        "name": bot.name,
        "updated": bot.updated,
        "app_id": bot.app_id,
        "icons": {
            f"image_{size}": f"{AVATARS}/2025-08-19/{fingerprint(bot.id).hex()[:12]}_{size}.png"
            for size in BOT_ICON_SIZES
        },
    }
    return payload | ({"user_id": bot.user_id} if bot.user_id else {})


def usergroup_payload(
    directory: Directory, group: UserGroup, *, users: bool, count: bool
) -> Payload:
    """A user group as ``usergroups.list`` sends it."""
    payload: Payload = {
        "id": group.id,
        "team_id": directory.team.id,
        "is_usergroup": True,
        "is_subteam": True,
        "name": group.name,
        "description": group.description,
        "handle": group.handle,
        "is_external": False,
        "date_create": group.created,
        "date_update": group.updated,
        "date_delete": group.updated if group.deleted else 0,
        "auto_type": None,
        "auto_provision": False,
        "enterprise_subteam_id": "",
        "created_by": group.created_by,
        "updated_by": group.created_by,
        "deleted_by": group.created_by if group.deleted else None,
        "prefs": {"channels": group.channels, "groups": []},
        "channel_count": len(group.channels),
    }
    if users:
        payload["users"] = group.users
    if count:
        payload["user_count"] = len(group.users)
    return payload


def channel_payload(directory: Directory, channel: Channel, viewer: str) -> Payload:
    """A conversation as the list methods send it to ``viewer`` (a user id).

    ``num_members`` and ``is_member`` are in it; the methods that leave them out remove them.
    """
    if channel.kind == "im":
        return _direct_payload(directory, channel, viewer)
    team = directory.team.id
    is_mpim, legacy = channel.kind == "mpim", channel.id.startswith("G")
    # An archived channel counts as left by everybody, as recorded.
    members = set() if channel.is_archived else channel.members
    payload: Payload = {
        "id": channel.id,
        "created": channel.created,
        "creator": channel.creator,
        "is_org_shared": False,
        "is_im": False,
        "context_team_id": team,
        "updated": channel.updated,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": not (is_mpim or legacy),
        "is_group": is_mpim or legacy,
        "is_mpim": is_mpim,
        "is_private": channel.is_private,
        "is_archived": channel.is_archived,
        "is_general": channel.is_general,
        "is_shared": channel.is_ext_shared,
        "is_ext_shared": channel.is_ext_shared,
        "unlinked": 0,
        "is_pending_ext_shared": False,
        "pending_shared": [],
        "parent_conversation": None,
        "purpose": text_payload(channel.purpose),
        "topic": text_payload(channel.topic),
        "shared_team_ids": [team, *channel.connected_teams],
        "pending_connected_team_ids": [],
        "is_member": viewer in members,
        "num_members": len(members),
        "previous_names": channel.previous_names,
    }
    if channel.is_ext_shared:
        payload |= {
            "conversation_host_id": team,
            "internal_team_ids": [team],
            "connected_team_ids": list(channel.connected_teams),
        }
    if is_mpim:
        payload |= {"is_open": True, "priority": 0}
    else:
        payload["properties"] = {
            "tabs": [{"type": "bookmarks", "label": "", "id": "bookmarks"}],
            "tabz": [{"type": "bookmarks"}],
            "use_case": "welcome" if channel.is_general else "project",
        }
    return payload


def _direct_payload(directory: Directory, channel: Channel, viewer: str) -> Payload:
    others = sorted(channel.members - {viewer}) or [viewer]
    # An imported conversation may be with somebody the export does not know.
    partner = directory.users.get(others[0])
    return {
        "id": channel.id,
        "created": channel.created,
        "is_archived": channel.is_archived,
        "is_im": True,
        "is_org_shared": False,
        "context_team_id": directory.team.id,
        "updated": channel.updated,
        "user": others[0],
        "is_user_deleted": partner is not None and partner.deleted,
        "priority": 0,
    }


def text_payload(text: Text) -> Payload:
    """A channel's topic or purpose."""
    return {"value": text.value, "creator": text.creator, "last_set": text.last_set}
