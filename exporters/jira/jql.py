"""Queries in JQL."""

from collections.abc import Iterable


def changed_jql(where: str, since: int | None, until: int | None = None) -> str:
    """A query for what changed, in the order of change.

    Times are milliseconds since 1970: a date would be read by the minute, in the time zone of the
    account's profile.
    """
    parts = [where]
    if since is not None:
        parts.append(f"updated >= {since}")
    if until is not None:
        parts.append(f"updated < {until}")
    return f"{' AND '.join(parts)} ORDER BY updated ASC, id ASC"


def jql_text(value: str) -> str:
    """A text as a literal of JQL."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def jql_list(values: Iterable[str]) -> str:
    """Texts as a list of JQL."""
    return f"({', '.join(map(jql_text, values))})"
