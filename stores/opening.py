"""Opens what the settings name."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from stores.base import DocumentIndex, VectorStore
from stores.fusion import parse_fusion
from stores.settings import DOCUMENT_INDEXES, VECTOR_STORES, StoreSettings

if TYPE_CHECKING:
    from stores.embeddings import EmbeddingModel
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
    return getattr(import_module(module), attribute)
