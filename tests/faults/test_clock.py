"""A machine whose clock is wrong, or is set while a run goes on: nothing is lost, nothing undone.

The runs are processes to which `libfaketime` (Debian's package `faketime`) tells another time; the
vendor's clock is right all along.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from contract_kill_and_resume import Rehearsal
from effort import FULL
from fork_server import Ended, ForkServer, running_fork_server
from watched_stores import Watch

from faults.rehearsals import differences, rehearsal_of
from faults.stages import STAGES
from faults.stages.base import NOW

pytestmark = [pytest.mark.faults, pytest.mark.full]

HOUR, DAY = 3_600, 86_400

# How far off the clock is in each of three syncs; two numbers where it jumps in the middle of one.
CLOCKS = {
    "an hour back between two": [(0,), (-HOUR,), (0,)],
    "a day ahead in the first": [(DAY,), (0,), (0,)],
    "a day ahead in the second": [(0,), (DAY,), (0,)],
    "an hour back in the middle of one": [(0,), (0, -HOUR), (-HOUR,)],
    "a day ahead in the middle of one": [(0,), (0, DAY), (0,)],
    "right again in the middle of one": [(DAY,), (DAY, 0), (0,)],
}
SHORT = {"an hour back in the middle of one"}


@dataclass(frozen=True)
class Machine:
    """Runs syncs at a time of their own.

    Attributes:
        clock: The file that tells `libfaketime` how far off the time is.
    """

    rehearsal: Rehearsal
    server: ForkServer
    clock: Path

    def run(self, folder: Path, phase: int, off: int, later: int | None = None) -> Ended:
        """A sync with the clock so many seconds off, and from its second batch on otherwise."""
        self.clock.write_text(offset(off))
        then = None if later is None else offset(later)
        return self.server.run(rehearse_at, self.rehearsal, phase, folder, self.clock, then)

    def outcome(self, folder: Path) -> dict[str, Any]:
        """What the stores hold, without cursors: those say when the source was asked."""
        state = self.rehearsal.state(folder)
        return {name: state[name] for name in ("documents", "vectors", "found by", "people")}


def offset(seconds: float) -> str:
    """How far off the real time is when the companies live, and so many seconds more."""
    return f"{NOW - time.time() + seconds + 60:+.0f}"


def rehearse_at(
    rehearsal: Rehearsal, phase: int, folder: Path, clock: Path, later: str | None
) -> str:
    watch = Watch()
    if later is not None:
        watch.at("raw.append", lambda: clock.write_text(later), time=2)
    rehearsal.run(folder, phase, watch)
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M}"


@pytest.fixture(scope="module")
def library() -> str:
    found = [str(p) for p in Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")]
    if not found:
        pytest.skip("libfaketime is not installed (Debian: apt-get install faketime)")
    return found[0]


@pytest.fixture(scope="module", params=sorted(STAGES) if FULL else ["slack"])
def machine(
    request: pytest.FixtureRequest, library: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    clock = tmp_path_factory.mktemp("clock") / "offset"
    clock.write_text("+0")
    variables = {
        "LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }  # fmt: skip
    modules = ["tasks.pipeline", "tasks.stores", "faults.rehearsals", "pyarrow.parquet"]
    with (
        rehearsal_of(STAGES[request.param], phases=3, clock=None) as rehearsal,
        running_fork_server(modules, **variables) as server,
    ):
        yield Machine(rehearsal, server, clock)


@pytest.fixture(scope="module")
def right(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the syncs come to with a clock that is right."""
    folder = tmp_path_factory.mktemp("right")
    for phase in range(3):
        ended = machine.run(folder, phase, 0)
        assert ended.code == 0, ended.value
        assert ended.value[:10] == f"{datetime.fromtimestamp(NOW + 60, UTC):%Y-%m-%d}"
    return machine.outcome(folder)


@pytest.mark.parametrize("clocks", [name for name in CLOCKS if FULL or name in SHORT])
def test_a_wrong_clock_changes_nothing_in_the_end(
    machine: Machine, right: dict[str, Any], clocks: str, tmp_path: Path
) -> None:
    for phase, off in enumerate(CLOCKS[clocks]):
        ended = machine.run(tmp_path, phase, *off)
        if ended.code and "AuthenticationError: " in str(ended.value):
            # Google takes no signature of another hour. Loud, and the next run makes up for it.
            assert any(off)
            ended = machine.run(tmp_path, phase, 0)
        assert ended.code == 0, ended.value
    found = differences(machine.outcome(tmp_path), right)
    assert not found, "\n".join(found[:40])
