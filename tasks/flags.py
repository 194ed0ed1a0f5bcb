"""Feature flags, read while runs are under way: to switch a source off takes no deploy.

`sync` is about asking sources for anything, `sync.slack` about one source, `sync.slack.T024BE7LD`
about one account of it. A sync or extraction asks when it begins and before each partition, and so
does a retry of what must be fetched. What has landed is still transformed, and what is stored is
still found.
"""

from contextlib import closing
from typing import Final

from documents.errors import DataGettersError
from stores.ledger.ledger import Ledger
from tasks.stores import existing_ledger

SYNC: Final = "sync"


class SwitchedOffError(DataGettersError):
    """An operator has switched off what was to be done."""


def _flags_of(source: str, connection: str | None = None) -> list[str]:
    """The flags that an account's syncs heed, the most general first."""
    return [SYNC, f"{SYNC}.{source}"] + ([f"{SYNC}.{source}.{connection}"] if connection else [])


def refuse_where_off(ledger: Ledger, source: str, connection: str | None = None) -> None:
    """Lets nothing pass that an operator has switched off.

    Raises:
        SwitchedOffError: A flag of the source, or of the account where one is named, is off.
        StoreError: The ledger cannot be read.
    """
    off = ledger.flags.first_off(_flags_of(source, connection))
    if off is not None:
        why = f": {off.reason.rstrip('.')}" if off.reason else ""
        raise SwitchedOffError(
            f"The flag {off.name} was switched off on {off.changed_at:%Y-%m-%d %H:%M} UTC{why}.",
            hint=f"`data-getters flags on {off.name}` switches it on again.",
        )


def refuse_before_asking(source: str, connection: str | None = None) -> None:
    """The same, before the source is asked for anything and the stores are opened.

    Raises:
        SwitchedOffError: A flag of the source, or of the account where one is named, is off.
        StoreError: The ledger cannot be read.
    """
    ledger, _ = existing_ledger()
    if ledger is not None:
        with closing(ledger):
            refuse_where_off(ledger, source, connection)
