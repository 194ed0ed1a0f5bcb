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

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import Final

from documents.chunks import ChunkedDocument
from documents.errors import ConfigurationError
from exporters.redaction import redactor
from processing.chunking import chunk_documents
from stores.base import DocumentIndex
from stores.embedding_requests import estimated_tokens
from stores.embeddings import EmbeddingModel
from stores.errors import EmbeddingError
from stores.ledger.ledger import Ledger
from stores.opening import open_document_index, open_embeddings, open_vector_store
from stores.settings import StoreSettings, load_store_settings
from tasks.embedding import Embedder
from tasks.reporting import ReindexProgressed, tell
from tasks.session import account_held
from tasks.stores import open_ledger

_DOCUMENTS_AT_ONCE: Final = 500
_SAMPLE: Final = 8
_FLOAT_BYTES: Final = 4
_CACHE_SHARE: Final = 0.85
"""The cache is cut to nine tenths of its bound when it is full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorEstimate:
    """What building all vectors anew takes.

    Attributes:
        model: That embeds.
        documents: How many there are.
        chunks: That they are cut into.
        texts: Chunks that the cache has no vector of: those that are embedded.
        tokens: Of these, by estimate.
        price: What they cost, where the setting says what a million tokens do.
        seconds: How long the model takes for them, by a sample; None where nothing is to embed.
        resumable: Whether the cache holds all vectors, so that it goes on where it was stopped.
    """

    model: str
    documents: int
    chunks: int
    texts: int
    tokens: int
    price: float | None
    seconds: float | None
    resumable: bool

    @property
    def sentence(self) -> str:
        """All of it, in one line or two."""
        told = (
            f"{self.documents:,} documents, {self.chunks:,} chunks; {self.texts:,} texts are to be "
            f"embedded with {self.model}: about {self.tokens:,} tokens"
        )
        if self.price is not None:
            told += f", about {self.price:,.2f} at the price of the settings"
        if self.seconds is not None:
            told += f", about {_duration(self.seconds)}"
        if not self.resumable:
            told += (
                ". The cache cannot hold all vectors, so a run that is stopped begins anew, and "
                "syncs wait all the while: raise DATA_GETTERS_STORES__EMBEDDING_CACHE_BYTES"
            )
        return f"{told}."


def estimate_vectors(settings: StoreSettings | None = None) -> VectorEstimate:
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
        embedder = Embedder(model, ledger)
        documents = chunks = texts = tokens = 0
        sample: list[str] = []
        for page in _pages(index, settings):
            documents += len(page)
            chunks += sum(len(item.chunks) for item in page)
            missing = embedder.missing(page)
            texts += len(missing)
            tokens += sum(map(estimated_tokens, missing))
            sample += missing[: _SAMPLE - len(sample)]
    return VectorEstimate(
        model=model.identity,
        documents=documents,
        chunks=chunks,
        texts=texts,
        tokens=tokens,
        price=None if settings.embedding_price is None else tokens * settings.embedding_price / 1e6,
        seconds=_seconds(model, sample, tokens),
        resumable=_fits(settings, model, chunks),
    )


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
        if _fits(settings, model, sum(len(i.chunks) for p in _pages(index, settings) for i in p)):
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


def _fits(settings: StoreSettings, model: EmbeddingModel, chunks: int) -> bool:
    needed = chunks * model.dimensions * _FLOAT_BYTES
    return needed <= settings.embedding_cache_bytes * _CACHE_SHARE


def _seconds(
    model: EmbeddingModel,
    sample: list[str],
    tokens: int,
    clock: Callable[[], float] = time.perf_counter,
) -> float | None:
    """How long a model takes for so many tokens, by a sample of the texts."""
    if not sample:
        return None
    began = clock()
    try:
        model.embed_matrix(sample)
    except EmbeddingError as error:
        if error.retryable:
            raise
        return None  # a text it cannot read says nothing of the others
    return (clock() - began) * tokens / max(1, sum(map(estimated_tokens, sample)))


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
