"""Another embedding model, or other chunks: the vectors of all documents anew.

1. Every text that the ledger's cache has no vector of is embedded and cached, page by page. Syncs
   and searches go on with the vectors there are. This is what takes long and costs money; one that
   is stopped goes on where it was, because what is cached is not embedded again.
2. Syncs and transform workers wait: all accounts are held. The documents are cut again, and all
   vectors are written from the cache to a store beside the old one; only what changed meanwhile is
   embedded.
3. The new one takes the place of the old one, in one step.

Where the cache cannot hold all vectors, step 1 is left out: what it pushes out would be embedded
and paid for twice.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from typing import Final

from documents.chunks import ChunkedDocument
from documents.errors import ConfigurationError
from exporters.redaction import redactor
from processing.chunking import chunk_documents
from stores.base import DocumentIndex
from stores.embeddings import EmbeddingModel
from stores.ledger.ledger import Ledger
from stores.opening import open_document_index, open_embeddings, open_vector_store
from stores.settings import StoreSettings, load_store_settings
from tasks.embedding import Embedder
from tasks.embedding_estimate import EmbeddingEstimate, Tally, fits_cache
from tasks.reporting import ReindexProgressed, tell
from tasks.session import account_held
from tasks.stores import open_ledger

_DOCUMENTS_AT_ONCE: Final = 500


def estimate_vectors(settings: StoreSettings | None = None) -> EmbeddingEstimate:
    """What `build_vectors` would take. A few texts are embedded to see how long the model takes.

    Raises:
        ConfigurationError: No embedding model is set.
        StoreError: A store or the model cannot be used.
    """
    settings = settings or load_store_settings()
    redactor.register(*settings.secrets())
    model = _model(settings)
    with ExitStack() as stack:
        index = open_document_index(settings)
        stack.callback(index.close)
        ledger = open_ledger(settings)
        stack.callback(ledger.close)
        tally = Tally(model, ledger)
        for page in _pages(index, settings):
            tally.add(page)
        return tally.estimate(settings)


def build_vectors(
    settings: StoreSettings, ledger: Ledger, run_id: str
) -> tuple[int, dict[str, str], int]:
    """Embeds what has no vector of the model of the settings, writes all vectors, and switches.

    Returns:
        How many documents have vectors now; those that were refused, with the reason; and how many
        texts were split, because they are longer than the model takes.

    Raises:
        ConfigurationError: No embedding model is set.
        LeaseHeldError: A sync is running, or a worker does not come to its end.
        StoreError: It did not work out; the vectors of before are in use.
    """
    model = _model(settings)
    with ExitStack() as stack:
        index, vectors = open_document_index(settings), open_vector_store(settings)
        stack.callback(index.close)
        stack.callback(vectors.close)
        embedder = Embedder(model, ledger)
        index.maintain()
        if fits_cache(
            settings, model, sum(len(i.chunks) for p in _pages(index, settings) for i in p)
        ):
            _embed_all(index, embedder, ledger, settings)
        held = stack.enter_context(ExitStack())
        for connection in ledger.connections():
            held.enter_context(
                account_held(ledger, connection.source, connection.connection, run_id=run_id)
            )
        index.maintain()
        total, done = index.count(), 0
        refused: dict[str, str] = {}
        with vectors.rebuilding(model.identity, model.dimensions) as fresh:
            for page in _pages(index, settings):
                refused |= _unembedded(page, embedder, ledger)
                kept = [item for item in page if (item.document.id or "") not in refused]
                refused |= {f.document_id: f.reason for f in fresh.write(kept)}
                done += len(page)
                tell(ReindexProgressed("vectors", done, total))
        return done - len(refused), refused, model.split_texts


def _embed_all(
    index: DocumentIndex, embedder: Embedder, ledger: Ledger, settings: StoreSettings
) -> None:
    """Puts the vectors of all texts into the cache, while syncs go on."""
    total, done = index.count(), 0
    for page in _pages(index, settings):
        _unembedded(page, embedder, ledger)
        done += len(page)
        tell(ReindexProgressed("embedding", done, max(done, total)))


def _unembedded(page: list[ChunkedDocument], embedder: Embedder, ledger: Ledger) -> dict[str, str]:
    """Sets the vectors of documents' chunks; why some have none, by document id."""
    embedded = embedder.embed(page)
    if embedded.made:
        ledger.cache_vectors(embedder.model.identity, embedded.made)
    return {
        item.document.id or "": embedded.failed[chunk.text_hash]
        for item in page
        for chunk in item.chunks
        if chunk.vector is None
    }


def _pages(index: DocumentIndex, settings: StoreSettings) -> Iterator[list[ChunkedDocument]]:
    documents = index.iterate()
    while page := list(islice(documents, _DOCUMENTS_AT_ONCE)):
        yield list(
            chunk_documents(
                page,
                chunk_characters=settings.chunk_characters,
                overlap_characters=settings.chunk_overlap,
            )
        )


def _model(settings: StoreSettings) -> EmbeddingModel:
    model = open_embeddings(settings)
    if model is None:
        raise ConfigurationError(
            "No embedding model is set, so there are no vectors to build.",
            hint="Set DATA_GETTERS_STORES__EMBEDDING_MODEL.",
        )
    return model
