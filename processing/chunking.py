"""Splitting documents into the parts that are embedded."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from langchain_core.documents import Document

from documents.chunks import Chunk, ChunkedDocument
from documents.fingerprints import text_hash
from documents.metadata import NOT_EMBEDDED

if TYPE_CHECKING:
    from langchain_text_splitters import RecursiveCharacterTextSplitter

DEFAULT_CHUNK_CHARACTERS: Final = 2_000
"""About 500 tokens of English: what small embedding models read at once."""

DEFAULT_OVERLAP_CHARACTERS: Final = 200

_WORD_START: Final = re.compile(r"\s+")


def chunk_documents(
    docs: Iterable[Document],
    *,
    chunk_characters: int = DEFAULT_CHUNK_CHARACTERS,
    overlap_characters: int = DEFAULT_OVERLAP_CHARACTERS,
) -> Iterator[ChunkedDocument]:
    """Splits each document at headings, paragraphs, lines, sentences and words, in this order.

    A chunk is a span of the document's text, so stores keep offsets and no second copy. The text
    that is embedded begins with the document's title, which is often all that says what a later
    chunk is about. A text within the limit is one chunk; one without text is its title; one
    without both has no chunk, nor has one whose `extra` says `not_embedded`.

    Args:
        docs: Documents.
        chunk_characters: Longest chunk, without the title.
        overlap_characters: How far a chunk reaches back into the one before.

    Raises:
        ValueError: The overlap is not smaller than the chunk.
    """
    if not 0 <= overlap_characters < chunk_characters:
        raise ValueError(
            f"the overlap ({overlap_characters}) must be smaller than the chunk "
            f"({chunk_characters})"
        )
    return (_chunked(document, chunk_characters, overlap_characters) for document in docs)


def _chunked(document: Document, size: int, overlap: int) -> ChunkedDocument:
    metadata = document.metadata or {}
    if (metadata.get("extra") or {}).get(NOT_EMBEDDED):
        return ChunkedDocument(document, [])
    text = document.page_content
    title = str(metadata.get("title") or "")
    if len(text) <= size:
        spans = [(0, len(text))] if text or title else []
    else:
        spans = _spans(text, size, overlap)
    heading = title if not text.startswith(title) else ""
    chunks = []
    for ordinal, (start, end) in enumerate(spans):
        # The first chunk shows a title that the text begins with; later ones need it repeated.
        prefix = heading if start == 0 else title
        part = text[start:end]
        embedded = f"{prefix}\n\n{part}".strip() if prefix else part
        chunks.append(
            Chunk(
                ordinal=ordinal,
                start=start,
                end=end,
                embedded_text=embedded,
                text_hash=text_hash(embedded),
            )
        )
    return ChunkedDocument(document, chunks)


def _spans(text: str, size: int, overlap: int) -> list[tuple[int, int]]:
    """Where the chunks lie in the text.

    The splitter is asked for chunks without overlap: with separators kept and nothing stripped
    they are a partition of the text, so their places follow from their lengths. Looking up an
    overlapping chunk by its text would go wrong wherever a text repeats itself. The overlap is
    added here, back to the beginning of a word.
    """
    spans: list[tuple[int, int]] = []
    position = 0
    for part in _splitter(size - overlap).split_text(text):
        start, position = position, position + len(part)
        if part.strip():
            spans.append((_overlapping_start(text, start, overlap), position))
    return spans


def _overlapping_start(text: str, start: int, overlap: int) -> int:
    earliest = max(0, start - overlap)
    if earliest == 0:
        return 0
    match = _WORD_START.search(text, earliest - 1, start)
    return match.end() if match else start


@lru_cache(maxsize=8)
def _splitter(size: int) -> "RecursiveCharacterTextSplitter":
    from langchain_text_splitters import RecursiveCharacterTextSplitter  # noqa: PLC0415 (0.3 s)

    return RecursiveCharacterTextSplitter(
        separators=["\n# ", "\n## ", "\n### ", "\n\n", "\n", ". ", " ", ""],
        chunk_size=size,
        chunk_overlap=0,
        keep_separator="start",
        strip_whitespace=False,
    )
