"""`data-getters failures`."""

from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from documents.errors import ConfigurationError
from flows.commands.shared import (
    CREDENTIALS_HELP,
    Group,
    common_options,
    examples,
    known_source,
    limit_option,
)
from flows.terminal import (
    DONE,
    FAILED,
    PARTLY_FAILED,
    counted,
    moment,
    notes,
    output,
    print_json,
    table,
)

if TYPE_CHECKING:
    from stores.ledger.types import DeadLetter


@click.group(
    cls=Group,
    options_metavar="",
    epilog=examples(
        "data-getters failures list", "data-getters failures show 12",
        "data-getters failures retry 12 13", "data-getters failures retry",
        "data-getters failures dismiss 12",
    ),
)  # fmt: skip
def command() -> None:
    """List, show, retry and dismiss items that were set aside.

    An item that fails costs its own document and nothing else. It stays here until it goes through,
    in a later sync or by a retry.
    """


@command.command("list", short_help="List the items, those that failed last first.")
@click.option("--source", metavar="SOURCE", callback=known_source, help="Only of this source.")
@limit_option(50)
@common_options
def list_command(source: str | None, limit: int, as_json: bool) -> int:  # fmt: skip
    """List the items that are set aside, those that failed last first. Times are in UTC."""
    letters, total = _letters(source, limit)
    if as_json:
        print_json([asdict(letter) for letter in letters])
        return DONE
    if not letters:
        output().print("Nothing is set aside.")
        return DONE
    from rich.markup import escape  # noqa: PLC0415 (only when something is shown)

    rows = [
        [
            str(letter.id),
            letter.source,
            escape(letter.key or f"in {letter.partition}"),
            str(letter.attempts),
            moment(letter.last_seen),
            escape(letter.message),
        ]
        for letter in letters
    ]
    output().print(
        table(
            ["number", "source", "item", "tried", "last tried", "reason"],
            rows,
            right=("number", "tried"),
            whole=("source", "last tried"),
            dispensable=("source", "tried", "last tried"),
        )
    )
    more = f"{total - len(letters):,} more (--limit). " if total > len(letters) else ""
    output().print(f"\n{more}[dim]data-getters failures show NUMBER tells all of one.[/]")
    return DONE


@command.command("show", short_help="Show everything that is known of one item.")
@click.argument("number", type=int)
@common_options
def show_command(number: int, as_json: bool) -> int:
    """Show everything that is known of one item, with its payload if that landed."""
    from tasks.stores import existing_ledger, open_raw  # noqa: PLC0415 (stores, 0.5 s)

    ledger, _ = existing_ledger()
    letter = None
    if ledger is not None:
        with closing(ledger):
            letter = ledger.dead_letter(number)
    if letter is None:
        raise _no_item(number)
    payload = open_raw().read(letter.raw_ref).row.payload if letter.raw_ref else None
    if as_json:
        import orjson  # noqa: PLC0415 (only for JSON)

        print_json(asdict(letter) | {"payload": orjson.loads(payload) if payload else None})
        return DONE
    from rich.markup import escape  # noqa: PLC0415 (only when something is shown)
    from rich.table import Table  # noqa: PLC0415 (only when something is shown)

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in _told(letter).items():
        if value:
            grid.add_row(name, escape(value))
    output().print(grid)
    if payload is not None:
        output().print("\n[dim]payload[/]")
        output().print_json(payload.decode())
    return DONE


def _told(letter: "DeadLetter") -> dict[str, str]:
    return {
        "number": str(letter.id),
        "source": f"{letter.source} ({letter.connection})",
        "partition": letter.partition,
        "item": letter.key or "",
        "document": letter.document_id or "",
        "address": letter.url or "",
        "reason": letter.message,
        "error": letter.error,
        "tried": counted(letter.attempts, "time"),
        "first tried": moment(letter.first_seen),
        "last tried": moment(letter.last_seen),
        "run": letter.run_id,
        "landed as": letter.raw_ref or "",
    }


@command.command("retry", short_help="Try items again.")
@click.argument("numbers", type=int, nargs=-1)
@click.option("--source", metavar="SOURCE", callback=known_source, help="Only of this source.")
@click.option("--credentials", metavar="BLOCK", help=CREDENTIALS_HELP)
@common_options
def retry_command(
    numbers: tuple[int, ...], source: str | None, credentials: str | None, as_json: bool
) -> int:
    """Try items again: those named by their NUMBERS, or all.

    An item whose payload landed is made a document again without asking its source; the others are
    fetched. The exit code is 2 when some went through and some did not.
    """
    letters, _ = _letters(source, None)
    if numbers:
        by_id = {letter.id: letter for letter in letters}
        for number in numbers:
            if number not in by_id:
                raise _no_item(number)
        letters = [by_id[number] for number in dict.fromkeys(numbers)]
    with notes().status(f"Trying {counted(len(letters), 'item')} again …"):
        from tasks.failures import retry_failures  # noqa: PLC0415 (stores, 0.5 s)

        retried = retry_failures(letters, credentials)
    if as_json:
        print_json(
            {"resolved": retried.resolved, "left": retried.left, "messages": retried.messages}
        )
    elif not letters:
        output().print("Nothing is set aside.")
    else:
        for message in retried.messages:
            notes().print(message, markup=False)
        left = f"{retried.left} still set aside" if retried.left else "none is left"
        output().print(f"{counted(retried.resolved, 'item')} went through, {left}.")
    if not retried.left:
        return DONE
    return PARTLY_FAILED if retried.resolved else FAILED


@command.command("dismiss", short_help="Take items off the list without trying them again.")
@click.argument("numbers", type=int, nargs=-1, required=True)
@common_options
def dismiss_command(numbers: tuple[int, ...], as_json: bool) -> int:
    """Take the items with these NUMBERS off the list: for what was deleted at its source since.

    One that the source still lists, and that fails again, comes back with the next sync.
    """
    from tasks.stores import existing_ledger  # noqa: PLC0415 (stores, 0.5 s)

    ledger, _ = existing_ledger()
    wanted = list(dict.fromkeys(numbers))
    if ledger is None:
        raise _no_item(wanted[0])
    with closing(ledger):
        for number in wanted:
            if ledger.dead_letter(number) is None:
                raise _no_item(number)
        ledger.resolve_dead_letters(wanted)
    if as_json:
        print_json({"dismissed": len(wanted)})
    else:
        output().print(f"{counted(len(wanted), 'item')} dismissed.")
    return DONE


def _no_item(number: int) -> ConfigurationError:
    return ConfigurationError(
        f"No item with the number {number} is set aside.", hint="See `data-getters failures list`."
    )


def _letters(source: str | None, limit: int | None) -> "tuple[list[DeadLetter], int]":
    from tasks.stores import existing_ledger  # noqa: PLC0415 (stores, 0.5 s)

    ledger, _ = existing_ledger()
    if ledger is None:
        return [], 0
    with closing(ledger):
        letters = ledger.dead_letters(source=source, limit=limit)
        return letters, ledger.count_dead_letters(source=source)
