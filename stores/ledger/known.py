"""A record as the ledger holds it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from stores.ledger.packing import unpack_documents, unpack_time
from stores.ledger.types import KnownDocument, RecordState


class KnownRecord:
    """A `RecordState` with its place in the ledger, unpacked field by field as it is asked for.

    Most records of a sync are asked for two fields and passed over; unpacking all of them would
    cost more than reading them.

    Attributes:
        id: Row id.
        connection_id: The account.
        partition_id: The partition that it was last seen in.
        generation: The listing (of that partition) that saw it last.
        added: The listing in which it came into that partition.
        key: Its name within the connection.
        version: The vendor's version mark.
        url: Where a person opens it.
        parent: Key of the record it belongs to.
    """

    __slots__ = (
        "_documents",
        "_fetched_at",
        "_occurred_at",
        "_paths",
        "_payload_hash",
        "_prefix",
        "_raw_file_id",
        "_raw_row",
        "added",
        "connection_id",
        "generation",
        "id",
        "key",
        "parent",
        "partition_id",
        "url",
        "version",
    )

    def __init__(self, row: Sequence[Any], prefix: str, paths: Mapping[int, str]) -> None:
        """Wraps a row.

        Args:
            row: Of `tables.records`, all columns in order.
            prefix: `source:connection:` of the record.
            paths: Of the raw files, by row id.
        """
        self._prefix = prefix
        self._paths = paths
        self.id: int
        self.connection_id: int
        self.partition_id: int
        self.generation: int
        self.added: int
        self.key: str
        self._payload_hash: bytes
        self.version: str | None
        self._fetched_at: int
        self._occurred_at: int | None
        self._documents: bytes
        self._raw_file_id: int | None
        self._raw_row: int | None
        self.url: str | None
        self.parent: str | None
        (
            self.id,
            self.connection_id,
            self.partition_id,
            self.generation,
            self.added,
            self.key,
            self._payload_hash,
            self.version,
            self._fetched_at,
            self._occurred_at,
            self._documents,
            self._raw_file_id,
            self._raw_row,
            self.url,
            self.parent,
        ) = row

    @property
    def payload_hash(self) -> str:
        """Fingerprint of its payload."""
        return self._payload_hash.hex()

    @property
    def fetched_at(self) -> datetime:
        """When the vendor gave the payload."""
        return unpack_time(self._fetched_at)

    @property
    def occurred_at(self) -> datetime | None:
        """When the item came to be at the source."""
        return None if self._occurred_at is None else unpack_time(self._occurred_at)

    @property
    def documents(self) -> tuple[KnownDocument, ...]:
        """The documents made of it, in order."""
        return unpack_documents(self._documents, self._prefix, self.key)

    @property
    def raw_ref(self) -> str | None:
        """Where its payload landed."""
        if self._raw_file_id is None:
            return None
        return f"{self._paths[self._raw_file_id]}#{self._raw_row}"

    def state(self) -> RecordState:
        """All of it, as it was committed."""
        return RecordState(
            key=self.key,
            payload_hash=self.payload_hash,
            version=self.version,
            fetched_at=self.fetched_at,
            occurred_at=self.occurred_at,
            documents=self.documents,
            raw_ref=self.raw_ref,
            url=self.url,
            parent=self.parent,
        )

    def __repr__(self) -> str:
        return f"KnownRecord({self.key!r}, partition_id={self.partition_id})"
