"""Embedding the chunks of documents, each text once."""

from collections.abc import Iterable, Sequence

import numpy as np

from documents.chunks import Chunk, ChunkedDocument
from stores.embeddings import EmbeddingModel
from stores.ledger.ledger import Ledger


class Embedder:
    """Sets the vectors of chunks, from the ledger's cache where it has them.

    Attributes:
        model: The embedding model.
    """

    def __init__(self, model: EmbeddingModel, ledger: Ledger) -> None:
        self.model = model
        self._ledger = ledger

    def embed(self, documents: Iterable[ChunkedDocument]) -> dict[str, bytes]:
        """Sets every chunk's vector.

        Args:
            documents: Chunked documents.

        Returns:
            The vectors that were made now, as float32 bytes by text hash, to be cached with the
            documents they belong to.

        Raises:
            EmbeddingError: The model fails or gives nonsense.
        """
        by_hash: dict[str, list[Chunk]] = {}
        for document in documents:
            for chunk in document.chunks:
                by_hash.setdefault(chunk.text_hash, []).append(chunk)
        if not by_hash:
            return {}
        cached = self._ledger.cached_vectors(self.model.identity, list(by_hash))
        for text_hash, vector in cached.items():
            self._assign(by_hash[text_hash], np.frombuffer(vector, dtype=np.float32))
        missing = [text_hash for text_hash in by_hash if text_hash not in cached]
        if not missing:
            return {}
        matrix = self.model.embed_matrix([by_hash[h][0].embedded_text for h in missing])
        made: dict[str, bytes] = {}
        for text_hash, vector in zip(missing, matrix, strict=True):
            self._assign(by_hash[text_hash], vector)
            made[text_hash] = vector.tobytes()
        return made

    @staticmethod
    def _assign(
        chunks: Sequence[Chunk], vector: "np.ndarray[tuple[int], np.dtype[np.float32]]"
    ) -> None:
        for chunk in chunks:
            chunk.vector = vector
