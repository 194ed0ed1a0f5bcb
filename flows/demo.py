"""`make demo`: a believable company's Slack, synced and searched, with nothing but this machine.

Starts the sandbox as a process of its own and runs the commands a person would type, against the
embedded stores in `.demo/`, or in the folder given as argument. Run again, it shows that nothing
changed.
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
from flows.terminal import FAILED, INTERRUPTED, complain, output

_FOLDER: Final = ".demo"
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


def main(folder: Path) -> int:
    """Runs the demo and returns its exit code.

    Args:
        folder: Where its stores lie; made if it does not exist.
    """
    console = output()
    first = not (folder / "data").exists()
    console.rule("A company's Slack, in search" if first else "The same again: what changed?")
    folder.mkdir(parents=True, exist_ok=True)
    with _slack(folder) as url:
        environment = _environment(folder, url)
        for command in _COMMANDS:
            console.print(f"\n[bold]$ data-getters {escape(shlex.join(command))}[/]")
            done = subprocess.run(  # noqa: S603 (our own command line)
                [sys.executable, "-m", "flows.cli", *command], env=environment, check=False
            )
            if done.returncode:
                complain(f"The demo stopped: that command ended with {done.returncode}.")
                return FAILED
    if first:
        console.print("\nRun `make demo` again: nothing is fetched or embedded twice.")
    console.print("\nEverything lies in one folder. To ask it something else:", highlight=False)
    console.print(
        f"DATA_GETTERS_STORES__DATA_DIRECTORY={shlex.quote(str(folder / 'data'))} "
        f"{_shown(sys.executable)} -m flows.cli search 'which ferry is late?'",
        soft_wrap=True,
        markup=False,
    )
    return 0


def _shown(program: str) -> str:
    """A path as one types it here."""
    path = Path(program)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


@contextmanager
def _slack(folder: Path) -> Iterator[str]:
    """A local Slack, the same company each time; gives the address of its API."""
    clock = folder / "company-clock"
    if not clock.exists():
        clock.write_text(f"{time.time():.0f}")
    address = folder / "slack-url"
    address.unlink(missing_ok=True)
    with (folder / "slack.log").open("w") as log:
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
                raise SystemExit(f"The local Slack did not start; see {folder / 'slack.log'}.")
            time.sleep(0.1)
        yield address.read_text().strip() + "/api/"
    finally:
        server.terminate()
        server.wait(10)


def _environment(folder: Path, url: str) -> Mapping[str, str]:
    """What the commands see: the sandbox for Slack, which paces nobody, and stores of the demo."""
    unhurried = {scope: {"per_minute": 100_000, "burst": 1_000} for scope in TIER_LIMITS}
    return {
        **os.environ,
        "SLACK_BOT_TOKEN": _TOKEN,
        "DATA_GETTERS_SLACK__BASE_URL": url,
        "DATA_GETTERS_SLACK__RATE_LIMITS": json.dumps(unhurried),
        "DATA_GETTERS_STORES__DATA_DIRECTORY": str(folder.absolute() / "data"),
        "DO_NOT_TRACK": "1",
    }


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else _FOLDER)))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)  # the command that was running has said so
