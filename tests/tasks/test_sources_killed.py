"""Every source: killed at each checkpoint and anywhere else, and run again, it ends all the same.

Each source is a sandbox with a small company, and the same one some changes later.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from contract_kill_and_resume import KillAndResume, Rehearsal
from effort import tries
from faults.stages import STAGES
from faults.stages.base import Opener
from watched_stores import Watch, settings_in, watched

from exporters.base import BaseExporter
from tasks.options import SyncOptions
from tasks.stores import Stores

pytestmark = pytest.mark.faults


@dataclass(frozen=True)
class Phases:
    """Makes the exporter of a phase, in any process.

    Attributes:
        openers: Of the company, and of the same one later.
    """

    openers: tuple[Opener, ...]

    def __call__(self, phase: int) -> BaseExporter:
        return self.openers[phase]()


def opened(folder: Path, watch: Watch) -> Stores:
    return watched(settings_in(folder), watch)


class TestSourcesKilled(KillAndResume):
    random_moments = tries(4, 200)

    @pytest.fixture(scope="class", params=sorted(STAGES))
    @classmethod
    def rehearsal(cls, request: pytest.FixtureRequest) -> Iterator[Rehearsal]:
        stage = STAGES[request.param]
        companies = [stage.company(), stage.company()]
        stage.move(companies[1])
        with ExitStack() as stack:
            served = [stack.enter_context(stage.served(company)) for company in companies]
            yield Rehearsal(
                open_exporter=Phases(tuple(map(stage.opener, served))),
                open_stores=opened,
                selection=stage.selection(),
                options=SyncOptions(batch_records=25, max_delete_percent=50),
                store_name=stage.store_name,
                custom=stage.custom,
            )
