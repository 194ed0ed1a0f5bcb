"""What was extracted, as a listing asks for it; and where the first extraction begins."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stores.ledger.extraction_types import ExtractedRecord, ExtractionBatch
from stores.ledger.extractions import KnownExtraction
from stores.ledger.ledger import Ledger
from stores.ledger.types import DeadLetter, ExtractionStatus, PartitionState, UnseenSummary
from tasks.books import Known
from tasks.context import SyncContext
from tasks.versions import NOTHING


@dataclass(frozen=True, slots=True)
class _Extracted:
    """An extracted record, as a listing needs it."""

    place: KnownExtraction

    @property
    def key(self) -> str:
        return self.place.record.key

    @property
    def payload_hash(self) -> str:
        return self.place.record.payload_hash

    @property
    def version(self) -> str | None:
        return self.place.record.version

    @property
    def url(self) -> str | None:
        return None


@dataclass(frozen=True, slots=True)
class ExtractionBook:
    """What was extracted, as the listing of a sync asks for it. Methods are those of `Book`."""

    ledger: Ledger

    def partition(self, connection_id: int, key: str, name: str, kind: str) -> PartitionState:
        """The partition, with the cursor and the listing of its extractions."""
        state = self.ledger.partition(connection_id, key, name, kind)
        extracted = self.ledger.extractions.state(state.id)
        return replace(
            state,
            cursor=extracted.cursor,
            generation=extracted.generation,
            listing_open=extracted.listing_open,
        )

    def has_records(self, partition_id: int) -> bool:
        """Whether anything of a partition was extracted yet."""
        return self.ledger.extractions.has_any(partition_id)

    def begin_listing(self, partition_id: int, *, fresh: bool) -> int:
        """Begins a listing by an extraction, or goes on with one."""
        return self.ledger.extractions.begin_listing(partition_id, fresh=fresh)

    def reset_cursor(self, partition_id: int) -> None:
        """Forgets the cursor of the extractions."""
        self.ledger.extractions.reset_cursor(partition_id)

    def known(self, connection_id: int, keys: Collection[str]) -> Mapping[str, Known]:
        """The extracted records among these keys."""
        found = self.ledger.extractions.known(connection_id, keys)
        return {key: _Extracted(place) for key, place in found.items()}

    def unseen(self, partition_id: int, **part: Any) -> UnseenSummary:
        """Compares a listing with what was extracted before it began."""
        return self.ledger.extractions.unseen(partition_id, **part)

    def unseen_records(self, partition_id: int, **part: Any) -> Iterator[Sequence[Known]]:
        """The extracted records that a listing did not see, in pages."""
        for page in self.ledger.extractions.unseen_records(partition_id, **part):
            yield [_Extracted(place) for place in page]

    def orphans(self, partition_id: int, *, generation: int) -> Iterator[Sequence[Known]]:
        """Those of them whose owner was not extracted, in pages."""
        for page in self.ledger.extractions.orphans(partition_id, generation=generation):
            yield [_Extracted(place) for place in page]

    def dead_letters(self, **where: Any) -> list[DeadLetter]:
        """The items that are set aside."""
        return self.ledger.dead_letters(**where)

    def resolve_dead_letters(self, letter_ids: Collection[int]) -> int:
        """Takes dead letters away."""
        return self.ledger.resolve_dead_letters(letter_ids)


def take_over(context: SyncContext, partition_id: int) -> None:
    """Begins the first extraction of a partition where its syncs have come to.

    What they know is known here too, with its version, so it is not fetched again; its payload was
    told apart by other fingerprints, so one that is fetched counts as moved.
    """
    ledger = context.stores.ledger
    [state] = [p for p in ledger.partitions(context.connection_id) if p.id == partition_id]
    batch = ExtractionBatch(partition_id=partition_id, generation=0, run_id=context.run_id)
    for page in ledger.records_of(partition_id):
        batch.records = [
            ExtractedRecord(
                key=record.key,
                payload_hash=NOTHING,
                version=record.version.partition("|")[2] if record.version else None,
                fetched_at=record.fetched_at,
                occurred_at=record.occurred_at,
                raw_ref=record.raw_ref,
                parent=record.parent,
                status=ExtractionStatus.TRANSFORMED,
            )
            for record in page
            # Of one that a store refused, the payload is wanted again.
            if record.payload_hash != NOTHING
        ]
        ledger.commit_extraction(batch, lease=context.lease)
    batch.records = []
    # What a listing that is still open has seen is not known here: it is begun anew.
    batch.cursor = None if state.listing_open else state.cursor
    batch.listing_closed = True
    if batch.cursor is not None:
        ledger.commit_extraction(batch, lease=context.lease)
