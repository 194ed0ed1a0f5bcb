"""The ledger's schema version: checked at every opening, moved up by alembic when it is older.

The check is one query and imports nothing. A migration runs in one transaction, under a lock on
PostgreSQL and as the only writer on SQLite: of two processes that open a new ledger at once, one
makes the tables and the other finds them.
"""

from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from sqlalchemy import Connection, Select, Text, column, select, table

from stores.errors import StoreVersionError
from stores.ledger.backend import Backend

VERSION_TABLE: Final = "ledger_version"

_REVISION: Final[Select[tuple[str]]] = select(column("version_num", Text)).select_from(
    table(VERSION_TABLE)
)
_MIGRATION_LOCK: Final = 0  # connections have the numbers from 1
_alembic_lock: Final = Lock()  # alembic keeps the running migration in module globals


@dataclass(frozen=True, slots=True)
class Migrations:
    """The migrations that this version of the code knows.

    Attributes:
        folder: Alembic's script location.
        newest: The last revision in it. Revisions are numbers with leading zeros, so they compare
            as text.
    """

    folder: Path
    newest: str


MIGRATIONS: Final = Migrations(Path(__file__).with_name("migrations"), "0005")


def ensure_schema(backend: Backend, migrations: Migrations = MIGRATIONS) -> None:
    """Brings the ledger to the newest schema, unless it is there already.

    Raises:
        StoreVersionError: It was written by a newer version. Nothing is touched.
        StoreError: The database cannot be read, or not be migrated.
    """
    with backend.read() as connection:
        if _is_newest(backend, connection, migrations):
            return
    with _alembic_lock, backend.write() as connection:
        backend.lock(connection, _MIGRATION_LOCK)
        # Another process may have been faster.
        if not _is_newest(backend, connection, migrations):
            _upgrade(backend, connection, migrations)


def _is_newest(backend: Backend, connection: Connection, migrations: Migrations) -> bool:
    version = _version(connection)
    if version is not None and version > migrations.newest:
        raise StoreVersionError(
            f"The ledger {backend.address} was written by a newer version (its schema is "
            f"{version}, this one knows {migrations.newest}).",
            hint="Upgrade prefect-data-getters, or use another ledger.",
        )
    return version == migrations.newest


def _version(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, VERSION_TABLE):
        return None
    version: str | None = connection.scalar(_REVISION)
    return version


def _upgrade(backend: Backend, connection: Connection, migrations: Migrations) -> None:
    from alembic import command  # noqa: PLC0415 (takes its time, and is rarely needed)
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config(attributes={"connection": connection, "version_table": VERSION_TABLE})
    config.set_main_option("script_location", str(migrations.folder).replace("%", "%%"))
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreVersionError(
            f"The ledger {backend.address} cannot be brought to the schema {migrations.newest}: "
            f"{error}.",
            hint="Another program may have written it. Use another ledger.",
        ) from error
