"""What happens to a workspace, seen through the API."""

from typing import Any

import pytest
from sandbox_clients import client_of, error_of
from slack_sdk import WebClient

from sandbox.slack import USER_TOKEN, SlackSandbox, Workspace
from sandbox.slack.timestamps import parse_ts


def messages(client: WebClient, channel: str) -> list[dict[str, Any]]:
    """Top-level messages, newest first."""
    found: list[dict[str, Any]] = client.conversations_history(channel=channel)["messages"]
    return found


def thread(client: WebClient, channel: str, ts: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.conversations_replies(channel=channel, ts=ts)["messages"]
    return found


@pytest.fixture
def general(workspace: Workspace) -> str:
    return workspace.channel("general").id


def test_each_ts_is_its_own_and_later_than_the_one_before(workspace: Workspace) -> None:
    posted = [workspace.post("general", "ada", str(n)) for n in range(300)]
    assert posted == sorted(set(posted))
    assert all(len(ts) == 17 and ts[10] == "." for ts in posted)
    with pytest.raises(ValueError, match="taken"):
        workspace.post("general", "ada", "again", ts=posted[0])


@pytest.mark.parametrize(
    ("text", "ts"),
    [
        ("0", "0000000000.000000"),
        ("1700000000", "1700000000.000000"),
        ("1700000000.5", "1700000000.500000"),
        ("1700000000.000001", "1700000000.000001"),
        ("1.7e9", None),
        ("-1", None),
        ("soon", None),
        ("1700000000.0000001", None),
        ("", None),
    ],
)
def test_moments_are_read_as_slack_reads_them(text: str, ts: str | None) -> None:
    assert parse_ts(text) == ts


def test_a_root_counts_its_replies(slack: SlackSandbox, client: WebClient, general: str) -> None:
    workspace = slack.workspace
    root = workspace.post("general", "ada", "root")
    assert "thread_ts" not in messages(client, general)[0]
    workspace.reply("general", root, "bob", "one")
    workspace.reply("general", root, "ada", "two")
    last = workspace.reply("general", root, "bob", "three")
    (shown,) = messages(client, general)
    bob, ada = workspace.user("bob").id, workspace.user("ada").id
    assert shown["thread_ts"] == root
    assert (shown["reply_count"], shown["reply_users_count"]) == (3, 2)
    assert (shown["latest_reply"], shown["reply_users"]) == (last, [bob, ada])
    reply = thread(client, general, root)[1]
    assert (reply["thread_ts"], reply["parent_user_id"]) == (root, ada)


def test_a_reply_to_a_reply_goes_into_the_same_thread(
    slack: SlackSandbox, client: WebClient, general: str
) -> None:
    root = slack.workspace.post("general", "ada", "root")
    reply = slack.workspace.reply("general", root, "bob", "one")
    slack.workspace.reply("general", reply, "ada", "two")
    assert messages(client, general)[0]["reply_count"] == 2


def test_an_edit_keeps_the_ts_and_says_who_and_when(
    slack: SlackSandbox, client: WebClient, general: str
) -> None:
    ts = slack.workspace.post("general", "ada", "frist")
    assert "edited" not in messages(client, general)[0]
    slack.workspace.edit("general", ts, "first &amp; *only*")
    (shown,) = messages(client, general)
    assert (shown["ts"], shown["text"]) == (ts, "first &amp; *only*")
    assert shown["edited"]["user"] == slack.workspace.user("ada").id
    assert shown["edited"]["ts"].endswith(".000000")
    (section,) = shown["blocks"][0]["elements"]
    assert section["elements"] == [
        {"type": "text", "text": "first & "},
        {"type": "text", "text": "only", "style": {"bold": True}},
    ]


def test_editing_a_root_changes_what_its_broadcasts_carry(
    slack: SlackSandbox, client: WebClient, general: str
) -> None:
    root = slack.workspace.post("general", "ada", "before")
    slack.workspace.reply("general", root, "bob", "loud", broadcast=True)
    assert messages(client, general)[0]["root"]["text"] == "before"
    slack.workspace.edit("general", root, "after")
    assert messages(client, general)[0]["root"]["text"] == "after"


def test_a_deleted_message_is_gone(slack: SlackSandbox, client: WebClient, general: str) -> None:
    ts = slack.workspace.post("general", "ada", "oops")
    slack.workspace.delete("general", ts)
    assert messages(client, general) == []
    answer = error_of(client, "conversations.replies", channel=general, ts=ts)
    assert answer["error"] == "thread_not_found"


def test_a_deleted_root_stays_as_a_tombstone_while_it_has_replies(
    slack: SlackSandbox, client: WebClient, general: str
) -> None:
    workspace = slack.workspace
    root = workspace.post("general", "ada", "root")
    first = workspace.reply("general", root, "bob", "one")
    second = workspace.reply("general", root, "bob", "two", broadcast=True)
    assert len(thread(client, general, root)) == 3
    workspace.delete("general", root)
    tombstone = messages(client, general)[-1]
    assert tombstone["subtype"] == "tombstone"
    assert tombstone["user"] == "USLACKBOT"
    assert tombstone["text"] == "This message was deleted."
    assert tombstone["hidden"] is True
    assert "blocks" not in tombstone
    assert (tombstone["ts"], tombstone["reply_count"]) == (root, 2)
    assert [reply["ts"] for reply in thread(client, general, root)] == [root, first, second]
    assert thread(client, general, root)[1]["parent_user_id"] == "USLACKBOT"
    with pytest.raises(ValueError, match="deleted"):
        workspace.edit("general", root, "back")
    workspace.delete("general", first)
    assert messages(client, general)[-1]["reply_count"] == 1
    workspace.delete("general", second)
    assert messages(client, general) == []


def test_a_root_that_lost_its_replies_is_a_message_again(
    slack: SlackSandbox, client: WebClient, general: str
) -> None:
    root = slack.workspace.post("general", "ada", "root")
    reply = slack.workspace.reply("general", root, "bob", "one")
    assert messages(client, general)[0]["reply_count"] == 1
    slack.workspace.delete("general", reply)
    assert "reply_count" not in messages(client, general)[0]


def test_reactions_come_and_go(slack: SlackSandbox, client: WebClient, general: str) -> None:
    workspace = slack.workspace
    ts = workspace.post("general", "ada", "nice")
    workspace.react("general", ts, "bob", "+1")
    workspace.react("general", ts, "ada", "+1")
    workspace.react("general", ts, "ada", "tada")
    bob, ada = workspace.user("bob").id, workspace.user("ada").id
    assert messages(client, general)[0]["reactions"] == [
        {"name": "+1", "users": [bob, ada], "count": 2},
        {"name": "tada", "users": [ada], "count": 1},
    ]
    with pytest.raises(ValueError, match="already_reacted"):
        workspace.react("general", ts, "bob", "+1")
    workspace.unreact("general", ts, "ada", "tada")
    workspace.unreact("general", ts, "ada", "+1")
    assert messages(client, general)[0]["reactions"][0]["count"] == 1
    with pytest.raises(ValueError, match="no_reaction"):
        workspace.unreact("general", ts, "ada", "+1")


def test_pins_are_counted_and_listed(slack: SlackSandbox, client: WebClient, general: str) -> None:
    workspace = slack.workspace
    first, second = (workspace.post("general", "ada", text) for text in ("one", "two"))
    workspace.pin("general", first, by="bob")
    workspace.pin("general", second)
    assert client.conversations_history(channel=general)["pin_count"] == 2
    assert messages(client, general)[0]["pinned_to"] == [general]
    items = client.pins_list(channel=general)["items"]
    assert [item["message"]["ts"] for item in items] == [second, first]
    assert items[1]["created_by"] == workspace.user("bob").id
    link = client.chat_getPermalink(channel=general, message_ts=first)["permalink"]
    assert items[1]["message"]["permalink"] == link
    assert link == f"https://acme.slack.com/archives/{general}/p{first.replace('.', '')}"
    workspace.unpin("general", first)
    workspace.delete("general", second)
    assert client.pins_list(channel=general)["items"] == []


def test_the_permalink_of_a_reply_names_its_thread(
    slack: SlackSandbox, client: WebClient, general: str
) -> None:
    root = slack.workspace.post("general", "ada", "root")
    reply = slack.workspace.reply("general", root, "bob", "one")
    link = client.chat_getPermalink(channel=general, message_ts=reply)["permalink"]
    assert link.endswith(f"/p{reply.replace('.', '')}?thread_ts={root}&cid={general}")


def test_a_rename_is_announced_and_remembered(
    slack: SlackSandbox, client: WebClient, general: str
) -> None:
    before = client.conversations_info(channel=general)["channel"]
    slack.workspace.rename("general", "everybody", by="bob")
    after = client.conversations_info(channel=general)["channel"]
    assert (after["name"], after["previous_names"]) == ("everybody", ["general"])
    assert after["updated"] > before["updated"]
    (notice,) = messages(client, general)
    assert (notice["subtype"], notice["old_name"], notice["name"]) == (
        "channel_name",
        "general",
        "everybody",
    )


def test_topic_and_purpose_say_who_set_them(
    slack: SlackSandbox, client: WebClient, general: str
) -> None:
    slack.workspace.set_topic("general", "Boats", by="bob")
    slack.workspace.set_purpose("general", "All about boats")
    shown = client.conversations_info(channel=general)["channel"]
    assert shown["topic"]["value"] == "Boats"
    assert shown["topic"]["creator"] == slack.workspace.user("bob").id
    assert shown["purpose"]["value"] == "All about boats"
    assert [m["subtype"] for m in messages(client, general)] == [
        "channel_purpose",
        "channel_topic",
    ]


def test_an_archived_channel_can_be_read_by_who_was_in_it_and_not_joined(
    slack: SlackSandbox, client: WebClient, general: str
) -> None:
    slack.workspace.post("general", "ada", "the end")
    slack.workspace.archive("general")
    shown = client.conversations_info(channel=general)["channel"]
    assert (shown["is_archived"], shown["is_member"]) == (True, False)
    assert [m.get("subtype") for m in messages(client, general)] == ["channel_archive", None]
    assert error_of(client, "conversations.join", channel=general)["error"] == "is_archived"
    slack.workspace.unarchive("general")
    assert client.conversations_info(channel=general)["channel"]["is_member"]


def test_a_channel_made_private_keeps_its_id_and_vanishes_for_others(
    slack: SlackSandbox, client: WebClient
) -> None:
    workspace = slack.workspace
    channel = workspace.create_channel("open", creator="ada")
    assert client.conversations_info(channel=channel)["channel"]["is_private"] is False
    workspace.convert_to_private("open")
    answer = error_of(client, "conversations.info", channel=channel)
    assert answer["error"] == "channel_not_found"
    owner = client_of(slack, USER_TOKEN)
    assert owner.conversations_info(channel=channel)["channel"]["is_private"] is True
    with pytest.raises(ValueError, match="not public"):
        workspace.convert_to_private("open")


def test_a_deleted_channel_is_not_found(
    slack: SlackSandbox, client: WebClient, general: str
) -> None:
    slack.workspace.delete_channel("general")
    answer = error_of(client, "conversations.history", channel=general)
    assert answer["error"] == "channel_not_found"


def test_who_comes_and_goes_is_announced(
    slack: SlackSandbox, client: WebClient, general: str
) -> None:
    workspace = slack.workspace
    workspace.invite("general", ["gil"], by="ada")
    workspace.leave("general", "bob")
    left, joined = messages(client, general)
    gil, ada = workspace.user("gil").id, workspace.user("ada").id
    assert (joined["subtype"], joined["user"], joined["inviter"]) == ("channel_join", gil, ada)
    assert left["subtype"] == "channel_leave"
    members = client.conversations_members(channel=general)["members"]
    assert workspace.user("bob").id not in members
    assert gil in members


def test_an_app_s_message_names_the_app(
    slack: SlackSandbox, client: WebClient, general: str
) -> None:
    workspace = slack.workspace
    bot = workspace.add_app("Deploy Bird")
    section = {"type": "section", "block_id": "x", "text": {"type": "mrkdwn", "text": "Live!"}}
    workspace.post("general", bot, "Live!", blocks=[section])
    (shown,) = messages(client, general)
    assert "subtype" not in shown
    assert shown["bot_id"] == bot
    assert shown["user"] == shown["bot_profile"]["user_id"] == workspace.bot(bot).user_id
    assert shown["blocks"] == [section]
    assert client.bots_info(bot=bot)["bot"]["name"] == "Deploy Bird"


def test_a_webhook_s_message_has_a_name_but_no_user(
    slack: SlackSandbox, client: WebClient, general: str
) -> None:
    hook = slack.workspace.add_webhook("Weather")
    root = slack.workspace.post("general", hook, "", attachments=[{"id": 1, "text": "Rain"}])
    slack.workspace.reply("general", root, hook, "More rain", broadcast=False)
    (shown,) = messages(client, general)
    assert (shown["subtype"], shown["username"], shown["bot_id"]) == (
        "bot_message",
        "Weather",
        hook,
    )
    assert "user" not in shown
    assert shown["attachments"] == [{"id": 1, "text": "Rain"}]
    # Slack falls back to the bot's id where there is no user.
    assert shown["reply_users"] == [hook]


def test_an_uploaded_file_is_in_its_message_and_a_deleted_one_is_a_tombstone(
    slack: SlackSandbox, client: WebClient, general: str
) -> None:
    workspace = slack.workspace
    file_id = workspace.upload("general", "ada", "a.py", "x = 1\n" * 9, text="see", snippet=True)
    (file,) = messages(client, general)[0]["files"]
    assert (file["id"], file["filetype"], file["mode"]) == (file_id, "python", "snippet")
    assert (file["lines"], file["lines_more"], file["size"]) == (9, 4, 54)
    info = client.files_info(file=file_id)
    assert info["content"] == "x = 1\n" * 9
    assert info["file"]["channels"] == [general]
    workspace.delete_file(file_id)
    assert messages(client, general)[0]["files"] == [{"id": file_id, "mode": "tombstone"}]
    assert error_of(client, "files.info", file=file_id)["error"] == "file_deleted"


def test_files_may_be_uploaded_as_base64_from_outside(workspace: Workspace) -> None:
    file_id = workspace.add_file("ada", "x.bin", "base64:AAEC")
    assert workspace.files[file_id].content == b"\x00\x01\x02"


def test_user_groups_change(slack: SlackSandbox, client: WebClient) -> None:
    slack.workspace.add_usergroup("crew", "Crew", ["ada"])
    slack.workspace.set_usergroup_users("crew", ["ada", "bob"])
    (group,) = client.usergroups_list(include_users=True, include_count=True)["usergroups"]
    assert (group["handle"], group["user_count"]) == ("crew", 2)
    assert "users" not in client.usergroups_list()["usergroups"][0]


def test_people_change(slack: SlackSandbox, client: WebClient) -> None:
    workspace = slack.workspace
    bob = workspace.user("bob").id
    workspace.rename_user("bob", "Robert Stone", display_name="Rob")
    workspace.set_email("bob", "rob@acme.example")
    profile = client.users_info(user=bob)["user"]["profile"]
    assert (profile["real_name"], profile["display_name"]) == ("Robert Stone", "Rob")
    assert profile["email"] == "rob@acme.example"
    workspace.deactivate("bob")
    listed = {user["id"]: user["deleted"] for user in client.users_list()["members"]}
    assert listed[bob] is True
    workspace.reactivate("bob")
    assert client.users_info(user=bob)["user"]["deleted"] is False


def test_direct_messages_are_of_two_kinds(workspace: Workspace) -> None:
    two = workspace.channel(workspace.open_direct(["ada", "bob"]))
    three = workspace.channel(workspace.open_direct(["ada", "bob", "gil"]))
    assert (two.kind, two.id[0], two.name) == ("im", "D", "")
    assert (three.kind, three.name) == ("mpim", "mpdm-ada--bob--gil-1")
    with pytest.raises(ValueError, match="two"):
        workspace.open_direct(["ada"])


@pytest.mark.parametrize(
    "impossible",
    [
        lambda w: w.post("nowhere", "ada", "x"),
        lambda w: w.post("general", "nobody", "x"),
        lambda w: w.reply("general", "1.0", "ada", "x"),
        lambda w: w.edit("general", "1.0", "x"),
        lambda w: w.delete("general", "1.0"),
        lambda w: w.revoke_token("xoxb-none"),
        lambda w: w.set_usergroup_users("none", []),
        lambda w: w.bot("B0"),
    ],
)
def test_what_does_not_exist_cannot_be_changed(workspace: Workspace, impossible: Any) -> None:
    with pytest.raises(LookupError):
        impossible(workspace)


@pytest.mark.parametrize(
    "forbidden",
    [
        lambda w: w.create_channel("general"),
        lambda w: w.rename("secret", "general"),
        lambda w: w.add_user("ada", "Ada Again"),
        lambda w: w.leave("secret", "bob"),
    ],
)
def test_what_slack_does_not_allow_is_refused(workspace: Workspace, forbidden: Any) -> None:
    with pytest.raises(ValueError, match=r"taken|is not in"):
        forbidden(workspace)
