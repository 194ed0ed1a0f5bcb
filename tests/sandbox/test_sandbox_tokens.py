"""Who sees what: tokens, scopes, memberships, downloads."""

import pytest
from sandbox_clients import client_of, error_of, raw
from slack_sdk import WebClient

from sandbox.slack import (
    BOT_TOKEN,
    GUEST_TOKEN,
    LEAVER_TOKEN,
    MEMBER_TOKEN,
    NO_EMAIL_TOKEN,
    NO_FILES_TOKEN,
    PUBLIC_ONLY_TOKEN,
    REVOKED_TOKEN,
    USER_TOKEN,
    SlackSandbox,
)

ALL_TYPES = "public_channel,private_channel,mpim,im"


def names_seen(client: WebClient, types: str = ALL_TYPES) -> set[str]:
    pages = client.conversations_list(types=types, limit=999)
    return {channel.get("name", channel["id"]) for page in pages for channel in page["channels"]}


@pytest.mark.parametrize(
    ("token", "error"),
    [
        ("", "not_authed"),
        ("xoxb-wrong", "invalid_auth"),
        (REVOKED_TOKEN, "token_revoked"),
        (LEAVER_TOKEN, "account_inactive"),
    ],
)
def test_a_token_that_does_not_work_says_why(company: SlackSandbox, token: str, error: str) -> None:
    assert error_of(client_of(company, token), "auth.test")["error"] == error


def test_an_unknown_method_is_named_in_the_answer(company: SlackSandbox) -> None:
    answer = error_of(client_of(company), "chat.postMessage", channel="C1", text="hi")
    assert answer == {"ok": False, "error": "unknown_method", "req_method": "chat.postMessage"}


def test_a_token_may_stand_in_the_header_the_form_or_the_query(company: SlackSandbox) -> None:
    assert raw(company, "/api/auth.test", "").json["ok"]
    assert raw(company, "/api/auth.test", f"token={BOT_TOKEN}", token="").json["ok"]
    assert raw(company, f"/api/auth.test?token={BOT_TOKEN}", token="").json["ok"]


def test_tokens_are_not_in_the_request_log(company: SlackSandbox) -> None:
    raw(company, "/api/team.info", f"token={BOT_TOKEN}&team=", token="")
    assert BOT_TOKEN not in repr(company.requests[-1])
    assert company.requests[-1].operation == "team.info"


def test_a_bot_reads_public_channels_only_where_it_is_a_member(company: SlackSandbox) -> None:
    client, workspace = client_of(company), company.workspace
    assert {"general", "pets"} <= names_seen(client)
    assert client.conversations_history(channel=workspace.channel("general").id)["messages"]
    pets = workspace.channel("pets").id
    answer = error_of(client, "conversations.history", channel=pets)
    assert answer["error"] == "not_in_channel"
    assert client.conversations_members(channel=pets)["members"]


def test_a_person_reads_any_public_channel(company: SlackSandbox) -> None:
    pets = company.workspace.channel("pets")
    for token in (USER_TOKEN, MEMBER_TOKEN):
        messages = client_of(company, token).conversations_history(channel=pets.id)["messages"]
        assert [message["ts"] for message in messages] == pets.timeline[::-1]


def test_private_channels_do_not_exist_for_who_is_not_in_them(company: SlackSandbox) -> None:
    workspace = company.workspace
    private = {c.name for c in workspace.channels.values() if c.kind == "private"}
    assert names_seen(client_of(company)) & private == {"leadership", "recruiting"}
    owner = workspace.tokens[USER_TOKEN].user
    own = {name for name in private if owner in workspace.channel(name).members}
    assert {"leadership", "people-private"} <= own
    assert names_seen(client_of(company, USER_TOKEN)) & private == own
    for name in private - {"leadership", "recruiting"}:
        channel = workspace.channel(name).id
        for method in ("conversations.history", "conversations.info", "conversations.members"):
            answer = error_of(client_of(company), method, channel=channel)
            assert answer["error"] == "channel_not_found"


def test_a_guest_sees_the_channels_they_are_in_and_no_other(company: SlackSandbox) -> None:
    client = client_of(company, GUEST_TOKEN)
    assert names_seen(client) == {"project-heron", "lisbon-office"}
    general = company.workspace.channel("general").id
    answer = error_of(client, "conversations.history", channel=general)
    assert answer["error"] == "channel_not_found"


def test_direct_messages_are_seen_by_who_is_in_them(company: SlackSandbox) -> None:
    workspace = company.workspace
    user = workspace.tokens[BOT_TOKEN].user
    direct = client_of(company).conversations_list(types="im")["channels"]
    assert {channel["id"] for channel in direct} == {
        channel.id
        for channel in workspace.channels.values()
        if channel.kind == "im" and user in channel.members
    }
    assert all(channel["user"] != user for channel in direct)


def test_a_missing_scope_is_named_together_with_the_granted_ones(company: SlackSandbox) -> None:
    client = client_of(company, PUBLIC_ONLY_TOKEN)
    assert "general" in names_seen(client, "public_channel")
    answer = error_of(client, "conversations.list", types="public_channel,private_channel,im")
    assert answer["error"] == "missing_scope"
    assert answer["needed"] == "groups:read,im:read"
    assert answer["provided"] == "channels:history,channels:join,channels:read"
    leadership = company.workspace.channel("leadership").id
    answer = error_of(client, "conversations.history", channel=leadership)
    assert (answer["error"], answer["needed"]) == ("missing_scope", "groups:history")
    answer = error_of(client, "users.list")
    assert (answer["error"], answer["needed"]) == ("missing_scope", "users:read")


def test_addresses_need_a_scope_of_their_own(company: SlackSandbox) -> None:
    def addresses(token: str) -> set[str]:
        members = client_of(company, token).users_list()["members"]
        return {user["profile"]["email"] for user in members if "email" in user["profile"]}

    assert len(addresses(BOT_TOKEN)) > 20
    assert addresses(NO_EMAIL_TOKEN) == set()


def test_strangers_are_not_listed_but_can_be_asked_for(company: SlackSandbox) -> None:
    client, workspace = client_of(company), company.workspace
    shared = workspace.channel("ext-northsound")
    strangers = {u.id for u in workspace.users.values() if u.team_id != workspace.team.id}
    assert len(strangers) == 3
    assert strangers <= shared.members
    assert not strangers & {user["id"] for user in client.users_list()["members"]}
    info = client.users_info(user=min(strangers))["user"]
    assert info["team_id"] != workspace.team.id
    assert "email" not in info["profile"]
    shown = client.conversations_info(channel=shared.id)["channel"]
    assert shown["is_ext_shared"]
    assert shown["shared_team_ids"] == [workspace.team.id, info["team_id"]]
    written = [m for m in shared.messages.values() if m.user in strangers]
    payload = client.conversations_replies(channel=shared.id, ts=written[0].ts)["messages"][0]
    assert payload["user_team"] == payload["user_profile"]["team"] == info["team_id"]


def test_joining_lets_a_bot_read_and_is_announced(slack: SlackSandbox, client: WebClient) -> None:
    workspace = slack.workspace
    channel = workspace.create_channel("later", creator="ada")
    answer = error_of(client, "conversations.history", channel=channel)
    assert answer["error"] == "not_in_channel"
    assert client.conversations_join(channel=channel)["channel"]["is_member"]
    (notice,) = client.conversations_history(channel=channel)["messages"]
    assert notice["subtype"] == "channel_join"
    again = client.conversations_join(channel=channel)
    assert again["warning"] == "already_in_channel"
    assert again["response_metadata"] == {"warnings": ["already_in_channel"]}


def test_a_person_who_is_removed_no_longer_sees_a_private_channel(slack: SlackSandbox) -> None:
    workspace = slack.workspace
    secret = workspace.channel("secret").id
    workspace.issue_token("xoxp-bob", "bob", kind="user")
    bob = client_of(slack, "xoxp-bob")
    assert "secret" not in names_seen(bob)
    workspace.invite("secret", ["bob"])
    assert "secret" in names_seen(bob)
    workspace.kick("secret", "bob")
    assert error_of(bob, "conversations.info", channel=secret)["error"] == "channel_not_found"


def test_a_deactivated_person_s_token_stops(slack: SlackSandbox) -> None:
    slack.workspace.issue_token("xoxp-bob", "bob", kind="user")
    bob = client_of(slack, "xoxp-bob")
    assert bob.auth_test()["user"] == "bob"
    slack.workspace.deactivate("bob")
    assert error_of(bob, "auth.test")["error"] == "account_inactive"
    shown = client_of(slack).users_info(user=slack.workspace.user("bob").id)["user"]
    assert shown["deleted"] is True


def test_a_file_is_downloaded_with_a_token_that_may(company: SlackSandbox) -> None:
    client = client_of(company)
    workspace = company.workspace
    incidents = workspace.channel("incidents").id
    file = client.files_list(channel=incidents, types="snippets")["files"][0]
    for key in ("url_private", "url_private_download"):
        path = file[key].removeprefix(company.base_url)
        answer = raw(company, path)
        assert answer.status == 200
        assert answer.body == workspace.files[file["id"]].content
        assert len(answer.body) == file["size"]
        assert answer.headers["content-type"] == file["mimetype"]


@pytest.mark.parametrize("token", ["", "xoxb-wrong", NO_FILES_TOKEN, REVOKED_TOKEN])
def test_a_download_without_the_right_gives_the_login_page_with_status_200(
    company: SlackSandbox, token: str
) -> None:
    file = client_of(company).files_list()["files"][0]
    answer = raw(company, file["url_private"].removeprefix(company.base_url), token=token)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.body.startswith(b"<!DOCTYPE html>")


def test_a_file_that_does_not_exist_is_not_found(company: SlackSandbox) -> None:
    assert raw(company, "/files-pri/T0-F0NONE/x.txt").status == 404


def test_a_file_of_a_channel_one_cannot_see_is_not_to_be_had(slack: SlackSandbox) -> None:
    workspace = slack.workspace
    file_id = workspace.upload("secret", "ada", "plan.txt", "the plan")
    bot, owner = client_of(slack), client_of(slack, USER_TOKEN)
    assert error_of(bot, "files.info", file=file_id)["error"] == "file_not_found"
    assert bot.files_list()["files"] == []
    shown = owner.files_info(file=file_id)["file"]
    assert shown["is_public"] is False
    path = shown["url_private"].removeprefix(slack.base_url)
    assert raw(slack, path).body.startswith(b"<!DOCTYPE html>")
    assert raw(slack, path, token=USER_TOKEN).body == b"the plan"


@pytest.mark.parametrize(
    ("body", "content_type", "error"),
    [
        ("channel=C1&=x", "application/x-www-form-urlencoded", "invalid_arg_name"),
        ("types[]=im", "application/x-www-form-urlencoded", "invalid_array_arg"),
        (b"\xff\xfe", "application/x-www-form-urlencoded", "invalid_form_data"),
        ("{", "application/json; charset=utf-8", "invalid_json"),
        ("[1]", "application/json; charset=utf-8", "json_not_object"),
        ("a=b", "application/xml", "invalid_post_type"),
        ("a=b", None, "missing_post_type"),
        ("a=b", "application/x-www-form-urlencoded; charset=klingon", "invalid_charset"),
    ],
)
def test_a_request_that_cannot_be_read_says_what_is_wrong(
    company: SlackSandbox, body: str | bytes, content_type: str | None, error: str
) -> None:
    answer = raw(company, "/api/conversations.list", body, content_type=content_type)
    assert answer.json["error"] == error


def test_a_multipart_form_is_read_like_any_other(company: SlackSandbox) -> None:
    body = (
        '--x\r\nContent-Disposition: form-data; name="limit"\r\n\r\n2\r\n'
        f'--x\r\nContent-Disposition: form-data; name="token"\r\n\r\n{BOT_TOKEN}\r\n--x--\r\n'
    )
    content_type = "multipart/form-data; boundary=x"
    path = "/api/conversations.list"
    answer = raw(company, path, body, token="", content_type=content_type).json
    assert len(answer["channels"]) == 2


def test_json_and_form_bodies_mean_the_same(company: SlackSandbox) -> None:
    path = "/api/conversations.list"
    form = raw(company, path, "limit=3&exclude_archived=true").json
    body = '{"limit": 3, "exclude_archived": true, "cursor": null}'
    assert raw(company, path, body, content_type="application/json; charset=utf-8").json == form
    assert raw(company, f"{path}?limit=3&exclude_archived=1").json == form


def test_a_charset_on_a_form_is_superfluous(company: SlackSandbox) -> None:
    form = "application/x-www-form-urlencoded; charset=utf-8"
    answer = raw(company, "/api/auth.test", "", content_type=form).json
    assert answer["warning"] == "superfluous_charset"


def test_a_guest_cannot_join(slack: SlackSandbox) -> None:
    slack.workspace.invite("general", ["gil"])
    scopes = ["channels:join", "channels:read"]
    slack.workspace.issue_token("xoxp-gil", "gil", kind="user", scopes=scopes)
    general = slack.workspace.channel("general").id
    answer = error_of(client_of(slack, "xoxp-gil"), "conversations.join", channel=general)
    assert answer["error"] == "user_is_restricted"


def test_locale_is_sent_on_request(company: SlackSandbox) -> None:
    client, general = client_of(company), company.workspace.channel("general").id
    user = company.workspace.tokens[USER_TOKEN].user
    assert "locale" not in client.users_info(user=user)["user"]
    assert client.users_info(user=user, include_locale=True)["user"]["locale"]
    assert client.conversations_info(channel=general, include_locale=True)["channel"]["locale"]


def test_a_missing_argument_is_named(company: SlackSandbox) -> None:
    answer = error_of(client_of(company), "conversations.history")
    assert answer["response_metadata"]["messages"] == ["[ERROR] missing required field: channel"]
