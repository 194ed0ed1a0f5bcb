"""What a Jira site is made of.

Times are seconds since the epoch. Rich text (descriptions, comments, worklogs) is kept as a
document in the Atlassian Document Format; Data Center's wiki markup and rendered HTML are made from
it.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

Adf = dict[str, Any]
Flavour = Literal["cloud", "datacenter"]
SprintState = Literal["closed", "active", "future"]
TokenKind = Literal["api_token", "scoped", "oauth", "personal"]
ProjectType = Literal["software", "service_desk", "business"]


@dataclass(slots=True)
class Person:
    """An account.

    Attributes:
        account_id: Cloud's id; stays when everything else changes.
        name: Data Center's user name; Cloud does not show it.
        display_name: As others see it.
        email: Address.
        email_visible: Whether others are told the address (a person's own privacy setting).
        active: False once deactivated.
        account_type: ``atlassian``, ``app`` or ``customer`` (of the service desk's portal).
        tz: IANA name of the time zone in the profile, in which JQL reads this person's dates.
    """

    account_id: str
    name: str
    display_name: str
    email: str
    email_visible: bool = True
    active: bool = True
    account_type: str = "atlassian"
    tz: str = "Europe/Lisbon"


@dataclass(slots=True)
class Group:
    """A group of accounts; Cloud knows it by id, Data Center by name."""

    id: str
    name: str
    members: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who is granted something.

    Attributes:
        type: ``anyone``, ``applicationRole``, ``group``, ``projectRole``, ``projectLead``,
            ``user``, ``reporter``, ``assignee``, ``userCustomField``, ``groupCustomField`` or
            ``sd.customer.portal.only``.
        parameter: Group id, role id, account id, field id, or the key of an application (empty:
            of any).
    """

    type: str
    parameter: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """A line of a permission scheme."""

    id: int
    permission: str
    holder: Holder


@dataclass(slots=True)
class PermissionScheme:
    """Permissions that projects share."""

    id: int
    name: str
    description: str = ""
    grants: list[Grant] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LevelMember:
    """Somebody who sees the issues of a security level."""

    id: int
    holder: Holder


@dataclass(slots=True)
class SecurityLevel:
    """A level of a security scheme; issues that carry it are seen by its members only."""

    id: int
    name: str
    description: str = ""
    members: list[LevelMember] = field(default_factory=list)


@dataclass(slots=True)
class SecurityScheme:
    """Security levels that projects share."""

    id: int
    name: str
    levels: dict[int, SecurityLevel] = field(default_factory=dict)
    default_level: int | None = None


@dataclass(frozen=True, slots=True)
class Role:
    """A project role; each project names its own actors."""

    id: int
    name: str
    description: str


@dataclass(slots=True)
class Actors:
    """Who plays a role in a project: account ids and group ids, each with the actor's own id."""

    people: dict[str, int] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StatusCategory:
    """The three columns every status belongs to."""

    id: int
    key: str
    name: str
    color: str


@dataclass(frozen=True, slots=True)
class Status:
    """A step of a workflow."""

    id: str
    name: str
    category: StatusCategory
    description: str = ""


@dataclass(frozen=True, slots=True)
class IssueType:
    """A kind of issue; ``level`` is 1 for epics, 0, or -1 for sub-tasks."""

    id: str
    name: str
    description: str
    level: int = 0


@dataclass(frozen=True, slots=True)
class NamedValue:
    """A priority or resolution."""

    id: str
    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class LinkType:
    """A way two issues hang together."""

    id: str
    name: str
    inward: str
    outward: str


@dataclass(frozen=True, slots=True)
class Field:
    """A field.

    Attributes:
        id: ``summary`` or ``customfield_10016``.
        name: As people see it.
        schema: Jira's own description of the values; empty for fields that are no values.
        clauses: Names in JQL.
        navigable: Whether it can be a column in a list of issues (``*navigable``).
        rich: Whether the value is rich text.
        orderable: Whether it can be put on a screen.
    """

    id: str
    name: str
    schema: dict[str, Any]
    clauses: tuple[str, ...] = ()
    navigable: bool = True
    rich: bool = False
    orderable: bool = True

    @property
    def custom(self) -> bool:
        """Whether an administrator made it."""
        return self.id.startswith("customfield_")


@dataclass(slots=True)
class Version:
    """A release of a project."""

    id: str
    project: int
    name: str
    description: str = ""
    released: bool = False
    archived: bool = False
    start_date: str = ""
    release_date: str = ""


@dataclass(slots=True)
class Component:
    """A part of what a project makes."""

    id: str
    project: int
    name: str
    description: str = ""
    lead: str = ""


@dataclass(slots=True)
class Project:
    """A project.

    Attributes:
        roles: Actors by role id.
        next_number: Number of the next issue.
        old_keys: Keys it had before.
    """

    id: int
    key: str
    name: str
    lead: str
    scheme: int
    type: ProjectType = "software"
    description: str = ""
    security_scheme: int | None = None
    category: str = ""
    roles: dict[int, Actors] = field(default_factory=dict)
    archived_at: float | None = None
    next_number: int = 1
    old_keys: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Visibility:
    """Whom a comment or worklog is kept to: a group (by id) or a project role (by id)."""

    type: Literal["group", "role"]
    id: str


@dataclass(slots=True)
class Comment:
    """A comment; ``public`` is False for a service desk's internal notes."""

    id: int
    author: str
    body: Adf
    created: float
    updated: float
    update_author: str
    visibility: Visibility | None = None
    public: bool = True


@dataclass(slots=True)
class Worklog:
    """Time somebody spent on an issue."""

    id: int
    issue: int
    author: str
    comment: Adf | None
    started: float
    seconds: int
    created: float
    updated: float
    visibility: Visibility | None = None


@dataclass(slots=True)
class Attachment:
    """A file on an issue; ``media_id`` is what media nodes name it by."""

    id: int
    issue: int
    filename: str
    mime_type: str
    content: bytes
    author: str
    created: float
    media_id: str


@dataclass(slots=True)
class Link:
    """A link between two issues: ``source`` blocks ``target``."""

    id: int
    type: LinkType
    source: int
    target: int


@dataclass(slots=True)
class RemoteLink:
    """A link from an issue to somewhere else."""

    id: int
    url: str
    title: str
    summary: str = ""
    global_id: str = ""
    relationship: str = ""
    application: tuple[str, str] = ("", "")
    resolved: bool | None = None


@dataclass(frozen=True, slots=True)
class ChangeItem:
    """One field of one change."""

    field: str
    field_id: str
    old: str | None
    old_text: str | None
    new: str | None
    new_text: str | None
    custom: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """What somebody changed at once."""

    id: int
    author: str
    created: float
    items: tuple[ChangeItem, ...]


@dataclass(slots=True)
class Issue:
    """An issue.

    Lists and dicts in it are replaced, never changed in place, so that a shallow copy keeps what
    the search index knew at a time.

    Attributes:
        number: The part of the key after the dash.
        values: Custom fields by id, in the form :mod:`sandbox.jira.custom_fields` describes.
        past: What the issue was, each with the time until which it was so; the latest comes last.
            Read by the index when it lags behind.
    """

    id: int
    project: int
    number: int
    key: str
    type: IssueType
    summary: str
    status: Status
    priority: NamedValue
    reporter: str
    creator: str
    created: float
    updated: float
    description: Adf | None = None
    environment: Adf | None = None
    assignee: str = ""
    resolution: NamedValue | None = None
    resolved: float | None = None
    status_changed: float = 0.0
    due_date: str = ""
    labels: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    fix_versions: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    parent: int | None = None
    security: int | None = None
    values: dict[str, Any] = field(default_factory=dict)
    comments: list[Comment] = field(default_factory=list)
    worklogs: list[Worklog] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    remote_links: list[RemoteLink] = field(default_factory=list)
    histories: list[History] = field(default_factory=list)
    archived: bool = False
    indexed_from: float = 0.0
    past: "list[tuple[float, Issue]]" = field(default_factory=list)


@dataclass(slots=True)
class Sprint:
    """A sprint; ``state`` is ``closed``, ``active`` or ``future``."""

    id: int
    board: int
    name: str
    state: SprintState
    start: float | None = None
    end: float | None = None
    completed: float | None = None
    goal: str = ""


@dataclass(frozen=True, slots=True)
class Board:
    """A scrum or kanban board of a project."""

    id: int
    name: str
    type: str
    project: int


@dataclass(slots=True)
class Token:
    """A credential.

    Attributes:
        value: What is sent.
        person: Account id of who it speaks for.
        kind: ``api_token`` (Basic, on the site and through the gateway), ``scoped`` and ``oauth``
            (through the gateway only), ``personal`` (Data Center's bearer).
        scopes: Classic OAuth scopes of a scoped or OAuth token.
        state: ``active``, ``expired`` or ``revoked``.
    """

    value: str
    person: str
    kind: TokenKind
    scopes: frozenset[str] = frozenset()
    state: str = "active"
