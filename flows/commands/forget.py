"""`data-getters forget SOURCE PARTITION`."""

import sys

import click

from documents.errors import ConfigurationError
from flows.commands.shared import common_options, examples, known_source
from flows.terminal import DONE, counted, notes, output, print_json


@click.command(
    epilog=examples("data-getters forget slack old-project", "data-getters forget slack C024BE91L")
)
@click.argument("source", callback=known_source)
@click.argument("partition")
@click.option("--yes", is_flag=True, help="Do not ask.")
@common_options
def command(source: str, partition: str, yes: bool, as_json: bool) -> int:  # fmt: skip
    """Delete everything that was stored of one PARTITION of a SOURCE.

    For a channel that was deleted, or that the app may not read any more: a sync leaves its
    documents and says so. What landed raw stays. A partition that the source still lists comes back
    with the next sync.
    """
    from tasks.forget import find_partition, forget_partition  # noqa: PLC0415 (stores, 0.5 s)

    found = find_partition(source, partition)
    told = f"{counted(found.state.records or 0, 'record')} of {found.state.name} ({found.title})"
    if not yes:
        if as_json or not sys.stdin.isatty():
            raise ConfigurationError(
                f"{told} would be deleted.", hint="Add --yes: there is nobody to ask here."
            )
        if not click.confirm(f"Delete {told}?", err=True):
            notes().print("Nothing was deleted.")
            return DONE
    with notes().status(f"Deleting {told} …"):
        result = forget_partition(source, found)
    if as_json:
        print_json({"partition": found.state.key, "deleted": result.counts.deleted})
    else:
        output().print(f"{counted(result.counts.deleted, 'document')} deleted.")
    return DONE
