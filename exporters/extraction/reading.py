"""What every reader is given, and what they share. Runs in the reading process only."""

import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from exporters.extraction.archives import ArchiveLimits
from exporters.extraction.errors import UnreadableError, library_missing, library_unusable


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a reader knows besides the bytes.

    Attributes:
        name: The file's name, where the source tells one.
        media_type: Its media type, likewise.
        max_characters: How much text is kept; a reader may stop after somewhat more.
        archive: What a ZIP may unpack to.
        depth: How many levels of attachments are still read.
    """

    name: str | None
    media_type: str | None
    max_characters: int
    archive: ArchiveLimits
    depth: int

    def inside(self, name: str | None, media_type: str | None) -> "Circumstances":
        """Those of a file inside this one."""
        return replace(self, name=name, media_type=media_type, depth=self.depth - 1)


Reader = Callable[[bytes, Circumstances], str]
"""Takes a file and its circumstances and gives Markdown; for what has no text it raises
`UnreadableError`. Any other exception means that the file is damaged."""


def join_until(parts: Iterable[str], max_characters: int) -> str:
    """Joins parts by blank lines and stops asking for more when there is more than enough."""
    kept: list[str] = []
    size = 0
    for part in parts:
        if part.strip():
            kept.append(part)
            size += len(part) + 2
        if size > max_characters:
            break
    return "\n\n".join(kept)


def table(rows: Iterable[Sequence[str]], max_characters: int) -> str:
    """Rows as a Markdown table whose first row is its head; empty for no row."""
    lines: list[str] = []
    size = 0
    width = 0
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        cells = [" ".join(cell.split()).replace("|", "\\|") for cell in row]
        width = width or len(cells)
        cells += [""] * (width - len(cells))
        lines.append(f"| {' | '.join(cells)} |")
        if len(lines) == 1:
            lines.append(f"|{' --- |' * width}")
        size += len(lines[-1])
        if size > max_characters:
            break
    return "\n".join(lines)


def library(module: str, title: str) -> Any:
    """Imports a library of the extra `attachments`.

    Raises:
        UnreadableError: It is not installed, or cannot be loaded here.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or module).partition(".")[0]
        raise UnreadableError(library_missing(title, missing)) from None
    except ImportError as error:
        raise UnreadableError(library_unusable(module, str(error))) from None
