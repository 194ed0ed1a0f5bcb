"""Every way a store fails, each with a sentence a person can act on."""

from documents.errors import DataGettersError


class StoreError(DataGettersError):
    """A store cannot do what was asked. Raised as one of the subclasses where one fits.

    Attributes:
        retryable: Whether the same call may succeed later with nothing changed by a person.
    """

    retryable = False


class StoreUnavailableError(StoreError):
    """The store does not answer, or not now."""

    retryable = True


class StoreBusyError(StoreError):
    """Another process holds the store for longer than the wait allowed."""

    retryable = True


class StoreReadOnlyError(StoreError):
    """The store can be read but not written."""


class StoreAccessError(StoreError):
    """The store does not accept the credential, or does not let it do what was asked."""


class StoreFullError(StoreError):
    """The disk behind the store is full."""


class StoreCorruptError(StoreError):
    """The file is not a store, or it is damaged."""


class StoreVersionError(StoreError):
    """The store was written by a newer version of this collection."""


class EmbeddingMismatchError(StoreError):
    """The store's vectors were made with another model or with other dimensions."""


class EmbeddingError(StoreError):
    """An embedding model cannot be used, or gave something that is no vector of a text.

    Attributes:
        retryable: Whether asking again may help (a server that is down or busy).
    """

    def __init__(self, message: str, *, hint: str = "", retryable: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.retryable = retryable
