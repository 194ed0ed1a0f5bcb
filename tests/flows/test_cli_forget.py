"""A channel that its source lists no more: told with every sync, deleted when a person says so."""

import pytest
from command_line import CommandLine, names

from sandbox.slack import SlackSandbox

pytestmark = pytest.mark.prefect

QUESTION = ("search", "are we buying Quayside?", "--limit", "20")


def test_a_deleted_channel_is_told_and_forgotten_on_request(
    alone: CommandLine, slack: SlackSandbox
) -> None:
    assert alone.run("sync", "slack").code == 0
    assert any("Confidential" in found["passage"] for found in alone.json(*QUESTION))
    channel = slack.workspace.channel("leadership").id
    slack.workspace.delete_channel("leadership")

    second = alone.json("sync", "slack")
    assert second["counts"]["deleted"] == 0
    (told,) = [p for p in second["partitions"] if p["key"] == channel]
    assert told["outcome"] == "skipped"
    assert f"data-getters forget slack {channel}" in told["message"]
    assert any("Confidential" in found["passage"] for found in alone.json(*QUESTION))

    asked = alone.run("forget", "slack", "#Leadership")
    assert asked.code == 64
    assert "Add --yes" in asked.err
    done = alone.json("forget", "slack", "#Leadership", "--yes")
    assert done["partition"] == channel
    assert done["deleted"] > 0
    left = alone.json(*QUESTION)
    assert "leadership" not in {found["container"]["name"] for found in left}

    third = alone.json("sync", "slack")
    assert channel not in names(third["partitions"], "key")
    assert third["counts"]["new"] == 0


def test_a_channel_that_is_listed_still_comes_back(alone: CommandLine) -> None:
    first = alone.json("sync", "slack", "--channels", "incidents")
    assert alone.json("forget", "slack", "incidents", "--yes")["deleted"] > 0
    again = alone.json("sync", "slack", "--channels", "incidents")
    assert again["counts"]["new"] == first["counts"]["new"]
    assert again["counts"]["embedded"] == 0  # the cache remembers


@pytest.mark.parametrize(
    ("name", "told"), [("nowhere", "`data-getters status slack` lists what is."), ("", "partition")]
)
def test_a_name_that_nothing_has_is_told_so(synced: CommandLine, name: str, told: str) -> None:
    ended = synced.run("forget", "slack", name, "--yes")
    assert ended.code == 64
    assert told in ended.err
