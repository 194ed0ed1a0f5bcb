"""What both embedded stores keep of every document: its id, and all it can be filtered by.

An *entry* is one narrow row: where the document is from (`scope`: source, connection, entity and
container), who wrote it (`author`), when, and who may read it (`access`). Each of the three is the
number of a row in a small table, so a filter becomes a handful of numbers, a renamed container is
one new row, and the access of 50,000 documents changes by rewriting 50,000 small numbers.

An *access set* is a distinct access list. Its numbers are never used twice: a number that is left
over somewhere must not come to mean another list.
"""

# ruff: noqa: S608 -- the names of tables are put together from constants, never from data

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, TypeVar

import apsw
import orjson

from documents.principals import DENY_ALL
from stores.entries import Access, Author, Entry, Scope
from stores.sqlite.database import rows

_IDS_AT_ONCE: Final = 10_000

_Key = TypeVar("_Key", bound=tuple[str, ...])


class EntryTable:
    """The entries of one store; all methods work inside the caller's transaction."""

    def __init__(self, prefix: str) -> None:
        self.name = f"{prefix}_entry"
        self._prefix = prefix

    def tables(self) -> list[str]:
        """The names of the tables."""
        names = ("scope", "author", "access_set", "access_member", "entry")
        return [f"{self._prefix}_{name}" for name in names]

    def statements(self) -> list[str]:
        """What makes the tables."""
        p = self._prefix
        return [
            f"""CREATE TABLE {p}_scope (
                scope INTEGER PRIMARY KEY,
                source TEXT NOT NULL, connection TEXT NOT NULL, entity TEXT NOT NULL,
                container_id TEXT NOT NULL, container_name TEXT NOT NULL,
                UNIQUE (source, connection, entity, container_id, container_name))""",
            f"""CREATE TABLE {p}_author (
                author INTEGER PRIMARY KEY,
                author_id TEXT NOT NULL, name TEXT NOT NULL, email TEXT NOT NULL,
                UNIQUE (author_id, name, email))""",
            f"""CREATE TABLE {p}_access_set (
                access INTEGER PRIMARY KEY AUTOINCREMENT,
                digest TEXT NOT NULL UNIQUE,
                listed BLOB NOT NULL, access_hash TEXT)""",
            f"""CREATE TABLE {p}_access_member (
                principal TEXT NOT NULL, access INTEGER NOT NULL,
                PRIMARY KEY (principal, access)) WITHOUT ROWID""",
            f"""CREATE TABLE {p}_entry (
                rid INTEGER PRIMARY KEY,
                id TEXT NOT NULL UNIQUE,
                scope INTEGER NOT NULL, author INTEGER, created INTEGER,
                access INTEGER NOT NULL)""",
            f"CREATE INDEX {p}_entry_scope ON {p}_entry (scope)",
            f"CREATE INDEX {p}_entry_access ON {p}_entry (access)",
        ]

    def second_statements(self) -> list[str]:
        """What brings the tables from their first version to the second: when it was changed."""
        return [
            f"ALTER TABLE {self.name} ADD COLUMN updated INTEGER",
            f"UPDATE {self.name} SET updated = created",
        ]

    def rids(self, connection: apsw.Connection, ids: Iterable[str]) -> dict[str, int]:
        """The row numbers of the ids that are stored."""
        listed = list(ids)
        found: dict[str, int] = {}
        for first in range(0, len(listed), _IDS_AT_ONCE):
            found.update(
                rows(
                    connection,
                    f"SELECT e.id, e.rid FROM json_each(?) AS j "
                    f"CROSS JOIN {self.name} AS e ON e.id = j.value",
                    (orjson.dumps(listed[first : first + _IDS_AT_ONCE]).decode(),),
                )
            )
        return found

    def write(
        self, connection: apsw.Connection, entries: Mapping[str, Entry]
    ) -> tuple[dict[str, int], dict[str, int]]:
        """Inserts or replaces entries by document id.

        Returns:
            The row numbers of the documents that were stored before, and of those that are new.
        """
        known = self.rids(connection, entries)
        scopes = self._scopes(connection, {entry.scope for entry in entries.values()})
        authors = self._authors(connection, {entry.author for entry in entries.values()})
        access = self._access_sets(connection, {entry.access for entry in entries.values()})
        new: dict[str, int] = {}
        following = self._following(connection)
        inserts, updates = [], []
        for identifier, entry in entries.items():
            columns = (
                scopes[entry.scope],
                authors[entry.author],
                entry.created,
                access[entry.access],
                entry.updated,
            )
            rid = known.get(identifier)
            if rid is None:
                new[identifier] = following
                inserts.append((following, identifier, *columns))
                following += 1
            else:
                updates.append((*columns, rid, *columns))
        connection.executemany(f"INSERT INTO {self.name} VALUES (?, ?, ?, ?, ?, ?, ?)", inserts)
        connection.executemany(
            f"UPDATE {self.name} SET scope = ?, author = ?, created = ?, access = ?, updated = ? "
            "WHERE rid = ? AND (scope, author, created, access, updated) IS NOT (?, ?, ?, ?, ?)",
            updates,
        )
        return known, new

    def update_access(self, connection: apsw.Connection, access: Mapping[str, Access]) -> None:
        """Replaces the access lists of documents by id; those not stored are passed over."""
        numbers = self._access_sets(connection, set(access.values()))
        by_set: dict[int, list[str]] = {}
        for identifier, wanted in access.items():
            by_set.setdefault(numbers[wanted], []).append(identifier)
        connection.executemany(
            f"UPDATE {self.name} SET access = ? "
            "WHERE id IN (SELECT value FROM json_each(?)) AND access <> ?",
            (
                (number, orjson.dumps(ids[first : first + _IDS_AT_ONCE]).decode(), number)
                for number, ids in by_set.items()
                for first in range(0, len(ids), _IDS_AT_ONCE)
            ),
        )

    def delete(self, connection: apsw.Connection, rids: Iterable[int]) -> None:
        """Deletes entries by row number."""
        connection.executemany(f"DELETE FROM {self.name} WHERE rid = ?", ((rid,) for rid in rids))

    def clear(self, connection: apsw.Connection) -> None:
        """Deletes all entries, and all that was kept for them."""
        rows(connection, f"DELETE FROM {self.name}")
        self.forget_unused(connection)

    def forget_unused(self, connection: apsw.Connection) -> None:
        """Deletes scopes, authors and access sets that no document has any more."""
        p = self._prefix
        rows(
            connection,
            f"""DELETE FROM {p}_access_set WHERE NOT EXISTS
                (SELECT 1 FROM {p}_entry AS e WHERE e.access = {p}_access_set.access)""",
        )
        rows(
            connection,
            f"DELETE FROM {p}_access_member "
            f"WHERE access NOT IN (SELECT access FROM {p}_access_set)",
        )
        rows(
            connection,
            f"""DELETE FROM {p}_scope WHERE NOT EXISTS
                (SELECT 1 FROM {p}_entry AS e WHERE e.scope = {p}_scope.scope)""",
        )
        rows(
            connection,
            f"""DELETE FROM {p}_author WHERE author NOT IN
                (SELECT author FROM {p}_entry WHERE author IS NOT NULL)""",
        )

    def _following(self, connection: apsw.Connection) -> int:
        ((last,),) = rows(connection, f"SELECT max(rid) FROM {self.name}")
        return (0 if last is None else int(last)) + 1

    def _scopes(self, connection: apsw.Connection, wanted: set[Scope]) -> dict[Scope, int]:
        columns = ("source", "connection", "entity", "container_id", "container_name")
        numbers = _numbers(connection, f"{self._prefix}_scope", "scope", columns, wanted)
        for scope in wanted - numbers.keys():
            rows(
                connection,
                f"INSERT INTO {self._prefix}_scope VALUES (NULL, ?, ?, ?, ?, ?)",
                scope,
            )
            numbers[scope] = connection.last_insert_rowid()
        return numbers

    def _authors(
        self, connection: apsw.Connection, wanted: set[Author | None]
    ) -> dict[Author | None, int | None]:
        named = {author for author in wanted if author is not None}
        columns = ("author_id", "name", "email")
        numbers = _numbers(connection, f"{self._prefix}_author", "author", columns, named)
        for author in named - numbers.keys():
            rows(connection, f"INSERT INTO {self._prefix}_author VALUES (NULL, ?, ?, ?)", author)
            numbers[author] = connection.last_insert_rowid()
        return {None: None} | numbers

    def _access_sets(self, connection: apsw.Connection, wanted: set[Access]) -> dict[Access, int]:
        # Asked of the file in every batch: a number kept in memory could be of a set that was
        # rolled back, or that another process has tidied away.
        digests = {access: (access.fingerprint(),) for access in wanted}
        known = _numbers(
            connection, f"{self._prefix}_access_set", "access", ("digest",), digests.values()
        )
        numbers = {}
        for access, digest in digests.items():
            number = known.get(digest)
            numbers[access] = self._new_set(connection, access) if number is None else number
        return numbers

    def _new_set(self, connection: apsw.Connection, access: Access) -> int:
        rows(
            connection,
            f"INSERT INTO {self._prefix}_access_set (digest, listed, access_hash) VALUES (?, ?, ?)",
            (access.fingerprint(), access.listed, access.digest),
        )
        number = connection.last_insert_rowid()
        principals = set(orjson.loads(access.listed) or ())
        if DENY_ALL not in principals:
            connection.executemany(
                f"INSERT INTO {self._prefix}_access_member VALUES (?, ?)",
                ((principal, number) for principal in principals),
            )
        return number


def _numbers(
    connection: apsw.Connection,
    table: str,
    number: str,
    columns: Sequence[str],
    wanted: Collection[_Key],
) -> dict[_Key, int]:
    """The numbers of the rows of a small table that exist, by their columns."""
    equal = " AND ".join(f"t.{column} = j.value ->> {i}" for i, column in enumerate(columns))
    found = rows(
        connection,
        f"SELECT t.{number}, {', '.join(f't.{column}' for column in columns)} "
        f"FROM json_each(?) AS j CROSS JOIN {table} AS t ON {equal}",
        (orjson.dumps(list(wanted)).decode(),),
    )
    return {row[1:]: row[0] for row in found}  # type: ignore[misc]  # rows are as the columns
