"""What goes into the raw landing and comes out of it."""

from dataclasses import dataclass
from datetime import datetime

from stores.ledger.types import RawFile


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRow:
    """A payload as the vendor gave it, with what is needed to make a record of it again.

    Attributes:
        source: The source's name.
        connection: The account or tenant.
        partition: Key of the partition.
        entity: What the item is.
        external_id: The vendor's id.
        payload: JSON, as it came.
        url: Where a person opens the item.
        occurred_at: When the item came to be at the source, with time zone.
        version: The vendor's version mark.
        fetched_at: When the vendor gave the payload, with time zone.
    """

    source: str
    connection: str
    partition: str
    entity: str
    external_id: str
    payload: bytes
    fetched_at: datetime
    url: str | None = None
    occurred_at: datetime | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class LandedRow:
    """A row that was read.

    Attributes:
        ref: Its reference, as documents hold it in `raw_ref`.
        run_id: The run that landed it.
        row: What was landed; times in UTC.
    """

    ref: str
    run_id: str
    row: RawRow


@dataclass(frozen=True, slots=True)
class Landing:
    """What an `append` did.

    Attributes:
        refs: The references of the rows, in their order.
        files: The files that hold them, to be vouched for by the ledger.
    """

    refs: list[str]
    files: list[RawFile]


@dataclass(slots=True)
class CompactionReport:
    """What a compaction did.

    Attributes:
        merged: How many files were merged.
        made: How many files were made of them.
        removed: How many files were removed, merged long enough ago.
        leftovers: How many half-written files of killed processes were removed.
        damaged: Files that cannot be read; they were left alone.
    """

    merged: int
    made: int
    removed: int
    leftovers: int
    damaged: list[str]
