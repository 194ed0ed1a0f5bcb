"""`make demo`, in a folder of the test's own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import ROOT
from servers.prefect import PrefectServer

pytestmark = [pytest.mark.prefect, pytest.mark.slow]


def demo(folder: Path, server: PrefectServer) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "flows.demo", str(folder)],
        cwd=ROOT, env={**os.environ, **server.environment},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_demo_syncs_and_answers_and_the_second_time_nothing_changed(
    prefect_server: PrefectServer, tmp_path: Path
) -> None:
    folder = tmp_path / "demo"
    first = demo(folder, prefect_server)
    assert "Documents: " in first
    assert " new (" in first
    assert "Nothing changed" not in first
    assert "slack · incidents" in first
    for_member, for_other = first.split("are we buying Quayside?")[1:3]
    assert "Confidential" in for_member
    assert "Confidential" not in for_other
    assert "Run `make demo` again" in first

    second = demo(folder, prefect_server)
    assert "Nothing changed: " in second
    assert "slack · incidents" in second
    assert "Run `make demo` again" not in second
    assert not list(ROOT.glob("slack-url"))
