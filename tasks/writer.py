"""The end of the pipeline: what was worked out becomes durable, in one order.

Documents and vectors first, then the ledger with the cursor. Where all of them share the embedded
file it is one transaction; elsewhere a crash in between leaves documents that the next run writes
again, by id, with the same result.
"""

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

from langchain_core.documents import Document

from documents.fingerprints import access_hash
from documents.principals import normalize_access
from stores.base import WriteFailure
from stores.errors import StoreError
from stores.ledger.known import KnownRecord
from stores.ledger.leases import HeldLease
from stores.ledger.types import ExtractionOutcome, ExtractionStatus, KnownDocument, LedgerBatch
from tasks.bad_items import TooManyFailuresError
from tasks.batches import Processing, Refusal, WriteBatch
from tasks.keeping import with_container
from tasks.results import Counts
from tasks.shared_documents import SharedDocuments
from tasks.stores import Stores
from tasks.transform import Transformer
from tasks.versions import NOTHING


class Writer:
    """Writes the batches of one partition's sync."""

    def __init__(
        self,
        stores: Stores,
        transformer: Transformer,
        *,
        connection_id: int,
        lease: HeldLease | None,
        counts: Counts,
        max_refused: int,
        shared: SharedDocuments | None = None,
        on_commit: Callable[[], object] = lambda: None,
    ) -> None:
        """Prepares a writer.

        Args:
            stores: Where to.
            transformer: Whose batches they are.
            connection_id: The ledger's id of the account.
            lease: What lets this run write; checked with every batch.
            counts: Added to after each commit.
            max_refused: Documents refused in a row that stop the partition.
            shared: Merges documents that several records make, where the source has such.
            on_commit: Called after each batch.
        """
        self._on_commit = on_commit
        self._shared = shared
        self._stores = stores
        self._transformer = transformer
        self._connection_id = connection_id
        self._lease = lease
        self._counts = counts
        self._max_refused = max_refused
        self._refused_in_a_row = 0

    def write(self, batch: WriteBatch) -> None:
        """Makes a batch durable, all of it; only then its cursor.

        Raises:
            StoreError: A store cannot be written as a whole. Nothing of the cursor was committed.
            TooManyFailuresError: Document after document is refused. The dead letters are
                committed, the cursor is not.
        """
        with self._merging(batch), self._stores.atomic():
            stop = self._commit(batch, self.store(batch))
        self._end(batch, stop)

    def may_go_ahead(self, batch: WriteBatch) -> bool:
        """Whether its documents may be stored while the batch before it is not committed yet.

        Not where both are one transaction, nor where it is merged with what others have committed.
        """
        return self._stores.shared is None and not _has_copies(batch)

    def store(self, batch: WriteBatch) -> dict[str, Refusal]:
        """Writes what the stores hold of a batch; returns what was refused, by document id.

        Raises:
            StoreError: A store cannot be written as a whole.
        """
        if batch.empty:
            return {}
        if self._lease is not None:
            self._lease.check()
        if self._shared is not None:
            self._shared.merge(batch)
        if self._stores.shared is None and not _has_copies(batch):
            self._announce(batch)
        return {**batch.refused, **self._write_stores(batch)}

    def _announce(self, batch: WriteBatch) -> None:
        """Tells the ledger of new documents before a store has them.

        Should the run be cut off in between, and the item be deleted at the source before the next
        one, nothing else would know that there is a document to delete. What the ledger is told
        equals nothing that may come, so whatever comes is written.
        """
        fresh = batch.new_ids & batch.document_ids
        records = [r for r in batch.ledger.records if any(d.id in fresh for d in r.documents)]
        if not records:
            return
        known = self._stores.ledger.known(self._connection_id, [record.key for record in records])
        announced = []
        for record in records:
            names = {document.id for document in record.documents}
            before = known[record.key].documents if record.key in known else ()
            gone = tuple(document for document in before if document.id not in names)
            documents = (*_forgotten(record.documents, names), *gone)
            announced.append(
                replace(
                    record, payload_hash=NOTHING, version=None, raw_ref=None, documents=documents
                )
            )
        ledger = batch.ledger
        self._stores.ledger.commit(
            LedgerBatch(
                partition_id=ledger.partition_id,
                generation=ledger.generation,
                records=announced,
            ),
            lease=self._lease,
        )

    def commit(self, batch: WriteBatch, refused: Mapping[str, Refusal]) -> None:
        """Commits a batch that was stored.

        Raises:
            StoreError: The ledger cannot be written. Nothing of the cursor was committed.
            TooManyFailuresError: As for `write`.
        """
        self._end(batch, self._commit(batch, refused))

    def _commit(
        self, batch: WriteBatch, refused: Mapping[str, Refusal]
    ) -> TooManyFailuresError | None:
        if batch.empty:
            return None
        stop = self._too_many(batch, refused)
        if stop is not None:
            batch.ledger.cursor, batch.ledger.listing_closed = None, False
            batch.ledger.replayed = None
        self._set_aside(batch, refused)
        if batch.landed:
            batch.ledger.outcomes = list(_outcomes(batch))
        if batch.vectors and self._stores.embeddings is not None:
            model = self._stores.embeddings.identity
            self._stores.ledger.cache_vectors(model, batch.vectors)
        self._stores.ledger.commit(batch.ledger, lease=self._lease)
        return stop

    def _end(self, batch: WriteBatch, stop: TooManyFailuresError | None) -> None:
        self._counts.add(batch.counts)
        if stop is not None:
            raise stop
        if batch.done is not None:
            batch.done.set()
        self._on_commit()

    def _merging(self, batch: WriteBatch) -> AbstractContextManager[None]:
        """Keeps other partitions from merging the same documents until this batch is written."""
        if self._shared is None or not _has_copies(batch):
            return nullcontext()
        return self._stores.ledger.merging(self._connection_id)

    def _write_stores(self, batch: WriteBatch) -> dict[str, Refusal]:
        """Writes documents, vectors, access and deletes; returns what was refused, by id."""
        index, vectors = self._stores.index, self._stores.vectors
        failures: list[WriteFailure] = []
        if batch.documents:
            failures += index.write([chunked.document for chunked in batch.documents])
            if vectors is not None:
                refused = {failure.document_id for failure in failures}
                failures += vectors.write(
                    [item for item in batch.documents if item.document.id not in refused]
                )
        if batch.rewritten:
            failures += index.write(batch.rewritten)
            if vectors is not None:
                failures += vectors.update_metadata(batch.rewritten)
        if batch.access:
            failures += index.update_access(batch.access)
            if vectors is not None:
                failures += vectors.update_access(batch.access)
        if batch.deleted:
            # Vectors first: a document whose vectors outlive it would be found and not shown.
            if vectors is not None:
                vectors.delete(batch.deleted)
            index.delete(batch.deleted)
        return {
            failure.document_id: Refusal("RefusedByStore", failure.reason) for failure in failures
        }

    def _too_many(
        self, batch: WriteBatch, refused: Mapping[str, Refusal]
    ) -> TooManyFailuresError | None:
        """Why to stop, where document after document is refused."""
        for record in batch.ledger.records:
            for document in record.documents:
                if document.id in refused:
                    self._refused_in_a_row += 1
                    if self._refused_in_a_row >= self._max_refused:
                        return TooManyFailuresError(
                            f"{self._refused_in_a_row} documents in a row were refused; the last "
                            f"one, {document.id}: {refused[document.id].message}"
                        )
                else:
                    self._refused_in_a_row = 0
        return None

    def _set_aside(self, batch: WriteBatch, refused: Mapping[str, Refusal]) -> None:
        """Counts what was written and makes dead letters of what was refused.

        What the ledger keeps of a refused document equals nothing that may come, and so does its
        record, so the next listing that shows it tries again.
        """
        for item in batch.documents:
            identifier = item.document.id or ""
            if identifier in refused:
                continue
            if identifier in batch.new_ids:
                batch.counts.new += 1
            else:
                batch.counts.changed += 1
        if not refused:
            return
        batch.counts.failed += len(refused)
        batch.counts.access_changed -= len(refused.keys() & batch.access.keys())
        ledger = batch.ledger
        self._take_back_access(batch, refused)
        for number, record in enumerate(ledger.records):
            failed = [doc for doc in record.documents if doc.id in refused]
            if not failed:
                continue
            ledger.records[number] = replace(
                record,
                payload_hash=NOTHING,
                version=None,
                documents=_forgotten(record.documents, refused),
            )
            if record.key in ledger.resolved:
                ledger.resolved.remove(record.key)
            for document in failed:
                ledger.dead_letters.append(
                    self._transformer.dead_letter(
                        key=record.key,
                        error=refused[document.id].error,
                        message=refused[document.id].message,
                        url=record.url,
                        raw_ref=record.raw_ref,
                        document_id=document.id,
                    )
                )

    def _take_back_access(self, batch: WriteBatch, refused: Mapping[str, Refusal]) -> None:
        """Makes whole records of those whose change of access was refused, to be set aside."""
        keys = [
            key
            for key, documents in batch.ledger.documents.items()
            if any(document.id in refused for document in documents)
        ]
        known = self._stores.ledger.known(self._connection_id, keys) if keys else {}
        for key, record in known.items():
            documents = batch.ledger.documents.pop(key)
            batch.ledger.records.append(replace(record.state(), documents=documents))


def _has_copies(batch: WriteBatch) -> bool:
    return bool(batch.copies or batch.copies_gone or batch.copy_fields)


def _outcomes(batch: WriteBatch) -> Iterator[ExtractionOutcome]:
    """What became of payloads that an extraction landed."""
    failed = {letter.key: letter.message for letter in batch.ledger.dead_letters}
    for key, ref in batch.landed.items():
        status = ExtractionStatus.FAILED if key in failed else ExtractionStatus.TRANSFORMED
        yield ExtractionOutcome(key=key, raw_ref=ref, status=status, error=failed.get(key))


def _forgotten(
    documents: Iterable[KnownDocument], refused: Container[str]
) -> tuple[KnownDocument, ...]:
    """Documents of which those that no store took have no fingerprint."""
    return tuple(
        replace(document, content_hash=NOTHING, access_hash=NOTHING)
        if document.id in refused
        else document
        for document in documents
    )


class PartitionRewriter:
    """Changes every document of a partition in place, page by page, without embedding anything."""

    def __init__(
        self,
        stores: Stores,
        *,
        partition_id: int,
        generation: int,
        custom: Processing | None,
        lease: HeldLease | None,
        shared: SharedDocuments | None = None,
        spared: Collection[str] = (),
    ) -> None:
        self._spared = spared
        self._shared = shared
        self._stores = stores
        self._partition_id = partition_id
        self._generation = generation
        self._custom = custom
        self._lease = lease

    def change_access(self, access: Sequence[str]) -> int:
        """Gives every document one access list.

        Returns:
            How many documents had another one before.

        Raises:
            StoreError: A document was refused. What was done before stays.
        """
        new = normalize_access(access)
        new_hash = access_hash(new)
        changed = 0
        for page in self._pages():
            moved = [
                document.id
                for record in page
                for document in record.documents
                if document.access_hash != new_hash
            ]
            if not moved:
                continue
            if self._shared is not None:
                changed += self._change_copies(self._shared, page, new, new_hash)
                continue
            with self._stores.atomic():
                failures = self._stores.index.update_access(dict.fromkeys(moved, new))
                if self._stores.vectors is not None:
                    failures += self._stores.vectors.update_access(dict.fromkeys(moved, new))
                _insist(failures)
                self._commit(_with_access(page, new_hash))
            changed += len(moved)
        return changed

    def _pages(self) -> Iterator[list[KnownRecord]]:
        for page in self._stores.ledger.records_of(self._partition_id):
            kept = [
                record
                for record in page
                if (record.raw_ref or "").rpartition("#")[0] not in self._spared
            ]
            if kept:
                yield kept

    def _change_copies(
        self, shared: SharedDocuments, page: Sequence[KnownRecord], access: list[str], new_hash: str
    ) -> int:
        """Gives the copies of records one access list; returns how many documents that moved."""
        ledger = self._stores.ledger
        batch = WriteBatch(
            ledger=LedgerBatch(
                partition_id=self._partition_id,
                generation=self._generation,
                documents=_with_access(page, new_hash),
            ),
            copy_fields={
                (document.id, record.key): {"access": access}
                for record in page
                for document in record.documents
            },
        )
        with ledger.merging(shared.connection_id), self._stores.atomic():
            shared.merge(batch)
            failures = self._stores.index.write(batch.rewritten)
            if self._stores.vectors is not None:
                failures += self._stores.vectors.update_metadata(batch.rewritten)
            _insist(failures)
            ledger.commit(batch.ledger, lease=self._lease)
        return batch.counts.access_changed

    def change_container(self, container: Mapping[str, Any], extra: Mapping[str, Any]) -> int:
        """Gives every document a new container and entries of `extra`.

        Returns:
            How many documents looked different before.

        Raises:
            StoreError: A document was refused. What was done before stays.
        """
        changed = 0
        for page in self._pages():
            # Compared with what the ledger says, not the index: a run that was killed may have
            # written the index and not the vectors.
            known = {d.id: d.content_hash for record in page for d in record.documents}
            rewritten: dict[str, Document] = {}
            for identifier, document in self._stores.index.get(list(known)).items():
                new = self._with_container(document, container, extra)
                if known[identifier] not in {new.metadata["content_hash"], NOTHING}:
                    rewritten[identifier] = new
            if not rewritten:
                continue
            with self._stores.atomic():
                documents = list(rewritten.values())
                failures = self._stores.index.write(documents)
                if self._stores.vectors is not None:
                    failures += self._stores.vectors.update_metadata(documents)
                _insist(failures)
                self._commit(_with_new_hashes(page, rewritten))
            changed += len(rewritten)
        return changed

    def _commit(self, documents: dict[str, tuple[KnownDocument, ...]]) -> None:
        batch = LedgerBatch(
            partition_id=self._partition_id, generation=self._generation, documents=documents
        )
        self._stores.ledger.commit(batch, lease=self._lease)

    def _with_container(
        self, document: Document, container: Mapping[str, Any], extra: Mapping[str, Any]
    ) -> Document:
        return with_container(document, container, extra, self._custom)


def _with_access(
    page: Iterable[KnownRecord], new_hash: str
) -> dict[str, tuple[KnownDocument, ...]]:
    """The documents of records under a new access list."""
    return {
        record.key: tuple(replace(d, access_hash=new_hash) for d in record.documents)
        for record in page
    }


def _insist(failures: Sequence[WriteFailure]) -> None:
    """Stops a change of a whole partition that a document refuses: it will not be said again.

    Raises:
        StoreError: There are failures.
    """
    if failures:
        raise StoreError(
            f"A change of {len(failures)} documents was refused; of {failures[0].document_id}: "
            f"{failures[0].reason}.",
            hint="The sync goes on when it is accepted: run again.",
        )


def _with_new_hashes(
    page: Sequence[KnownRecord], rewritten: Mapping[str, Document]
) -> dict[str, tuple[KnownDocument, ...]]:
    return {
        record.key: tuple(
            replace(document, content_hash=rewritten[document.id].metadata["content_hash"])
            if document.id in rewritten
            else document
            for document in record.documents
        )
        for record in page
        if any(document.id in rewritten for document in record.documents)
    }
