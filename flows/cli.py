"""The command line, `data-getters`.

Exit codes: 0 done, 1 failed, 2 partly failed (some partitions failed, items were set aside or
deletes held back), 64 bad usage, 130 stopped with Ctrl-C. With `--json` standard output holds one
JSON document whatever happens; errors and progress go to standard error. Commands import what they
need when they run: `--help` answers at once.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

import click

from documents.errors import ConfigurationError, DataGettersError
from flows.commands.shared import Group, Invocation, examples, verbose_parameter
from flows.terminal import (
    FAILED,
    INTERRUPTED,
    USAGE,
    complain,
    notes,
    print_error_json,
    without_secrets,
)

_COMMANDS: Final = {
    "sync": "Bring a source up to date.",
    "search": "Search everything that was synced.",
    "sources": "List the sources, and what each of them needs.",
    "check": "Try a source's credentials, permissions and a sample read.",
    "status": "Show accounts, cursors, counts and the last runs.",
    "failures": "List, show, retry and dismiss items that were set aside.",
    "forget": "Delete everything that was stored of one partition.",
    "extract": "Land what moved in a source; the one half of a sync.",
    "transform": "Make documents of what was extracted; the other half.",
    "jobs": "List, show, retry and discard the jobs of `transform`.",
    "replay": "Make documents again of what landed, without asking the source.",
    "raw": "Verify, prune, compact and list what landed.",
    "reindex": "Build indices and vectors anew.",
    "flags": "Switch syncs off and on, while everything runs.",
    "mcp": "Let agents search what was synced (MCP).",
}

_PROGRAM: Final = "data-getters"


class _InterruptedError(Exception):
    """Ctrl-C, as an exception that click does not print an empty line for."""


class _ReaderGoneError(Exception):
    """Nobody reads our output any more; click would make a failure of it."""


class _Commands(Group):
    """Imports a command's module when it is called, not when it is listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"flows.commands.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            code = super().invoke(ctx)
            sys.stdout.flush()
        except KeyboardInterrupt as error:
            raise _InterruptedError from error
        except BrokenPipeError as error:
            raise _ReaderGoneError from error
        return code


def _print_version(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    del parameter
    if not value:
        return
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 (20 ms)

    try:
        told = version("prefect-data-getters")
    except PackageNotFoundError:
        told = "(a working copy that is not installed)"
    click.echo(f"{_PROGRAM} {told}")
    ctx.exit()


@click.group(
    cls=_Commands,
    params=[
        verbose_parameter(),
        click.Option(
            ["--version"], is_flag=True, is_eager=True, expose_value=False,
            callback=_print_version, help="Show the version and exit.",
        ),
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=examples(
        "data-getters sources                        what there is",
        "data-getters check slack                    try token and scopes",
        "data-getters sync slack --days-ago 7        fetch, embed, store",
        'data-getters search "who is on call?"       ask',
    )
    + "\n\nExit codes: 0 done, 1 failed, 2 partly failed, 64 bad usage, 130 stopped with Ctrl-C.",
)  # fmt: skip
def cli() -> None:
    """Keep a company's knowledge in sync with a document index and a vector store."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits with its code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        # A terminal that knows no "…" must not cost the answer.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(_run(given))


def _run(arguments: list[str]) -> int:  # noqa: PLR0911 (one way out for each way to end)
    call = Invocation(as_json="--json" in arguments)
    try:
        code = cli.main(args=arguments, prog_name=_PROGRAM, standalone_mode=False, obj=call)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return USAGE
    except click.ClickException as error:
        return _told(call, "UsageError", _sentence(error), code=USAGE, error=error)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except _InterruptedError as error:
        return _stopped(call, error)
    except DataGettersError as error:
        code = USAGE if isinstance(error, ConfigurationError) else FAILED
        kind = type(error).__name__
        return _told(call, kind, str(error), hint=error.hint, code=code, error=error)
    except _ReaderGoneError:
        # The reader of our output has seen enough; Python must not complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 (the last place; a person gets a sentence)
        message = f"An error that should not happen: {type(error).__name__}: {error}"
        hint = "" if call.verbose else "Run it again with -v for the traceback, and report it."
        return _told(call, "UnexpectedError", message, hint=hint, code=FAILED, error=error)
    return code if isinstance(code, int) else 0


def _sentence(error: click.ClickException) -> str:
    """A complaint of click, and where to read what is right."""
    message = error.format_message()
    message = message if message.endswith((".", "?")) else f"{message}."
    context = getattr(error, "ctx", None)
    return f"{message} See `{context.command_path} --help`." if context else message


def _told(
    call: Invocation, kind: str, message: str, *, hint: str = "", code: int, error: Exception
) -> int:
    """Says why the command ended early, in a sentence and, if asked for, in JSON."""
    if call.verbose:
        import traceback  # noqa: PLC0415 (not needed by --help)

        text = without_secrets("".join(traceback.format_exception(error)))
        notes().print(text, markup=False, end="")
    message = " ".join(message.split())
    complain(f"{message} {hint}" if hint else message)
    if call.as_json:
        print_error_json(kind, message, hint=hint, code=code)
    return code


def _stopped(call: Invocation, error: Exception) -> int:
    message = "Stopped. What was committed stays; the next run goes on from there."
    _told(call, "Interrupted", message, code=INTERRUPTED, error=error)
    # CPython remembers an interrupt that passed through compiled text (any `exec`, so most imports)
    # and then ends by the signal instead of this exit code. Running any text makes it forget.
    eval("0")  # noqa: S307
    return INTERRUPTED


if __name__ == "__main__":
    main()
