"""What was extracted: read by extraction, to tell what moved, and by people."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, Connection, Row, bindparam, delete, func, select, update

from stores.ledger.backend import Backend
from stores.ledger.extraction_types import (
    ExtractedRecord,
    ExtractionRow,
    ExtractionState,
)
from stores.ledger.jobs import of_connections, of_partition
from stores.ledger.packing import unpack_time
from stores.ledger.statements import among, part_of, seen_and_unseen
from stores.ledger.tables import connections, extracted, extractions, partitions, raw_files
from stores.ledger.types import ExtractionStatus, UnseenSummary

PAGE: Final = 1_000
"""Records in one page."""

_KEYS_PER_QUERY: Final = 2_000

_KNOWN: Final = extracted.c.status != ExtractionStatus.DELETED
_BY_KEYS: Final = select(extracted).where(
    extracted.c.connection_id == bindparam("connection"), among(extracted.c.key, "keys"), _KNOWN
)
_CHILDREN: Final = select(extracted).where(
    extracted.c.connection_id == bindparam("connection"),
    among(extracted.c.parent, "parents"),
    _KNOWN,
)
_PATHS: Final = select(raw_files.c.id, raw_files.c.path).where(among(raw_files.c.id, "ids"))


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownExtraction:
    """An extracted record with its place in the ledger.

    Attributes:
        id: Row id.
        partition_id: The partition that it was last seen in.
        generation: The listing (of that partition) that saw it last.
        added: The listing in which it came into that partition.
        record: The record.
    """

    id: int
    partition_id: int
    generation: int
    added: int
    record: ExtractedRecord


class ExtractionBook:
    """Reads what was extracted; `ExtractionWriter` writes it.

    A record that was deleted is unknown here, except to `page` and `counts`.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    # How far

    def state(self, partition_id: int) -> ExtractionState:
        """How far a partition was extracted."""
        query = select(extractions).where(extractions.c.partition_id == partition_id)
        with self._backend.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return ExtractionState(
                partition_id=partition_id,
                cursor=None,
                generation=0,
                listing_open=False,
                updated_at=None,
            )
        return ExtractionState(
            partition_id=partition_id,
            cursor=None if row.cursor is None else orjson.loads(row.cursor),
            generation=row.generation,
            listing_open=bool(row.listing_open),
            updated_at=None if row.updated_at is None else unpack_time(row.updated_at),
        )

    def begin_listing(self, partition_id: int, *, fresh: bool) -> int:
        """Begins a listing, or goes on with the one that a killed extraction left open.

        Args:
            partition_id: The partition.
            fresh: Whether to begin anew even if a listing is open.

        Returns:
            The listing's generation.
        """
        insert = self._backend.insert(extractions).values(
            partition_id=partition_id, generation=1, listing_open=True
        )
        begin = insert.on_conflict_do_update(
            index_elements=[extractions.c.partition_id],
            set_={"generation": extractions.c.generation + 1, "listing_open": True},
            where=None if fresh else ~extractions.c.listing_open,
        ).returning(extractions.c.generation)
        current = select(extractions.c.generation).where(extractions.c.partition_id == partition_id)
        with self._backend.write() as connection:
            generation = connection.scalar(begin)
            if generation is None:
                generation = connection.execute(current).scalar_one()
        return int(generation)

    def reset_cursor(self, partition_id: int) -> None:
        """Forgets the cursor (it expired, or everything is wanted again); records stay."""
        with self._backend.write() as connection:
            connection.execute(
                update(extractions)
                .where(extractions.c.partition_id == partition_id)
                .values(cursor=None)
            )

    def is_used(self, connection_id: int) -> bool:
        """Whether a connection is kept up to date by extractions, and not by syncs."""
        query = (
            select(extractions.c.partition_id)
            .join(partitions, partitions.c.id == extractions.c.partition_id)
            .where(partitions.c.connection_id == connection_id)
            .limit(1)
        )
        with self._backend.read() as connection:
            return connection.execute(query).first() is not None

    def hand_over(self, connection_id: int) -> int:
        """Gives the cursors of a connection to its syncs, and forgets what was extracted.

        To be called when nothing of it is left to be transformed.

        Returns:
            How many partitions there were.
        """
        own = select(partitions.c.id).where(partitions.c.connection_id == connection_id)
        with self._backend.write() as connection:
            rows = connection.execute(
                select(extractions).where(extractions.c.partition_id.in_(own))
            ).all()
            for row in rows:
                # A listing that is open was seen by the extraction's records alone.
                connection.execute(
                    update(partitions)
                    .where(partitions.c.id == row.partition_id)
                    .values(cursor=None if row.listing_open else row.cursor, listing_open=False)
                )
            connection.execute(delete(extractions).where(extractions.c.partition_id.in_(own)))
            connection.execute(delete(extracted).where(extracted.c.connection_id == connection_id))
        return len(rows)

    def forget(self, partition_id: int) -> None:
        """Forgets what was extracted of a partition, and how far: it is extracted anew."""
        with self._backend.write() as connection:
            connection.execute(delete(extracted).where(extracted.c.partition_id == partition_id))
            connection.execute(
                update(extractions)
                .where(extractions.c.partition_id == partition_id)
                .values(cursor=None, listing_open=False)
            )

    # Records

    def known(self, connection_id: int, keys: Collection[str]) -> dict[str, KnownExtraction]:
        """The extracted records among these keys, in whatever partition they are.

        One query for 2,000 keys; ask for hundreds at a time, not for one.
        """
        wanted = list(keys)
        found: dict[str, KnownExtraction] = {}
        with self._backend.read() as connection:
            for start in range(0, len(wanted), _KEYS_PER_QUERY):
                some = wanted[start : start + _KEYS_PER_QUERY]
                rows = connection.execute(_BY_KEYS, {"connection": connection_id, "keys": some})
                for known in self._wrap(connection, rows.all()):
                    found[known.record.key] = known
        return found

    def children(self, connection_id: int, parents: Collection[str]) -> list[KnownExtraction]:
        """The extracted records that belong to these, by key."""
        with self._backend.read() as connection:
            rows = connection.execute(
                _CHILDREN, {"connection": connection_id, "parents": list(parents)}
            )
            return self._wrap(connection, rows.all())

    def orphans(self, partition_id: int, *, generation: int) -> Iterator[list[KnownExtraction]]:
        """The records that a listing did not see and whose owner is not known, in pages."""
        owner = extracted.alias()
        has_owner = select(owner.c.id).where(
            owner.c.connection_id == extracted.c.connection_id,
            owner.c.key == extracted.c.parent,
            owner.c.status != ExtractionStatus.DELETED,
        )
        return self._paged(
            [
                extracted.c.partition_id == partition_id,
                extracted.c.parent.is_not(None),
                extracted.c.generation < generation,
                ~has_owner.exists(),
            ]
        )

    def has_any(self, partition_id: int) -> bool:
        """Whether anything of a partition was extracted yet."""
        query = select(extracted.c.id).where(extracted.c.partition_id == partition_id, _KNOWN)
        with self._backend.read() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def unseen(
        self,
        partition_id: int,
        *,
        generation: int,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> UnseenSummary:
        """Compares a listing with what was known before it began; see `Ledger.unseen`."""
        query = select(*seen_and_unseen(extracted, generation)).where(
            *part_of(extracted, partition_id, since, until), extracted.c.parent.is_(None), _KNOWN
        )
        with self._backend.read() as connection:
            return UnseenSummary(*connection.execute(query).one())

    def unseen_records(
        self,
        partition_id: int,
        *,
        generation: int,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[list[KnownExtraction]]:
        """The records that a listing did not see, in pages; see `Ledger.unseen_records`."""
        return self._paged(
            [
                *part_of(extracted, partition_id, since, until),
                extracted.c.generation < generation,
                extracted.c.parent.is_(None),
            ]
        )

    def records_of(self, partition_id: int) -> Iterator[list[KnownExtraction]]:
        """All extracted records of a partition, in pages, in flat memory."""
        return self._paged([extracted.c.partition_id == partition_id])

    # For people

    def page(
        self,
        *,
        source: str | None = None,
        connection: str | None = None,
        partition: str | None = None,
        entity: str | None = None,
        status: ExtractionStatus | None = None,
        after: int = 0,
        limit: int = PAGE,
    ) -> list[ExtractionRow]:
        """One page of extracted records in the order in which they were first extracted.

        Args:
            source: Of this source only.
            connection: Of this account or tenant only.
            partition: Of this partition only.
            entity: Of this entity type only.
            status: In this status only.
            after: Id of the last record of the page before.
            limit: How many at most.
        """
        conditions = [
            extracted.c.id > after,
            *of_connections(extracted.c.connection_id, source, connection),
            *of_partition(extracted.c.partition_id, partition),
        ]
        if entity is not None:
            conditions.append(extracted.c.entity == entity)
        if status is not None:
            conditions.append(extracted.c.status == status)
        rows = select(extracted).where(*conditions).order_by(extracted.c.id).limit(limit)
        page = rows.subquery()
        query = (
            select(
                *page.c,
                connections.c.source,
                connections.c.name,
                partitions.c.key.label("place"),
                raw_files.c.path,
            )
            .join(connections, connections.c.id == page.c.connection_id)
            .join(partitions, partitions.c.id == page.c.partition_id)
            .outerjoin(raw_files, raw_files.c.id == page.c.raw_file_id)
            .order_by(page.c.id)
        )
        with self._backend.read() as reader:
            return [
                ExtractionRow(
                    id=row.id,
                    source=row.source,
                    connection=row.name,
                    partition=row.place,
                    entity=row.entity,
                    record=_record(row, row.path),
                    job_id=row.job_id,
                    run_id=row.run_id,
                )
                for row in reader.execute(query)
            ]

    def counts(
        self,
        *,
        source: str | None = None,
        connection: str | None = None,
        partition: str | None = None,
        entity: str | None = None,
    ) -> dict[ExtractionStatus, int]:
        """How many extracted records are in each status."""
        query = (
            select(extracted.c.status, func.count())
            .where(
                *of_connections(extracted.c.connection_id, source, connection),
                *of_partition(extracted.c.partition_id, partition),
                *(() if entity is None else (extracted.c.entity == entity,)),
            )
            .group_by(extracted.c.status)
        )
        with self._backend.read() as reader:
            found: dict[str, int] = {row[0]: row[1] for row in reader.execute(query)}
        return {status: found.get(status, 0) for status in ExtractionStatus}

    def _paged(self, conditions: Sequence[ColumnElement[bool]]) -> Iterator[list[KnownExtraction]]:
        query = select(extracted).where(*conditions, _KNOWN).order_by(extracted.c.id).limit(PAGE)
        last = 0
        while True:
            with self._backend.read() as connection:
                rows = connection.execute(query.where(extracted.c.id > last)).all()
                if not rows:
                    return
                page = self._wrap(connection, rows)
            yield page
            last = rows[-1].id

    def _wrap(self, connection: Connection, rows: Sequence[Row[Any]]) -> list[KnownExtraction]:
        if not rows:
            return []
        files = {row.raw_file_id for row in rows if row.raw_file_id is not None}
        found = connection.execute(_PATHS, {"ids": list(files)})
        paths: dict[int, str] = {row.id: row.path for row in found}
        return [
            KnownExtraction(
                id=row.id,
                partition_id=row.partition_id,
                generation=row.generation,
                added=row.added,
                record=_record(row, paths.get(row.raw_file_id)),
            )
            for row in rows
        ]


def _record(row: Row[Any], path: str | None) -> ExtractedRecord:
    return ExtractedRecord(
        key=row.key,
        payload_hash=row.payload_hash.hex(),
        version=row.version,
        fetched_at=unpack_time(row.fetched_at),
        occurred_at=None if row.occurred_at is None else unpack_time(row.occurred_at),
        raw_ref=None if path is None else f"{path}#{row.raw_row}",
        parent=row.parent,
        status=ExtractionStatus(row.status),
        error=row.error,
    )
