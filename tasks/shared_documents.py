"""Documents that several records make together, such as a mail that lies in many mailboxes.

Each record has its copy: who may read the document because of it, and what only it has. The stored
document carries the union of access and the entries of all copies. What a batch adds or takes away
is merged with what the other records have, under the ledger's merging lock, right before it is
written.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from langchain_core.documents import Document

from documents.fingerprints import access_hash, content_hash
from documents.metadata import COPIES, COPY_COUNT
from documents.principals import DENY_ALL, normalize_access
from exporters.base import BaseExporter
from processing.metadata import with_metadata
from stores.base import DocumentIndex
from stores.ledger.ledger import Ledger
from stores.ledger.types import Copy
from tasks.batches import WriteBatch
from tasks.stores import Stores

MOST_ENTRIES: Final = 100
"""Entries that a document lists. A mail to everybody has a copy a person: all of them may read it,
and the first hundred are described."""


def own_copy(document: Document, key: str) -> Copy:
    """The copy that a record adds to a document it made.

    Raises:
        ValueError: The document does not list exactly one copy.
    """
    metadata = document.metadata
    entries = (metadata.get("extra") or {}).get(COPIES)
    if not isinstance(entries, list) or len(entries) != 1:
        raise ValueError("a document of a source that shares documents lists one copy, its own")
    return Copy(
        document_id=document.id or "",
        key=key,
        access=tuple(metadata["access"]),
        entry={name: value for name, value in entries[0].items() if name != "access"},
    )


@dataclass(frozen=True, slots=True)
class SharedDocuments:
    """Merges the copies of a batch with those that are known.

    Attributes:
        ledger: Where copies are kept.
        connection_id: The ledger's id of the account.
        index: Where the documents are stored.
    """

    ledger: Ledger
    connection_id: int
    index: DocumentIndex

    @classmethod
    def of(cls, exporter: BaseExporter, stores: Stores, connection_id: int) -> Self | None:
        """For the documents of an exporter; None where it shares none."""
        if not exporter.shares_documents:
            return None
        return cls(stores.ledger, connection_id, stores.index)

    def merge(self, batch: WriteBatch) -> None:
        """Completes the documents of a batch, and adds those of which copies alone moved.

        To be called while `Ledger.merging` is held, which is given up after all of it is written.
        """
        moves = _moves(batch)
        if not moves:
            return
        before = self.ledger.copies(self.connection_id, list(moves))
        after = {name: _after(known, moves[name], batch) for name, known in before.items()}
        # Two records of one batch may make one document.
        fresh = {item.document.id or "": item for item in batch.documents}
        # What another record has brought already is the same but for its copies.
        brought = {name for name in fresh if before.get(name) and name in batch.new_ids}
        moved = [
            name
            for name, copies in after.items()
            if copies and (name not in fresh or name in brought) and copies != _by_key(before[name])
        ]
        held = self.index.get(moved) if moved else {}
        fresh = {name: item for name, item in fresh.items() if name not in brought & held.keys()}
        batch.documents = list(fresh.values())
        for name, copies in after.items():
            if not copies:
                if before[name]:
                    batch.deleted.append(name)
                    batch.counts.deleted += 1
            elif name in fresh:
                if before[name]:
                    batch.new_ids.discard(name)
                fresh[name].document = _with_copies(fresh[name].document, copies.values())
            elif name in held:
                # Written whatever the index holds: a run that was killed may have written the
                # index and not the vectors.
                batch.rewritten.append(_with_copies(held[name], copies.values()))
                if _readers(copies.values()) != _readers(before[name]):
                    batch.counts.access_changed += 1
                else:
                    batch.counts.changed += 1


@dataclass(slots=True)
class _Moves:
    """What a batch does to the copies of one document, by record key."""

    put: dict[str, Copy]
    gone: set[str]
    patched: dict[str, Mapping[str, Any]]


def _moves(batch: WriteBatch) -> dict[str, _Moves]:
    moves: dict[str, _Moves] = defaultdict(lambda: _Moves({}, set(), {}))
    for copy in batch.copies:
        moves[copy.document_id].put[copy.key] = copy
    for name, key in batch.copies_gone:
        moves[name].gone.add(key)
    for (name, key), fields in batch.copy_fields.items():
        moves[name].patched[key] = fields
    return dict(moves)


def _after(known: Iterable[Copy], moves: _Moves, batch: WriteBatch) -> dict[str, Copy]:
    """The copies of a document once a batch is written; the batch's ledger learns of them."""
    copies = _by_key(known)
    for key in moves.gone - moves.put.keys():
        if (gone := copies.pop(key, None)) is not None:
            batch.ledger.copies_gone.add((gone.document_id, key))
    changed = dict(moves.put)
    for key, fields in moves.patched.items():
        copy = changed.get(key) or copies.get(key)
        if copy is not None:
            entry = {**copy.entry, **fields.get("entry", {})}
            access = tuple(fields.get("access", copy.access))
            changed[key] = replace(copy, access=access, entry=entry)
    for key, copy in changed.items():
        if copies.get(key) != copy:
            copies[key] = copy
            batch.ledger.copies.append(copy)
    return copies


def _by_key(copies: Iterable[Copy]) -> dict[str, Copy]:
    return {copy.key: copy for copy in copies}


def _readers(copies: Iterable[Copy]) -> list[str]:
    """The union of access; `deny:all` closes the copy it stands in, not what others can read."""
    readers = {principal for copy in copies for principal in copy.access}
    return normalize_access(readers - {DENY_ALL})


def _with_copies(document: Document, copies: Iterable[Copy]) -> Document:
    ordered = sorted(copies, key=lambda copy: copy.key)
    access = _readers(ordered)
    extra = {
        **(document.metadata.get("extra") or {}),
        COPIES: [{**copy.entry, "access": list(copy.access)} for copy in ordered[:MOST_ENTRIES]],
        COPY_COUNT: len(ordered),
    }
    new = with_metadata(document, access=access, extra=extra)
    return with_metadata(new, content_hash=content_hash(new), access_hash=access_hash(access))
