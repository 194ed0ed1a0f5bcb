"""Runs of the deployed flow: server, pool, worker and stores are real, Slack is the sandbox."""

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from deployed import RESCAN, Deployed, is_gone, save_block, until
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import FlowRunFilter, LogFilter
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.exceptions import PrefectHTTPStatusError
from prefect.states import Cancelling
from servers.prefect_told import everything

from sandbox.slack import BOT_TOKEN, Fault

pytestmark = [pytest.mark.prefect, pytest.mark.slow]

STALL = Fault("slow_body", "conversations.history", times=None, skip=10, seconds=100)
"""Slack answers ten pages of history and then hardly anything any more."""


@pytest.fixture(autouse=True)
def _healthy_slack(deployed: Deployed) -> Iterator[None]:
    yield
    deployed.slack.faults.clear()


@pytest.fixture(scope="module")
def calm(deployed: Deployed) -> FlowRun:
    """A run that a schedule made, undisturbed."""
    client, deployment = deployed.client, deployed.deployment
    [schedule] = client.create_deployment_schedules(
        deployment.id,
        [
            DeploymentScheduleCreate(
                schedule=IntervalSchedule(interval=timedelta(seconds=15)),
                active=True,
                slug="in-a-moment",
            )
        ],
    )
    of_deployment = FlowRunFilter.model_validate({"deployment_id": {"any_": [deployment.id]}})

    def begun() -> FlowRun | None:
        runs = client.read_flow_runs(flow_run_filter=of_deployment)
        return next((run for run in runs if run.state and run.state.is_running()), None)

    run: FlowRun = until(begun, "a run of the schedule")
    client.delete_deployment_schedule(deployment.id, schedule.id)
    deployed.ended(run)
    return client.read_flow_run(run.id)


@pytest.fixture(scope="module")
def calm_state(deployed: Deployed, calm: FlowRun) -> dict[str, Any]:
    """What an undisturbed run leaves behind."""
    return deployed.state("calm")


def rows(deployed: Deployed, run: FlowRun) -> list[dict[str, Any]]:
    [table] = deployed.tables(run)
    assert isinstance(table.data, str)
    parsed: list[dict[str, Any]] = json.loads(table.data)
    return parsed


@contextmanager
def stalled(deployed: Deployed, stores: str) -> Iterator[tuple[FlowRun, int]]:
    """A run in its middle: something is committed, the rest hangs on Slack.

    Yields:
        The run, and the id of its process, which does not outlive the block.
    """
    deployed.slack.faults.add(STALL)
    run = deployed.start(stores)
    # Four partitions are synced at once; with all of them hanging nothing moves any more.
    until(lambda: deployed.slack.faults.report()[0]["struck"] >= 4, "four hanging partitions")
    child = deployed.process_of(run)
    try:
        yield run, child
    finally:
        deployed.slack.faults.clear()
        if not is_gone(child):
            os.kill(child, signal.SIGKILL)
        deployed.ended(run)


def test_a_scheduled_run_syncs_with_the_saved_block(deployed: Deployed, calm: FlowRun) -> None:
    assert calm.auto_scheduled
    assert calm.state is not None
    assert calm.state.name == "Completed", calm.state.message
    assert calm.parameters == {"credentials": "slack"}
    assert len(deployed.documents("calm")) > 100
    assert re.fullmatch(r"slack-sync \d{4}-\d\d-\d\d \d\d:\d\d", calm.name)


def test_the_table_has_a_row_for_each_partition(
    deployed: Deployed, calm: FlowRun, calm_state: dict[str, Any]
) -> None:
    found = rows(deployed, calm)
    reached = {row["partition"] for row in found if row["outcome"] == "completed"}
    left_out = {row["partition"] for row in found if row["outcome"] == "skipped"}
    assert reached == set(calm_state["records"]) - left_out
    assert not any(calm_state["records"].get(name) for name in left_out)
    assert sum(row["new"] for row in found) == len(calm_state["documents"])


def test_the_token_is_in_nothing_that_prefect_shows(deployed: Deployed, calm: FlowRun) -> None:
    logs = deployed.client.read_logs(
        log_filter=LogFilter.model_validate({"flow_run_id": {"any_": [calm.id]}})
    )
    assert logs
    shown = [
        calm.model_dump_json(),
        deployed.deployment.model_dump_json(),
        *(artifact.model_dump_json() for artifact in deployed.tables(calm)),
        *(log.message for log in logs),
        deployed.worker_log.read_text(),
    ]
    assert [text for text in shown if BOT_TOKEN in text] == []
    kept = everything(deployed.server)
    assert [place for place, told in kept.items() if BOT_TOKEN.encode() in told] == []


def test_a_run_from_the_ui_takes_changed_parameters(deployed: Deployed) -> None:
    run = deployed.start("chosen", {"channels": ["general", "leadership"], "archived": False})
    assert deployed.ended(run).name == "Completed"
    kinds = {row["partition"]: row["kind"] for row in rows(deployed, run)}
    assert {name for name, kind in kinds.items() if kind != "people"} == {"general", "leadership"}


@pytest.mark.parametrize(
    "parameters",
    [
        {"days_ago": -1},
        {"kinds": ["secret"]},
        {"options": {"max_delete_percent": 101}},
        {"options": {"rescann": True}},
    ],
    ids=lambda parameters: next(iter(parameters)),
)
def test_a_wrong_parameter_is_refused_before_anything_runs(
    deployed: Deployed, parameters: dict[str, Any]
) -> None:
    with pytest.raises(PrefectHTTPStatusError) as refusal:
        deployed.start("never", parameters)
    assert refusal.value.response.status_code in {409, 422}


def test_a_wrong_token_fails_at_once_and_says_what_to_do(deployed: Deployed) -> None:
    save_block(deployed.client, "slack", "wrong", {"token": "xoxb-1-wrong-token"})
    before = deployed.slack.requests.count("auth.test")
    run = deployed.start("wrong", {"credentials": "wrong"})
    state = deployed.ended(run)
    assert state.name == "Failed"
    assert "invalid_auth" in (state.message or "") or "token" in (state.message or "")
    assert "xoxb-1-wrong-token" not in (state.message or "")
    assert deployed.slack.requests.count("auth.test") == before + 1


def test_a_block_that_nobody_saved_is_one_sentence(deployed: Deployed) -> None:
    state = deployed.run("none", {"credentials": "nobodys"})
    assert state.name == "Failed"
    assert (state.message or "").startswith("There is no saved block 'nobodys' of the type")


def test_a_passing_failure_is_retried_and_leaves_no_trace(
    deployed: Deployed, calm_state: dict[str, Any]
) -> None:
    deployed.slack.faults.add(Fault("server_error", "conversations.history", status=500, skip=3))
    run = deployed.start("retried")
    assert deployed.ended(run).name == "Completed"
    assert sorted(task.run_count for task in deployed.task_runs(run))[-2:] == [1, 2]
    assert deployed.state("retried") == calm_state


def test_a_cancelled_run_stops_and_the_next_one_goes_on_from_there(
    deployed: Deployed, calm_state: dict[str, Any]
) -> None:
    with stalled(deployed, "cancelled") as (run, child):
        # Meanwhile no other run of this connection gets in, neither from Prefect nor by hand.
        second = deployed.run("cancelled")
        assert second.type is StateType.CANCELLED
        assert "concurrency limit" in (second.message or "")
        rescan = deployed.ended(deployed.start("cancelled", name=RESCAN))
        assert rescan.type is StateType.CANCELLED
        assert "is already" in (rescan.message or "")
        by_hand = deployed.cli("cancelled", "sync", "slack")
        assert by_hand.returncode == 1
        assert "is already" in by_hand.stderr
        assert "Wait for it to end, or stop it." in by_hand.stderr
        assert "Traceback" not in by_hand.stderr

        deployed.client.set_flow_run_state(run.id, Cancelling())
        assert deployed.ended(run).type is StateType.CANCELLED
        until(lambda: is_gone(child), "the end of the child process")
    partly = len(deployed.documents("cancelled"))
    assert 0 < partly < len(calm_state["documents"])

    again = deployed.start("cancelled")
    assert deployed.ended(again).name == "Completed"
    assert deployed.state("cancelled") == calm_state
    assert sum(row["new"] for row in rows(deployed, again)) == len(calm_state["documents"]) - partly


def test_a_killed_run_is_crashed_and_the_next_one_goes_on_from_there(
    deployed: Deployed, calm_state: dict[str, Any]
) -> None:
    with stalled(deployed, "killed") as (run, child):
        os.kill(child, signal.SIGKILL)
        assert deployed.ended(run).type is StateType.CRASHED
    assert 0 < len(deployed.documents("killed")) < len(calm_state["documents"])
    assert deployed.run("killed").name == "Completed"
    assert deployed.state("killed") == calm_state
