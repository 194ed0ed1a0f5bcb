"""Documents of what stands around issues: projects, versions, boards, sprints, people ..."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from langchain_core.documents import Document

from documents.metadata import NOT_EMBEDDED, make_document
from exporters.changes import RawRecord
from exporters.jira.adf import adf_to_markdown
from exporters.jira.fields import day, iso_moment
from exporters.jira.people import SOURCE
from exporters.jira.vocabulary import author, container, one_line, project_facts

PROJECT: Final = "project"
VERSION: Final = "version"
COMPONENT: Final = "component"
BOARD: Final = "board"
SPRINT: Final = "sprint"
STATUS: Final = "status"
USER: Final = "user"

CATALOG_ENTITIES: Final = frozenset({PROJECT, VERSION, COMPONENT, BOARD, SPRINT, STATUS, USER})


def catalog_document(record: RawRecord) -> Document:
    """The document of a project, or of something that belongs to one."""
    payload = record.payload
    item, project = payload["item"], payload.get("project") or {}
    name = str(item.get("name") or record.external_id)
    facts = {key: value for key, value in _facts(record.entity, item) if value is not None}
    lines = [part for part in (one_line(name), *_lines(record.entity, item, project)) if part]
    lead = item.get("lead")
    # A name alone ("Done", "1.0") is found by its words; among vectors it would be in the way.
    says_something = bool(item.get("description") or item.get("goal"))
    return make_document(
        source=SOURCE,
        connection=payload["connection"],
        entity=record.entity,
        native_id=record.external_id,
        external_id=record.external_id,
        content="\n\n".join(lines),
        title=one_line(name),
        access=payload["access"],
        url=record.url,
        container=container(payload["site"]["url"], project),
        author=author(lead) if isinstance(lead, Mapping) else None,
        extra={
            "name": one_line(name),
            **facts,
            **({} if says_something else {NOT_EMBEDDED: True}),
            **({"project": project_facts(project)} if project else {}),
        },
    )


def _facts(entity: str, item: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if entity == PROJECT:
        yield "key", item.get("key")
        yield "type", item.get("projectTypeKey")
        yield "lead", author(item.get("lead"))
        yield "issue_types", [kind.get("name") for kind in item.get("issueTypes") or ()]
        yield "archived", bool(item.get("archived"))
    elif entity == VERSION:
        yield "released", bool(item.get("released"))
        yield "archived", bool(item.get("archived"))
        yield "start", day(item.get("startDate"))
        yield "end", day(item.get("releaseDate"))
    elif entity == COMPONENT:
        yield "lead", author(item.get("lead"))
    elif entity == BOARD:
        yield "type", item.get("type")
    elif entity == SPRINT:
        yield "state", item.get("state")
        yield "goal", item.get("goal") or None
        yield "start", iso_moment(item.get("startDate"))
        yield "end", iso_moment(item.get("endDate"))
        yield "completed", iso_moment(item.get("completeDate"))
    elif entity == USER:
        yield "email", item.get("email")
        yield "username", item.get("username")
        yield "active", bool(item.get("active"))
        yield "time_zone", item.get("timeZone")
    else:
        yield "status_category", (item.get("statusCategory") or {}).get("key")


def _lines(entity: str, item: Mapping[str, Any], project: Mapping[str, Any]) -> Iterator[str]:
    """What a reader sees below the name."""
    place = f" of {project['name']} ({project.get('key')})" if project.get("name") else ""
    if entity == PROJECT:
        yield f"Project {item.get('key')}"
    elif entity == VERSION:
        state = "released" if item.get("released") else "not released"
        yield f"Version{place}, {state} {item.get('releaseDate') or ''}".rstrip()
    elif entity == COMPONENT:
        yield f"Component{place}"
    elif entity == BOARD:
        yield f"{str(item.get('type') or '').capitalize()} board{place}".strip()
    elif entity == SPRINT:
        yield f"Sprint{place}, {item.get('state')}"
        yield str(item.get("goal") or "")
    elif entity == USER:
        yield " · ".join(filter(None, ("Person", item.get("email"), item.get("username"))))
        yield "" if item.get("active") else "This account is deactivated."
    else:
        yield f"Status{place}, {(item.get('statusCategory') or {}).get('name') or ''}".rstrip(", ")
    yield adf_to_markdown(item.get("description"))
