"""The sandbox's Slack for benchmarks: a process of its own, with its limits and ours off."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from exporters.slack.settings import TIER_LIMITS


@contextmanager
def running_slack(
    messages: int, folder: Path, *, latency: float = 0.0
) -> Iterator[Mapping[str, str]]:
    """Serves a company of so many messages.

    Args:
        messages: How many.
        folder: For its address.
        latency: Seconds that every answer takes to come.

    Yields:
        The environment in which a sync reads it.
    """
    address = folder / "url"
    server = subprocess.Popen(
        [sys.executable, "-m", "sandbox.slack", "--seed", "7", "--messages", str(messages),
         "--latency", str(latency), "--write-url", str(address)],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while not address.exists() or not address.read_text().strip():
            if server.poll() is not None:
                raise SystemExit("The sandbox did not start.")
            time.sleep(0.1)
        unhurried = {scope: {"per_minute": 1e6, "burst": 10_000} for scope in TIER_LIMITS}
        yield {
            **os.environ,
            "DO_NOT_TRACK": "1",
            "SLACK_BOT_TOKEN": "xoxb-sandbox-bot",
            "DATA_GETTERS_SLACK__BASE_URL": address.read_text().strip() + "/api/",
            "DATA_GETTERS_SLACK__RATE_LIMITS": json.dumps(unhurried),
        }
    finally:
        server.terminate()
        server.wait(10)
