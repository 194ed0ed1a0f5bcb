"""What a person asks for, and what is said to what makes no sense."""

from typing import Any

import pytest
from slack_samples import (
    HandClock,
    MakeExporter,
    Mirror,
    everything_of,
    fill,
    partition_named,
)

from documents.errors import ConfigurationError
from exporters.errors import (
    PermissionDeniedError,
)
from exporters.slack.exporter import SlackExporter
from sandbox.slack import SlackSandbox, Workspace


def test_export_gives_documents_newest_first_and_goes_back_seven_days(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    for days in (1, 3, 6, 12, 40):
        workspace.post("general", "ada", f"{days} days ago", ts=clock.ts(days=days))
    texts = [d.page_content.splitlines()[1] for d in exporter.export(channels=["general"])]
    assert texts == ["1 days ago", "3 days ago", "6 days ago"]
    everything = list(exporter.export(channels=["#general"], days_ago=None))
    assert len(everything) == 5
    assert len(list(exporter.export(["general"], days_ago=None, limit=2))) == 2
    assert len(list(exporter.export(days_ago=0))) == 0


def test_export_asks_for_no_more_than_its_limit_needs(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, clock: HandClock
) -> None:
    fill(workspace, clock, 400, minutes=300)
    exporter = exporter_of(slack, page_size=20)
    slack.requests.clear()
    assert len(list(exporter.export(["general"], days_ago=None, limit=3))) == 3
    assert slack.requests.count("conversations.history") == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            {"days_ago": -1},
            "days_ago is -1; expected: greater than or equal to 0.",
        ),
        ({"limit": 0}, "limit is 0; expected: at least 1, or None for all."),
        ({"limit": -3}, "limit is -3; expected: at least 1, or None for all."),
        (
            {"channels": ["genral"]},
            "There is no channel 'genral' that can be read here. Did you mean 'general'?",
        ),
        (
            {"channels": ["zzz"]},
            "There is no channel 'zzz' that can be read here. "
            "A private channel is seen only after the app was invited to it.",
        ),
    ],
)
def test_what_makes_no_sense_is_answered_with_one_sentence(
    exporter: SlackExporter, arguments: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigurationError) as failure:
        list(exporter.export(**arguments))
    assert failure.value.sentence() == sentence


def test_a_value_that_makes_no_sense_is_refused_before_slack_is_asked(
    slack: SlackSandbox, exporter: SlackExporter
) -> None:
    with pytest.raises(ConfigurationError):
        exporter.export(days_ago=-1)
    with pytest.raises(ConfigurationError):
        exporter.export(limit=0)
    assert len(slack.requests) == 0


def test_a_channel_asked_for_by_name_that_cannot_be_read_is_an_error(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter
) -> None:
    workspace.create_channel("pets", creator="ada")
    with pytest.raises(PermissionDeniedError, match="not a member of #pets"):
        list(exporter.export(["pets"]))


def test_a_limit_of_messages_is_gone_on_from_by_the_next_run(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, clock: HandClock
) -> None:
    posted = fill(workspace, clock, 600, minutes=60)
    exporter = exporter_of(slack, page_size=50)
    mirror, counts = Mirror(exporter), []
    partition = partition_named(exporter, "general", limit=150)
    for _ in range(6):
        mirror.follow(partition)
        counts.append(len(everything_of(mirror, partition.key)))
    assert 150 <= counts[0] < 200
    assert counts == sorted(counts)
    assert everything_of(mirror, partition.key) == posted
