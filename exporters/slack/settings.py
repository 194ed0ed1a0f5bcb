"""Slack's limits, and what of a workspace may be asked for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, field_validator

from exporters.base import Selection
from exporters.settings import Bytes, RateLimit, SourceSettings, Unit
from exporters.slack.zip_file import open_export

Kind = Literal["public", "private", "group_dm", "dm"]
"""Public channel, private channel, direct message of several people, of two."""

KINDS: Final[tuple[Kind, ...]] = ("public", "private", "group_dm", "dm")

TIER_LIMITS: Final[Mapping[str, RateLimit]] = {
    "auth.test": RateLimit(per_minute=200, burst=20),
    "bots.info": RateLimit(per_minute=50, burst=10),
    "conversations.history": RateLimit(per_minute=50, burst=20),
    "conversations.info": RateLimit(per_minute=50, burst=10),
    "conversations.join": RateLimit(per_minute=50, burst=10),
    "conversations.list": RateLimit(per_minute=20, burst=10),
    "conversations.members": RateLimit(per_minute=100, burst=20),
    "conversations.replies": RateLimit(per_minute=50, burst=20),
    "team.info": RateLimit(per_minute=50, burst=10),
    "usergroups.list": RateLimit(per_minute=20, burst=5),
    "users.info": RateLimit(per_minute=100, burst=20),
    "users.list": RateLimit(per_minute=20, burst=10),
}
"""Calls per method, workspace and app, from https://docs.slack.dev/apis/web-api/rate-limits: tier 2
is 20 a minute, tier 3 50, tier 4 100, each with some bursts."""


class SlackSettings(SourceSettings):
    """Limits and habits of the Slack exporter."""

    base_url: str = Field(
        default="https://slack.com/api/",
        description="Slack's Web API; another value for GovSlack, a proxy or the sandbox.",
    )
    page_size: Annotated[int, Field(ge=1, le=999), Unit("messages")] = Field(
        default=999, description="Messages asked for in one page of history or replies."
    )
    list_page_size: Annotated[int, Field(ge=1, le=1000), Unit("items")] = Field(
        default=200, description="People, channels or members asked for in one page."
    )
    rate_limits: Mapping[str, RateLimit] = Field(
        default_factory=lambda: dict(TIER_LIMITS),
        description=(
            "Calls per minute and burst by method. What is given here changes single numbers."
        ),
    )
    lookback_days: Annotated[int, Field(ge=1, le=3650), Unit("days")] = Field(
        default=30,
        description=(
            "How far back each sync lists a channel again, to find edits, deletions, reactions "
            "and replies to older threads. A page holds 999 messages, so this is cheap."
        ),
    )
    lookback_days_limited: Annotated[int, Field(ge=1, le=3650), Unit("days")] = Field(
        default=3,
        description="The same, where Slack allows this app 15 messages a minute only.",
    )
    thread_recheck_hours: tuple[float, ...] = Field(
        default=(1, 24, 168),
        description=(
            "How many hours after its last reply a thread is read again although nothing moved: "
            "Slack does not tell of an edited reply. Each is done once."
        ),
    )
    text_file_bytes: Bytes = Field(
        default=1_000_000, description="Text read of one text file; what is longer is cut."
    )
    unknown_people: Annotated[int, Field(ge=0), Unit("people")] = Field(
        default=500,
        description=(
            "People who are not in the workspace's list (from connected organisations) asked for "
            "one by one, in one run."
        ),
    )


class SlackSelection(Selection):
    """What of a workspace is synced."""

    channels: list[str] | None = Field(
        default=None,
        examples=["general,support"],
        description="Names (with or without #) or ids of channels; none means all that the token "
        "can read.",
    )
    days_ago: int | None = Field(
        default=None,
        ge=0,
        examples=[7],
        description="How many days the first sync of a channel goes back; empty means to its "
        "beginning. For a channel synced before: how far back to list again.",
    )
    limit: int | None = Field(
        default=None,
        ge=1,
        description="About how many messages of a channel's past to load in this run; the next "
        "run goes on from there.",
    )
    kinds: list[Kind] = Field(
        default=list(KINDS),
        min_length=1,
        description="Kinds of conversation: public, private, group_dm, dm.",
    )
    archived: bool = Field(
        default=True, description="Whether archived channels are synced (and marked as such)."
    )
    join_public: bool = Field(
        default=False,
        description="Let the app join public channels it is not a member of. Everybody in them "
        "sees that it joined.",
    )
    export_zip: Path | None = Field(
        default=None,
        examples=["export.zip"],
        description="A workspace export ZIP to read instead of asking Slack.",
    )
    workspace_url: str | None = Field(
        default=None,
        description="With export_zip: the workspace's address (https://acme.slack.com), for "
        "links to messages.",
    )

    @field_validator("channels", mode="before")
    @classmethod
    def _no_empty_list(cls, value: Any) -> Any:
        """A form sends an empty list for an empty field; that means all, not none."""
        return value or None

    @field_validator("export_zip")
    @classmethod
    def _is_export(cls, path: Path | None) -> Path | None:
        """Refuses what cannot be an export before stores or servers are touched.

        Raises:
            ConfigurationError: See `open_export`.
        """
        if path is not None:
            opened, _ = open_export(path)
            opened.close()
        return path

    @field_validator("workspace_url")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value and not value.startswith(("https://", "http://")):
            raise ValueError("an address that begins with https://")
        return value.rstrip("/") if value else None
