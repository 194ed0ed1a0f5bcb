"""The one thing that SQLite and PostgreSQL say differently in this package: a list as a parameter.

`column IN (?, ?, ...)` with a thousand values is a thousand parameters to render and bind. Here the
values travel as one parameter: as JSON in SQLite, as an array in PostgreSQL.
"""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import ARRAY, BigInteger, LargeBinary, Text, TypeDecorator, bindparam
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine


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
