"""Deleting what a complete listing did not show, and not deleting it when that looks wrong."""

from collections.abc import Iterator
from itertools import islice

from exporters.base import BaseExporter, Partition
from exporters.changes import Change, Complete, Delete, DeleteReason, Failure
from exporters.errors import ExportError, Severity
from tasks.batches import Swept
from tasks.books import Book, Known
from tasks.options import SyncOptions


class Sweeper:
    """Decides about the records of a partition that a listing left unseen.

    Missing is not gone: a page may have come back empty, a permission may be lost. Where the source
    can be asked for single items, missing ones are asked for before they are taken as gone. Where
    it cannot, an empty listing deletes nothing, and no sweep goes beyond the guard.

    Attributes:
        held_back: Documents that would have been deleted and were not.
        reason: Why, as a sentence; empty when nothing was held back.
    """

    def __init__(
        self,
        *,
        ledger: Book,
        exporter: BaseExporter,
        partition: Partition,
        partition_id: int,
        generation: int,
        complete: Complete,
        options: SyncOptions,
    ) -> None:
        self._ledger = ledger
        self._exporter = exporter
        self._partition = partition
        self._partition_id = partition_id
        self._generation = generation
        self._complete = complete
        self._options = options
        self.held_back = 0
        self.reason = ""

    def changes(self, *, certain: bool) -> Iterator[Change]:
        """Yields what the listing's gaps come to.

        Args:
            certain: Whether every failure of the listing could be told by its item. If not, a
                missing item may be one that failed.

        Yields:
            Deletes, and upserts of items that turned out to be there after all.
        """
        if certain and self._complete.since is None and self._complete.until is None:
            yield from self._orphans()
        scope = self._ledger.unseen(
            self._partition_id,
            generation=self._generation,
            since=self._complete.since,
            until=self._complete.until,
        )
        if scope.unseen == 0:
            return
        allowed = scope.unseen * 100 <= self._options.max_delete_percent * scope.known
        if self._options.max_delete_percent >= 100:
            yield from self._deletes()
        elif not certain:
            self._hold(scope.unseen, scope.known, "items failed that could not be told apart")
        else:
            yield from self._confirmed(scope.unseen, scope.known, allowed=allowed)

    def _orphans(self) -> Iterator[Change]:
        """Deletes what belongs to items that are neither known nor listed."""
        for page in self._ledger.orphans(self._partition_id, generation=self._generation):
            for record in page:
                entity, _, external_id = record.key.partition(":")
                yield Swept(entity, external_id, DeleteReason.PURGED)

    def _confirmed(self, unseen: int, known: int, *, allowed: bool) -> Iterator[Change]:
        sample = list(islice(self._unseen(), self._options.confirm_deletes))
        whole = len(sample) == unseen
        if not sample or (not whole and not allowed):
            yield from self._by_guard(unseen, known, allowed=allowed)
            return
        alive = 0
        for record in sample:
            changes = self._asked(record)
            if changes is None:
                yield from self._by_guard(unseen, known, allowed=allowed)
                return
            alive += not any(isinstance(c, Delete) and c.key == record.key for c in changes)
            yield from changes
        if whole:
            return
        if alive:
            self._hold(unseen - len(sample), known, f"{alive} missing ones were there when asked")
        else:
            yield from self._deletes()

    def _asked(self, record: Known) -> list[Change] | None:
        """What the source says of a missing item; None when it cannot be asked."""
        entity, _, external_id = record.key.partition(":")
        try:
            answer = self._exporter.fetch(self._partition, entity, external_id)
            return None if answer is None else list(answer)
        except ExportError as error:
            if error.severity is not Severity.ITEM:
                raise
            return [Failure(error=error, entity=entity, external_id=external_id, url=record.url)]

    def _by_guard(self, unseen: int, known: int, *, allowed: bool) -> Iterator[Change]:
        if unseen == known:
            self._hold(unseen, known, "the listing came back empty")
        elif allowed:
            yield from self._deletes()
        else:
            self._hold(unseen, known, f"the guard is {self._options.max_delete_percent:g} %")

    def _deletes(self) -> Iterator[Change]:
        for record in self._unseen():
            entity, _, external_id = record.key.partition(":")
            yield Swept(entity, external_id, DeleteReason.PURGED)

    def _unseen(self) -> Iterator[Known]:
        for page in self._ledger.unseen_records(
            self._partition_id,
            generation=self._generation,
            since=self._complete.since,
            until=self._complete.until,
        ):
            yield from page

    def _hold(self, unseen: int, known: int, why: str) -> None:
        self.held_back += unseen
        self.reason = (
            f"{unseen} of {known} known items of {self._partition.name} "
            f"({unseen / known:.0%}) were missing from the listing and nothing was deleted: "
            f"{why}. If they are really gone, run again with --max-delete-percent 100."
        )
