"""Web API methods about the team, its people, groups, bots and emoji."""

from bisect import bisect_left

from sandbox.slack.directory import SLACKBOT
from sandbox.slack.errors import SlackError
from sandbox.slack.method import Method, WebCall
from sandbox.slack.model import User
from sandbox.slack.paging import Cursor, cut_page, decode_cursor
from sandbox.slack.payloads import (
    Payload,
    bot_payload,
    team_payload,
    user_payload,
    usergroup_payload,
)

USERS_MAXIMUM = 1000
EMAIL_SCOPE = "users:read.email"


def auth_test(call: WebCall) -> Payload:
    """Who the token is."""
    team, user = call.workspace.team, call.viewer.user
    payload = {
        "url": team.url,
        "team": team.name,
        "user": user.name,
        "team_id": team.id,
        "user_id": user.id,
    }
    if user.bot_id and call.viewer.token.kind == "bot":
        payload["bot_id"] = user.bot_id
    return {**payload, "is_enterprise_install": False}


def team_info(call: WebCall) -> Payload:
    """The workspace; another team's is not to be seen."""
    wanted = call.arguments.text("team", call.workspace.team.id)
    if wanted != call.workspace.team.id:
        raise SlackError("team_not_found")
    return {"team": team_payload(call.workspace)}


def users_list(call: WebCall) -> Payload:
    """Everybody of the workspace. Strangers of shared channels are not listed, as in Slack."""
    members = call.workspace.members()
    payload: Payload = {"members": members, "cache_ts": call.workspace.now_seconds()}
    if "limit" not in call.arguments.values and "cursor" not in call.arguments.values:
        # Without a limit Slack sends all and says nothing of cursors (recorded).
        return payload | {"members": [_user(call, member) for member in members]}
    limit = call.arguments.limit(default=USERS_MAXIMUM, maximum=USERS_MAXIMUM)
    cursor = decode_cursor(call.arguments.text("cursor"), "user")
    keys = [_list_position(member.id) for member in members]
    start = bisect_left(keys, _list_position(cursor.key)) if cursor else 0
    cut = cut_page(len(members) - start, limit, cursor, call.switches)
    payload["members"] = [_user(call, member) for member in members[start : start + cut.take]]
    following = ""
    if cut.advance is not None:
        payload["offset"] = members[start + cut.advance].id
        following = Cursor(payload["offset"], cut.marker).encode("user")
    return payload | {"response_metadata": {"next_cursor": following}}


def users_info(call: WebCall) -> Payload:
    """One person; strangers of shared channels too."""
    user = call.workspace.users.get(call.arguments.text("user"))
    if user is None:
        raise SlackError("user_not_found")
    return {"user": _user(call, user)}


def usergroups_list(call: WebCall) -> Payload:
    """The user groups, disabled ones on request."""
    flags = call.arguments
    groups = sorted(call.workspace.usergroups.values(), key=lambda group: group.id)
    return {
        "usergroups": [
            usergroup_payload(
                call.workspace,
                group,
                users=flags.flag("include_users"),
                count=flags.flag("include_count"),
            )
            for group in groups
            if flags.flag("include_disabled") or not group.deleted
        ]
    }


def bots_info(call: WebCall) -> Payload:
    """One integration."""
    bot = call.workspace.bots.get(call.arguments.text("bot"))
    if bot is None:
        raise SlackError("bot_not_found")
    return {"bot": bot_payload(bot)}


def emoji_list(call: WebCall) -> Payload:
    """Custom emoji: an address each, or ``alias:name``."""
    return {"emoji": call.workspace.emoji, "cache_ts": f"{call.workspace.now_seconds()}.000000"}


def _user(call: WebCall, user: User) -> Payload:
    return user_payload(
        call.workspace,
        user,
        email=EMAIL_SCOPE in call.viewer.token.scopes,
        locale=call.arguments.flag("include_locale"),
    )


def _list_position(user_id: str) -> tuple[bool, str]:
    """Slackbot comes first, then everybody by id (recorded order)."""
    return user_id != SLACKBOT, user_id


METHODS = {
    "auth.test": Method(auth_test, tier=5),
    "team.info": Method(team_info, tier=3, scopes=("team:read",)),
    "users.list": Method(users_list, tier=2, scopes=("users:read",)),
    "users.info": Method(users_info, tier=4, scopes=("users:read",)),
    "usergroups.list": Method(usergroups_list, tier=2, scopes=("usergroups:read",)),
    "bots.info": Method(bots_info, tier=3, scopes=("users:read",)),
    "emoji.list": Method(emoji_list, tier=2, scopes=("emoji:read",)),
}
