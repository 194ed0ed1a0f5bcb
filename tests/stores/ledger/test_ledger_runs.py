"""Runs: how they ended, or that they never said so."""

import pytest

from stores.errors import StoreError
from stores.ledger.ledger import Ledger
from stores.ledger.types import RunState


def test_a_run_is_running_until_it_says_how_it_ended(ledger: Ledger) -> None:
    connection = ledger.connection_id("slack", "T1", "Acme")
    ledger.start_run("run-1", connection, flow_run_id="flow-1")
    (running,) = ledger.runs()
    assert (running.state, running.ended_at, running.counts) == (RunState.RUNNING, None, {})

    ledger.finish_run(
        "run-1", RunState.PARTLY_FAILED, counts={"new": 3, "failed": 1}, message="One \0 failed."
    )

    (ended,) = ledger.runs()
    assert (ended.id, ended.source, ended.connection) == ("run-1", "slack", "T1")
    assert (ended.state, ended.flow_run_id) == (RunState.PARTLY_FAILED, "flow-1")
    assert (ended.counts, ended.message) == ({"new": 3, "failed": 1}, "One \ufffd failed.")
    assert ended.started_at == running.started_at
    assert ended.ended_at is not None
    assert ended.ended_at >= ended.started_at


def test_the_latest_runs_come_first(ledger: Ledger) -> None:
    slack = ledger.connection_id("slack", "T1", "Acme")
    jira = ledger.connection_id("jira", "acme", "Acme")
    for number, connection in enumerate([slack, jira, slack]):
        ledger.start_run(f"run-{number}", connection)

    assert [run.id for run in ledger.runs()] == ["run-2", "run-1", "run-0"]
    assert [run.id for run in ledger.runs(2)] == ["run-2", "run-1"]
    assert [run.id for run in ledger.runs(source="jira")] == ["run-1"]


def test_runs_that_were_killed_are_marked_by_the_next_one(ledger: Ledger) -> None:
    connection = ledger.connection_id("slack", "T1", "Acme")
    other = ledger.connection_id("slack", "T2", "Other")
    for run, where in (("killed", connection), ("done", connection), ("elsewhere", other)):
        ledger.start_run(run, where)
    ledger.finish_run("done", RunState.COMPLETED)

    assert ledger.mark_interrupted(connection) == ["killed"]
    assert ledger.mark_interrupted(connection) == []

    states = {run.id: run.state for run in ledger.runs()}
    assert states == {
        "killed": RunState.INTERRUPTED,
        "done": RunState.COMPLETED,
        "elsewhere": RunState.RUNNING,
    }
    (killed,) = (run for run in ledger.runs() if run.id == "killed")
    assert killed.ended_at is not None


def test_a_run_that_holds_a_lease_is_running(ledger: Ledger) -> None:
    connection = ledger.connection_id("slack", "T1", "Acme")
    for run in ("killed", "replay"):
        ledger.start_run(run, connection)
    with ledger.lease("sync:slack:T1", run_id="replay"):
        with ledger.lease("extract:slack:T1", run_id="extraction"):
            assert ledger.mark_interrupted(connection) == ["killed"]
        (replay,) = (run for run in ledger.runs() if run.id == "replay")
        assert (replay.state, replay.ended_at) == (RunState.RUNNING, None)
    assert ledger.mark_interrupted(connection) == ["replay"]


def test_the_end_of_a_run_that_never_began_is_an_error(ledger: Ledger) -> None:
    with pytest.raises(StoreError, match="knows no run ghost"):
        ledger.finish_run("ghost", RunState.COMPLETED)
