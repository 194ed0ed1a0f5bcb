"""Leases: at most one sync of a connection at a time, wherever it runs.

A lease is a row that its holder renews. It is free for the next one when its time is over, or at
once when the holder's process is certainly gone (`stores.ledger.processes`).

A holder that was suspended may wake up after its lease went to another. It learns so from its next
heartbeat, from `Lease.check`, and at the latest from `Ledger.commit(batch, lease=...)`, which reads
the lease in the transaction that it guards.
"""

import logging
import platform
import secrets
import time
from dataclasses import dataclass
from threading import Event, Thread
from types import TracebackType
from typing import Final, Self

from sqlalchemy import Connection, delete, select, update

from stores.errors import StoreError
from stores.ledger.backend import MICROSECONDS, Backend
from stores.ledger.errors import LeaseHeldError, LeaseLostError
from stores.ledger.packing import unpack_time
from stores.ledger.processes import is_gone, this_process
from stores.ledger.tables import leases

DEFAULT_TTL: Final = 90.0
"""Seconds without a renewal after which a lease is free."""

_BEATS_PER_TTL: Final = 3
_TOKEN_BYTES: Final = 12
_PATIENCE: Final = 5.0  # seconds to wait for a heartbeat that is under way

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseProof:
    """What another process of the same machine needs to write under a lease.

    Attributes:
        name: What is leased.
        run_id: The run that holds it.
        token: What the ledger knows the holder by.
        ttl: Seconds without a renewal after which it is free.
        deadline: Until when it is ours for certain, of the machine's monotonic clock.
    """

    name: str
    run_id: str
    token: str
    ttl: float
    deadline: float


class HeldLease:
    """The right to write, while a lease is held: here, or by the process that gave its proof.

    Attributes:
        name: What is leased.
        run_id: The run that holds it.
        lost: Set once the lease is no longer ours, or may not be.
    """

    def __init__(self, proof: LeaseProof) -> None:
        self.name = proof.name
        self.run_id = proof.run_id
        self.lost = Event()
        self._ttl = proof.ttl
        self._token = proof.token
        self._deadline = proof.deadline

    @property
    def proof(self) -> LeaseProof:
        """The lease as it stands now, for a process that writes on behalf of this one."""
        return LeaseProof(
            name=self.name,
            run_id=self.run_id,
            token=self._token,
            ttl=self._ttl,
            deadline=self._deadline,
        )

    def extend(self, proof: LeaseProof) -> None:
        """Takes over what the holder says of its lease now."""
        self._deadline = max(self._deadline, proof.deadline)

    def check(self) -> None:
        """Makes sure that the lease is still ours, as far as can be told without asking.

        Raises:
            LeaseLostError: It is not, or may not be.
        """
        if self.lost.is_set() or time.monotonic() > self._deadline:
            self.lost.set()
            raise LeaseLostError(
                f"The run {self.run_id} lost its lease on {self.name}: it could not renew it for "
                f"{self._ttl:.0f} seconds, and another run may have taken over.",
                hint="Run again: the sync goes on where it stopped.",
            )

    def verify(self, connection: Connection) -> None:
        """Makes sure that the lease is ours until the transaction of `connection` ends.

        Raises:
            LeaseLostError: It is not.
        """
        self.check()
        held = select(leases.c.token).where(leases.c.name == self.name).with_for_update(read=True)
        if connection.scalar(held) != self._token:
            self.lost.set()
            self.check()


class Lease(HeldLease):
    """A lease, held for the length of a `with` block that is in no transaction.

    Entering raises `LeaseHeldError` where another run holds it.
    """

    def __init__(self, backend: Backend, name: str, *, run_id: str, ttl: float) -> None:
        token = secrets.token_hex(_TOKEN_BYTES)
        super().__init__(LeaseProof(name=name, run_id=run_id, token=token, ttl=ttl, deadline=0.0))
        self._backend = backend
        self._released = Event()
        self._heartbeat = Thread(target=self._beat, name=f"lease {name}", daemon=True)

    def __enter__(self) -> Self:
        self._acquire()
        self._heartbeat.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._released.set()
        self._heartbeat.join(_PATIENCE)
        try:
            with self._backend.write() as connection:
                connection.execute(
                    delete(leases).where(leases.c.name == self.name, leases.c.token == self._token)
                )
        except StoreError as failure:
            # It runs out by itself; what the block did, or failed with, is not to be hidden.
            _log.warning("The lease on %s could not be given back: %s", self.name, failure)

    def _acquire(self) -> None:
        """Takes the lease.

        Raises:
            LeaseHeldError: Another run holds it.
        """
        begun = time.monotonic()
        with self._backend.write() as connection:
            now = self._backend.now(connection)
            values = {
                "token": self._token,
                "run_id": self.run_id,
                "host": platform.node(),
                "process": this_process(),
                "acquired_at": now,
                "expires_at": now + self._micros,
            }
            added = connection.execute(
                self._backend.insert(leases)
                .values(name=self.name, **values)
                .on_conflict_do_nothing()
                .returning(leases.c.name)
            )
            if added.one_or_none() is None:
                self._take_over(connection, values, now)
        self._deadline = begun + self._ttl

    def _take_over(self, connection: Connection, values: dict[str, object], now: int) -> None:
        mine = leases.c.name == self.name
        holder = connection.execute(select(leases).where(mine).with_for_update()).one_or_none()
        if holder is None:  # released in this moment
            connection.execute(leases.insert().values(name=self.name, **values))
            return
        if holder.expires_at > now and not is_gone(holder.process):
            raise LeaseHeldError(
                self.name,
                run_id=holder.run_id,
                host=holder.host,
                since=unpack_time(holder.acquired_at),
            )
        connection.execute(update(leases).where(mine).values(**values))

    def _renew(self) -> None:
        begun = time.monotonic()
        with self._backend.write() as connection:
            renewed = connection.execute(
                update(leases)
                .where(leases.c.name == self.name, leases.c.token == self._token)
                .values(expires_at=self._backend.now(connection) + self._micros)
            )
        if renewed.rowcount:
            self._deadline = begun + self._ttl
        else:
            self.lost.set()

    def _beat(self) -> None:
        """Renews until the lease is released or lost."""
        while not self._released.wait(self._ttl / _BEATS_PER_TTL):
            try:
                self._renew()
            except StoreError as error:
                # The ledger may come back before the lease runs out.
                _log.warning("The lease on %s could not be renewed: %s", self.name, error)
            if time.monotonic() > self._deadline:
                self.lost.set()
            if self.lost.is_set():
                return

    @property
    def _micros(self) -> int:
        return int(self._ttl * MICROSECONDS)


def holders(backend: Backend, prefix: str) -> list[LeaseHeldError]:
    """Who holds the leases whose names begin with a text."""
    named = select(leases).where(leases.c.name.startswith(prefix, autoescape=True))
    with backend.read() as connection:
        now = backend.now(connection)
        rows = connection.execute(named).all()
    return [
        LeaseHeldError(
            row.name, run_id=row.run_id, host=row.host, since=unpack_time(row.acquired_at)
        )
        for row in rows
        if row.expires_at > now and not is_gone(row.process)
    ]
