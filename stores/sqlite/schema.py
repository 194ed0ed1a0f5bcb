"""The tables of an embedded store, and how an older file becomes a newer one.

Each store keeps its own version beside its own tables, so one may move on without the other.
"""

# ruff: noqa: S608 -- the names of tables are put together from constants, never from data

from collections.abc import Sequence
from dataclasses import dataclass

import apsw

from stores.errors import StoreCorruptError, StoreVersionError
from stores.sqlite.database import EmbeddedDatabase, rows


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables of one store.

    Attributes:
        prefix: What the names of its tables begin with.
        steps: Statements that bring the tables from each version to the next; the first step
            makes them out of nothing. A step that was released is never changed again.
    """

    prefix: str
    steps: Sequence[Sequence[str]]

    @property
    def meta(self) -> str:
        """The table of what a store says of itself."""
        return f"{self.prefix}_meta"

    @property
    def version(self) -> int:
        """The version this code reads and writes."""
        return len(self.steps)

    def stored_version(self, connection: apsw.Connection, database: EmbeddedDatabase) -> int:
        """The version of the tables in a file, 0 when there are none.

        Raises:
            StoreVersionError: They are newer than this code.
            StoreCorruptError: The version is not a number.
        """
        if not rows(
            connection,
            "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?",
            (f"{self.prefix}_meta",),
        ):
            return 0
        stored = self.get(connection, "version")
        if not isinstance(stored, int):
            raise StoreCorruptError(
                f"The tables {self.prefix}_* in {database.path} say no version.",
                hint="Choose another path, or restore the file from a backup.",
            )
        if stored > self.version:
            raise StoreVersionError(
                f"The store {database.path} was written by a newer version of this collection "
                f"({self.prefix} tables of version {stored}; this one knows up to {self.version}).",
                hint="Update prefect-data-getters, or choose another path.",
            )
        return stored

    def prepare(self, connection: apsw.Connection, database: EmbeddedDatabase) -> None:
        """Makes the tables, or brings them up to date, inside a write transaction.

        Raises:
            StoreVersionError: They are newer than this code.
        """
        stored = self.stored_version(connection, database)
        if stored == self.version:
            return
        rows(
            connection,
            f"CREATE TABLE IF NOT EXISTS {self.prefix}_meta "
            "(key TEXT PRIMARY KEY, value) WITHOUT ROWID",
        )
        for step in self.steps[stored:]:
            for statement in step:
                rows(connection, statement)
        self.set(connection, "version", self.version)

    def readable(self, connection: apsw.Connection, database: EmbeddedDatabase) -> bool:
        """Whether there is anything to read; tables of an older version are brought up to date.

        Raises:
            StoreVersionError: They are newer than this code.
            StoreReadOnlyError: They are older, and the file cannot be written.
        """
        stored = self.stored_version(connection, database)
        if 0 < stored < self.version:
            with database.transaction() as writer:
                self.prepare(writer, database)
        return stored > 0

    def get(self, connection: apsw.Connection, key: str) -> "apsw.SQLiteValue":
        """A value the store keeps about itself; None when it keeps none."""
        found = rows(connection, f"SELECT value FROM {self.prefix}_meta WHERE key = ?", (key,))
        return found[0][0] if found else None

    def set(self, connection: apsw.Connection, key: str, value: "apsw.SQLiteValue") -> None:
        """Keeps a value about the store."""
        rows(connection, f"INSERT OR REPLACE INTO {self.prefix}_meta VALUES (?, ?)", (key, value))
