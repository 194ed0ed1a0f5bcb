"""`make demo`: an invented company's Slack, mail and tickets, synced and searched on this machine.

Starts the sandboxes as processes of their own and runs the commands a person would type, against
the embedded stores in `.demo/`, or in the folder given as argument. Run again, it shows that
nothing changed.
"""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from rich.markup import escape

from exporters.slack.settings import TIER_LIMITS
from flows.terminal import FAILED, INTERRUPTED, complain, output

_FOLDER: Final = ".demo"
_START_SECONDS: Final = 60

_SANDBOXES: Final[Mapping[str, Sequence[str]]] = {
    "slack": ("--messages", "2000"),
    "gmail": ("--messages", "1500"),
    "jira": ("--issues", "300"),
}
"""The local servers, and how much is behind them."""

_SLACK_TOKEN: Final = "xoxb-sandbox-bot"  # noqa: S105 (the sandbox's own, good for nothing else)
_JIRA_TOKEN: Final = "ATATT-sandbox-admin"  # noqa: S105 (likewise)
_JIRA_EMAIL: Final = "knowledge.sync@harbourline.example"
_ADMINISTRATOR: Final = "jonas.haugen@harbourline.example"
"""Head of IT, in whose name the list of mailboxes is read."""

_MEMBER: Final = "henrik.vieira@harbourline.example"
"""Head of finance: is in the private channel #leadership and got the mails on Quayside."""

_OTHER: Final = "olga.tamm@harbourline.example"
"""Neither."""

_COMMANDS: Final = (
    ("sync", "--all"),
    ("search", "why were Northsound passengers charged twice?", "--limit", "4"),
    ("search", "how high is the break fee for Quayside?", "--limit", "1", "--as-user", _MEMBER),
    ("search", "how high is the break fee for Quayside?", "--limit", "1", "--as-user", _OTHER),
    ("status", "--runs", "3"),
)


def main(folder: Path) -> int:
    """Runs the demo and returns its exit code.

    Args:
        folder: Where its stores lie; made if it does not exist.
    """
    console = output()
    first = not (folder / "data").exists()
    console.rule(
        "A company's Slack, mail and tickets, in one search"
        if first
        else "The same again: what changed?"
    )
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        urls = {
            name: stack.enter_context(_sandbox(name, arguments, folder))
            for name, arguments in _SANDBOXES.items()
        }
        environment = _environment(folder, urls)
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
def _sandbox(name: str, arguments: Sequence[str], folder: Path) -> Iterator[str]:
    """A local server, with the same company each time; gives its address."""
    clock = folder / "company-clock"
    if not clock.exists():
        clock.write_text(f"{time.time():.0f}")
    address = folder / f"{name}-url"
    address.unlink(missing_ok=True)
    if name == "gmail":
        arguments = (*arguments, "--write-key", str(_key_file(folder)))
    with (folder / f"{name}.log").open("w") as log:
        server = subprocess.Popen(  # noqa: S603 (our own sandbox)
            [
                sys.executable, "-m", f"sandbox.{name}", "--seed", "7", *arguments,
                "--now", clock.read_text(), "--write-url", str(address),
            ],
            stdout=log,
            stderr=log,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not address.exists() or not address.read_text().strip():
            if server.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"The local {name} did not start; see {folder / f'{name}.log'}.")
            time.sleep(0.1)
        yield address.read_text().strip()
    finally:
        server.terminate()
        server.wait(10)


def _key_file(folder: Path) -> Path:
    """Where the Gmail sandbox writes the key of its service account, a new one each time."""
    return folder.absolute() / "gmail-key.json"


def _environment(folder: Path, urls: Mapping[str, str]) -> Mapping[str, str]:
    """What the commands see: the sandboxes, which pace nobody, and stores of the demo."""
    return {
        **os.environ,
        "SLACK_BOT_TOKEN": _SLACK_TOKEN,
        "DATA_GETTERS_SLACK__BASE_URL": f"{urls['slack']}/api/",
        "DATA_GETTERS_SLACK__RATE_LIMITS": _unhurried(*TIER_LIMITS),
        "GOOGLE_SERVICE_ACCOUNT_JSON": str(_key_file(folder)),
        "GOOGLE_ADMIN_SUBJECT": _ADMINISTRATOR,
        "DATA_GETTERS_GMAIL__BASE_URL": urls["gmail"],
        "DATA_GETTERS_GMAIL__DIRECTORY_URL": urls["gmail"],
        "DATA_GETTERS_GMAIL__RATE_LIMITS": _unhurried("mailbox", "*"),
        "JIRA_TOKEN": _JIRA_TOKEN,
        "DATA_GETTERS_JIRA__BASE_URL": urls["jira"],
        "DATA_GETTERS_JIRA__EMAIL": _JIRA_EMAIL,
        "DATA_GETTERS_JIRA__RATE_LIMITS": _unhurried("*"),
        "DATA_GETTERS_STORES__DATA_DIRECTORY": str(folder.absolute() / "data"),
        "DO_NOT_TRACK": "1",
    }


def _unhurried(*scopes: str) -> str:
    return json.dumps({scope: {"per_minute": 1_000_000, "burst": 100_000} for scope in scopes})


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else _FOLDER)))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)  # the command that was running has said so
