"""`data-getters extract`, `transform`, `jobs`, `replay` and `raw`, as a person runs them."""

import json
import signal
import time
from contextlib import closing
from pathlib import Path

import pytest
from command_line import CommandLine, names

from stores.ledger.job_types import JobFilter, QueueDepth
from stores.ledger.ledger import Ledger

pytestmark = [pytest.mark.prefect, pytest.mark.full, pytest.mark.faults]

CHOSEN = ("slack", "--kinds", "public")


def test_extract_and_transform_bring_what_can_be_found_and_replayed(fresh: CommandLine) -> None:
    extracted = fresh.json("extract", *CHOSEN)
    assert extracted["counts"]["new"] > 20
    status = fresh.json("status")
    [account] = status["accounts"]
    assert account["raw_rows"] == extracted["counts"]["landed"]
    waiting, accounts = status["queue"], names(status["accounts"], "title")
    assert waiting["ready"] > 0
    estimate = fresh.json("transform", "--estimate")
    assert estimate["documents"] > 20
    assert estimate["texts"] > 20

    done = worked_until_stopped(fresh)
    assert done["done"] == waiting["ready"]
    assert done["counts"]["new"] > 20
    assert done["counts"]["embedded"] == estimate["texts"]
    assert "0 texts are to be embedded" in fresh.run("transform", "--estimate").out
    found = fresh.json("search", "release", "--limit", "10")
    assert found
    assert fresh.json("jobs", "list") == []
    again = fresh.run("extract", *CHOSEN)
    assert "Nothing changed: " in again.out
    assert fresh.json("status")["queue"]["ready"] == 0

    replayed = fresh.json("replay", "--source", "slack", "--all")
    assert replayed["counts"]["changed"] == done["counts"]["new"]
    assert fresh.json("search", "release", "--limit", "10") == found
    assert fresh.json("raw", "verify")["damaged"] == []
    assert names(fresh.json("status")["accounts"], "title") == accounts  # workers ask no source

    refused = fresh.run("sync", *CHOSEN)
    assert refused.code == 64
    assert "kept up to date by extractions" in refused.complaint()
    [ended] = fresh.json("extract", "end", "slack")
    assert ended["partitions"] > 1


def test_a_worker_that_is_killed_is_followed_by_another(fresh: CommandLine, tmp_path: Path) -> None:
    undisturbed = fresh.having(tmp_path / "undisturbed")
    for line in (fresh, undisturbed):
        line.json("extract", *CHOSEN)
    undisturbed.json("transform")
    killed = fresh.start("transform", "--keep-running", "--json")
    try:
        for _ in range(2_400):
            if depth(fresh).done:
                break
            time.sleep(0.05)
        killed.send_signal(signal.SIGKILL)
        killed.communicate(timeout=60)
    finally:
        killed.kill()
    assert killed.returncode == -signal.SIGKILL
    fresh.json("transform")
    left = depth(fresh)
    assert (left.open, left.dead, left.done) == (0, 0, depth(undisturbed).done)
    asked = ("search", "release", "--limit", "50")
    assert names(fresh.json(*asked), "id") == names(undisturbed.json(*asked), "id") != set()


def worked_until_stopped(line: CommandLine) -> dict[str, object]:
    """A worker that waits for more, and is asked to stop once everything is done."""
    worker = line.start("transform", "--keep-running", "--json")
    try:
        for _ in range(240):
            time.sleep(0.5)
            if depth(line).open == 0:
                break
        worker.send_signal(signal.SIGTERM)
        out, err = worker.communicate(timeout=60)
    finally:
        worker.kill()
    assert worker.returncode == 0, err
    told: dict[str, object] = json.loads(out)
    assert told["stopped"] is True
    assert depth(line).claimed == 0
    return told


def depth(line: CommandLine) -> QueueDepth:
    with closing(Ledger.open(line.folder / "store.db")) as ledger:
        return ledger.jobs.depth(JobFilter())
