"""The sandbox as a process of its own, as a demo and benchmarks run it."""

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox.gmail import harbourline_staff

ROOT = Path(__file__).resolve().parents[3]
FULL = "https://mail.google.com/"


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process and the base URL it printed."""
    command = [sys.executable, "-m", "sandbox.gmail", *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.terminate()


def ask(url: str, data: Any = None, token: str = "") -> Any:
    body = None if data is None else json.dumps(data).encode()
    head = {"Authorization": f"Bearer {token}"} if token else {}
    with urllib.request.urlopen(urllib.request.Request(url, body, head), timeout=10) as answer:  # noqa: S310
        return json.loads(answer.read())


def token_of(url: str, user: str) -> str:
    asked = {"user": user, "scopes": [FULL]}
    return str(ask(f"{url}/_sandbox/oauth/issue_access_token", asked)["result"])


def test_it_prints_its_address_serves_and_stops_when_told(tmp_path: Path) -> None:
    written = tmp_path / "url"
    key_file = tmp_path / "key.json"
    arguments = ["--messages", "400", "--now", "1790000000", "--user-units", "6"]
    arguments += ["--write-url", str(written), "--write-key", str(key_file)]
    with running(*arguments) as (process, url):
        assert url.startswith("http://127.0.0.1:")
        assert written.read_text(encoding="utf-8").strip() == url
        info = ask(f"{url}/_sandbox/oauth/service_account_info", {})["result"]
        assert info["token_uri"] == f"{url}/token"
        assert json.loads(key_file.read_text(encoding="utf-8")) == info
        assert key_file.stat().st_mode & 0o077 == 0
        assert info["private_key"].startswith("-----BEGIN PRIVATE KEY-----")
        assert ask(f"{url}/_sandbox/mailboxes/message_count", {})["result"] == 400
        head = harbourline_staff(seed=7).head("sales").email
        token = token_of(url, head)
        base = f"{url}/gmail/v1/users/me"
        assert ask(f"{base}/messages", token=token)["messages"]
        with pytest.raises(urllib.error.HTTPError, match="403"):
            ask(f"{base}/messages", token=token)
        assert ask(f"{url}/_sandbox/counts")["result"] == {"messages.list": 2}
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_it_serves_an_mbox_file(tmp_path: Path) -> None:
    path = tmp_path / "one.mbox"
    path.write_bytes(b"From x Thu Jan  1 00:00:00 1970\nFrom: a@b.example\nSubject: One\n\nText\n")
    with running("--mbox", str(path), "--mailbox", "me@acme.example") as (_, url):
        profile = ask(f"{url}/gmail/v1/users/me/profile", token=token_of(url, "me@acme.example"))
        assert profile["emailAddress"] == "me@acme.example"
        assert profile["messagesTotal"] == 1
