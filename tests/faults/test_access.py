"""Every source: whoever searches finds what the source would show, and nothing else.

Who may read what is shuffled, synced, and asked by both ways of searching; then shuffled again.
What the source itself shows is what its sandbox shows a person.
"""

from pathlib import Path
from random import Random
from typing import Any

import pytest
from effort import tries

from documents.principals import DENY_ALL
from faults.access import assert_all_that_is_promised, assert_only_what_is_shown, stores_in
from faults.stages import STAGES
from faults.stages.base import Stage
from faults.syncing import sync

pytestmark = pytest.mark.faults

GRAPHS = tries(1, 8)
QUERIES = tries(30, 450)
"""Of each source, graph and moment: 3 x 8 x 2 x 450 = 21,600 in all."""


@pytest.mark.parametrize("graph", range(GRAPHS))
@pytest.mark.parametrize("source", sorted(STAGES))
def test_everybody_finds_what_the_source_shows_them_and_nothing_else(
    source: str, graph: int, tmp_path: Path
) -> None:
    stage: Stage[Any, Any] = STAGES[source]
    dice = Random(graph)  # noqa: S311 (to be repeated)
    company = stage.company()
    stage.shuffle_access(company, dice)
    with stage.served(company) as sandbox, stores_in(tmp_path) as stores:
        for moment in range(2):
            exporter = stage.opener(sandbox)()
            assert sync(stage, exporter, stores, f"run-{moment}") == []
            exporter.close()
            assert assert_only_what_is_shown(stage, company, stores, dice, QUERIES)
            assert assert_all_that_is_promised(stage, company, stores)
            stage.shuffle_access(company, dice)


@pytest.mark.parametrize(
    ("source", "number"),
    [(s, n) for s in sorted(STAGES) for n in range(len(STAGES[s].blindfolds()))],
)
def test_what_cannot_be_learned_closes_and_never_opens(
    source: str, number: int, tmp_path: Path
) -> None:
    stage: Stage[Any, Any] = STAGES[source]
    dice = Random(number)  # noqa: S311 (to be repeated)
    company = stage.company()
    stage.shuffle_access(company, dice)
    fault = stage.blindfolds()[number]
    with stage.served(company) as sandbox, stores_in(tmp_path) as stores:
        sandbox.faults.add(fault)
        exporter = stage.opener(sandbox)()
        sync(stage, exporter, stores, "blind")
        exporter.close()
        assert_only_what_is_shown(stage, company, stores, dice, tries(10, 150))
        assert all(
            document.metadata["access"] and "public" not in document.metadata["access"]
            for document in stores.index.iterate()
            if document.metadata["access"] != [DENY_ALL]
        )
