"""Names in the raw landing: `source=.../entity=.../date=YYYY-MM-DD/<file>.parquet#<row>`."""

import re
from collections.abc import Callable
from datetime import date
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

SUFFIX: Final = ".parquet"
MERGED: Final = "merged-"
"""What the names of files begin with that a compaction made."""

_REF: Final = re.compile(r"(source=[^/#]+/entity=[^/#]+/date=[^/#]+)/([^/#]+)#(\d+)")


class Folder(NamedTuple):
    """A folder of the landing."""

    source: str
    entity: str
    day: date

    @property
    def path(self) -> str:
        """Within the landing."""
        return f"source={_quoted(self.source)}/entity={_quoted(self.entity)}/date={self.day}"

    @classmethod
    def of_path(cls, path: str) -> "Folder":
        """Reads a path back.

        Raises:
            ValueError: It is none of a folder of the landing.
        """
        values = [part.partition("=")[2] for part in path.split("/")]
        if len(values) != len(cls._fields):
            raise ValueError(f"not a folder of the raw landing: {path!r}")
        return cls(unquote(values[0]), unquote(values[1]), date.fromisoformat(values[2]))


class Ref(NamedTuple):
    """A reference to a row: the file it was landed in, and its number there."""

    folder: str
    name: str
    row: int

    @property
    def path(self) -> str:
        """The file."""
        return f"{self.folder}/{self.name}"

    @property
    def day(self) -> date:
        """The day on which it landed."""
        return date.fromisoformat(self.folder.rpartition("=")[2])

    @classmethod
    def parse(cls, text: str) -> "Ref":
        """Takes a reference apart.

        Raises:
            ValueError: It is none.
        """
        match = _REF.fullmatch(text)
        if match is None:
            raise ValueError(f"not a reference into the raw landing: {text!r}")
        return cls(match[1], match[2], int(match[3]))


def folders(
    list_folder: Callable[[str], list[str]], source: str | None, entity: str | None
) -> list[Folder]:
    """The folders of a landing that hold a source and an entity, oldest day last.

    Args:
        list_folder: Names the folders in a folder.
        source: Only this source.
        entity: Only this entity.
    """
    found = []
    for source_folder in _matching(list_folder(""), "source", source):
        for entity_folder in _matching(list_folder(source_folder), "entity", entity):
            path = f"{source_folder}/{entity_folder}"
            for day_folder in _matching(list_folder(path), "date", None):
                found.append(Folder.of_path(f"{path}/{day_folder}"))
    return found


def _matching(names: list[str], key: str, value: str | None) -> list[str]:
    if value is not None:
        return [name for name in names if name == f"{key}={_quoted(value)}"]
    return [name for name in names if name.startswith(f"{key}=")]


def _quoted(text: str) -> str:
    return quote(text, safe="")
