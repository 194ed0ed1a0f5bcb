"""How flow runs end: loud where data is missing, with the reason, and never with a secret."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
from flow_runs import CANARY, RUNS
from servers.prefect import PrefectServer
from workbench import install

pytestmark = pytest.mark.prefect

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]


@pytest.fixture(scope="module")
def runs(prefect_server: PrefectServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What became of every run of `flow_runs`; under `output` what the process printed."""
    folder = tmp_path_factory.mktemp("flows")
    site = install(folder / "site")
    environment = {
        **os.environ,
        **prefect_server.environment,
        "PREFECT_LOGGING_LEVEL": "DEBUG",
        "PYTHONPATH": os.pathsep.join(map(str, [_ROOT, _HERE.parent, _HERE, site])),
        "SCRIPTED_TOKEN": CANARY,
        "DATA_GETTERS_STORES__DATA_DIRECTORY": str(folder / "data"),
        "DATA_GETTERS_STORES__EMBEDDING_MODEL": "python:scripted_source:MODEL",
        "DATA_GETTERS_TASKS__RETRIES": "1",
        "DATA_GETTERS_TASKS__RETRY_DELAY": "0.1",
    }
    done = subprocess.run(
        [sys.executable, str(_HERE / "flow_runs.py"), str(folder), *RUNS],
        env=environment, cwd=_ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    told = folder / "told.json"
    assert told.exists(), done.stderr[-3000:]
    found: dict[str, Any] = json.loads(told.read_text())
    found["output"] = done.stdout + done.stderr
    found["data"] = b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())
    return found


def test_a_run_that_goes_through_is_completed(runs: dict[str, Any]) -> None:
    run = runs["well"]
    assert (run["type"], run["name"]) == ("COMPLETED", "Completed")
    assert run["message"].startswith("2 new, 0 changed, 0 unchanged, 0 deleted")
    [(_, state, _, counts)] = run["runs"]
    assert (state, counts["new"]) == ("completed", 2)


def test_items_set_aside_show_in_the_name_of_the_state(runs: dict[str, Any]) -> None:
    run = runs["aside"]
    assert (run["type"], run["name"]) == ("COMPLETED", "CompletedWithAttention")
    assert "1 items were set aside" in run["message"]
    assert run["runs"][0][1] == "partly_failed"


def test_a_permanent_failure_is_loud_and_not_tried_again(runs: dict[str, Any]) -> None:
    run = runs["refused"]
    assert run["type"] == "FAILED"
    assert run["message"].startswith("1 of 2 partitions failed. r1: The token is revoked. Make a")
    assert [room for room, _ in run["cursors"]].count("r1") == 1
    [(_, state, message, counts)] = run["runs"]
    assert (state, message) == ("failed", run["message"])
    assert counts["new"] == 2, "the other partition went on"


def test_a_source_that_refuses_to_list_is_loud(runs: dict[str, Any]) -> None:
    run = runs["unlisted"]
    assert (run["type"], run["message"]) == ("FAILED", "The token is revoked. Make a new one.")
    assert run["runs"][0][1:3] == ["failed", "The token is revoked. Make a new one."]


def test_a_retry_goes_on_from_the_last_checkpoint(runs: dict[str, Any]) -> None:
    run = runs["shaken"]
    assert run["type"] == "COMPLETED"
    assert run["cursors"] == [["r1", None], ["r1", {"at": 1}]]


def test_what_fails_at_every_attempt_is_loud(runs: dict[str, Any]) -> None:
    run = runs["broken"]
    assert run["type"] == "FAILED"
    assert "Still away." in run["message"]
    assert len(run["cursors"]) == 2


def test_a_rescan_that_failed_early_is_a_rescan_when_it_is_retried(runs: dict[str, Any]) -> None:
    run = runs["rescanned"]
    assert run["type"] == "COMPLETED"
    assert run["cursors"] == [["r1", None], ["r1", None]]


def test_a_second_run_of_an_account_says_who_is_at_it(runs: dict[str, Any]) -> None:
    run = runs["held"]
    assert run["type"] == "CANCELLED", "nothing is missing: the other run is at it"
    assert "already being synced: by the run the-other-run" in run["message"]


def test_a_run_that_was_killed_is_known_by_the_next_one(runs: dict[str, Any]) -> None:
    states = {identifier: state for identifier, state, _, _ in runs["after_a_kill"]["runs"]}
    assert states.pop("killed") == "interrupted"
    assert list(states.values()) == ["completed"]


def test_a_run_that_was_stopped_says_so_and_the_next_one_goes_on(runs: dict[str, Any]) -> None:
    run = runs["stopped"]
    assert run["type"] == "COMPLETED"
    (_, last, _, _), (_, first, message, _) = run["runs"]
    assert (first, last) == ("cancelled", "completed"), message
    assert run["records"] == [9]


def test_no_run_is_left_running(runs: dict[str, Any]) -> None:
    assert all(runs[name]["running"] == [] for name in RUNS)


class TestSecrets:
    def test_states_letters_and_files_are_clean(self, runs: dict[str, Any]) -> None:
        run = runs["leaking"]
        assert run["type"] == "FAILED"
        assert "2 of 2 partitions failed" in run["message"]
        assert run["letters"]
        assert CANARY not in json.dumps(run)
        assert CANARY.encode() not in runs["data"]

    def test_what_the_process_printed_is_clean(self, runs: dict[str, Any]) -> None:
        assert "[redacted]" in runs["output"]
        assert CANARY not in runs["output"]

    @pytest.mark.parametrize("what", ["task_runs", "flow_runs", "artifacts", "logs"])
    def test_what_prefect_keeps_is_clean(
        self, runs: dict[str, Any], prefect_server: PrefectServer, what: str
    ) -> None:
        assert runs
        answer = httpx2.post(f"{prefect_server.api_url}/{what}/filter", json={"limit": 200})
        assert answer.status_code == 200
        assert answer.json()
        assert CANARY not in answer.text
