"""What all tests share: no settings of this machine, and one Prefect server for those that ask."""

import os
from collections.abc import Iterator

import pytest
from servers.prefect import PrefectServer, PrefectUnavailable, running_prefect

# A test that needs a Prefect server asks for one; none is started unasked.
os.environ["PREFECT_SERVER_ALLOW_EPHEMERAL_MODE"] = "false"
os.environ["DO_NOT_TRACK"] = "1"
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
for _name in [*os.environ]:
    if _name.startswith("DATA_GETTERS_") and not _name.startswith("DATA_GETTERS_TEST_"):
        del os.environ[_name]


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Lets one worker of pytest-xdist run all tests of the Prefect server."""
    for item in items:
        if item.get_closest_marker("prefect"):
            item.add_marker(pytest.mark.xdist_group("prefect"))


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
