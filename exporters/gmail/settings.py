"""Gmail's limits, and what of it may be asked for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, field_validator, model_validator

from documents.errors import ConfigurationError
from exporters.base import Selection
from exporters.settings import (
    WHOLE_CREDENTIAL,
    Bytes,
    RateLimit,
    SourceSettings,
    Unit,
)

PER_MAILBOX: Final = "mailbox"
"""The rate limit of one mailbox, in quota units; every mailbox has its own allowance."""

QUOTAS: Final[Mapping[str, RateLimit]] = {
    # Together at most 6,000 in any minute: a burst, and what is refilled meanwhile.
    PER_MAILBOX: RateLimit(per_minute=5_000, burst=1_000),
    WHOLE_CREDENTIAL: RateLimit(per_minute=1_000_000, burst=100_000),
}
"""Quota units of projects made since May 2026: 6,000 per minute and user, 1,200,000 per project
(https://developers.google.com/workspace/gmail/api/reference/quota). Older projects have 15,000 per
user."""

COSTS: Final[Mapping[str, int]] = {
    "messages.list": 5,
    "messages.get": 20,
    "attachments.get": 5,
    "history.list": 2,
    "labels.list": 1,
    "getProfile": 1,
    "delegates.list": 1,
}
"""Quota units a call, of the same page."""


class GmailSettings(SourceSettings):
    """Limits and habits of the Gmail exporter."""

    base_url: str = Field(
        default="https://gmail.googleapis.com/",
        description="Where Gmail's API answers; another value for a proxy or the sandbox.",
    )
    directory_url: str = Field(
        default="https://admin.googleapis.com/",
        description="Where the Admin SDK's directory answers.",
    )
    page_size: Annotated[int, Field(ge=1, le=500), Unit("mails")] = Field(
        default=500, description="Mails, or changes, asked for in one page of a listing."
    )
    batch_size: Annotated[int, Field(ge=1, le=100), Unit("mails")] = Field(
        default=50,
        description="Mails fetched by one call. Google allows 100 and throttles above 50.",
    )
    rate_limits: Mapping[str, RateLimit] = Field(
        default_factory=lambda: dict(QUOTAS),
        description=(
            "Quota units per minute and burst: `mailbox` for each mailbox, `*` for the whole "
            "project. What is given here changes single numbers."
        ),
    )
    costs: Mapping[str, Annotated[int, Field(ge=0)]] = Field(
        default_factory=lambda: dict(COSTS),
        description="Quota units by method. What is given here changes single numbers.",
    )
    attachment_bytes: Bytes = Field(
        default=25 * 1024 * 1024,
        description="Largest attachment that is fetched to read its text; a larger one is named.",
    )
    delegates: bool = Field(
        default=False,
        description=(
            "Whether the delegates of a mailbox may find its mails. Needs a service account."
        ),
    )

    @field_validator("costs", mode="before")
    @classmethod
    def _keep_other_costs(cls, given: Any) -> Any:
        return {**COSTS, **given} if isinstance(given, Mapping) else given


class GmailSelection(Selection):
    """What of Gmail is synced."""

    mailboxes: list[str] | None = Field(
        default=None,
        examples=["ada@acme.example"],
        description="Addresses of the mailboxes; none means those of all people of the domain, or "
        "the one that the OAuth credentials open.",
    )
    days_ago: int | None = Field(
        default=None,
        ge=0,
        le=36_500,
        examples=[7],
        description="How many days the first sync of a mailbox goes back; empty means to its "
        "beginning. Later syncs bring what changed since, and go further back if asked to.",
    )
    query: str | None = Field(
        default=None,
        examples=["label:important"],
        description="Only mails that this Gmail search finds, with what was synced before left as "
        "it is. Such a run looks once and keeps no mark to go on from.",
    )
    max_results: int | None = Field(
        default=None,
        ge=1,
        description="At most so many mails of each mailbox, the newest. Such a run keeps no mark "
        "to go on from.",
    )
    include_spam_trash: bool = Field(
        default=False, description="Whether spam and trash are synced too."
    )
    mbox: Path | None = Field(
        default=None,
        examples=["mail.mbox"],
        description="An mbox file (Google Takeout, Vault) to read instead of asking Gmail.",
    )
    mbox_account: str | None = Field(
        default=None,
        examples=["C01abc23d"],
        description="With mbox: the connection its documents belong to, the Workspace's customer "
        "id; empty means the mailbox's address.",
    )

    @field_validator("mailboxes", mode="before")
    @classmethod
    def _no_empty_list(cls, value: Any) -> Any:
        """A form sends an empty list for an empty field; that means all, not none."""
        return value or None

    @field_validator("mailboxes")
    @classmethod
    def _addresses(cls, value: list[str] | None) -> list[str] | None:
        if value is None:
            return None
        addresses = [address.strip().lower() for address in value]
        for address in addresses:
            if address.count("@") != 1 or not all(address.split("@")) or " " in address:
                raise ValueError("addresses such as ada@acme.example")
        return list(dict.fromkeys(addresses))

    @field_validator("query")
    @classmethod
    def _not_blank(cls, value: str | None) -> str | None:
        return value.strip() or None if value else None

    @field_validator("mbox")
    @classmethod
    def _is_file(cls, path: Path | None) -> Path | None:
        """Refuses what cannot be an mbox before stores or servers are touched.

        Raises:
            ConfigurationError: There is no such file, or it is no mbox.
        """
        if path is not None:
            check_mbox(path)
        return path

    @field_validator("mbox_account")
    @classmethod
    def _fits_an_id(cls, value: str | None) -> str | None:
        if value and (":" in value or any(map(str.isspace, value))):
            raise ValueError("a customer id, without colons and spaces")
        return value or None

    @model_validator(mode="after")
    def _one_mailbox_of_an_mbox(self) -> "GmailSelection":
        if self.mbox is None:
            return self
        if not self.mailboxes or len(self.mailboxes) != 1:
            raise ConfigurationError(
                "With mbox, the one mailbox that the file was made of is needed.",
                hint="Give its address with --mailboxes: its owner is who may find the mails.",
            )
        if self.query or self.include_spam_trash:
            raise ConfigurationError(
                "query and include_spam_trash are for Gmail itself, not for an mbox file."
            )
        return self


def check_mbox(path: Path) -> None:
    """Looks at a file's first bytes.

    Raises:
        ConfigurationError: It cannot be read, is empty, or does not begin as an mbox does.
    """
    from exporters.gmail.mbox import open_mbox  # noqa: PLC0415 (settings are read without it)

    open_mbox(path).close()
