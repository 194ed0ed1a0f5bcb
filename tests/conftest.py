"""What all tests share: no settings of this machine, and one Prefect server for those that ask."""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from servers.prefect import PrefectServer, PrefectUnavailable, running_prefect

# A test that needs a Prefect server asks for one; none is started unasked.
os.environ["PREFECT_SERVER_ALLOW_EPHEMERAL_MODE"] = "false"
os.environ["DO_NOT_TRACK"] = "1"
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
for _name in [*os.environ]:
    if _name.startswith("DATA_GETTERS_") and not _name.startswith("DATA_GETTERS_TEST_"):
        del os.environ[_name]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Lets one worker of pytest-xdist run all tests of the Prefect server.

    Told by the file, because the groups of pytest-xdist 3.8 have no effect with pytest 9.2: they
    are handed on in an attribute of items that is no more.
    """
    from xdist.scheduler import LoadGroupScheduling  # noqa: PLC0415 (only where it is used)

    class OneWorkerForPrefect(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = config.rootpath / nodeid.partition("::")[0]
            return "prefect" if _uses_prefect(file) else nodeid

    return OneWorkerForPrefect(config, log)


@cache
def _uses_prefect(file: Path) -> bool:
    return "pytest.mark.prefect" in file.read_text("utf-8")


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A running Prefect server, the same for the whole session.

    The environment of the tests themselves is left alone: a child process gets
    `PrefectServer.environment`.
    """
    try:
        with running_prefect(tmp_path_factory.mktemp("prefect")) as server:
            yield server
    except PrefectUnavailable as reason:
        pytest.skip(str(reason))
