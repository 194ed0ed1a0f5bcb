"""The command line, `data-getters`.

Exit codes: 0 done, 1 failed, 2 partly failed (some partitions failed, items were set aside or
deletes held back), 64 bad usage. Commands import what they need when they run: `--help` answers at
once.
"""

import os
import sys
from importlib import import_module
from typing import Any, Final

import click

from documents.errors import ConfigurationError, DataGettersError
from flows.terminal import FAILED, USAGE, complain

_COMMANDS: Final = {
    "sync": "Bring a source up to date.",
    "search": "Search everything that was synced.",
    "sources": "List the sources and what they need.",
    "check": "Try a source's credentials, permissions and a sample read.",
    "status": "Show accounts, cursors, counts and the last runs.",
    "reindex": "Build indices and vectors anew.",
    "failures": "List, show and retry items that were set aside.",
}


class _LazyGroup(click.Group):
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


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 failed, 2 partly failed, 64 bad usage.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show log lines and tracebacks.")
@click.version_option(package_name="prefect-data-getters")
@click.pass_context
def cli(ctx: click.Context, verbose: bool) -> None:
    """Keep a company's knowledge in sync with a document index and a vector store."""
    ctx.obj = {"verbose": verbose}


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits with its code."""
    try:
        code = cli.main(args=arguments, prog_name="data-getters", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        code = USAGE
    except click.exceptions.Exit as leave:
        code = leave.exit_code
    except click.Abort:
        complain("Stopped. What was committed stays; run again to go on.")
        code = 130
    except ConfigurationError as error:
        complain(error.sentence())
        code = USAGE
    except DataGettersError as error:
        complain(error.sentence())
        code = FAILED
    except BrokenPipeError:
        # The reader of our output has seen enough; Python must not complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(_code(code))


def _code(code: Any) -> int:
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    main()
