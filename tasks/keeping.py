"""What came after a payload and is kept when documents are made of it again.

A landed payload says what an item was when it was fetched. Since then its access may have moved,
its channel may have been renamed, a mail may have got other labels: none of that is in the payload.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from langchain_core.documents import Document

from documents.fingerprints import access_hash, content_hash
from documents.metadata import COPIES
from documents.principals import DENY_ALL
from processing.metadata import with_metadata
from stores.ledger.known import KnownRecord
from stores.ledger.types import Copy, DeadLetter, PartitionState, RecordState
from tasks.batches import EncodedUpsert, Processing
from tasks.making import Made
from tasks.stores import Stores
from tasks.versions import NOTHING


def with_container(
    document: Document,
    container: Mapping[str, Any],
    extra: Mapping[str, Any],
    custom: Processing | None,
) -> Document:
    """A document in another container, with its content hash.

    Args:
        document: The document as it is.
        container: The new value of its `container` field.
        extra: Entries of `extra` to replace.
        custom: The source's own processing step.
    """
    new = with_metadata(
        document,
        container=dict(container),
        extra={**(document.metadata.get("extra") or {}), **extra},
    )
    if custom is not None:
        [new] = custom([new])
    return with_metadata(new, content_hash=content_hash(new))


class Keeper:
    """Gives documents that are made again what came after their payload.

    The container is the one that was last said of the whole partition, where the payload is older.
    Who may read a known document stays as it is. A document that the new code makes besides those
    known gets the access that its siblings have; where that cannot be told it is closed to
    everybody, and its item is to be fetched anew by the next listing.

    Attributes:
        writes_all: Whether documents are written that did not move.
        closed: Keys of the records that have documents which were closed to everybody.
    """

    def __init__(
        self,
        stores: Stores,
        *,
        connection_id: int,
        partition: PartitionState,
        custom: Processing | None,
        shares_documents: bool,
        set_aside: Iterable[DeadLetter],
        writes_all: bool,
    ) -> None:
        """Prepares a keeper.

        Args:
            stores: For what is stored, and for copies.
            connection_id: The ledger's id of the account.
            partition: What was said of all its records.
            custom: The source's own processing step.
            shares_documents: Whether documents have copies, each with its own access.
            set_aside: The partition's dead letters: of some items, a later payload failed.
            writes_all: Whether documents are to be written that did not move.
        """
        self.writes_all = writes_all
        self.closed: set[str] = set()
        self._stores = stores
        self._connection_id = connection_id
        self._partition = partition
        self._custom = custom
        self._shares_documents = shares_documents
        self._failed_later = {(x.key, x.raw_ref) for x in set_aside if x.raw_ref is not None}
        self._failed_later_keys = {key for key, _ in self._failed_later}

    def settles(self, key: str, raw_ref: str) -> bool:
        """Whether making documents of a payload settles the item's dead letter."""
        return key not in self._failed_later_keys or (key, raw_ref) in self._failed_later

    def state(self, state: RecordState, known: KnownRecord) -> RecordState:
        """What the ledger is to remember of a record."""
        # The same answer may have come again since it landed.
        state = replace(state, fetched_at=max(state.fetched_at, known.fetched_at))
        if state.key not in self.closed:
            return state
        return replace(state, payload_hash=NOTHING, version=None)

    def keep(
        self,
        items: Sequence[EncodedUpsert],
        made: dict[str, Made],
        known: Mapping[str, KnownRecord],
    ) -> None:
        """Changes the documents in `made`, by record key, to what they are to be now."""
        documents: dict[str, list[Document]] = {}
        fetched: dict[str, datetime] = {}
        for item in items:
            key = item.record.key
            answer = made[key]
            if not isinstance(answer, Exception) and key in known:
                documents[key], fetched[key] = answer, item.record.fetched_at
        for key, those in documents.items():
            self._keep_container(those, fetched[key])
        if self._shares_documents:
            self._keep_copies(documents, fetched)
        else:
            self._keep_access(documents, known, fetched)

    def _keep_container(self, documents: list[Document], fetched: datetime) -> None:
        said = self._partition.container_said
        if said is not None and said.at >= fetched:
            documents[:] = [
                with_container(document, said.container, said.extra, self._custom)
                for document in documents
            ]

    def _keep_copies(
        self, documents: Mapping[str, list[Document]], fetched: Mapping[str, datetime]
    ) -> None:
        """Gives each document the copy that its record has now."""
        names = {document.id or "" for those in documents.values() for document in those}
        copies = self._stores.ledger.copies(self._connection_id, names)
        for key, those in documents.items():
            for document in those:
                mine = [copy for copy in copies[document.id or ""] if copy.key == key]
                if mine:
                    _set_copy(document, mine[0])
                elif (access := self._said_later(fetched[key])) is not None:
                    _set_access(document, access)

    def _keep_access(
        self,
        documents: Mapping[str, list[Document]],
        known: Mapping[str, KnownRecord],
        fetched: Mapping[str, datetime],
    ) -> None:
        before = {key: {d.id: d.access_hash for d in known[key].documents} for key in documents}
        in_doubt = {
            key
            for key, those in documents.items()
            if any(before[key].get(d.id or "", NOTHING) != d.metadata["access_hash"] for d in those)
        }
        wanted = [name for key in in_doubt for name in before[key]]
        stored = self._stores.index.get(wanted) if wanted else {}
        for key in in_doubt:
            later = self._said_later(fetched[key])
            held = _Held(before[key], stored, later)
            payload_says = {d.id or "": d.metadata["access_hash"] for d in documents[key]}
            for document in documents[key]:
                access = held.access(document, payload_says)
                if access is None:
                    access = (DENY_ALL,)
                    self.closed.add(key)
                _set_access(document, access)

    def _said_later(self, fetched: datetime) -> Sequence[str] | None:
        said = self._partition.access_said
        return said.access if said is not None and said.at >= fetched else None


class _Held:
    """Who may read the documents of one record, as the stores have it."""

    def __init__(
        self,
        hashes: Mapping[str, str],
        stored: Mapping[str, Document],
        later: Sequence[str] | None,
    ) -> None:
        self._hashes = hashes
        self._later = later
        self._lists: dict[str, Sequence[str]] = {
            access_hash(access): access
            for access in (stored[n].metadata["access"] for n in hashes if n in stored)
        }
        if later is not None:
            self._lists.setdefault(access_hash(later), later)

    def access(self, document: Document, says: Mapping[str, str]) -> Sequence[str] | None:
        """Who may read a document; None where that cannot be told.

        Args:
            document: As its payload makes it.
            says: The access hashes that the payload gives all documents of the record.
        """
        own: Sequence[str] = document.metadata["access"]
        own_hash = document.metadata["access_hash"]
        held = self._hashes.get(document.id or "")
        if held is not None and held != NOTHING:
            return own if held == own_hash else self._lists.get(held)
        siblings = {n: h for n, h in self._hashes.items() if h != NOTHING}
        if not siblings:
            return own if self._later is None else self._later
        if own_hash in siblings.values():
            return own
        still_made = siblings.keys() & says.keys()
        if still_made and all(siblings[name] == says[name] for name in still_made):
            return own  # what the payload says of the others still holds
        alike = {siblings[name] for name in still_made if says[name] == own_hash}
        return self._lists.get(alike.pop()) if len(alike) == 1 else self._later


def _set_access(document: Document, access: Collection[str]) -> None:
    document.metadata["access"] = list(access)
    document.metadata["access_hash"] = access_hash(access)


def _set_copy(document: Document, copy: Copy) -> None:
    """Puts a record's copy into a document. Its content hash stays the payload's, as in a sync."""
    extra = document.metadata.get("extra") or {}
    made = extra.get(COPIES) or [{}]
    document.metadata["extra"] = {**extra, COPIES: [{**made[0], **copy.entry}]}
    _set_access(document, copy.access)
