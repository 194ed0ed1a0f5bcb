"""What is tried before a sync, and what a person is told to do."""

import pytest
from slack_samples import (
    MakeExporter,
    settings_for,
)

from exporters.base import ConnectionReport, Outcome
from exporters.slack.exporter import SlackExporter
from sandbox.slack import Fault, SlackSandbox, Workspace
from sandbox.slack.directory import FULL_BOT_SCOPES


def outcomes(report: ConnectionReport) -> dict[str, tuple[Outcome, str]]:
    return {probe.name: (probe.outcome, probe.hint) for probe in report.probes}


def test_the_probes_of_a_good_token_pass(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter
) -> None:
    workspace.post("general", "ada", "Hello")
    report = exporter.test_connection()
    assert report.ok
    found = {probe.name: probe.detail for probe in report.probes}
    assert found["token"] == "bot token of knowledge_sync in Acme"
    assert found["people"] == "4 people, 4 with an e-mail address"
    assert found["channels"] == "3 of the first 3 that are listed can be read"
    assert all(probe.outcome is Outcome.PASSED for probe in report.probes)


def test_a_wrong_token_fails_the_first_probe_and_skips_the_others(slack: SlackSandbox) -> None:
    exporter = SlackExporter("xoxb-made-up-4711", settings=settings_for(slack))
    report = exporter.test_connection()
    token, *others = report.probes
    assert (token.name, token.outcome) == ("token", Outcome.FAILED)
    assert token.detail == "Slack does not accept the token (invalid_auth)."
    assert token.hint == "Copy the token again from the app's page under OAuth & Permissions."
    assert {probe.outcome for probe in others} == {Outcome.SKIPPED}
    assert "4711" not in repr(report)


def test_no_token_fails_the_first_probe_with_how_to_set_one(slack: SlackSandbox) -> None:
    report = SlackExporter(None).test_connection()
    assert report.probes[0].hint.startswith("Set SLACK_BOT_TOKEN")


@pytest.mark.parametrize(
    ("missing", "probe", "outcome", "hint"),
    [
        (("users:read",), "scope users:read", Outcome.FAILED, "Add what is missing"),
        (("users:read.email",), "people", Outcome.FAILED, "Add the scope users:read.email"),
        (("files:read",), "scope files:read", Outcome.SKIPPED, "Add what is missing"),
        (("usergroups:read",), "scope usergroups:read", Outcome.SKIPPED, "Add what is missing"),
        (("groups:history",), "scopes for private", Outcome.SKIPPED, "Add what is missing"),
        (
            tuple(scope for scope in FULL_BOT_SCOPES if scope.endswith(":history")),
            "scopes for public",
            Outcome.FAILED,
            "Add what is missing",
        ),
    ],
    ids=lambda value: "+".join(value)[:30] if isinstance(value, tuple) else None,
)
def test_a_missing_scope_is_named_with_what_to_do(
    slack: SlackSandbox,
    exporter_of: MakeExporter,
    *,
    missing: tuple[str, ...],
    probe: str,
    outcome: Outcome,
    hint: str,
) -> None:
    slack.workspace.post("general", "ada", "Hello")
    scopes = tuple(scope for scope in FULL_BOT_SCOPES if scope not in missing)
    found = outcomes(exporter_of(slack, scopes=scopes).test_connection())
    assert found[probe][0] is outcome
    assert found[probe][1].startswith(hint)


def test_an_app_that_is_in_no_channel_is_told_to_get_invited(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter
) -> None:
    for channel in ("general", "random", "secret"):
        workspace.kick(channel, "knowledge_sync")
    found = outcomes(exporter.test_connection())
    assert found["channels"][0] is Outcome.FAILED
    assert "/invite" in found["channels"][1]
    assert found["sample read"][0] is Outcome.SKIPPED


def test_a_service_that_is_down_fails_probes_and_raises_nothing(
    slack: SlackSandbox, exporter: SlackExporter
) -> None:
    slack.faults.add(Fault("server_error", "*", times=None, status=503, retry_after=0))
    report = exporter.test_connection()
    assert not report.ok
    assert report.probes[0].outcome is Outcome.FAILED
