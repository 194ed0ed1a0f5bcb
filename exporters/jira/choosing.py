"""What a selection asks for, as projects and queries of this Jira; unknown names are refused."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from documents.errors import ConfigurationError
from exporters.jira.client import JiraClient
from exporters.jira.jql import jql_list, jql_text
from exporters.jira.projects import Scope
from exporters.jira.settings import JiraSelection

_NOBODY = "unassigned"


def chosen_projects(
    projects: Iterable[Mapping[str, Any]], wanted: Sequence[str] | None
) -> list[Mapping[str, Any]]:
    """The projects named, each once, in the order they were named; all if none is.

    Args:
        projects: With `id`, `key` and `name`.
        wanted: Keys, names or ids, in any case.

    Raises:
        ConfigurationError: One of them does not exist, or not for this account.
    """
    everything = list(projects)
    if wanted is None:
        return everything
    chosen: dict[str, Mapping[str, Any]] = {}
    for entry in wanted:
        name = entry.strip()
        for field in ("id", "key", "name"):
            found = next(
                (one for one in everything if str(one.get(field)).lower() == name.lower()), None
            )
            if found is not None:
                chosen[str(found["id"])] = found
                break
        else:
            raise _unknown("project", name, [str(one.get("key")) for one in everything])
    return list(chosen.values())


def chosen_scope(client: JiraClient, selection: JiraSelection, now: datetime) -> Scope:
    """The issues that a selection asks for.

    Raises:
        ConfigurationError: A status does not exist.
    """
    conditions = []
    since = None
    if selection.status:
        known = {str(one.get("name")): None for one in client.statuses()}
        by_lower = {name.lower(): name for name in known}
        for name in selection.status:
            if name.strip().lower() not in by_lower:
                raise _unknown("status", name.strip(), list(known))
        names = sorted({by_lower[name.strip().lower()] for name in selection.status})
        conditions.append(f"status in {jql_list(names)}")
    if selection.assignee:
        who = selection.assignee.strip()
        nobody = who.lower() == _NOBODY
        conditions.append("assignee is EMPTY" if nobody else f"assignee = {jql_text(who)}")
    named = list(conditions)
    if selection.days_ago is not None:
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        since = int((day - timedelta(days=selection.days_ago)).timestamp() * 1000)
        named.append(f"last {selection.days_ago} days")
    return Scope(where=" AND ".join(conditions), since=since, name=" AND ".join(named))


def _unknown(what: str, name: str, known: list[str]) -> ConfigurationError:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = (
        f"Did you mean {near[0]!r}?"
        if near
        else f"Known are: {', '.join(sorted(known)[:20]) or 'none; the account sees nothing'}."
    )
    return ConfigurationError(f"There is no {what} {name!r} that can be read here.", hint=hint)
