"""Makes the contract suites in this folder importable, and the databases that many share."""

import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

# `servers` is found also when this folder is run by itself. The root goes before `tests`, whose
# folders would otherwise hide the packages of the same names.
_TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(path) for path in (_TESTS.parent, _TESTS) if str(path) not in sys.path]

from servers.postgresql import PostgresqlServer, conninfo  # noqa: E402

from stores.ledger.ledger import Ledger  # noqa: E402
from stores.ledger.tables import metadata  # noqa: E402
from stores.sqlite.database import EmbeddedDatabase  # noqa: E402


@pytest.fixture(scope="session")
def postgresql_template(postgresql: PostgresqlServer) -> str:
    """A database with an empty ledger, to be copied."""
    url = postgresql.new_database()
    Ledger.open(url).close()
    return url


@pytest.fixture(scope="session")
def shared_database(
    postgresql: PostgresqlServer, postgresql_template: str
) -> Iterator[tuple[str, psycopg.Connection]]:
    """A database with a ledger for one test after another: making one takes longer than a test."""
    url = postgresql.new_database(postgresql_template)
    with psycopg.connect(conninfo(url), autocommit=True) as connection:
        yield url, connection


@pytest.fixture
def emptied_database(shared_database: tuple[str, psycopg.Connection]) -> str:
    """Where an empty ledger is that other tests used before."""
    url, connection = shared_database
    tables = [sql.Identifier(table.name) for table in reversed(metadata.sorted_tables)]
    connection.execute(sql.SQL(";").join(sql.SQL("DELETE FROM {}").format(t) for t in tables))
    return url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with an empty ledger, to be copied."""
    path = tmp_path_factory.mktemp("template") / "ledger.db"
    Ledger.open(path).close()
    EmbeddedDatabase.open(path).close()
    return path


@pytest.fixture
def database(tmp_path: Path) -> Iterator[EmbeddedDatabase]:
    """An embedded file of its own."""
    database = EmbeddedDatabase.open(tmp_path / "store.db")
    yield database
    database.close()
