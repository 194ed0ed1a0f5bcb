"""Feature flags: what an operator switches off and on again while everything runs."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select

from stores.ledger.backend import Backend, micros_now
from stores.ledger.packing import clean_text, unpack_time
from stores.ledger.tables import flags

_REASON_LIMIT: Final = 500


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag that was switched.

    Attributes:
        name: What it is about, from the general to the special, with dots: `sync.slack`.
        enabled: Whether it is on.
        reason: Why, in the words of who switched it; may be empty.
        changed_at: When it was switched.
    """

    name: str
    enabled: bool
    reason: str
    changed_at: datetime


class FlagBook:
    """Keeps the flags of a ledger. One that was never switched is on."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def switch(self, name: str, *, enabled: bool, reason: str = "") -> None:
        """Switches a flag; everybody who asks from now on sees it."""
        row = {
            "enabled": enabled,
            "reason": clean_text(reason, limit=_REASON_LIMIT),
            "changed_at": micros_now(),
        }
        insert = self._backend.insert(flags).values(name=name, **row)
        with self._backend.write() as connection:
            connection.execute(insert.on_conflict_do_update(index_elements=["name"], set_=row))

    def all(self, among: Collection[str] | None = None) -> list[Flag]:
        """The flags that were ever switched, by name.

        Args:
            among: Only these.
        """
        query = select(flags).order_by(flags.c.name)
        if among is not None:
            query = query.where(flags.c.name.in_(among))
        with self._backend.read() as connection:
            return [
                Flag(row.name, row.enabled, row.reason, unpack_time(row.changed_at))
                for row in connection.execute(query)
            ]

    def first_off(self, names: Collection[str]) -> Flag | None:
        """The first of some flags, by name, that is off; None where all of them are on."""
        return next((flag for flag in self.all(names) if not flag.enabled), None)
