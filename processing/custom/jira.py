"""What only Jira documents need: what follows from an issue's facts, and its context."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from langchain_core.documents import Document

from documents.times import parse_iso
from processing.metadata import with_metadata

_DONE: Final = "done"
_SECONDS_A_DAY: Final = 86_400
_ISSUE: Final = "issue"


def add_issue_context(docs: Iterable[Document]) -> Iterator[Document]:
    """Adds to `extra` what follows from the facts of an issue, and a line of context.

    `is_open`, `days_active` (from creation to the last change), `days_to_resolution`, `epic_chain`
    (keys from the parent up), `linked_keys`, and `context`: where the item stands, shown with a
    result and handed to a language model. Nothing here looks at a clock, so the same issue gives
    the same document on any day; for its age see `age_in_days`.
    """
    for document in docs:
        metadata = document.metadata or {}
        extra = metadata.get("extra") or {}
        facts = _issue_facts(metadata, extra) if metadata.get("entity") == _ISSUE else {}
        context = _context(metadata, extra)
        yield with_metadata(document, extra={**extra, **facts, "context": context})


def age_in_days(document: Document, at: datetime) -> float | None:
    """How old an issue was at a moment: up to then, or up to its resolution.

    Args:
        document: An issue.
        at: The moment, with a zone.

    Returns:
        Days; None where the issue was not there yet, or its creation is not known.
    """
    metadata = document.metadata or {}
    created = _time(metadata.get("created_at"))
    if created is None or at < created:
        return None
    resolved = _time((metadata.get("extra") or {}).get("resolved_at"))
    until = min(at, resolved) if resolved else at
    return (until - created).total_seconds() / _SECONDS_A_DAY


def _issue_facts(metadata: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    created, resolved = _time(metadata.get("created_at")), _time(extra.get("resolved_at"))
    return {
        "is_open": extra.get("status_category") != _DONE and resolved is None,
        "days_active": _days(created, _time(metadata.get("updated_at"))),
        "days_to_resolution": _days(created, resolved),
        "epic_chain": _chain(extra),
        "linked_keys": sorted({link["key"] for link in extra.get("links") or () if link["key"]}),
    }


def _chain(extra: Mapping[str, Any]) -> list[str]:
    keys = [(extra.get(name) or {}).get("key") for name in ("parent", "epic")]
    return list(dict.fromkeys(key for key in keys if key))


def _context(metadata: Mapping[str, Any], extra: Mapping[str, Any]) -> str:
    project = (metadata.get("container") or {}).get("name") or ""
    if metadata.get("entity") != _ISSUE:
        issue = extra.get("issue") or {}
        of = f"{metadata.get('entity')} of {issue['key']}" if issue.get("key") else ""
        return " · ".join(
            part
            for part in (project, of or str(metadata.get("entity")), issue.get("summary"))
            if part
        )
    return "\n".join(line for line in (_place(project, extra), _state(extra)) if line)


def _place(project: str, extra: Mapping[str, Any]) -> str:
    parts = [project]
    for name, said in (("epic", "in the epic"), ("parent", "below")):
        other = extra.get(name) or {}
        if other.get("key") and not (name == "parent" and other == extra.get("epic")):
            parts.append(f"{said} {other['key']} {other.get('summary') or ''}".strip())
    if extra.get("sprint"):
        parts.append(f"sprint {extra['sprint']}")
    return " · ".join(part for part in parts if part)


def _state(extra: Mapping[str, Any]) -> str:
    assignee = (extra.get("assignee") or {}).get("name")
    parts = [
        str(extra.get("type") or "Issue"),
        extra.get("status"),
        f"priority {extra['priority']}" if extra.get("priority") else "",
        f"assigned to {assignee}" if assignee else "assigned to nobody",
        f"due {extra['due']}" if extra.get("due") else "",
    ]
    return ", ".join(part for part in parts if part)


def _days(begin: datetime | None, end: datetime | None) -> float | None:
    if begin is None or end is None:
        return None
    return round((end - begin).total_seconds() / _SECONDS_A_DAY, 2)


def _time(value: Any) -> datetime | None:
    return parse_iso(value) if isinstance(value, str) else None
