"""Who finds what, with documents and vectors on Elasticsearch: as with the embedded file.

The rest of what is tested of access is in `test_access.py`.
"""

from pathlib import Path
from random import Random
from typing import Any

import pytest

from faults.access import assert_all_that_is_promised, assert_only_what_is_shown, stores_in
from faults.stages import STAGES
from faults.stages.base import Stage
from faults.syncing import sync

pytestmark = [
    pytest.mark.faults,
    pytest.mark.full,
    pytest.mark.xdist_group("elasticsearch"),
]

GRAPHS = 3
MOMENTS = 3
QUERIES = 120
"""Of each source, graph and moment: 3 x 3 x 3 x 120 = 3,240 in all."""


@pytest.mark.parametrize("graph", range(100, 100 + GRAPHS))
@pytest.mark.parametrize("source", sorted(STAGES))
def test_everybody_finds_what_the_source_shows_them_and_nothing_else(
    source: str, graph: int, elasticsearch_url: str, elasticsearch_prefix: str, tmp_path: Path
) -> None:
    stage: Stage[Any, Any] = STAGES[source]
    dice = Random(graph)  # noqa: S311 (to be repeated)
    company = stage.company()
    stage.shuffle_access(company, dice)
    address = f"{elasticsearch_url}?prefix={elasticsearch_prefix}"
    places = {"document_index": address, "vector_store": address}
    with stage.served(company) as sandbox, stores_in(tmp_path, **places) as stores:
        for moment in range(MOMENTS):
            exporter = stage.opener(sandbox)()
            assert sync(stage, exporter, stores, f"run-{moment}") == []
            exporter.close()
            stores.maintain()  # what was written shows at once, and not within a second
            assert assert_only_what_is_shown(stage, company, stores, dice, QUERIES)
            assert assert_all_that_is_promised(stage, company, stores)
            stage.shuffle_access(company, dice)
