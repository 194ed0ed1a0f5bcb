"""Between making documents and writing them: chunks, and their vectors."""

from documents.chunks import ChunkedDocument
from processing.chunking import chunk_documents
from tasks.batches import Refusal, WriteBatch
from tasks.embedding import Embedder
from tasks.stores import Stores


class EmbeddingStage:
    """Embeds the documents of one partition's batches, in order. Used from one thread.

    A stage of its own, so that the model, which nearly always is what takes the time, need not
    stand still while the documents of the next batch are made.
    """

    def __init__(self, stores: Stores) -> None:
        self._settings = stores.settings
        self._embedder = (
            Embedder(stores.embeddings, stores.ledger) if stores.embeddings is not None else None
        )

    def embed(self, batch: WriteBatch) -> None:
        """Cuts documents into chunks and sets their vectors, where anything is embedded.

        Raises:
            EmbeddingError: The embedding model fails, whatever the text.
            StoreError: The ledger cannot be read.
        """
        fresh, batch.fresh = batch.fresh, []
        if self._embedder is None:
            batch.documents = [ChunkedDocument(document, []) for document in fresh]
        else:
            documents = list(
                chunk_documents(
                    fresh,
                    chunk_characters=self._settings.chunk_characters,
                    overlap_characters=self._settings.chunk_overlap,
                )
            )
            embedded = self._embedder.embed(documents)
            batch.vectors = embedded.made
            batch.counts.embedded += len(embedded.made)
            for item in documents:
                reasons = [embedded.failed[c.text_hash] for c in item.chunks if c.vector is None]
                if reasons:
                    batch.refused[item.document.id or ""] = Refusal("EmbeddingError", reasons[0])
                else:
                    batch.documents.append(item)
        written = {item.document.id for item in batch.documents}
        # A document that another record of the batch brings now is not deleted with its old one.
        batch.deleted = [identifier for identifier in batch.deleted if identifier not in written]
