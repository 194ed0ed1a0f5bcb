"""What all tests share: no settings of this machine, and servers for those that ask."""

import os
import signal
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from effort import FULL
from servers.postgresql import PostgresqlServer, PostgresqlUnavailable, running_postgresql
from servers.prefect import PrefectServer, PrefectUnavailable, running_prefect
from servers.rabbitmq import RabbitmqServer, RabbitmqUnavailable, running_rabbitmq

from exporters.redaction import redactor

_SERVERS = {
    "elasticsearch": "elasticsearch",
    "stores/queue/": "rabbitmq",
    "faults/test_workers": "rabbitmq",
}
_PREFECT_SERVERS = {
    "deployments/": "prefect 1",
    "flows/test_cli_elasticsearch": "prefect 2",
    "flows/test_cli_sync_all": "prefect 2",
    "flows/test_cli_": "prefect 3",
    "": "prefect 2",
}
"""Which tests share a server, by a part of the test file's path. Half of the time of those with
Prefect is waiting: with a few servers they are sooner done."""

# A test that needs a Prefect server asks for one; none is started unasked.
os.environ["PREFECT_SERVER_ALLOW_EPHEMERAL_MODE"] = "false"
os.environ["DO_NOT_TRACK"] = "1"
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
for _name in [*os.environ]:
    if _name.startswith("DATA_GETTERS_") and not _name.startswith("DATA_GETTERS_TEST_"):
        del os.environ[_name]


# What a shell starts in the background ignores Ctrl-C, and so would every command that a test
# starts and then stops with it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Lets one worker of pytest-xdist run all tests that share what takes long to make.

    That is a server, or a fixture of their module or class. Told by the file, because the groups
    of pytest-xdist 3.8 have no effect with pytest 9.2: they are handed on in an attribute of items
    that is no more.
    """
    from xdist.scheduler import LoadGroupScheduling  # noqa: PLC0415 (only where it is used)

    class OneWorkerForWhatIsShared(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return _shared_in(config.rootpath / file, file) or nodeid

    return OneWorkerForWhatIsShared(config, log)


@cache
def _shared_in(file: Path, name: str) -> str:
    """What the tests of a file share that takes long to make; empty for nothing."""
    text = file.read_text("utf-8")
    servers = _PREFECT_SERVERS if "pytest.mark.prefect" in text else _SERVERS
    server = next((server for part, server in servers.items() if part in name), "")
    return server or (name if 'scope="module"' in text or 'scope="class"' in text else "")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves to `make faults` what only that does."""
    if FULL:
        return
    left = [item for item in items if item.get_closest_marker("full")]
    if left:
        items[:] = [item for item in items if not item.get_closest_marker("full")]
        config.hook.pytest_deselected(items=left)


@pytest.fixture(autouse=True)
def _forgotten_credentials() -> Iterator[None]:
    """Forgets a test's credentials: every log line and payload is searched for all of them.

    A process of the product has a handful; one of the tests would have thousands in the end.
    """
    before = vars(redactor).copy()
    yield
    vars(redactor).update(before)


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


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    """A PostgreSQL server, shared by all tests."""
    try:
        with running_postgresql() as server:
            yield server
    except PostgresqlUnavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitmqServer]:
    """A RabbitMQ server, shared by all tests: each ledger has queues of its own on it."""
    try:
        with running_rabbitmq() as server:
            yield server
    except RabbitmqUnavailable as reason:
        pytest.skip(str(reason))
