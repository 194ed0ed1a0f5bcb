"""The hybrid search as a LangChain retriever, on behalf of one person."""

from collections.abc import Callable, Collection
from typing import Any, Self

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field, model_validator

from stores.base import SearchFilter
from stores.search import HybridSearch


class HybridRetriever(BaseRetriever):
    """Finds documents that one person may read.

    There is no retriever without an answer to "for whom": either `as_user` is given, with
    `principals_of` to say what that person may read, or `unrestricted=True` is.

    Example:
        ```python
        retriever = HybridRetriever(
            search=HybridSearch(index, vectors, embeddings),
            as_user="ann@example.com",
            principals_of=ledger.principals_of,
        )
        documents = retriever.invoke("who decided on the release date?")
        ```

    Attributes:
        search: Where to look.
        as_user: The person, as `principals_of` knows them (usually an e-mail address).
        principals_of: The principals of a person. Asked at every search, so who leaves a group
            stops finding what it may read at once.
        unrestricted: The operator's view of everything, without access filter.
        where: Which documents may be found at all.
        limit: How many at most.
        passages: Whether `page_content` is the best passage of each document instead of the whole.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    search: HybridSearch
    as_user: str | None = None
    principals_of: Callable[[str], Collection[str]] | None = None
    unrestricted: bool = False
    where: SearchFilter = Field(default_factory=SearchFilter)
    limit: int = Field(default=10, gt=0)
    passages: bool = False

    @model_validator(mode="after")
    def _somebody_asks(self) -> Self:
        if self.unrestricted and self.as_user is not None:
            raise ValueError("as_user and unrestricted=True contradict each other")
        if not self.unrestricted and not self.as_user:
            raise ValueError("say for whom: as_user=..., or unrestricted=True for the operator")
        if self.as_user and self.principals_of is None:
            raise ValueError("as_user needs principals_of, which says what that person may read")
        if self.where.principals is not None:
            raise ValueError("principals come from as_user, not from the filter")
        return self

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **kwargs: Any
    ) -> list[Document]:
        del run_manager, kwargs
        principals = None
        if not self.unrestricted:
            # An assertion in the form of a filter: whatever is missing, nobody sees anything.
            principals = frozenset(
                self.principals_of(self.as_user) if self.principals_of and self.as_user else ()
            )
        results = self.search.search(query, as_user=principals, limit=self.limit, where=self.where)
        return [
            Document(
                id=result.document.id,
                page_content=result.passage if self.passages else result.document.page_content,
                metadata={
                    **result.document.metadata,
                    "score": result.score,
                    "found_by": sorted(result.found_by),
                    "snippet": result.snippet.marked(),
                },
            )
            for result in results
        ]
