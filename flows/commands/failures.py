"""`data-getters failures`."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from documents.errors import ConfigurationError
from flows.terminal import DONE, FAILED, PARTLY_FAILED, notes, output, print_json

if TYPE_CHECKING:
    from stores.ledger.types import DeadLetter


@click.group()
def command() -> None:
    """List, show and retry items that were set aside.

    An item that fails costs its own document and nothing else. It stays here until it goes through,
    in a later sync or by a retry.
    """


@command.command("list")
@click.option("--source", help="Only of this source.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def list_command(source: str | None, limit: int, as_json: bool) -> int:
    """List the items that are set aside, those that failed last first."""
    letters, total = _letters(source, limit)
    if as_json:
        print_json([asdict(letter) for letter in letters])
        return DONE
    if not letters:
        output().print("Nothing is set aside.")
        return DONE
    from rich.markup import escape  # noqa: PLC0415 (only when something is shown)
    from rich.table import Table  # noqa: PLC0415 (only when something is shown)

    table = Table(pad_edge=False)
    table.add_column("number", justify="right")
    for heading in ("source", "item"):
        table.add_column(heading, overflow="fold")
    table.add_column("tried", justify="right")
    for heading in ("last", "reason"):
        table.add_column(heading)
    for letter in letters:
        table.add_row(
            str(letter.id),
            letter.source,
            escape(letter.key or f"in {letter.partition}"),
            str(letter.attempts),
            f"{letter.last_seen:%Y-%m-%d %H:%M}" if letter.last_seen else "",
            escape(letter.message),
        )
    output().print(table)
    if total > len(letters):
        output().print(f"and {total - len(letters)} more (--limit)")
    return DONE


@command.command("show")
@click.argument("number", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def show_command(number: int, as_json: bool) -> int:
    """Show everything that is known of one item, with its payload if it landed."""
    from tasks.stores import open_ledger, open_raw  # noqa: PLC0415 (stores, 0.5 s)

    ledger = open_ledger()
    try:
        letter = ledger.dead_letter(number)
    finally:
        ledger.close()
    if letter is None:
        raise ConfigurationError(f"There is no item {number}.", hint="See `failures list`.")
    payload = open_raw().read(letter.raw_ref).row.payload if letter.raw_ref else None
    fields = asdict(letter)
    if as_json:
        import orjson  # noqa: PLC0415 (only for JSON)

        print_json(fields | {"payload": orjson.loads(payload) if payload else None})
        return DONE
    for name, value in fields.items():
        if value is not None:
            output().print(f"{name.replace('_', ' '):>12}  {value}", markup=False)
    if payload is not None:
        output().print_json(payload.decode())
    return DONE


@command.command("retry")
@click.argument("numbers", type=int, nargs=-1)
@click.option("--source", help="Only of this source.")
@click.option("--credentials", metavar="BLOCK", help="Saved Prefect block to use.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def retry_command(
    numbers: tuple[int, ...], source: str | None, credentials: str | None, as_json: bool
) -> int:
    """Try items again: those named by their NUMBERS, or all.

    An item whose payload landed is made a document again without asking its source; the others are
    fetched.
    """
    from tasks.failures import retry_failures  # noqa: PLC0415 (stores, 0.5 s)

    letters, _ = _letters(source, None)
    if numbers:
        by_id = {letter.id: letter for letter in letters}
        unknown = [number for number in numbers if number not in by_id]
        if unknown:
            raise ConfigurationError(f"There is no item {unknown[0]}.", hint="See `failures list`.")
        letters = [by_id[number] for number in numbers]
    retried = retry_failures(letters, credentials)
    if as_json:
        print_json(
            {"resolved": retried.resolved, "left": retried.left, "messages": retried.messages}
        )
    else:
        for message in retried.messages:
            notes().print(message, markup=False)
        output().print(f"{retried.resolved} went through, {retried.left} are still set aside.")
    if not retried.left:
        return DONE
    return PARTLY_FAILED if retried.resolved else FAILED


def _letters(source: str | None, limit: int | None) -> "tuple[list[DeadLetter], int]":
    from tasks.stores import open_ledger  # noqa: PLC0415 (stores, 0.5 s)

    ledger = open_ledger()
    try:
        letters = ledger.dead_letters(source=source, limit=limit)
        return letters, ledger.count_dead_letters(source=source)
    finally:
        ledger.close()
