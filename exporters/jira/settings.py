"""Jira's limits, where it is, and what of it may be asked for."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from documents.principals import is_principal
from exporters.base import Selection
from exporters.settings import Bytes, RateLimit, SourceSettings, Unit


class JiraSettings(SourceSettings):
    """Where a Jira is, and how it is read."""

    base_url: str = Field(
        examples=["https://acme.atlassian.net"],
        description="The address of the Jira: https://acme.atlassian.net, or of a Data Center with "
        "its context path (https://jira.acme.com/jira).",
    )
    email: str | None = Field(
        default=None,
        examples=["sync@acme.com"],
        description="The address of the account whose API token is used; empty for a service "
        "account's scoped token, OAuth and Data Center.",
    )
    edition: Literal["auto", "cloud", "data_center"] = Field(
        default="auto", description="Which Jira it is; `auto` asks it."
    )
    cloud_id: str | None = Field(
        default=None,
        pattern=r"^[\w-]+$",
        description="The site's id in Atlassian's cloud; empty asks the site for it.",
    )
    gateway_url: str = Field(
        default="https://api.atlassian.com",
        description="Where scoped tokens and OAuth are answered.",
    )
    auth_url: str = Field(
        default="https://auth.atlassian.com",
        description="Where OAuth clients get their access tokens.",
    )
    page_size: Annotated[int, Field(ge=1, le=1000), Unit("items")] = Field(
        default=100, description="Items asked for in one page of a listing with contents."
    )
    id_page_size: Annotated[int, Field(ge=1, le=5000), Unit("issues")] = Field(
        default=5000, description="Issues asked for in one page where only ids are wanted."
    )
    bulk_size: Annotated[int, Field(ge=1, le=100), Unit("issues")] = Field(
        default=100, description="Issues fetched with one call; Jira takes no more than 100."
    )
    rate_limits: Mapping[str, RateLimit] = Field(
        default_factory=lambda: {"*": RateLimit(per_minute=900, burst=50)},
        description="Calls per minute and burst; `*` counts every call. Jira names no fixed limit; "
        "what its answers ask for is obeyed besides.",
    )
    overlap_minutes: Annotated[float, Field(ge=0, le=1440), Unit("minutes")] = Field(
        default=10,
        description="How far each sync looks back before the newest change seen: Jira's search "
        "shows a change some time after it was made.",
    )
    sweep_hours: Annotated[float, Field(ge=0), Unit("hours")] = Field(
        default=24,
        description="How often all ids of a project are listed, to find deleted issues: Jira tells "
        "of no deletion. 0 does so in each sync.",
    )
    catalog_hours: Annotated[float, Field(ge=0), Unit("hours")] = Field(
        default=6,
        description="How often projects, versions, components, boards, sprints and statuses are "
        "read. 0 does so in each sync.",
    )
    boards: bool = Field(default=True, description="Whether boards and sprints are read.")
    history_entries: Annotated[int, Field(ge=0, le=1000), Unit("changes")] = Field(
        default=200, description="Changes of an issue that are kept, the newest."
    )
    text_fields: tuple[str, ...] | None = Field(
        default=None,
        examples=[["Root cause", "customfield_10050"]],
        description="Names or ids of custom fields whose text belongs into the document's text; "
        "empty means those of several lines.",
    )
    attachment_bytes: Bytes = Field(
        default=25_000_000,
        description="Largest attachment whose text is read; a larger one is known by its name.",
    )
    readable_by: tuple[str, ...] = Field(
        default=(),
        examples=[["domain:acme.com"]],
        description="Principals that may read what the account can read, in projects whose "
        "permissions it may not read; empty means nobody.",
    )

    level_readers: Mapping[str, tuple[str, ...]] = Field(
        default_factory=dict,
        examples=[{"Confidential": ["user:ada@acme.com"]}],
        description="Members of security levels by the level's name, as principals, where Jira "
        "does not tell them.",
    )

    @field_validator("gateway_url", "auth_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        return cls._check_base_url(value).rstrip("/")

    @field_validator("readable_by")
    @classmethod
    def _are_principals(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [one for one in value if not is_principal(one)]:
            raise ValueError(f"principals as domain:acme.com or user:ada@acme.com, not {wrong[0]}")
        return value

    @field_validator("level_readers")
    @classmethod
    def _are_lists_of_principals(
        cls, value: Mapping[str, tuple[str, ...]]
    ) -> Mapping[str, tuple[str, ...]]:
        for principals in value.values():
            cls._are_principals(principals)
        return value


class JiraSelection(Selection):
    """What of a Jira is synced."""

    projects: list[str] | None = Field(
        default=None,
        examples=["PAY,WEB"],
        description="Keys, names or ids of projects; none means all that the account can read.",
    )
    status: list[str] | None = Field(
        default=None,
        examples=["In Progress"],
        description="Only issues in these statuses.",
    )
    assignee: str | None = Field(
        default=None,
        examples=["ada@acme.com"],
        description="Only issues of this person: e-mail address, account id or user name; "
        "`unassigned` for those of nobody.",
    )
    days_ago: int | None = Field(
        default=None,
        ge=0,
        examples=[30],
        description="Only issues that changed in the last so many days.",
    )
    attachments: bool = Field(
        default=True, description="Whether attachments are read, for their text."
    )

    @field_validator("projects", "status", mode="before")
    @classmethod
    def _no_empty_list(cls, value: Any) -> Any:
        """A form sends an empty list for an empty field; that means all, not none."""
        return value or None

    @field_validator("assignee", mode="before")
    @classmethod
    def _no_empty_text(cls, value: Any) -> Any:
        return value or None
