"""`make demo`: a believable company's Slack, synced and searched, with nothing but this machine.

Starts the sandbox as a process of its own and runs the commands a person would type, against the
embedded stores in `.demo/`. Run again, it shows that nothing changed.
"""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.markup import escape

from exporters.slack.settings import TIER_LIMITS
from flows.terminal import FAILED, complain, output

_FOLDER: Final = Path(".demo")
_START_SECONDS: Final = 60
_TOKEN: Final = "xoxb-sandbox-bot"  # noqa: S105 (the sandbox's own, good for nothing else)

_MEMBER: Final = "henrik.vieira@harbourline.example"
"""Is in the private channel #leadership."""

_OTHER: Final = "olga.tamm@harbourline.example"
"""Is not."""

_COMMANDS: Final = (
    ("sync", "slack"),
    ("search", "why did the payment service time out?", "--limit", "3"),
    ("search", "are we buying Quayside?", "--limit", "2", "--as-user", _MEMBER),
    ("search", "are we buying Quayside?", "--limit", "2", "--as-user", _OTHER),
    ("status", "--runs", "3"),
)


def main() -> int:
    """Runs the demo and returns its exit code."""
    console = output()
    first = not _FOLDER.exists()
    console.rule("A company's Slack, in search" if first else "The same again: what changed?")
    _FOLDER.mkdir(exist_ok=True)
    with _slack() as url:
        environment = _environment(url)
        for command in _COMMANDS:
            console.print(f"\n[bold]$ data-getters {escape(shlex.join(command))}[/]")
            done = subprocess.run(  # noqa: S603 (our own command line)
                [sys.executable, "-m", "flows.cli", *command], env=environment, check=False
            )
            if done.returncode:
                complain(f"The demo stopped: that command ended with {done.returncode}.")
                return FAILED
    console.print(
        f"\nEverything lies in {_FOLDER}/. "
        + ("Run `make demo` again: nothing is fetched or embedded twice." if first else "")
    )
    return 0


@contextmanager
def _slack() -> Iterator[str]:
    """A local Slack, the same company each time; gives the address of its API."""
    clock = _FOLDER / "company-clock"
    if not clock.exists():
        clock.write_text(f"{time.time():.0f}")
    address = _FOLDER / "slack-url"
    address.unlink(missing_ok=True)
    with (_FOLDER / "slack.log").open("w") as log:
        server = subprocess.Popen(  # noqa: S603 (our own sandbox)
            [
                sys.executable, "-m", "sandbox.slack", "--seed", "7", "--messages", "2000",
                "--now", clock.read_text(), "--write-url", str(address),
            ],
            stdout=log,
            stderr=log,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not address.exists() or not address.read_text().strip():
            if server.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"The local Slack did not start; see {_FOLDER / 'slack.log'}.")
            time.sleep(0.1)
        yield address.read_text().strip() + "/api/"
    finally:
        server.terminate()
        server.wait(10)


def _environment(url: str) -> Mapping[str, str]:
    """What the commands see: the sandbox for Slack, which paces nobody, and stores of the demo."""
    unhurried = {scope: {"per_minute": 100_000, "burst": 1_000} for scope in TIER_LIMITS}
    return {
        **os.environ,
        "SLACK_BOT_TOKEN": _TOKEN,
        "DATA_GETTERS_SLACK__BASE_URL": url,
        "DATA_GETTERS_SLACK__RATE_LIMITS": json.dumps(unhurried),
        "DATA_GETTERS_STORES__DATA_DIRECTORY": str(_FOLDER.absolute() / "data"),
        "DO_NOT_TRACK": "1",
    }


if __name__ == "__main__":
    sys.exit(main())
