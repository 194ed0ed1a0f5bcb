"""Fixtures of the suites of faults."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

_TASKS = str(Path(__file__).parents[1] / "tasks")
if _TASKS not in sys.path:
    # Their stores and their counting model serve here too.
    sys.path.insert(0, _TASKS)

from effort import FULL  # noqa: E402

from faults.stages import STAGES  # noqa: E402
from faults.vendor.scene import Undisturbed  # noqa: E402

SOURCES = sorted(STAGES)


@pytest.fixture(scope="session")
def plays(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The undisturbed syncs of a source, played when they are first asked for."""
    with ExitStack() as stack:
        played: dict[str, Undisturbed] = {}

        def play(source: str) -> Undisturbed:
            if source not in played:
                folder = tmp_path_factory.mktemp(source)
                played[source] = stack.enter_context(Undisturbed.played(STAGES[source], folder))
            return played[source]

        yield play


def pytest_collection_modifyitems(items: list[pytest.Item], config: pytest.Config) -> None:
    """Has each fault of a vendor meet one source in `make test`, all of them by turns."""
    if FULL:
        return
    turns: dict[str, int] = {}
    left = []
    for item in items:
        source = getattr(item, "callspec", None) and _source_of(item)
        if not source or not item.path.name.startswith("test_vendor_"):
            continue
        case = item.nodeid.replace(source, "")
        turn = turns.setdefault(case, len(turns))
        if SOURCES.index(source) != turn % len(SOURCES):
            left.append(item)
    items[:] = [item for item in items if item not in set(left)]
    config.hook.pytest_deselected(items=left)


def _source_of(item: Any) -> str:
    given = item.callspec.params
    return str(given.get("source") or given.get("play") or "")
