"""What the exporter says of a workspace: every conversation and every message, once."""

from collections import Counter

import pytest
from slack_samples import HandClock, MakeExporter, Mirror, messages_in, one_with

from exporters.slack.exporter import SlackExporter
from exporters.slack.settings import SlackSelection
from sandbox.slack import SlackSandbox, Workspace, generate_company
from sandbox.slack.tokens import SYNC_HANDLE


def kinds_of(exporter: SlackExporter, **selection: object) -> dict[str, str]:
    found = exporter.partitions(SlackSelection.model_validate(selection))
    return {partition.name: partition.kind for partition in found}


def test_every_kind_of_conversation_is_a_partition(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter
) -> None:
    workspace.open_direct(["ada", SYNC_HANDLE])
    workspace.open_direct(["ada", "bob", SYNC_HANDLE])
    workspace.create_channel("partners", creator="ada", members=[SYNC_HANDLE])
    stranger = workspace.add_stranger("sven", "Sven Other", team_id="T0OTHER")
    workspace.share_with_team("partners", "T0OTHER", [stranger])
    workspace.archive("random")
    found = list(exporter.partitions(SlackSelection()))
    assert {(p.kind, p.name) for p in found} == {
        ("people", "people"),
        ("public", "general"),
        ("public", "random"),
        ("public", "partners"),
        ("private", "secret"),
        ("dm", "direct message with Ada Byron"),
        ("group_dm", "mpdm-ada--bob--knowledge_sync-1"),
    }
    assert [p.unreadable for p in found if p.unreadable] == []


def test_kinds_archived_channels_and_names_narrow_the_choice(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter
) -> None:
    workspace.archive("random")
    people = {"people": "people"}
    assert kinds_of(exporter, kinds=["private"]) == people | {"secret": "private"}
    assert kinds_of(exporter, archived=False) == people | {
        "general": "public",
        "secret": "private",
    }
    assert kinds_of(exporter, channels=["#random", "random"]) == people | {"random": "public"}
    by_id = [workspace.channel("secret").id]
    assert kinds_of(exporter, channels=by_id) == people | {"secret": "private"}


def test_archived_and_shared_channels_say_so_in_their_documents(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter
) -> None:
    workspace.post("random", "ada", "old words")
    workspace.post("secret", "ada", "shared words")
    workspace.share_with_team("secret", "T0OTHER")
    workspace.archive("random")
    documents = Mirror(exporter).run().documents()
    old, shared = one_with(documents, "old words"), one_with(documents, "shared words")
    assert old.metadata["extra"]["channel"]["is_archived"] is True
    assert old.metadata["extra"]["channel"]["is_shared"] is False
    assert shared.metadata["extra"]["channel"]["is_archived"] is False
    assert shared.metadata["extra"]["channel"]["is_shared"] is True


def test_a_public_channel_is_for_the_workspace_and_others_are_for_their_members(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter
) -> None:
    workspace.post("general", "ada", "for everybody")
    workspace.post("secret", "ada", "for us two")
    mirror = Mirror(exporter).run()
    documents = mirror.documents()
    team, secret = workspace.team.id, workspace.channel("secret").id
    assert one_with(documents, "for everybody").metadata["access"] == [f"workspace:{team}"]
    assert one_with(documents, "for us two").metadata["access"] == [f"group:slack:{secret}"]
    bot = workspace.user(SYNC_HANDLE)
    assert mirror.members == {
        # No guest and no bot: these read what they are members of.
        f"workspace:{team}": {
            "user:ada@acme.example",
            "user:bob@acme.example",
            "user:cleo@acme.example",
        },
        f"group:slack:{secret}": {
            "user:ada@acme.example",
            "user:bob@acme.example",
            f"user:slack:{bot.id}",
        },
    }


def test_every_message_of_a_company_is_in_exactly_one_document(exporter_of: MakeExporter) -> None:
    company = generate_company(messages=1200, seed=7, now=1_795_000_000.0)
    with SlackSandbox(company) as slack:
        exporter = exporter_of(slack)
        partitions = list(exporter.partitions(SlackSelection()))
        mirror = Mirror(exporter).run()
        found = Counter(messages_in(mirror.documents().values()))
    unread = {key for key, cursor in mirror.cursors.items() if "unreadable" in cursor}
    unread |= {p.key for p in partitions if p.unreadable}
    # Nobody invited the app to these, and the last one is archived.
    assert {company.channels[key].name for key in unread} == {
        "books",
        "pets",
        "football",
        "hackweek",
    }
    readable = {p.key for p in partitions} - unread
    expected = {
        (channel.id, ts)
        for channel in company.channels.values()
        if channel.id in readable
        for ts in channel.messages
    }
    assert set(found) == expected
    assert set(found.values()) == {1}
    assert mirror.failures == []


def test_a_broadcast_reply_is_in_its_thread_once_and_nowhere_else(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    root = workspace.post("general", "ada", "Which ferry?", ts=clock.ts(days=2))
    workspace.reply("general", root, "bob", "The blue one", ts=clock.ts(hours=30))
    workspace.reply("general", root, "cleo", "Boarding now", broadcast=True, ts=clock.ts(hours=3))
    workspace.post("general", "bob", "Lunch?", ts=clock.ts(hours=2))
    documents = Mirror(exporter).run().documents()
    thread = one_with(documents, "Which ferry?")
    assert thread.metadata["entity"] == "thread"
    assert thread.metadata["extra"]["reply_count"] == 2
    words = ("Which ferry?", "The blue one", "Boarding now")
    assert [thread.page_content.count(each) for each in words] == [1, 1, 1]
    assert [entry.get("broadcast", False) for entry in thread.metadata["extra"]["messages"]] == [
        False,
        False,
        True,
    ]
    assert one_with(documents, "Lunch?").page_content.count("Boarding") == 0


def test_single_messages_are_grouped_until_there_is_a_pause(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    for minutes, text in ((600, "one"), (590, "two"), (60, "three"), (50, "four")):
        workspace.post("general", "ada", text, ts=clock.ts(minutes=minutes))
    documents = Mirror(exporter).run().documents()
    runs = sorted(
        (d.metadata["created_at"], d.metadata["extra"]["message_count"]) for d in documents.values()
    )
    assert [count for _, count in runs] == [2, 2]


def test_reactions_pins_edits_files_and_groups_are_in_the_document(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    handle = workspace.add_usergroup("on-call", "On call", ["bob"])
    bob, random = workspace.user("bob").id, workspace.channel("random").id
    ts = workspace.post(
        "general",
        "ada",
        f"<@{bob}> and <!subteam^{handle}>, see <#{random}> and <https://acme.example/p|the plan>",
        ts=clock.ts(hours=5),
    )
    workspace.react("general", ts, "bob", "+1")
    workspace.react("general", ts, "cleo", "+1")
    workspace.react("general", ts, "bob", "tada")
    workspace.pin("general", ts, by="bob")
    workspace.edit("general", ts, workspace.message("general", ts).text + " today")
    workspace.upload(
        "general", "cleo", "notes.txt", "Bollards need paint.", text="My notes",
        ts=clock.ts(hours=4),
    )  # fmt: skip
    [document] = Mirror(exporter).run().documents().values()
    text, extra = document.page_content, document.metadata["extra"]
    assert "@Bob Stone and @on-call, see #random and [the plan](https://acme.example/p)" in text
    assert "Bollards need paint." in text
    assert extra["mentions"] == ["Bob Stone", "#random", "@on-call"]
    assert extra["links"] == ["https://acme.example/p"]
    [file] = extra["files"]
    assert (file["name"], file["mimetype"]) == ("notes.txt", "text/plain")
    first, second = extra["messages"]
    assert first["reactions"] == {"+1": 2, "tada": 1}
    assert first["pinned"] is True
    assert first["edited_at"].startswith("2026-11-20T12:00:00")
    assert "reactions" not in second
    assert document.metadata["author"] == {
        "id": workspace.user("ada").id,
        "name": "Ada Byron",
        "email": "ada@acme.example",
    }
    assert document.metadata["url"] == (
        f"https://acme.slack.com/archives/{workspace.channel('general').id}/p{ts.replace('.', '')}"
    )


def test_messages_of_bots_are_marked(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter
) -> None:
    webhook = workspace.add_webhook("Deployer")
    workspace.post("general", webhook, "Deployed build 7", username="Ship It")
    [document] = Mirror(exporter).run().documents().values()
    assert document.page_content.startswith("**Ship It** 2026-11-20 12:00 (bot)")
    assert document.metadata["extra"]["participants"][0]["is_bot"] is True


@pytest.mark.parametrize("person", ["ada", "gil"])
def test_a_user_token_reads_what_that_person_reads(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, person: str
) -> None:
    workspace.join("random", "gil", quiet=True)
    names = set(kinds_of(exporter_of(slack, person=person)))
    expected = {"ada": {"people", "general", "random", "secret"}, "gil": {"people", "random"}}
    assert names == expected[person]


def test_a_public_channel_the_app_is_not_in_is_left_out_with_the_reason(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter
) -> None:
    workspace.create_channel("pets", creator="ada")
    found = {p.name: p for p in exporter.partitions(SlackSelection())}
    assert found["general"].unreadable is None
    assert found["pets"].unreadable == (
        "The app is not a member of #pets. Invite it with /invite in the channel, "
        "or let it join with --join-public."
    )


def test_the_app_joins_public_channels_only_when_asked(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter
) -> None:
    workspace.create_channel("pets", creator="ada")
    workspace.post("pets", "ada", "A cat")
    Mirror(exporter).run()
    assert slack.requests.count("conversations.join") == 0
    mirror = Mirror(exporter).run(SlackSelection(join_public=True))
    assert "A cat" in mirror.texts()
    assert slack.requests.count("conversations.join") == 1


def test_a_kind_whose_scopes_are_missing_is_left_out_with_the_reason(
    slack: SlackSandbox, exporter_of: MakeExporter
) -> None:
    exporter = exporter_of(slack, scopes=("channels:read", "channels:history", "users:read"))
    found = {p.key: p.unreadable for p in exporter.partitions(SlackSelection())}
    assert found["@private"] == (
        "The token lacks groups:read and groups:history. Add it to the Slack app and reinstall it."
    )
    assert {"@dm", "@group_dm"} <= set(found)
    assert found[slack.workspace.channel("general").id] is None
