"""SQLAlchemy on the embedded file: a small DBAPI and dialect over `EmbeddedDatabase`.

SQLAlchemy's own SQLite drivers use the standard library's `sqlite3`, which must not open a file
that apsw has open in the same process (see `stores.sqlite.database`). Here it runs on the shared
connections instead, through three engines:

- the **write** engine is the shared writer: SQLAlchemy's begin, commit and rollback are those of
  `EmbeddedDatabase`. A ledger transaction inside `with database.transaction():` joins it and
  becomes durable with the documents, or not at all;
- the **relaxed** write engine is the same for what may be undone by a power cut;
- the **read** engine borrows the pooled readers, sees what is committed and never waits for a
  writer. There is no transaction on it: each statement sees the newest committed state.

Rows are fetched whole by `execute`, because an unfinished statement would keep a transaction from
being committed; callers page.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, NamedTuple, Protocol

import apsw
from sqlalchemy import URL, Engine, create_engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.engine.interfaces import ConnectArgsType, DBAPIModule
from sqlalchemy.pool import NullPool

from stores.errors import StoreError
from stores.sqlite.database import EmbeddedDatabase

_DRIVER: Final = "apsw"


class Cursor:
    """A DBAPI cursor that has fetched everything when `execute` returns."""

    arraysize = 1
    lastrowid: int | None = None

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._rows: list[tuple[Any, ...]] = []
        self.description: tuple[tuple[Any, ...], ...] | None = None
        self.rowcount = -1

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Runs one statement; `description` is None unless it returns rows."""
        cursor = self._connection.cursor()
        # apsw tells the columns of a statement without rows only before its first step.
        cursor.exec_trace = self._describe
        before = self._connection.total_changes()
        self._rows = cursor.execute(sql, parameters).fetchall()
        self.lastrowid = self._connection.last_insert_rowid()
        self.rowcount = self._connection.total_changes() - before

    def executemany(self, sql: str, parameters: Sequence[Sequence[Any]]) -> None:
        """Runs one statement for each set of parameters; returns no rows."""
        before = self._connection.total_changes()
        self._connection.cursor().executemany(sql, parameters).fetchall()
        self._rows, self.description = [], None
        self.rowcount = self._connection.total_changes() - before

    def _describe(self, cursor: apsw.Cursor, _sql: str, _parameters: object) -> bool:
        columns = cursor.get_description()
        self.description = (
            tuple((name, declared, None, None, None, None, None) for name, declared in columns)
            if columns
            else None
        )
        return True

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row, or None."""
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """The next rows, `arraysize` of them unless told."""
        size = size or self.arraysize
        taken, self._rows = self._rows[:size], self._rows[size:]
        return taken

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows that are left."""
        taken, self._rows = self._rows, []
        return taken

    def close(self) -> None:
        """Forgets the rows."""
        self._rows = []


class EmbeddedConnection(Protocol):
    """A DBAPI connection whose transactions are begun explicitly."""

    def begin(self) -> None: ...  # noqa: D102 (the names are the DBAPI's)
    def commit(self) -> None: ...  # noqa: D102
    def rollback(self) -> None: ...  # noqa: D102
    def cursor(self) -> Cursor: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


class WriteConnection:
    """The shared writer, held from `begin` to `commit` or `rollback`."""

    def __init__(self, database: EmbeddedDatabase, *, durable: bool = True) -> None:
        self._database = database
        self._durable = durable
        self._writer: apsw.Connection | None = None

    def begin(self) -> None:
        """Begins or joins the write transaction of this thread."""
        self._writer = self._database.begin(durable=self._durable)

    def commit(self) -> None:
        """Makes it durable, unless it joined one that is still open."""
        if self._writer is not None:
            self._writer = None
            self._database.commit()

    def rollback(self) -> None:
        """Undoes it, with the transaction it joined. Harmless when nothing was begun."""
        if self._writer is not None:
            self._writer = None
            self._database.rollback()

    def cursor(self) -> Cursor:
        """A cursor on the writer.

        Raises:
            StoreError: No transaction was begun.
        """
        if self._writer is None:
            raise StoreError(f"A write to {self._database.path} outside of a transaction.")
        return Cursor(self._writer)

    def close(self) -> None:
        """Gives up what was not committed."""
        self.rollback()


class ReadConnection:
    """A reader borrowed from the pool until `close`."""

    def __init__(self, database: EmbeddedDatabase) -> None:
        self._borrowed: AbstractContextManager[apsw.Connection] = database.read()
        self._reader = self._borrowed.__enter__()

    def begin(self) -> None:
        """Nothing: each statement sees the newest committed state."""

    commit = rollback = begin

    def cursor(self) -> Cursor:
        """A cursor on the reader."""
        return Cursor(self._reader)

    def close(self) -> None:
        """Gives the reader back."""
        self._borrowed.__exit__(None, None, None)


class _Apsw:
    """What SQLAlchemy wants to know of a DBAPI module."""

    paramstyle = "qmark"
    sqlite_version_info = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    Binary = bytes
    Error = apsw.Error
    OperationalError = apsw.Error
    InterfaceError = apsw.Error
    IntegrityError = apsw.ConstraintError


class ApswDialect(SQLiteDialect):
    """SQLite's dialect on the connections above."""

    driver = _DRIVER
    supports_statement_cache = True
    returns_native_bytes = True

    @classmethod
    def import_dbapi(cls) -> DBAPIModule:
        """The stand-in for a DBAPI module."""
        return _Apsw  # type: ignore[return-value]  # a class serves as the module

    def create_connect_args(self, url: URL) -> ConnectArgsType:
        """Nothing: connections come from the engine's `creator`."""
        del url
        return (), {}

    def initialize(self, connection: object) -> None:
        """Nothing is asked of the file: everything is known from the library's version."""
        del connection
        self.server_version_info = _Apsw.sqlite_version_info
        self.default_schema_name = "main"
        self.default_isolation_level = "SERIALIZABLE"

    def do_begin(self, dbapi_connection: Any) -> None:
        """Begins explicitly, where the DBAPI would begin with the first statement."""
        dbapi_connection.begin()


class EmbeddedEngines(NamedTuple):
    """The engines of an embedded file. All are safe to share.

    Attributes:
        writing: Its transactions are durable.
        relaxed: A power cut may undo the last of its transactions.
        reading: For reading.
    """

    writing: Engine
    relaxed: Engine
    reading: Engine


def embedded_engines(database: EmbeddedDatabase) -> EmbeddedEngines:
    """The engines of an embedded file."""
    registry.register(f"sqlite.{_DRIVER}", __name__, ApswDialect.__name__)

    def engine(creator: Callable[[], EmbeddedConnection]) -> Engine:
        # The pool is the database's own; what SQLAlchemy opens and closes here costs nothing.
        return create_engine(
            f"sqlite+{_DRIVER}://", creator=creator, poolclass=NullPool, hide_parameters=True
        )

    return EmbeddedEngines(
        engine(lambda: WriteConnection(database)),
        engine(lambda: WriteConnection(database, durable=False)),
        engine(lambda: ReadConnection(database)),
    )
