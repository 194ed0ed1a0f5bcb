"""Committing a batch: records, dead letters, files and cursor in one transaction."""

from typing import Any, Final

import orjson
from sqlalchemy import Connection, bindparam, case, delete, update

from stores.ledger.backend import Backend, BulkInsert, micros_now
from stores.ledger.copies import CopyBook
from stores.ledger.dead_letters import DeadLetterWriter
from stores.ledger.extraction_commits import OutcomeWriter
from stores.ledger.landing import LandedFiles, begin_commit
from stores.ledger.leases import HeldLease
from stores.ledger.packing import clean_text, pack_documents, pack_hash, pack_time
from stores.ledger.records import RecordReader
from stores.ledger.statements import among, seen_elsewhere, seen_in_place
from stores.ledger.tables import partitions, records
from stores.ledger.types import LedgerBatch, RecordState

_OF_CONNECTION: Final = records.c.connection_id == bindparam("of_connection")
_WITH_KEYS: Final = among(records.c.key, "keys")

_DELETE: Final = delete(records).where(_OF_CONNECTION, _WITH_KEYS)

_SEE: Final = seen_in_place(records)
_SEE_ELSEWHERE: Final = seen_elsewhere(records)
_SET_DOCUMENTS: Final = (
    update(records)
    .where(_OF_CONNECTION, records.c.key == bindparam("of_key"))
    .values(documents=bindparam("packed"))
)


class BatchWriter:
    """Commits the batches of a ledger."""

    def __init__(self, backend: Backend, reader: RecordReader, copies: CopyBook) -> None:
        self._backend = backend
        self._reader = reader
        self._copies = copies
        self._upsert = _upsert_records(backend)
        self._upsert_unlisted = _upsert_records(backend, listed=False)
        self._files = LandedFiles(backend)
        self._dead_letters = DeadLetterWriter(backend)
        self._outcomes = OutcomeWriter()

    def commit(self, batch: LedgerBatch, lease: HeldLease | None) -> None:
        """See `Ledger.commit`."""
        changed = {record.key: record for record in batch.records}
        if not changed.keys().isdisjoint(batch.deleted):
            raise ValueError("a batch both writes and deletes the same record")
        with self._backend.write() as connection:
            partition = begin_commit(self._backend, connection, batch.partition_id, lease)
            scope = {"of_connection": partition.connection_id}
            if batch.deleted:
                connection.execute(_DELETE, {**scope, "keys": batch.deleted})
            if batch.raw_files:
                self._files.add(connection, batch.partition_id, batch.raw_files)
            if changed:
                self._write(connection, partition.connection_id, batch, list(changed.values()))
            if batch.seen and batch.listed:
                self._see(connection, scope, batch)
            if batch.documents:
                self._set_documents(connection, partition.connection_id, batch)
            if batch.copies_gone:
                self._copies.forget(connection, partition.connection_id, batch.copies_gone)
            if batch.copies:
                self._copies.write(connection, partition.connection_id, batch.copies)
            self._dead_letters.write(
                connection, partition.connection_id, batch.resolved, batch.dead_letters
            )
            if batch.outcomes:
                places = self._files.places(
                    connection, ((o.key, o.raw_ref) for o in batch.outcomes)
                )
                self._outcomes.write(connection, partition.connection_id, batch.outcomes, places)
            self._close(connection, batch)

    def _write(
        self,
        connection: Connection,
        connection_id: int,
        batch: LedgerBatch,
        changed: list[RecordState],
    ) -> None:
        prefix = self._reader.prefix(connection, connection_id)
        places = self._files.places(connection, ((r.key, r.raw_ref) for r in changed))
        rows = []
        for record in changed:
            file_id, row_number = places.get(record.raw_ref or "", (None, None))
            rows.append(
                (  # in the order of the table's columns
                    connection_id,
                    batch.partition_id,
                    batch.generation,
                    batch.generation,
                    record.key,
                    pack_hash(record.payload_hash),
                    record.version,
                    pack_time(record.fetched_at),
                    record.occurred_at and pack_time(record.occurred_at),
                    pack_documents(record.documents, prefix, record.key),
                    file_id,
                    row_number,
                    record.url and clean_text(record.url),
                    record.parent,
                )
            )
        upsert = self._upsert if batch.listed else self._upsert_unlisted
        upsert.execute(connection, rows)

    def _see(self, connection: Connection, scope: dict[str, int], batch: LedgerBatch) -> None:
        values = {
            **scope,
            "keys": batch.seen,
            "place": batch.partition_id,
            "listing": batch.generation,
        }
        if connection.execute(_SEE, values).rowcount < len(batch.seen):
            connection.execute(_SEE_ELSEWHERE, values)

    def _set_documents(
        self, connection: Connection, connection_id: int, batch: LedgerBatch
    ) -> None:
        prefix = self._reader.prefix(connection, connection_id)
        connection.execute(
            _SET_DOCUMENTS,
            [
                {
                    "of_connection": connection_id,
                    "of_key": key,
                    "packed": pack_documents(documents, prefix, key),
                }
                for key, documents in batch.documents.items()
            ],
        )

    def _close(self, connection: Connection, batch: LedgerBatch) -> None:
        values: dict[str, Any] = {"updated_at": micros_now()}
        if batch.cursor is not None:
            values["cursor"] = orjson.dumps(batch.cursor).decode()
        if batch.replayed is not None:
            values["replayed"] = orjson.dumps(batch.replayed).decode()
        if batch.listing_closed:
            # A listing that was begun afresh in the meantime stays open.
            values["listing_open"] = case(
                (partitions.c.generation == batch.generation, False),
                else_=partitions.c.listing_open,
            )
        connection.execute(
            update(partitions).where(partitions.c.id == batch.partition_id).values(**values)
        )


def _upsert_records(backend: Backend, *, listed: bool = True) -> BulkInsert:
    insert = backend.insert(records)
    new = insert.excluded
    kept = {"id", "connection_id", "key", "added"} | (set() if listed else {"generation"})
    replaced = {column.name: new[column.name] for column in records.c if column.name not in kept}
    stays = records.c.partition_id == new.partition_id
    upsert = insert.on_conflict_do_update(
        index_elements=[records.c.connection_id, records.c.key],
        set_={**replaced, "added": case((stays, records.c.added), else_=new.added)},
    )
    return backend.bulk_insert(records, upsert)
