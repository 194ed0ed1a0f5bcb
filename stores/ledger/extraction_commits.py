"""Committing a batch of an extraction: records, files, jobs and cursor in one transaction.

The jobs are an outbox: they are queued with what they are about or not at all, and a broker is told
of them afterwards.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, Connection, bindparam, case, literal_column, update

from stores.ledger.backend import Backend, BulkInsert, micros_now
from stores.ledger.dead_letters import DeadLetterWriter
from stores.ledger.extraction_types import ExtractedRecord, ExtractionBatch
from stores.ledger.jobs import JobBook
from stores.ledger.landing import LandedFiles, begin_commit
from stores.ledger.leases import HeldLease
from stores.ledger.packing import clean_text, pack_hash, pack_time
from stores.ledger.statements import among, seen_elsewhere, seen_in_place
from stores.ledger.tables import extracted, extractions
from stores.ledger.types import ExtractionOutcome, ExtractionStatus

_ERROR_LIMIT: Final = 2_000

_OF_CONNECTION: Final = extracted.c.connection_id == bindparam("of_connection")
_WITH_KEYS: Final = among(extracted.c.key, "keys")

_DELETE: Final = (
    update(extracted)
    .where(_OF_CONNECTION, _WITH_KEYS)
    .values(status=ExtractionStatus.DELETED, generation=bindparam("listing"), error=None)
)

_SEE: Final = seen_in_place(extracted)
_SEE_ELSEWHERE: Final = seen_elsewhere(extracted)
_SET_OUTCOME: Final = (
    update(extracted)
    .where(
        _OF_CONNECTION,
        extracted.c.key == bindparam("of_key"),
        extracted.c.raw_file_id == bindparam("file"),
        extracted.c.raw_row == bindparam("number"),
        extracted.c.status != ExtractionStatus.DELETED,
    )
    .values(status=bindparam("outcome"), error=bindparam("why"))
)


class ExtractionWriter:
    """Commits the extraction batches of a ledger."""

    def __init__(self, backend: Backend, jobs: JobBook) -> None:
        self._backend = backend
        self._jobs = jobs
        self._files = LandedFiles(backend)
        self._dead_letters = DeadLetterWriter(backend)
        self._outcomes = OutcomeWriter()
        self._upsert = _upsert_extracted(backend)

    def commit(self, batch: ExtractionBatch, lease: HeldLease | None) -> None:
        """See `Ledger.commit_extraction`."""
        changed = {record.key: record for record in batch.records}
        if not changed.keys().isdisjoint(batch.deleted):
            raise ValueError("a batch both writes and deletes the same record")
        with self._backend.write() as connection:
            partition = begin_commit(self._backend, connection, batch.partition_id, lease)
            scope = {"of_connection": partition.connection_id, "listing": batch.generation}
            if batch.deleted:
                connection.execute(_DELETE, {**scope, "keys": batch.deleted})
            if batch.raw_files:
                self._files.add(connection, batch.partition_id, batch.raw_files)
            jobs: dict[str, int] = {}
            if batch.jobs:
                jobs = self._jobs.write(
                    connection,
                    partition.connection_id,
                    batch.partition_id,
                    batch.jobs,
                    batch.run_id,
                )
            if changed:
                self._write(connection, partition.connection_id, batch, changed, jobs)
            if batch.seen:
                values = {**scope, "keys": batch.seen, "place": batch.partition_id}
                if connection.execute(_SEE, values).rowcount < len(batch.seen):
                    connection.execute(_SEE_ELSEWHERE, values)
            self._dead_letters.write(
                connection, partition.connection_id, batch.resolved, batch.dead_letters
            )
            self._close(connection, batch)

    def set_outcomes(self, connection_id: int, outcomes: Sequence[ExtractionOutcome]) -> None:
        """See `Ledger.set_outcomes`."""
        if not outcomes:
            return
        with self._backend.write() as connection:
            places = self._files.places(connection, ((o.key, o.raw_ref) for o in outcomes))
            self._outcomes.write(connection, connection_id, outcomes, places)

    def _write(
        self,
        connection: Connection,
        connection_id: int,
        batch: ExtractionBatch,
        changed: Mapping[str, ExtractedRecord],
        jobs: Mapping[str, int],
    ) -> None:
        places = self._files.places(connection, ((r.key, r.raw_ref) for r in changed.values()))
        rows = []
        for record in changed.values():
            ref = record.raw_ref or ""
            file_id, row_number = places.get(ref, (None, None))
            rows.append(
                (  # in the order of the table's columns
                    connection_id,
                    batch.partition_id,
                    batch.generation,
                    batch.generation,
                    record.key.partition(":")[0],
                    record.key,
                    pack_hash(record.payload_hash),
                    record.version,
                    pack_time(record.fetched_at),
                    record.occurred_at and pack_time(record.occurred_at),
                    file_id,
                    row_number,
                    record.parent,
                    record.status.value,
                    record.error and clean_text(record.error, limit=_ERROR_LIMIT),
                    jobs.get(ref.rpartition("#")[0]),
                    batch.run_id,
                )
            )
        self._upsert.execute(connection, rows)

    def _close(self, connection: Connection, batch: ExtractionBatch) -> None:
        values: dict[str, Any] = {"updated_at": micros_now()}
        if batch.cursor is not None:
            values["cursor"] = orjson.dumps(batch.cursor).decode()
        closed = dict(values)
        if batch.listing_closed:
            # A listing that was begun afresh in the meantime stays open.
            closed["listing_open"] = case(
                (extractions.c.generation == batch.generation, False),
                else_=extractions.c.listing_open,
            )
        insert = self._backend.insert(extractions).values(
            partition_id=batch.partition_id,
            generation=batch.generation,
            listing_open=not batch.listing_closed,
            **values,
        )
        connection.execute(
            insert.on_conflict_do_update(
                index_elements=[extractions.c.partition_id],
                set_=closed,
            )
        )


class OutcomeWriter:
    """Writes down what became of landed payloads, in the transaction of a commit."""

    def write(
        self,
        connection: Connection,
        connection_id: int,
        outcomes: Sequence[ExtractionOutcome],
        places: Mapping[str, tuple[int, int]],
    ) -> None:
        """Sets the status of records whose payload is still the one that was landed there."""
        connection.execute(
            _SET_OUTCOME,
            [
                {
                    "of_connection": connection_id,
                    "of_key": outcome.key,
                    "file": places[outcome.raw_ref][0],
                    "number": places[outcome.raw_ref][1],
                    "outcome": outcome.status.value,
                    "why": outcome.error and clean_text(outcome.error, limit=_ERROR_LIMIT),
                }
                for outcome in outcomes
            ],
        )


def _upsert_extracted(backend: Backend) -> BulkInsert:
    insert = backend.insert(extracted)
    new = insert.excluded
    replaced = {
        column.name: new[column.name]
        for column in extracted.c
        if column.name not in {"id", "connection_id", "key", "entity", "added"}
    }
    # A record that comes back after it was deleted was not known before this listing.
    # The status is written into the statement: rows fill its parameters.
    deleted: ColumnElement[str] = literal_column(f"'{ExtractionStatus.DELETED}'")
    stays = (extracted.c.partition_id == new.partition_id) & (extracted.c.status != deleted)
    upsert = insert.on_conflict_do_update(
        index_elements=[extracted.c.connection_id, extracted.c.key],
        set_={**replaced, "added": case((stays, extracted.c.added), else_=new.added)},
    )
    return backend.bulk_insert(extracted, upsert)
