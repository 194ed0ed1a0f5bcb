"""What a run and its loading process (`tasks.loading_process`) say to each other."""

import logging
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

import orjson

from documents.errors import DataGettersError
from exporters.base import Partition
from exporters.redaction import redactor
from stores.ledger.leases import HeldLease, LeaseProof
from stores.settings import StoreSettings
from tasks.batches import ChangeBatch, EncodedUpsert, Item
from tasks.making_process import Order
from tasks.options import SyncOptions
from tasks.pipes import PackedRecord, packed, unpacked
from tasks.results import Counts

_log: Final = logging.getLogger(__name__)

READY: Final = b"ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadingOrder:
    """What the process needs to know once.

    Attributes:
        making: The source, and how its documents are made.
        stores: Where to write.
        options: How the sync is done.
        connection: The account or tenant.
        connection_id: The ledger's id of it.
        run_id: The run.
        apart: Whether documents are made in a process of their own there, or even always.
        making_seconds: Longest a record may take there.
    """

    making: Order
    stores: StoreSettings
    options: SyncOptions
    connection: str
    connection_id: int
    run_id: str
    apart: Literal["here", "apart when large", "apart"]
    making_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What the process needs to know of a partition.

    Attributes:
        partition: The partition.
        partition_id: The ledger's id of it.
        generation: The listing that is under way.
        resolves_seen: See `Transformer`.
        lease: What lets the run write.
        secrets: What must show nowhere.
    """

    partition: Partition
    partition_id: int
    generation: int
    resolves_seen: bool
    lease: LeaseProof | None
    secrets: tuple[str, ...] = ()


PackedUpsert = tuple[PackedRecord, str, bool]


@dataclass(frozen=True, slots=True)
class PackedBatch:
    """A batch on its way, without the payloads' objects: their bytes say the same.

    Attributes:
        items: In order.
        size: Bytes of the payloads.
        cursor: See `ChangeBatch`.
        closes_listing: See `ChangeBatch`.
        lease: The lease as it stands when the batch is handed over.
    """

    items: list[Item | PackedUpsert]
    size: int
    cursor: Any
    closes_listing: bool
    lease: LeaseProof | None

    @classmethod
    def of(cls, batch: ChangeBatch, lease: HeldLease | None) -> Self:
        """Packs a batch."""
        items: list[Item | PackedUpsert] = [
            (packed(item), item.payload_hash, item.partial)
            if isinstance(item, EncodedUpsert)
            else item
            for item in batch.items
        ]
        proof = lease.proof if lease is not None else None
        return cls(items, batch.size, batch.cursor, batch.closes_listing, proof)

    def batch(self) -> ChangeBatch:
        """The batch it was."""
        items: list[Item] = []
        for item in self.items:
            if isinstance(item, tuple):
                record, payload_hash, partial = item
                whole = unpacked(record, whole=False)
                items.append(EncodedUpsert(whole, record[2], payload_hash, partial))
            else:
                items.append(item)
        return ChangeBatch(items, self.size, self.cursor, self.closes_listing)


class LoadingError(DataGettersError):
    """What stopped a partition in the process beside this one.

    Attributes:
        name: The class of the error there.
        retryable: Whether trying again may help.
        retry_after: Seconds to wait before, where that is known.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        name: str = "",
        retryable: bool = True,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.name = name or type(self).__name__
        self.retryable = retryable
        self.retry_after = retry_after


def error_message(ticket: int, error: BaseException, counts: Counts, trace: str) -> bytes:
    """What the process says of an error, without secrets."""
    known = isinstance(error, DataGettersError)
    return orjson.dumps(
        {
            "kind": "failed",
            "ticket": ticket,
            "counts": plain(counts),
            "name": type(error).__name__,
            "known": known,
            "message": redactor.text(str(error)),
            "hint": redactor.text(error.hint) if isinstance(error, DataGettersError) else "",
            "retryable": bool(getattr(error, "retryable", False)),
            "retry_after": getattr(error, "retry_after", None),
            "trace": "" if known else redactor.text(trace),
        },
        default=str,
    )


def plain(counts: Counts) -> dict[str, float]:
    """The counts that are not zero, by name."""
    return {name: number for name in counts.__slots__ if (number := getattr(counts, name))}


def error_of(message: dict[str, Any]) -> LoadingError:
    """The error that `error_message` told of; what it says of a fault of ours is logged."""
    text, hint = message["message"], message["hint"]
    if not message["known"]:
        _log.error("The process that stores large batches failed:\n%s", message["trace"])
        text = f"Storing stopped unexpectedly: {message['name']}: {text}"
        hint = "That should not happen: please report it with its traceback, which the log has."
    return LoadingError(
        text,
        hint=hint,
        name=message["name"],
        retryable=message["retryable"],
        retry_after=message["retry_after"],
    )
