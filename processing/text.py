"""Steps that make texts uniform and keep them within bounds."""

from collections.abc import Iterable, Iterator
from typing import Final

from langchain_core.documents import Document

from documents.text import normalize_text

DEFAULT_MAX_CHARACTERS: Final = 1_000_000
"""Text kept of one document; what lies beyond it is cut, and the document says so."""


def normalize(docs: Iterable[Document]) -> Iterator[Document]:
    """Normalises each document's text and its title (one line)."""
    for document in docs:
        metadata = document.metadata or {}
        content = normalize_text(document.page_content)
        title = metadata.get("title")
        clean_title = " ".join(normalize_text(title).split()) if title else title
        if content == document.page_content and clean_title == title and document.metadata:
            yield document
        else:
            fields = {**metadata, "title": clean_title} if "title" in metadata else metadata
            yield type(document)(id=document.id, page_content=content, metadata=fields)


def truncate(
    docs: Iterable[Document], max_characters: int = DEFAULT_MAX_CHARACTERS
) -> Iterator[Document]:
    """Cuts texts that are too long, never drops them.

    A cut document carries `extra.content_truncated` (True) and `extra.content_characters`, the
    length it had.

    Args:
        docs: Documents.
        max_characters: Characters kept, at least 1.

    Raises:
        ValueError: `max_characters` is smaller than 1.
    """
    if max_characters < 1:
        raise ValueError(f"max_characters must be at least 1, got {max_characters}")
    return (_truncated(document, max_characters) for document in docs)


def _truncated(document: Document, max_characters: int) -> Document:
    length = len(document.page_content)
    if length <= max_characters:
        return document
    metadata = document.metadata or {}
    extra = {
        **(metadata.get("extra") or {}),
        "content_truncated": True,
        "content_characters": length,
    }
    return type(document)(
        id=document.id,
        page_content=document.page_content[:max_characters],
        metadata={**metadata, "extra": extra},
    )
