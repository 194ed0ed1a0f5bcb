"""Reading records: what is known of a list of keys, what a listing did not see."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, bindparam, select

from stores.errors import StoreError
from stores.ledger.backend import Backend
from stores.ledger.known import KnownRecord
from stores.ledger.statements import among, part_of, seen_and_unseen
from stores.ledger.tables import connections, partitions, raw_files, records
from stores.ledger.types import RawFile, UnseenSummary

PAGE: Final = 1_000
"""Records in one page of a partition."""

_KEYS_PER_QUERY: Final = 2_000
_RAW_FILE: Final = list(records.c).index(records.c.raw_file_id)

_BY_KEYS: Final = select(records).where(
    records.c.connection_id == bindparam("connection"), among(records.c.key, "keys")
)
_CHILDREN: Final = select(records).where(
    records.c.connection_id == bindparam("connection"), among(records.c.parent, "parents")
)
_PATHS: Final = select(raw_files.c.id, raw_files.c.path).where(among(raw_files.c.id, "ids"))


class RecordReader:
    """Reads the records of a ledger."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def prefix(self, connection: Connection, connection_id: int) -> str:
        """What the document ids of a connection begin with: `source:connection:`.

        Raises:
            StoreError: There is no such connection.
        """
        query = select(connections.c.source, connections.c.name)
        row = connection.execute(query.where(connections.c.id == connection_id)).one_or_none()
        if row is None:
            raise StoreError(
                f"The ledger {self._backend.address} knows no connection {connection_id}."
            )
        return f"{row.source}:{row.name}:"

    def known(self, connection_id: int, keys: Collection[str]) -> dict[str, KnownRecord]:
        """See `Ledger.known`."""
        wanted = keys if isinstance(keys, list) else list(keys)
        found: dict[str, KnownRecord] = {}
        with self._backend.read() as connection:
            for start in range(0, len(wanted), _KEYS_PER_QUERY):
                some = wanted[start : start + _KEYS_PER_QUERY]
                rows = connection.execute(_BY_KEYS, {"connection": connection_id, "keys": some})
                for record in self._wrap(connection, connection_id, rows.all()):
                    found[record.key] = record
        return found

    def children(self, connection_id: int, parents: Collection[str]) -> list[KnownRecord]:
        """See `Ledger.children`."""
        with self._backend.read() as connection:
            rows = connection.execute(
                _CHILDREN, {"connection": connection_id, "parents": list(parents)}
            )
            return self._wrap(connection, connection_id, rows.all())

    def orphans(self, partition_id: int, generation: int) -> Iterator[list[KnownRecord]]:
        """See `Ledger.orphans`."""
        owner = records.alias()
        has_owner = select(owner.c.id).where(
            owner.c.connection_id == records.c.connection_id, owner.c.key == records.c.parent
        )
        yield from self._paged(
            [
                records.c.partition_id == partition_id,
                records.c.parent.is_not(None),
                records.c.generation < generation,
                ~has_owner.exists(),
            ]
        )

    def has_any(self, partition_id: int) -> bool:
        """See `Ledger.has_records`."""
        query = select(records.c.id).where(records.c.partition_id == partition_id).limit(1)
        with self._backend.read() as connection:
            return connection.execute(query).first() is not None

    def unseen(
        self,
        partition_id: int,
        *,
        generation: int,
        since: datetime | None,
        until: datetime | None,
    ) -> UnseenSummary:
        """See `Ledger.unseen`."""
        query = select(*seen_and_unseen(records, generation)).where(
            *part_of(records, partition_id, since, until), records.c.parent.is_(None)
        )
        with self._backend.read() as connection:
            return UnseenSummary(*connection.execute(query).one())

    def pages(
        self,
        partition_id: int,
        *,
        before_generation: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: int = 0,
    ) -> Iterator[list[KnownRecord]]:
        """The records of a partition, or those that a listing did not see, page by page.

        Records may be committed and deleted while the pages are walked through.
        """
        conditions = part_of(records, partition_id, since, until)
        if before_generation is not None:
            # What belongs to another record goes with it, and not by itself.
            conditions += [
                records.c.generation < before_generation,
                records.c.parent.is_(None),
            ]
        yield from self._paged(conditions, after)

    def _paged(
        self, conditions: list[ColumnElement[bool]], last: int = 0
    ) -> Iterator[list[KnownRecord]]:
        query = select(records).where(*conditions).order_by(records.c.id).limit(PAGE)
        while True:
            with self._backend.read() as connection:
                rows = connection.execute(query.where(records.c.id > last)).all()
                if not rows:
                    return
                page = self._wrap(connection, rows[0].connection_id, rows)
            yield page
            last = rows[-1].id

    def raw_files(
        self, source: str | None, connection: str | None, partition: str | None, entity: str | None
    ) -> Iterator[RawFile]:
        """See `Ledger.raw_files`."""
        wanted = (
            (connections.c.source, source),
            (connections.c.name, connection),
            (partitions.c.key, partition),
            (raw_files.c.entity, entity),
        )
        query = (
            select(
                raw_files.c.id,
                raw_files.c.path,
                connections.c.source,
                connections.c.name,
                partitions.c.key,
                raw_files.c.entity,
                raw_files.c.rows,
            )
            .join(partitions, partitions.c.id == raw_files.c.partition_id)
            .join(connections, connections.c.id == partitions.c.connection_id)
            .where(*(column == value for column, value in wanted if value is not None))
            .order_by(raw_files.c.id)
            .limit(PAGE)
        )
        last = 0
        while True:
            with self._backend.read() as reader:
                rows = reader.execute(query.where(raw_files.c.id > last)).all()
            if not rows:
                return
            for last, *fields in rows:  # noqa: B007 (the next page begins after the last one)
                yield RawFile(*fields)

    def _wrap(
        self, connection: Connection, connection_id: int, rows: Sequence[Row[Any]]
    ) -> list[KnownRecord]:
        if not rows:
            return []
        files = {row[_RAW_FILE] for row in rows}
        found = connection.execute(_PATHS, {"ids": list(files)})
        paths: dict[int, str] = {row.id: row.path for row in found}
        prefix = self.prefix(connection, connection_id)
        return [KnownRecord(row, prefix, paths) for row in rows]
