"""`data-getters status`."""

import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from flows.commands.shared import common_options, examples
from flows.terminal import DONE, moment, number, output, print_json, shortened, table

if TYPE_CHECKING:
    from stores.ledger.flags import Flag
    from stores.ledger.types import ConnectionState, PartitionState, RunRecord

_STYLES: Final = {
    "completed": "green",
    "partly_failed": "yellow",
    "interrupted": "yellow",
    "cancelled": "yellow",
    "running": "blue",
}

_EPOCH_SECONDS: Final = re.compile(r"1\d{9}(\.\d+)?")
_BEGINNING: Final = "0001-01-01"


@click.command(epilog=examples("data-getters status", "data-getters status slack --runs 1"))
@click.argument("source", required=False)
@click.option(
    "--runs",
    "run_count",
    type=click.IntRange(1, 1000),
    default=5,
    show_default=True,
    metavar="NUMBER",
    help="How many of the last runs.",
)
@common_options
def command(source: str | None, run_count: int, as_json: bool) -> int:  # fmt: skip
    """Show accounts, counts and the last runs; of one SOURCE, its partitions and cursors too.

    Times are in UTC.
    """
    from tasks.queue_state import QueueState, queue_state  # noqa: PLC0415 (stores, 0.5 s)
    from tasks.stores import existing_ledger  # noqa: PLC0415 (stores, 0.5 s)

    ledger, address = existing_ledger()
    connections: list[ConnectionState] = []
    runs: list[RunRecord] = []
    partitions: dict[str, list[PartitionState]] = {}
    queue: QueueState | None = None
    off: list[Flag] = []
    if ledger is not None:
        with closing(ledger):
            connections = [c for c in ledger.connections() if source in {None, c.source}]
            runs = ledger.runs(run_count, source=source)
            queue = queue_state(ledger, source)
            off = [flag for flag in ledger.flags.all() if _is_off(flag, source)]
            if source is not None:
                partitions = {c.connection: ledger.partitions(c.id) for c in connections}
    if source is not None and not connections:
        from exporters.registry import source as known_source  # noqa: PLC0415 (pydantic, 0.1 s)

        known_source(source)  # a name that nothing has is a slip, not a source without runs
    if as_json:
        print_json(
            {
                "ledger": address,
                "accounts": [asdict(state) for state in connections],
                "partitions": {
                    name: [asdict(p) for p in found] for name, found in partitions.items()
                },
                "runs": [asdict(run) for run in runs],
                "switched_off": [flag.name for flag in off],
                "queue": queue.as_dict() if queue is not None else None,
            }
        )
        return DONE
    console = output()
    if not connections:
        console.print(f"Nothing was synced yet{f' of {source}' if source else ''}.")
        console.print(f"[dim]Ledger: {address}[/]", soft_wrap=True)
        _print_switched_off(off)
        return DONE
    _show(address, connections, partitions, runs)
    if queue is not None and queue.used:
        console.print(f"\nExtraction: {queue.sentence}", soft_wrap=True)
    _print_switched_off(off)
    return DONE


def _is_off(flag: "Flag", source: str | None) -> bool:
    """Whether a flag is off that a source heeds, or any at all."""
    of_what = flag.name.split(".")[1:2]
    return not flag.enabled and (source is None or of_what in ([], [source]))


def _print_switched_off(flags: "list[Flag]") -> None:
    from rich.markup import escape  # noqa: PLC0415 (only when something is shown)

    for flag in flags:
        why = f" ({escape(flag.reason)})" if flag.reason else ""
        output().print(
            f"\n[yellow]Switched off[/] since {moment(flag.changed_at)}: {escape(flag.name)}{why}. "
            f"On again: `data-getters flags on {escape(flag.name)}`.",
            soft_wrap=True,
        )


def _show(
    address: str,
    connections: "list[ConnectionState]",
    partitions: "dict[str, list[PartitionState]]",
    runs: "list[RunRecord]",
) -> None:
    console = output()
    console.print(_connections(connections))
    console.print()
    for name, entries in partitions.items():
        console.print(_partitions(name, entries))
        console.print()
    console.print(_runs(runs))
    _print_messages(runs)
    if any(state.dead_letters for state in connections):
        console.print("\nItems are set aside: see `data-getters failures list`.")
    console.print(f"\n[dim]Ledger: {address}[/]", soft_wrap=True)


def _connections(connections: "list[ConnectionState]") -> Any:
    from rich.markup import escape  # noqa: PLC0415 (only when something is shown)

    numbers = ("partitions", "items", "set aside", "landed")
    rows = [
        [
            state.source,
            escape(_account(state)),
            f"{state.partitions:,}",
            f"{state.records:,}",
            f"[yellow]{state.dead_letters:,}[/]" if state.dead_letters else "0",
            f"{state.raw_rows:,}",
            moment(state.updated_at),
        ]
        for state in connections
    ]
    return table(
        ["source", "account", *numbers, "last change"],
        rows,
        title="Accounts",
        right=numbers,
        whole=("source", "account", "last change"),
        dispensable=("landed", "partitions", "last change"),
    )


def _account(state: "ConnectionState") -> str:
    if state.connection == state.title:
        return state.title
    return f"{state.title} ({state.connection})"


def _partitions(connection: str, partitions: "list[PartitionState]") -> Any:
    from rich.markup import escape  # noqa: PLC0415 (only when something is shown)

    rows = [
        [
            escape(shortened(state.name, 40)),
            state.kind,
            number(state.records or 0),
            escape(readable_cursor(state.cursor or {})),
            moment(state.updated_at),
        ]
        for state in partitions
    ]
    return table(
        ["partition", "kind", "items", "cursor", "last change"],
        rows,
        title=f"Partitions of {escape(connection)}",
        right=("items",),
        whole=("partition", "kind", "last change"),
        dispensable=("last change", "kind"),
    )


def readable_cursor(cursor: Mapping[str, Any]) -> str:
    """A cursor's plain values as a person reads them; `--json` has them all as they are.

    Seconds since 1970 become a time, in UTC. What is nested is for the exporter, and values that
    say that nothing is there yet or that the beginning is meant are left out or named.
    """
    told = []
    for name, value in cursor.items():
        if isinstance(value, (dict, list)) or value in {None, "", "0"} or name == "target":
            continue
        text = str(value)
        if _EPOCH_SECONDS.fullmatch(text):
            text = f"{datetime.fromtimestamp(float(text), UTC):%Y-%m-%d %H:%M}"
        told.append(f"{name} {'the beginning' if text == _BEGINNING else text}")
    return ", ".join(told)


def _runs(runs: "list[RunRecord]") -> Any:
    numbers = ("seconds", "new", "changed", "deleted", "set aside", "calls")
    counts = ("new", "changed", "deleted", "failed", "api_calls")
    rows = []
    for run in runs:
        style = _STYLES.get(run.state.value, "red")
        seconds = (run.ended_at - run.started_at).total_seconds() if run.ended_at else None
        rows.append(
            [
                f"{run.started_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
                run.source,
                f"[{style}]{run.state.value.replace('_', ' ')}[/]",
                "" if seconds is None else f"{seconds:.1f}",
                *(number(run.counts.get(name, 0)) for name in counts),
            ]
        )
    return table(
        ["began", "source", "state", *numbers],
        rows,
        title="Last runs",
        right=numbers,
        whole=("began", "source", "state"),
        dispensable=("calls", "seconds", "source", "deleted", "changed"),
    )


def _print_messages(runs: "list[RunRecord]") -> None:
    """Why runs did not go through; those that did have said all with their counts."""
    from rich.markup import escape  # noqa: PLC0415 (only when something is shown)

    told = [run for run in runs if run.message and run.state.value != "completed"]
    if told:
        output().print()
    for run in told:
        style = _STYLES.get(run.state.value, "red")
        began = f"{run.started_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        output().print(
            f"{began} [{style}]{run.state.value.replace('_', ' ')}[/]: {escape(run.message)}"
        )
