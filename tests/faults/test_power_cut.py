"""A machine that loses power: what was flushed is there, the end of what was not is gone.

Of the embedded file that is the end of its log: SQLite goes back to the last commit that is whole.
Where the stores are files of their own, the ledger commits last, so it is what may lack the end.
A raw file appears whole or not at all; that the last one is half there takes a disk that lies, and
does no harm either, for the ledger does not vouch for it yet.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from shutil import copytree

import pytest
from contract_kill_and_resume import Rehearsal, Undisturbed, rehearse_until, undisturbed_runs
from effort import FULL, tries
from fork_server import ForkServer
from watched_stores import Watch

from faults.rehearsals import embedded, rehearsal_of
from faults.stages import STAGES

pytestmark = pytest.mark.faults

NEXT_SYNC = 1
CASES = [
    (name, layout)
    for name in sorted(STAGES)
    for layout in ("one file", "three files")
    if FULL or name == "slack"
]


@dataclass(frozen=True)
class Machine:
    """A sync that can be cut off, and what an undisturbed one comes to."""

    layout: str
    rehearsal: Rehearsal
    undisturbed: Undisturbed
    fork_server: ForkServer

    @property
    def ledger(self) -> str:
        return "l.db" if self.layout == "three files" else "store.db"

    def cut_off(self, folder: Path, step: str, time: int) -> None:
        """Ends the next sync in the middle of nothing, at a step."""
        copytree(self.undisturbed.folders[NEXT_SYNC], folder)
        ended = self.fork_server.run(
            rehearse_until, self.rehearsal, NEXT_SYNC, step, time, folder
        )  # fmt: skip
        assert ended.code < 0, ended.value

    def goes_on(self, folder: Path) -> None:
        """Syncs again; what is there then is what is there without any accident."""
        self.rehearsal.run(folder, NEXT_SYNC, Watch())
        assert self.rehearsal.state(folder) == self.undisturbed.states[NEXT_SYNC]


@pytest.fixture(scope="module", params=CASES, ids=" in ".join)
def machine(
    request: pytest.FixtureRequest,
    fork_server: ForkServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Machine]:
    name, layout = request.param
    with rehearsal_of(STAGES[name], partial(embedded, layout)) as rehearsal:
        runs = undisturbed_runs(rehearsal, fork_server, tmp_path_factory.mktemp("runs"))
        yield Machine(layout, rehearsal, runs, fork_server)


def logs(folder: Path) -> list[Path]:
    return sorted(folder.glob("*-wal"))


def test_a_ledger_that_lost_the_end_of_its_log_is_made_up_for(
    machine: Machine, tmp_path: Path
) -> None:
    """In one file documents and vectors lose the same end; elsewhere they are ahead of it."""
    dice = Random(20261129)  # noqa: S311 (places, not secrets)
    commits = machine.undisturbed.steps[NEXT_SYNC]["ledger.commit done"]
    machine.cut_off(tmp_path / "cut", "ledger.commit done", commits)
    log = tmp_path / "cut" / f"{machine.ledger}-wal"
    size = log.stat().st_size
    assert size > 10_000
    for number in range(tries(2, 25)):
        folder = tmp_path / f"{number}"
        copytree(tmp_path / "cut", folder)
        left = folder / log.name
        with left.open("r+b") as file:
            file.truncate(0 if number == 0 else dice.randrange(size))
        (folder / f"{machine.ledger}-shm").unlink()
        machine.goes_on(folder)


@pytest.mark.parametrize("left", [0.0, 0.5, 0.99] if FULL else [0.5])
def test_a_raw_file_that_is_half_there_is_passed_over(
    machine: Machine, tmp_path: Path, left: float
) -> None:
    landed = machine.undisturbed.steps[NEXT_SYNC]["raw.append done"]
    folder = tmp_path / "cut"
    machine.cut_off(folder, "raw.append done", landed)
    files = sorted(folder.rglob("*.parquet"), key=lambda path: path.stat().st_mtime_ns)
    with files[-1].open("r+b") as file:
        file.truncate(int(files[-1].stat().st_size * left))
    machine.goes_on(folder)
