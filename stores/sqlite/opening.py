"""Opens the embedded stores for the settings."""

from stores.settings import StoreSettings
from stores.sqlite.document_index import SqliteDocumentIndex
from stores.sqlite.vector_store import SqliteVectorStore


def document_index(address: str, settings: StoreSettings) -> SqliteDocumentIndex:
    """The document index in a file."""
    del settings
    return SqliteDocumentIndex(address)


def vector_store(address: str, settings: StoreSettings) -> SqliteVectorStore:
    """The vector store in a file."""
    del settings
    return SqliteVectorStore(address)
