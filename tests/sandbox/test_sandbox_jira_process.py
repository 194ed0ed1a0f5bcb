"""The Jira sandbox as a process of its own, and what its README says."""

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from jira_clients import basic

from sandbox import jira as jira_package
from sandbox.jira import ADMIN_TOKEN, PAT, SYNC_EMAIL
from sandbox.jira.api import ENDPOINTS

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process and the base URL it printed."""
    command = [sys.executable, "-m", "sandbox.jira", "--now", "1790000000", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.terminate()


def ask(url: str, authorization: str = "", data: Any = None) -> Any:
    body = None if data is None else json.dumps(data).encode()
    request = urllib.request.Request(url, body, {"Authorization": authorization})  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return json.loads(answer.read())


def test_it_prints_its_address_and_serves_cloud(tmp_path: Path) -> None:
    written = tmp_path / "url"
    with running("--issues", "60", "--token", "mine", "--write-url", str(written)) as (_, url):
        assert written.read_text(encoding="utf-8").strip() == url
        for token in (ADMIN_TOKEN, "mine"):
            me = ask(f"{url}/rest/api/3/myself", basic(SYNC_EMAIL, token))
            assert me["displayName"] == "Knowledge Sync"
        assert ask(f"{url}/_sandbox/site/overview", data={})["result"]["issues"] == 60
        assert (
            ask(f"{url}/_sandbox/switches/set", data={"index_lag": 5})["result"]["index_lag"] == 5
        )


def test_it_serves_data_center_when_asked() -> None:
    with running("--issues", "60", "--datacenter") as (_, url):
        assert ask(f"{url}/rest/api/2/serverInfo")["deploymentType"] == "Server"
        found = ask(f"{url}/rest/api/2/search?jql=project=PAY", f"Bearer {PAT}")
        assert found["total"] > 0


@pytest.fixture(scope="module")
def section() -> str:
    """The part of the README about Jira."""
    text = (ROOT / "sandbox" / "README.md").read_text(encoding="utf-8")
    return text.partition("\n## Jira\n")[2].partition("\n## ")[0]


def test_the_readme_names_every_endpoint_and_no_other(section: str) -> None:
    listed = section.partition("Endpoints of Cloud:")[2].partition("\n\n")[0]
    named = set(re.findall(r"`([^`]+)`", listed))
    assert named == {one.path for one in ENDPOINTS if "cloud" in one.flavours}


def test_the_readme_names_every_token_and_no_other(section: str) -> None:
    tokens = {
        value
        for name, value in vars(jira_package).items()
        if name.endswith(("_TOKEN", "PAT")) and isinstance(value, str)
    }
    table = section.partition("| token |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)) == tokens
