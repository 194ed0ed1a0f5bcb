"""No source without a stage, so none without the suites of this folder."""

from exporters.registry import sources
from faults.stages import STAGES


def test_every_source_of_the_project_has_a_stage() -> None:
    assert set(STAGES) == set(sources())
