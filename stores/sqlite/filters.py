"""From a `SearchFilter` to a condition on the entries of an embedded store."""

# ruff: noqa: S608 -- the names of tables are put together from constants, never from data

from collections.abc import Sequence
from typing import NamedTuple

import orjson

from stores.base import SearchFilter
from stores.entries import to_microseconds


class Condition(NamedTuple):
    """A condition for a WHERE clause.

    Attributes:
        sql: On the alias `e` of an entry table; `1` when everything passes.
        bindings: In the order of its question marks.
    """

    sql: str
    bindings: tuple[str | int, ...]

    @property
    def always(self) -> bool:
        """Whether everything passes."""
        return not self.bindings


EVERYTHING = Condition("1", ())


def condition_of(prefix: str, where: SearchFilter | None) -> Condition:
    """The condition that lets through exactly what a filter allows.

    Every list in it is a subquery that SQLite runs once for a statement, over the small tables of
    scopes, authors and access sets; a row is then let through by comparing numbers.

    Raises:
        ValueError: A time of the filter has no zone.
    """
    if where is None:
        return EVERYTHING
    parts: list[str] = []
    bindings: list[str | int] = []

    def add(sql: str, *values: str | int) -> None:
        parts.append(sql)
        bindings.extend(values)

    scope_parts, scope_values = _scope_condition(where)
    if scope_parts:
        add(f"e.scope IN (SELECT scope FROM {prefix}_scope WHERE {scope_parts})", *scope_values)
    if where.authors:
        add(
            f"e.author IN (SELECT author FROM {prefix}_author "
            "WHERE author_id IN (SELECT value FROM json_each(?)) "
            "OR name IN (SELECT value FROM json_each(?)) "
            "OR email IN (SELECT value FROM json_each(?)))",
            _json(where.authors),
            _json(where.authors),
            _json([author.lower() for author in where.authors]),
        )
    if where.created_after is not None:
        add("e.created >= ?", to_microseconds(where.created_after))
    if where.created_before is not None:
        add("e.created < ?", to_microseconds(where.created_before))
    if where.updated_after is not None:
        add("e.updated >= ?", to_microseconds(where.updated_after))
    if where.updated_before is not None:
        add("e.updated < ?", to_microseconds(where.updated_before))
    if where.principals is not None:
        add(
            f"e.access IN (SELECT access FROM {prefix}_access_member "
            "WHERE principal IN (SELECT value FROM json_each(?)))",
            _json(sorted(where.principals)),
        )
    return Condition(" AND ".join(parts), tuple(bindings)) if parts else EVERYTHING


def _scope_condition(where: SearchFilter) -> tuple[str, list[str]]:
    parts, values = [], []
    for column, allowed in (
        ("source", where.sources),
        ("connection", where.connections),
        ("entity", where.entities),
    ):
        if allowed:
            parts.append(f"{column} IN (SELECT value FROM json_each(?))")
            values.append(_json(allowed))
    if where.containers:
        listed = _json(where.containers)
        parts.append(
            "(container_id IN (SELECT value FROM json_each(?)) "
            "OR container_name IN (SELECT value FROM json_each(?)))"
        )
        values += [listed, listed]
    return " AND ".join(parts), values


def _json(values: Sequence[str]) -> str:
    # Half a character equals nothing that is stored; an empty name means "not told", not a value.
    return orjson.dumps([value for value in values if value and _whole(value)]).decode()


def _whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
