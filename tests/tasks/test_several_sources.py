"""Several sources in one run: at once, each by itself, and loud about the one that failed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from servers.prefect import PrefectServer
from workbench import install

from tasks.chosen_sources import SourceSync

pytestmark = pytest.mark.prefect

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]


@pytest.fixture(scope="module")
def runs(prefect_server: PrefectServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What became of every run of `several_runs`."""
    folder = tmp_path_factory.mktemp("several")
    site = install(folder / "site")
    environment = {
        **os.environ,
        **prefect_server.environment,
        "PYTHONPATH": os.pathsep.join(map(str, [_ROOT, _HERE.parent, _HERE, site])),
        "SCRIPTED_TOKEN": "canary-of-several-sources",
        "DATA_GETTERS_STORES__DATA_DIRECTORY": str(folder / "data"),
        "DATA_GETTERS_STORES__EMBEDDING_MODEL": "none",
        "DATA_GETTERS_TASKS__RETRIES": "0",
    }
    done = subprocess.run(
        [sys.executable, str(_HERE / "several_runs.py"), str(folder)],
        env=environment, cwd=_ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    told = folder / "told.json"
    assert told.exists(), done.stderr[-3000:]
    found: dict[str, Any] = json.loads(told.read_text())
    for run in found.values():
        if isinstance(run, dict) and "children" in run:
            run["children"] = [tuple(child) for child in run["children"]]
    return found


def test_sources_are_synced_at_once_each_as_a_flow_run_of_its_own(runs: dict[str, Any]) -> None:
    run = runs["all_well"]
    assert (run["type"], run["name"]) == ("COMPLETED", "Completed")
    assert run["message"].startswith("scripted: 2 new")
    assert run["children"] == [("scripted-sync", "Completed")] * 2


def test_one_that_fails_leaves_the_others_whole_and_the_run_says_so(runs: dict[str, Any]) -> None:
    run = runs["one_fails"]
    assert (run["type"], run["name"]) == ("FAILED", "PartlyFailed")
    assert run["message"].startswith("1 of 2 sources failed. scripted: 1 of 2 partitions failed.")
    assert "The token is revoked." in run["message"]
    assert run["children"] == [("scripted-sync", "Completed"), ("scripted-sync", "Failed")]
    assert runs["records"]["fine"] == 5


def test_all_that_fail_are_a_failure(runs: dict[str, Any]) -> None:
    run = runs["all_fail"]
    assert (run["type"], run["name"]) == ("FAILED", "Failed")
    assert run["message"].startswith("2 of 2 sources failed.")


def test_items_set_aside_show_in_the_name_of_the_state(runs: dict[str, Any]) -> None:
    run = runs["items_aside"]
    assert (run["type"], run["name"]) == ("COMPLETED", "CompletedWithAttention")


def test_an_account_that_another_run_syncs_is_left_to_it(runs: dict[str, Any]) -> None:
    run = runs["one_is_held"]
    assert run["type"] == "COMPLETED"
    assert run["children"] == [("scripted-sync", "Cancelled"), ("scripted-sync", "Completed")]
    assert runs["records"]["free"] == 1


def test_a_source_may_have_options_of_its_own(runs: dict[str, Any]) -> None:
    cursors = runs["own_options"]["cursors"]
    assert cursors["as-run"] == [["r1", {"page": "end"}]]
    assert cursors["as-self"] == [["r1", None]]


def test_without_names_it_is_every_source_with_credentials_in_the_environment(
    runs: dict[str, Any],
) -> None:
    run = runs["nothing_named"]
    assert run["type"] == "COMPLETED"
    assert run["children"] == [("scripted-sync", "Completed")]
    assert runs["records"]["here"] == 1


@pytest.mark.parametrize(
    ("run", "sentence"),
    [
        ("unknown", "There is no source 'scribted'. Did you mean 'scripted'?"),
        ("twice", "scripted is named twice with the same parameters. Name it once, or give"),
    ],
)
def test_a_wrong_list_is_told_in_a_sentence(runs: dict[str, Any], run: str, sentence: str) -> None:
    assert runs[run]["type"] == "FAILED"
    assert runs[run]["message"].startswith(sentence)
    assert runs[run]["children"] == []


def test_a_table_tells_what_each_source_did(runs: dict[str, Any]) -> None:
    tables = [rows for rows in runs["artifacts"] if len(rows) == 2 and "account" in rows[0]]
    rows = {row["account"]: row for table in tables for row in table if row["account"]}
    assert rows["fine"]["outcome"] == "completed"
    assert (rows["fine"]["new"], rows["fine"]["partitions"]) == (5, 1)
    assert rows["denied"]["outcome"] == "failed"
    assert "The token is revoked." in rows["denied"]["message"]


def test_a_name_alone_is_a_source_with_all_defaults() -> None:
    assert SourceSync.model_validate("slack") == SourceSync(source="slack")
    with pytest.raises(ValidationError, match="selektion"):
        SourceSync.model_validate({"source": "slack", "selektion": {}})
