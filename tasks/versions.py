"""Whether what a listing shows, or an answer says, is what is known already."""

from datetime import UTC, datetime
from typing import Final

from exporters.base import BaseExporter
from exporters.changes import Listed
from tasks.batches import EncodedUpsert
from tasks.books import Known

NOTHING: Final = "0" * 32
"""The fingerprint of what the stores do not hold: nothing that comes equals it."""


def stored_version(exporter: BaseExporter, version: str | None) -> str | None:
    """A version as the ledger keeps it: a newer transformation makes every version look moved."""
    return None if version is None else f"{exporter.transform_version}|{version}"


def is_current(exporter: BaseExporter, item: Listed, state: Known | None) -> bool:
    """Whether a listed item need not be fetched."""
    if state is None:
        return False
    if item.version is not None:
        return state.version == stored_version(exporter, item.version)
    if state.payload_hash == NOTHING:
        return False  # a store refused it: it is to be tried again
    return state.version is None or state.version.startswith(f"{exporter.transform_version}|")


def says_nothing_new(item: EncodedUpsert, payload_hash: str, fetched_at: datetime) -> bool:
    """Whether a payload tells no more than the known one: the same, an older one, or only a part.

    Args:
        item: The payload that came.
        payload_hash: Of the known one.
        fetched_at: When the known one was fetched.
    """
    return (
        item.partial
        or payload_hash == item.payload_hash
        # A time to come was told by a clock that was ahead, and says nothing.
        or item.record.fetched_at < fetched_at <= datetime.now(UTC)
    )


def is_the_known(item: EncodedUpsert, payload_hash: str) -> bool:
    """Whether a payload came whole and is the known one: what was wrong since then is over."""
    return not item.partial and payload_hash == item.payload_hash
