"""The middle of the pipeline: from changes to what is to be written.

Takes batches of changes, lands new payloads, makes documents of them, tells what moved from what
did not, and embeds the texts that nobody embedded before.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Event

from langchain_core.documents import Document

from documents.chunks import ChunkedDocument
from documents.fingerprints import access_hash
from documents.principals import normalize_access
from documents.times import now_iso
from exporters.base import BaseExporter, Partition
from exporters.changes import AccessChange, Cursor, Delete, Failure, RawRecord, record_key
from exporters.errors import ExportError, InvalidDataError
from processing.chunking import chunk_documents
from processing.metadata import convert_to_ai_documents, fingerprints
from processing.text import normalize, truncate
from stores.ledger.known import KnownRecord
from stores.ledger.types import (
    DeadLetter,
    KnownDocument,
    LedgerBatch,
    RecordState,
)
from stores.raw.types import RawRow
from tasks.embedding import Embedder
from tasks.options import SyncOptions
from tasks.results import Counts
from tasks.stores import Stores

Processing = Callable[[Iterable[Document]], Iterator[Document]]
"""A source's own step, from `processing.custom`."""


@dataclass(frozen=True, slots=True)
class EncodedUpsert:
    """An upsert with its payload as bytes, made by the fetching side."""

    record: RawRecord
    payload: bytes
    payload_hash: str
    partial: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """A listed item whose version is the one already known."""

    key: str


Item = EncodedUpsert | Seen | Delete | AccessChange | Failure


@dataclass(slots=True)
class ChangeBatch:
    """Changes on their way, no key twice.

    Attributes:
        items: In order.
        size: Bytes of the payloads.
        cursor: The checkpoint they lead up to, if one was passed.
        closes_listing: The listing came to its end with them.
        done: Set when all of it is durable.
    """

    items: list[Item] = field(default_factory=list)
    size: int = 0
    cursor: Cursor | None = None
    closes_listing: bool = False
    done: Event | None = None


@dataclass(slots=True)
class WriteBatch:
    """What the stores are to do for a batch of changes.

    Attributes:
        documents: To write, with their chunks (none where nothing is embedded).
        new_ids: Which of them no store holds yet.
        access: Documents of which access alone moved.
        deleted: Documents to delete.
        vectors: Newly made vectors by text hash, to cache.
        ledger: What the ledger is to remember.
        counts: What it comes to, less the documents to write: those count once they are written.
        done: Set when it is durable.
    """

    ledger: LedgerBatch
    documents: list[ChunkedDocument] = field(default_factory=list)
    new_ids: set[str] = field(default_factory=set)
    access: dict[str, list[str]] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    vectors: dict[str, bytes] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    done: Event | None = None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write anywhere."""
        ledger = self.ledger
        return not (
            self.documents
            or self.access
            or self.deleted
            or ledger.records
            or ledger.seen
            or ledger.documents
            or ledger.deleted
            or ledger.dead_letters
            or ledger.resolved
            or ledger.cursor is not None
            or ledger.listing_closed
        )


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
        resolves_seen: bool = False,
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
            resolves_seen: Whether an unmoved item settles its dead letter, as it does in a retry.
                (In a listing the failure may follow, of a file that belongs to the item.)
        """
        self._exporter = exporter
        self._partition = partition
        self._connection = connection
        self._connection_id = connection_id
        self._partition_id = partition_id
        self._generation = generation
        self._run_id = run_id
        self._store_name = store_name
        self._stores = stores
        self._options = options
        self._custom = custom
        self._embedder = (
            Embedder(stores.embeddings, stores.ledger) if stores.embeddings is not None else None
        )
        self._resolves_seen = resolves_seen
        self._consecutive_failures = 0
        self._in_flight: deque[tuple[Event, frozenset[str]]] = deque()
        self.wait: Callable[[Event], object] = Event.wait
        """How to wait for a batch before to be written."""

    def transform(self, batch: ChangeBatch) -> WriteBatch:
        """Works out what a batch of changes means for the stores.

        Raises:
            TooManyFailuresError: Item after item failed; the partition had better stop.
            StoreError: The raw landing or the ledger cannot be used.
            EmbeddingError: The embedding model fails.
        """
        keys = [key for key in map(item_key, batch.items) if key is not None]
        self._wait_for(keys)
        known = self._stores.ledger.known(self._connection_id, keys)
        write = WriteBatch(
            ledger=LedgerBatch(
                partition_id=self._partition_id,
                generation=self._generation,
                cursor=batch.cursor,
                listing_closed=batch.closes_listing,
            ),
            done=batch.done or Event(),
        )
        moved: list[EncodedUpsert] = []
        for item in batch.items:
            match item:
                case EncodedUpsert():
                    if self._is_unmoved(item, known.get(item.record.key)):
                        self._seen(write, item.record.key, known)
                        self._note_version(write, item, known)
                    else:
                        moved.append(item)
                case Seen():
                    self._seen(write, item.key, known)
                case Delete():
                    self._delete(write, item, known)
                case AccessChange():
                    self._change_access(write, item, known)
                case Failure():
                    self._fail(write, item)
        self._transform_moved(write, moved, known)
        self._in_flight.append((_event(write), frozenset(keys)))
        return write

    def _transform_moved(
        self, write: WriteBatch, moved: Sequence[EncodedUpsert], known: Mapping[str, KnownRecord]
    ) -> None:
        if not moved:
            return
        rows = [self._row(item) for item in moved]
        landing = self._stores.raw.append(rows, run_id=self._run_id)
        write.ledger.raw_files.extend(landing.files)
        write.counts.landed += len(rows)
        fresh: list[Document] = []
        for item, raw_ref in zip(moved, landing.refs, strict=True):
            record = item.record
            try:
                documents = list(self._process(self._exporter.to_documents(record), raw_ref))
            except Exception as error:  # noqa: BLE001 (one bad item is a dead letter, not the run)
                self._fail(
                    write,
                    Failure(
                        error=_as_export_error(error, record),
                        entity=record.entity,
                        external_id=record.external_id,
                        url=record.url,
                    ),
                    raw_ref,
                )
                continue
            self._consecutive_failures = 0
            fresh.extend(self._compare(write, item, documents, known.get(record.key), raw_ref))
        if self._embedder is not None:
            write.documents = list(
                chunk_documents(
                    fresh,
                    chunk_characters=self._stores.settings.chunk_characters,
                    overlap_characters=self._stores.settings.chunk_overlap,
                )
            )
            write.vectors = self._embedder.embed(write.documents)
            write.counts.embedded += len(write.vectors)
        else:
            write.documents = [ChunkedDocument(document, []) for document in fresh]

    def _process(self, documents: Iterator[Document], raw_ref: str) -> Iterator[Document]:
        steps: Iterator[Document] = truncate(
            normalize(documents), self._stores.settings.document_characters
        )
        if self._custom is not None:
            steps = self._custom(steps)
        for document in convert_to_ai_documents(steps, self._store_name):
            document.metadata.update(
                fingerprints(document),
                ingestion_timestamp=now_iso(),
                run_id=self._run_id,
                raw_ref=raw_ref,
            )
            yield document

    def _compare(
        self,
        write: WriteBatch,
        item: EncodedUpsert,
        documents: Sequence[Document],
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
            if was is None or was.content_hash != now.content_hash:
                if was is None:
                    write.new_ids.add(identifier)
                yield document
            elif was.access_hash != now.access_hash:
                write.access[identifier] = metadata["access"]
                write.counts.access_changed += 1
            else:
                write.counts.unchanged += 1
        write.deleted.extend(before)
        write.counts.deleted += len(before)
        write.ledger.records.append(self._state(item, tuple(after), raw_ref))
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
        )

    def _is_unmoved(self, item: EncodedUpsert, known: KnownRecord | None) -> bool:
        """Whether a payload says nothing new: the same, an older one, or only a part."""
        if known is None:
            return False
        return (
            item.partial
            or known.payload_hash == item.payload_hash
            or known.fetched_at > item.record.fetched_at
        )

    def _seen(self, write: WriteBatch, key: str, known: Mapping[str, KnownRecord]) -> None:
        write.ledger.seen.append(key)
        if self._resolves_seen:
            write.ledger.resolved.append(key)
        if state := known.get(key):
            write.counts.unchanged += len(state.documents)

    def _note_version(
        self, write: WriteBatch, item: EncodedUpsert, known: Mapping[str, KnownRecord]
    ) -> None:
        """A version that moved without the payload: kept, or the item is fetched every time."""
        state, record = known.get(item.record.key), item.record
        version = stored_version(self._exporter, record.version)
        if (
            state is not None
            and version not in {None, state.version}
            and state.payload_hash == item.payload_hash
            and state.fetched_at <= record.fetched_at
        ):
            write.ledger.records.append(
                replace(state.state(), version=version, fetched_at=record.fetched_at)
            )

    def _delete(self, write: WriteBatch, item: Delete, known: Mapping[str, KnownRecord]) -> None:
        write.ledger.resolved.append(item.key)
        if state := known.get(item.key):
            write.deleted.extend(document.id for document in state.documents)
            write.counts.deleted += len(state.documents)
            write.ledger.deleted.append(item.key)

    def _change_access(
        self, write: WriteBatch, item: AccessChange, known: Mapping[str, KnownRecord]
    ) -> None:
        state = known.get(item_key(item) or "")
        if state is None:
            return
        access = normalize_access(item.access)
        new_hash = access_hash(access)
        moved = [document for document in state.documents if document.access_hash != new_hash]
        for document in moved:
            write.access[document.id] = access
        write.counts.access_changed += len(moved)
        write.ledger.documents[state.key] = tuple(
            replace(document, access_hash=new_hash) for document in state.documents
        )

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
        self._consecutive_failures += 1
        if self._consecutive_failures >= self._options.max_consecutive_failures:
            raise TooManyFailuresError(
                f"{self._consecutive_failures} items of {self._partition.name} failed in a row; "
                f"the last one: {failure.error.sentence()}",
                WriteBatch(
                    ledger=LedgerBatch(
                        partition_id=self._partition_id,
                        generation=self._generation,
                        dead_letters=write.ledger.dead_letters,
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
        """A dead letter of this partition and run."""
        return DeadLetter(
            source=self._exporter.source,
            connection=self._connection,
            partition=self._partition.key,
            key=key,
            error=error,
            message=message,
            run_id=self._run_id,
            url=url,
            raw_ref=raw_ref,
            document_id=document_id,
        )

    def _row(self, item: EncodedUpsert) -> RawRow:
        record = item.record
        return RawRow(
            source=self._exporter.source,
            connection=self._connection,
            partition=self._partition.key,
            entity=record.entity,
            external_id=record.external_id,
            payload=item.payload,
            url=record.url,
            occurred_at=record.occurred_at,
            version=record.version,
            fetched_at=record.fetched_at,
        )

    def _wait_for(self, keys: Sequence[str]) -> None:
        """Waits for batches still being written that hold one of these keys."""
        while self._in_flight and self._in_flight[0][0].is_set():
            self._in_flight.popleft()
        wanted = set(keys)
        for done, held in self._in_flight:
            if not wanted.isdisjoint(held):
                self.wait(done)


class TooManyFailuresError(ExportError):
    """Item after item failed, so the fault is not the items'.

    Attributes:
        unwritten: The dead letters of the batch that is given up; its cursor is not in it.
    """

    def __init__(self, message: str, unwritten: WriteBatch) -> None:
        super().__init__(
            message, hint="See `data-getters failures list`; the partition goes on in the next run."
        )
        self.unwritten = unwritten


def stored_version(exporter: BaseExporter, version: str | None) -> str | None:
    """A version as the ledger keeps it: a newer transformation makes every version look moved."""
    return None if version is None else f"{exporter.transform_version}|{version}"


def item_key(item: Item) -> str | None:
    """The record a change is about; None for a failure that could not be told."""
    match item:
        case EncodedUpsert():
            return item.record.key
        case Seen() | Delete():
            return item.key
        case _:
            if item.entity is None or item.external_id is None:
                return None
            return record_key(item.entity, item.external_id)


def _event(write: WriteBatch) -> Event:
    if write.done is None:
        write.done = Event()
    return write.done


def _as_export_error(error: Exception, record: RawRecord) -> ExportError:
    if isinstance(error, ExportError):
        return error
    return InvalidDataError(
        f"The {record.entity} {record.external_id} could not be made a document: "
        f"{type(error).__name__}: {error}",
        external_id=record.external_id,
    )
