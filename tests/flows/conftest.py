"""What the tests of the command line share: a Slack, and a store that was synced from it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import BOT_TOKEN, UNHURRIED, CommandLine
from servers.prefect import PrefectServer

from sandbox.slack import SlackSandbox, generate_company

NOW = float(int(time.time()))
"""So that every company is the same one."""


def _company() -> SlackSandbox:
    return SlackSandbox(generate_company(messages=400, seed=7, now=NOW))


@pytest.fixture(scope="session")
def company() -> Iterator[SlackSandbox]:
    """A company of 400 messages. Shared by all tests: read only."""
    with _company() as slack:
        yield slack


@pytest.fixture
def slack() -> Iterator[SlackSandbox]:
    """The same company, the test's own."""
    with _company() as slack:
        yield slack


def _variables(slack: SlackSandbox) -> dict[str, str]:
    return {
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "DATA_GETTERS_SLACK__BASE_URL": slack.api_url,
        "DATA_GETTERS_SLACK__RATE_LIMITS": UNHURRIED,
        # Tests that need Prefect say so; to all others it does not answer.
        "PREFECT_API_URL": "http://127.0.0.1:9/api",
    }


@pytest.fixture
def offline(company: SlackSandbox, tmp_path: Path) -> CommandLine:
    """The command line without a Prefect server, and with a folder that does not exist yet."""
    return CommandLine(tmp_path / "data", _variables(company))


@pytest.fixture
def fresh(company: SlackSandbox, prefect_server: PrefectServer, tmp_path: Path) -> CommandLine:
    """The command line with everything it needs, and nothing synced."""
    return CommandLine(tmp_path / "data", {**_variables(company), **prefect_server.environment})


@pytest.fixture
def alone(slack: SlackSandbox, prefect_server: PrefectServer, tmp_path: Path) -> CommandLine:
    """The same, with a Slack of the test's own."""
    return CommandLine(tmp_path / "data", {**_variables(slack), **prefect_server.environment})


@pytest.fixture(scope="session")
def synced(
    company: SlackSandbox,
    prefect_server: PrefectServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> CommandLine:
    """A store that holds the company. Shared by all tests: read only."""
    folder = tmp_path_factory.mktemp("synced") / "data"
    command_line = CommandLine(folder, {**_variables(company), **prefect_server.environment})
    ended = command_line.run("sync", "slack")
    assert ended.code == 0, ended.err
    return command_line
