"""Connections and their partitions: cursors and listings."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Row, func, select, update

from stores.errors import StoreError
from stores.ledger.backend import Backend, micros_now
from stores.ledger.packing import clean_text, pack_time, unpack_time
from stores.ledger.tables import connections, dead_letters, partitions, raw_files, records
from stores.ledger.types import AccessSaid, ConnectionState, ContainerSaid, PartitionState


class PartitionBook:
    """Keeps the connections and partitions of a ledger."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def connection_id(self, source: str, name: str, title: str | None) -> int:
        """See `Ledger.connection_id`."""
        title = None if title is None else clean_text(title)
        named = (connections.c.source == source, connections.c.name == name)
        with self._backend.read() as connection:
            row = connection.execute(select(connections).where(*named)).one_or_none()
        if row is not None and title in {None, row.title}:
            return int(row.id)  # the usual case waits for nobody
        insert = self._backend.insert(connections).values(
            source=source, name=name, title=title or name
        )
        upsert = insert.on_conflict_do_update(
            index_elements=[connections.c.source, connections.c.name],
            set_={"title": title or connections.c.title},
        )
        with self._backend.write() as connection:
            return int(connection.execute(upsert.returning(connections.c.id)).scalar_one())

    def connections(self) -> list[ConnectionState]:
        """See `Ledger.connections`."""
        of_connection = partitions.c.connection_id == connections.c.id
        in_partition = raw_files.c.partition_id == partitions.c.id
        # Files of our own, such as the scripts of extractions, begin with an underscore.
        payloads = func.substr(raw_files.c.entity, 1, 1) != "_"
        letters = dead_letters.c.connection_id == connections.c.id

        def counted(what: Any, *where: ColumnElement[bool]) -> Any:
            return select(what).where(*where).correlate(connections).scalar_subquery()

        query = select(
            connections.c.id,
            connections.c.source,
            connections.c.name.label("connection"),
            connections.c.title,
            counted(func.count(partitions.c.id), of_connection).label("partitions"),
            counted(func.count(records.c.id), records.c.connection_id == connections.c.id).label(
                "records"
            ),
            counted(func.count(dead_letters.c.id), letters).label("dead_letters"),
            counted(func.count(raw_files.c.id), in_partition, of_connection).label("raw_files"),
            counted(func.sum(raw_files.c.rows), in_partition, of_connection, payloads).label(
                "raw_rows"
            ),
            counted(func.max(partitions.c.updated_at), of_connection).label("updated_at"),
        ).order_by(connections.c.source, connections.c.name)
        with self._backend.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [
            ConnectionState(
                **{
                    **row,
                    "raw_rows": int(row["raw_rows"] or 0),
                    "updated_at": row["updated_at"] and unpack_time(row["updated_at"]),
                }
            )
            for row in rows
        ]

    def partition(self, connection_id: int, key: str, name: str, kind: str) -> PartitionState:
        """See `Ledger.partition`."""
        name = clean_text(name)
        keyed = (partitions.c.connection_id == connection_id, partitions.c.key == key)
        with self._backend.read() as connection:
            row = connection.execute(select(partitions).where(*keyed)).one_or_none()
        if row is not None and (row.name, row.kind) == (name, kind):
            return _state(row)
        insert = self._backend.insert(partitions).values(
            connection_id=connection_id,
            key=key,
            name=name,
            kind=kind,
            generation=0,
            listing_open=False,
        )
        upsert = insert.on_conflict_do_update(
            index_elements=[partitions.c.connection_id, partitions.c.key],
            set_={"name": name, "kind": kind},
        )
        with self._backend.write() as connection:
            return _state(connection.execute(upsert.returning(*partitions.c)).one())

    def partitions(self, connection_id: int) -> list[PartitionState]:
        """See `Ledger.partitions`."""
        counts = (
            select(records.c.partition_id, func.count().label("number"))
            .where(
                records.c.partition_id.in_(
                    select(partitions.c.id).where(partitions.c.connection_id == connection_id)
                )
            )
            .group_by(records.c.partition_id)
            .subquery()
        )
        query = (
            select(*partitions.c, func.coalesce(counts.c.number, 0).label("records"))
            .outerjoin(counts, counts.c.partition_id == partitions.c.id)
            .where(partitions.c.connection_id == connection_id)
            .order_by(partitions.c.name, partitions.c.id)
        )
        with self._backend.read() as connection:
            return [_state(row, row.records) for row in connection.execute(query)]

    def begin_listing(self, partition_id: int, *, fresh: bool) -> int:
        """See `Ledger.begin_listing`."""
        this = partitions.c.id == partition_id
        begin = (
            update(partitions)
            .where(this, *(() if fresh else (~partitions.c.listing_open,)))
            .values(generation=partitions.c.generation + 1, listing_open=True)
            .returning(partitions.c.generation)
        )
        with self._backend.write() as connection:
            generation = connection.scalar(begin)
            if generation is None:
                generation = connection.scalar(select(partitions.c.generation).where(this))
        if generation is None:
            raise StoreError(
                f"The ledger {self._backend.address} knows no partition {partition_id}."
            )
        return int(generation)

    def access_said(self, partition_id: int, access: Sequence[str], at: datetime | None) -> None:
        """See `Ledger.access_said`."""
        self._say(partition_id, at, access_change={"access": list(access)})

    def container_said(
        self,
        partition_id: int,
        container: Mapping[str, Any],
        extra: Mapping[str, Any],
        at: datetime | None,
    ) -> None:
        """See `Ledger.container_said`."""
        self._say(partition_id, at, container_change={"container": container, "extra": extra})

    def _say(self, partition_id: int, at: datetime | None, **said: Mapping[str, Any]) -> None:
        moment = micros_now() if at is None else pack_time(at)
        values = {
            name: orjson.dumps({"at": moment, **value}, option=orjson.OPT_NON_STR_KEYS).decode()
            for name, value in said.items()
        }
        with self._backend.write() as connection:
            connection.execute(
                update(partitions).where(partitions.c.id == partition_id).values(**values)
            )

    def end_replay(self, connection_id: int) -> None:
        """See `Ledger.end_replay`."""
        with self._backend.write() as connection:
            connection.execute(
                update(partitions)
                .where(
                    partitions.c.connection_id == connection_id, partitions.c.replayed.is_not(None)
                )
                .values(replayed=None)
            )

    def reset_cursor(self, partition_id: int) -> None:
        """See `Ledger.reset_cursor`."""
        with self._backend.write() as connection:
            connection.execute(
                update(partitions).where(partitions.c.id == partition_id).values(cursor=None)
            )


def _state(row: Row[Any], number: int | None = None) -> PartitionState:
    cursor: Mapping[str, Any] | None = None if row.cursor is None else orjson.loads(row.cursor)
    return PartitionState(
        id=row.id,
        key=row.key,
        name=row.name,
        kind=row.kind,
        cursor=cursor,
        generation=row.generation,
        listing_open=bool(row.listing_open),
        records=number,
        updated_at=None if row.updated_at is None else unpack_time(row.updated_at),
        access_said=_access_said(row.access_change),
        container_said=_container_said(row.container_change),
        replayed=None if row.replayed is None else orjson.loads(row.replayed),
    )


def _access_said(text: str | None) -> AccessSaid | None:
    if text is None:
        return None
    said = orjson.loads(text)
    return AccessSaid(unpack_time(said["at"]), tuple(said["access"]))


def _container_said(text: str | None) -> ContainerSaid | None:
    if text is None:
        return None
    said = orjson.loads(text)
    return ContainerSaid(unpack_time(said["at"]), said["container"], said["extra"])
