"""The command line as a person runs it: a process of its own, from the repository's root."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporters.slack.settings import TIER_LIMITS

ROOT = Path(__file__).parents[2]
PATIENCE = 120

BOT_TOKEN = "xoxb-sandbox-bot"

UNHURRIED = json.dumps({scope: {"per_minute": 100_000, "burst": 1_000} for scope in TIER_LIMITS})
"""The sandbox paces nobody unless it is told to."""


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON document and nothing else."""
        return json.loads(self.out)

    @property
    def complaints(self) -> list[str]:
        """The sentences a person is told on standard error."""
        return [line for line in self.err.splitlines() if line.startswith("Error:")]

    def complaint(self) -> str:
        """The one sentence on standard error; there is exactly one, and no traceback."""
        assert "Traceback" not in self.err + self.out, self.err
        assert len(self.complaints) == 1, self.err
        assert self.err.rstrip().splitlines()[-1] == self.complaints[0], self.err
        return self.complaints[0]


@dataclass(frozen=True)
class CommandLine:
    """`data-getters` with an environment of its own.

    Attributes:
        folder: What `data_directory` is set to.
        variables: The environment besides.
    """

    folder: Path
    variables: Mapping[str, str]

    @property
    def environment(self) -> dict[str, str]:
        """Everything a child process sees."""
        return {
            **os.environ,
            "DATA_GETTERS_STORES__DATA_DIRECTORY": str(self.folder),
            "DO_NOT_TRACK": "1",
            **self.variables,
        }

    def having(self, folder: Path | None = None, /, **variables: str) -> "CommandLine":
        """The same with another folder or more variables; an empty value unsets one."""
        return CommandLine(folder or self.folder, {**self.variables, **variables})

    def start(
        self, *arguments: str, prefix: Sequence[str] = (), **options: Any
    ) -> "subprocess.Popen[str]":
        """Starts a command, `prefix` being what starts it in another way."""
        return subprocess.Popen(
            [*prefix, sys.executable, "-m", "flows.cli", *arguments],
            cwd=ROOT, env=self.environment, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
        )  # fmt: skip

    def run(self, *arguments: str, **options: Any) -> Ended:
        """Runs a command to its end."""
        process = self.start(*arguments, **options)
        try:
            out, err = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
        return Ended(process.returncode, out, err)

    def json(self, *arguments: str) -> Any:
        """Runs a command that succeeds, with `--json`, and gives what it printed."""
        ended = self.run(*arguments, "--json")
        assert ended.code == 0, ended.err
        return ended.json


def files_of(folder: Path) -> dict[str, bytes]:
    """What lies in a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def names(rows: Sequence[Mapping[str, Any]], key: str = "name") -> set[str]:
    """One column of a JSON answer."""
    return {str(row[key]) for row in rows}
