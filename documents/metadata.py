"""One metadata vocabulary for the documents of every source."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, TypedDict

from langchain_core.documents import Document

from documents.ids import document_id
from documents.principals import normalize_access
from documents.times import iso_utc


class Container(TypedDict):
    """Where an item lives: a channel, a project, a space, a folder, a mailbox."""

    id: str
    name: str
    url: str | None


class Author(TypedDict):
    """Who wrote an item; what the source does not tell is None."""

    id: str
    name: str
    email: str | None


FIELDS: Final = (
    "source",
    "connection",
    "entity",
    "external_id",
    "title",
    "url",
    "container",
    "author",
    "created_at",
    "updated_at",
    "version",
    "parent_id",
    "thread_id",
    "access",
    "ingestion_timestamp",
    "content_hash",
    "access_hash",
    "run_id",
    "raw_ref",
    "extra",
)
"""Every metadata field a document may carry. What only one source has goes into `extra`."""

NOT_EMBEDDED: Final = "not_embedded"
"""Entry of `extra`: True for a document that is found by its words alone.

For what is worth keeping but says next to nothing ("Ada has joined the channel"): as vectors, a
thousand of these would crowd out real answers."""

COPIES: Final = "copies"
"""Entry of `extra`: what each of several records adds to a document that they make together, such
as a mail in many mailboxes. Each has an `access` of its own: to others it is not shown."""

COPY_COUNT: Final = "copy_count"
"""Entry of `extra`: how many copies there are, beside a list that is cut."""

RUN_FIELDS: Final = frozenset({"ingestion_timestamp", "run_id", "raw_ref"})
"""Fields that tell of the run that wrote a document, not of the document."""


def make_document(
    *,
    source: str,
    connection: str,
    entity: str,
    native_id: str,
    external_id: str,
    content: str,
    title: str,
    access: Iterable[str],
    url: str | None = None,
    container: Container | None = None,
    author: Author | None = None,
    created_at: datetime | None = None,
    updated_at: datetime | None = None,
    version: str | None = None,
    parent_id: str | None = None,
    thread_id: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Document:
    """Builds a LangChain document in the shared vocabulary.

    Args:
        source: The source's name.
        connection: The account or tenant.
        entity: What the item is.
        native_id: The last part of the document's id.
        external_id: The id of the vendor's record the document was made from.
        content: The text, in Markdown.
        title: One line without Markdown.
        access: Principals; an empty list becomes `deny:all`.
        url: Where a person opens the item.
        container: Where the item lives.
        author: Who wrote it.
        created_at: With time zone.
        updated_at: With time zone; `created_at` where the source tells no other.
        version: The vendor's version mark, compared for equality only.
        parent_id: Document id of the parent.
        thread_id: Document or native id of the conversation.
        extra: What only this source has, typed (numbers stay numbers).

    Returns:
        The document, with its id. Fields of the run are added by the pipeline.

    Raises:
        ValueError: An id part or a principal is malformed, or a time has no zone.
    """
    created = iso_utc(created_at) if created_at else None
    return Document(
        id=document_id(source, connection, entity, native_id),
        page_content=content,
        metadata={
            "source": source,
            "connection": connection,
            "entity": entity,
            "external_id": external_id,
            "title": title,
            "url": url,
            "container": dict(container) if container else None,
            "author": dict(author) if author else None,
            "created_at": created,
            "updated_at": iso_utc(updated_at) if updated_at else created,
            "version": version,
            "parent_id": parent_id,
            "thread_id": thread_id,
            "access": normalize_access(access),
            "extra": dict(extra) if extra else {},
        },
    )
