"""What a sync costs that finds nothing new, beyond what Prefect needs for any run.

    python -m benchmarks.nothing_new

Runs `data-getters sync slack` again and again over a workspace that does not change, against a
running Prefect server, and in turn with it an empty flow in a process of its own: the difference is
what this collection adds, its API calls included. Also times `data-getters --help`.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks.sandbox_slack import running_slack

_EMPTY_FLOW: Final = (
    "from prefect import flow, task\n"
    "@task\n"
    "def part(): ...\n"
    "@flow\n"
    "def empty():\n"
    "    part()\n"
    "empty()\n"
)
_CLI: Final = [sys.executable, "-m", "flows.cli"]


def timed(command: list[str], environment: Mapping[str, str]) -> tuple[float, str]:
    """Wall seconds and standard output of a command that must succeed."""
    started = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - started
    if done.returncode:
        raise SystemExit(f"{command} ended with {done.returncode}: {done.stderr}")
    return seconds, done.stdout


@contextmanager
def prefect_server(folder: Path) -> Iterator[str]:
    """A Prefect server of its own; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}/api"
    server = subprocess.Popen(
        [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)],
        env={**os.environ, "PREFECT_HOME": str(folder), "DO_NOT_TRACK": "1",
             "PREFECT_SERVER_ANALYTICS_ENABLED": "false"},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while server.poll() is None:
            try:
                with urlopen(f"{address}/health", timeout=5):
                    break
            except (URLError, OSError):
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait(30)


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--messages", type=int, default=2_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            running_slack(arguments.messages, folder) as slack,
            prefect_server(folder / "prefect") as address,
        ):
            environment = {
                **slack,
                "PREFECT_API_URL": address,
                "PREFECT_HOME": str(folder / "prefect"),
                "PREFECT_LOGGING_LEVEL": "WARNING",
                "DATA_GETTERS_STORES__DATA_DIRECTORY": str(folder / "data"),
            }
            help_seconds = [timed([*_CLI, "--help"], environment)[0] for _ in range(7)]
            timed([*_CLI, "sync", "slack"], environment)
            empty, sync, calls = [], [], 0
            for _ in range(arguments.repeat):
                empty.append(timed([sys.executable, "-c", _EMPTY_FLOW], environment)[0])
                seconds, output = timed([*_CLI, "sync", "slack", "--json"], environment)
                sync.append(seconds)
                calls = json.loads(output)["counts"]["api_calls"]
    print(
        f"data-getters --help      {min(help_seconds):5.2f} s (median {median(help_seconds):.2f})"
    )
    print(f"an empty flow            {min(empty):5.2f} s (median {median(empty):.2f})")
    print(f"a sync, nothing new      {min(sync):5.2f} s (median {median(sync):.2f}), {calls} calls")
    print(f"added by the collection  {min(sync) - min(empty):5.2f} s "
          f"(medians {median(sync) - median(empty):.2f})")  # fmt: skip


if __name__ == "__main__":
    main()
