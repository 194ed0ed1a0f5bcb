"""What Slack refuses, breaks off or takes back."""

from typing import Any

import pytest
from slack_samples import (
    HandClock,
    MakeExporter,
    Mirror,
    fill,
    flat,
    one_with,
    partition_named,
)

from exporters.changes import Change, Checkpoint, Complete
from exporters.errors import (
    AuthenticationError,
    ExportError,
    PermissionDeniedError,
    TransientError,
)
from exporters.slack.settings import SlackSelection
from sandbox.slack import Fault, SlackSandbox, Workspace


@pytest.mark.parametrize("error", ["internal_error", "fatal_error", "service_unavailable"])
def test_ok_false_in_a_200_is_retried_where_that_may_help(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, error: str
) -> None:
    workspace.post("general", "ada", "Hello")
    slack.fail("conversations.history", error, times=2)
    assert "Hello" in Mirror(exporter_of(slack)).run().texts()


@pytest.mark.parametrize(
    ("fault", "times"),
    [("reset", 1), ("server_error", 2), ("truncated_body", 1), ("malformed_json", 1), ("html", 1)],
)
def test_a_broken_answer_is_asked_for_again(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, fault: Any, times: int
) -> None:
    workspace.post("general", "ada", "Hello")
    slack.faults.add(Fault(fault, "conversations.history", times=times, status=502))
    assert "Hello" in Mirror(exporter_of(slack)).run().texts()


def test_one_bad_channel_does_not_stop_the_others(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter
) -> None:
    workspace.post("general", "ada", "Hello")
    workspace.post("random", "ada", "Joke")
    bad = workspace.channel("general").id
    slack.fail("conversations.history", "internal_error", times=None, channel=bad)
    exporter = exporter_of(slack)
    mirror = Mirror(exporter)
    failed = []
    for partition in exporter.partitions(SlackSelection()):
        try:
            mirror.follow(partition)
        except ExportError as error:
            failed.append((partition.name, type(error)))
    assert failed == [("general", TransientError)]
    assert "Joke" in mirror.texts()


@pytest.mark.parametrize(
    ("code", "hint"),
    [("not_in_channel", "Invite it with /invite"), ("channel_not_found", "Invite the app again")],
)
def test_a_channel_that_is_closed_to_the_app_says_what_to_do(
    slack: SlackSandbox, exporter_of: MakeExporter, code: str, hint: str
) -> None:
    slack.fail("conversations.history", code)
    exporter = exporter_of(slack)
    with pytest.raises(PermissionDeniedError) as failure:
        list(exporter.pull(partition_named(exporter, "general"), None))
    assert hint in failure.value.sentence()
    assert "xoxb" not in failure.value.sentence()
    assert not failure.value.retryable


def test_a_token_revoked_in_the_middle_is_not_worth_a_retry(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, clock: HandClock
) -> None:
    fill(workspace, clock, 30)
    exporter = exporter_of(slack, page_size=10)
    token = exporter._client._token or ""
    slack.after("conversations.history", 1, lambda: workspace.revoke_token(token))
    got: list[Change] = []
    partition = partition_named(exporter, "general")
    with pytest.raises(AuthenticationError) as failure:
        got.extend(exporter.pull(partition, None))
    assert not failure.value.retryable
    assert failure.value.sentence() == (
        "The Slack token was revoked. "
        "Copy the token again from the app's page under OAuth & Permissions."
    )
    assert not any(isinstance(change, Complete | Checkpoint) for change in got)
    assert slack.requests.count("conversations.history") == 2


def test_a_listing_that_breaks_off_licenses_no_sweep(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, clock: HandClock
) -> None:
    fill(workspace, clock, 30)
    mirror = Mirror(exporter_of(slack, page_size=10)).run()
    before = set(mirror.records)
    slack.faults.add(Fault("server_error", "conversations.history", skip=1, times=None, status=500))
    with pytest.raises(TransientError):
        mirror.follow(partition_named(mirror.exporter, "general"))
    assert set(mirror.records) == before


def test_a_thread_that_cannot_be_fetched_costs_only_itself(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, clock: HandClock
) -> None:
    for n in range(3):
        root = workspace.post("general", "ada", f"Question {n}", ts=clock.ts(hours=9 - n))
        workspace.reply("general", root, "bob", "Answer", ts=clock.ts(hours=1, minutes=n))
    bad = workspace.channel("general").timeline[1]
    slack.fail("conversations.replies", "thread_not_found", ts=bad)
    exporter = exporter_of(slack)
    changes = list(flat(exporter.pull(partition_named(exporter, "general"), None)))
    kinds = [type(change).__name__ for change in changes]
    assert kinds.count("Upsert") == 2
    assert kinds.count("Delete") == 1
    assert kinds[-1] == "Checkpoint"


def test_people_of_a_connected_company_are_asked_for_one_by_one_and_once(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, clock: HandClock
) -> None:
    stranger = workspace.add_stranger("sven", "Sven Other", team_id="T0OTHER")
    workspace.share_with_team("general", "T0OTHER", [stranger])
    for n in range(3):
        workspace.post("general", stranger, f"Hej {n}", ts=clock.ts(days=n))
    documents = Mirror(exporter_of(slack)).run().documents()
    assert one_with(documents, "Hej 2").metadata["author"]["name"] == "sven"
    assert slack.requests.count("users.info") <= 1
