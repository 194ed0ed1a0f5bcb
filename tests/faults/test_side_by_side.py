"""Two who want the same: runs that start at once, a ledger that another holds; a cancelled run.

One of two runs syncs and the other ends at once with a sentence. Whoever waits for a locked ledger
waits, and says so when it takes too long; nothing of it shows in the end.
"""

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest
from contract_kill_and_resume import Rehearsal
from effort import FULL
from fork_server import ForkServer
from servers.prefect import PrefectServer
from watched_stores import Watch, settings_in

from faults.commands import documents, environment, started
from faults.rehearsals import rehearsal_of, run_once_free
from faults.stages import STAGES
from sandbox.faults import Fault
from stores.errors import StoreBusyError
from stores.ledger.errors import LeaseHeldError
from stores.sqlite import database
from tasks.partition_errors import PartitionFailedError

pytestmark = pytest.mark.faults

PATIENCE = 300.0
SOURCES = sorted(STAGES) if FULL else ["jira"]


def until(done: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + PATIENCE
    while not (found := done()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module", params=SOURCES)
def rehearsal(request: pytest.FixtureRequest) -> Iterator[Rehearsal]:
    with rehearsal_of(STAGES[request.param], phases=1) as made:
        yield made


def rehearse_and_wait(rehearsal: Rehearsal, folder: Path, mark: Path) -> None:
    """Runs; at its second checkpoint it leaves a mark and goes on when that is gone."""

    def wait() -> None:
        mark.touch()
        until(lambda: not mark.exists(), "the mark to go")

    watch = Watch()
    watch.at("checkpoint", wait, time=2)
    rehearsal.run(folder, 0, watch)


def test_of_two_runs_one_syncs_and_the_other_is_told_so(
    rehearsal: Rehearsal, undisturbed: Any, fork_server: ForkServer, tmp_path: Path
) -> None:
    folder, mark = tmp_path / "stores", tmp_path / "mark"
    folder.mkdir()
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(fork_server.run, rehearse_and_wait, rehearsal, folder, mark)
        try:
            until(lambda: mark.exists() or first.done(), "the first run")
            for _ in range(3):
                with pytest.raises(LeaseHeldError, match="is already being synced"):
                    rehearsal.run(folder, 0, Watch())
        finally:
            mark.unlink(missing_ok=True)
        assert first.result().code == 0, first.result().value
    assert rehearsal.state(folder) == undisturbed


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another program writes to the file and does not end."""
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(10_000)  # a batch may be on its way
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def test_a_ledger_that_is_locked_for_a_while_is_waited_for(
    rehearsal: Rehearsal, undisturbed: Any, tmp_path: Path
) -> None:
    path = settings_in(tmp_path).embedded_file

    def lock() -> None:
        held.append(thread.submit(hold))
        until(lambda: taken, "the lock")

    def hold() -> None:
        with locked(Path(path)):
            taken.append(True)
            time.sleep(1.5)

    taken: list[bool] = []
    held: list[Any] = []
    watch = Watch()
    watch.at("checkpoint", lock, time=2)
    with ThreadPoolExecutor(1) as thread:
        rehearsal.run(tmp_path, 0, watch)
    assert held[0].done()
    assert rehearsal.state(tmp_path) == undisturbed


def test_a_ledger_that_stays_locked_stops_the_run_with_a_sentence(
    rehearsal: Rehearsal, undisturbed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 300)
    path = settings_in(tmp_path).embedded_file
    watch = Watch()
    with ExitStack() as stack:

        def lock() -> None:
            stack.enter_context(locked(Path(path)))

        watch.at("raw.append done", lock, time=3)
        with pytest.raises(PartitionFailedError, match="Another process has been") as stopped:
            rehearsal.run(tmp_path, 0, watch)
    assert isinstance(stopped.value.__cause__, StoreBusyError)
    assert stopped.value.retryable
    monkeypatch.undo()
    run_once_free(rehearsal, tmp_path)
    assert rehearsal.state(tmp_path) == undisturbed


# --- the command itself ------------------------------------------------------------------------


@pytest.mark.prefect
@pytest.mark.full
@pytest.mark.parametrize("name", sorted(STAGES))
@pytest.mark.parametrize("stopped_by", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_command_that_is_stopped_in_its_middle_and_one_beside_it(
    name: str, stopped_by: signal.Signals, prefect_server: PrefectServer, tmp_path: Path
) -> None:
    """SIGTERM is what Prefect sends to the process of a run that is cancelled."""
    stage = STAGES[name]
    with stage.served(stage.company()) as sandbox:
        calm = started(stage, prefect_server, environment(stage, sandbox, tmp_path / "calm"))
        out, err = calm.communicate(timeout=PATIENCE)
        assert calm.returncode == 0, out + err
        asked = len(sandbox.requests.entries("*"))

        variables = environment(stage, sandbox, tmp_path / "stopped")
        stall = Fault("slow_body", times=None, skip=asked // 2, seconds=30)
        sandbox.faults.add(stall)
        first = started(stage, prefect_server, variables)
        try:
            until(lambda: sandbox.faults.report()[0]["struck"] >= 1, "the first to hang")
            second = started(stage, prefect_server, variables)
            _, err = second.communicate(timeout=PATIENCE)
            assert second.returncode == 1
            assert "is already being synced" in err
            assert "Traceback" not in err
            first.send_signal(stopped_by)
            first.communicate(timeout=PATIENCE)
            assert first.returncode != 0
        finally:
            first.kill()
        sandbox.faults.clear()
        again = started(stage, prefect_server, variables)
        out, err = again.communicate(timeout=PATIENCE)
        assert again.returncode == 0, out + err
    assert documents(tmp_path / "stopped") == documents(tmp_path / "calm")
