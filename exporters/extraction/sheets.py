"""Spreadsheets: Excel new, binary and old, and OpenDocument. Runs in the reading process only."""

import datetime as dt
import io
from collections.abc import Iterator
from typing import Any, Final

from exporters.extraction.archives import open_archive
from exporters.extraction.errors import ENCRYPTED, UnreadableError, broken
from exporters.extraction.kinds import KINDS
from exporters.extraction.reading import Circumstances, join_until, library, table

_LARGEST_WHOLE: Final = 2**53
"""Up to here a float that is a whole number is exactly that number."""


def read_workbook(content: bytes, about: Circumstances, kind: str) -> str:
    """A workbook: each sheet under its name, as a table whose first row is its head."""
    title = KINDS[kind].title
    calamine = library("python_calamine", title)
    if content.startswith(b"PK"):
        open_archive(content, title, about.archive).close()
    try:
        workbook = calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
        with_cells = [calamine.SheetTypeEnum.WorkSheet, calamine.SheetTypeEnum.MacroSheet]
        names = [sheet.name for sheet in workbook.sheets_metadata if sheet.typ in with_cells]
        sheets = _sheets(workbook, names, about.max_characters)
        return join_until(sheets, about.max_characters)
    except calamine.PasswordError:
        raise UnreadableError(ENCRYPTED) from None
    except (calamine.CalamineError, calamine.WorksheetNotFound) as error:
        raise UnreadableError(broken(title, str(error)[:100])) from None


def _sheets(workbook: Any, names: list[str], max_characters: int) -> Iterator[str]:
    for name in names:
        rows = workbook.get_sheet_by_name(name).iter_rows()
        text = table(([cell_text(value) for value in row] for row in rows), max_characters)
        yield f"## {name}\n\n{text}"


def cell_text(value: object) -> str:
    """A cell as a person reads it: whole numbers without a fraction, days without a time."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return (
            str(int(value)) if value.is_integer() and abs(value) < _LARGEST_WHOLE else repr(value)
        )
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return str(value)
