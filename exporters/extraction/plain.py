"""Plain text and tables as text. Runs in the reading process only."""

import csv
import io
from collections.abc import Iterator
from typing import Final

from exporters.extraction.charsets import decode
from exporters.extraction.kinds import suffix_of
from exporters.extraction.reading import Circumstances, table

_DELIMITERS: Final = ",;\t|"


def read_text(content: bytes, about: Circumstances) -> str:
    """A text in any charset, as it is: code, configuration, JSON, XML."""
    return decode(content, about.media_type, about.max_characters)


def read_csv(content: bytes, about: Circumstances) -> str:
    """A table with commas, semicolons, tabs or bars as a Markdown table; text where it is none."""
    text = decode(content, about.media_type, about.max_characters)
    delimiter = _delimiter(text, about.name)
    if delimiter is None:
        return text
    try:
        rows = list(_rows(text, delimiter, about.max_characters))
    except csv.Error:  # a cell of more than 131,072 characters: a quotation mark that stays open
        return text
    return table(rows, about.max_characters)


def _delimiter(text: str, name: str | None) -> str | None:
    """What parts the cells of the first line; None where there is only one."""
    first = text.lstrip().partition("\n")[0]
    candidates = "\t" if suffix_of(name) == "tsv" else _DELIMITERS
    found = max(candidates, key=first.count)
    return found if found in first else None


def _rows(text: str, delimiter: str, max_characters: int) -> Iterator[list[str]]:
    size = 0
    for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
        yield row
        size += sum(map(len, row))
        if size > max_characters:
            return
