"""Where the folders are, and which of them are asked for."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, field_validator

from documents.principals import normalize_access
from documents.settings import Settings
from exporters.base import Selection


class FolderSettings(Settings):
    """What a person sets once. A source behind HTTP begins with `SourceSettings` instead."""

    name: str = Field(
        default="local",
        pattern=r"^[\w.-]+$",
        description="The collection's name in document ids; keep it when folders move.",
    )
    folders: Mapping[str, Path] = Field(
        examples=[{"handbook": "/srv/handbook"}],
        description="Folders by the name they are known under.",
    )
    readable_by: tuple[str, ...] = Field(
        default=(),
        examples=[["domain:acme.example"]],
        description="Principals that may read the files; empty means nobody.",
    )

    @field_validator("readable_by")
    @classmethod
    def _check_principals(cls, principals: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(normalize_access(principals))


class FolderSelection(Selection):
    """What is asked for in one run: the options of `data-getters sync folder`."""

    folders: list[str] | None = Field(
        default=None, description="Names of folders to sync; none means all."
    )
