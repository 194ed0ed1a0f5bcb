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
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeVar

import apsw
import orjson
from langchain_core.documents import Document

from documents.fingerprints import access_hash, fingerprint
from documents.principals import DENY_ALL
from documents.times import parse_iso
from stores.base import WriteFailure
from stores.sqlite.database import rows

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_IDS_AT_ONCE: Final = 10_000
_NOTHING: Final[Mapping[str, Any]] = {}

Scope = tuple[str, str, str, str, str]
"""Source, connection, entity, container id and container name; empty where not told."""

Author = tuple[str, str, str]
"""Id, name and e-mail address in lower case; empty where not told."""


_Key = TypeVar("_Key", bound=tuple[str, ...])


class Access(NamedTuple):
    """An access list as a document carries it.

    Attributes:
        listed: The list as JSON; `null` when the document has none, which nobody may read.
        digest: The document's own `access_hash`; None when it has none.
    """

    listed: bytes
    digest: str | None

    def fingerprint(self) -> str:
        """Tells distinct access lists apart."""
        return fingerprint(self.listed + b"\0" + (self.digest or "").encode())


class Entry(NamedTuple):
    """What is kept of a document beside its text."""

    scope: Scope
    author: Author | None
    created: int | None
    access: Access


def entry_of(document: Document) -> Entry:
    """Reads an entry out of a document's metadata.

    Raises:
        ValueError: A field does not have the form the shared vocabulary gives it.
    """
    metadata = document.metadata
    container = _mapping(metadata, "container")
    author = _mapping(metadata, "author")
    try:
        return Entry(
            _scope(
                metadata.get("source"),
                metadata.get("connection"),
                metadata.get("entity"),
                container.get("id"),
                container.get("name"),
            ),
            _author(author.get("id"), author.get("name"), author.get("email")) if author else None,
            _microseconds(metadata.get("created_at")),
            access_of(metadata.get("access"), metadata.get("access_hash")),
        )
    except TypeError as error:  # a list or an object where a text belongs
        raise ValueError(f"source, connection, entity, container or author: {error}") from None


def identifier_of(document: Document) -> str:
    """The document's id.

    Raises:
        ValueError: It has none, or one that cannot be stored.
    """
    if not document.id:
        raise ValueError("the document has no id")
    return storable(document.id)


def storable(value: object) -> str:
    """A value as text, empty for None.

    Raises:
        ValueError: The text holds half a character (a lone surrogate), which no store can keep.
    """
    text = value if isinstance(value, str) else "" if value is None else str(value)
    if not text.isascii():
        text.encode()
    return text


def access_of(listed: object, digest: object = None) -> Access:
    """Checks an access list.

    Raises:
        ValueError: It is not a list of texts, or its hash is not a text.
    """
    if listed is not None and not isinstance(listed, list | tuple | set | frozenset):
        raise ValueError("access is not a list of principals")
    try:
        return _access(None if listed is None else tuple(listed), digest)
    except TypeError:
        raise ValueError("access is not a list of principals") from None


# Thousands of documents share a container, an author and an access list: each is read once.
@lru_cache(maxsize=256)
def _access(listed: tuple[object, ...] | None, digest: object) -> Access:
    if not all(isinstance(principal, str) for principal in listed or ()):
        raise ValueError("access is not a list of principals")
    if digest is not None and not isinstance(digest, str):
        raise ValueError("access_hash is not a text")
    try:
        return Access(orjson.dumps(listed), digest)
    except TypeError as error:
        raise ValueError(f"access cannot be stored: {error}") from None


@lru_cache(maxsize=1024)
def _scope(*parts: object) -> Scope:
    source, connection, entity, container_id, container_name = map(storable, parts)
    return source, connection, entity, container_id, container_name


@lru_cache(maxsize=1024)
def _author(identifier: object, name: object, email: object) -> Author:
    return storable(identifier), storable(name), storable(email).lower()


def to_microseconds(moment: datetime) -> int:
    """A moment as microseconds since 1970.

    Raises:
        ValueError: The moment has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {moment.isoformat()}")
    return (moment - _EPOCH) // _MICROSECOND


def _microseconds(created_at: object) -> int | None:
    if created_at is None:
        return None
    try:
        return (parse_iso(created_at) - _EPOCH) // _MICROSECOND  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ValueError(f"created_at is not an ISO 8601 time: {created_at!r}") from None


def _mapping(metadata: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    value = metadata.get(field)
    if value is None:
        return _NOTHING
    if not isinstance(value, dict | Mapping):
        raise ValueError(f"{field} is not an object: {value!r}")
    return value


class EntryTable:
    """The entries of one store; all methods work inside the caller's transaction."""

    def __init__(self, prefix: str) -> None:
        self.name = f"{prefix}_entry"
        self._prefix = prefix

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
            )
            rid = known.get(identifier)
            if rid is None:
                new[identifier] = following
                inserts.append((following, identifier, *columns))
                following += 1
            else:
                updates.append((*columns, rid, *columns))
        connection.executemany(f"INSERT INTO {self.name} VALUES (?, ?, ?, ?, ?, ?)", inserts)
        connection.executemany(
            f"UPDATE {self.name} SET scope = ?, author = ?, created = ?, access = ? "
            "WHERE rid = ? AND (scope, author, created, access) IS NOT (?, ?, ?, ?)",
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


def checked_updates(
    access: Mapping[str, Sequence[str]],
) -> tuple[dict[str, Access], list[WriteFailure]]:
    """The access lists of an update that can be stored, and a failure for each that cannot."""
    wanted, failures = {}, []
    for identifier, listed in access.items():
        try:
            principals = access_of(listed)
            wanted[storable(identifier)] = principals._replace(digest=access_hash(listed))
        except ValueError as error:
            failures.append(WriteFailure(identifier, f"cannot be stored: {error}"))
    return wanted, failures


def storable_ids(ids: Iterable[str]) -> list[str]:
    """The ids that may be in a store; one with half a character is in none."""
    kept = []
    for identifier in ids:
        try:
            kept.append(storable(identifier))
        except ValueError:
            continue
    return kept
