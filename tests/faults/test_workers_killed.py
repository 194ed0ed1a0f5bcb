"""Transform workers and the broker are killed; every job is done as if nothing had happened.

A source is extracted twice, with changes in between, and workers make the documents. What they
leave behind (documents, vectors, landing, the state of each record and job) is compared with what
one worker leaves behind that nobody disturbs.
"""

import random
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from effort import FULL, tries
from fork_server import ForkServer, running_fork_server
from servers.postgresql import PostgresqlServer
from servers.rabbitmq import RabbitmqServer

from faults.rehearsals import differences
from faults.stages import STAGES
from faults.workers import Kill, Site, Worked, extract, work_off
from stores.ledger.job_types import JobStatus

pytestmark = pytest.mark.faults

KILLS = 3


@dataclass(frozen=True)
class Extracted:
    """A source that was extracted, to be worked off again and again.

    Attributes:
        site: Where; nobody works there.
        jobs: How many jobs wait.
        cpu: How many CPU seconds an undisturbed worker uses.
        state: What it leaves behind.
    """

    site: Site
    jobs: int
    cpu: float
    state: dict[str, Any]


class Queues:
    """Copies of sites, each with a queue of one kind."""

    def __init__(self, kind: str, ask: Callable[[str], Any]) -> None:
        self._postgresql: PostgresqlServer | None = None
        self._broker = ""
        if kind == "postgresql":
            self._postgresql = ask("postgresql")
        elif kind == "rabbitmq":
            self._broker = ask("rabbitmq").url

    def new(self, folder: Path) -> Site:
        """An empty one."""
        folder.mkdir()
        ledger = self._postgresql.new_database() if self._postgresql else ""
        return Site(folder, ledger, self._broker)

    def copy(self, site: Site, folder: Path) -> Site:
        """The same in another place."""
        shutil.copytree(site.folder, folder)
        ledger = self._postgresql.new_database(site.ledger) if self._postgresql else ""
        return replace(site, folder=folder, ledger=ledger)

    def remove(self, site: Site) -> None:
        """Gives a copy's place back."""
        shutil.rmtree(site.folder)
        if self._postgresql:
            self._postgresql.drop(site.ledger)


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    """Starts workers quickly."""
    with running_fork_server(["faults.workers", "pyarrow.parquet", "amqp", "psycopg"]) as server:
        yield server


@pytest.fixture(scope="module")
def queues(request: pytest.FixtureRequest) -> Queues:
    """Sites with queues of a kind."""
    return Queues(request.param, request.getfixturevalue)


@pytest.fixture(scope="module")
def extracted(
    request: pytest.FixtureRequest,
    queues: Queues,
    forks: ForkServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Extracted:
    """A source that was extracted, and what becomes of it undisturbed."""
    stage = STAGES[request.param]
    folder = tmp_path_factory.mktemp(stage.source)
    site = queues.new(folder / "extracted")
    with ExitStack() as stack:
        company, moved = stage.company(), stage.company()
        stage.move(moved)
        served = [stack.enter_context(stage.served(each)) for each in (company, moved)]
        ended = forks.run(extract, site, stage.source, [stage.opener(each) for each in served])
        assert ended.code == 0, ended.value
        secrets = stage.credentials(served[0])
        settings = stage.environment(served[0]).items()
        site = replace(site, settings={k: v for k, v in settings if k not in secrets})
    jobs = site.depth().ready
    assert jobs > 8, "there is too little to be killed in"
    undisturbed = queues.copy(site, folder / "undisturbed")
    worked = _worked_off(forks, undisturbed)
    state = undisturbed.state()
    assert {(status, error) for _, status, error in state["jobs"].values()} == {("done", None)}
    assert state["documents"]
    return Extracted(site, jobs, worked.cpu, state)


def _worked_off(forks: ForkServer, site: Site, *how: Any, **named: Any) -> Worked:
    ended = forks.run(work_off, site, *how, **named)
    assert ended.code == 0, ended.value
    worked: Worked = ended.value
    return worked


SOURCES_OF = {"sqlite": "slack", "postgresql": "slack", "rabbitmq": "slack"}
EVERY = [
    (kind, source) for kind in SOURCES_OF for source in sorted(STAGES)
    if FULL or SOURCES_OF[kind] == source
]  # fmt: skip
every_queue = pytest.mark.parametrize(
    ("queues", "extracted"), EVERY, indirect=True, ids=[" of ".join(pair[::-1]) for pair in EVERY]
)


def _check(queues: Queues, site: Site, extracted: Extracted) -> None:
    depth = site.depth()
    left = [job for job in site.jobs() if job.status is not JobStatus.DONE]
    assert (depth.dead, depth.done, left) == (0, extracted.jobs, [])
    assert differences(site.state(), extracted.state) == []
    queues.remove(site)


@every_queue
@pytest.mark.parametrize("at_once", [2, 1] if FULL else [2])
def test_workers_are_killed_at_any_moment(
    queues: Queues, extracted: Extracted, at_once: int, *, forks: ForkServer, tmp_path: Path
) -> None:
    dice = random.Random(f"{extracted.site.queue[:4]} {at_once}")  # noqa: S311 (moments)
    killed = 0
    for number in range(tries(1, 10)):
        site = queues.copy(extracted.site, tmp_path / f"{number}")
        site = replace(site, making="apart" if number % 4 == 1 else "here")
        share = extracted.cpu / at_once
        kills = [Kill(cpu=dice.uniform(0.3, 0.9) * share) for _ in range(KILLS)]
        killed += _worked_off(forks, site, kills, at_once).killed
        _check(queues, site, extracted)
    assert killed >= tries(1, 10)


@every_queue
@pytest.mark.parametrize("written", [False, True] if FULL else [False])
def test_workers_are_killed_before_the_queue_hears_that_a_job_is_done(
    queues: Queues, extracted: Extracted, written: bool, *, forks: ForkServer, tmp_path: Path
) -> None:
    number = tries(1, 4)
    for place in range(2, extracted.jobs - 3, (extracted.jobs - 5) // number)[:number]:
        site = queues.copy(extracted.site, tmp_path / f"{place}")
        kills = [Kill(job=one, written=written) for one in (place, 1, 2)]
        assert _worked_off(forks, site, kills).killed == len(kills)
        _check(queues, site, extracted)


@pytest.mark.parametrize(("queues", "extracted"), EVERY if FULL else EVERY[:1], indirect=True)
def test_a_job_that_kills_its_workers_is_given_up_and_takes_no_other_along(
    queues: Queues, extracted: Extracted, forks: ForkServer, tmp_path: Path
) -> None:
    site = replace(queues.copy(extracted.site, tmp_path / "poisoned"), attempts=3)
    poison = extracted.jobs // 2
    assert _worked_off(forks, site, poison=poison).killed == site.attempts
    [dead] = [job for job in site.jobs() if job.status is JobStatus.DEAD]
    assert (dead.id, dead.attempts) == (poison, 3)
    assert "each time its worker was killed" in (dead.error or "")
    assert (site.depth().open, site.depth().done) == (0, extracted.jobs - 1)
    queues.remove(site)


@pytest.mark.parametrize(
    ("queues", "extracted"), [("rabbitmq", "slack")], indirect=True, ids=["slack"]
)
def test_the_broker_is_killed_while_workers_work(
    rabbitmq: RabbitmqServer,
    queues: Queues,
    extracted: Extracted,
    *,
    forks: ForkServer,
    tmp_path: Path,
) -> None:
    if not rabbitmq.can_be_killed:
        pytest.skip("this RabbitMQ server is not ours to kill")
    for number in range(tries(1, 5)):
        site = queues.copy(extracted.site, tmp_path / f"{number}")
        gate = tmp_path / f"gate-{number}"
        with ThreadPoolExecutor(1) as pool:
            works = pool.submit(_worked_off, forks, site, at_once=2, gate=gate)
            try:
                _wait_until(lambda gate=gate: [*gate.parent.glob(f"{gate.name}.*")] != [])
                time.sleep(3)  # a queue that is younger may not survive: see docs/queue.md
                rabbitmq.kill()
            finally:
                gate.touch()
            time.sleep(0.5)
            rabbitmq.start()
            works.result()
        _check(queues, site, extracted)


def _wait_until(reached: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)
