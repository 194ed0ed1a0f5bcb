"""Where a ledger lives: one SQLite file or one PostgreSQL database, behind the same few calls."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import apsw
from sqlalchemy import BigInteger, Connection, Engine, Table, cast, func, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from documents.errors import ConfigurationError
from stores.errors import StoreBusyError, StoreError
from stores.ledger.dialect import embedded_engines
from stores.ledger.postgresql import SCHEMES, address, parse_url, postgresql_engine, sentence
from stores.sqlite.database import EmbeddedDatabase, translated_errors

_LOCK_SPACE: Final = 0x1ED6E2
"""The first half of our advisory locks; other users of the database have another."""

# `OFFSET 0` keeps the subquery apart, so the wait is read before it is changed.
_LOCK: Final = text(
    """
    SELECT set_config('lock_timeout', '0', true),
           pg_advisory_xact_lock(:space, :number),
           set_config('lock_timeout', usual.wait, true)
    FROM (SELECT current_setting('lock_timeout') AS wait OFFSET 0) AS usual
    """
)

MICROSECONDS: Final = 1_000_000


def micros_now() -> int:
    """Microseconds since 1970, by this machine's clock."""
    return time.time_ns() // 1000


class BulkInsert:
    """An INSERT of many rows, compiled once and handed to the driver as it is.

    SQLAlchemy's own way, a dictionary a row, takes longer than SQLite needs for all of it.

    Attributes:
        columns: What rows consist of: the table's columns in order, without the row id.
    """

    def __init__(self, table: Table, statement: Any, engine: Engine) -> None:
        self.columns = tuple(column.name for column in table.c if column.name != "id")
        compiled = statement.compile(dialect=engine.dialect, column_keys=list(self.columns))
        self._sql = str(compiled)
        self._named = not compiled.positional

    def execute(self, connection: Connection, rows: list[tuple[Any, ...]]) -> None:
        """Inserts rows."""
        if self._named:
            named = [dict(zip(self.columns, row, strict=True)) for row in rows]
            connection.exec_driver_sql(self._sql, named)
        else:
            connection.exec_driver_sql(self._sql, rows)


class Backend:
    """Transactions and reads on the ledger's database. Safe to use from many threads.

    Attributes:
        address: What a person calls it; without secrets.
        database: The embedded file; None on PostgreSQL.
    """

    def __init__(
        self,
        address: str,
        *,
        writing: Engine,
        relaxed: Engine,
        reading: Engine,
        translate: Callable[[DBAPIError], StoreError],
        database: EmbeddedDatabase | None = None,
    ) -> None:
        self.address = address
        self.database = database
        self._writing = writing
        self._relaxed = relaxed
        self._reading = reading
        self._translate = translate

    def __repr__(self) -> str:
        return f"Backend({self.address!r})"

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction: all of it is durable when the block ends, or nothing.

        On the embedded file it joins the `EmbeddedDatabase.transaction()` that this thread is in.

        Raises:
            StoreError: The database cannot be written; the sentence says why.
        """
        with self._sentences(), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def write_relaxed(self) -> Iterator[Connection]:
        """A transaction that a power cut may undo, with those of its kind that followed it.

        For what is found and done again by itself. On the embedded file nobody waits for the disk;
        on PostgreSQL it is durable all the same.

        Raises:
            StoreError: The database cannot be written; the sentence says why.
        """
        with self._sentences(), self._relaxed.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading: sees what is committed, waits for nobody.

        Raises:
            StoreError: The database cannot be read; the sentence says why.
        """
        with self._sentences(), self._reading.connect() as connection:
            yield connection

    def insert(self, table: Table) -> Any:
        """An INSERT with `on_conflict_do_update` and `on_conflict_do_nothing`."""
        return sqlite.insert(table) if self.database else postgresql.insert(table)

    def bulk_insert(self, table: Table, statement: Any) -> BulkInsert:
        """An `insert` of many rows into a table whose rows have an id."""
        return BulkInsert(table, statement, self._writing)

    def lock(self, connection: Connection, number: int, space: int = _LOCK_SPACE) -> None:
        """Waits until no other transaction holds the lock of this number, and holds it.

        However long that takes, unlike locks of tables and rows: who holds it is one of us, who
        lets go when its batch is written, or dies. On SQLite the transaction is alone anyway.
        """
        if self.database is None:
            connection.execute(_LOCK, {"space": space, "number": number})

    def now(self, connection: Connection) -> int:
        """Microseconds since 1970, by a clock that all users of the ledger share."""
        if self.database is not None:
            return micros_now()
        seconds = func.extract("epoch", func.clock_timestamp())
        return connection.execute(select(cast(seconds * MICROSECONDS, BigInteger))).scalar_one()

    def close(self) -> None:
        """Gives back connections; those of a shared embedded file stay with it."""
        self._writing.dispose()
        self._relaxed.dispose()
        self._reading.dispose()

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise self._translate(error) from error
        except PoolTimeoutError as error:
            raise StoreBusyError(
                f"All connections to the ledger {self.address} are in use.",
                hint="Sync fewer partitions at once.",
            ) from error


def open_backend(url: str | Path) -> Backend:
    """The backend of a URL.

    Args:
        url: A path or `sqlite:///path` for the embedded file, or `postgresql://...`.

    Raises:
        ConfigurationError: The URL is of another kind, or cannot be read.
        StoreError: The embedded file cannot be opened.
    """
    text = str(url)
    scheme, separator, rest = text.partition("://")
    if not separator:
        return _embedded(EmbeddedDatabase.open(text))
    if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return _embedded(EmbeddedDatabase.open(rest[1:]))
    if scheme in SCHEMES:
        parsed = parse_url(text)
        where = address(parsed)
        engine = postgresql_engine(parsed)
        return Backend(
            where,
            writing=engine,
            relaxed=engine,
            reading=engine.execution_options(isolation_level="AUTOCOMMIT"),
            translate=lambda error: sentence(error, where),
        )
    raise ConfigurationError(
        f"A ledger cannot be kept at {scheme}://.",
        hint="Give the path of a file, sqlite:///path, or postgresql://user:password@host/database.",
    )


def _embedded(database: EmbeddedDatabase) -> Backend:
    engines = embedded_engines(database)

    def translate(error: DBAPIError) -> StoreError:
        try:
            with translated_errors(database.path):
                raise error.orig if isinstance(error.orig, apsw.Error) else error
        except StoreError as translated:
            return translated

    return Backend(
        str(database.path),
        **engines._asdict(),
        translate=translate,
        database=database,
    )
