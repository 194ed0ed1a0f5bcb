"""What SQLite and PostgreSQL say differently in this package, and what two tables have in common.

`column IN (?, ?, ...)` with a thousand values is a thousand parameters to render and bind. Here the
values travel as one parameter: as JSON in SQLite, as an array in PostgreSQL.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import (
    ARRAY,
    BigInteger,
    LargeBinary,
    Table,
    Text,
    TypeDecorator,
    Update,
    bindparam,
    func,
    update,
)
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from stores.ledger.packing import pack_time


class _Values(TypeDecorator[Any]):
    """Texts or numbers as one parameter."""

    impl = Text
    cache_ok = True
    item: TypeEngine[Any] = Text()

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(self.item) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Sequence[Any] | None, dialect: Dialect) -> Any:
        if dialect.name == "postgresql" or value is None:
            return value
        return self.encoded(value)

    def encoded(self, values: Sequence[Any]) -> str:
        return orjson.dumps(values).decode()


class _Numbers(_Values):
    cache_ok = True
    item = BigInteger()


class _Blobs(_Values):
    cache_ok = True
    item = LargeBinary()

    def encoded(self, values: Sequence[bytes]) -> str:
        return orjson.dumps([value.hex() for value in values]).decode()


class _Among(FunctionElement[bool]):
    """Not of type Boolean: SQLAlchemy would add `= 1` for SQLite, which then uses no index."""

    name = "among"
    inherit_cache = True


class _AmongBlobs(_Among):
    name = "among_blobs"
    inherit_cache = True


def among(column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    """Whether a column's value is in the list given as `parameter` when the statement is run."""
    if isinstance(column.type, LargeBinary):
        return _AmongBlobs(column, bindparam(parameter, type_=_Blobs()))
    kind = _Values() if isinstance(column.type, Text) else _Numbers()
    return _Among(column, bindparam(parameter, type_=kind))


@compiles(_Among, "sqlite")
def _json(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 (rendered SQL)


@compiles(_AmongBlobs, "sqlite")
def _json_blobs(element: _AmongBlobs, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} IN (SELECT unhex(value) FROM json_each({values}))"  # noqa: S608


@compiles(_Among, "postgresql")
@compiles(_AmongBlobs, "postgresql")
def _array(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} = ANY({values})"


def unindexed(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The column in a form that no index is looked up by.

    SQLite takes an equality on a partition for selective and reads the whole partition for every
    list of keys: marking 20,000 records as seen took three times as long.
    """
    return column.op("+", is_comparison=False)(0)


def seen_in_place(table: Table) -> Update:
    """Marks rows with these `keys` as seen by a `listing` of the partition they are in (`place`).

    Apart from `seen_elsewhere`, because a statement that sets the partition writes the partition's
    index for every row.
    """
    columns = table.c
    return (
        update(table)
        .where(
            columns.connection_id == bindparam("of_connection"),
            among(columns.key, "keys"),
            unindexed(columns.partition_id) == bindparam("place"),
            columns.generation != bindparam("listing"),
        )
        .values(generation=bindparam("listing"))
    )


def seen_elsewhere(table: Table) -> Update:
    """The same of rows that were in another partition: they are in this one from now on."""
    columns = table.c
    return (
        update(table)
        .where(
            columns.connection_id == bindparam("of_connection"),
            among(columns.key, "keys"),
            unindexed(columns.partition_id) != bindparam("place"),
        )
        .values(
            partition_id=bindparam("place"),
            generation=bindparam("listing"),
            added=bindparam("listing"),
        )
    )


def part_of(
    table: Table, partition_id: int, since: datetime | None, until: datetime | None
) -> list[ColumnElement[bool]]:
    """The rows of a partition, or of its part between two times; undated ones are in none."""
    conditions: list[ColumnElement[bool]] = [table.c.partition_id == partition_id]
    if since is not None:
        conditions.append(table.c.occurred_at >= pack_time(since))
    if until is not None:
        conditions.append(table.c.occurred_at < pack_time(until))
    return conditions


def seen_and_unseen(table: Table, generation: int) -> tuple[ColumnElement[int], ...]:
    """Counts for an `UnseenSummary`: known before a listing, not seen by it, seen by it."""
    return (
        func.count().filter(table.c.added < generation),
        func.count().filter(table.c.generation < generation),
        func.count().filter(table.c.generation >= generation),
    )
