"""Records, dead letters and partitions to test with."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from documents.fingerprints import text_hash
from stores.ledger.ledger import Ledger
from stores.ledger.types import DeadLetter, KnownDocument, LedgerBatch, RawFile, RecordState

SOURCE = "slack"
TEAM = "T1"
NOON = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)


def document(identifier: str, text: str = "", access: str = "public") -> KnownDocument:
    """A document that the stores hold."""
    return KnownDocument(identifier, text_hash(text or identifier), text_hash(access))


def record(key: str, text: str = "", **changes: Any) -> RecordState:
    """A record with one document, whose content follows from `text`."""
    values: dict[str, Any] = {
        "key": key,
        "payload_hash": text_hash(text or key),
        "version": "1",
        "fetched_at": NOON,
        "occurred_at": NOON - timedelta(days=1),
        "documents": (document(f"{SOURCE}:{TEAM}:{key}", text),),
        "raw_ref": None,
        "url": f"https://example.com/{key}",
    }
    return RecordState(**{**values, **changes})


def letter(key: str | None, **changes: Any) -> DeadLetter:
    """An item that was set aside."""
    values: dict[str, Any] = {
        "source": SOURCE,
        "connection": TEAM,
        "partition": "C1",
        "key": key,
        "error": "InvalidDataError",
        "message": "The thread has no messages.",
        "run_id": "run-1",
    }
    return DeadLetter(**{**values, **changes})


def raw_file(name: str, entity: str = "thread", rows: int = 10, partition: str = "C1") -> RawFile:
    """A landed file."""
    path = f"source={SOURCE}/entity={entity}/date=2026-11-20/{name}.parquet"
    return RawFile(path, SOURCE, TEAM, partition, entity, rows)


@dataclass
class Channel:
    """A partition and how to write to it.

    Attributes:
        ledger: The ledger.
        connection: Number of its connection.
        id: Row id.
        generation: The listing under way.
    """

    ledger: Ledger
    connection: int
    id: int
    generation: int

    @classmethod
    def of(cls, ledger: Ledger, key: str = "C1", team: str = TEAM) -> "Channel":
        """A partition, with a fresh listing."""
        connection = ledger.connection_id(SOURCE, team, "Acme")
        partition = ledger.partition(connection, key, f"#{key}", "channel")
        return cls(ledger, connection, partition.id, ledger.begin_listing(partition.id, fresh=True))

    def batch(self, **fields: Any) -> LedgerBatch:
        """A batch of this partition."""
        return LedgerBatch(partition_id=self.id, generation=self.generation, **fields)

    def commit(self, **fields: Any) -> None:
        """Commits a batch of this partition."""
        self.ledger.commit(self.batch(**fields))

    def list_again(self) -> None:
        """Begins a fresh listing."""
        self.generation = self.ledger.begin_listing(self.id, fresh=True)

    def keys(self) -> set[str]:
        """The keys of all its records."""
        return {state.key for page in self.ledger.records_of(self.id) for state in page}

    def unseen_keys(self, since: datetime | None = None, until: datetime | None = None) -> set[str]:
        """The keys of the records that the listing under way has not seen."""
        pages = self.ledger.unseen_records(
            self.id, generation=self.generation, since=since, until=until
        )
        return {state.key for page in pages for state in page}

    def cursor(self) -> Any:
        """The committed cursor."""
        (state,) = (p for p in self.ledger.partitions(self.connection) if p.id == self.id)
        return state.cursor
