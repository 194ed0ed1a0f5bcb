"""What a listing needs of whoever keeps what is known: the ledger's records, or an extraction's."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from stores.ledger.types import DeadLetter, PartitionState, UnseenSummary
from tasks.batches import ChangeBatch


class Known(Protocol):
    """A record as it is known."""

    @property
    def key(self) -> str:
        """Its name within the connection."""

    @property
    def payload_hash(self) -> str:
        """Fingerprint of its payload."""

    @property
    def version(self) -> str | None:
        """Its version mark, as it was stored."""

    @property
    def url(self) -> str | None:
        """Where a person opens it."""


class Book(Protocol):
    """Where is written down what is known, and how far a partition was listed.

    Methods are those of `stores.ledger.ledger.Ledger`.
    """

    def partition(self, connection_id: int, key: str, name: str, kind: str) -> PartitionState:
        """A partition, added where it is new."""

    def has_records(self, partition_id: int) -> bool:
        """Whether anything is known of a partition yet."""

    def begin_listing(self, partition_id: int, *, fresh: bool) -> int:
        """Begins a listing, or goes on with one."""

    def reset_cursor(self, partition_id: int) -> None:
        """Forgets the cursor."""

    def known(self, connection_id: int, keys: Collection[str]) -> Mapping[str, Known]:
        """The records among these keys that are known."""

    def unseen(
        self,
        partition_id: int,
        *,
        generation: int,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> UnseenSummary:
        """Compares a listing with what was known before it began."""

    def unseen_records(
        self,
        partition_id: int,
        *,
        generation: int,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[Sequence[Known]]:
        """The records that a listing did not see, in pages."""

    def orphans(self, partition_id: int, *, generation: int) -> Iterator[Sequence[Known]]:
        """The records that a listing did not see and whose owner is not known, in pages."""

    def dead_letters(
        self,
        *,
        source: str | None = None,
        connection: str | None = None,
        partition: str | None = None,
        limit: int | None = None,
    ) -> list[DeadLetter]:
        """The items that are set aside."""

    def resolve_dead_letters(self, letter_ids: Collection[int]) -> int:
        """Takes dead letters away."""


class Sink(Protocol):
    """Where batches of changes go."""

    def put(self, batch: ChangeBatch) -> None:
        """Hands a batch on."""

    def drain(self) -> None:
        """Waits until everything put so far is durable."""
