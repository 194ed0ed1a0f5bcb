"""`data-getters flags`."""

from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from documents.errors import ConfigurationError
from flows.commands.ledger import account_id
from flows.commands.shared import Group, common_options, examples
from flows.terminal import DONE, moment, output, print_json, table

if TYPE_CHECKING:
    from stores.ledger.flags import Flag
    from stores.ledger.ledger import Ledger


@click.group(
    cls=Group,
    options_metavar="",
    epilog=examples(
        'data-getters flags off sync.slack --reason "Slack has an incident"',
        "data-getters flags on sync.slack",
        "data-getters flags list",
    ),
)
def command() -> None:
    """Switch syncs off and on, for every schedule, worker and command at once.

    The flag `sync` is about all sources, `sync.slack` about one, `sync.slack.ACCOUNT` about one
    account of it, by its id or title. Runs see it when they begin and before each partition. What
    is stored is searched all the same.
    """


@command.command("list", short_help="List the flags that were ever switched.")
@common_options
def list_command(as_json: bool) -> int:
    """List the flags that were ever switched; all others are on. Times are in UTC."""
    from tasks.stores import existing_ledger  # noqa: PLC0415 (stores, 0.5 s)

    ledger, _ = existing_ledger()
    flags: list[Flag] = []
    if ledger is not None:
        with closing(ledger):
            flags = ledger.flags.all()
    if as_json:
        print_json([asdict(flag) for flag in flags])
        return DONE
    if not flags:
        output().print("No flag was ever switched: everything is on.")
        return DONE
    from rich.markup import escape  # noqa: PLC0415 (only when something is shown)

    rows = [
        [
            escape(flag.name),
            "[green]on[/]" if flag.enabled else "[red]off[/]",
            moment(flag.changed_at),
            escape(flag.reason),
        ]
        for flag in flags
    ]
    output().print(table(["flag", "is", "since", "reason"], rows, whole=("flag", "is", "since")))
    return DONE


@command.command("off", short_help="Switch a flag off.")
@click.argument("name")
@click.option("--reason", default="", metavar="TEXT", help="Why; told by every run that heeds it.")
@common_options
def off_command(name: str, reason: str, as_json: bool) -> int:
    """Switch the flag NAME off: syncs and extractions that heed it end as cancelled."""
    return _switch(name, enabled=False, reason=reason, as_json=as_json)


@command.command("on", short_help="Switch a flag on again.")
@click.argument("name")
@common_options
def on_command(name: str, as_json: bool) -> int:
    """Switch the flag NAME on again; the next run goes on from the last commit."""
    return _switch(name, enabled=True, reason="", as_json=as_json)


def _switch(name: str, *, enabled: bool, reason: str, as_json: bool) -> int:
    from tasks.stores import open_ledger  # noqa: PLC0415 (stores, 0.5 s)

    _check_source(name)
    with closing(open_ledger()) as ledger:
        name = _of_known_account(ledger, name)
        ledger.flags.switch(name, enabled=enabled, reason=reason)
        [flag] = ledger.flags.all([name])
    if as_json:
        print_json(asdict(flag))
    else:
        output().print(f"{name} is {'on' if enabled else 'off'}.", markup=False)
    return DONE


def _check_source(name: str) -> None:
    """Refuses what nothing heeds.

    Raises:
        ConfigurationError: There is no such flag, or no such source.
    """
    from exporters.registry import source  # noqa: PLC0415 (pydantic, 0.1 s)
    from tasks.flags import SYNC  # noqa: PLC0415 (stores, 0.5 s)

    first, *of_what = name.split(".", 2)
    if first != SYNC or not all(of_what):
        raise ConfigurationError(
            f"There is no flag {name!r}.",
            hint=f"There are {SYNC}, {SYNC}.SOURCE and {SYNC}.SOURCE.ACCOUNT.",
        )
    if of_what:
        source(of_what[0])


def _of_known_account(ledger: "Ledger", name: str) -> str:
    """The flag, by the account's id where its title was given; one that was switched is known.

    Raises:
        ConfigurationError: No such account was ever synced: a slip would switch nothing off.
    """
    first, *of_what = name.split(".", 2)
    if len(of_what) < 2 or ledger.flags.all([name]):
        return name
    source, account = of_what
    return f"{first}.{source}.{account_id(ledger, account, source)}"
