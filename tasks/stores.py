"""The stores of a run, opened together."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from documents.errors import ConfigurationError
from documents.registry import document_types
from documents.types import AIDocument
from exporters.redaction import redactor
from stores.base import DocumentIndex, VectorStore
from stores.embeddings import EmbeddingModel
from stores.errors import StoreUnavailableError
from stores.ledger.ledger import Ledger
from stores.ledger.types import ConnectionState, Person
from stores.opening import open_document_index, open_embeddings, open_search, open_vector_store
from stores.raw.store import RawStore
from stores.search import HybridSearch, as_seen_by, may_see
from stores.settings import StoreSettings, load_store_settings
from stores.sqlite.database import EmbeddedDatabase

if TYPE_CHECKING:
    from stores.retriever import HybridRetriever


@dataclass(frozen=True, kw_only=True)
class Stores:
    """Where a sync writes.

    Attributes:
        index: Whole documents.
        vectors: Their chunks' vectors; None where nothing is embedded.
        embeddings: What embeds; None where nothing does.
        ledger: What is known.
        raw: Where payloads land.
        settings: How they are used.
        shared: The embedded file, where index, vectors and ledger all lie in it.
    """

    index: DocumentIndex
    vectors: VectorStore | None
    embeddings: EmbeddingModel | None
    ledger: Ledger
    raw: RawStore
    settings: StoreSettings
    shared: EmbeddedDatabase | None

    def atomic(self) -> AbstractContextManager[object]:
        """One transaction over index, vectors and ledger, where they share a file.

        Elsewhere each of them commits by itself, in the order in which they are written.
        """
        return self.shared.transaction() if self.shared is not None else nullcontext()

    def maintain(self) -> None:
        """Upkeep after a run that wrote something; seconds at most.

        Raises:
            StoreError: A store cannot be written.
        """
        self.index.maintain()
        if self.vectors is not None:
            self.vectors.maintain()

    def close(self) -> None:
        """Gives back connections."""
        self.index.close()
        if self.vectors is not None:
            self.vectors.close()
        self.ledger.close()
        if self.ledger.database is not None:
            self.ledger.database.close()
        self.raw.close()


def open_stores(settings: StoreSettings | None = None) -> Stores:
    """Opens every store of the settings.

    Raises:
        ConfigurationError: A setting makes no sense.
        StoreError: A store cannot be opened; the sentence says which and why.
    """
    settings = settings or load_store_settings()
    redactor.register(*settings.secrets())
    embeddings = open_embeddings(settings)
    ledger = open_ledger(settings)
    index = open_document_index(settings)
    vectors = open_vector_store(settings) if embeddings is not None else None
    if vectors is not None and embeddings is not None:
        vectors.bind(embeddings.identity, embeddings.dimensions)
    return Stores(
        index=index,
        vectors=vectors,
        embeddings=embeddings,
        ledger=ledger,
        raw=RawStore.open(settings.raw_url),
        settings=settings,
        shared=ledger.database if _share_a_file(settings) else None,
    )


def _share_a_file(settings: StoreSettings) -> bool:
    locations = {
        settings.document_index_location,
        settings.vector_store_location,
        settings.ledger_location,
    }
    return len(locations) == 1 and next(iter(locations)).scheme == "sqlite"


@dataclass(frozen=True, kw_only=True)
class Searcher:
    """A search, and who may read what.

    Attributes:
        search: Over index, vectors and model of the settings.
        person: What a person (by e-mail address) may read by, and how fresh that is.
        connections: What was synced.
        containers: Names of what was synced: channels, mailboxes, projects.
    """

    search: HybridSearch
    person: Callable[[str], Person]
    connections: Callable[[], list[ConnectionState]]
    containers: Callable[[], list[str]]

    def principals_of(self, email: str) -> frozenset[str]:
        """Everything a person may read by."""
        return self.person(email).principals

    def retriever(self, **options: Any) -> "HybridRetriever":
        """A LangChain retriever for one person.

        Args:
            options: `as_user`, `anonymous=True` or `unrestricted=True`, and what else
                `HybridRetriever` takes.

        Raises:
            ValueError: It is not said for whom, or an option makes no sense.
        """
        from stores.retriever import HybridRetriever  # noqa: PLC0415 (langchain's, 0.4 s)

        return HybridRetriever(search=self.search, principals_of=self.principals_of, **options)

    def document(self, document_id: str, *, as_user: Collection[str] | None) -> AIDocument | None:
        """A document by its id, as whoever asks may see it.

        Args:
            document_id: Its id.
            as_user: The principals of who asks; None is the operator's view.

        Returns:
            None where there is no such document, and where it may not be seen.
        """
        principals = None if as_user is None else frozenset(as_user)
        found = self.search.index.get([document_id]).get(document_id)
        if found is None or not may_see(found, principals):
            return None
        return document_types.typed(as_seen_by(found, principals))


@contextmanager
def open_searcher(settings: StoreSettings | None = None) -> Iterator[Searcher]:
    """Opens the stores for searching.

    Raises:
        ConfigurationError: A setting makes no sense.
        StoreError: A store cannot be opened.
    """
    settings = settings or load_store_settings()
    redactor.register(*settings.secrets())
    location = settings.document_index_location
    if location.scheme == "sqlite" and _is_new(Path(location.address)):
        raise ConfigurationError(
            f"There is nothing to search yet: {location.address} does not exist.",
            hint="Run `data-getters sync SOURCE` first, or set DATA_GETTERS_STORES__DATA_DIRECTORY "
            "to where the data is.",
        )
    ledger = Ledger.open(settings.ledger or settings.embedded_file)
    try:
        yield Searcher(
            search=open_search(settings),
            person=lambda email: ledger.person(email, also=_also(email, settings.identities)),
            connections=ledger.connections,
            containers=lambda: [
                partition.name
                for connection in ledger.connections()
                for partition in ledger.partitions(connection.id)
            ],
        )
    finally:
        ledger.close()


def _also(email: str, identities: Sequence[Sequence[str]]) -> set[str]:
    """What else a person is called, by the settings."""
    wanted = email.strip().lower()
    return {
        name
        for names in identities
        if wanted in (name.strip().lower() for name in names)
        for name in names
    }


def _is_new(path: Path) -> bool:
    """Whether there is no file yet, and one could be made: nothing was stored there so far."""
    return not exists(path) and nearest_folder(path).is_dir()


def exists(path: Path) -> bool:
    """Whether there is a file.

    Raises:
        StoreUnavailableError: A folder above it may not be looked into.
    """
    try:
        return path.exists()
    except OSError as error:
        raise StoreUnavailableError(
            f"The store {path} cannot be looked for: {error.strerror}.",
            hint="Choose another path, or ask for permission to its folder.",
        ) from error


def nearest_folder(path: Path) -> Path:
    """The first of the folders above a path that is there; it may be a file, by mistake."""
    return next(parent for parent in path.parents if exists(parent))


def existing_ledger(settings: StoreSettings | None = None) -> tuple[Ledger | None, str]:
    """The ledger of the settings and its address, for looking into it: none is made.

    Returns:
        None, with the path, where there is no file yet.

    Raises:
        StoreError: It cannot be opened.
    """
    settings = settings or load_store_settings()
    location = settings.ledger_location
    if location.scheme == "sqlite" and _is_new(Path(location.address)):
        return None, location.address
    ledger = open_ledger(settings)
    return ledger, ledger.address


def open_ledger(settings: StoreSettings | None = None) -> Ledger:
    """The ledger of the settings.

    Raises:
        StoreError: It cannot be opened.
    """
    settings = settings or load_store_settings()
    return Ledger.open(
        settings.ledger or settings.embedded_file, cache_bytes=settings.embedding_cache_bytes
    )


def open_raw(settings: StoreSettings | None = None) -> RawStore:
    """The raw landing of the settings.

    Raises:
        StoreError: It cannot be used.
    """
    return RawStore.open((settings or load_store_settings()).raw_url)
