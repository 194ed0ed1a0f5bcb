"""From a Jira record to documents: pure, without network.

The payloads are made in `exporters.jira.payloads` and, of projects and what they have, in
`exporters.jira.catalog`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from langchain_core.documents import Document

from documents.ids import document_id
from documents.metadata import NOT_EMBEDDED, make_document
from documents.text import normalize_text
from documents.times import iso_utc
from exporters.changes import RawRecord
from exporters.errors import InvalidDataError
from exporters.jira.adf import adf_to_markdown
from exporters.jira.catalog_documents import CATALOG_ENTITIES, catalog_document
from exporters.jira.fields import (
    EPIC_LINK,
    custom_fields,
    day,
    field_of,
    iso_moment,
    keywords,
    moment,
    request_type,
    slas,
    sprints,
    story_points,
)
from exporters.jira.payloads import ATTACHMENT, COMMENT, ISSUE, comment_url, issue_url
from exporters.jira.people import SOURCE, account_id
from exporters.jira.vocabulary import (
    author,
    container,
    one_line,
    person_name,
    project_facts,
)
from exporters.jira.wiki import wiki_to_markdown

_HISTORY_CHARACTERS: Final = 200
_EPIC_LEVEL: Final = 1


def jira_documents(record: RawRecord) -> Iterator[Document]:
    """The document of a record.

    Raises:
        InvalidDataError: The record makes no sense.
    """
    try:
        if record.entity == ISSUE:
            yield _Issue(record).document()
        elif record.entity == ATTACHMENT:
            yield _attachment(record)
        elif record.entity == COMMENT:
            yield _comment(record)
        elif record.entity in CATALOG_ENTITIES:
            yield catalog_document(record)
        else:
            raise InvalidDataError(
                f"There is no such kind of Jira record: {record.entity}.",
                external_id=record.external_id,
            )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InvalidDataError(
            f"The {record.entity} {record.external_id} is not as Jira describes one: "
            f"{type(error).__name__} {error}.",
            external_id=record.external_id,
        ) from error


@dataclass(slots=True)
class _Text:
    """A text that grows by parts, each of which knows where it begins."""

    parts: list[str] = field(default_factory=list)
    length: int = 0

    def add(self, text: str) -> int | None:
        """Adds a part; where it begins, None for an empty one."""
        text = normalize_text(text)
        if not text:
            return None
        start = self.length + (2 if self.parts else 0)
        self.parts.append(text)
        self.length = start + len(text)
        return start

    def __str__(self) -> str:
        return "\n\n".join(self.parts)


class _Issue:
    """An issue on its way to a document."""

    def __init__(self, record: RawRecord) -> None:
        payload = record.payload
        self._record = record
        self._payload = payload
        self._connection: str = payload["connection"]
        self._site_url: str = payload["site"]["url"]
        self._issue: Mapping[str, Any] = payload["issue"]
        self._fields: Mapping[str, Any] = self._issue.get("fields") or {}
        self._known: Mapping[str, Mapping[str, Any]] = payload.get("fields") or {}
        self._markdown = markdown_of(payload, _people_of(payload))

    def document(self) -> Document:
        fields, key = self._fields, self._issue.get("key") or self._issue["id"]
        title = one_line(f"{key} {fields.get('summary') or ''}")
        text = _Text()
        text.add(title)
        text.add(self._markdown(fields.get("description")))
        for heading, body in self._sections():
            if body := normalize_text(body):
                text.add(f"## {heading}\n\n{body}")
        comments = self._comments(text)
        worklogs = self._worklogs(text)
        parent = _reference(fields.get("parent"))
        return make_document(
            source=SOURCE,
            connection=self._connection,
            entity=ISSUE,
            native_id=str(self._issue["id"]),
            external_id=self._record.external_id,
            content=str(text),
            title=title,
            access=self._payload["access"],
            url=issue_url(self._site_url, key),
            container=container(self._site_url, fields.get("project") or {}),
            author=author(fields.get("reporter") or fields.get("creator")),
            created_at=moment(fields.get("created")),
            updated_at=moment(fields.get("updated")),
            version=self._record.version,
            parent_id=(
                document_id(SOURCE, self._connection, ISSUE, parent["id"])
                if parent and parent["id"]
                else None
            ),
            extra={
                **self._facts(parent),
                "comments": comments,
                "comment_count": len(comments),
                "restricted_comments": self._payload.get("restricted_comments") or 0,
                "worklogs": worklogs,
            },
        )

    def _sections(self) -> Iterator[tuple[str, str]]:
        yield "Environment", self._markdown(self._fields.get("environment"))
        texts = [
            (str(info.get("name")), name)
            for name, info in self._known.items()
            if info.get("in_text") and name.startswith("customfield_")
        ]
        for heading, name in sorted(texts):
            value = self._fields.get(name)
            plain = isinstance(value, str) or (isinstance(value, Mapping) and "content" in value)
            yield heading, self._markdown(value) if plain else ", ".join(keywords(value))

    def _comments(self, text: _Text) -> list[dict[str, Any]]:
        entries = []
        ordered = sorted(self._payload.get("comments") or (), key=_by_time("created"))
        for number, comment in enumerate(ordered):
            body = self._markdown(comment.get("body"))
            head = (
                f"**{person_name(comment.get('author'))}** {_day_and_time(comment.get('created'))}"
            )
            heading = "## Comments\n\n" if number == 0 else ""
            start = text.add(f"{heading}{head}\n{body}")
            entries.append(
                {
                    "id": str(comment.get("id")),
                    "author": person_name(comment.get("author")),
                    "author_id": account_id(comment.get("author")),
                    "created_at": iso_moment(comment.get("created")),
                    "updated_at": iso_moment(comment.get("updated")),
                    "visibility": None,
                    "start": (start or 0) + len(heading),
                    "url": comment_url(self._site_url, self._issue.get("key"), comment.get("id")),
                }
            )
        return entries

    def _worklogs(self, text: _Text) -> list[dict[str, Any]]:
        entries = []
        begun = False
        for log in sorted(self._payload.get("worklogs") or (), key=_by_time("started")):
            body = normalize_text(self._markdown(log.get("comment")))
            start = None
            if body:
                spent = f", {log['timeSpent']}" if log.get("timeSpent") else ""
                who, at = person_name(log.get("author")), _day_and_time(log.get("started"))
                head = f"**{who}** {at}{spent}"
                heading = "" if begun else "## Work log\n\n"
                begun = True
                start = (text.add(f"{heading}{head}\n{body}") or 0) + len(heading)
            entries.append(
                {
                    "id": str(log.get("id")),
                    "author": person_name(log.get("author")),
                    "author_id": account_id(log.get("author")),
                    "started_at": iso_moment(log.get("started")),
                    "seconds": log.get("timeSpentSeconds"),
                    "start": start,
                }
            )
        return entries

    def _facts(self, parent: dict[str, Any] | None) -> dict[str, Any]:
        fields, known = self._fields, self._known
        status = fields.get("status") or {}
        category = status.get("statusCategory") or fields.get("statusCategory") or {}
        kind = fields.get("issuetype") or {}
        in_sprints = sprints(fields, known)
        return {
            "key": self._issue.get("key"),
            "type": kind.get("name"),
            "is_subtask": bool(kind.get("subtask")),
            "status": status.get("name"),
            "status_category": category.get("key"),
            "status_changed_at": iso_moment(fields.get("statuscategorychangedate")),
            "priority": (fields.get("priority") or {}).get("name"),
            "resolution": (fields.get("resolution") or {}).get("name"),
            "resolved_at": iso_moment(fields.get("resolutiondate")),
            "due": day(fields.get("duedate")),
            "labels": keywords(fields.get("labels") or []),
            "components": keywords(fields.get("components") or []),
            "fix_versions": keywords(fields.get("fixVersions") or []),
            "affects_versions": keywords(fields.get("versions") or []),
            "assignee": author(fields.get("assignee")),
            "reporter": author(fields.get("reporter")),
            "creator": author(fields.get("creator")),
            "security_level": (fields.get("security") or {}).get("name"),
            "parent": parent,
            "epic": self._epic(parent),
            "links": [one for link in fields.get("issuelinks") or () if (one := _link(link))],
            "subtasks": [one for task in fields.get("subtasks") or () if (one := _reference(task))],
            "watchers": (fields.get("watches") or {}).get("watchCount"),
            "votes": (fields.get("votes") or {}).get("votes"),
            "story_points": story_points(fields, known),
            "sprints": in_sprints,
            "sprint": in_sprints[-1]["name"] if in_sprints else None,
            "time": {
                "original_estimate": fields.get("timeoriginalestimate"),
                "remaining_estimate": fields.get("timeestimate"),
                "spent": fields.get("timespent"),
            },
            "custom_fields": custom_fields(fields, known, self._markdown),
            "attachments": [_attachment_facts(one) for one in fields.get("attachment") or ()],
            "history": list(_history(self._payload.get("history") or ())),
            "history_count": self._payload.get("history_count") or 0,
            "request_type": request_type(fields, known),
            "slas": slas(fields, known),
            "project": project_facts(fields.get("project") or {}),
        }

    def _epic(self, parent: dict[str, Any] | None) -> dict[str, Any] | None:
        """The epic: a parent of that level, or the older field that names it."""
        named = field_of(self._fields, self._known, EPIC_LINK)
        if isinstance(named, str):
            return {"id": None, "key": named, "summary": None, "type": "Epic", "status": None}
        inside = self._fields.get("epic")
        if isinstance(inside, Mapping) and inside.get("key"):
            return {
                "id": str(inside["id"]) if inside.get("id") else None,
                "key": inside["key"],
                "summary": inside.get("summary") or inside.get("name"),
                "type": "Epic",
                "status": None,
            }
        kind = ((self._fields.get("parent") or {}).get("fields") or {}).get("issuetype") or {}
        is_epic = kind.get("hierarchyLevel") == _EPIC_LEVEL or kind.get("name") == "Epic"
        return parent if parent and is_epic else None


def _attachment(record: RawRecord) -> Document:
    payload = record.payload
    issue, attachment = payload["issue"], payload["attachment"]
    name = str(attachment.get("filename") or attachment["id"])
    extra = {
        "issue": _issue_facts(issue),
        "name": name,
        "mimetype": attachment.get("mimeType"),
        "size": attachment.get("size"),
        "project": project_facts(issue.get("project") or {}),
    }
    if not payload.get("text"):
        extra[NOT_EMBEDDED] = True
    if payload.get("no_text"):
        extra["no_text"] = payload["no_text"]
    if payload.get("truncated"):
        extra["text_truncated"] = True
    return make_document(
        source=SOURCE,
        connection=payload["connection"],
        entity=ATTACHMENT,
        native_id=record.external_id,
        external_id=record.external_id,
        content=payload.get("text") or "",
        title=one_line(name),
        access=payload["access"],
        url=record.url,
        container=container(payload["site"]["url"], issue.get("project") or {}),
        author=author(attachment.get("author")),
        created_at=moment(attachment.get("created")),
        version=record.version,
        parent_id=document_id(SOURCE, payload["connection"], ISSUE, issue["id"]),
        extra=extra,
    )


def _comment(record: RawRecord) -> Document:
    payload = record.payload
    issue, comment = payload["issue"], payload["comment"]
    who = person_name(comment.get("author"))
    visibility = comment.get("visibility") or {}
    return make_document(
        source=SOURCE,
        connection=payload["connection"],
        entity=COMMENT,
        native_id=record.external_id,
        external_id=record.external_id,
        content=markdown_of(payload, _people_of(payload))(comment.get("body")),
        title=one_line(f"{issue.get('key')} comment by {who}"),
        access=payload["access"],
        url=record.url,
        container=container(payload["site"]["url"], issue.get("project") or {}),
        author=author(comment.get("author")),
        created_at=moment(comment.get("created")),
        updated_at=moment(comment.get("updated")),
        parent_id=document_id(SOURCE, payload["connection"], ISSUE, issue["id"]),
        extra={
            "issue": _issue_facts(issue),
            "visibility": "internal" if payload.get("internal") else visibility.get("value"),
            "project": project_facts(issue.get("project") or {}),
        },
    )


def markdown_of(payload: Mapping[str, Any], people: Mapping[str, str]) -> Callable[[Any], str]:
    """What turns the texts of a record into Markdown: ADF on Cloud, wiki markup on Data Center."""
    is_cloud = payload["site"].get("is_cloud", True)

    def convert(value: Any) -> str:
        if isinstance(value, str) and not is_cloud:
            return wiki_to_markdown(value, people)
        return adf_to_markdown(value)

    return convert


def _day_and_time(value: Any) -> str:
    found = iso_moment(value)
    return found[:16].replace("T", " ") if found else ""


def _by_time(name: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda one: iso_moment(one.get(name)) or ""


def _people_of(payload: Mapping[str, Any]) -> dict[str, str]:
    """Names of the people a record tells of, by all their ids: mentions give an id alone."""
    found: dict[str, str] = {}
    waiting: list[Any] = [
        payload.get("comment"),
        *(payload.get("comments") or ()),
        *(payload.get("worklogs") or ()),
        payload["issue"].get("fields"),
    ]
    for one in waiting:
        for person in one.values() if isinstance(one, Mapping) else ():
            if isinstance(person, Mapping) and person.get("displayName"):
                for name in ("accountId", "key", "name"):
                    if person.get(name):
                        found[str(person[name])] = str(person["displayName"])
    return found


def _issue_facts(issue: Mapping[str, Any]) -> dict[str, Any]:
    return {name: issue.get(name) for name in ("id", "key", "summary")}


def _reference(value: Any) -> dict[str, Any] | None:
    """Another issue, as far as it was told."""
    if not isinstance(value, Mapping) or not (value.get("id") or value.get("key")):
        return None
    inside = value.get("fields") or {}
    return {
        "id": str(value["id"]) if value.get("id") else None,
        "key": value.get("key"),
        "summary": inside.get("summary"),
        "type": (inside.get("issuetype") or {}).get("name"),
        "status": (inside.get("status") or {}).get("name"),
    }


def _link(link: Any) -> dict[str, Any] | None:
    if not isinstance(link, Mapping):
        return None
    kind = link.get("type") or {}
    for direction in ("outward", "inward"):
        other = link.get(f"{direction}Issue")
        if isinstance(other, Mapping) and (other.get("key") or other.get("id")):
            return {
                "type": kind.get("name"),
                "direction": direction,
                "relation": kind.get(direction),
                "key": other.get("key"),
                "id": str(other["id"]) if other.get("id") else None,
            }
    return None


def _attachment_facts(attachment: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": str(attachment.get("id")),
        "name": attachment.get("filename"),
        "mimetype": attachment.get("mimeType"),
        "size": attachment.get("size"),
        "author": person_name(attachment.get("author")),
        "created_at": iso_moment(attachment.get("created")),
    }


def _history(entries: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for entry in sorted(entries, key=_by_time("created")):
        at = moment(entry.get("created"))
        for item in entry.get("items") or ():
            yield {
                "at": iso_utc(at) if at else None,
                "author": person_name(entry.get("author")),
                "field": item.get("field"),
                "from": _cut(item.get("fromString") or item.get("from")),
                "to": _cut(item.get("toString") or item.get("to")),
            }


def _cut(value: Any) -> str | None:
    if value is None:
        return None
    text = " ".join(str(value).split())
    return text if len(text) <= _HISTORY_CHARACTERS else f"{text[:_HISTORY_CHARACTERS]}…"
