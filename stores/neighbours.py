"""What stands around a document: its conversation, its parent, what belongs to it.

A hit alone is often half of the answer: the mail before it, the issue its file is attached to, what
was said in the channel just then. All of it passes the same access filter as the hit, inside the
store's query.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Literal

from langchain_core.documents import Document

from documents.registry import document_types
from documents.times import parse_iso
from stores.base import DocumentIndex, SearchFilter
from stores.search import as_seen_by, may_see

Relation = Literal["parent", "before", "after", "part"]
"""`parent`: what it belongs to. `before`, `after`: of the same conversation, or in the same channel
at that time. `part`: what belongs to it, an attachment or a sub-task."""

_INSTANT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A document that stands beside another one."""

    document: Document
    relation: Relation


def neighbours_of(
    index: DocumentIndex, document: Document, *, where: SearchFilter, limit: int
) -> list[Neighbour]:
    """The documents around one, each once, in the order in which they are read.

    Args:
        index: Where they are.
        document: In the middle.
        where: Whoever asks (`principals`), and the sources, connections and containers that
            neighbours must be of too; its other fields say what is found, not what is around it.
        limit: How many at most of each: before, after, parts.

    Raises:
        StoreError: The store does not answer.
    """
    found: dict[str, Neighbour] = {}
    for neighbour in _around(index, document, _within(where, document), limit):
        identifier = neighbour.document.id or ""
        if identifier != document.id and may_see(neighbour.document, where.principals):
            seen = as_seen_by(neighbour.document, where.principals)
            found.setdefault(identifier, Neighbour(seen, neighbour.relation))
    order: dict[Relation, int] = {"parent": 0, "before": 1, "after": 2, "part": 3}
    return sorted(found.values(), key=lambda neighbour: order[neighbour.relation])


def _within(where: SearchFilter, document: Document) -> SearchFilter:
    """The filter of neighbours: of the same account, and what `where` says of places and people."""
    return SearchFilter(
        sources=(str(document.metadata.get("source")),),
        connections=(str(document.metadata.get("connection")),),
        containers=where.containers,
        principals=where.principals,
    )


def _around(
    index: DocumentIndex, document: Document, within: SearchFilter, limit: int
) -> Iterator[Neighbour]:
    metadata = document.metadata
    if parent := metadata.get("parent_id"):
        found = index.get([str(parent)]).get(str(parent))
        if found is not None and _is_of(found, within):
            yield Neighbour(found, "parent")
    if created := metadata.get("created_at"):
        yield from _in_time(index, document, within, limit, str(created))
    if document.id:
        for part in index.in_order(within, parent=document.id, limit=limit):
            yield Neighbour(part, "part")


def _in_time(
    index: DocumentIndex, document: Document, within: SearchFilter, limit: int, created: str
) -> Iterator[Neighbour]:
    """What was said just before and just after: in its conversation, else in its channel."""
    moment = parse_iso(created)
    thread = document.metadata.get("thread_id")
    container = (document.metadata.get("container") or {}).get("id")
    earlier = replace(within, created_before=moment + _INSTANT)
    later = replace(within, created_after=moment)
    # One more than asked for: the document itself, and those of the same moment.
    asked = limit + 1
    before: list[Document] = []
    after: list[Document] = []
    if thread:
        before = index.in_order(earlier, thread=str(thread), limit=asked, newest_first=True)
        after = index.in_order(later, thread=str(thread), limit=asked)
    alone = all(found.id == document.id for found in (*before, *after))
    if alone and container and document_types.typed(document).of_its_time:
        place = (str(container),)
        earlier = replace(earlier, containers=place)
        before = index.in_order(earlier, limit=asked, newest_first=True)
        after = index.in_order(replace(later, containers=place), limit=asked)
    others = [found for found in before if found.id != document.id]
    yield from (Neighbour(found, "before") for found in reversed(others[:limit]))
    others = [found for found in after if found.id != document.id]
    yield from (Neighbour(found, "after") for found in others[:limit])


def _is_of(document: Document, within: SearchFilter) -> bool:
    """Whether a document that was fetched by its id is of the places a filter names."""
    metadata = document.metadata
    container = metadata.get("container") or {}
    return (
        metadata.get("source") in within.sources
        and metadata.get("connection") in within.connections
        and (
            not within.containers
            or not {container.get("id"), container.get("name")}.isdisjoint(within.containers)
        )
    )
