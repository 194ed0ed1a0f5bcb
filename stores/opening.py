"""Opens what the settings name."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from documents.errors import ConfigurationError
from stores.base import DocumentIndex, VectorStore
from stores.fusion import parse_fusion
from stores.settings import DOCUMENT_INDEXES, QUEUES, VECTOR_STORES, StoreSettings

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


def open_embeddings(settings: StoreSettings) -> "EmbeddingModel | None":
    """The embedding model; None when the settings want none.

    Raises:
        ConfigurationError: The setting names no model.
        EmbeddingError: The model cannot be loaded.
    """
    key = settings.embedding_api_key
    model: EmbeddingModel | None = _found("stores.embeddings:load_embeddings")(
        settings.embedding_model,
        base_url=settings.embedding_url,
        api_key=key.get_secret_value() if key else None,
    )
    return model


def open_search(settings: StoreSettings) -> "HybridSearch":
    """The search over index, vectors and model of the settings.

    Raises:
        StoreError: A store or the model cannot be opened, or they do not belong together.
    """
    embeddings = open_embeddings(settings)
    search: HybridSearch = _found("stores.search:HybridSearch")(
        open_document_index(settings),
        open_vector_store(settings) if embeddings is not None else None,
        embeddings,
        fusion=parse_fusion(settings.fusion) if settings.fusion else None,
        candidates=settings.candidates,
    )
    return search


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
