"""What the commands share: exit codes, the two consoles, JSON."""

import sys
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.console import Console

DONE: Final = 0
FAILED: Final = 1
PARTLY_FAILED: Final = 2
USAGE: Final = 64

_WIDTH: Final = 120
"""Columns where output goes to a file or a pipe."""


@cache
def output() -> "Console":
    """The console for results (standard output)."""
    from rich.console import Console  # noqa: PLC0415 (not needed by --help)

    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)


@cache
def notes() -> "Console":
    """The console for progress and complaints (standard error)."""
    from rich.console import Console  # noqa: PLC0415 (not needed by --help)

    return Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


def complain(sentence: str) -> None:
    """Tells what went wrong, without a traceback and without secrets."""
    from rich.markup import escape  # noqa: PLC0415 (not needed by --help)

    from exporters.redaction import redactor  # noqa: PLC0415 (not needed by --help)

    notes().print(f"[bold red]Error:[/] {escape(redactor.text(sentence))}")


def print_json(value: Any) -> None:
    """Prints one JSON document to standard output, for scripts."""
    import orjson  # noqa: PLC0415 (not needed by --help)

    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")
