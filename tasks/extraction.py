"""Extraction of one partition: change stream, raw landing, jobs. No document is made here.

The same listing as a sync's (`tasks.pipeline`), with other ends: what is known is what was
extracted, a batch ends in the landing, and what is left to do with it is a job in the ledger, in
one transaction with the cursor. `tasks.transforming` does the jobs.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson

from exporters.base import Partition
from exporters.changes import (
    AccessChange,
    Children,
    CopyChange,
    Delete,
    Failure,
    IdentityChange,
    Listed,
    MembershipChange,
    Upsert,
)
from exporters.errors import InvalidDataError
from exporters.redaction import redactor
from exporters.schemas import Schemas, complaint
from stores.ledger.extraction_types import ExtractedRecord, ExtractionBatch
from stores.ledger.extractions import KnownExtraction
from stores.ledger.job_types import NewJob
from stores.ledger.types import DeadLetter, ExtractionStatus, PartitionState
from stores.raw.types import RawRow
from tasks.bad_items import TooManyFailuresError
from tasks.batches import (
    ChangeBatch,
    EncodedUpsert,
    FailedAgain,
    Item,
    Quarantined,
    Seen,
    Settled,
    Swept,
    encoded,
    item_key,
    raw_row,
)
from tasks.books import Book, Known
from tasks.context import SyncContext
from tasks.extraction_book import ExtractionBook, take_over
from tasks.garbage import patient_collector
from tasks.partition_changes import PartitionChange
from tasks.pipeline import PartitionSync
from tasks.results import Counts, PartitionResult
from tasks.scripts import SCRIPT, TRANSFORM, Landed, Said, Script
from tasks.versions import NOTHING, is_the_known, says_nothing_new

_NO_TRANSFORMATION = 0
"""Extraction compares what came, whatever is made of it."""


def extract_partition(
    context: SyncContext,
    partition: Partition,
    *,
    schemas: Schemas,
    request: Mapping[str, Any],
    fresh: bool = False,
) -> PartitionResult:
    """Lands what moved in a partition, and queues what is to be made of it.

    Args:
        context: What the run's partitions share.
        partition: Which.
        schemas: What payloads must hold; what does not is landed and set aside.
        request: What of the source was asked for, to be kept with what landed.
        fresh: Forget the cursor and list everything again.

    Raises:
        PartitionFailedError: It stopped before its end, with the reason.
    """
    with patient_collector():
        extraction = _PartitionExtraction(context, partition, schemas, request)
        return extraction.sync(fresh=fresh)


class _PartitionExtraction(PartitionSync):
    """One partition, one attempt."""

    def __init__(
        self,
        context: SyncContext,
        partition: Partition,
        schemas: Schemas,
        request: Mapping[str, Any],
    ) -> None:
        super().__init__(context, partition)
        if self._state.generation == 0:
            take_over(context, self._state.id)
            book = self._book(context)
            self._state = book.partition(
                context.connection_id, partition.key, partition.name, partition.kind
            )
        self._schemas = schemas
        self._request = request
        self._said: list[Said] = []
        self._cursor = self._state.cursor

    def _book(self, context: SyncContext) -> Book:
        return ExtractionBook(context.stores.ledger)

    def _is_current(self, item: Listed, state: Known | None) -> bool:
        return state is not None and (item.version is None or state.version == item.version)

    def _encoded(self, upsert: Upsert) -> EncodedUpsert | Failure:
        return encoded(upsert, _NO_TRANSFORMATION)

    def _apply_to_partition(self, change: PartitionChange) -> None:
        """Has it said after everything before it, and before what follows.

        Who is in what is said by a source in every run: lists that name nobody new need no job.
        """
        if self._is_known(change):
            return
        self._drain()
        self._said.append(change)

    def _is_known(self, change: PartitionChange) -> bool:
        """Whether nothing is left to be said. Whoever left a list is out of it at once."""
        if not isinstance(change, MembershipChange | IdentityChange):
            return False
        context = self._context
        if context.lease is not None:
            context.lease.check()
        membership, connection = context.stores.ledger.membership, context.connection_id
        if isinstance(change, MembershipChange):
            listed = (change.principal, change.members, change.as_of)
            return not membership.remove_leavers(connection, *listed)
        return not membership.identities_moved(connection, change.people, change.as_of)

    @contextmanager
    def _carrying(self, *, resolves_seen: bool = False) -> Iterator[None]:
        del resolves_seen
        self._said.clear()
        self._conveyor = self
        yield

    def put(self, batch: ChangeBatch) -> None:
        """Lands a batch and queues its job; all of it is durable when this returns."""
        said, self._said = self._said, []
        landing = _Landing(
            self._context, self._partition, self._state, self._generation, self._schemas
        )
        prepared = landing.prepared(batch, said, before=self._cursor, request=self._request)
        if self._context.lease is not None:
            self._context.lease.check()
        self._context.stores.ledger.commit_extraction(prepared, lease=self._context.lease)
        if batch.cursor is not None:
            self._cursor = batch.cursor
        self._result.counts.add(landing.counts)
        self._report()
        if landing.stop is not None:
            raise landing.stop

    def drain(self) -> None:
        """Nothing waits here."""


class _Landing:
    """Works out one batch of an extraction."""

    def __init__(
        self,
        context: SyncContext,
        partition: Partition,
        state: PartitionState,
        generation: int,
        schemas: Schemas,
    ) -> None:
        self._context = context
        self._partition = partition
        self._state = state
        self._schemas = schemas
        self._extractions = context.stores.ledger.extractions
        self._batch = ExtractionBatch(
            partition_id=state.id, generation=generation, run_id=context.run_id
        )
        self._said: list[Said] = []
        self._failed_in_a_row = 0
        self.counts = Counts()
        self.stop: TooManyFailuresError | None = None

    def prepared(
        self,
        batch: ChangeBatch,
        said: Sequence[Said],
        *,
        before: Mapping[str, Any] | None,
        request: Mapping[str, Any],
    ) -> ExtractionBatch:
        """Lands payloads and script; what the ledger is to write of it."""
        out = self._batch
        out.cursor, out.listing_closed = batch.cursor, batch.closes_listing
        self._said += said
        keys = [key for key in map(item_key, batch.items) if key is not None]
        known = self._extractions.known(self._context.connection_id, keys)
        upserts = (item for item in batch.items if isinstance(item, EncodedUpsert))
        moved = [i for i in upserts if not self._is_unmoved(i, known.get(i.record.key))]
        refs = self._land(moved)
        for item in batch.items:
            self._take(item, known, refs)
        self._add_job(before, request)
        if self.stop is not None:
            out.cursor, out.listing_closed = None, False
        return out

    def _is_unmoved(self, item: EncodedUpsert, known: KnownExtraction | None) -> bool:
        if known is None:
            return False
        record = known.record
        if self._context.options.refetch and is_the_known(item, record.payload_hash):
            return False  # its payload may be damaged or gone from the landing
        return says_nothing_new(item, record.payload_hash, record.fetched_at)

    def _land(self, moved: Sequence[EncodedUpsert]) -> dict[str, str]:
        if not moved:
            return {}
        source, connection = self._context.exporter.source, self._context.connection
        rows = [raw_row(source, connection, self._partition.key, item) for item in moved]
        landing = self._context.stores.raw.append(rows, run_id=self._context.run_id)
        self._batch.raw_files += landing.files
        self.counts.landed += len(rows)
        return {i.record.key: ref for i, ref in zip(moved, landing.refs, strict=True)}

    def _take(
        self, item: Item, known: Mapping[str, KnownExtraction], refs: Mapping[str, str]
    ) -> None:
        match item:
            case Failure():
                self._fail(item)
                self._forget_payload(known.get(item_key(item) or ""))
                return
            case EncodedUpsert() if item.record.key in refs:
                if not self._upsert(item, refs[item.record.key], known.get(item.record.key)):
                    return
            case EncodedUpsert():
                self._unmoved(item, known[item.record.key])
            case Settled():
                self._batch.resolved.append(item.key)
                return
            case Seen():
                self._batch.seen.append(item.key)
                self.counts.unchanged += 1
            case Delete():
                self._delete(item, known)
            case Children():
                self._said.append(item)
                self._forget(
                    place
                    for place in self._extractions.children(
                        self._context.connection_id, [item.parent]
                    )
                    if _is_unlisted(place.record.key, item)
                )
            case CopyChange() | AccessChange():
                self._said.append(item)
                self.counts.access_changed += isinstance(item, AccessChange)
        self._failed_in_a_row = 0

    def _upsert(self, item: EncodedUpsert, ref: str, known: KnownExtraction | None) -> bool:
        """Takes a payload that landed; tells whether it looks as it should."""
        record = item.record
        wrong = complaint(self._schemas, record.entity, record.payload)
        self._batch.records.append(
            ExtractedRecord(
                key=record.key,
                payload_hash=item.payload_hash,
                version=record.version,
                fetched_at=record.fetched_at,
                occurred_at=record.occurred_at,
                raw_ref=ref,
                parent=record.parent,
                status=ExtractionStatus.QUARANTINED if wrong else ExtractionStatus.LANDED,
                error=wrong,
            )
        )
        if wrong is not None:
            hint = "Its payload is kept; what reads it may have to be adapted."
            self._fail(
                Quarantined(
                    error=InvalidDataError(wrong, external_id=record.external_id, hint=hint),
                    entity=record.entity,
                    external_id=record.external_id,
                    url=record.url,
                    raw_ref=ref,
                )
            )
            return False
        self._said.append(Landed(record.key, ref, record.parent, item.partial))
        if known is None:
            self.counts.new += 1
        else:
            self.counts.changed += 1
        return True

    def _unmoved(self, item: EncodedUpsert, known: KnownExtraction) -> None:
        """Remembers the version of an item of which nothing else moved, as a sync does."""
        record, old = item.record, known.record
        self.counts.unchanged += 1
        if (
            record.version not in {None, old.version}
            and old.payload_hash == item.payload_hash
            and old.fetched_at <= record.fetched_at
        ):
            self._batch.records.append(
                replace(old, version=record.version, fetched_at=record.fetched_at)
            )
        else:
            self._batch.seen.append(record.key)

    def _forget_payload(self, known: KnownExtraction | None) -> None:
        """Has what failed queue a job when it comes next, as it was before too: that settles it."""
        if known is not None and known.record.key not in {r.key for r in self._batch.records}:
            self._batch.records.append(replace(known.record, payload_hash=NOTHING))

    def _delete(self, item: Delete, known: Mapping[str, KnownExtraction]) -> None:
        place = known.get(item.key)
        if place is not None and isinstance(item, Swept) and self._is_elsewhere(place):
            return
        if place is not None:
            self._forget([place])
        else:
            self._said.append(Delete(item.entity, item.external_id, item.reason))
            self._forget(self._extractions.children(self._context.connection_id, [item.key]))

    def _is_elsewhere(self, place: KnownExtraction) -> bool:
        """Whether a record was seen after all since it was found missing."""
        return place.partition_id != self._state.id or place.generation >= self._batch.generation

    def _forget(self, places: Iterable[KnownExtraction]) -> None:
        """Forgets records and what belongs to them; the script says so for each."""
        going = list(places)
        while going:
            keys = [place.record.key for place in going]
            self._batch.deleted += keys
            for key in keys:
                entity, _, external_id = key.partition(":")
                self._said.append(Delete(entity, external_id))
            self.counts.deleted += len(keys)
            going = self._extractions.children(self._context.connection_id, keys)

    def _fail(self, failure: Failure) -> None:
        key = item_key(failure)
        if key is None:
            # At once, because a sweep of this listing looks for such.
            self._batch.dead_letters.append(
                DeadLetter(
                    source=self._context.exporter.source,
                    connection=self._context.connection,
                    partition=self._partition.key,
                    key=None,
                    error=type(failure.error).__name__,
                    message=redactor.text(failure.error.sentence()),
                    run_id=self._context.run_id,
                    url=redactor.url(failure.url) if failure.url else None,
                )
            )
        else:
            self._said.append(failure)
            if not isinstance(failure, Quarantined):
                self._batch.seen.append(key)
        self.counts.failed += 1
        self._failed_in_a_row += not isinstance(failure, FailedAgain)
        if self._failed_in_a_row >= self._context.options.max_consecutive_failures:
            self.stop = self.stop or TooManyFailuresError(
                f"{self._failed_in_a_row} items of {self._partition.name} failed in a row; "
                f"the last one: {failure.error.sentence()}"
            )

    def _add_job(self, before: Mapping[str, Any] | None, request: Mapping[str, Any]) -> None:
        """Lands the script, where anything was said, and queues the job that follows it."""
        if not self._said:
            return
        context, partition = self._context, self._partition
        now = datetime.now(UTC)
        script = Script(
            run=context.run_id,
            at=now,
            partition={
                "key": partition.key,
                "name": partition.name,
                "kind": partition.kind,
                "options": dict(partition.options),
            },
            before=before,
            cursor=self._batch.cursor,
            request=request,
            said=self._said,
        )
        row = RawRow(
            source=context.exporter.source,
            connection=context.connection,
            partition=partition.key,
            entity=SCRIPT,
            external_id=context.run_id,
            payload=_without_secrets(script.encoded()),
            fetched_at=now,
        )
        landing = context.stores.raw.append([row], run_id=context.run_id)
        [file] = landing.files
        entities = {one.key.partition(":")[0] for one in self._said if isinstance(one, Landed)}
        self._batch.raw_files += landing.files
        self._batch.jobs.append(
            NewJob(
                type=TRANSFORM,
                entity=next(iter(entities)) if len(entities) == 1 else None,
                batch=file.path,
                rows=len(self._said),
                details={"files": [f.path for f in self._batch.raw_files if f is not file]},
                key=file.path,
            )
        )


def _without_secrets(script: bytes) -> bytes:
    if redactor.finds_secrets(script):
        return orjson.dumps(redactor.payload(orjson.loads(script)))
    return script


def _is_unlisted(key: str, listed: Children) -> bool:
    begin = f"{listed.entity}:"
    return key.startswith(begin) and key[len(begin) :] not in listed.external_ids
