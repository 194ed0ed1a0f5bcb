"""Feature flags: a source is switched off and on for every command, schedule and worker at once."""

from contextlib import closing

import pytest
from command_line import CommandLine

from sandbox.slack import SlackSandbox
from stores.ledger.ledger import Ledger

pytestmark = pytest.mark.prefect

WHY = "Slack has an incident"


def calls(slack: SlackSandbox) -> int:
    return len(slack.requests.entries("*"))


def documents(command: CommandLine) -> dict[str, int]:
    [account] = command.json("status")["accounts"]
    return {"partitions": account["partitions"], "records": account["records"]}


@pytest.mark.parametrize("flag", ["sync", "sync.slack"])
@pytest.mark.parametrize("command", ["sync", "extract"])
def test_a_source_that_is_off_is_asked_for_nothing(
    alone: CommandLine, slack: SlackSandbox, command: str, flag: str
) -> None:
    assert alone.json("flags", "off", flag, "--reason", WHY)["enabled"] is False

    ended = alone.run(command, "slack")

    assert ended.code == 1
    told = ended.complaint()
    assert f"The flag {flag} was switched off on " in told
    assert f"UTC: {WHY}. `data-getters flags on {flag}` switches it on again." in told
    assert calls(slack) == 0

    assert alone.json("flags", "on", flag)["enabled"] is True
    assert alone.run(command, "slack").code == 0


def test_one_account_is_switched_off_while_it_is_synced(
    alone: CommandLine, slack: SlackSandbox, synced: CommandLine
) -> None:
    one_at_a_time = alone.having(DATA_GETTERS_TASKS__CONCURRENT_PARTITIONS="1")
    flag = f"sync.slack.{slack.workspace.team.id}"

    def switch_off() -> None:
        with closing(Ledger.open(alone.folder / "store.db")) as ledger:
            ledger.flags.switch(flag, enabled=False, reason=WHY)

    slack.after("conversations.history", 3, switch_off)
    stopped = one_at_a_time.run("sync", "slack")

    assert stopped.code == 1
    assert f"The flag {flag} was switched off on " in stopped.complaint()
    told = alone.json("status")
    assert told["switched_off"] == [flag]
    assert told["runs"][0]["state"] == "cancelled"
    in_the_middle = documents(alone)
    assert 0 < in_the_middle["records"] < documents(synced)["records"]
    shown = alone.run("status").out
    assert f"{flag} ({WHY})" in " ".join(shown.split())

    before = calls(slack)
    assert f"The flag {flag} was switched off on " in alone.run("sync", "slack").complaint()
    asked = [entry.operation for entry in slack.requests.entries("*")[before:]]
    assert not [one for one in asked if one.startswith("conversations.")], "who it is, no more"

    alone.run("flags", "on", flag)
    assert alone.run("sync", "slack").code == 0
    assert documents(alone) == documents(synced)
    assert alone.json("status")["switched_off"] == []


def test_flags_are_listed_and_what_nothing_heeds_is_refused(offline: CommandLine) -> None:
    assert "everything is on" in offline.run("flags", "list").out
    assert not offline.folder.exists(), "looking makes nothing"
    for name in ("nonsense", "sync.", "sync.slack.", "transform"):
        refused = offline.run("flags", "off", name)
        assert refused.code == 64
        assert f"There is no flag '{name}'" in refused.complaint()
    unknown = offline.run("flags", "off", "sync.slak")
    assert unknown.code == 64
    assert "slack" in unknown.complaint()

    slip = offline.run("flags", "off", "sync.jira.acme.exmaple")
    assert slip.code == 64
    assert "There is no account 'acme.exmaple'. None was synced yet." in slip.complaint()

    with closing(Ledger.open(offline.folder / "store.db")) as ledger:
        ledger.connection_id("jira", "acme.example", "Acme")
    offline.run("flags", "off", "sync.jira.Acme", "--reason", "moving")
    offline.run("flags", "off", "sync.slack")
    offline.run("flags", "on", "sync.slack")

    rows = {row["name"]: row for row in offline.json("flags", "list")}
    assert {name: row["enabled"] for name, row in rows.items()} == {
        "sync.jira.acme.example": False,
        "sync.slack": True,
    }
    lines = offline.run("flags", "list").out.splitlines()
    assert [line.split()[:2] for line in lines[2:]] == [
        ["sync.jira.acme.example", "off"],
        ["sync.slack", "on"],
    ]
    assert "Switched off" in offline.run("status").out
    assert "Switched off" not in offline.run("status", "slack").out
