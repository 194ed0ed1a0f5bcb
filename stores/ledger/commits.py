"""Committing a batch: records, dead letters, files and cursor in one transaction."""

from typing import Any, Final

import orjson
from sqlalchemy import Connection, Row, bindparam, case, delete, func, select, update

from documents.fingerprints import fingerprint
from stores.errors import StoreError
from stores.ledger.backend import Backend, BulkInsert, micros_now
from stores.ledger.copies import CopyBook
from stores.ledger.leases import Lease
from stores.ledger.packing import clean_text, pack_documents, pack_hash, pack_time
from stores.ledger.records import RecordReader
from stores.ledger.statements import among, unindexed
from stores.ledger.tables import dead_letters, partitions, raw_files, records
from stores.ledger.types import DeadLetter, LedgerBatch, RecordState

_MESSAGE_LIMIT: Final = 2_000

_OF_CONNECTION: Final = records.c.connection_id == bindparam("of_connection")
_WITH_KEYS: Final = among(records.c.key, "keys")

_DELETE: Final = delete(records).where(_OF_CONNECTION, _WITH_KEYS)

# Two statements, because one that sets the partition writes the partition's index for every row.
_SEE: Final = (
    update(records)
    .where(
        _OF_CONNECTION,
        _WITH_KEYS,
        unindexed(records.c.partition_id) == bindparam("place"),
        records.c.generation != bindparam("listing"),
    )
    .values(generation=bindparam("listing"))
)
_SEE_ELSEWHERE: Final = (
    update(records)
    .where(_OF_CONNECTION, _WITH_KEYS, unindexed(records.c.partition_id) != bindparam("place"))
    .values(
        partition_id=bindparam("place"), generation=bindparam("listing"), added=bindparam("listing")
    )
)
_SET_DOCUMENTS: Final = (
    update(records)
    .where(_OF_CONNECTION, records.c.key == bindparam("of_key"))
    .values(documents=bindparam("packed"))
)
_FILES: Final = select(raw_files.c.path, raw_files.c.id).where(among(raw_files.c.path, "paths"))
_RESOLVE: Final = delete(dead_letters).where(
    dead_letters.c.connection_id == bindparam("of_connection"), among(dead_letters.c.key, "keys")
)


class BatchWriter:
    """Commits the batches of a ledger."""

    def __init__(self, backend: Backend, reader: RecordReader, copies: CopyBook) -> None:
        self._backend = backend
        self._reader = reader
        self._copies = copies
        self._upsert = _upsert_records(backend)
        self._upsert_unlisted = _upsert_records(backend, listed=False)
        self._add_files = backend.insert(raw_files).on_conflict_do_nothing()
        self._set_aside = _upsert_dead_letters(backend)

    def commit(self, batch: LedgerBatch, lease: Lease | None) -> None:
        """See `Ledger.commit`."""
        changed = {record.key: record for record in batch.records}
        if not changed.keys().isdisjoint(batch.deleted):
            raise ValueError("a batch both writes and deletes the same record")
        with self._backend.write() as connection:
            partition = self._begin(connection, batch, lease)
            scope = {"of_connection": partition.connection_id}
            if batch.deleted:
                connection.execute(_DELETE, {**scope, "keys": batch.deleted})
            if batch.raw_files:
                self._land(connection, batch)
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
            if batch.resolved:
                connection.execute(_RESOLVE, {**scope, "keys": batch.resolved})
            if batch.dead_letters:
                rows = [_dead_letter(letter, scope) for letter in batch.dead_letters]
                connection.execute(self._set_aside, rows)
            self._close(connection, batch)

    def _begin(self, connection: Connection, batch: LedgerBatch, lease: Lease | None) -> Row[Any]:
        query = select(partitions.c.connection_id).where(partitions.c.id == batch.partition_id)
        partition = connection.execute(query).one_or_none()
        if partition is None:
            raise StoreError(
                f"The ledger {self._backend.address} knows no partition {batch.partition_id}."
            )
        # Records move between partitions, so two commits of a connection could each wait for a row
        # of the other.
        self._backend.lock(connection, partition.connection_id)
        if lease is not None:
            lease.verify(connection)
        return partition

    def _land(self, connection: Connection, batch: LedgerBatch) -> None:
        connection.execute(
            self._add_files,
            [
                {
                    "partition_id": batch.partition_id,
                    "entity": file.entity,
                    "path": file.path,
                    "rows": file.rows,
                }
                for file in batch.raw_files
            ],
        )

    def _write(
        self,
        connection: Connection,
        connection_id: int,
        batch: LedgerBatch,
        changed: list[RecordState],
    ) -> None:
        prefix = self._reader.prefix(connection, connection_id)
        files: dict[str, int] = {}
        if paths := {ref.rpartition("#")[0] for record in changed if (ref := record.raw_ref)}:
            found = connection.execute(_FILES, {"paths": list(paths)}).all()
            files = {row.path: row.id for row in found}
        rows = []
        for record in changed:
            file_id = row_number = None
            if record.raw_ref is not None:
                path, _, number = record.raw_ref.rpartition("#")
                if path not in files:
                    raise ValueError(
                        f"the payload of {record.key} is in {record.raw_ref}, a file that the "
                        "ledger does not vouch for"
                    )
                file_id, row_number = files[path], int(number)
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


def _upsert_dead_letters(backend: Backend) -> Any:
    insert = backend.insert(dead_letters)
    new = insert.excluded
    return insert.on_conflict_do_update(
        index_elements=[
            dead_letters.c.connection_id,
            dead_letters.c.partition,
            dead_letters.c.item,
        ],
        set_={
            "attempts": dead_letters.c.attempts + new.attempts,
            "error": new.error,
            "message": new.message,
            "run_id": new.run_id,
            "last_seen": new.last_seen,
            "url": func.coalesce(new.url, dead_letters.c.url),
            "raw_ref": func.coalesce(new.raw_ref, dead_letters.c.raw_ref),
        },
    )


def _dead_letter(letter: DeadLetter, scope: dict[str, int]) -> dict[str, Any]:
    if letter.document_id is not None:
        item = f"document {letter.document_id}"
    elif letter.key is not None:
        item = f"record {letter.key}"
    else:
        item = f"{letter.error} {letter.url or letter.message}"
    last_seen = pack_time(letter.last_seen) if letter.last_seen else micros_now()
    return {
        "connection_id": scope["of_connection"],
        "partition": letter.partition,
        "item": pack_hash(fingerprint(item.encode(errors="surrogatepass"))),
        "key": letter.key,
        "document_id": letter.document_id,
        "url": letter.url and clean_text(letter.url),
        "error": letter.error,
        "message": clean_text(letter.message, limit=_MESSAGE_LIMIT),
        "raw_ref": letter.raw_ref,
        "run_id": letter.run_id,
        "attempts": letter.attempts,
        "first_seen": pack_time(letter.first_seen) if letter.first_seen else last_seen,
        "last_seen": last_seen,
    }
