"""`sync --all`: everything the environment has credentials for, at once."""

import json
from collections.abc import Iterator

import pytest
from command_line import CommandLine

from sandbox.gmail import GmailSandbox, generate_mailboxes, harbourline_staff
from sandbox.jira import ADMIN_TOKEN, SYNC_EMAIL, JiraSandbox, generate_site

pytestmark = [pytest.mark.prefect, pytest.mark.slow]

UNHURRIED = json.dumps({s: {"per_minute": 1e6, "burst": 100_000} for s in ("mailbox", "*")})


@pytest.fixture(scope="module")
def gmail() -> Iterator[GmailSandbox]:
    with GmailSandbox(generate_mailboxes(harbourline_staff(seed=7), messages=150, seed=7)) as gmail:
        yield gmail


@pytest.fixture(scope="module")
def jira() -> Iterator[JiraSandbox]:
    with JiraSandbox(generate_site(issues=60, seed=7)) as jira:
        yield jira


@pytest.fixture
def everything(fresh: CommandLine, gmail: GmailSandbox, jira: JiraSandbox) -> CommandLine:
    return fresh.having(
        GOOGLE_SERVICE_ACCOUNT_JSON=json.dumps(gmail.service_account_info()),
        GOOGLE_ADMIN_SUBJECT=harbourline_staff(seed=7).head("it").email,
        DATA_GETTERS_GMAIL__BASE_URL=gmail.base_url,
        DATA_GETTERS_GMAIL__DIRECTORY_URL=gmail.base_url,
        DATA_GETTERS_GMAIL__RATE_LIMITS=UNHURRIED,
        JIRA_TOKEN=ADMIN_TOKEN,
        DATA_GETTERS_JIRA__BASE_URL=jira.base_url,
        DATA_GETTERS_JIRA__EMAIL=SYNC_EMAIL,
        DATA_GETTERS_JIRA__RATE_LIMITS=json.dumps({"*": {"per_minute": 1e6, "burst": 100_000}}),
    )


def test_all_sources_are_synced_and_searched_together(everything: CommandLine) -> None:
    first = everything.json("sync", "--all")
    assert first["outcome"] == "completed"
    assert [run["source"] for run in first["sources"]] == ["gmail", "jira", "slack"]
    assert all(run["counts"]["new"] > 30 for run in first["sources"])

    found = everything.json("search", "Northsound passengers charged twice", "--limit", "10")
    assert {"gmail", "jira", "slack"} <= {result["source"] for result in found}

    second = everything.run("sync", "--all")
    assert second.code == 0
    assert second.out.count("Nothing changed: ") == 3
    rows = [line.split()[0] for line in second.out.splitlines()[2:5]]
    assert rows == ["Gmail", "Jira", "Slack"]


def test_a_source_that_is_half_set_up_leaves_the_others_whole(everything: CommandLine) -> None:
    half = everything.having(JIRA_TOKEN="", JIRA_CLIENT_ID="client-without-secret")
    ended = half.run("sync", "--all", "--json")
    assert ended.code == 2, ended.err
    assert ended.json["outcome"] == "partly_failed"
    assert [run["source"] for run in ended.json["sources"]] == ["gmail", "slack"]
    assert "1 of 3 sources failed. jira: " in ended.complaint()
    assert "Set JIRA_CLIENT_SECRET too" in ended.complaint()


def test_a_source_that_is_switched_off_leaves_the_others_whole(everything: CommandLine) -> None:
    assert everything.run("flags", "off", "sync.jira", "--reason", "moving").code == 0
    ended = everything.run("sync", "--all", "--json")
    assert ended.code == 2, ended.err
    assert [run["source"] for run in ended.json["sources"]] == ["gmail", "slack"]
    assert "The flag sync.jira was switched off on " in ended.json["message"]
    assert everything.json("search", "ferry", "--source", "slack", "--limit", "1")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--all", "slack"), "--all stands before the source 'slack'. Give one or the other."),
        ((), "Name a source, or give --all."),
        (("--al",), "No such option '--al'."),
    ],
)
def test_bad_usage_is_one_sentence(
    offline: CommandLine, arguments: tuple[str, ...], sentence: str
) -> None:
    ended = offline.run("sync", *arguments)
    assert ended.code == 64
    assert sentence in ended.complaint()


def test_without_any_credentials_the_variables_are_named(offline: CommandLine) -> None:
    ended = offline.having(SLACK_BOT_TOKEN="").run("sync", "--all")
    assert ended.code == 64
    complaint = ended.complaint()
    assert "nothing to sync" in complaint
    assert "SLACK_BOT_TOKEN" in complaint
    assert "JIRA_TOKEN" in complaint
