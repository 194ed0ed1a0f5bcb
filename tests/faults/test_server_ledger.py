"""The ledger is on PostgreSQL: another session holds locks there, or the server is restarted.

Who waits for a lock waits for as long as for the embedded file, and says so when it takes longer;
a restart costs a run at most. The next one ends as one that nobody disturbed.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from contract_kill_and_resume import Rehearsal
from psycopg import sql
from servers.postgresql import (
    PostgresqlServer,
    PostgresqlUnavailable,
    conninfo,
    running_postgresql,
)
from watched_stores import Watch, settings_in, watched

from documents.errors import DataGettersError
from faults.rehearsals import differences, rehearsal_of, run_once_free
from faults.stages import STAGES
from stores.errors import StoreBusyError, StoreUnavailableError
from stores.ledger.tables import metadata
from tasks.partition_errors import PartitionFailedError
from tasks.stores import Stores

pytestmark = [pytest.mark.faults, pytest.mark.full]

RESTARTS = 12


class Ledgers:
    """Stores whose ledger is in a database of its own, a folder each.

    Attributes:
        urls: Of the ledgers, by folder.
        patience: How many milliseconds they wait for a lock; None for as long as usual.
    """

    def __init__(self, server: PostgresqlServer) -> None:
        self.server = server
        self.urls: dict[Path, str] = {}
        self.patience: int | None = None

    def __call__(self, folder: Path, watch: Watch) -> Stores:
        if folder not in self.urls:
            self.urls[folder] = self.server.new_database()
        options = f"?options=-clock_timeout%3D{self.patience}" if self.patience else ""
        settings = settings_in(folder, "three files", ledger=self.urls[folder] + options)
        return watched(settings, watch)

    @contextmanager
    def locked(self, folder: Path) -> Iterator[None]:
        """Another session has all tables of a ledger for itself."""
        names = [sql.Identifier(table.name) for table in metadata.sorted_tables]
        lock = sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE NOWAIT")
        with psycopg.connect(conninfo(self.urls[folder])) as session:
            while True:  # at once or not at all: else this and a commit wait for each other
                try:
                    session.execute(lock.format(sql.SQL(", ").join(names)))
                    break
                except psycopg.errors.LockNotAvailable:
                    session.rollback()
                    time.sleep(0.01)
            yield

    def cut_off(self, folder: Path) -> None:
        """Ends every session of a ledger, wherever it is, as a crash of the server does."""
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        name = self.urls[folder].rpartition("/")[2]
        with psycopg.connect(conninfo(self.server.url), autocommit=True) as session:
            session.execute(end, [name])


@pytest.fixture(scope="module")
def ledgers() -> Iterator[Ledgers]:
    try:
        with running_postgresql() as server:
            yield Ledgers(server)
    except PostgresqlUnavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module", params=sorted(STAGES))
def rehearsal(request: pytest.FixtureRequest, ledgers: Ledgers) -> Iterator[Rehearsal]:
    stage = STAGES[request.param]
    with rehearsal_of(stage, ledgers, phases=1, in_folder=False) as rehearsal:
        yield rehearsal


@pytest.fixture(autouse=True)
def _as_usual(ledgers: Ledgers) -> Iterator[None]:
    yield
    ledgers.patience = None


def same(rehearsal: Rehearsal, folder: Path, undisturbed: Any) -> None:
    found = differences(rehearsal.state(folder), undisturbed)
    assert not found, "\n".join(found[:20])


def failure_of(rehearsal: Rehearsal, folder: Path, watch: Watch) -> Exception | None:
    """What stopped a run; None where it went through."""
    try:
        rehearsal.run(folder, 0, watch)
    except DataGettersError as error:
        return error
    return None


def assert_that_a_retry_may_help(error: BaseException) -> None:
    """Whether a run's failure tells that the server is away, in one sentence."""
    cause = error.__cause__ if isinstance(error, PartitionFailedError) else error
    assert isinstance(cause, StoreUnavailableError), repr(error)
    assert cause.retryable
    assert "\n" not in cause.sentence()


def test_a_lock_that_is_held_for_a_while_is_waited_for(
    rehearsal: Rehearsal, undisturbed: Any, ledgers: Ledgers, tmp_path: Path
) -> None:
    def hold() -> None:
        with ledgers.locked(tmp_path):
            taken.append(time.monotonic())
            time.sleep(1.5)
            released.append(time.monotonic())

    def lock() -> None:
        held.append(thread.submit(hold))
        while not taken:
            time.sleep(0.01)

    taken: list[float] = []
    released: list[float] = []
    held: list[Any] = []
    watch = Watch()
    watch.at("checkpoint", lock, time=2)
    with ThreadPoolExecutor(1) as thread:
        rehearsal.run(tmp_path, 0, watch)
        assert released, "the run did not need the ledger meanwhile"
        held[0].result()
    same(rehearsal, tmp_path, undisturbed)


def test_a_lock_that_is_held_for_too_long_stops_the_run_with_a_sentence(
    rehearsal: Rehearsal, undisturbed: Any, ledgers: Ledgers, tmp_path: Path
) -> None:
    ledgers.patience = 300
    watch = Watch()
    with ExitStack() as stack:
        watch.at("raw.append done", lambda: stack.enter_context(ledgers.locked(tmp_path)), time=3)
        with pytest.raises(PartitionFailedError, match="has held a lock on the ledger") as stopped:
            rehearsal.run(tmp_path, 0, watch)
    assert isinstance(stopped.value.__cause__, StoreBusyError)
    assert stopped.value.retryable
    assert "\n" not in stopped.value.sentence()
    run_once_free(rehearsal, tmp_path)
    same(rehearsal, tmp_path, undisturbed)


@pytest.mark.parametrize("step", ["raw.append done", "ledger.commit", "ledger.commit done"])
def test_a_server_that_is_restarted_costs_an_attempt_at_most(
    rehearsal: Rehearsal, undisturbed: Any, ledgers: Ledgers, tmp_path: Path, step: str
) -> None:
    if not ledgers.server.is_ours:
        pytest.skip("the server is not ours to restart")

    def restart() -> None:
        ledgers.server.stop()
        ledgers.server.start()

    watch = Watch()
    watch.at(step, restart, time=2)
    if stopped := failure_of(rehearsal, tmp_path, watch):  # another thread was asking just then
        assert_that_a_retry_may_help(stopped)
        run_once_free(rehearsal, tmp_path)
    same(rehearsal, tmp_path, undisturbed)


def test_a_server_that_stays_away_stops_the_run_with_a_sentence(
    rehearsal: Rehearsal, undisturbed: Any, ledgers: Ledgers, tmp_path: Path
) -> None:
    if not ledgers.server.is_ours:
        pytest.skip("the server is not ours to stop")
    watch = Watch()
    watch.at("raw.append done", ledgers.server.stop, time=2)
    try:
        stopped = failure_of(rehearsal, tmp_path, watch)
    finally:
        ledgers.server.start()
    assert stopped is not None
    assert_that_a_retry_may_help(stopped)
    run_once_free(rehearsal, tmp_path)
    same(rehearsal, tmp_path, undisturbed)


def test_sessions_that_end_at_any_moment_cost_a_run_at_most(
    rehearsal: Rehearsal, undisturbed: Any, ledgers: Ledgers, tmp_path: Path
) -> None:
    """Also in the middle of a statement, a transaction, a commit."""
    calm = tmp_path / "calm"
    calm.mkdir()
    begun = time.monotonic()
    rehearsal.run(calm, 0, Watch())
    took = time.monotonic() - begun
    dice = Random(5)  # noqa: S311 (moments, not secrets)
    stopped = 0
    for number in range(RESTARTS):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        ledgers(folder, Watch()).close()
        with ThreadPoolExecutor(1) as thread:
            run = thread.submit(rehearsal.run, folder, 0, Watch())
            while not run.done():
                time.sleep(dice.uniform(0.02, took / 2))
                ledgers.cut_off(folder)
        if error := run.exception():
            assert_that_a_retry_may_help(error)
            stopped += 1
        run_once_free(rehearsal, folder)
        same(rehearsal, folder, undisturbed)
    assert stopped, "no run was disturbed"
