"""The sandbox as a process of its own, as ``make demo`` and benchmarks run it."""

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from slack_sdk import WebClient

from sandbox.slack import BOT_TOKEN

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process and the base URL it printed."""
    command = [sys.executable, "-m", "sandbox.slack", *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.terminate()


def ask(url: str, data: Any = None) -> Any:
    body = None if data is None else json.dumps(data).encode()
    with urllib.request.urlopen(urllib.request.Request(url, body), timeout=10) as answer:  # noqa: S310
        return json.loads(answer.read())["result"]


def test_it_prints_its_address_serves_and_stops_when_told(tmp_path: Path) -> None:
    written = tmp_path / "url"
    with running(
        "--messages",
        "500",
        "--now",
        "1790000000",
        "--token",
        "xoxb-mine",
        "--write-url",
        str(written),
    ) as (process, url):
        assert url.startswith("http://127.0.0.1:")
        assert written.read_text(encoding="utf-8").strip() == url
        for token in (BOT_TOKEN, "xoxb-mine"):
            client = WebClient(token=token, base_url=f"{url}/api/")
            assert client.auth_test()["team"] == "Harbourline"
        overview = ask(f"{url}/_sandbox/workspace/overview", {})
        assert overview["messages"] == 500
        ask(f"{url}/_sandbox/faults", {"kind": "server_error", "operation": "team.info"})
        assert ask(f"{url}/_sandbox/counts") == {"auth.test": 2}
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_it_serves_an_export(real_export: Path) -> None:
    with running("--export-zip", str(real_export), "--domain", "mesos-magellan") as (_, url):
        client = WebClient(token=BOT_TOKEN, base_url=f"{url}/api/")
        assert client.auth_test()["url"] == "https://mesos-magellan.slack.com/"
        names = {channel["name"] for channel in client.conversations_list()["channels"]}
        assert names == {"enrique", "traveling-sailor"}


def test_it_can_hold_clients_to_slack_s_rate_limits() -> None:
    with running("--messages", "400", "--rate-limit-scale", "1") as (_, url):
        client = WebClient(token=BOT_TOKEN, base_url=f"{url}/api/", retry_handlers=[])
        statuses = []
        for _ in range(22):
            try:
                statuses.append(client.emoji_list().status_code)
            except Exception as error:  # noqa: BLE001  (SlackApiError, with the answer inside)
                statuses.append(error.response.status_code)  # type: ignore[attr-defined]
        assert statuses == [200] * 20 + [429] * 2
