"""Embedding the chunks of documents, each text once."""

import logging
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from documents.chunks import Chunk, ChunkedDocument
from documents.errors import DataGettersError
from stores.embeddings import EmbeddingModel
from stores.ledger.ledger import Ledger

_REMEMBERED_BATCHES: Final = 3
"""Batches that may be between this thread and the ledger, see `tasks.conveyor`."""

_LOGGER: Final = logging.getLogger(__name__)

_PLAIN_TEXT: Final = "text"
"""What every model can embed."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """What became of the texts of a batch.

    Attributes:
        made: The vectors that were made now, as float32 bytes by text hash, to be cached with the
            documents they belong to.
        failed: Why texts could not be embedded, by text hash; their chunks have no vector.
    """

    made: dict[str, bytes] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


class Embedder:
    """Sets the vectors of chunks, from the ledger's cache where it has them.

    Used from one thread.

    Attributes:
        model: The embedding model.
    """

    def __init__(self, model: EmbeddingModel, ledger: Ledger) -> None:
        self.model = model
        self._ledger = ledger
        self._told = False
        # Of the batches that may not be in the ledger yet.
        self._recent: deque[Mapping[str, bytes]] = deque(maxlen=_REMEMBERED_BATCHES)

    def embed(self, documents: Iterable[ChunkedDocument]) -> Embedded:
        """Sets every chunk's vector, but for texts that the model cannot read.

        Args:
            documents: Chunked documents.

        Raises:
            EmbeddingError: The model fails, whatever the text.
        """
        by_hash: dict[str, list[Chunk]] = {}
        for document in documents:
            for chunk in document.chunks:
                by_hash.setdefault(chunk.text_hash, []).append(chunk)
        if not by_hash:
            return Embedded()
        cached = self._cached(list(by_hash))
        for text_hash, vector in cached.items():
            self._assign(by_hash[text_hash], vector)
        missing = {h: chunks for h, chunks in by_hash.items() if h not in cached}
        embedded = Embedded()
        if missing:
            self._embed(missing, embedded)
            self._tell_of_split()
            self._recent.append(embedded.made)
        return embedded

    def _tell_of_split(self) -> None:
        if self.model.split_texts and not self._told:
            self._told = True
            _LOGGER.warning(
                "Texts are longer than %s takes: they are split, and their vectors are the means "
                "of their parts'. Smaller chunks serve better "
                "(DATA_GETTERS_STORES__CHUNK_CHARACTERS).",
                self.model.identity,
            )

    def missing(self, documents: Iterable[ChunkedDocument]) -> list[str]:
        """The texts of chunks that the cache has no vector of, each once."""
        texts = {c.text_hash: c.embedded_text for item in documents for c in item.chunks}
        cached = self._cached(list(texts)) if texts else {}
        return [text for text_hash, text in texts.items() if text_hash not in cached]

    def _cached(self, hashes: list[str]) -> dict[str, bytes]:
        found = self._ledger.cached_vectors(self.model.identity, hashes)
        for made in self._recent:
            found.update((h, made[h]) for h in hashes if h in made)
        return found

    def _embed(self, missing: Mapping[str, Sequence[Chunk]], embedded: Embedded) -> None:
        """Embeds texts; where that fails, halves of them, until those that fail stand alone."""
        waiting = [list(missing)]
        asked = False
        while waiting:
            hashes = waiting.pop()
            try:
                matrix = self.model.embed_matrix([missing[h][0].embedded_text for h in hashes])
            except Exception as error:
                if getattr(error, "retryable", False):
                    raise
                if not asked:
                    self.model.embed_matrix([_PLAIN_TEXT])  # else it is the model that fails
                    asked = True
                if len(hashes) == 1:
                    embedded.failed[hashes[0]] = _reason(error)
                else:
                    middle = len(hashes) // 2
                    waiting += [hashes[middle:], hashes[:middle]]
                continue
            for text_hash, vector in zip(hashes, matrix, strict=True):
                packed = embedded.made[text_hash] = vector.tobytes()
                self._assign(missing[text_hash], packed)

    @staticmethod
    def _assign(chunks: Sequence[Chunk], packed: bytes) -> None:
        """Sets a vector, of which no second copy is held."""
        vector = np.frombuffer(packed, dtype=np.float32)
        for chunk in chunks:
            chunk.vector = vector


def _reason(error: Exception) -> str:
    if isinstance(error, DataGettersError):
        return error.sentence()
    return f"The embedding model failed: {type(error).__name__}: {error}"
