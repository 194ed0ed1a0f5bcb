"""Limits of the exporters in one typed place: timeouts, page sizes, retries, rate limits.

A source adds its own subclass of `SourceSettings` in its own folder. Where a value comes from, and
what is said of a wrong one: see `documents.settings`; the section is named as the source.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from documents.settings import (
    Bytes,
    Seconds,
    SettingDescription,
    Settings,
    Unit,
    describe_settings,
    merged,
    variable_name,
)
from documents.settings import load_settings as load_section
from exporters.redaction import redactor

__all__ = [
    "WHOLE_CREDENTIAL",
    "Bytes",
    "RateLimit",
    "Seconds",
    "SettingDescription",
    "SourceSettings",
    "Unit",
    "describe_settings",
    "load_settings",
    "variable_name",
]

WHOLE_CREDENTIAL: Final = "*"
"""The scope of a rate limit that counts every call of a credential."""


class RateLimit(BaseModel):
    """How often a credential may call: `burst` calls at once, refilled at `per_minute`.

    `per_minute = 20, burst = 5` allows five calls at once and then one every three seconds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    per_minute: float = Field(gt=0, le=1e6, description="Calls (or quota units) per minute.")
    burst: int = Field(default=1, ge=1, description="Calls (or quota units) that may come at once.")


class SourceSettings(Settings):
    """Settings that every source has. Immutable; made by `load_settings`."""

    base_url: str = Field(
        description="Where the vendor's API answers; another value for a proxy or the sandbox."
    )
    connect_timeout: Seconds = Field(default=10, description="Longest wait for a connection.")
    read_timeout: Seconds = Field(
        default=60, description="Longest silence of the service while it answers."
    )
    answer_timeout: Seconds = Field(
        default=300, description="Longest time for one answer as a whole."
    )
    download_timeout: Seconds = Field(
        default=1800, description="Longest time for one download as a whole."
    )
    page_size: Annotated[int, Field(ge=1), Unit("items")] = Field(
        default=100, description="Items asked for in one page of a listing."
    )
    max_attempts: Annotated[int, Field(ge=1, le=100), Unit("calls")] = Field(
        default=6, description="Calls made for one request before its error is passed on."
    )
    backoff_base: Seconds = Field(
        default=1,
        description="Upper bound of the random wait before the second call; doubles each time.",
    )
    backoff_cap: Seconds = Field(
        default=60, description="Upper bound of the random wait before any further call."
    )
    unspecified_wait: Seconds = Field(
        default=5,
        description="Wait after a rate limit that names no time; doubles each time.",
    )
    longest_wait: Seconds = Field(
        default=120,
        description=(
            "A service that asks for a longer wait than this fails the partition, "
            "which is then retried by its task."
        ),
    )
    breaker_threshold: Annotated[int, Field(ge=1), Unit("failures")] = Field(
        default=10,
        description="Failures of the service in a row after which it is left alone for a while.",
    )
    breaker_pause: Seconds = Field(
        default=30, description="How long a failing service is left alone."
    )
    rate_limits: Mapping[str, RateLimit] = Field(
        default_factory=dict,
        examples=[{"conversations.history": {"per_minute": 20}}],
        description=(
            "Calls per minute and burst by scope (a method or a tier; `*` counts every call). "
            "What is given here changes single numbers of the source's own limits."
        ),
    )
    max_json_bytes: Bytes = Field(
        default=64 * 1024 * 1024, description="Largest answer that is read into memory."
    )
    use_environment_proxy: bool = Field(
        default=True,
        description="Whether HTTPS_PROXY, HTTP_PROXY and NO_PROXY of the environment are followed.",
    )

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("an address that begins with https:// or http://")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("an address without a user name, a password, `?` and `#`")
        return url

    @field_validator("rate_limits", mode="before")
    @classmethod
    def _keep_other_scopes(cls, given: Any) -> Any:
        """Lets a person change one number without repeating the source's others."""
        default = cls.model_fields["rate_limits"].get_default(call_default_factory=True)
        return merged(default, given) if isinstance(given, Mapping) else given


_S = TypeVar("_S", bound=SourceSettings)


def load_settings(
    cls: type[_S], source: str, *, config_file: Path | None = None, **explicit: Any
) -> _S:
    """Reads a source's settings.

    Args:
        cls: The source's settings class.
        source: The source's name; the section of the file and part of the variables' names.
        config_file: The TOML file, instead of the one found by the usual rules.
        explicit: Values that win over everything else. None counts as not given, so that optional
            flow parameters can be passed on as they are.

    Raises:
        ConfigurationError: A value makes no sense, a key is unknown, or the file cannot be read.
    """
    return load_section(
        cls,
        source,
        explicit,
        config_file=config_file,
        beside_credentials=True,
        shown=redactor.text,
    )
