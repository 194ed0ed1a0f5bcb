"""The hybrid search as a LangChain retriever, on behalf of one person."""

import asyncio
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import Any, Self

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field, model_validator

from documents.principals import PUBLIC
from documents.registry import document_types
from stores.base import SearchFilter
from stores.context import Context, Part, make_context, most_tokens
from stores.neighbours import Neighbour, neighbours_of
from stores.recency import Recency
from stores.search import HybridSearch, SearchResult

CONTEXT_CHARACTERS = 8_000


class HybridRetriever(BaseRetriever):
    """Finds documents that one person may read.

    There is no retriever without an answer to "for whom": either `as_user` is given, with
    `principals_of` to say what that person may read, or `anonymous=True`, or `unrestricted=True`.

    Example:
        ```python
        from tasks.stores import open_searcher

        with open_searcher() as searcher:
            retriever = searcher.retriever(as_user="ann@example.com", neighbours=2)
            documents = retriever.invoke("who decided on the release date?")
            context = retriever.get_context("who decided on the release date?")
        ```

    Attributes:
        search: Where to look.
        as_user: The person, as `principals_of` knows them (usually an e-mail address).
        principals_of: The principals of a person. Asked at every search, so who leaves a group
            stops finding what it may read at once.
        anonymous: Somebody nobody knows: finds what is public.
        unrestricted: The operator's view of everything, without access filter.
        where: Which documents may be found at all. Its sources, connections and containers hold for
            neighbours too.
        limit: How many at most, without their neighbours.
        passages: Whether `page_content` is the best passage of each document instead of the whole.
        neighbours: How many documents before each hit, after it, and of what belongs to it come
            along, with its parent; `metadata["relation"]` and `["neighbour_of"]` tell them apart.
        recency: How much newer documents are preferred; None for not at all.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    search: HybridSearch
    as_user: str | None = None
    principals_of: Callable[[str], Collection[str]] | None = None
    anonymous: bool = False
    unrestricted: bool = False
    where: SearchFilter = Field(default_factory=SearchFilter)
    limit: int = Field(default=10, gt=0)
    passages: bool = False
    neighbours: int = Field(default=0, ge=0, le=50)
    recency: Recency | None = None

    @model_validator(mode="after")
    def _somebody_asks(self) -> Self:
        if sum((self.as_user is not None, self.anonymous, self.unrestricted)) > 1:
            raise ValueError("as_user, anonymous=True and unrestricted=True contradict each other")
        if not (self.unrestricted or self.anonymous or self.as_user):
            raise ValueError(
                "say for whom: as_user=..., anonymous=True for nobody in particular, or "
                "unrestricted=True for the operator"
            )
        if self.as_user and self.principals_of is None:
            raise ValueError("as_user needs principals_of, which says what that person may read")
        if self.where.principals is not None:
            raise ValueError("principals come from as_user, not from the filter")
        return self

    def get_context(
        self,
        query: str,
        *,
        max_characters: int | None = None,
        max_tokens: int | None = None,
        count_tokens: Callable[[str], int] = most_tokens,
    ) -> Context:
        """What answers a question, as one text with numbered citations, to be put into a prompt.

        Args:
            query: The question.
            max_characters: The most characters of the text; 8,000 where nothing is said.
            max_tokens: Instead, the most tokens.
            count_tokens: Counts them, as the model does; without it they are estimated by length.

        Raises:
            ValueError: Both budgets are given, or one that is not above 0.
            StoreError: A store does not answer.
        """
        if max_characters is not None and max_tokens is not None:
            raise ValueError("give max_characters or max_tokens, not both")
        measure: Callable[[str], int] = len
        budget = CONTEXT_CHARACTERS if max_characters is None else max_characters
        if max_tokens is not None:
            measure, budget = count_tokens, max_tokens
        if budget <= 0:
            raise ValueError(f"a context of {budget} holds nothing")
        parts: list[Part] = []
        around: list[Part] = []
        for result, beside in self._found(query, {}):
            parts.append(Part(
                document=result.document, start=result.start, end=result.end, url=result.url
            ))  # fmt: skip
            around += map(_part, beside)
        # What answers comes first; what stands around it has the room that is left.
        return make_context([*parts, *around], budget=budget, measure=measure)

    async def aget_context(
        self,
        query: str,
        *,
        max_characters: int | None = None,
        max_tokens: int | None = None,
        count_tokens: Callable[[str], int] = most_tokens,
    ) -> Context:
        """Like `get_context`, in a thread: the event loop goes on."""
        return await asyncio.to_thread(
            self.get_context,
            query,
            max_characters=max_characters,
            max_tokens=max_tokens,
            count_tokens=count_tokens,
        )

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **kwargs: Any
    ) -> list[Document]:
        del run_manager
        documents: dict[str | None, Document] = {}
        beside: list[Document] = []
        for result, around in self._found(query, kwargs):
            document = self._document(result)
            documents[document.id] = document
            beside += (_beside(neighbour, document) for neighbour in around)
        for document in beside:
            documents.setdefault(document.id, document)
        return list(documents.values())

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, **kwargs: Any
    ) -> list[Document]:
        return await asyncio.to_thread(
            self._get_relevant_documents, query, run_manager=run_manager.get_sync(), **kwargs
        )

    def _principals(self) -> frozenset[str] | None:
        """By what it is searched; None for everything."""
        if self.unrestricted:
            return None
        if self.anonymous:
            return frozenset({PUBLIC})
        # An assertion in the form of a filter: whatever is missing, nobody sees anything.
        return frozenset(
            self.principals_of(self.as_user) if self.principals_of and self.as_user else ()
        )

    def _found(
        self, query: str, options: dict[str, Any]
    ) -> Iterator[tuple[SearchResult, list[Neighbour]]]:
        """Each result with what stands around it.

        Raises:
            TypeError: An option that `invoke` was called with is none of `limit`.
        """
        unknown = options.keys() - {"limit"}
        if unknown:
            raise TypeError(f"not an option of this retriever: {', '.join(sorted(unknown))}")
        principals = self._principals()
        results = self.search.search(
            query,
            as_user=principals,
            limit=int(options.get("limit") or self.limit),
            where=self.where,
            recency=self.recency,
        )
        for result in results:
            around = []
            if self.neighbours:
                around = neighbours_of(
                    self.search.index,
                    result.document,
                    where=replace(self.where, principals=principals),
                    limit=self.neighbours,
                )
            yield result, around

    def _document(self, result: SearchResult) -> Document:
        return Document(
            id=result.document.id,
            page_content=result.passage if self.passages else result.document.page_content,
            metadata={
                **result.document.metadata,
                "score": result.score,
                "found_by": sorted(result.found_by),
                "snippet": result.snippet.marked(),
                "place_url": result.url,
            },
        )


def _beside(neighbour: Neighbour, hit: Document) -> Document:
    found = neighbour.document
    told = {"relation": neighbour.relation, "neighbour_of": hit.id}
    return Document(
        id=found.id, page_content=found.page_content, metadata={**found.metadata, **told}
    )


def _part(neighbour: Neighbour) -> Part:
    url = document_types.typed(neighbour.document).url_at(0)
    return Part(document=neighbour.document, start=0, end=0, url=url, relation=neighbour.relation)
