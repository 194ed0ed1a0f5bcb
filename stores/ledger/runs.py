"""Runs: when a connection was synced and how that ended."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from sqlalchemy import Row, select, update

from stores.errors import StoreError
from stores.ledger.backend import Backend, micros_now
from stores.ledger.leases import holders
from stores.ledger.packing import clean_text, unpack_time
from stores.ledger.tables import connections, runs
from stores.ledger.types import RunRecord, RunState

_MESSAGE_LIMIT: Final = 4_000


class RunBook:
    """Keeps the runs of a ledger."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def start(self, run_id: str, connection_id: int, flow_run_id: str | None) -> None:
        """See `Ledger.start_run`."""
        with self._backend.write() as connection:
            connection.execute(
                runs.insert().values(
                    id=run_id,
                    connection_id=connection_id,
                    state=RunState.RUNNING.value,
                    started_at=micros_now(),
                    counts="{}",
                    message="",
                    flow_run_id=flow_run_id,
                )
            )

    def finish(self, run_id: str, state: RunState, counts: Mapping[str, int], message: str) -> None:
        """See `Ledger.finish_run`."""
        with self._backend.write() as connection:
            ended = connection.execute(
                update(runs)
                .where(runs.c.id == run_id)
                .values(
                    state=state.value,
                    ended_at=micros_now(),
                    counts=orjson.dumps(dict(counts)).decode(),
                    message=clean_text(message, limit=_MESSAGE_LIMIT),
                )
            )
            if not ended.rowcount:
                raise StoreError(f"The ledger {self._backend.address} knows no run {run_id}.")

    def mark_interrupted(self, connection_id: int) -> list[str]:
        """See `Ledger.mark_interrupted`."""
        left_open = (runs.c.connection_id == connection_id, runs.c.state == RunState.RUNNING.value)
        with self._backend.read() as connection:
            if connection.execute(select(runs.c.id).where(*left_open).limit(1)).first() is None:
                return []
        # An extraction and a replay of one account may run at once, each under a lease of its own.
        alive = [holder.run_id for holder in holders(self._backend, "")]
        with self._backend.write() as connection:
            found = connection.execute(
                update(runs)
                .where(*left_open, runs.c.id.not_in(alive))
                .values(
                    state=RunState.INTERRUPTED.value,
                    ended_at=micros_now(),
                    message="It stopped without saying so; found by the next run.",
                )
                .returning(runs.c.id)
            )
            return list(found.scalars())

    def latest(self, limit: int, source: str | None) -> list[RunRecord]:
        """See `Ledger.runs`."""
        query = (
            select(*runs.c, connections.c.source, connections.c.name.label("connection"))
            .join(connections)
            .order_by(runs.c.started_at.desc(), runs.c.id.desc())
            .limit(limit)
        )
        if source is not None:
            query = query.where(connections.c.source == source)
        with self._backend.read() as connection:
            return [_run(row) for row in connection.execute(query)]


def _run(row: Row[Any]) -> RunRecord:
    return RunRecord(
        id=row.id,
        source=row.source,
        connection=row.connection,
        state=RunState(row.state),
        started_at=unpack_time(row.started_at),
        ended_at=None if row.ended_at is None else unpack_time(row.ended_at),
        counts=orjson.loads(row.counts),
        message=row.message,
        flow_run_id=row.flow_run_id,
    )
