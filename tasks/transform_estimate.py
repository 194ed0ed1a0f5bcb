"""What the documents of all that was extracted, and waits for a worker, take and cost to embed."""

from collections.abc import Iterator, Sequence
from contextlib import closing

from documents.errors import ConfigurationError
from exporters.redaction import redactor
from processing.chunking import chunk_documents
from stores.errors import StoreCorruptError
from stores.ledger.extraction_types import ExtractionRow
from stores.ledger.ledger import Ledger
from stores.ledger.types import ConnectionState, ExtractionStatus
from stores.opening import open_embeddings
from stores.settings import load_store_settings
from tasks.batches import EncodedUpsert, payload_hash
from tasks.context import SyncContext
from tasks.embedding_estimate import EmbeddingEstimate, Tally
from tasks.failures import record_of
from tasks.making import LocalMaker, Recipe
from tasks.session import SyncRequest, SyncSession
from tasks.stores import existing_ledger


def estimate_transform(
    source: str | None = None, connection: str | None = None
) -> EmbeddingEstimate:
    """What transform workers will embed. Nothing is written, and nobody waits for it.

    Payloads that make no documents, or cannot be read, count as nothing: a worker tells of them.

    Args:
        source: Only what was extracted of this source.
        connection: Only of this account.

    Raises:
        ConfigurationError: Nothing was extracted yet, or no embedding model is set.
        StoreError: A store or the model cannot be used.
    """
    settings = load_store_settings()
    redactor.register(*settings.secrets())
    model = open_embeddings(settings)
    if model is None:
        raise ConfigurationError(
            "No embedding model is set, so nothing will be embedded.",
            hint="Set DATA_GETTERS_STORES__EMBEDDING_MODEL.",
        )
    ledger, address = existing_ledger(settings)
    if ledger is None:
        raise ConfigurationError(
            f"Nothing was extracted yet: {address} does not exist.",
            hint="Run `data-getters extract SOURCE` first.",
        )
    with closing(ledger):
        tally = Tally(model, ledger)
        for account in ledger.connections():
            if source in (None, account.source) and connection in (None, account.connection):
                _count(tally, ledger, account)
        return tally.estimate(settings)


def _count(tally: Tally, ledger: Ledger, account: ConnectionState) -> None:
    pages = _waiting(ledger, account)
    first = next(pages, None)
    if first is None:
        return
    session = SyncSession(SyncRequest(source=account.source), connection=account.connection)
    try:
        for page in (first, *pages):
            _count_page(tally, session.context, page)
    finally:
        session.close()


def _count_page(tally: Tally, context: SyncContext, page: Sequence[ExtractionRow]) -> None:
    settings = context.stores.settings
    recipe = Recipe(
        exporter=context.exporter,
        store_name=context.store_name,
        characters=settings.document_characters,
        custom=context.custom,
    )
    maker = context.maker or LocalMaker(recipe)
    refs = [row.record.raw_ref for row in page if row.record.raw_ref is not None]
    items = [
        EncodedUpsert(
            record=record_of(landed.row),
            payload=landed.row.payload,
            payload_hash=payload_hash(landed.row.payload, context.exporter.transform_version),
            partial=False,
            raw_ref=landed.ref,
        )
        for landed in context.stores.raw.read_many(refs, on_damage=_left_out)
    ]
    documents = [d for made in maker.make(items) if not isinstance(made, Exception) for d in made]
    chunked = chunk_documents(
        documents,
        chunk_characters=settings.chunk_characters,
        overlap_characters=settings.chunk_overlap,
    )
    tally.add(list(chunked))


def _left_out(refs: Sequence[str], damage: StoreCorruptError) -> None:
    """Payloads that cannot be read are the worker's affair."""


def _waiting(ledger: Ledger, account: ConnectionState) -> Iterator[list[ExtractionRow]]:
    after = 0
    while page := ledger.extractions.page(
        source=account.source,
        connection=account.connection,
        status=ExtractionStatus.LANDED,
        after=after,
    ):
        yield page
        after = page[-1].id
