"""What moved since the last run arrives, and nothing else is asked for."""

import pytest
from slack_samples import HandClock, MakeExporter, Mirror, one_with, partition_named

from exporters.changes import (
    AccessChange,
    Complete,
    ContainerChange,
    Delete,
    Listed,
    MembershipChange,
    Withheld,
)
from exporters.slack.exporter import SlackExporter
from exporters.slack.settings import SlackSelection
from sandbox.slack import Fault, SlackSandbox, Workspace
from sandbox.slack.tokens import SYNC_HANDLE


def thread(workspace: Workspace, clock: HandClock, text: str = "Which ferry?") -> str:
    """A thread of two days ago with one reply."""
    root = workspace.post("general", "ada", text, ts=clock.ts(days=2))
    workspace.reply("general", root, "bob", "The blue one", ts=clock.ts(hours=40))
    return root


def run_again(mirror: Mirror, slack: SlackSandbox, **selection: object) -> Mirror:
    """Brings a mirror up to date with the request log beginning anew."""
    slack.requests.clear()
    return mirror.run(SlackSelection.model_validate(selection))


def test_a_run_without_news_asks_for_no_thread(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    thread(workspace, clock)
    workspace.post("general", "cleo", "Hello", ts=clock.ts(hours=1))
    mirror = Mirror(exporter).run()
    before = mirror.documents()
    run_again(mirror, slack)
    assert mirror.loaded == []
    assert slack.requests.count("conversations.replies") == 0
    assert slack.requests.count("conversations.history") == 3
    assert slack.requests.count("conversations.members") == 1
    assert mirror.documents() == before


def test_a_new_message_and_a_new_thread_arrive(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    thread(workspace, clock)
    mirror = Mirror(exporter).run()
    clock.forward(hours=2)
    workspace.post("general", "cleo", "Fresh words")
    root = workspace.post("general", "cleo", "A fresh question")
    workspace.reply("general", root, "ada", "A fresh answer")
    run_again(mirror, slack)
    assert "Fresh words" in mirror.texts()
    assert one_with(mirror.documents(), "A fresh question").page_content.count("answer") == 1
    assert slack.requests.count("conversations.replies") == 1


def test_a_late_reply_to_a_thread_within_the_look_back_arrives_with_one_call(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    old = workspace.post("general", "ada", "Old question", ts=clock.ts(days=20))
    workspace.reply("general", old, "bob", "Old answer", ts=clock.ts(days=19))
    thread(workspace, clock)
    mirror = Mirror(exporter).run()
    workspace.reply("general", old, "cleo", "Better late than never")
    run_again(mirror, slack)
    assert "Better late than never" in mirror.texts()
    [call] = slack.requests.entries("conversations.replies")
    assert call.parameters["ts"] == old


def test_a_late_broadcast_in_a_thread_beyond_the_look_back_arrives(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    old = workspace.post("general", "ada", "Ancient question", ts=clock.ts(days=200))
    workspace.reply("general", old, "bob", "Ancient answer", ts=clock.ts(days=199))
    workspace.post("general", "ada", "Lately", ts=clock.ts(days=1))
    mirror = Mirror(exporter).run()
    workspace.reply("general", old, "cleo", "It came up again", broadcast=True)
    run_again(mirror, slack)
    assert "It came up again" in one_with(mirror.documents(), "Ancient question").page_content


def test_a_late_reply_beyond_the_look_back_arrives_with_a_deeper_look(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    old = workspace.post("general", "ada", "Ancient question", ts=clock.ts(days=200))
    workspace.reply("general", old, "bob", "Ancient answer", ts=clock.ts(days=199))
    workspace.post("general", "ada", "Lately", ts=clock.ts(days=1))
    mirror = Mirror(exporter).run()
    workspace.reply("general", old, "cleo", "A silent addition")
    assert "A silent addition" not in run_again(mirror, slack).texts()
    assert "A silent addition" in run_again(mirror, slack, days_ago=365).texts()


def test_edits_of_messages_roots_and_replies_arrive(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    root = thread(workspace, clock)
    single = workspace.post("general", "cleo", "Tpyo", ts=clock.ts(days=3))
    mirror = Mirror(exporter).run()
    workspace.edit("general", single, "Typo")
    workspace.edit("general", root, "Which of the ferries?")
    run_again(mirror, slack)
    texts = mirror.texts()
    assert "Typo" in texts
    assert "Tpyo" not in texts
    assert "Which of the ferries?" in texts
    assert "Which ferry?" not in texts


def test_an_edit_of_an_old_reply_arrives_with_the_thread_s_next_recheck(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    root = thread(workspace, clock)
    mirror = Mirror(exporter).run()
    reply = workspace.channel("general").threads[root].replies[0]
    workspace.edit("general", reply, "The red one")
    assert "The red one" not in run_again(mirror, slack).texts()  # Slack tells nothing of it
    clock.forward(days=6)
    assert "The red one" in run_again(mirror, slack).texts()
    assert slack.requests.count("conversations.replies") == 1
    clock.forward(hours=1)
    run_again(mirror, slack)
    assert slack.requests.count("conversations.replies") == 0


def test_a_reaction_to_a_root_and_a_pin_arrive(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    root = thread(workspace, clock)
    mirror = Mirror(exporter).run()
    workspace.react("general", root, "bob", "eyes")
    workspace.pin("general", root)
    run_again(mirror, slack)
    entry = one_with(mirror.documents(), "Which ferry?").metadata["extra"]["messages"][0]
    assert entry["reactions"] == {"eyes": 1}
    assert entry["pinned"] is True


def test_a_deleted_message_a_deleted_reply_and_a_deleted_thread_are_gone(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    root = thread(workspace, clock)
    gone_reply = workspace.reply("general", root, "cleo", "Never mind", ts=clock.ts(hours=39))
    single = workspace.post("general", "cleo", "Oops", ts=clock.ts(days=4))
    whole = workspace.post("random", "ada", "A mistake", ts=clock.ts(days=5))
    answer = workspace.reply("random", whole, "bob", "Indeed", ts=clock.ts(days=4))
    mirror = Mirror(exporter).run()
    workspace.delete("general", gone_reply)
    workspace.delete("general", single)
    workspace.delete("random", answer)
    workspace.delete("random", whole)
    texts = run_again(mirror, slack).texts()
    for words in ("Never mind", "Oops", "A mistake", "Indeed"):
        assert words not in texts
    assert "The blue one" in texts


def test_a_deleted_root_leaves_its_replies(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    root = thread(workspace, clock)
    mirror = Mirror(exporter).run()
    workspace.delete("general", root)
    document = one_with(run_again(mirror, slack).documents(), "The blue one")
    assert "Which ferry?" not in document.page_content
    assert document.metadata["entity"] == "thread"


def test_a_message_that_becomes_a_thread_is_in_one_document(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    ts = workspace.post("general", "ada", "Anybody?", ts=clock.ts(hours=5))
    mirror = Mirror(exporter).run()
    workspace.reply("general", ts, "bob", "Here")
    documents = run_again(mirror, slack).documents()
    assert one_with(documents, "Anybody?").metadata["entity"] == "thread"
    reply = workspace.channel("general").threads[ts].replies[0]
    workspace.delete("general", reply)
    documents = run_again(mirror, slack).documents()
    assert one_with(documents, "Anybody?").metadata["entity"] == "messages"


def test_a_rename_and_a_new_topic_change_the_container_and_fetch_nothing(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    root = thread(workspace, clock)
    mirror = Mirror(exporter).run()
    before = one_with(mirror.documents(), "Which ferry?")
    workspace.rename("general", "harbour")
    workspace.set_topic("harbour", "Ferries and tides")
    run_again(mirror, slack)
    [change] = mirror.changes(ContainerChange)
    assert change.container["name"] == "harbour"
    assert change.container["id"] == before.metadata["container"]["id"]
    assert change.extra["channel"]["topic"] == "Ferries and tides"
    assert f"thread:{workspace.channel('harbour').id}:{root}" not in mirror.loaded
    assert run_again(mirror, slack).changes(ContainerChange) == []


def test_archiving_is_a_change_of_the_container_and_then_nothing_is_asked(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    workspace.post("random", "ada", "Last words", ts=clock.ts(days=2))
    mirror = Mirror(exporter).run()
    workspace.archive("random")
    run_again(mirror, slack)
    [change] = mirror.changes(ContainerChange)
    assert change.extra["channel"]["is_archived"] is True
    assert mirror.changes(Withheld) == []
    random = workspace.channel("random").id
    run_again(mirror, slack)
    assert slack.requests.count("conversations.history", channel=random) == 0
    assert "Last words" in mirror.texts()


def test_a_channel_that_is_archived_away_from_the_app_keeps_its_documents_and_says_so(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    workspace.post("random", "ada", "Last words", ts=clock.ts(days=2))
    mirror = Mirror(exporter).run()
    workspace.archive("random")
    workspace.kick("random", SYNC_HANDLE)
    run_again(mirror, slack)
    [withheld] = mirror.changes(Withheld)
    assert withheld.reason.startswith("#random was archived and the app was removed from it")
    assert not withheld.everything
    assert mirror.changes(ContainerChange)[0].extra["channel"]["is_archived"] is True
    assert "Last words" in mirror.texts()
    random = workspace.channel("random").id
    run_again(mirror, slack)
    assert mirror.changes(Withheld) == []
    assert slack.requests.count("conversations.history", channel=random) == 0
    workspace.unarchive("random")
    workspace.join("random", SYNC_HANDLE)
    clock.forward(hours=1)
    workspace.post("random", "bob", "We are back")
    assert "We are back" in run_again(mirror, slack).texts()


def test_an_archived_channel_the_app_never_read_is_tried_once(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter
) -> None:
    workspace.post("random", "ada", "Unheard")
    workspace.archive("random")
    workspace.kick("random", SYNC_HANDLE)
    random = workspace.channel("random").id
    mirror = Mirror(exporter).run()
    [withheld] = mirror.changes(Withheld)
    assert withheld.everything
    run_again(mirror, slack)
    assert mirror.changes(Withheld) == [withheld]
    assert slack.requests.count("conversations.history", channel=random) == 0
    workspace.unarchive("random")
    workspace.join("random", SYNC_HANDLE)
    assert "Unheard" in run_again(mirror, slack).texts()


def test_who_joins_or_leaves_a_private_channel_changes_its_members_alone(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    root = workspace.post("secret", "ada", "A secret", ts=clock.ts(days=1))
    workspace.reply("secret", root, "bob", "Hush", ts=clock.ts(hours=3))
    mirror = Mirror(exporter).run()
    before = {key: record.payload for key, record in mirror.records.items()}
    group = f"group:slack:{workspace.channel('secret').id}"
    workspace.join("secret", "cleo", quiet=True)
    run_again(mirror, slack)
    assert "user:cleo@acme.example" in mirror.members[group]
    workspace.kick("secret", "bob")
    run_again(mirror, slack)
    assert "user:bob@acme.example" not in mirror.members[group]
    assert slack.requests.count("conversations.replies") == 0
    assert {key: record.payload for key, record in mirror.records.items()} == before


def test_who_leaves_the_company_is_no_member_of_the_workspace(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter
) -> None:
    people = f"workspace:{workspace.team.id}"
    assert "user:cleo@acme.example" in Mirror(exporter_of(slack)).run().members[people]
    workspace.deactivate("cleo")
    assert "user:cleo@acme.example" not in Mirror(exporter_of(slack)).run().members[people]


def test_a_channel_made_private_changes_access_without_fetching_its_content(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    root = thread(workspace, clock)
    mirror = Mirror(exporter).run()
    workspace.convert_to_private("general")
    run_again(mirror, slack)
    general = workspace.channel("general").id
    [change] = mirror.changes(AccessChange)
    assert change.access == (f"group:slack:{general}",)
    assert change.external_id is None
    assert [c.principal for c in mirror.changes(MembershipChange) if "group" in c.principal] != []
    assert f"thread:{general}:{root}" not in mirror.loaded


def test_a_sweep_covers_what_was_listed_and_no_more(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    workspace.post("general", "ada", "Long ago", ts=clock.ts(days=100))
    workspace.post("general", "ada", "Lately", ts=clock.ts(days=1))
    mirror = Mirror(exporter).run()
    run_again(mirror, slack)
    since = [c.since for c in mirror.changes(Complete) if c.full and c.since]
    assert all((clock.moment - moment).days <= 31 for moment in since)
    assert "Long ago" in mirror.texts()


def test_a_missing_item_is_asked_for_before_it_is_taken_as_gone(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    root = thread(workspace, clock)
    partition = partition_named(exporter, "general")
    general = workspace.channel("general").id
    found = exporter.fetch(partition, "thread", f"{general}:{root}")
    assert found is not None
    assert [type(change).__name__ for change in found] == ["Upsert"]
    for reply in list(workspace.channel("general").threads[root].replies):
        workspace.delete("general", reply)
    again = exporter.fetch(partition, "thread", f"{general}:{root}")
    assert list(again or ()) == [Delete("thread", f"{general}:{root}")]
    missing = exporter.fetch(partition, "day", f"{general}:2026-01-24")
    assert list(missing or ()) == [Delete("day", f"{general}:2026-01-24")]


def test_hidden_messages_of_a_free_plan_are_told_and_not_taken_for_deleted(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, clock: HandClock
) -> None:
    workspace.post("general", "ada", "In summer", ts=clock.ts(days=120))
    boundary = clock.ts(days=90, hours=-1)
    workspace.post("general", "ada", "On the edge, early", ts=clock.ts(days=90, hours=2))
    workspace.post("general", "ada", "On the edge, late", ts=boundary)
    workspace.post("general", "ada", "Lately", ts=clock.ts(days=1))
    mirror = Mirror(exporter_of(slack)).run()
    assert mirror.changes(Withheld) == []
    whole = mirror.documents()
    slack.switches.free_plan = True
    mirror.cursors.clear()  # as --rescan does
    run_again(mirror, slack)
    [withheld] = mirror.changes(Withheld)
    assert "free plan" in withheld.reason
    assert "In summer" in mirror.texts()
    day = [r for k, r in mirror.records.items() if k.endswith("2026-08-22")]
    assert len(day) == 1
    assert set(mirror.documents()) == set(whole)


def test_the_part_of_a_day_that_a_free_plan_shows_is_a_part_only(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    workspace.post("general", "ada", "Early", ts=clock.ts(days=90, hours=2))
    workspace.post("general", "ada", "Late", ts=clock.ts(days=90, hours=-1))
    workspace.post("general", "ada", "Today", ts=clock.ts(hours=1))
    slack.switches.free_plan = True
    changes = list(exporter.pull(partition_named(exporter, "general"), None))
    upserts = [c for c in changes if type(c).__name__ == "Upsert"]
    assert [getattr(c, "partial", None) for c in upserts] == [False, True]
    [complete] = [c for c in changes if isinstance(c, Complete)]
    assert complete.since is not None
    assert f"{complete.since:%Y-%m-%d}" == "2026-08-23"


def test_a_daily_run_in_a_free_plan_has_nothing_to_complain_of(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    workspace.post("general", "ada", "In summer", ts=clock.ts(days=120))
    workspace.post("general", "ada", "Lately", ts=clock.ts(days=1))
    slack.switches.free_plan = True
    mirror = Mirror(exporter).run()
    assert len(mirror.changes(Withheld)) == 1
    assert run_again(mirror, slack).changes(Withheld) == []


@pytest.mark.parametrize("kind", ["text", "thread"])
def test_a_text_file_is_downloaded_again_only_when_its_day_or_thread_moved(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock, kind: str
) -> None:
    root = thread(workspace, clock) if kind == "thread" else ""
    workspace.upload(
        "general", "ada", "notes.txt", "Bollards need paint.", thread_ts=root, ts=clock.ts(hours=9)
    )
    mirror = Mirror(exporter).run()
    assert "Bollards need paint." in mirror.texts()
    run_again(mirror, slack)
    assert slack.requests.count("/files-pri/*") == 0
    workspace.post("general", "bob", "Good", ts=clock.ts(hours=8))
    run_again(mirror, slack)
    assert slack.requests.count("/files-pri/*") == (0 if kind == "thread" else 1)


def test_a_file_that_cannot_be_read_costs_a_failure_and_is_tried_again(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    workspace.upload("general", "ada", "notes.txt", "Bollards need paint.", ts=clock.ts(hours=9))
    workspace.post("general", "bob", "Good", ts=clock.ts(hours=8))
    slack.faults.add(Fault("server_error", "/files-pri/*", times=3, status=500))
    mirror = Mirror(exporter).run()
    [failure] = mirror.failures
    assert failure.entity == "day"
    assert "Good" in mirror.texts()
    assert "Bollards need paint." in run_again(mirror, slack).texts()
    assert mirror.failures == []


def test_listed_items_carry_the_version_their_record_gets(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    thread(workspace, clock)
    changes = exporter.pull(partition_named(exporter, "general"), None)
    [listed] = [change for change in changes if isinstance(change, Listed)]
    [upsert] = list(listed.load())
    assert upsert.record.version == listed.version  # type: ignore[union-attr]
