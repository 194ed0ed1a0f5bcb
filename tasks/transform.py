"""The middle of the pipeline: from changes to what is to be written.

Takes batches of changes, lands new payloads, makes documents of them and tells what moved from what
did not. What is to be written is embedded after that, see `tasks.embedding_stage`.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from threading import Event

from langchain_core.documents import Document

from documents.fingerprints import access_hash
from documents.principals import normalize_access
from documents.times import now_iso
from exporters.base import BaseExporter, Partition
from exporters.changes import AccessChange, Children, CopyChange, Delete, Failure, RawRecord
from exporters.errors import InvalidDataError
from exporters.redaction import redactor
from stores.ledger.known import KnownRecord
from stores.ledger.types import (
    Copy,
    DeadLetter,
    KnownDocument,
    LedgerBatch,
    RecordState,
)
from tasks.bad_items import TooManyFailuresError, as_export_error
from tasks.batches import (
    ChangeBatch,
    EncodedUpsert,
    FailedAgain,
    Item,
    Processing,
    Seen,
    Settled,
    Swept,
    WriteBatch,
    item_key,
    parents_of,
    raw_row,
)
from tasks.keeping import Keeper
from tasks.making import LocalMaker, Made, Maker, Recipe
from tasks.options import SyncOptions
from tasks.removal import Remover
from tasks.results import Counts
from tasks.shared_documents import own_copy
from tasks.stores import Stores
from tasks.versions import NOTHING, is_the_known, says_nothing_new, stored_version


class Transformer:
    """Turns batches of changes into what is to be written, for one partition's sync.

    Used from one thread, while another still writes the batches before: where those hold a key of
    this batch, it waits for them before it looks at the ledger.
    """

    def __init__(
        self,
        *,
        exporter: BaseExporter,
        partition: Partition,
        connection: str,
        connection_id: int,
        partition_id: int,
        generation: int,
        run_id: str,
        store_name: str,
        stores: Stores,
        options: SyncOptions,
        custom: Processing | None = None,
        maker: Maker | None = None,
        resolves_seen: bool = False,
        keeper: Keeper | None = None,
    ) -> None:
        """Prepares a transformer.

        Args:
            exporter: Whose records they are.
            partition: The partition.
            connection: The account.
            connection_id: The ledger's id of it.
            partition_id: The ledger's id of the partition.
            generation: The listing that is under way.
            run_id: This run.
            store_name: The document type.
            stores: For what is known, the raw landing and the embedding model.
            options: How the sync is done.
            custom: The source's own processing step.
            maker: Makes the documents; they are made here if there is none.
            resolves_seen: Whether an unmoved item settles its dead letter, as it does in a retry.
                (In a listing the failure may follow, of a file that belongs to the item.)
            keeper: Where known payloads are replayed: keeps what came after them.
        """
        self._exporter = exporter
        self._partition = partition
        self._connection = connection
        self._connection_id = connection_id
        self._partition_id = partition_id
        self._generation = generation
        self._run_id = run_id
        self._stores = stores
        self._options = options
        recipe = Recipe(
            exporter=exporter,
            store_name=store_name,
            characters=stores.settings.document_characters,
            custom=custom,
        )
        self._maker = maker or LocalMaker(recipe)
        self._remover = Remover(
            stores.ledger, connection_id, shares_documents=exporter.shares_documents
        )
        self._resolves_seen = resolves_seen
        self._keeper = keeper
        self._writes_all = keeper is not None and keeper.writes_all
        self._consecutive_failures = 0
        self._in_flight: deque[tuple[Event, frozenset[str]]] = deque()
        self.wait: Callable[[Event], object] = Event.wait
        """How to wait for a batch before to be written."""

    def transform(self, batch: ChangeBatch) -> WriteBatch:
        """Works out what a batch of changes means for the stores.

        Raises:
            TooManyFailuresError: Item after item failed; the partition had better stop.
            StoreError: The raw landing or the ledger cannot be used.
        """
        keys = [key for key in map(item_key, batch.items) if key is not None]
        parents = parents_of(batch.items)
        self._wait_for([*keys, *parents])
        known = self._stores.ledger.known(self._connection_id, keys)
        orphans = self._remover.orphans(batch.items, known)
        write = WriteBatch(
            ledger=LedgerBatch(
                partition_id=self._partition_id,
                generation=self._generation,
                cursor=batch.cursor,
                listing_closed=batch.closes_listing,
                resolved=[item.key for item in batch.items if isinstance(item, Settled)],
                listed=self._keeper is None,
                replayed=batch.replayed,
            ),
            done=batch.done or Event(),
        )
        moved = self._moved(batch.items, known)
        refs = self._land(write, moved)
        made = dict(zip(refs, self._maker.make(moved), strict=True))
        failed = {item_key(item) for item in batch.items if isinstance(item, Failure)}
        if self._keeper is not None:
            self._keeper.keep(moved, made, known)
        for item in batch.items:
            match item:
                case Failure():
                    self._fail(write, item, getattr(item, "raw_ref", None))
                    continue
                case EncodedUpsert() if item.record.key in refs:
                    key = item.record.key
                    write.fresh += self._take_made(
                        write, item, made[key], known=known.get(key), raw_ref=refs[key]
                    )
                    continue  # it may have failed
                case EncodedUpsert():
                    self._unmoved(write, item, known, failed)
                case Seen():
                    self._seen(write, item.key, known)
                case Delete():
                    self._delete(write, item, known)
                case Children():
                    self._remover.unlisted_children(write, item)
                case CopyChange():
                    self._change_copy(write, item, known)
                case AccessChange():
                    if not self._change_access(write, item, known):
                        continue
            self._consecutive_failures = 0
        self._remover.records(write, orphans)
        self._in_flight.append((_event(write), frozenset([*keys, *parents])))
        return write

    def _moved(
        self, items: Iterable[Item], known: Mapping[str, KnownRecord]
    ) -> list[EncodedUpsert]:
        """The records whose payload moved."""
        upserts = (item for item in items if isinstance(item, EncodedUpsert))
        return [i for i in upserts if not self._is_unmoved(i, known.get(i.record.key))]

    def _land(self, write: WriteBatch, moved: Sequence[EncodedUpsert]) -> dict[str, str]:
        """Lands payloads that have not landed; returns the references of all by record key."""
        refs = {item.record.key: item.raw_ref or "" for item in moved}
        if fresh := [item for item in moved if item.raw_ref is None]:
            place = (self._exporter.source, self._connection, self._partition.key)
            rows = [raw_row(*place, item) for item in fresh]
            landing = self._stores.raw.append(rows, run_id=self._run_id)
            write.ledger.raw_files.extend(landing.files)
            write.counts.landed += len(fresh)
            refs.update(zip((item.record.key for item in fresh), landing.refs, strict=True))
        return refs

    def _take_made(
        self,
        write: WriteBatch,
        item: EncodedUpsert,
        made: Made,
        *,
        known: KnownRecord | None,
        raw_ref: str,
    ) -> list[Document]:
        """Takes the documents of a record; returns those to write whole."""
        record = item.record
        try:
            if isinstance(made, Exception):
                raise made
            copies = self._copies(record, made)
        except Exception as error:  # noqa: BLE001 (one bad item is a dead letter, not the run)
            failure = Failure(
                error=as_export_error(error, record),
                entity=record.entity,
                external_id=record.external_id,
                url=record.url,
            )
            self._fail(write, failure, raw_ref)
            return []
        self._consecutive_failures = 0
        for document in made:
            document.metadata.update(
                ingestion_timestamp=now_iso(), run_id=self._run_id, raw_ref=raw_ref
            )
        return list(self._compare(write, item, made, copies, known=known, raw_ref=raw_ref))

    def _copies(self, record: RawRecord, documents: Iterable[Document]) -> dict[str, Copy]:
        """What a record adds to its documents, by id, where documents are shared."""
        if not self._exporter.shares_documents:
            return {}
        return {document.id or "": own_copy(document, record.key) for document in documents}

    def _compare(
        self,
        write: WriteBatch,
        item: EncodedUpsert,
        documents: Sequence[Document],
        copies: Mapping[str, Copy],
        *,
        known: KnownRecord | None,
        raw_ref: str,
    ) -> Iterator[Document]:
        """Tells new, changed and unchanged documents apart; yields those to write whole."""
        before = {document.id: document for document in known.documents} if known else {}
        after: list[KnownDocument] = []
        for document in documents:
            identifier = document.id or ""
            metadata = document.metadata
            now = KnownDocument(identifier, metadata["content_hash"], metadata["access_hash"])
            after.append(now)
            was = before.pop(identifier, None)
            if identifier in copies and (was != now or self._writes_all):
                write.copies.append(copies[identifier])
            if was is None or was.content_hash != now.content_hash or self._writes_all:
                if was is None:
                    write.new_ids.add(identifier)
                yield document
            elif was.access_hash != now.access_hash and identifier in copies:
                continue  # counted where it is merged
            elif was.access_hash != now.access_hash:
                write.access[identifier] = metadata["access"]
                write.counts.access_changed += 1
            else:
                write.counts.unchanged += 1
        self._remover.documents(write, item.record.key, list(before))
        state = self._state(item, tuple(after), raw_ref)
        if self._keeper is None or known is None:
            write.ledger.records.append(state)
            write.ledger.resolved.append(item.record.key)
            return
        state = self._keeper.state(state, known)
        if state != known.state():
            write.ledger.records.append(state)
        if self._keeper.settles(item.record.key, raw_ref):
            write.ledger.resolved.append(item.record.key)

    def _state(
        self, item: EncodedUpsert, documents: tuple[KnownDocument, ...], raw_ref: str
    ) -> RecordState:
        record = item.record
        return RecordState(
            key=record.key,
            payload_hash=item.payload_hash,
            version=stored_version(self._exporter, record.version),
            fetched_at=record.fetched_at,
            occurred_at=record.occurred_at,
            documents=documents,
            raw_ref=raw_ref,
            url=record.url,
            parent=record.parent,
        )

    def _is_unmoved(self, item: EncodedUpsert, known: KnownRecord | None) -> bool:
        """Whether a payload says nothing new: the same, an older one, or only a part."""
        if known is None or self._keeper is not None or known.payload_hash == NOTHING:
            return False
        if self._options.refetch and is_the_known(item, known.payload_hash):
            return False  # its payload may be damaged or gone from the landing
        return says_nothing_new(item, known.payload_hash, known.fetched_at)

    def _unmoved(
        self,
        write: WriteBatch,
        item: EncodedUpsert,
        known: Mapping[str, KnownRecord],
        failed: Collection[str | None],
    ) -> None:
        """Remembers the version of an item of which nothing else moved.

        Otherwise every listing from now on would take it for moved and fetch it. If it was set
        aside since it is no more, unless it is among those that `failed` just now.
        """
        record = item.record
        self._seen(write, record.key, known)
        state = known[record.key].state()
        if record.key not in failed and is_the_known(item, state.payload_hash):
            write.ledger.resolved.append(record.key)
        if item.payload_hash != state.payload_hash or record.fetched_at < state.fetched_at:
            return
        version = stored_version(self._exporter, record.version) or state.version
        # What an extraction sent may have landed again: what is known may be damaged.
        now = replace(state, version=version, raw_ref=item.raw_ref or state.raw_ref)
        if now != state:
            write.ledger.seen.pop()
            write.ledger.records.append(replace(now, fetched_at=record.fetched_at))

    def _seen(self, write: WriteBatch, key: str, known: Mapping[str, KnownRecord]) -> None:
        write.ledger.seen.append(key)
        if self._resolves_seen:
            write.ledger.resolved.append(key)
        if state := known.get(key):
            write.counts.unchanged += len(state.documents)

    def _delete(self, write: WriteBatch, item: Delete, known: Mapping[str, KnownRecord]) -> None:
        write.ledger.resolved.append(item.key)
        state = known.get(item.key)
        if state is not None and isinstance(item, Swept) and self._is_elsewhere(state):
            return
        if state is not None:
            self._remover.records(write, [state])

    def _change_copy(
        self, write: WriteBatch, item: CopyChange, known: Mapping[str, KnownRecord]
    ) -> None:
        """Replaces fields of a record's copy; nothing where the record is not known (any more)."""
        if not self._exporter.shares_documents:
            raise TypeError(f"{type(self._exporter).__name__} shares no documents")
        if (state := known.get(item.key)) is not None:
            for document in state.documents:
                write.copy_fields[document.id, item.key] = {"entry": dict(item.copy)}

    def _is_elsewhere(self, state: KnownRecord) -> bool:
        """Whether a record was seen after all since it was found missing."""
        return state.partition_id != self._partition_id or state.generation >= self._generation

    def _change_access(
        self, write: WriteBatch, item: AccessChange, known: Mapping[str, KnownRecord]
    ) -> bool:
        """Gives the documents of a record a new access list; tells whether it is one."""
        state = known.get(item_key(item) or "")
        try:
            access = normalize_access(item.access)
        except ValueError as error:
            invalid = InvalidDataError(
                f"The new access of the {item.entity} {item.external_id} makes no sense: {error}.",
                external_id=item.external_id,
            )
            failure = Failure(
                error=invalid,
                entity=item.entity,
                external_id=item.external_id,
                url=state.url if state else None,
            )
            self._fail(write, failure)
            return False
        if state is None:
            return True
        new_hash = access_hash(access)
        moved = [document for document in state.documents if document.access_hash != new_hash]
        for document in moved:
            if self._exporter.shares_documents:
                write.copy_fields[document.id, state.key] = {"access": access}
            else:
                write.access[document.id] = access
                write.counts.access_changed += 1
        write.ledger.documents[state.key] = tuple(
            replace(document, access_hash=new_hash) for document in state.documents
        )
        return True

    def _fail(self, write: WriteBatch, failure: Failure, raw_ref: str | None = None) -> None:
        key = item_key(failure)
        if key is not None:
            write.ledger.seen.append(key)  # what failed is not gone: no sweep may take it
        write.ledger.dead_letters.append(
            self.dead_letter(
                key=key,
                error=type(failure.error).__name__,
                message=failure.error.sentence(),
                url=failure.url,
                raw_ref=raw_ref,
            )
        )
        write.counts.failed += 1
        self._consecutive_failures += not isinstance(failure, FailedAgain)
        if self._consecutive_failures >= self._options.max_consecutive_failures:
            raise TooManyFailuresError(
                f"{self._consecutive_failures} items of {self._partition.name} failed in a row; "
                f"the last one: {failure.error.sentence()}",
                WriteBatch(
                    ledger=LedgerBatch(
                        partition_id=self._partition_id,
                        generation=self._generation,
                        dead_letters=write.ledger.dead_letters,
                        raw_files=write.ledger.raw_files,
                    ),
                    counts=Counts(failed=write.counts.failed),
                ),
            )

    def dead_letter(
        self,
        *,
        key: str | None,
        error: str,
        message: str,
        url: str | None = None,
        raw_ref: str | None = None,
        document_id: str | None = None,
    ) -> DeadLetter:
        """A dead letter of this partition and run; no secret of ours is in it."""
        return DeadLetter(
            source=self._exporter.source,
            connection=self._connection,
            partition=self._partition.key,
            key=key,
            error=error,
            message=redactor.text(message),
            run_id=self._run_id,
            url=redactor.url(url) if url else None,
            raw_ref=raw_ref,
            document_id=document_id,
        )

    def _wait_for(self, keys: Sequence[str]) -> None:
        """Waits for batches still being written that hold one of these keys."""
        while self._in_flight and self._in_flight[0][0].is_set():
            self._in_flight.popleft()
        wanted = set(keys)
        for done, held in self._in_flight:
            if not wanted.isdisjoint(held):
                self.wait(done)


def _event(write: WriteBatch) -> Event:
    if write.done is None:
        write.done = Event()
    return write.done
