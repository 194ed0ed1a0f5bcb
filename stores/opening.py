"""Opens what the settings name."""

import logging
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from documents.errors import ConfigurationError, DataGettersError
from stores.base import DocumentIndex, VectorStore
from stores.fusion import parse_fusion
from stores.settings import DOCUMENT_INDEXES, QUEUES, VECTOR_STORES, StoreSettings

_LOGGER: Final = logging.getLogger(__name__)

_OPTIONAL: Final = {
    "elasticsearch": "elasticsearch",
    "elastic_transport": "elasticsearch",
    "amqp": "rabbitmq",
}
"""Packages that only some stores need, and the extra that brings them."""

if TYPE_CHECKING:
    from stores.elasticsearch.reindex import Reindexer
    from stores.embeddings import EmbeddingModel
    from stores.ledger.ledger import Ledger
    from stores.queue.base import JobQueue
    from stores.search import HybridSearch


def open_document_index(settings: StoreSettings) -> DocumentIndex:
    """The document index.

    Raises:
        StoreError: It cannot be opened.
    """
    location = settings.document_index_location
    index: DocumentIndex = _found(DOCUMENT_INDEXES[location.scheme])(location.address, settings)
    return index


def open_vector_store(settings: StoreSettings) -> VectorStore:
    """The vector store; `bind` comes next.

    Raises:
        StoreError: It cannot be opened.
    """
    location = settings.vector_store_location
    store: VectorStore = _found(VECTOR_STORES[location.scheme])(location.address, settings)
    return store


def open_reindexers(settings: StoreSettings) -> "list[Reindexer]":
    """What builds indices anew, one for each server; stores in a file need none.

    Raises:
        StoreError: A server cannot be used.
    """
    locations = {settings.document_index_location, settings.vector_store_location}
    opened: list[Reindexer] = []
    for location in sorted(locations, key=lambda location: location.address):
        if location.scheme != "sqlite":
            connection = _found("stores.elasticsearch.opening:connection")
            reindexer = _found("stores.elasticsearch.reindex:Reindexer")
            opened.append(reindexer(connection(location.address, settings)))
    return opened


def open_queue(settings: StoreSettings, ledger: "Ledger") -> "JobQueue":
    """The job queue: the ledger itself, or a broker that hands out the ledger's jobs.

    A broker is not asked yet: where it does not answer, the first use says so.

    Raises:
        ConfigurationError: The URL cannot be read, or the package for it is not installed.
        StoreError: The ledger fails.
    """
    policy = _found("stores.queue.base:RetryPolicy")(
        attempts=settings.job_attempts, first=settings.job_retry_seconds
    )
    if not settings.queue:
        queue: JobQueue = _found("stores.queue.embedded:LedgerQueue")(ledger, policy)
        return queue
    scheme = settings.queue.partition("://")[0].lower()
    broker: JobQueue = _found(QUEUES[scheme])(settings.queue, ledger, policy)
    return broker


def open_embeddings(settings: StoreSettings, model: str | None = None) -> "EmbeddingModel | None":
    """The embedding model; None when the settings want none.

    Args:
        settings: The settings.
        model: Another model than theirs.

    Raises:
        ConfigurationError: The setting names no model.
        EmbeddingError: The model cannot be loaded.
    """
    key = settings.embedding_api_key
    limits = _found("stores.embedding_requests:RequestLimits")(
        texts=settings.embedding_batch,
        tokens=settings.embedding_batch_tokens,
        text_tokens=settings.embedding_text_tokens,
        concurrency=settings.embedding_concurrency,
    )
    loaded: EmbeddingModel | None = _found("stores.embeddings:load_embeddings")(
        model or settings.embedding_model,
        base_url=settings.embedding_url,
        api_key=key.get_secret_value() if key else None,
        options=settings.embedding_options if model is None else {},
        limits=limits,
    )
    return loaded


def open_search(settings: StoreSettings) -> "HybridSearch":
    """The search over index, vectors and model of the settings.

    Where the vectors are still those of another model, because they are being built anew or are to
    be, it is that model which questions are asked of; where it cannot be had any more, words alone
    are searched.

    Raises:
        StoreError: A store or the model cannot be opened, or they do not belong together.
    """
    wanted = settings.embedding_model != "none"
    vectors = open_vector_store(settings) if wanted else None
    embeddings = _model_of(vectors, settings) if vectors is not None else None
    search: HybridSearch = _found("stores.search:HybridSearch")(
        open_document_index(settings),
        vectors if embeddings is not None else None,
        embeddings,
        fusion=parse_fusion(settings.fusion) if settings.fusion else None,
        candidates=settings.candidates,
    )
    return search


def _model_of(vectors: VectorStore, settings: StoreSettings) -> "EmbeddingModel | None":
    """The model that a store's vectors are of, that of the settings if they fit."""
    held = vectors.held_model()
    if held is None or _may_be(settings.embedding_model, held[0]):
        model = open_embeddings(settings)
        if held is None or model is None or (model.identity, model.dimensions) == held:
            return model
    before = _setting_of(held[0])
    try:
        model = open_embeddings(settings, before)
    except DataGettersError:
        model = None
    if model is not None and (model.identity, model.dimensions) == held:
        _LOGGER.warning(
            "The vectors are of %s, not of %s: questions are asked of the model they are of. Run "
            "`data-getters reindex --vectors`.",
            held[0],
            settings.embedding_model,
        )
        return model
    _LOGGER.warning(
        "The vectors are of %s, which cannot be had with these settings: words alone are searched. "
        "Run `data-getters reindex --vectors`.",
        held[0],
    )
    return None


def _may_be(setting: str, identity: str) -> bool:
    """Whether a setting may name the model of an identity, as far as names tell."""
    return identity.startswith(setting)


def _setting_of(identity: str) -> str:
    """The setting that a model's identity was made from, without what marks its options."""
    if identity.startswith("wordllama:"):
        return "wordllama"
    name = identity.partition("#")[0].partition("@")[0]
    return re.sub(r"(?<=.):[0-9a-f]{8}$", "", name)


def _found(name: str) -> Any:
    """What `module:attribute` names; imported only when it is opened."""
    module, _, attribute = name.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name not in _OPTIONAL:
            raise
        raise ConfigurationError(
            f"The package {error.name} is not installed.",
            hint=f'Run `pip install "prefect-data-getters[{_OPTIONAL[error.name]}]"`.',
        ) from None
