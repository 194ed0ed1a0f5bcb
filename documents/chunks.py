"""Chunks: the parts of a document that are embedded."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from langchain_core.documents import Document

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(slots=True)
class Chunk:
    """A part of a document's text.

    Attributes:
        ordinal: Its place in the document, from 0.
        start: Where it begins in `page_content`, in characters.
        end: Where it ends, exclusive; `page_content[start:end]` is its text.
        embedded_text: What is handed to the embedding model: the text with the document's title.
        text_hash: Fingerprint of `embedded_text`.
        vector: float32, one dimension; set before the chunk is stored.
    """

    ordinal: int
    start: int
    end: int
    embedded_text: str
    text_hash: str
    vector: "NDArray[np.float32] | None" = None


@dataclass(slots=True)
class ChunkedDocument:
    """A document and its chunks, in order."""

    document: Document
    chunks: list[Chunk]
