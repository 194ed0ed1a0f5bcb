"""Fixtures of the suites of faults, which share stores and children with the pipeline's tests."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

_TESTS = Path(__file__).parents[1]
for _path in (_TESTS / "tasks", _TESTS / "stores" / "elasticsearch", _TESTS / "deployments"):
    if str(_path) not in sys.path:
        sys.path.append(str(_path))

from contract_kill_and_resume import Rehearsal  # noqa: E402
from effort import FULL  # noqa: E402
from fork_server import ForkServer, running_fork_server  # noqa: E402
from servers.elasticsearch.fixture import (  # noqa: E402
    elasticsearch_client,
    elasticsearch_installation,
    elasticsearch_prefix,
    elasticsearch_url,
)
from servers.prefect import PrefectServer  # noqa: E402
from watched_stores import Watch  # noqa: E402

from faults.stages import STAGES  # noqa: E402
from faults.vendor.scene import Undisturbed  # noqa: E402

if TYPE_CHECKING:
    from deployed import Collection

__all__ = [
    "elasticsearch_client",
    "elasticsearch_installation",
    "elasticsearch_prefix",
    "elasticsearch_url",
]

SOURCES = sorted(STAGES)


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    """Starts children quickly."""
    modules = ["tasks.pipeline", "tasks.stores", "faults.rehearsals", "pyarrow.parquet"]
    with running_fork_server(modules) as server:
        yield server


@pytest.fixture(scope="module")
def undisturbed(rehearsal: Rehearsal, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the first sync of a module's own `rehearsal` leaves, if nobody disturbs it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    rehearsal.run(folder, 0, Watch())
    return rehearsal.state(folder)


@pytest.fixture(scope="session")
def collection(
    prefect_server: PrefectServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator["Collection"]:
    """The collection as an operator deploys it, for all sources that have a stage."""
    from deployed import (  # noqa: PLC0415 (imports Prefect, 1 s)
        Collection,
        client_of,
        module,
        resume,
        running_worker,
    )

    done = module(prefect_server, "deployments.setup")
    assert done.returncode == 0, done.stderr
    with client_of(prefect_server) as client:
        resume(client, *(f"{name}-sync/{name}" for name in SOURCES))
        deployed = Collection(prefect_server, client, tmp_path_factory.mktemp("deployed"))
        with running_worker(deployed, {}):
            yield deployed


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
