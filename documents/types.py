"""Typed documents, and the registry that finds the class of a store's documents."""

from threading import Lock
from typing import Any, ClassVar, Self

from langchain_core.documents import Document

from documents.errors import ConfigurationError


class AIDocument(Document):
    """A document that knows how it is shown, searched and mapped.

    A source's own class sets `store_name` and adds its `extra` fields to `extra_mapping`; it may
    override `display_text` and `search_text`.
    """

    source: ClassVar[str] = ""
    """The source whose documents these are; empty for those of any source."""

    store_name: ClassVar[str] = "documents"
    """The name under which the documents of this class are stored and found again."""

    of_its_time: ClassVar[bool] = False
    """Whether what stands before and after it in its container, by time, is its context: in a chat,
    not in a project."""

    extra_mapping: ClassVar[dict[str, Any]] = {}
    """Elasticsearch field types of this source's `extra`; what is not named is not indexed."""

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """Types a plain document; its id, text and metadata stay as they are, the latter a copy."""
        return cls(
            id=document.id,
            page_content=document.page_content,
            metadata=dict(document.metadata or {}),
        )

    @property
    def title(self) -> str:
        """The document's title, empty where it has none."""
        return self.metadata.get("title") or ""

    @property
    def display_text(self) -> str:
        """The text shown to a person or handed to a language model: title, place, body, link."""
        container = self.metadata.get("container") or {}
        author = self.metadata.get("author") or {}
        place = " · ".join(
            part
            for part in (
                container.get("name"),
                author.get("name"),
                (self.metadata.get("created_at") or "")[:10],
            )
            if part
        )
        lines = [f"# {self.title}" if self.title else "", place, "", self.page_content]
        if url := self.metadata.get("url"):
            lines += ["", url]
        return "\n".join(lines).strip()

    def url_at(self, position: int) -> str | None:
        """Where a person opens what stands at a position of the text: the document as a whole."""
        del position
        url: str | None = self.metadata.get("url")
        return url

    @property
    def search_text(self) -> str:
        """The text that is searched: the title, unless the body begins with it, and the body."""
        if not self.title or self.page_content.startswith(self.title):
            return self.page_content
        return f"{self.title}\n\n{self.page_content}"


class DocumentTypeRegistry:
    """Store names and their document classes, both ways. Safe to use from several threads."""

    def __init__(self) -> None:
        self._classes: dict[str, type[AIDocument]] = {}
        self._lock = Lock()

    def register(self, document_class: type[AIDocument]) -> type[AIDocument]:
        """Adds a class under its `store_name`; usable as a decorator.

        Raises:
            ValueError: Another class already holds that name.
        """
        name = document_class.store_name
        with self._lock:
            holder = self._classes.setdefault(name, document_class)
        if holder is not document_class:
            raise ValueError(f"store name {name!r} is already taken by {holder.__qualname__}")
        return document_class

    def get(self, store_name: str) -> type[AIDocument]:
        """The class of a store's documents.

        Raises:
            ConfigurationError: No class is registered under that name.
        """
        try:
            return self._classes[store_name]
        except KeyError:
            raise ConfigurationError(
                f"No document type is registered for the store {store_name!r}.",
                hint=f"Known are: {', '.join(self.names())}.",
            ) from None

    def name_of(self, document_class: type[AIDocument]) -> str:
        """The store name a class is registered under.

        Raises:
            ConfigurationError: The class is not registered.
        """
        name = document_class.store_name
        if self._classes.get(name) is not document_class:
            raise ConfigurationError(f"{document_class.__qualname__} is not registered.")
        return name

    def of_source(self, source: object) -> type[AIDocument]:
        """The class of a source's documents; `AIDocument` if it has none of its own."""
        return next(
            (c for c in self._classes.values() if c.source and c.source == source), AIDocument
        )

    def typed(self, document: Document) -> AIDocument:
        """A document as an instance of its source's class; of `AIDocument` if it has none."""
        return self.of_source((document.metadata or {}).get("source")).from_document(document)

    def names(self) -> list[str]:
        """All store names, sorted."""
        return sorted(self._classes)

    def __contains__(self, store_name: object) -> bool:
        return store_name in self._classes
