"""The one SQLite file behind the embedded stores.

Document index, vector store and ledger share it, so a sync's cursor is committed in the same
transaction as the documents before it.

One library only: apsw carries its own SQLite. The standard library's `sqlite3` must never open
the same file in the same process, because POSIX locks belong to the process and the first library
to close a descriptor drops the other's locks (https://sqlite.org/howtocorrupt.html, 2.2.1). The
ledger's SQLAlchemy engine therefore runs on apsw too (see `stores.ledger.dialect`).

A process made by `fork` gets connections of its own: SQLite's must not be carried across one
(https://sqlite.org/howtocorrupt.html, 2.6). Do not fork in the middle of a transaction: the child
could never write, because SQLite believes that lock to be its own.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Full, LifoQueue
from threading import Lock, RLock, get_ident
from typing import Any, ClassVar, Final

import apsw
import sqlite_vec
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from stores.errors import (
    StoreBusyError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
    StoreUnavailableError,
)

BUSY_TIMEOUT_MS: Final = 30_000
"""How long to wait for another process that is writing."""

_PAGE_BYTES: Final = 16_384
"""Four times SQLite's default: vectors and texts span fewer pages, so a search among 100,000
vectors takes 44 ms of CPU instead of 54, loading them a fifth less, loading documents a tenth."""

_WAL_PAGES: Final = 2_048
"""Pages (32 MiB) in the write-ahead log before it is folded into the file."""

_WRITER_CACHE_KIB: Final = 16_384

_READER_CACHE_KIB: Final = 8_192

_IDLE_READERS: Final = 8


class EmbeddedDatabase:
    """A SQLite file in WAL mode with one writer and any number of readers.

    Use `EmbeddedDatabase.open`: it hands out one object per file and process, so all threads share
    one writer and wait for each other in memory instead of on the file's lock.
    """

    _open: ClassVar[dict[Path, "EmbeddedDatabase"]] = {}
    _open_lock: ClassVar[Lock] = Lock()
    _carried_over: ClassVar[list[object]] = []

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begin_afresh()

    def _begin_afresh(self) -> None:
        self._write_lock = RLock()
        self._depth = 0
        self._doomed = False
        self._relaxed = False
        self._owner: int | None = None
        self._write_connection: apsw.Connection | None = None
        self._readers: LifoQueue[apsw.Connection] = LifoQueue(_IDLE_READERS)

    @classmethod
    def open(cls, path: Path | str) -> "EmbeddedDatabase":
        """The database of a file, made with its folder if it does not exist.

        An existing file is opened for writing only when something is written, so that a search
        works on one that may only be read.

        Raises:
            StoreError: The file cannot be opened, read or written; the sentence says why.
        """
        resolved = Path(path).expanduser().resolve()
        with cls._open_lock:
            database = cls._open.setdefault(resolved, cls(resolved))
        if not resolved.exists():
            try:
                resolved.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreUnavailableError(
                    f"The folder of the store {resolved} cannot be made: {error.strerror}.",
                    hint="Choose another path, or create the folder.",
                ) from error
            with database.transaction():
                pass  # makes the file, so that readers find one
        return database

    @classmethod
    def _after_fork(cls) -> None:
        """Leaves the parent's connections alone: neither used nor closed in the child."""
        cls._open_lock = Lock()
        for database in cls._open.values():
            cls._carried_over += [database._write_connection, database._readers]
            database._begin_afresh()

    def close(self) -> None:
        """Closes all connections; the next use opens new ones. Harmless when called twice.

        The object stays the one of its file: with two of them, stores of one file would wait for
        each other's locks.
        """
        with self._write_lock, translated_errors(self.path):
            while True:
                try:
                    self._readers.get_nowait().close()
                except Empty:
                    break
            if self._write_connection is not None:
                self._write_connection.close()
                self._write_connection = None
                self._relaxed = False

    @contextmanager
    def transaction(self) -> Iterator[apsw.Connection]:
        """A write transaction; one inside another joins it.

        Everything in it is durable when the outermost block ends, or none of it is: once a joined
        block fails, the outermost one cannot be committed any more.

        Raises:
            StoreError: The file cannot be written.
        """
        with translated_errors(self.path):
            writer = self.begin()
            try:
                yield writer
            except BaseException:
                self.rollback()
                raise
            self.commit()

    def begin(self, *, durable: bool = True) -> apsw.Connection:
        """Begins or joins the write transaction. Pairs with one `commit` or `rollback`.

        Args:
            durable: Whether the commit waits until it is on the disk. Without, a power cut may undo
                it, until something is committed after it that waits.

        Raises:
            RuntimeError: A durable transaction in one that is not.
        """
        self._write_lock.acquire()
        try:
            if self._write_connection is None:
                self._write_connection = self._connect_writer()
            if self._depth == 0:
                self._relax(not durable)
                self._write_connection.execute("BEGIN IMMEDIATE").fetchall()
                self._doomed = False
                self._owner = get_ident()
            elif durable and self._relaxed:
                raise RuntimeError("a durable transaction cannot join one that is not")
        except BaseException:
            self._write_lock.release()
            raise
        self._depth += 1
        return self._write_connection

    def commit(self) -> None:
        """Ends what `begin` began; the outermost one makes it durable.

        Raises:
            StoreError: A joined block failed before, so nothing was kept.
        """
        if self._doomed and self._depth == 1:
            self.rollback()
            raise StoreError(f"A write to the store {self.path} was given up half way.")
        self._depth -= 1
        try:
            if self._depth == 0:
                self._owner = None
                writer = self._writer
                try:
                    writer.execute("COMMIT").fetchall()
                except apsw.Error:
                    self._undo(writer)
                    raise
        finally:
            self._write_lock.release()

    def rollback(self) -> None:
        """Undoes the whole transaction, also from inside a joined one."""
        self._depth -= 1
        self._doomed = True
        try:
            if self._depth == 0:
                self._owner = None
                self._undo(self._writer)
        finally:
            self._write_lock.release()

    @property
    def _writer(self) -> apsw.Connection:
        if self._write_connection is None:
            raise StoreError(f"The store {self.path} was closed in the middle of a transaction.")
        return self._write_connection

    def _relax(self, relaxed: bool) -> None:
        """Chooses how commits are made: with a wait for the disk, or without."""
        if self._relaxed != relaxed:
            level = "NORMAL" if relaxed else "FULL"
            self._writer.execute(f"PRAGMA synchronous = {level}").fetchall()
            self._relaxed = relaxed

    @staticmethod
    def _undo(writer: apsw.Connection) -> None:
        """Rolls back, unless SQLite already did so itself (as it does when the disk is full)."""
        if writer.in_transaction:
            writer.execute("ROLLBACK").fetchall()

    @contextmanager
    def read(self) -> Iterator[apsw.Connection]:
        """A connection for reading: sees what is committed, never waits for a writer.

        Inside a transaction of the same thread it is the transaction's own connection, so one
        reads what one has just written.

        Raises:
            StoreError: The file cannot be read.
        """
        if self._owner == get_ident():
            with translated_errors(self.path):
                yield self._writer
            return
        with translated_errors(self.path):
            try:
                connection = self._readers.get_nowait()
            except Empty:
                connection = self._connect_reader()
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK").fetchall()
                try:
                    self._readers.put_nowait(connection)
                except Full:
                    connection.close()

    @contextmanager
    def snapshot(self) -> Iterator[apsw.Connection]:
        """Like `read`, and all statements of the block see the same state of the file."""
        with self.read() as connection:
            if not connection.in_transaction:
                connection.execute("BEGIN").fetchall()
            yield connection

    def _connect_writer(self) -> apsw.Connection:
        connection = self._connect(
            os.fspath(self.path), apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        )
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}").fetchall()
        # Two processes that make the file at the same moment: SQLite does not wait with this one.
        for attempt in Retrying(
            retry=retry_if_exception_type(apsw.BusyError),
            stop=stop_after_delay(BUSY_TIMEOUT_MS / 1000),
            wait=wait_fixed(0.01),
            reraise=True,
        ):
            with attempt:
                connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute("PRAGMA synchronous = FULL").fetchall()
        connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}").fetchall()
        connection.execute(f"PRAGMA cache_size = -{_WRITER_CACHE_KIB}").fetchall()
        return connection

    def _connect_reader(self) -> apsw.Connection:
        flags = apsw.SQLITE_OPEN_READONLY
        connection = self._connect(os.fspath(self.path), flags)
        try:
            connection.execute("PRAGMA schema_version").fetchall()
        except (apsw.CantOpenError, apsw.ReadOnlyError):
            connection.close()
            if not self._lies_still():
                raise
            # A WAL file needs a place for its shared memory, which a read-only folder has not.
            uri = f"{self.path.as_uri()}?immutable=1"
            connection = self._connect(uri, flags | apsw.SQLITE_OPEN_URI)
        connection.execute(f"PRAGMA cache_size = -{_READER_CACHE_KIB}").fetchall()
        return connection

    def _lies_still(self) -> bool:
        """Whether nobody here can write the file, and no log holds a part of what was written."""
        log = self.path.with_name(f"{self.path.name}-wal")
        return (
            self.path.is_file()
            and not os.access(self.path.parent, os.W_OK)
            and not (log.exists() and log.stat().st_size)
        )

    @staticmethod
    def _connect(name: str, flags: int) -> apsw.Connection:
        connection = apsw.Connection(name, flags=flags)
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        connection.execute("PRAGMA temp_store = MEMORY").fetchall()
        connection.execute("PRAGMA foreign_keys = ON").fetchall()
        # Every connection of the file, not the vector store's alone: they share them.
        connection.enable_load_extension(True)
        connection.load_extension(sqlite_vec.loadable_path())
        connection.enable_load_extension(False)
        return connection


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=EmbeddedDatabase._after_fork)


def rows(
    connection: apsw.Connection, sql: str, bindings: "Sequence[apsw.SQLiteValue]" = ()
) -> list[tuple[Any, ...]]:
    """Runs one statement to its end and gives its rows.

    apsw steps lazily: a statement whose rows are not fetched has not been carried out, or holds on
    to its transaction.
    """
    return connection.execute(sql, bindings).fetchall()


@contextmanager
def translated_errors(path: Path) -> Iterator[None]:
    """Turns apsw's errors into sentences about the file."""
    try:
        yield
    except apsw.Error as error:
        raise _translate(error, path) from error


def _only_readable(path: Path, error: apsw.Error) -> bool:
    # A file in a read-only folder "cannot be opened": its log cannot be made.
    return isinstance(error, apsw.ReadOnlyError) or (
        path.is_file() and os.access(path, os.R_OK) and not os.access(path.parent, os.W_OK)
    )


def _translate(error: apsw.Error, path: Path) -> StoreError:  # noqa: PLR0911
    match error:
        case apsw.FullError():
            return StoreFullError(
                f"The disk of the store {path} is full; nothing of the last batch was written.",
                hint="Free some space and run again: the sync goes on where it stopped.",
            )
        case apsw.ReadOnlyError() | apsw.CantOpenError() if _only_readable(path, error):
            return StoreReadOnlyError(
                f"The store {path} is read-only.",
                hint="Make the file and its folder writable, or choose another path.",
            )
        case apsw.IOError() | apsw.CantOpenError() if path.is_dir():
            return StoreUnavailableError(
                f"The store {path} is a folder.", hint="Choose another path, or move it away."
            )
        case apsw.CantOpenError() | apsw.AuthError() | apsw.PermissionsError():
            return StoreUnavailableError(
                f"The store {path} cannot be opened.",
                hint="Check that the path is a file you may read and write.",
            )
        case apsw.NotADBError() | apsw.CorruptError():
            return StoreCorruptError(
                f"The file {path} is not a store of this collection, or it is damaged.",
                hint="Choose another path, or restore the file from a backup.",
            )
        case apsw.ExtensionLoadingError():
            return StoreError(
                f"The embedded store cannot be used here: sqlite-vec does not load ({error}).",
                hint="Install a build of sqlite-vec for this platform.",
            )
        case apsw.BusyError() | apsw.LockedError():
            return StoreBusyError(
                f"Another process has been writing to the store {path} for more than "
                f"{BUSY_TIMEOUT_MS // 1000} seconds.",
                hint="Wait for it to end, or stop it, and run again.",
            )
        case apsw.IOError():
            return StoreUnavailableError(
                f"The store {path} cannot be read or written: {error}.",
                hint="Check the disk. The store must lie on a local disk, not a network share.",
            )
        case _:
            return StoreError(f"The store {path} failed: {error}.")
