"""However Slack pages and however slow it lets us be: every message comes, once."""

from datetime import timedelta

import pytest
from slack_samples import (
    HandClock,
    MakeExporter,
    Mirror,
    everything_of,
    fill,
    partition_named,
    utc,
)

from exporters.changes import Change, Checkpoint, Complete, Cursor
from exporters.errors import (
    RateLimitError,
    TransientError,
)
from exporters.slack.exporter import SlackExporter
from sandbox.slack import Fault, SlackSandbox, Workspace


def said(changes: list[Change]) -> list[object]:
    """What a stream of changes comes to, for comparing two of them."""
    told: list[object] = []
    for change in changes:
        record = getattr(change, "record", None)
        if record is not None:
            told.append((record.key, record.version, record.payload))
        elif isinstance(change, Complete):
            told.append(("complete", change.full, change.since, change.until))
    return told


@pytest.mark.parametrize(
    "switches",
    [
        {},
        {"short_pages": True},
        {"empty_pages": True},
        {"duplicate_items": True},
        {"short_pages": True, "empty_pages": True, "duplicate_items": True},
        {"filter_after_paging": True},
    ],
    ids=lambda switches: "+".join(switches) or "none",
)
def test_however_the_pages_come_nothing_is_missing(
    slack: SlackSandbox,
    workspace: Workspace,
    exporter_of: MakeExporter,
    clock: HandClock,
    switches: dict[str, bool],
) -> None:
    posted = fill(workspace, clock, 60)
    replies = [
        workspace.reply("general", posted[30], "bob", f"Reply {n}", ts=clock.ts(seconds=90 - n))
        for n in range(12)
    ]
    slack.switches.set(**switches)
    mirror = Mirror(exporter_of(slack, page_size=7, list_page_size=2)).run()
    general = workspace.channel("general").id
    assert everything_of(mirror, general) == sorted([*posted, *replies])
    assert len(mirror.members[f"workspace:{workspace.team.id}"]) == 3


def test_a_channel_with_tens_of_thousands_of_messages_misses_nothing(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    posted = fill(workspace, clock, 20_000)
    for number, root in enumerate(posted[100:20_000:4_000]):
        workspace.reply("general", root, "bob", "Yes", ts=clock.ts(seconds=number))
    mirror = Mirror(exporter)
    partition = partition_named(exporter, "general")
    mirror.follow(partition)
    everything = sorted(workspace.channel("general").messages)
    assert everything_of(mirror, partition.key) == everything
    assert slack.requests.count("conversations.history") == 21
    assert slack.requests.count("conversations.replies") == 5


@pytest.mark.parametrize("interrupted_after", [1, 2, 3])
def test_going_on_from_any_checkpoint_gives_what_one_undisturbed_run_gives(
    slack: SlackSandbox,
    workspace: Workspace,
    exporter_of: MakeExporter,
    clock: HandClock,
    interrupted_after: int,
) -> None:
    fill(workspace, clock, 7_000)
    undisturbed = Mirror(exporter_of(slack))
    partition = partition_named(undisturbed.exporter, "general")
    undisturbed.follow(partition)
    mirror = Mirror(exporter_of(slack))
    mirror.follow(partition, checkpoints=interrupted_after)
    assert len(mirror.records) < len(undisturbed.records)
    mirror.follow(partition)
    assert mirror.documents() == undisturbed.documents()
    assert mirror.cursors == undisturbed.cursors


def test_what_comes_after_a_checkpoint_repeats_nothing_that_came_before(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, clock: HandClock
) -> None:
    fill(workspace, clock, 5_000, minutes=30)
    exporter = exporter_of(slack, lookback_days=1)
    partition = partition_named(exporter, "general")
    changes = list(exporter.pull(partition, None))
    first = next(n for n, change in enumerate(changes) if isinstance(change, Checkpoint))
    cursor: Cursor = changes[first].cursor  # type: ignore[union-attr]
    resumed = list(exporter.pull(partition, cursor))
    # The look-back window first, then the rest exactly as it would have been.
    rest = next(n for n, change in enumerate(resumed) if isinstance(change, Checkpoint)) + 1
    assert said(resumed[rest:]) == said(changes[first + 1 :])


def test_going_on_does_not_list_twice_what_was_not_reached_before(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, clock: HandClock
) -> None:
    fill(workspace, clock, 7_000, minutes=1)
    mirror = Mirror(exporter_of(slack))
    partition = partition_named(mirror.exporter, "general")
    mirror.follow(partition, checkpoints=1)
    slack.requests.clear()
    mirror.follow(partition)
    # Eight pages hold everything; the part that was reached is listed again, the rest once.
    assert slack.requests.count("conversations.history") <= 10
    assert len(everything_of(mirror, partition.key)) == 7_000


def test_what_was_deleted_is_gone_also_where_the_listing_was_interrupted_after_it(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, clock: HandClock
) -> None:
    posted = fill(workspace, clock, 4_500, minutes=20)
    alone = workspace.post("general", "bob", "Alone", ts=clock.ts(days=100))
    mirror = Mirror(exporter_of(slack, lookback_days=1))
    partition = partition_named(mirror.exporter, "general")
    mirror.follow(partition)
    day = utc(posted[-1_000]).strftime("%Y-%m-%d")
    gone = [ts for ts in posted if utc(ts).strftime("%Y-%m-%d") == day]
    for ts in [*gone, alone]:
        workspace.delete("general", ts)
    mirror.cursors.clear()  # as --rescan does
    mirror.follow(partition, checkpoints=1)
    mirror.follow(partition)
    left = everything_of(mirror, partition.key)
    assert left == sorted(workspace.channel("general").messages)


def test_items_that_change_during_paging_are_neither_lost_nor_doubled(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, clock: HandClock
) -> None:
    posted = fill(workspace, clock, 40)
    exporter = exporter_of(slack, page_size=10)
    general = workspace.channel("general").id
    slack.after(
        "conversations.history", 1, lambda: workspace.delete("general", posted[25]), channel=general
    )
    slack.after(
        "conversations.history",
        2,
        lambda: workspace.post("general", "bob", "New", ts=clock.ts(seconds=1)),
        channel=general,
    )
    slack.after(
        "conversations.history",
        3,
        lambda: workspace.reply("general", posted[2], "bob", "Indeed", ts=clock.ts(seconds=2)),
        channel=general,
    )
    mirror = Mirror(exporter)
    partition = partition_named(exporter, "general")
    mirror.follow(partition)
    mirror.follow(partition)
    assert everything_of(mirror, general) == sorted(workspace.channel("general").messages)


def test_the_same_cursor_again_is_an_error_and_no_endless_loop(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, clock: HandClock
) -> None:
    posted = fill(workspace, clock, 3)
    page = {
        "ok": True,
        "messages": [{"type": "message", "user": "U1", "text": "x", "ts": posted[2]}],
        "has_more": True,
        "response_metadata": {"next_cursor": "bmV4dA=="},
    }
    slack.faults.add(Fault("answer", "conversations.history", times=None, status=200, body=page))
    exporter = exporter_of(slack)
    with pytest.raises(TransientError, match="same page again and again"):
        list(exporter.pull(partition_named(exporter, "general"), None))
    assert slack.requests.count("conversations.history") == 2


def test_an_invalid_cursor_in_the_middle_goes_on_from_the_last_message(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, clock: HandClock
) -> None:
    posted = fill(workspace, clock, 30)
    body = {"ok": False, "error": "invalid_cursor"}
    slack.faults.add(Fault("answer", "conversations.history", skip=2, status=200, body=body))
    exporter = exporter_of(slack, page_size=10)
    mirror = Mirror(exporter)
    partition = partition_named(exporter, "general")
    mirror.follow(partition)
    assert everything_of(mirror, partition.key) == posted


def test_a_rate_limit_is_waited_for_as_long_as_slack_says(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, clock: HandClock
) -> None:
    posted = fill(workspace, clock, 3)
    slack.faults.add(Fault("rate_limited", "conversations.history", retry_after=1))
    exporter = exporter_of(slack)
    mirror = Mirror(exporter)
    partition = partition_named(exporter, "general")
    mirror.follow(partition)
    first, second = slack.requests.entries("conversations.history")
    assert (first.status, second.status) == (429, 200)
    assert second.time - first.time >= 1.0
    assert everything_of(mirror, partition.key) == posted
    assert not exporter._client.limited_mode


def test_a_wait_that_is_too_long_fails_the_partition_and_says_it_may_be_retried(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, clock: HandClock
) -> None:
    fill(workspace, clock, 3)
    slack.faults.add(Fault("rate_limited", "conversations.history", retry_after=900))
    exporter = exporter_of(slack)
    with pytest.raises(RateLimitError) as failure:
        list(exporter.pull(partition_named(exporter, "general"), None))
    assert failure.value.retry_after == 900
    assert failure.value.retryable


def test_fifteen_messages_a_minute_are_noticed_and_obeyed(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, clock: HandClock
) -> None:
    fill(workspace, clock, 40)
    slack.switches.limited_mode = True
    slack.switches.limited_mode_scale = 2.5  # a minute in 24 s: the least that is taken for it
    exporter = exporter_of(slack, longest_wait=5)
    partition = partition_named(exporter, "general")
    with pytest.raises(RateLimitError):
        list(exporter.pull(partition, None))
    assert exporter._client.limited_mode
    for method in ("conversations.history", "conversations.replies"):
        limit = exporter._client._caller.limiter.report()[method].limit
        assert limit is not None
        assert (limit.per_minute, limit.burst) == (1, 1)
    # So the next call is not even tried.
    slack.forget_rate_limits()
    calls = slack.requests.count("conversations.history")
    with pytest.raises(RateLimitError):
        list(exporter.pull(partition, None))
    assert slack.requests.count("conversations.history") == calls


def test_pages_of_fifteen_give_everything_too(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, clock: HandClock
) -> None:
    posted = fill(workspace, clock, 40)
    root = posted[20]
    replies = [
        workspace.reply("general", root, "bob", f"Reply {n}", ts=clock.ts(seconds=90 - n))
        for n in range(33)
    ]
    exporter = exporter_of(slack)
    exporter._client.limited_mode = True
    mirror = Mirror(exporter)
    partition = partition_named(exporter, "general")
    mirror.follow(partition)
    assert everything_of(mirror, partition.key) == sorted([*posted, *replies])
    sizes = [r.parameters["limit"] for r in slack.requests.entries("conversations.[hr]e*")]
    sizes += [r.parameters["limit"] for r in slack.requests.entries("conversations.history")]
    assert set(sizes) == {"15"}
    assert slack.requests.count("conversations.replies") == 3


def test_the_next_run_remembers_the_limit_and_looks_back_three_days_only(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, clock: HandClock
) -> None:
    fill(workspace, clock, 5)

    def days_looked_back(mirror: Mirror) -> int:
        mirror.exporter = exporter_of(slack)  # another run
        slack.requests.clear()
        mirror.follow(partition)
        [call] = slack.requests.entries("conversations.history")
        return (clock.moment - utc(call.parameters["oldest"])).days

    first = exporter_of(slack)
    first._client.limited_mode = True
    partition = partition_named(first, "general")
    mirror = Mirror(first)
    mirror.follow(partition)
    assert [days_looked_back(mirror) for _ in range(2)] == [3, 3]
    fill(workspace, HandClock(clock.moment - timedelta(minutes=3)), 20)
    assert days_looked_back(mirror) == 3  # a full page: there is no such limit any more
    assert days_looked_back(mirror) == 30


def test_a_page_of_fifteen_that_is_no_limit_slows_nobody_down(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, clock: HandClock
) -> None:
    fill(workspace, clock, 40)
    slack.faults.add(Fault("rate_limited", "conversations.history", skip=1, retry_after=1))
    exporter = exporter_of(slack, page_size=15)
    mirror = Mirror(exporter)
    mirror.follow(partition_named(exporter, "general"))
    assert not exporter._client.limited_mode
