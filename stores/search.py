"""Search over a document index and a vector store, whichever they are.

1. The words of the query go to the document index, its meaning as a vector to the vector store;
   both filter before they cut, so no candidate is one the reader may not see.
2. A document counts in the vectors' ranking by its best chunk.
3. The two rankings become one (`stores.fusion`).
4. The best documents are fetched, and shown only if their own access list, as it is stored now,
   lets the reader see them: should the two stores ever disagree, less is shown, not more.

With a `Recency` the newer of those that are found come first (`stores.recency`).
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from langchain_core.documents import Document

from documents.metadata import COPIES, COPY_COUNT
from documents.principals import DENY_ALL
from documents.registry import document_types
from documents.times import parse_iso
from stores.base import ChunkHit, DocumentIndex, SearchFilter, VectorStore
from stores.fusion import Fusion, Ranking, default_fusion
from stores.highlight import Snippet, best_passage, snippet
from stores.query import TextQuery, analyze
from stores.recency import Recency

if TYPE_CHECKING:
    from stores.embeddings import EmbeddingModel

Side = Literal["words", "vectors"]

CANDIDATES: Final = 100
"""How many documents each side brings to the fusion."""

_CHUNKS_PER_DOCUMENT: Final = 3
_QUOTED_CANDIDATES: Final = 1_000
_PASSAGE_CHARACTERS: Final = 1_000
_PLACE_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """A document that was found.

    Attributes:
        document: As it is stored.
        score: Compares within one answer only, higher is better.
        found_by: Which side brought it: its words, its meaning, or both.
        passage: The text of the chunk that is nearest in meaning, or of the part with most of the
            query's words.
        start: Where the passage begins in `document.page_content`.
        end: Where it ends, exclusive.
        snippet: A line of the passage with the query's words marked.
        url: Where a person opens it: the very place that answers, where the source has addresses
            of places (a message of a thread).
    """

    document: Document
    score: float
    found_by: frozenset[Side]
    passage: str
    start: int
    end: int
    snippet: Snippet
    url: str | None


class _Request(NamedTuple):
    query: str
    terms: TextQuery
    limit: int
    offset: int
    candidates: int
    where: SearchFilter


class HybridSearch:
    """Finds documents by their words and their meaning.

    Args:
        index: Holds the documents.
        vectors: Holds their chunks' vectors; None searches by words alone.
        embeddings: The model those vectors were made with; None searches by words alone.
        fusion: How two rankings become one; None takes what measured best with the model.
        candidates: How many documents each side brings to the fusion.

    Raises:
        EmbeddingMismatchError: The vectors were made with another model.
    """

    def __init__(
        self,
        index: DocumentIndex,
        vectors: VectorStore | None = None,
        embeddings: "EmbeddingModel | None" = None,
        *,
        fusion: Fusion | None = None,
        candidates: int = CANDIDATES,
    ) -> None:
        self._index = index
        self._vectors = vectors if embeddings is not None else None
        self._embeddings = embeddings
        self._candidates = candidates
        if embeddings is not None:
            fusion = fusion or default_fusion(embeddings.identity)
            if vectors is not None:
                vectors.bind(embeddings.identity, embeddings.dimensions)
        self._fusion = fusion or Fusion()

    @property
    def index(self) -> DocumentIndex:
        """Where the documents are."""
        return self._index

    @property
    def words_only(self) -> bool:
        """Whether there are no vectors to search by."""
        return self._vectors is None

    def search(
        self,
        query: str,
        *,
        as_user: Collection[str] | None,
        limit: int = 10,
        where: SearchFilter | None = None,
        offset: int = 0,
        recency: Recency | None = None,
    ) -> list[SearchResult]:
        """The documents that answer a query best.

        Args:
            query: Any text. What stands in quotation marks must be in the document.
            as_user: The principals of the person who asks. None is the operator's view of
                everything; an empty collection finds nothing.
            limit: How many at most.
            where: Which documents may be found at all; without principals.
            offset: How many of the best are passed over, for a further page.
            recency: How much newer documents are preferred; None for not at all.

        Raises:
            ValueError: `where` names principals too.
            StoreError: A store does not answer.
        """
        where = where or SearchFilter()
        if where.principals is not None:
            raise ValueError("principals are said by as_user, not by the filter")
        if limit <= 0 or not query.strip():
            return []
        request = _Request(
            query,
            analyze(query),
            limit,
            max(0, offset),
            self._candidates_for(limit, max(0, offset)),
            replace(where, principals=None if as_user is None else frozenset(as_user)),
        )
        words, chunks = self._both_sides(request)
        ranking: Ranking = list(words.items())
        if not self.words_only:
            nearest = [(identifier, hit.score) for identifier, hit in chunks.items()]
            ranking = self._fusion(ranking, nearest)
        if recency is not None:
            ranking = self._aged(ranking, recency)
        return self._results(request, ranking, words, chunks)

    async def asearch(
        self,
        query: str,
        *,
        as_user: Collection[str] | None,
        limit: int = 10,
        where: SearchFilter | None = None,
        offset: int = 0,
        recency: Recency | None = None,
    ) -> list[SearchResult]:
        """Like `search`, in a thread: the event loop goes on, and searches run side by side."""
        return await asyncio.to_thread(
            self.search,
            query,
            as_user=as_user,
            limit=limit,
            where=where,
            offset=offset,
            recency=recency,
        )

    def _candidates_for(self, limit: int, offset: int) -> int:
        """How many documents each side brings.

        Grows in large steps only: with other candidates scores are spread otherwise, and pages
        would not follow each other.
        """
        candidates = max(limit, self._candidates)
        while candidates < offset + limit:
            candidates *= 2
        return candidates

    def _both_sides(self, request: _Request) -> tuple[dict[str, float], dict[str, ChunkHit]]:
        """What the words find and what the vectors find, asked at the same time."""
        if self.words_only:
            return self._by_words(request), {}
        with ThreadPoolExecutor(1, thread_name_prefix="search-words") as beside:
            finding = beside.submit(self._by_words, request)
            hits = self._by_vectors(request)
            words = finding.result()
        best: dict[str, ChunkHit] = {}
        for hit in hits:
            if not request.terms.quoted or hit.document_id in words:
                best.setdefault(hit.document_id, hit)
        return words, dict(islice(best.items(), request.candidates))

    def _by_words(self, request: _Request) -> dict[str, float]:
        """The scores of documents by their words, best first."""
        # Every document with a quoted phrase is a candidate: the vectors may add none.
        limit = request.candidates
        if request.terms.quoted:
            limit = max(limit, _QUOTED_CANDIDATES)
        hits = self._index.search(request.query, limit=limit, where=request.where)
        return {hit.document_id: hit.score for hit in hits}

    def _by_vectors(self, request: _Request) -> list[ChunkHit]:
        """The chunks nearest in meaning, best first."""
        if self._vectors is None or self._embeddings is None:
            return []
        question = self._embeddings.embed_question(request.query)
        limit = request.candidates * _CHUNKS_PER_DOCUMENT
        return self._vectors.search(question, limit=limit, where=request.where)

    def _aged(self, ranking: Ranking, recency: Recency) -> Ranking:
        now = datetime.now(UTC)
        documents = self._index.get([identifier for identifier, _ in ranking])
        aged = [
            (identifier, score * recency.factor(documents[identifier], now))
            for identifier, score in ranking
            if identifier in documents
        ]
        return sorted(aged, key=lambda item: (-item[1], item[0]))

    def _results(
        self,
        request: _Request,
        ranking: Ranking,
        words: Collection[str],
        chunks: Mapping[str, ChunkHit],
    ) -> list[SearchResult]:
        results: list[SearchResult] = []
        passed_over = 0
        for first in range(0, len(ranking), request.limit):
            page = ranking[first : first + request.limit]
            documents = self._index.get([identifier for identifier, _ in page])
            for identifier, score in page:
                document = documents.get(identifier)
                if document is not None and _may_be_shown(document, request.where):
                    if passed_over < request.offset:
                        passed_over += 1
                        continue
                    shown = as_seen_by(document, request.where.principals)
                    chunk = chunks.get(identifier)
                    results.append(_result(shown, score, request.terms, identifier in words, chunk))
                    if len(results) == request.limit:
                        return results
        return results


def _result(
    document: Document, score: float, terms: TextQuery, by_words: bool, chunk: ChunkHit | None
) -> SearchResult:
    text = document.page_content
    if chunk is None:
        start, end = best_passage(text, terms, length=_PASSAGE_CHARACTERS)
    else:
        start, end = chunk.start, min(chunk.end, len(text))
    shown = snippet(text[start:end], terms)
    if by_words and not shown.highlights:
        shown = snippet(text, terms)
    sides: list[Side] = ["words"] if by_words else []
    if chunk is not None:
        sides.append("vectors")
    place, _ = best_passage(text[start:end], terms, length=_PLACE_CHARACTERS)
    return SearchResult(
        document=document,
        score=score,
        found_by=frozenset(sides),
        passage=text[start:end],
        start=start,
        end=end,
        snippet=shown,
        url=document_types.typed(document).url_at(start + place),
    )


def as_seen_by(document: Document, principals: frozenset[str] | None) -> Document:
    """A document as whoever has these principals may see it; as it is for the operator (None).

    What only copies of other people say of it is left out: their labels of a mail, and that they
    have it at all. The sender does not show whom a blind copy went to, and neither does its access
    list here.
    """
    extra = document.metadata.get("extra") or {}
    if principals is None or COPIES not in extra:
        return document
    own = [copy for copy in extra[COPIES] if not principals.isdisjoint(copy.get("access") or ())]
    told = {name: value for name, value in extra.items() if name != COPY_COUNT}
    metadata = {
        **document.metadata,
        "access": [p for p in document.metadata.get("access") or () if p in principals],
        "extra": {**told, COPIES: own},
    }
    metadata.pop("access_hash", None)
    return type(document)(id=document.id, page_content=document.page_content, metadata=metadata)


def _may_be_shown(document: Document, where: SearchFilter) -> bool:
    """Whether the document, as it is stored now, may be seen and is of the time asked for.

    In a vector store of an earlier version a chunk does not know when its document was changed.
    """
    if not may_see(document, where.principals):
        return False
    if where.updated_after is None and where.updated_before is None:
        return True
    told = document.metadata.get("updated_at") or document.metadata.get("created_at")
    if not told:
        return False
    moment = parse_iso(str(told))
    return not (
        (where.updated_after is not None and moment < where.updated_after)
        or (where.updated_before is not None and moment >= where.updated_before)
    )


def may_see(document: Document, principals: frozenset[str] | None) -> bool:
    """Whether a document's access list shares a principal with these; None sees everything."""
    if principals is None:
        return True
    access: Sequence[str] = document.metadata.get("access") or ()
    return DENY_ALL not in access and not principals.isdisjoint(access)
