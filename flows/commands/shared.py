"""What the commands' own definitions share: options, nearest names, sections of help."""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import click

_F = TypeVar("_F", bound=Callable[..., Any])

CREDENTIALS_HELP: Final = (
    "Name of a credentials block saved in Prefect. Without it the secrets come from the "
    "environment; `data-getters sources` names the variables."
)


@dataclass
class Invocation:
    """How the command line was called, as far as every command and every error needs it.

    Attributes:
        verbose: Whether log lines and tracebacks are wanted.
        as_json: Whether standard output is to hold JSON and nothing else.
    """

    verbose: bool = False
    as_json: bool = False


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that a person most likely meant."""
    found = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.6)
    return found[0] if found else None


class Group(click.Group):
    """A group that answers an unknown command with the nearest one."""

    noun = "command"

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the command that the first argument names."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            raise click.UsageError(unknown(self.noun, name, self.list_commands(ctx)), ctx)
        return super().resolve_command(ctx, args)


def unknown(noun: str, name: str, known: Sequence[str]) -> str:
    """The sentence for a name that nothing has."""
    near = nearest(name, known)
    advice = f"Did you mean {near!r}?" if near else f"Known are: {', '.join(known)}."
    return f"There is no {noun} {name!r}. {advice}"


class SectionedCommand(click.Command):
    """A command whose help shows its options in sections.

    Args:
        sections: Options by the heading they stand under.
        settings: What `click.Command` takes.
    """

    def __init__(
        self, name: str, sections: Mapping[str, Sequence[click.Option]], **settings: Any
    ) -> None:
        params = [option for options in sections.values() for option in options]
        super().__init__(name, params=list(params), **settings)
        self._sections = sections

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes a definition list for each section."""
        for title, options in self._sections.items():
            shown = [*options]
            if options is [*self._sections.values()][-1] and (help_ := self.get_help_option(ctx)):
                shown.append(help_)
            records = [record for option in shown if (record := option.get_help_record(ctx))]
            with formatter.section(title):
                formatter.write_dl(records)


def examples(*lines: str) -> str:
    """An epilog that shows commands as they are typed."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def verbose_parameter() -> click.Option:
    """`-v`, which may stand before or behind the command's name."""
    return click.Option(
        ["-v", "--verbose"],
        is_flag=True,
        expose_value=False,
        callback=_set_verbose,
        help="Show log lines, and tracebacks of errors.",
    )


def _set_verbose(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    del parameter
    if value:
        ctx.ensure_object(Invocation).verbose = True


def verbose_option(function: _F) -> _F:
    """Adds `-v`."""
    return click.option(
        "-v", "--verbose", is_flag=True, expose_value=False, callback=_set_verbose,
        help="Show log lines, and tracebacks of errors.",
    )(function)  # fmt: skip


def common_options(function: _F) -> _F:
    """Adds the options that every command has: `--json` and `-v`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")(
        verbose_option(function)
    )


def limit_option(default: int) -> Callable[[_F], _F]:
    """Adds `--limit`."""
    return click.option(
        "--limit",
        type=click.IntRange(1),
        default=default,
        show_default=True,
        metavar="NUMBER",
        help="How many at most.",
    )


def known_source(ctx: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Refuses a source that is neither installed nor synced before; for `--source` and `SOURCE`."""
    del ctx, parameter
    names = value if isinstance(value, tuple) else (value,)
    for name in names:
        if name is not None:
            from exporters.registry import source  # noqa: PLC0415 (pydantic, 0.1 s)

            source(name)
    return value
