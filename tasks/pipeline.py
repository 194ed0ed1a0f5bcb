"""The sync of one partition: change stream, raw landing, documents, stores, ledger.

```
 pull ──► batches ──► transform ──► batches ──► embed ──► batches ──► write
 (this thread)        (thread)                 (thread)              (thread)
```

The stages overlap. The queues between them hold a few batches, and a batch is bounded by count
and by bytes, so memory does not grow with the source. Plain Python: Prefect wraps it, tests call
it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Final

from exporters.base import Partition
from exporters.caller import CallUsage, track_calls
from exporters.changes import (
    AccessChange,
    Change,
    Checkpoint,
    Children,
    Complete,
    ContainerChange,
    CopyChange,
    Cursor,
    Delete,
    Failure,
    IdentityChange,
    Listed,
    MembershipChange,
    Upsert,
    Withheld,
)
from exporters.errors import CursorExpiredError
from exporters.limiter import WaitInterruptedError
from exporters.loading import answers
from exporters.redaction import redactor
from stores.ledger.types import DeadLetter
from tasks.batches import (
    ChangeBatch,
    EncodedUpsert,
    Item,
    Seen,
    encoded,
    item_key,
)
from tasks.books import Book, Known, Sink
from tasks.context import SyncContext
from tasks.conveyor import Conveyor
from tasks.garbage import patient_collector
from tasks.loading_messages import Opening
from tasks.loading_process import Carrier, SwitchingCarrier
from tasks.partition_changes import PartitionChange, apply_to_partition
from tasks.partition_errors import failed
from tasks.partition_work import stages
from tasks.results import Counts, PartitionOutcome, PartitionResult
from tasks.set_aside import SetAside
from tasks.shared_documents import SharedDocuments
from tasks.sweep import Sweeper
from tasks.versions import is_current

_WAITING_TOGETHER: Final = 500
"""Listed items, and what follows them, that wait until their versions are looked up together."""

_Waiting = Item | Listed | Checkpoint


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
        return PartitionSync(context, partition).sync(fresh=fresh)


def apply_changes(
    context: SyncContext, partition: Partition, changes: Iterable[Change]
) -> PartitionResult:
    """Takes changes that are not a listing, such as retried dead letters; the cursor stays.

    Raises:
        PartitionFailedError: It stopped before its end, with the reason.
    """
    return PartitionSync(context, partition).apply(changes)


class PartitionSync:
    """One partition, one attempt.

    An extraction is the same with other ends: see `tasks.extraction`.
    """

    def __init__(self, context: SyncContext, partition: Partition) -> None:
        self._context = context
        self._partition = partition
        self._ledger = self._book(context)
        self._state = self._ledger.partition(
            context.connection_id, partition.key, partition.name, partition.kind
        )
        self._result = PartitionResult(key=partition.key, name=partition.name, kind=partition.kind)
        self._begin_batch()
        self._waiting: list[_Waiting] = []
        self._waiting_bytes = 0
        self._all_failures_told = True
        self._withheld: Withheld | None = None
        self._known_before = True
        self._generation = self._state.generation
        self._set_aside = SetAside((), context.exporter)
        self._shared = SharedDocuments.of(context.exporter, context.stores, context.connection_id)
        self._conveyor: Carrier | Sink
        self._usage: CallUsage

    def _book(self, context: SyncContext) -> Book:
        """Where is written down what is known."""
        return context.stores.ledger

    def _is_current(self, item: Listed, state: Known | None) -> bool:
        """Whether a listed item need not be fetched."""
        return is_current(self._context.exporter, item, state)

    def _encoded(self, upsert: Upsert) -> EncodedUpsert | Failure:
        return encoded(upsert, self._context.exporter.transform_version)

    def sync(self, *, fresh: bool) -> PartitionResult:
        """Lists or goes on listing; see `sync_partition`."""
        cursor = None if fresh else self._state.cursor
        with self._reporting():
            if fresh and self._state.cursor is not None:
                # An attempt that fails before its first checkpoint is to be followed by another
                # listing from the beginning.
                self._ledger.reset_cursor(self._state.id)
            try:
                self._listing(cursor)
            except CursorExpiredError:
                if cursor is None:
                    raise
                self._ledger.reset_cursor(self._state.id)
                self._listing(None)
        return self._result

    def apply(self, changes: Iterable[Change]) -> PartitionResult:
        """Takes changes; see `apply_changes`."""
        with self._reporting(), self._carrying(resolves_seen=True):
            for change in changes:
                self._take(change)
            self._settle()
            self._flush()
        return self._result

    def _listing(self, cursor: Cursor | None) -> None:
        self._known_before = self._ledger.has_records(self._state.id)
        self._generation = self._ledger.begin_listing(self._state.id, fresh=cursor is None)
        resumed = cursor is not None and self._state.listing_open
        letters = self._letters() if resumed or cursor is None else []
        self._all_failures_told = not (resumed and any(one.key is None for one in letters))
        self._set_aside = SetAside(letters, self._context.exporter)
        self._begin_batch()
        self._waiting, self._waiting_bytes = [], 0
        with self._carrying():
            for change in self._pulled(cursor):
                self._take(change)
            self._settle()
            self._batch.closes_listing = True
            self._flush()

    def _pulled(self, cursor: Cursor | None) -> Iterator[Change]:
        """What the source says. When it fails, what it said before is committed first."""
        with self._committing_before_failing():
            yield from self._context.exporter.pull(self._partition, cursor)

    @contextmanager
    def _committing_before_failing(self) -> Iterator[None]:
        try:
            yield
        except Exception:
            self._flush()
            self._conveyor.drain()
            raise

    def _take(self, change: Change) -> None:
        """Sorts one change into the batch, or acts on it when it concerns the whole partition."""
        if self._context.stop.is_set():
            raise WaitInterruptedError("The run was stopped.")
        match change:
            case Listed():
                self._wait_for_versions(change)
            case Complete():
                if change.full and self._known_before:
                    self._sweep(change)
                if change.full and change.since is None and change.until is None:
                    self._settle_untold_failures()
            case Withheld():
                self._withheld = change
            case MembershipChange() | IdentityChange() | ContainerChange():
                self._apply_to_partition(change)
            case AccessChange() if change.external_id is None:
                self._apply_to_partition(change)
            case _:
                item = self._item(change)
                if self._waiting:
                    self._wait_for_versions(item)
                else:
                    self._add(item)

    def _wait_for_versions(self, item: _Waiting) -> None:
        """Holds back a listed item, or what follows one, until a few can be settled together."""
        options = self._context.options
        if not self._waiting:
            self._waiting_since = monotonic()
        self._waiting.append(item)
        self._waiting_bytes += _size(item)
        if (
            len(self._waiting) >= _WAITING_TOGETHER
            or self._waiting_bytes >= options.batch_bytes
            or monotonic() - self._waiting_since >= options.batch_seconds
        ):
            self._settle()

    def _item(
        self, change: Upsert | Delete | Children | AccessChange | CopyChange | Failure | Checkpoint
    ) -> Item | Checkpoint:
        match change:
            case Upsert():
                return self._encoded(change)
            case Failure() if item_key(change) is None:
                self._all_failures_told = False
        return change

    def _settle(self) -> None:
        """Looks up the versions of listed items together, and fetches those that moved."""
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        self._resolve(waiting)

    def _resolve(self, waiting: Sequence[_Waiting]) -> None:
        listed = [item.key for item in waiting if isinstance(item, Listed)]
        known: Mapping[str, Known] = (
            {}
            if self._context.options.refetch or not listed
            else self._ledger.known(self._context.connection_id, listed)
        )
        moved: dict[str, Listed] = {}
        for item in waiting:
            if not isinstance(item, Listed):
                if moved and (isinstance(item, Checkpoint) or item_key(item) in {None, *moved}):
                    self._load(moved.values())
                    moved = {}
                self._add(item)
            elif not self._set_aside.take(item.key) and self._is_current(item, known.get(item.key)):
                self._add(Seen(item.key))
            else:
                moved[item.key] = item
        self._load(moved.values())

    def _load(self, moved: Iterable[Listed]) -> None:
        """Fetches items. What belongs to one is fetched and committed before it, or with it.

        An item that is known counts as read: were it committed first and the run killed then,
        nothing would ask for its attachments again, or say which of them failed.
        """
        with self._committing_before_failing():
            for answer in answers(moved):
                own: list[Item | Checkpoint] = []
                belonging: list[_Waiting] = []
                for said in answer:
                    if isinstance(said, Listed):
                        belonging.append(said)
                    else:
                        own.append(self._item(said))
                self._resolve(belonging)
                failed = {item_key(item) for item in own if isinstance(item, Failure)}
                for item in self._set_aside.judged(own):
                    holds = isinstance(item, EncodedUpsert) and item.record.key in failed
                    self._add(item, holds=holds)

    def _add(self, item: Item | Checkpoint, *, holds: bool = False) -> None:
        """Adds to the batch; hands it on where it is full, unless this item `holds` it open."""
        options = self._context.options
        if isinstance(item, Checkpoint):
            self._batch.cursor = item.cursor
        else:
            for gone in self._set_aside.gone_with(item):
                self._add(gone)
            key = item_key(item)
            if key in self._batch_keys and not (
                isinstance(item, Failure) and isinstance(self._batch_keys[key], EncodedUpsert)
            ):
                self._flush()
            if key is not None:
                self._batch_keys[key] = item
            if not self._batch.items:
                self._batch_started = monotonic()
            self._batch.items.append(item)
            self._batch.size += _size(item)
        if not holds and (
            len(self._batch.items) >= options.batch_records
            or self._batch.size >= options.batch_bytes
            or monotonic() - self._batch_started >= options.batch_seconds
        ):
            self._flush()

    def _begin_batch(self) -> None:
        self._batch = ChangeBatch()
        self._batch_keys: dict[str | None, Item] = {}
        self._batch_started = monotonic()

    def _flush(self) -> None:
        batch = self._batch
        self._begin_batch()
        if batch.items or batch.cursor is not None or batch.closes_listing:
            self._conveyor.put(batch)

    def _drain(self) -> None:
        self._settle()
        self._flush()
        self._conveyor.drain()

    def _apply_to_partition(self, change: PartitionChange) -> None:
        """Applies a change that concerns no single item, after everything said before it."""
        self._drain()
        apply_to_partition(
            self._context,
            change,
            partition_id=self._state.id,
            generation=self._generation,
            shared=self._shared,
            counts=self._result.counts,
        )

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

    def _letters(self) -> list[DeadLetter]:
        """What was set aside in this partition."""
        return self._ledger.dead_letters(
            source=self._context.exporter.source,
            connection=self._context.connection,
            partition=self._partition.key,
        )

    def _settle_untold_failures(self) -> None:
        """A whole listing in which every item could be read settles what had failed namelessly."""
        if not self._all_failures_told:
            return
        if untold := [one.id for one in self._letters() if one.key is None and one.id is not None]:
            self._drain()
            self._ledger.resolve_dead_letters(untold)

    @contextmanager
    def _carrying(self, *, resolves_seen: bool = False) -> Iterator[None]:
        here = Conveyor(
            stages(
                self._context,
                self._partition,
                partition_id=self._state.id,
                generation=self._generation,
                counts=self._result.counts,
                shared=self._shared,
                resolves_seen=resolves_seen,
                on_commit=self._report,
            )
        )
        with self._apart(here, resolves_seen=resolves_seen) as self._conveyor:
            yield

    def _apart(self, here: Conveyor, *, resolves_seen: bool) -> Carrier:
        """What stores large batches beside this process, where that is wanted."""
        context, loader = self._context, self._context.loader
        if loader is None:
            return here
        opening = Opening(
            partition=self._partition,
            partition_id=self._state.id,
            generation=self._generation,
            resolves_seen=resolves_seen,
            lease=context.lease.proof if context.lease is not None else None,
            secrets=redactor.known,
        )

        def committed(counts: Counts) -> None:
            self._result.counts.add(counts)
            self._report()

        return SwitchingCarrier(
            here,
            loader,
            lambda: loader.carrier(opening, lease=context.lease, on_commit=committed),
        )

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        """Counts calls and time, and turns what stops the partition into one kind of error."""
        result = self._result
        stop = self._context.stop
        with track_calls(on_wait=self._tell_waiting, stop=stop) as self._usage:
            try:
                yield
            except Exception as error:
                stopped = failed(result, error)
                self._finish(PartitionOutcome.FAILED)
                raise stopped from error
            except BaseException as error:
                result.message, result.error = "It was stopped.", type(error).__name__
                self._finish(PartitionOutcome.FAILED)
                raise
            self._finish(self._outcome())

    def _outcome(self) -> PartitionOutcome:
        """How a partition that came to its end is to be told."""
        result, withheld = self._result, self._withheld
        if withheld is not None:
            result.message = " ".join(part for part in (withheld.reason, result.message) if part)
            if withheld.everything:
                return PartitionOutcome.SKIPPED
        needs_attention = result.counts.failed or result.held_back or withheld is not None
        return PartitionOutcome.ATTENTION if needs_attention else PartitionOutcome.COMPLETED

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


def _size(item: object) -> int:
    return len(item.payload) if isinstance(item, EncodedUpsert) else 0
