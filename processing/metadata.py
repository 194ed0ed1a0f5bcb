"""Steps that add to a document's metadata, or give it its type."""

from collections.abc import Iterable, Iterator
from typing import Any

from langchain_core.documents import Document

from documents.fingerprints import access_hash, content_hash
from documents.principals import normalize_access
from documents.registry import document_types
from documents.times import now_iso
from documents.types import AIDocument


def with_metadata(document: Document, **fields: object) -> Document:
    """A copy of a document, of the same type, with metadata fields added or replaced."""
    metadata = {**(document.metadata or {}), **fields}
    return type(document)(id=document.id, page_content=document.page_content, metadata=metadata)


def add_ingestion_timestamp(
    docs: Iterable[Document], metadata_field: str = "ingestion_timestamp"
) -> Iterator[Document]:
    """Stamps each document with the moment it passes (UTC, ISO 8601).

    Args:
        docs: Documents; ones whose metadata is None get a new one.
        metadata_field: Where the stamp goes.

    Yields:
        Copies with the stamp; the documents given are left as they are.
    """
    for document in docs:
        yield with_metadata(document, **{metadata_field: now_iso()})


def convert_to_ai_documents(docs: Iterable[Document], store_name: str) -> Iterator[AIDocument]:
    """Types documents by the store they go to.

    Args:
        docs: Plain documents; ones whose metadata is None get an empty one.
        store_name: A name in `documents.registry.document_types`, for instance `slack_messages`.

    Yields:
        The same documents as instances of the store's class.

    Raises:
        ConfigurationError: No class is registered under that name; raised before the first
            document is read.
    """
    document_class = document_types.get(store_name)
    return (document_class.from_document(document) for document in docs)


def fingerprints(document: Document) -> dict[str, Any]:
    """The fields that tell whether a document moved: `access`, `content_hash`, `access_hash`.

    Taken last, before the stores: what is changed later is not told from what was stored before.
    The access list comes out normalised; a document without one is readable by nobody.
    """
    access = normalize_access((document.metadata or {}).get("access") or ())
    return {
        "access": access,
        "content_hash": content_hash(document),
        "access_hash": access_hash(access),
    }
