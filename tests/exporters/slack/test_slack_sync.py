"""Slack through pipeline and stores: what only shows there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from slack_samples import HandClock, MakeExporter
from slack_stores import stores_in, sync, sync_all

from documents.principals import PUBLIC
from exporters.slack.exporter import SlackExporter
from sandbox.slack import SlackSandbox, Workspace
from stores.base import SearchFilter
from stores.ledger.types import Standing
from tasks.results import PartitionOutcome
from tasks.stores import Stores


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    with stores_in(tmp_path, model="none") as opened:
        yield opened


def found(stores: Stores, words: str, *principals: str) -> list[str]:
    where = SearchFilter(principals=frozenset(principals)) if principals else None
    hits = stores.index.search(words, limit=50, where=where)
    return [hit.document_id for hit in hits]


def test_a_second_sync_asks_for_no_thread_and_writes_nothing(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, stores: Stores,
    clock: HandClock,
) -> None:  # fmt: skip
    root = workspace.post("general", "ada", "Which ferry?", ts=clock.ts(days=2))
    workspace.reply("general", root, "bob", "The blue one", ts=clock.ts(hours=30))
    first = sync(exporter_of(slack), stores, "first")
    slack.requests.clear()
    second = sync(exporter_of(slack), stores, "second")
    assert first.new == 1
    assert (second.written, second.landed, second.unchanged) == (0, 0, 1)
    assert slack.requests.count("conversations.replies") == 0


def test_a_thread_is_read_again_once_for_each_recheck_and_not_in_every_run(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, stores: Stores,
    clock: HandClock,
) -> None:  # fmt: skip
    root = workspace.post("general", "ada", "Which ferry?", ts=clock.ts(minutes=50))
    workspace.reply("general", root, "bob", "The blue one", ts=clock.ts(minutes=40))
    sync(exporter_of(slack), stores, "first")
    calls = []
    for hours in (0.1, 2, 1, 22, 3, 150, 20):
        clock.forward(hours=hours)
        slack.requests.clear()
        assert sync(exporter_of(slack), stores, f"after {hours}").written == 0
        calls.append(slack.requests.count("conversations.replies"))
    assert calls == [0, 1, 0, 1, 0, 1, 0]


def test_a_free_plan_deletes_nothing_and_asks_for_attention(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, stores: Stores,
    clock: HandClock,
) -> None:  # fmt: skip
    for days in range(100, 180, 4):
        workspace.post("general", "ada", f"Summer {days}", ts=clock.ts(days=days))
    workspace.post("general", "ada", "Winter", ts=clock.ts(days=1))
    sync(exporter_of(slack), stores, "paid")
    slack.switches.free_plan = True
    results = sync_all(exporter_of(slack), stores, "free", fresh=True)
    assert results["general"].outcome is PartitionOutcome.ATTENTION
    assert results["general"].message.startswith("Slack hides the messages of general")
    assert results["general"].counts.deleted == 0
    assert results["general"].held_back == 0
    assert len(found(stores, "Summer")) == 20
    assert results["random"].outcome is PartitionOutcome.COMPLETED


def test_an_archived_channel_that_cannot_be_read_counts_as_left_out(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, stores: Stores
) -> None:
    workspace.post("random", "ada", "Unheard")
    workspace.archive("random")
    workspace.kick("random", "knowledge_sync")
    result = sync_all(exporter, stores, "first")["random"]
    assert result.outcome is PartitionOutcome.SKIPPED
    assert result.message.startswith("The app cannot read #random")
    assert result.counts.written == 0


def test_what_was_archived_away_from_the_app_is_kept_and_marked(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, stores: Stores,
    clock: HandClock,
) -> None:  # fmt: skip
    workspace.post("random", "ada", "Last words", ts=clock.ts(days=1))
    sync(exporter_of(slack), stores, "first")
    workspace.archive("random")
    workspace.kick("random", "knowledge_sync")
    result = sync_all(exporter_of(slack), stores, "second")["random"]
    assert result.outcome is PartitionOutcome.ATTENTION
    [identifier] = found(stores, '"Last words"')
    document = stores.index.get([identifier])[identifier]
    assert document.metadata["extra"]["channel"]["is_archived"] is True
    assert "(archived)" in document.metadata["extra"]["context"]
    third = sync_all(exporter_of(slack), stores, "third")["random"]
    assert third.outcome is PartitionOutcome.COMPLETED


def test_a_private_channel_is_found_by_its_members_from_the_next_sync_on(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, stores: Stores,
    clock: HandClock,
) -> None:  # fmt: skip
    workspace.post("secret", "ada", "A secret plan", ts=clock.ts(days=1))
    sync(exporter_of(slack), stores, "first")

    def may_find(person: str) -> bool:
        principals = stores.ledger.principals_of(f"{person}@acme.example")
        return bool(found(stores, "secret plan", *principals))

    assert may_find("ada")
    assert not may_find("cleo")
    workspace.join("secret", "cleo", quiet=True)
    workspace.kick("secret", "bob")
    counts = sync(exporter_of(slack), stores, "second")
    assert counts.written == 0
    assert may_find("cleo")
    assert not may_find("bob")


def test_who_was_deactivated_finds_what_is_public_and_nothing_else(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, stores: Stores,
    clock: HandClock,
) -> None:  # fmt: skip
    workspace.post("secret", "ada", "A secret plan", ts=clock.ts(days=1))
    workspace.post("random", "ada", "A plan for everybody", ts=clock.ts(days=1))
    sync(exporter_of(slack), stores, "first")
    assert stores.ledger.person("bob@acme.example").standing is Standing.LISTED
    assert found(stores, "secret plan", *stores.ledger.principals_of("bob@acme.example"))
    workspace.deactivate("bob")
    sync(exporter_of(slack), stores, "second")
    bob = stores.ledger.person("bob@acme.example")
    assert (bob.standing, bob.principals) == (Standing.LEFT, {PUBLIC})
    assert not found(stores, "plan", *bob.principals)


def test_a_channel_made_private_is_closed_to_others_at_once(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, stores: Stores,
    clock: HandClock,
) -> None:  # fmt: skip
    workspace.post("random", "ada", "For everybody", ts=clock.ts(days=40))
    workspace.post("random", "ada", "Lately", ts=clock.ts(days=1))
    sync(exporter_of(slack), stores, "first")
    cleo = stores.ledger.principals_of("cleo@acme.example")
    assert found(stores, "everybody", *cleo)
    workspace.convert_to_private("random")
    counts = sync(exporter_of(slack), stores, "second")
    assert counts.access_changed == 2
    cleo = stores.ledger.principals_of("cleo@acme.example")
    assert not found(stores, "everybody", *cleo)
    ada = stores.ledger.principals_of("ada@acme.example")
    assert found(stores, "everybody", *ada)
