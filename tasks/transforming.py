"""Transformation of what an extraction landed: one job is one batch of one partition.

The jobs of a partition are done in the order in which they were queued, whatever the order in which
a queue hands them out: a change of access or a delete means what came before it. So a job waits
while an older one of its partition is open, and only one worker has a partition at a time. A job
that was given up holds nobody back; when it is tried again later, it changes nothing that newer
jobs have said.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from exporters.base import Partition
from exporters.changes import (
    AccessChange,
    Children,
    ContainerChange,
    CopyChange,
    Delete,
    Failure,
    IdentityChange,
    MembershipChange,
)
from stores.errors import StoreCorruptError
from stores.ledger.extractions import KnownExtraction
from stores.ledger.job_types import Job, JobStatus
from stores.ledger.types import PartitionState
from tasks.batches import ChangeBatch, EncodedUpsert, Item, payload_hash
from tasks.context import SyncContext
from tasks.failures import record_of
from tasks.garbage import patient_collector
from tasks.partition_changes import PartitionChange, apply_to_partition
from tasks.partition_work import stages
from tasks.results import Counts
from tasks.scripts import TRANSFORM, Landed, Said, Script
from tasks.shared_documents import SharedDocuments

_SCRIPT_ROW: Final = 0


def transform_job(context: SyncContext, job: Job) -> Counts:
    """Makes documents of a landed batch. Doing it twice changes nothing.

    Args:
        context: As for a sync, with the lease of the job's partition. Its exporter is asked for
            nothing.
        job: The job; no older one of its partition is open.

    Raises:
        ValueError: The script is none that this version knows.
        StoreError: A store cannot be used, or a payload that is still needed is damaged.
        TooManyFailuresError: Item after item failed.
    """
    with patient_collector():
        transformation = _Transformation(context, job)
        transformation.run()
        return transformation.counts


def newer_done(context: SyncContext, job: Job) -> Iterator[Job]:
    """The jobs of the same partition that were queued later and are done, in order."""
    after = job.id
    while page := context.stores.ledger.jobs.page(
        source=job.source,
        connection=job.connection,
        partition=job.partition,
        type=TRANSFORM,
        status=JobStatus.DONE,
        after=after,
    ):
        yield from page
        after = page[-1].id


class _Transformation:
    """One job, one attempt."""

    def __init__(self, context: SyncContext, job: Job) -> None:
        self.counts = Counts()
        self._context = context
        self._job = job
        self._stores = context.stores
        self._script = self._read(job)
        place = self._script.partition
        self._partition = Partition(
            key=place["key"], name=place["name"], kind=place["kind"], options=place["options"]
        )
        self._state: PartitionState = self._stores.ledger.partition(
            context.connection_id, place["key"], place["name"], place["kind"]
        )
        self._shared = SharedDocuments.of(context.exporter, context.stores, context.connection_id)
        self._stages = stages(
            context,
            self._partition,
            partition_id=self._state.id,
            generation=self._state.generation,
            counts=self.counts,
            shared=self._shared,
        )

    def run(self) -> None:
        """Does the job, and what must follow it where newer ones are done already."""
        later = list(newer_done(self._context, self._job))
        files = [set(_files(job)) for job in later]
        newer = set().union(*files)
        said = self._timely(self._script.said, newer) if later else self._script.said
        self._say(said, self._script.at, newer)
        for job, own in zip(later, files, strict=True):
            # What newer jobs said of access and names holds, and is said again.
            newer -= own
            script = self._read(job)
            again = [one for one in script.said if _moves_access(one)]
            self._say(self._not_outdated(again, newer), script.at, newer)

    def _read(self, job: Job) -> Script:
        landed = self._stores.raw.read(f"{job.batch}#{_SCRIPT_ROW}")
        return Script.decoded(landed.row.payload)

    def _say(self, said: Sequence[Said], at: datetime, newer: Collection[str]) -> None:
        """Does what was said, in order, to records whose payload is in no newer file."""
        payloads = self._payloads([one for one in said if isinstance(one, Landed)])
        alive = self._alive([one.key for one in said if isinstance(one, Delete)])
        items: list[Item] = []
        landed: dict[str, str] = {}
        for one in said:
            if isinstance(one, MembershipChange | IdentityChange | ContainerChange) or (
                isinstance(one, AccessChange) and one.external_id is None
            ):
                self._write(items, landed)
                items, landed = [], {}
                self._apply(one, at, newer)
            elif isinstance(one, Landed):
                if (item := payloads.get(one.ref)) is not None:
                    items.append(item)
                    landed[one.key] = one.ref
            elif not isinstance(one, Delete) or one.key not in alive:
                items.append(one)
        self._write(items, landed)

    def _write(self, items: list[Item], landed: dict[str, str]) -> None:
        if items:
            batch = self._stages.transformer.transform(ChangeBatch(items=items))
            batch.landed = landed
            self._stages.embedding.embed(batch)
            self._stages.writer.write(batch)

    def _apply(self, change: PartitionChange, at: datetime, newer: Collection[str]) -> None:
        apply_to_partition(
            self._context,
            change,
            partition_id=self._state.id,
            generation=self._state.generation,
            shared=self._shared,
            counts=self.counts,
            said_at=at,
            spared=newer,
        )

    def _payloads(self, wanted: Sequence[Landed]) -> dict[str, EncodedUpsert]:
        """The payloads of a batch, by reference.

        Raises:
            StoreCorruptError: One is not there that is still its record's newest.
        """
        missing: list[tuple[Sequence[str], StoreCorruptError]] = []
        by_ref = {one.ref: one for one in wanted}
        version = self._context.exporter.transform_version
        found: dict[str, EncodedUpsert] = {}
        for landed in self._stores.raw.read_many(
            by_ref, on_damage=lambda refs, damage: missing.append((refs, damage))
        ):
            one = by_ref[landed.ref]
            found[landed.ref] = EncodedUpsert(
                record=replace(record_of(landed.row), parent=one.parent),
                payload=landed.row.payload,
                payload_hash=payload_hash(landed.row.payload, version),
                partial=one.partial,
                raw_ref=landed.ref,
            )
        if missing:
            newest = {place.record.raw_ref for place in self._known(o.key for o in wanted).values()}
            for refs, damage in missing:
                if not newest.isdisjoint(refs):
                    raise damage
        return found

    def _known(self, keys: Iterable[str]) -> dict[str, KnownExtraction]:
        extractions = self._stores.ledger.extractions
        return extractions.known(self._context.connection_id, list(keys))

    def _alive(self, deleted: Sequence[str]) -> set[str]:
        """Which of the deleted records came back since: a later job brings them."""
        return set(self._known(deleted)) if deleted else set()

    def _timely(self, said: Sequence[Said], newer: Collection[str]) -> list[Said]:
        """What newer jobs have not said otherwise."""
        known = self._known([one.key for one in said if isinstance(one, Landed)])
        kept = [
            one
            for one in said
            if not isinstance(one, Landed | Children | Failure)
            or (
                isinstance(one, Landed)
                and one.key in known
                and known[one.key].record.raw_ref == one.ref
            )
        ]
        return self._not_outdated(kept, newer)

    def _not_outdated(self, said: Sequence[Said], newer: Collection[str]) -> list[Said]:
        """Without changes of items whose payload is in a newer file and knows better."""
        known = self._known([key for one in said if (key := _changed_item(one)) is not None])
        outdated = {
            key
            for key, place in known.items()
            if (place.record.raw_ref or "").rpartition("#")[0] in newer
        }
        return [one for one in said if _changed_item(one) not in outdated]


def _files(job: Job) -> list[str]:
    """The files with the payloads of a job."""
    return list(job.details.get("files", ()))


def _changed_item(one: Said) -> str | None:
    """The record of which access, or what only one copy has, was said."""
    if isinstance(one, AccessChange | CopyChange) and one.external_id is not None:
        return f"{one.entity}:{one.external_id}"
    return None


def _moves_access(one: Said) -> bool:
    return isinstance(
        one, AccessChange | CopyChange | ContainerChange | MembershipChange | IdentityChange
    )
