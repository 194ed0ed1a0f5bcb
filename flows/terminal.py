"""What the commands share: exit codes, the two consoles, tables, JSON."""

import os
import sys
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

DONE: Final = 0
FAILED: Final = 1
PARTLY_FAILED: Final = 2
USAGE: Final = 64
INTERRUPTED: Final = 130
"""What a shell sees of a program that was stopped with Ctrl-C."""

_WIDTH: Final = 120
"""Columns where output goes to a file or a pipe, unless COLUMNS says otherwise."""

_GAP: Final = 2
"""Blanks between two columns of a table."""

_BROKEN_WIDTH: Final = 20
"""What a column of sentences needs at least."""


@cache
def output() -> "Console":
    """The console for results (standard output)."""
    terminal = sys.stdout.isatty() or "COLUMNS" in os.environ
    return _console(highlight=False, width=None if terminal else _WIDTH)


@cache
def notes() -> "Console":
    """The console for progress and complaints (standard error)."""
    return _console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


def _console(**options: Any) -> "Console":
    from rich.console import Console  # noqa: PLC0415 (not needed by --help)

    class PlainConsole(Console):
        def on_broken_pipe(self) -> None:
            """The reader has seen enough: for the command line to end on, not an error."""
            raise BrokenPipeError

    return PlainConsole(**options)


def complain(sentence: str) -> None:
    """Tells what went wrong, without a traceback and without secrets."""
    from rich.markup import escape  # noqa: PLC0415 (not needed by --help)

    notes().print(f"[bold red]Error:[/] {escape(without_secrets(sentence))}")


def without_secrets(text: str) -> str:
    """A text as it may be shown."""
    from exporters.redaction import redactor  # noqa: PLC0415 (not needed by --help)

    return redactor.text(text)


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    title: str | None = None,
    right: Collection[str] = (),
    whole: Collection[str] = (),
    dispensable: Sequence[str] = (),
    totals: Sequence[str] | None = None,
) -> "Table":
    """A table in the house's style: a rule below the headings and no other lines.

    Args:
        headings: The columns' headings.
        rows: A cell for each heading, as rich's markup.
        title: A line above.
        right: Headings of columns that hold numbers.
        whole: Headings of columns whose cells are not broken into lines.
        dispensable: Headings of columns that a narrow terminal can do without, first to go first.
        totals: A last row, set apart.
    """
    everything = [headings, *rows, *([totals] if totals else [])]
    widths = {
        heading: _width([row[place] for row in everything], whole=heading in {*right, *whole})
        for place, heading in enumerate(headings)
    }
    gone = fitting(widths, dispensable, output().width)
    kept = [place for place, heading in enumerate(headings) if heading not in gone]
    made = _plain_table(title)
    for place in kept:
        heading = headings[place]
        made.add_column(
            heading,
            justify="right" if heading in right else "left",
            no_wrap=heading in right or heading in whole,
            overflow="fold",
        )
    for row in rows:
        made.add_row(*(row[place] for place in kept))
    if totals:
        made.add_section()
        made.add_row(*(totals[place] for place in kept))
    return made


def fitting(widths: Mapping[str, int], dispensable: Sequence[str], width: int) -> set[str]:
    """The columns to leave out so that a table fits.

    Args:
        widths: What each column needs.
        dispensable: The columns that may go, first to go first.
        width: What there is.
    """
    gone: set[str] = set()
    for heading in dispensable:
        kept = [needed for name, needed in widths.items() if name not in gone]
        if sum(kept) + _GAP * (len(kept) - 1) <= width:
            break
        gone.add(heading)
    return gone


def _width(cells: Sequence[str], *, whole: bool) -> int:
    """What a column needs: its longest cell, or some words of it where it may be broken."""
    from rich.text import Text  # noqa: PLC0415 (not needed by --help)

    longest = max(Text.from_markup(cell).cell_len for cell in cells)
    return longest if whole else min(longest, _BROKEN_WIDTH)


def _plain_table(title: str | None) -> "Table":
    from rich import box  # noqa: PLC0415 (not needed by --help)
    from rich.table import Table  # noqa: PLC0415 (not needed by --help)

    return Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
        title=title,
        title_justify="left",
        title_style="bold",
        header_style="dim",
    )


def shortened(text: str, length: int) -> str:
    """A name of at most so many characters."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def number(value: int) -> str:
    """A count for a table; a dot where there is nothing, so that the others stand out."""
    return f"{value:,}" if value else "[dim]·[/]"


def counted(count: int, one: str, many: str | None = None) -> str:
    """A count and its noun: `1 document`, `1,200 documents`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def moment(time: datetime | None) -> str:
    """A time for a table, in UTC, to the minute."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M}" if time else ""


def print_json(value: Any) -> None:
    """Prints one JSON document to standard output, for scripts."""
    import orjson  # noqa: PLC0415 (not needed by --help)

    options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
    sys.stdout.write(orjson.dumps(value, option=options, default=str).decode() + "\n")


def print_error_json(kind: str, message: str, *, hint: str = "", code: int) -> None:
    """Prints why a command ended early as the one JSON document of standard output.

    Args:
        kind: The error's name, for scripts to tell cases apart.
        message: What happened.
        hint: What to do about it.
        code: The exit code.
    """
    print_json(
        {
            "error": {
                "type": kind,
                "message": without_secrets(message),
                "hint": without_secrets(hint),
                "exit_code": code,
            }
        }
    )
