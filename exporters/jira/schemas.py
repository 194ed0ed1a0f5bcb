"""What Jira's payloads must hold."""

from typing import Any, Final

from exporters.jira.payloads import ATTACHMENT, COMMENT, ISSUE
from exporters.schemas import PayloadSchema, Schemas


class Site(PayloadSchema):
    """The Jira it comes from."""

    url: str


class Of(PayloadSchema):
    """What every record of Jira holds."""

    connection: str
    site: Site
    access: list[str]


class Numbered(PayloadSchema):
    """An issue, as far as another record needs it."""

    id: str
    key: str


class Fields(Numbered):
    """An issue with its fields."""

    fields: dict[str, Any]


class Issue(Of):
    """An issue with its comments, work logs and history."""

    issue: Fields
    comments: list[dict[str, Any]]
    worklogs: list[dict[str, Any]]
    history: list[dict[str, Any]]


class Part(PayloadSchema):
    """A comment or an attachment."""

    id: str


class Comment(Of):
    """A comment that not all may read who may read its issue."""

    issue: Numbered
    comment: Part


class Attachment(Of):
    """An attachment with its text."""

    issue: Numbered
    attachment: Part


class Entry(Of):
    """A project, a version, a component, a board, a sprint, a status, a person."""

    item: dict[str, Any]


_CATALOG: Final = ("project", "version", "component", "status", "user", "board", "sprint")

SCHEMAS: Final[Schemas] = {
    ISSUE: Issue,
    COMMENT: Comment,
    ATTACHMENT: Attachment,
    **dict.fromkeys(_CATALOG, Entry),
}
