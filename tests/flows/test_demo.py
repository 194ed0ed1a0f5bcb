"""`make demo`, in a folder of the test's own."""

import os
import re
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
    for source in ("Gmail", "Jira", "Slack"):
        assert re.search(rf"{source} · .*: Documents: [\d,]+ new", first)
    assert "Nothing changed" not in first
    found = first.split("charged twice?")[1].split("$ data-getters")[0]
    assert "gmail · " in found
    assert "jira · " in found
    for_member, for_other = first.split("break fee for Quayside?")[1:3]
    assert "quayside-term-sheet.docx" in for_member, "it stands in an attachment"
    assert "90,000" in for_member
    assert "uayside" not in for_other.split("?'")[-1].split("$ data-getters")[0]
    assert "Run `make demo` again" in first

    second = demo(folder, prefect_server)
    assert second.count("Nothing changed: ") == 3
    assert "gmail · " in second
    assert "Run `make demo` again" not in second
    assert not list(ROOT.glob("*-url"))
