"""Answers of Slack that say nothing are neither the end of a listing nor the proof of a delete."""

from typing import Any

import pytest
from slack_samples import HandClock, MakeExporter, fill, partition_named

from exporters.changes import Delete
from exporters.errors import InvalidDataError, TransientError
from exporters.slack.documents import DAY, THREAD
from sandbox.slack import Fault, SlackSandbox, Workspace

NOTHING = {"ok": True, "messages": [], "has_more": False}


def answered(slack: SlackSandbox, method: str, body: Any) -> None:
    slack.faults.add(Fault("answer", method, times=None, status=200, body=body))


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"ok": True}, "without 'messages'"),
        ({**NOTHING, "has_more": True}, "there is more of conversations.history, and not how"),
    ],
    ids=["no list", "more, and no way to it"],
)
def test_a_listing_does_not_end_in_silence(
    slack: SlackSandbox,
    workspace: Workspace,
    exporter_of: MakeExporter,
    clock: HandClock,
    *,
    body: Any,
    sentence: str,
) -> None:
    fill(workspace, clock, 3)
    exporter = exporter_of(slack)
    partition = partition_named(exporter, "general")
    answered(slack, "conversations.history", body)
    with pytest.raises(TransientError, match=sentence):
        list(exporter.pull(partition, None))


def test_a_channel_that_shows_nothing_says_nothing_of_a_day(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, clock: HandClock
) -> None:
    fill(workspace, clock, 3)
    exporter = exporter_of(slack)
    partition = partition_named(exporter, "general")
    day = f"{partition.key}:2001-01-01"
    told = exporter.fetch(partition, DAY, day)
    assert told is not None
    assert list(told) == [Delete(DAY, day)]
    answered(slack, "conversations.history", NOTHING)
    assert exporter.fetch(partition, DAY, day) is None


def test_an_empty_answer_to_a_thread_is_no_proof_that_it_is_gone(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, clock: HandClock
) -> None:
    [root] = fill(workspace, clock, 1)
    exporter = exporter_of(slack)
    partition = partition_named(exporter, "general")
    answered(slack, "conversations.replies", NOTHING)
    told = exporter.fetch(partition, THREAD, f"{partition.key}:{root}")
    assert told is not None
    with pytest.raises(InvalidDataError, match="answered with nothing"):
        list(told)


def test_the_root_that_comes_with_every_page_is_kept_once(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, clock: HandClock
) -> None:
    [root] = fill(workspace, clock, 1)
    for number in range(9):
        workspace.reply("general", root, "bob", f"Reply {number}", ts=clock.ts(seconds=90 - number))
    exporter = exporter_of(slack, page_size=3)
    partition = partition_named(exporter, "general")
    told = exporter.fetch(partition, THREAD, f"{partition.key}:{root}")
    assert told is not None
    [upsert] = told
    assert len(upsert.record.payload["messages"]) == 10  # type: ignore[union-attr]
