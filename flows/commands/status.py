"""`data-getters status`."""

from typing import TYPE_CHECKING, Any, Final

import click

from flows.terminal import DONE, output, print_json

if TYPE_CHECKING:
    from stores.ledger.ledger import Ledger
    from stores.ledger.types import ConnectionState, PartitionState, RunRecord

_STYLES: Final = {
    "completed": "green",
    "partly_failed": "yellow",
    "interrupted": "yellow",
    "running": "blue",
}


@click.command()
@click.argument("source", required=False)
@click.option("--runs", "run_count", type=click.IntRange(1, 1000), default=5, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(source: str | None, run_count: int, as_json: bool) -> int:
    """Show accounts, cursors, counts and the last runs; of one SOURCE, its partitions too."""
    from tasks.stores import open_ledger  # noqa: PLC0415 (stores, 0.5 s)

    ledger = open_ledger()
    try:
        connections = [c for c in ledger.connections() if source in {None, c.source}]
        runs = ledger.runs(run_count, source=source)
        partitions = {
            c.connection: ledger.partitions(c.id) for c in connections if source is not None
        }
    finally:
        ledger.close()
    if as_json:
        print_json(_as_dict(ledger, connections, runs, partitions))
        return DONE
    console = output()
    console.print(f"[dim]Ledger: {ledger.address}[/]")
    if not connections:
        console.print("Nothing was synced yet.")
        return DONE
    console.print(_connections(connections))
    for name, entries in partitions.items():
        console.print(_partitions(name, entries))
    console.print(_runs(runs))
    return DONE


def _connections(connections: "list[ConnectionState]") -> Any:
    from rich.table import Table  # noqa: PLC0415 (only when something is shown)

    table = Table(title="Accounts", title_justify="left", pad_edge=False)
    table.add_column("source")
    table.add_column("account")
    for heading in ("partitions", "records", "set aside", "landed"):
        table.add_column(heading, justify="right")
    table.add_column("last change")
    for state in connections:
        table.add_row(
            state.source,
            f"{state.title} ({state.connection})",
            f"{state.partitions:,}",
            f"{state.records:,}",
            f"[yellow]{state.dead_letters:,}[/]" if state.dead_letters else "0",
            f"{state.raw_rows:,}",
            f"{state.updated_at:%Y-%m-%d %H:%M:%S}" if state.updated_at else "",
        )
    return table


def _partitions(connection: str, partitions: "list[PartitionState]") -> Any:
    from rich.markup import escape  # noqa: PLC0415 (only when something is shown)
    from rich.table import Table  # noqa: PLC0415 (only when something is shown)

    table = Table(title=f"Partitions of {connection}", title_justify="left", pad_edge=False)
    for heading in ("partition", "kind"):
        table.add_column(heading)
    table.add_column("records", justify="right")
    table.add_column("cursor")
    table.add_column("last change")
    for state in partitions:
        table.add_row(
            escape(state.name),
            state.kind,
            f"{state.records or 0:,}",
            escape(_cursor(state)),
            f"{state.updated_at:%Y-%m-%d %H:%M:%S}" if state.updated_at else "",
        )
    return table


def _cursor(state: "PartitionState") -> str:
    """A cursor's plain values; what is nested in it is for the exporter."""
    values = state.cursor or {}
    return ", ".join(f"{k}={v}" for k, v in values.items() if not isinstance(v, (dict, list)))


def _runs(runs: "list[RunRecord]") -> Any:
    from rich.markup import escape  # noqa: PLC0415 (only when something is shown)
    from rich.table import Table  # noqa: PLC0415 (only when something is shown)

    table = Table(title="Last runs", title_justify="left", pad_edge=False)
    for heading in ("began", "source", "state"):
        table.add_column(heading)
    for heading in ("seconds", "new", "changed", "deleted", "failed", "calls"):
        table.add_column(heading, justify="right")
    table.add_column("message")
    for run in runs:
        style = _STYLES.get(run.state.value, "red")
        seconds = (run.ended_at - run.started_at).total_seconds() if run.ended_at else None
        table.add_row(
            f"{run.started_at:%Y-%m-%d %H:%M:%S}",
            run.source,
            f"[{style}]{run.state.value.replace('_', ' ')}[/]",
            "" if seconds is None else f"{seconds:.1f}",
            *(
                str(run.counts.get(name, 0))
                for name in ("new", "changed", "deleted", "failed", "api_calls")
            ),
            escape(run.message),
        )
    return table


def _as_dict(
    ledger: "Ledger",
    connections: "list[ConnectionState]",
    runs: "list[RunRecord]",
    partitions: "dict[str, list[PartitionState]]",
) -> dict[str, Any]:
    from dataclasses import asdict  # noqa: PLC0415 (only for JSON)

    return {
        "ledger": ledger.address,
        "accounts": [asdict(state) for state in connections],
        "partitions": {name: [asdict(p) for p in found] for name, found in partitions.items()},
        "runs": [asdict(run) for run in runs],
    }
