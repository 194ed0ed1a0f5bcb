"""What else goes when a record goes: its documents, and what belongs to it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporters.changes import Children, Delete
from stores.ledger.known import KnownRecord
from stores.ledger.ledger import Ledger
from tasks.batches import Item, WriteBatch


@dataclass(frozen=True, slots=True)
class Remover:
    """Works out what a batch deletes.

    Attributes:
        ledger: What is known.
        connection_id: The ledger's id of the account.
        shares_documents: Whether a document stays for as long as another record makes it too.
    """

    ledger: Ledger
    connection_id: int
    shares_documents: bool

    def records(self, write: WriteBatch, records: Iterable[KnownRecord]) -> None:
        """Deletes records, what belongs to them, and what belongs to that."""
        going = list(records)
        while going:
            for record in going:
                names = [document.id for document in record.documents]
                self.documents(write, record.key, names)
                write.ledger.deleted.append(record.key)
                write.ledger.resolved.append(record.key)
            keys = [record.key for record in going]
            going = self.ledger.children(self.connection_id, keys)

    def orphans(self, items: Iterable[Item], known: Mapping[str, KnownRecord]) -> list[KnownRecord]:
        """What belongs to items that are deleted and were never known themselves.

        What belongs to an item is committed before it; a run may have been killed in between.
        """
        gone = [item.key for item in items if isinstance(item, Delete) and item.key not in known]
        return self.ledger.children(self.connection_id, gone) if gone else []

    def unlisted_children(self, write: WriteBatch, listed: Children) -> None:
        """Deletes what belonged to a record and is not listed any more."""
        begin = f"{listed.entity}:"
        kept = {begin + identifier for identifier in listed.external_ids}
        self.records(
            write,
            [
                child
                for child in self.ledger.children(self.connection_id, [listed.parent])
                if child.key.startswith(begin) and child.key not in kept
            ],
        )

    def documents(self, write: WriteBatch, key: str, names: Iterable[str]) -> None:
        """Deletes documents of a record; of shared ones, its copy."""
        if self.shares_documents:
            # Counted where the last copy goes.
            write.copies_gone.update((name, key) for name in names)
            return
        for name in names:
            write.deleted.append(name)
            write.counts.deleted += 1
