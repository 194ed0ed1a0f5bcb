"""What commands need that list what the ledger holds of extractions."""

from contextlib import closing
from typing import TYPE_CHECKING

from documents.errors import ConfigurationError

if TYPE_CHECKING:
    from stores.ledger.ledger import Ledger


def opened_ledger() -> "closing[Ledger]":
    """The ledger that there is.

    Raises:
        ConfigurationError: There is none yet.
    """
    from tasks.stores import existing_ledger  # noqa: PLC0415 (stores, 0.5 s)

    ledger, address = existing_ledger()
    if ledger is None:
        raise ConfigurationError(f"Nothing was extracted yet: {address} does not exist.")
    return closing(ledger)


def account_id(ledger: "Ledger", account: str | None, source: str | None) -> str | None:
    """The id of an account that is named by id or title; None where none is named.

    Raises:
        ConfigurationError: There is no such account, or there are several.
    """
    if account is None:
        return None
    known = [state for state in ledger.connections() if source in {None, state.source}]
    found = {state.connection for state in known if account in {state.connection, state.title}}
    if len(found) == 1:
        return found.pop()
    if found:
        raise ConfigurationError(
            f"Several accounts are called {account!r}: {', '.join(sorted(found))}.",
            hint="Give the id of one.",
        )
    names = ", ".join(sorted(f"{state.connection} ({state.title})" for state in known))
    hint = f"Known are: {names}." if names else "None was synced yet."
    raise ConfigurationError(f"There is no account {account!r}.", hint=hint)
