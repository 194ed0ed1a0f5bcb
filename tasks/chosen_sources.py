"""Which sources a run over several of them syncs, and what each is asked for."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from documents.errors import ConfigurationError
from exporters.registry import source, sources
from tasks.options import SyncOptions
from tasks.session import parsed_selection


class SourceSync(BaseModel):
    """A source in a run over several; a name alone is one with all defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field(description="The source's name, as `data-getters sources` lists it.")
    selection: dict[str, Any] = Field(
        default_factory=dict,
        description="Fields of the source's selection; empty means everything.",
    )
    credentials: str | None = Field(
        default=None,
        description="Name of a saved credentials block; empty takes the secrets from the "
        "environment.",
    )
    options: SyncOptions | None = Field(
        default=None, description="How this source is synced; empty means as the run says."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"source": value} if isinstance(value, str) else value


def sources_to_sync(wanted: Sequence[SourceSync] | None) -> list[SourceSync]:
    """The sources of a run; every one the environment holds a secret for, if none are named.

    Raises:
        ConfigurationError: A source does not exist, a selection makes no sense, one is named twice
            with the same parameters, or there is nothing to sync.
    """
    if wanted is None:
        found = [SourceSync(source=name) for name, known in sources().items() if known.configured]
        if not found:
            variables = [
                variable
                for known in sources().values()
                for secret in known.credentials.values()
                for variable in secret.environment[:1]
            ]
            raise ConfigurationError(
                "No source has its credentials in the environment, so there is nothing to sync.",
                hint=f"Set those of one at least: {', '.join(variables)}.",
            )
        return found
    if not wanted:
        raise ConfigurationError("No source is named.", hint="Name one, or leave the list out.")
    for number, each in enumerate(wanted):
        parsed_selection(source(each.source), each.selection)
        if each in wanted[:number]:
            raise ConfigurationError(
                f"{each.source} is named twice with the same parameters.",
                hint="Name it once, or give the second account a credentials block of its own.",
            )
    return list(wanted)
