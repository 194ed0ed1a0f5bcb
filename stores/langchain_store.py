"""The hybrid store as a LangChain `VectorStore`, for code that knows LangChain only."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Self
from uuid import uuid4

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore as LangChainStore

from documents.chunks import Chunk, ChunkedDocument
from documents.fingerprints import text_hash
from documents.types import AIDocument
from stores.base import DocumentIndex, VectorStore
from stores.embeddings import EmbeddingModel
from stores.errors import StoreError
from stores.search import HybridSearch, as_seen_by, may_see


class HybridVectorStore(LangChainStore):
    """Our document index, vector store and search as a LangChain `VectorStore`.

    For code that knows LangChain only. Access lists are the documents' own: one without
    `metadata["access"]` is found by nobody but the operator.

    Args:
        index: Takes the documents.
        vectors: Takes their chunks.
        model: Embeds them.
        as_user: Principals of the person it searches for; None is the operator's view.
        chunk: Cuts a document; None makes one chunk of it.
        search: How it searches; None for the usual way.
    """

    def __init__(
        self,
        index: DocumentIndex,
        vectors: VectorStore,
        model: EmbeddingModel,
        *,
        as_user: Collection[str] | None,
        chunk: Callable[[Document], list[Chunk]] | None = None,
        search: HybridSearch | None = None,
    ) -> None:
        self._index = index
        self._vectors = vectors
        self._model = model
        self._as_user = as_user
        self._chunk = chunk or one_chunk
        self._search = search or HybridSearch(index, vectors, model)

    @property
    def embeddings(self) -> Embeddings:
        """The model."""
        return self._model

    def add_documents(self, documents: list[Document], **kwargs: Any) -> list[str]:
        """Writes documents; ids come from `ids`, from the documents, or are made up.

        Raises:
            StoreError: A document was refused; the others are written.
        """
        ids = kwargs.get("ids") or [document.id or str(uuid4()) for document in documents]
        named = [d.model_copy(update={"id": i}) for d, i in zip(documents, ids, strict=True)]
        chunked = [ChunkedDocument(document, self._chunk(document)) for document in named]
        chunks = [chunk for item in chunked for chunk in item.chunks]
        matrix = self._model.embed_matrix([chunk.embedded_text for chunk in chunks])
        for chunk, vector in zip(chunks, matrix, strict=True):
            chunk.vector = vector
        failures = self._index.write(named) + self._vectors.write(chunked)
        if failures:
            told = "; ".join(f"{failure.document_id}: {failure.reason}" for failure in failures[:3])
            raise StoreError(f"{len(failures)} documents were refused: {told}")
        return list(ids)

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Writes texts as documents; see `add_documents`."""
        del kwargs
        listed = list(texts)
        fields = metadatas or [{} for _ in listed]
        return self.add_documents(
            [Document(page_content=t, metadata=m) for t, m in zip(listed, fields, strict=True)],
            ids=ids,
        )

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool:
        """Deletes documents; without ids nothing is deleted."""
        del kwargs
        self._index.delete(ids or [])
        self._vectors.delete(ids or [])
        return True

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """The stored documents among these ids that may be seen."""
        found = self._index.get(ids)
        seen = [found[identifier] for identifier in ids if identifier in found]
        principals = None if self._as_user is None else frozenset(self._as_user)
        return [as_seen_by(found, principals) for found in seen if may_see(found, principals)]

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """The documents that answer a query best; `filter` may be a `SearchFilter`."""
        return [document for document, _ in self.similarity_search_with_score(query, k, **kwargs)]

    def similarity_search_with_score(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """The same with scores, which compare within one answer only."""
        found = self._search.search(
            query, as_user=self._as_user, limit=k, where=kwargs.get("filter")
        )
        return [(result.document, result.score) for result in found]

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> Self:
        """A store of `index` and `vectors` (and what else the class takes), with texts in it.

        Raises:
            TypeError: The embedding is none of `stores.embeddings.load_embeddings`.
            StoreError: A text was refused; the others are written.
        """
        if not isinstance(embedding, EmbeddingModel):
            raise TypeError("the embedding must come from stores.embeddings.load_embeddings")
        store = cls(model=embedding, **kwargs)
        store.add_texts(texts, metadatas, ids=ids)
        return store


def one_chunk(document: Document) -> list[Chunk]:
    """A document as a single chunk."""
    text = AIDocument.from_document(document).search_text
    return [Chunk(0, 0, len(document.page_content), text, text_hash(text))]
