"""`data-getters extract SOURCE`."""

import click

from exporters.registry import source, sources
from flows.commands.shared import Group, common_options, known_source
from flows.commands.sync import source_command
from flows.terminal import DONE, output, print_json


class _Sources(Group):
    """One subcommand per source, with the options of its selection."""

    noun = "source"

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return [*sources(), "end"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name == "end":
            return end_command
        return source_command(source(cmd_name), extracts=True) if cmd_name in sources() else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Sources"):
            formatter.write_dl([(name, found.summary) for name, found in sources().items()])
        with formatter.section("Commands"):
            formatter.write_dl([("end", end_command.get_short_help_str(100))])


@click.group(
    cls=_Sources,
    options_metavar="",
    subcommand_metavar="SOURCE [OPTIONS]",
    epilog="`data-getters extract SOURCE --help` lists a source's options.",
)
def command() -> None:
    """Land what moved in a source, and leave the documents to `data-getters transform`.

    The one half of a sync: payloads are validated and landed, and jobs are queued that name them.
    The first extraction of an account goes on where its syncs have come to; from then on `sync`
    refuses the account, because each of the two would move its own cursor on.
    """


@click.command("end", short_help="Give an account back to `data-getters sync`.")
@click.argument("source", callback=known_source)
@click.option("--connection", metavar="ACCOUNT", help="Only this account, by id or title.")
@common_options
def end_command(source: str, connection: str | None, as_json: bool) -> int:
    """Give the accounts of SOURCE back to `data-getters sync`, which goes on where they are.

    Refused while jobs are left: run `data-getters transform` first.
    """
    from tasks.handing_over import end_extraction  # noqa: PLC0415 (stores, 0.5 s)

    ended = end_extraction(source, connection)
    if as_json:
        print_json([{"connection": name, "partitions": number} for name, number in ended.items()])
        return DONE
    for name, number in ended.items():
        output().print(f"{name}: {number:,} partitions go on with `data-getters sync {source}`.")
    if not ended:
        output().print(f"No account of {source} is kept up to date by extractions.")
    return DONE
