"""Items that cannot be made documents, and when there are too many of them."""

from collections.abc import Sequence

from langchain_core.documents import Document

from exporters.changes import RawRecord
from exporters.errors import ExportError, InvalidDataError
from tasks.batches import WriteBatch


class TooManyFailuresError(ExportError):
    """Item after item failed, so the fault is not the items'.

    Attributes:
        unwritten: The dead letters of the batch that is given up, without its cursor; None where
            they are written.
    """

    def __init__(self, message: str, unwritten: WriteBatch | None = None) -> None:
        super().__init__(
            message, hint="See `data-getters failures list`; the partition goes on in the next run."
        )
        self.unwritten = unwritten


def check_ids(record: RawRecord, documents: Sequence[Document]) -> None:
    """Makes sure that the documents of a record can be told apart.

    Raises:
        InvalidDataError: One has no id, or two have the same.
    """
    ids = {document.id for document in documents}
    if len(ids) < len(documents) or not all(ids):
        raise InvalidDataError(
            f"The {record.entity} {record.external_id} became documents without ids of their own.",
            external_id=record.external_id,
        )


def as_export_error(error: Exception, record: RawRecord) -> ExportError:
    """What went wrong with a record, as an error of the taxonomy."""
    if isinstance(error, ExportError):
        return error
    return InvalidDataError(
        f"The {record.entity} {record.external_id} could not be made a document: "
        f"{type(error).__name__}: {error}",
        external_id=record.external_id,
    )
