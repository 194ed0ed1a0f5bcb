"""Every source, run as a deployment with a saved block and as a command: Prefect has no credential.

Not in runs, their parameters, states and messages, not in logs at DEBUG (the vendors' libraries
too), artifacts, events or stored results, and in no byte of the server's database, where the saved
block itself is encrypted: in a good run, and where the vendor says the credential back.
"""

from pathlib import Path
from typing import Any

import pytest
from deployed import Collection, save_block, until
from servers.prefect_told import count_of, everything, results

from faults.commands import chosen, settings_of, started
from faults.leaks import everything_in, leaks, trouble
from faults.stages import STAGES
from faults.stages.base import CANARY, Stage

pytestmark = [pytest.mark.faults, pytest.mark.prefect, pytest.mark.full]

TROUBLES = ("none", "401", "late 401", "500", "late 500")

CHATTY = {
    "PREFECT_LOGGING_LEVEL": "DEBUG",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "exporters,tasks,stores,slack_sdk,urllib3,httpx2,httpcore,"
    "google,requests,sqlalchemy,asyncio",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true",
    "DATA_GETTERS_TASKS__RETRIES": "1",
    "DATA_GETTERS_TASKS__RETRY_DELAY": "0.1",
}
"""Everything that can be told and kept is."""


LISTS = (
    "/flow_runs/filter", "/flow_run_states/", "/task_runs/filter", "/task_run_states/",
    "/logs/filter", "/events/filter", "/artifacts/filter", "/block_documents/filter",
)  # fmt: skip
"""What the server tells of a run; of some of it a while later."""


def told(collection: Collection, secrets: list[str]) -> list[str]:
    """Where the server has a secret."""
    places = everything(collection.server)
    places["the worker's log"] = collection.worker_log.read_bytes()
    return [place for place, text in places.items() if leaks(place.encode() + text, secrets)]


@pytest.mark.parametrize("kind", TROUBLES)
@pytest.mark.parametrize("name", sorted(STAGES))
def test_a_saved_credential_is_seen_nowhere(
    name: str, kind: str, collection: Collection, tmp_path: Path
) -> None:
    stage: Stage[Any, Any] = STAGES[name]
    company = stage.company()
    with stage.served(company) as sandbox:
        _, secrets = stage.secret_opener(company, sandbox)
        block = f"canary-{kind.replace(' ', '-')}"
        values = stage.in_block(stage.secret_credentials(sandbox))
        save_block(collection.client, name, block, values)
        sandbox.faults.add(*trouble(kind, secrets[0]))
        run = collection.start_in(
            {**settings_of(stage, sandbox, tmp_path), **CHATTY},
            f"{name}-sync/{name}",
            {**chosen(stage), "credentials": block},
        )
        state = collection.ended(run)
    assert (state.name == "Completed") == (kind == "none"), state.message
    assert state.message
    if kind == "none":
        until(lambda: _has_all(collection), "the run to be recorded")
    assert told(collection, secrets) == []
    assert leaks(everything_in(tmp_path), secrets) == []


def _has_all(collection: Collection) -> bool:
    places = everything(collection.server)
    return bool(results(collection.server)) and all(count_of(places[path]) for path in LISTS)


@pytest.mark.parametrize("kind", TROUBLES)
@pytest.mark.parametrize("name", sorted(STAGES))
def test_a_credential_of_the_environment_is_seen_nowhere(
    name: str, kind: str, collection: Collection, tmp_path: Path
) -> None:
    stage: Stage[Any, Any] = STAGES[name]
    company = stage.company()
    with stage.served(company) as sandbox:
        _, secrets = stage.secret_opener(company, sandbox)
        sandbox.faults.add(*trouble(kind, secrets[0]))
        variables = {
            **settings_of(stage, sandbox, tmp_path), **CHATTY, **stage.secret_credentials(sandbox)
        }  # fmt: skip
        process = started(stage, collection.server, variables)
        out, err = process.communicate(timeout=240)
    assert (process.returncode == 0) == (kind == "none"), err
    assert leaks(out + err, secrets) == []
    assert told(collection, secrets) == []
    assert leaks(everything_in(tmp_path), secrets) == []


def test_what_is_looked_through_has_what_was_saved_but_for_its_secrets(
    collection: Collection,
) -> None:
    """The test of the tests: a name of a block is found in the API, the tables and the file."""
    name = "kookaburra"
    save_block(collection.client, "slack", name, {"token": CANARY})
    found = {place for place, text in everything(collection.server).items() if b"kooka" in text}
    assert {"/block_documents/filter", "table block_document"} <= found
    assert any(place.startswith("home/prefect.db") for place in found)
    assert told(collection, [CANARY]) == []
