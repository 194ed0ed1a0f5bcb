"""Ledgers to test with: the same tests run on a real SQLite file and a real PostgreSQL server."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# `servers` is found also when this folder is run by itself. The root goes before `tests`, whose
# folders would otherwise hide the packages of the same names.
_TESTS = Path(__file__).parents[2]
sys.path[:0] = [str(path) for path in (_TESTS.parent, _TESTS) if str(path) not in sys.path]

from ledger_samples import Channel  # noqa: E402
from servers.postgresql import PostgresqlServer  # noqa: E402

from stores.ledger.ledger import Ledger  # noqa: E402

NewUrl = Callable[[], str]


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    """The kind of database that a test runs on."""
    kind: str = request.param
    return kind


@pytest.fixture
def url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty ledger is."""
    if backend == "sqlite":
        return copied(request, tmp_path)
    return str(request.getfixturevalue("emptied_database"))


@pytest.fixture
def own_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty ledger is whose tables may be changed."""
    if backend == "sqlite":
        return copied(request, tmp_path)
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    return server.new_database(request.getfixturevalue("postgresql_template"))


def copied(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A copy of the file with an empty ledger."""
    path = tmp_path / "ledger.db"
    shutil.copy(request.getfixturevalue("sqlite_template"), path)
    return str(path)


@pytest.fixture
def empty_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a ledger may be made."""
    if backend == "sqlite":
        return str(tmp_path / "new.db")
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    return server.new_database()


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    """An empty ledger."""
    opened = Ledger.open(url)
    yield opened
    opened.close()


@pytest.fixture
def file_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Ledger:
    """An empty ledger in a file, for what only the embedded one promises."""
    return Ledger.open(copied(request, tmp_path))


@pytest.fixture
def channel(ledger: Ledger) -> Channel:
    """A partition of a connection, with a listing under way."""
    return Channel.of(ledger)
