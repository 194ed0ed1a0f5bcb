"""Plain text and tables as text. Runs in the reading process only."""

import csv
import io
from collections.abc import Iterator

from exporters.extraction.charsets import decode
from exporters.extraction.kinds import suffix_of
from exporters.extraction.reading import Circumstances, table

_SNIFFED = 16 * 1024
_MOST_COLUMNS = 1_000


def read_text(content: bytes, about: Circumstances) -> str:
    """A text in any charset, as it is: code, configuration, JSON, XML."""
    return decode(content, about.media_type, about.max_characters)


def read_csv(content: bytes, about: Circumstances) -> str:
    """A table with commas, semicolons, tabs or bars as a Markdown table; text where it is none."""
    text = decode(content, about.media_type, about.max_characters)
    try:
        dialect = _dialect(text[:_SNIFFED], about.name)
        rows = list(_rows(text, dialect, about.max_characters))
    except csv.Error:
        return text
    widths = {len(row) for row in rows if row}
    if not widths or max(widths) < 2 or max(widths) > _MOST_COLUMNS:
        return text
    return table(rows, about.max_characters)


def _dialect(sample: str, name: str | None) -> type[csv.Dialect]:
    if suffix_of(name) == "tsv":
        return csv.excel_tab
    try:
        return csv.Sniffer().sniff(sample, delimiters=",;\t|")
    except csv.Error:
        return csv.excel


def _rows(text: str, dialect: type[csv.Dialect], max_characters: int) -> Iterator[list[str]]:
    size = 0
    for row in csv.reader(io.StringIO(text, newline=""), dialect):
        yield row
        size += sum(map(len, row))
        if size > max_characters:
            return
