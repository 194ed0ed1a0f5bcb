"""The sync of one partition: change stream, raw landing, documents, stores, ledger.

```
 pull ──► batches ──► transform + embed ──► batches ──► write
 (this thread)            (thread)                     (thread)
```

The three sides overlap. The queues between them hold a few batches, and a batch is bounded by count
and by bytes, so memory does not grow with the source. Plain Python: Prefect wraps it, tests call
it.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import monotonic
from typing import Final

import orjson

from documents.errors import DataGettersError
from documents.fingerprints import fingerprint
from exporters.base import BaseExporter, Partition
from exporters.caller import CallUsage, track_calls
from exporters.changes import (
    AccessChange,
    Change,
    Checkpoint,
    Complete,
    ContainerChange,
    Cursor,
    Delete,
    Failure,
    Listed,
    MembershipChange,
    Upsert,
)
from exporters.errors import CursorExpiredError, ExportError, InvalidDataError, Severity
from exporters.redaction import redactor
from stores.ledger.leases import Lease
from tasks.conveyor import Conveyor
from tasks.garbage import patient_collector
from tasks.options import SyncOptions
from tasks.results import PartitionOutcome, PartitionResult, Progress
from tasks.stores import Stores
from tasks.sweep import Sweeper
from tasks.transform import (
    ChangeBatch,
    EncodedUpsert,
    Item,
    Processing,
    Seen,
    Transformer,
    WriteBatch,
    item_key,
    stored_version,
)
from tasks.writer import PartitionRewriter, Writer

_LISTED_TOGETHER: Final = 500
"""Listed items whose versions are looked up together."""

_Waiting = Item | Listed | Checkpoint


@dataclass(frozen=True, kw_only=True)
class SyncContext:
    """What the partitions of one run share.

    Attributes:
        exporter: The source.
        connection: The account or tenant.
        connection_id: The ledger's id of it.
        stores: Where to.
        options: How.
        run_id: This run, also in the documents it writes.
        store_name: The document type.
        custom: The source's own processing step.
        lease: What lets this run write.
        progress: Told after each commit.
        on_wait: Told about once a second while a call waits: seconds left, and for what.
    """

    exporter: BaseExporter
    connection: str
    connection_id: int
    stores: Stores
    options: SyncOptions
    run_id: str
    store_name: str
    custom: Processing | None = None
    lease: Lease | None = None
    progress: Progress | None = None
    on_wait: Callable[[str, float, str], None] | None = None


class PartitionFailedError(DataGettersError):
    """A partition's sync stopped. What it committed stays; the next run goes on from there.

    Attributes:
        result: What was done until then.
        retryable: Whether trying again may help with nothing changed by a person.
        retry_after: Seconds to wait before, where the source says.
    """

    def __init__(self, result: PartitionResult, error: DataGettersError) -> None:
        super().__init__(str(error), hint=error.hint)
        self.result = result
        self.retryable = bool(getattr(error, "retryable", False))
        self.retry_after: float | None = getattr(error, "retry_after", None)


def sync_partition(
    context: SyncContext, partition: Partition, *, fresh: bool = False
) -> PartitionResult:
    """Brings one partition up to date.

    Args:
        context: What the run's partitions share.
        partition: Which.
        fresh: Forget the cursor and list everything again.

    Returns:
        What was done.

    Raises:
        PartitionFailedError: It stopped before its end, with the reason.
    """
    with patient_collector():
        return _PartitionSync(context, partition).sync(fresh=fresh)


def apply_changes(
    context: SyncContext, partition: Partition, changes: Iterable[Change]
) -> PartitionResult:
    """Takes changes that are not a listing, such as retried dead letters; the cursor stays.

    Raises:
        PartitionFailedError: It stopped before its end, with the reason.
    """
    return _PartitionSync(context, partition).apply(changes)


class _PartitionSync:
    """One partition, one attempt."""

    def __init__(self, context: SyncContext, partition: Partition) -> None:
        self._context = context
        self._partition = partition
        self._ledger = context.stores.ledger
        self._state = self._ledger.partition(
            context.connection_id, partition.key, partition.name, partition.kind
        )
        self._result = PartitionResult(key=partition.key, name=partition.name, kind=partition.kind)
        self._batch = ChangeBatch()
        self._batch_keys: set[str] = set()
        self._batch_started = monotonic()
        self._waiting: list[_Waiting] = []
        self._waiting_bytes = 0
        self._all_failures_told = True
        self._known_before = True
        self._generation = self._state.generation
        self._conveyor: Conveyor
        self._usage: CallUsage

    def sync(self, *, fresh: bool) -> PartitionResult:
        cursor = None if fresh else self._state.cursor
        with self._reporting():
            try:
                self._listing(cursor)
            except CursorExpiredError:
                if cursor is None:
                    raise
                self._ledger.reset_cursor(self._state.id)
                self._batch, self._waiting = ChangeBatch(), []
                self._listing(None)
        return self._result

    def apply(self, changes: Iterable[Change]) -> PartitionResult:
        with self._reporting(), self._carrying(resolves_seen=True):
            for change in changes:
                self._take(change)
            self._settle()
            self._flush()
        return self._result

    def _listing(self, cursor: Cursor | None) -> None:
        self._known_before = self._ledger.has_records(self._state.id)
        self._generation = self._ledger.begin_listing(self._state.id, fresh=cursor is None)
        self._all_failures_told = True
        with self._carrying():
            for change in self._context.exporter.pull(self._partition, cursor):
                self._take(change)
            self._settle()
            self._batch.closes_listing = True
            self._flush()

    def _take(self, change: Change) -> None:
        """Sorts one change into the batch, or acts on it when it concerns the whole partition."""
        match change:
            case Listed():
                self._waiting.append(change)
                if len(self._waiting) >= _LISTED_TOGETHER:
                    self._settle()
            case Complete():
                if change.full and self._known_before:
                    self._sweep(change)
            case MembershipChange() | ContainerChange():
                self._apply_to_partition(change)
            case AccessChange() if change.external_id is None:
                self._apply_to_partition(change)
            case _:
                item = self._item(change)
                if self._waiting:
                    self._waiting.append(item)
                    self._waiting_bytes += _size(item)
                    if self._waiting_bytes >= self._context.options.batch_bytes:
                        self._settle()
                else:
                    self._add(item)

    def _item(
        self, change: Upsert | Delete | AccessChange | Failure | Checkpoint
    ) -> Item | Checkpoint:
        match change:
            case Upsert():
                return encoded(change, self._context.exporter.transform_version)
            case Failure() if change.external_id is None:
                self._all_failures_told = False
        return change

    def _settle(self) -> None:
        """Looks up the versions of listed items together, and fetches those that moved."""
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        listed = [item.key for item in waiting if isinstance(item, Listed)]
        known = (
            {}
            if self._context.options.refetch or not listed
            else self._ledger.known(self._context.connection_id, listed)
        )
        for item in waiting:
            if not isinstance(item, Listed):
                self._add(item)
                continue
            state = known.get(item.key)
            version = stored_version(self._context.exporter, item.version)
            if state is not None and state.version == version:
                self._add(Seen(item.key))
            else:
                self._load(item)

    def _load(self, listed: Listed) -> None:
        try:
            for change in listed.load():
                match change:
                    case Upsert() | Delete() | AccessChange() | Failure():
                        self._add(self._item(change))
                    case _:
                        raise TypeError(f"{type(change).__name__} cannot come out of Listed.load")
        except ExportError as error:
            if error.severity is not Severity.ITEM:
                raise
            self._add(Failure(error=error, entity=listed.entity, external_id=listed.external_id))

    def _add(self, item: Item | Checkpoint) -> None:
        options = self._context.options
        if isinstance(item, Checkpoint):
            self._batch.cursor = item.cursor
        else:
            key = item_key(item)
            if key is not None and key in self._batch_keys:
                self._flush()
            if key is not None:
                self._batch_keys.add(key)
            if not self._batch.items:
                self._batch_started = monotonic()
            self._batch.items.append(item)
            self._batch.size += _size(item)
        if (
            len(self._batch.items) >= options.batch_records
            or self._batch.size >= options.batch_bytes
            or monotonic() - self._batch_started >= options.batch_seconds
        ):
            self._flush()

    def _flush(self) -> None:
        batch, self._batch, self._batch_keys = self._batch, ChangeBatch(), set()
        self._batch_started = monotonic()
        if batch.items or batch.cursor is not None or batch.closes_listing:
            self._conveyor.put(batch)

    def _drain(self) -> None:
        self._settle()
        self._flush()
        self._conveyor.drain()

    def _apply_to_partition(
        self, change: MembershipChange | ContainerChange | AccessChange
    ) -> None:
        """Applies a change that concerns no single item, after everything said before it."""
        self._drain()
        if self._context.lease is not None:
            self._context.lease.check()
        counts = self._result.counts
        rewriter = PartitionRewriter(
            self._context.stores,
            partition_id=self._state.id,
            generation=self._generation,
            custom=self._context.custom,
            lease=self._context.lease,
        )
        match change:
            case MembershipChange():
                self._ledger.set_members(
                    self._context.connection_id,
                    change.principal,
                    change.members,
                    as_of=change.as_of,
                )
            case ContainerChange():
                counts.changed += rewriter.change_container(change.container, change.extra)
            case AccessChange():
                counts.access_changed += rewriter.change_access(change.access)

    def _sweep(self, complete: Complete) -> None:
        self._drain()
        sweeper = Sweeper(
            ledger=self._ledger,
            exporter=self._context.exporter,
            partition=self._partition,
            partition_id=self._state.id,
            generation=self._generation,
            complete=complete,
            options=self._context.options,
        )
        for change in sweeper.changes(certain=self._all_failures_told):
            self._take(change)
        if sweeper.held_back:
            self._result.held_back += sweeper.held_back
            self._result.message = sweeper.reason

    @contextmanager
    def _carrying(self, *, resolves_seen: bool = False) -> Iterator[None]:
        context = self._context
        transformer = Transformer(
            exporter=context.exporter,
            partition=self._partition,
            connection=context.connection,
            connection_id=context.connection_id,
            partition_id=self._state.id,
            generation=self._generation,
            run_id=context.run_id,
            store_name=context.store_name,
            stores=context.stores,
            options=context.options,
            custom=context.custom,
            resolves_seen=resolves_seen,
        )
        writer = Writer(
            context.stores,
            transformer,
            lease=context.lease,
            counts=self._result.counts,
        )

        def write(batch: WriteBatch) -> None:
            writer.write(batch)
            self._report()

        with Conveyor(transformer, write) as self._conveyor:
            yield

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        """Counts calls and time, and turns what stops the partition into one kind of error."""
        result = self._result
        with track_calls(on_wait=self._tell_waiting) as self._usage:
            try:
                yield
            except DataGettersError as error:
                self._finish(PartitionOutcome.FAILED)
                result.message, result.error = error.sentence(), type(error).__name__
                raise PartitionFailedError(result, error) from error
            except BaseException as error:
                self._finish(PartitionOutcome.FAILED)
                result.message, result.error = str(error), type(error).__name__
                raise
            needs_attention = result.counts.failed or result.held_back
            self._finish(
                PartitionOutcome.ATTENTION if needs_attention else PartitionOutcome.COMPLETED
            )

    def _tell_waiting(self, seconds: float, reason: str) -> None:
        if self._context.on_wait is not None:
            self._context.on_wait(self._partition.name, seconds, reason)

    def _finish(self, outcome: PartitionOutcome) -> None:
        self._result.outcome = outcome
        self._result.ended = True
        self._report()

    def _report(self) -> None:
        result = self._result
        result.seconds = monotonic() - result.started
        result.counts.api_calls = self._usage.calls
        result.counts.seconds_waited = self._usage.seconds_waited
        if self._context.progress is not None:
            self._context.progress(result)


def encoded(upsert: Upsert, transform_version: int) -> EncodedUpsert | Failure:
    """The payload as sorted JSON: what lands, and what tells a moved record from the same.

    Args:
        upsert: The change.
        transform_version: Of the exporter; a newer one makes every record look moved.

    Returns:
        The upsert with its payload as bytes, free of our secrets, or what is wrong with it.
    """
    record = upsert.record
    try:
        payload = _json(record.payload)
        if redactor.finds_secrets(payload):
            record = replace(record, payload=redactor.payload(record.payload))
            payload = _json(record.payload)
    except (TypeError, ValueError) as error:
        return Failure(
            error=InvalidDataError(
                f"The {record.entity} {record.external_id} is no JSON: {error}.",
                external_id=record.external_id,
            ),
            entity=record.entity,
            external_id=record.external_id,
            url=record.url,
        )
    payload_hash = fingerprint(b"%d|%b" % (transform_version, payload))
    return EncodedUpsert(record, payload, payload_hash, upsert.partial)


def _json(payload: object) -> bytes:
    return orjson.dumps(payload, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def _size(item: object) -> int:
    return len(item.payload) if isinstance(item, EncodedUpsert) else 0
