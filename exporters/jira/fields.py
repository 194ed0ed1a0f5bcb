"""Custom fields, typed: what an administrator of Jira has added, by the schema Jira gives for it.

A whole object of a custom field would blow up an index's mapping, and its parts mean nothing to a
search. So each becomes one entry with exactly one kind of value.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from documents.times import iso_utc

SPRINT: Final = "com.pyxis.greenhopper.jira:gh-sprint"
EPIC_LINK: Final = "com.pyxis.greenhopper.jira:gh-epic-link"
EPIC_NAME: Final = "com.pyxis.greenhopper.jira:gh-epic-label"
STORY_POINTS: Final = "com.pyxis.greenhopper.jira:jsw-story-points"
TEXT_AREA: Final = "com.atlassian.jira.plugin.system.customfieldtypes:textarea"
REQUEST_TYPE: Final = frozenset(
    {
        "com.atlassian.servicedesk:vp-origin",
        "com.atlassian.servicedesk.customer-request-type",
        "com.atlassian.servicedesk:sd-customer-request-type",
    }
)
SLA: Final = "com.atlassian.servicedesk:sd-sla-field"

_POINT_NAMES: Final = frozenset({"story points", "story point estimate"})
_NOT_SHOWN: Final = frozenset(
    {
        "com.pyxis.greenhopper.jira:gh-lexo-rank",
        "com.atlassian.jira.plugins.jira-development-integration-plugin:devsummarycf",
        "com.atlassian.jira.plugins.jira-development-integration-plugin:devsummary",
    }
)
"""Ranks and caches of other tools: they say nothing to a reader and change all the time."""

_NAMES: Final = ("displayName", "value", "name", "title", "label", "key", "id", "accountId")
_LONGEST_KEYWORD: Final = 1_000
_LEGACY_SPRINT: Final = re.compile(r"\.Sprint@[0-9a-f]+\[(.*)\]$", re.DOTALL)
_LEGACY_PART: Final = re.compile(r"(?:^|,)([A-Za-z]+)=")

Markdown = Callable[[Any], str]
"""Turns a text of the edition (ADF or wiki markup) into Markdown."""

FieldInfo = Mapping[str, Any]
"""What of a field's description a record keeps; see `field_summary`."""


def field_summary(
    field: Mapping[str, Any], text_fields: Sequence[str] | None = None
) -> dict[str, Any]:
    """What a record keeps of an entry of `GET /field`.

    That is `name`, `type`, `items`, `custom` and `in_text`.

    Args:
        field: The entry.
        text_fields: Names or ids of fields whose text belongs into the document's text; None for
            those of several lines.
    """
    schema = _inside(field, "schema") or {}
    custom = str(schema.get("custom") or "")
    name = str(field.get("name") or field.get("id") or "")
    if text_fields is None:
        in_text = custom == TEXT_AREA
    else:
        wanted = {one.strip().lower() for one in text_fields}
        in_text = name.lower() in wanted or str(field.get("id")).lower() in wanted
    return {
        "name": name,
        "type": str(schema.get("type") or ""),
        "items": str(schema.get("items") or ""),
        "custom": custom,
        "in_text": in_text,
    }


def custom_fields(
    values: Mapping[str, Any], known: Mapping[str, FieldInfo], markdown: Markdown
) -> list[dict[str, Any]]:
    """The custom fields that are set, ordered by name.

    Each is `{id, name, type}` with one of `value_text` (Markdown), `value_number`, `value_date`
    (UTC, ISO 8601) or `value_keyword` (a list of texts).
    """
    entries = []
    for identifier, value in values.items():
        if not identifier.startswith("customfield_") or value in (None, "", [], {}):
            continue
        info = known.get(identifier) or {}
        if info.get("custom") in _NOT_SHOWN:
            continue
        typed = _typed(value, info, markdown)
        if typed is None:
            continue
        entry = {
            "id": identifier,
            "name": info.get("name") or identifier,
            "type": info.get("type") or "unknown",
        }
        entries.append({**entry, **typed})
    return sorted(entries, key=lambda entry: (entry["name"], entry["id"]))


def _typed(value: Any, info: FieldInfo, markdown: Markdown) -> dict[str, Any] | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return {"value_number": value}
    if info.get("type") in {"date", "datetime"} and (at := iso_moment(value)):
        return {"value_date": at}
    is_document = isinstance(value, Mapping) and value.get("type") == "doc"
    if is_document or isinstance(value, str):
        return _typed_text(value, info, markdown)
    words = [str(value).lower()] if isinstance(value, bool) else keywords(value)
    return {"value_keyword": words} if words else {"value_text": _plain_json(value)}


def _typed_text(value: Any, info: FieldInfo, markdown: Markdown) -> dict[str, Any] | None:
    short = isinstance(value, str) and len(value) <= _LONGEST_KEYWORD and "\n" not in value.strip()
    if short and info.get("custom") != TEXT_AREA:
        return {"value_keyword": [value.strip()]} if value.strip() else None
    text = markdown(value)
    return {"value_text": text} if text else None


def keywords(value: Any) -> list[str]:
    """The names by which a person knows a value: of options, people, versions, groups, teams."""
    found: dict[str, None] = {}
    for one in value if isinstance(value, list) else [value]:
        if name := _keyword(one):
            found[name[:_LONGEST_KEYWORD]] = None
    return list(found)


def _keyword(value: Any) -> str:
    if isinstance(value, Mapping):
        name = next(
            (str(value[key]) for key in _NAMES if isinstance(value.get(key), (str, int))), ""
        )
        child = value.get("child")
        return f"{name} > {_keyword(child)}" if isinstance(child, Mapping) else name
    if isinstance(value, (str, int, float)):
        return str(value).strip()
    return ""


def _plain_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)[:_LONGEST_KEYWORD]


def moment(value: Any) -> datetime | None:
    """A time of Jira's (`2026-04-28T15:33:31.783+0200`), also a date alone (midnight UTC).

    Returns:
        With zone; None for anything else.
    """
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def iso_moment(value: Any) -> str | None:
    """The same as text, as documents carry times."""
    found = moment(value)
    return iso_utc(found) if found else None


def day(value: Any) -> str | None:
    """A date of Jira's (`2026-04-28`); None for anything else."""
    try:
        return date.fromisoformat(value).isoformat() if isinstance(value, str) else None
    except ValueError:
        return None


def epoch_ms(value: Any) -> int | None:
    """A time of Jira's in milliseconds since 1970, the same whatever zone it was told in."""
    found = moment(value)
    return None if found is None else round(found.timestamp() * 1000)


def sprints(values: Mapping[str, Any], known: Mapping[str, FieldInfo]) -> list[dict[str, Any]]:
    """The sprints an issue was in, in the order Jira gives."""
    found = []
    for identifier, value in values.items():
        custom = (known.get(identifier) or {}).get("custom")
        if custom == SPRINT or (custom is None and identifier == "sprint"):
            found += [_sprint(one) for one in (value if isinstance(value, list) else [value])]
    return [one for one in found if one]


def _sprint(value: Any) -> dict[str, Any] | None:
    """A sprint from its object, or from the text that Data Center gives instead."""
    if isinstance(value, str):
        legacy = _LEGACY_SPRINT.search(value)
        value = _legacy_parts(legacy[1]) if legacy else None
    if not isinstance(value, Mapping):
        return None
    board = value.get("boardId") or value.get("originBoardId") or value.get("rapidViewId")
    return {
        "id": str(value.get("id") or ""),
        "name": str(value.get("name") or ""),
        "state": str(value.get("state") or "").lower(),
        "board_id": str(board) if board else None,
        "goal": str(value.get("goal") or "") or None,
        "start": iso_moment(value.get("startDate")),
        "end": iso_moment(value.get("endDate")),
        "completed": iso_moment(value.get("completeDate")),
    }


def _legacy_parts(text: str) -> dict[str, str]:
    """`id=1,name=Sprint 1, again,state=ACTIVE` as a mapping; names may hold commas."""
    marks = list(_LEGACY_PART.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return {
        mark[1]: value
        for mark, end in zip(marks, ends, strict=True)
        if (value := text[mark.end() : end]) != "<null>"
    }


def field_of(
    values: Mapping[str, Any], known: Mapping[str, FieldInfo], *customs: str
) -> Any | None:
    """The value of the first field of a kind that is set."""
    for identifier, info in known.items():
        if info.get("custom") in customs and values.get(identifier) not in (None, "", []):
            return values[identifier]
    return None


def story_points(values: Mapping[str, Any], known: Mapping[str, FieldInfo]) -> float | None:
    """The estimate in points, whichever of its two usual fields holds it."""
    for identifier, info in known.items():
        named = str(info.get("name")).lower() in _POINT_NAMES and info.get("type") == "number"
        value = values.get(identifier)
        if (named or info.get("custom") == STORY_POINTS) and isinstance(value, (int, float)):
            return float(value)
    return None


def request_type(
    values: Mapping[str, Any], known: Mapping[str, FieldInfo]
) -> dict[str, Any] | None:
    """The request type of a service project's issue, and how its portal calls the state."""
    value = field_of(values, known, *REQUEST_TYPE)
    if isinstance(value, str) and value.strip():  # Data Center: "portal/key"
        return {"id": None, "name": value.strip(), "status": None, "url": None}
    if not isinstance(value, Mapping):
        return None
    identifier, web = _inside(value, "requestType", "id"), _inside(value, "_links", "web")
    return {
        "id": str(identifier) if identifier else None,
        "name": str(_inside(value, "requestType", "name") or ""),
        "status": str(_inside(value, "currentStatus", "status") or "") or None,
        "url": web if isinstance(web, str) else None,
    }


def slas(values: Mapping[str, Any], known: Mapping[str, FieldInfo]) -> list[dict[str, Any]]:
    """The service level agreements of an issue.

    `elapsed_ms` and `remaining_ms` of a running cycle are left out: they change with every read.
    """
    found = []
    for identifier, info in known.items():
        value = values.get(identifier)
        if info.get("custom") != SLA or not isinstance(value, Mapping):
            continue
        ongoing = value.get("ongoingCycle")
        completed = value.get("completedCycles")
        cycles = [one for one in completed if isinstance(one, Mapping)] if completed else []
        running = ongoing if isinstance(ongoing, Mapping) else None
        last = running or (cycles[-1] if cycles else None)
        found.append(
            {
                "name": str(value.get("name") or info.get("name") or ""),
                "ongoing": running is not None,
                "breached": any(bool(one.get("breached")) for one in [*cycles, running or {}]),
                "paused": bool(running and running.get("paused")),
                "goal_ms": _number(_inside(last, "goalDuration", "millis")),
                "breach_at": iso_moment(_inside(running, "breachTime", "iso8601")),
                "completed_cycles": len(cycles),
            }
        )
    return sorted(found, key=lambda one: one["name"])


def without_running_clocks(value: Any) -> Any:
    """An SLA field without what only the moment of reading decides."""
    if not isinstance(value, Mapping) or not isinstance(value.get("ongoingCycle"), Mapping):
        return value
    cycle = {
        name: part
        for name, part in value["ongoingCycle"].items()
        if name not in {"elapsedTime", "remainingTime", "withinCalendarHours"}
    }
    return {**value, "ongoingCycle": cycle}


def _inside(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
