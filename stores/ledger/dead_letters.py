"""Dead letters: items that were set aside, until they go through or a person resolves them."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, func, select

from stores.ledger.backend import Backend
from stores.ledger.packing import unpack_time
from stores.ledger.statements import among
from stores.ledger.tables import connections, dead_letters
from stores.ledger.types import DeadLetter


class DeadLetterBox:
    """Reads and resolves the dead letters of a ledger; `BatchWriter` adds them."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def list(
        self,
        *,
        source: str | None,
        connection: str | None,
        partition: str | None,
        limit: int | None,
    ) -> list[DeadLetter]:
        """See `Ledger.dead_letters`."""
        query = _select(*_filters(source, connection, partition)).limit(limit)
        with self._backend.read() as reader:
            return [_letter(row) for row in reader.execute(query)]

    def get(self, letter_id: int) -> DeadLetter | None:
        """See `Ledger.dead_letter`."""
        with self._backend.read() as reader:
            row = reader.execute(_select(dead_letters.c.id == letter_id)).one_or_none()
        return None if row is None else _letter(row)

    def count(self, *, source: str | None, connection: str | None, partition: str | None) -> int:
        """See `Ledger.count_dead_letters`."""
        query = (
            select(func.count())
            .select_from(dead_letters.join(connections))
            .where(*_filters(source, connection, partition))
        )
        with self._backend.read() as reader:
            return reader.execute(query).scalar_one()

    def resolve(self, letter_ids: Collection[int]) -> int:
        """See `Ledger.resolve_dead_letters`."""
        with self._backend.write() as writer:
            gone = writer.execute(
                delete(dead_letters).where(among(dead_letters.c.id, "ids")),
                {"ids": [*letter_ids]},
            )
        return int(gone.rowcount)


def _select(*conditions: ColumnElement[bool]) -> Select[Any]:
    return (
        select(
            *dead_letters.c,
            connections.c.source,
            connections.c.name.label("connection"),
        )
        .join(connections)
        .where(*conditions)
        .order_by(dead_letters.c.last_seen.desc(), dead_letters.c.id.desc())
    )


def _filters(
    source: str | None, connection: str | None, partition: str | None
) -> tuple[ColumnElement[bool], ...]:
    wanted = (
        (connections.c.source, source),
        (connections.c.name, connection),
        (dead_letters.c.partition, partition),
    )
    return tuple(column == value for column, value in wanted if value is not None)


def _letter(row: Row[Any]) -> DeadLetter:
    return DeadLetter(
        id=row.id,
        source=row.source,
        connection=row.connection,
        partition=row.partition,
        key=row.key,
        document_id=row.document_id,
        url=row.url,
        error=row.error,
        message=row.message,
        raw_ref=row.raw_ref,
        run_id=row.run_id,
        attempts=row.attempts,
        first_seen=unpack_time(row.first_seen),
        last_seen=unpack_time(row.last_seen),
    )
