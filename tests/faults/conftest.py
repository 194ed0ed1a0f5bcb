"""What the suites of faults share with the tests of the pipeline: rehearsals, stores, children."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_TESTS = Path(__file__).parents[1]
for _path in (_TESTS / "tasks", _TESTS / "stores" / "elasticsearch"):
    if str(_path) not in sys.path:
        sys.path.append(str(_path))

from fork_server import ForkServer, running_fork_server  # noqa: E402
from servers.elasticsearch.fixture import (  # noqa: E402
    elasticsearch_client,
    elasticsearch_installation,
    elasticsearch_prefix,
    elasticsearch_url,
)

__all__ = [
    "elasticsearch_client",
    "elasticsearch_installation",
    "elasticsearch_prefix",
    "elasticsearch_url",
]


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    """Starts children quickly."""
    modules = ["tasks.pipeline", "tasks.stores", "faults.rehearsals", "pyarrow.parquet"]
    with running_fork_server(modules) as server:
        yield server
