"""Whole documents on Elasticsearch, an index for each source.

The index of a document is told by its id, so it is written, read and deleted by id alone, without
waiting for a refresh. A search goes to all of them by one alias.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any, Final

from langchain_core.documents import Document

from documents.ids import MAX_ID_BYTES
from stores.base import DocumentHit, DocumentIndex, SearchFilter, WriteFailure
from stores.elasticsearch.bodies import (
    checked_id,
    delete_operation,
    document_operation,
    source_of,
    update_operation,
)
from stores.elasticsearch.bulk import BulkWriter, Operation
from stores.elasticsearch.connection import Connection
from stores.elasticsearch.indices import Indices
from stores.elasticsearch.queries import Query, filtered, filters, text_query
from stores.elasticsearch.templates import document_schema, documents_alias, documents_group
from stores.entries import checked_updates, storable_ids
from stores.errors import StoreError
from stores.query import analyze

_MOST_HITS: Final = 10_000
"""What a search may return (`index.max_result_window`)."""

_IDS_AT_ONCE: Final = 500
_FIRST_PAGE: Final = 100
_LARGEST_PAGE: Final = 1_000
_PAGE_CHARACTERS: Final = 8_000_000
_KEEP_ALIVE: Final = "5m"


class ElasticsearchDocumentIndex(DocumentIndex):
    """The document index on a server. Safe to use from several threads and processes.

    A write is durable when it returns, and found by searches some seconds later
    (`index.refresh_interval`) or after `maintain`; `get` sees it at once.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._prefix = connection.target.prefix
        self._group = documents_group(self._prefix)
        self._indices = Indices(connection)
        self._bulk = BulkWriter(connection)

    def write(self, documents: Sequence[Document]) -> list[WriteFailure]:
        """See `DocumentIndex.write`. Of several documents with one id the last is kept."""
        ready: dict[str, Operation] = {}
        failures = []
        sources = set()
        for document in documents:
            try:
                identifier = checked_id(document)
                source = source_of(identifier)
                alias = documents_alias(self._prefix, source)
                ready[identifier] = document_operation(alias, identifier, document)
                sources.add(source)
            except (TypeError, ValueError) as error:
                failures.append(WriteFailure(document.id or "", f"cannot be stored: {error}"))
        for source in sources:
            self._indices.ensure(document_schema(self._prefix, source, self._indices.settings))
        return failures + self._send(list(ready.values()))

    def update_access(self, access: Mapping[str, Sequence[str]]) -> list[WriteFailure]:
        """See `DocumentIndex.update_access`. Partial updates: the text is not sent again."""
        wanted, failures = checked_updates(access)
        operations = []
        for identifier in _within_limit(wanted):
            fields = {"access": list(access[identifier]), "access_hash": wanted[identifier].digest}
            alias = documents_alias(self._prefix, source_of(identifier))
            operations.append(update_operation(alias, identifier, identifier, {"metadata": fields}))
        return failures + self._send(operations)

    def delete(self, document_ids: Sequence[str]) -> None:
        """See `DocumentIndex.delete`."""
        self._send(
            [
                delete_operation(documents_alias(self._prefix, source_of(i)), i, i)
                for i in dict.fromkeys(_within_limit(storable_ids(document_ids)))
            ]
        )

    def get(self, document_ids: Sequence[str]) -> dict[str, Document]:
        """See `DocumentIndex.get`. Sees what was written at once."""
        found: dict[str, Document] = {}
        wanted = iter(dict.fromkeys(_within_limit(storable_ids(document_ids))))
        client = self._connection.client
        while page := list(islice(wanted, _IDS_AT_ONCE)):
            docs = [{"_index": documents_alias(self._prefix, source_of(i)), "_id": i} for i in page]
            answer = self._connection.call(partial(client.mget, docs=docs))
            for hit in answer["docs"]:
                # An index that does not exist yet has no documents; neither is an error here.
                if hit.get("found"):
                    found[hit["_id"]] = _document_of(hit)
        return found

    def iterate(self, where: SearchFilter | None = None) -> Iterator[Document]:
        """See `DocumentIndex.iterate`. A snapshot of what searches find when it begins."""
        client = self._connection.client
        if not self._connection.call(lambda: client.indices.exists_alias(name=self._group)):
            return
        pit = self._connection.call(
            lambda: client.open_point_in_time(index=self._group, keep_alive=_KEEP_ALIVE)
        )["id"]
        query = filtered(where)
        after: list[Any] | None = None
        size = _FIRST_PAGE
        try:
            while True:
                answer = self._connection.call(
                    partial(
                        client.search,
                        query=query,
                        pit={"id": pit, "keep_alive": _KEEP_ALIVE},
                        sort=[{"_shard_doc": "asc"}],
                        search_after=after,
                        size=size,
                        track_total_hits=False,
                    )
                )
                pit = answer["pit_id"]
                hits = answer["hits"]["hits"]
                yield from map(_document_of, hits)
                if len(hits) < size:
                    return
                after = hits[-1]["sort"]
                # Long documents make short pages: memory stays flat.
                characters = sum(len(hit["_source"]["page_content"]) for hit in hits)
                fitting = int(_PAGE_CHARACTERS * len(hits) / max(1, characters))
                size = max(1, min(_LARGEST_PAGE, fitting))
        finally:
            with suppress(StoreError):  # it ends by itself
                self._connection.call(lambda: client.close_point_in_time(id=pit), patience=0)

    def in_order(
        self,
        where: SearchFilter,
        *,
        limit: int,
        thread: str | None = None,
        parent: str | None = None,
        newest_first: bool = False,
    ) -> list[Document]:
        """See `DocumentIndex.in_order`. At most 10,000; those of one moment by their ids."""
        kin = {"thread_id": thread, "parent_id": parent}
        named = {field: value for field, value in kin.items() if value is not None}
        if limit <= 0 or storable_ids(named.values()) != list(named.values()):
            return []
        conditions = [
            *filters(where),
            {"exists": {"field": "created"}},
            *({"term": {f"metadata.{field}": value}} for field, value in named.items()),
        ]
        order = "desc" if newest_first else "asc"
        answer = self._search(
            {"bool": {"filter": conditions}},
            size=min(limit, _MOST_HITS),
            sort=[{"created": order}, {"id": order}],
            track_total_hits=False,
            source=["page_content", "metadata"],
        )
        return [_document_of(hit) for hit in answer["hits"]["hits"]]

    def count(self, where: SearchFilter | None = None) -> int:
        """See `DocumentIndex.count`. Counts what searches find."""
        answer = self._search(filtered(where), size=0, track_total_hits=True)
        return int(answer["hits"]["total"]["value"])

    def search(
        self, query: str, *, limit: int, where: SearchFilter | None = None
    ) -> list[DocumentHit]:
        """See `DocumentIndex.search`. At most 10,000; equal scores in the order of their ids."""
        terms = analyze(query)
        if not terms or limit <= 0:
            return []
        answer = self._search(
            text_query(terms, where),
            size=min(limit, _MOST_HITS),
            sort=[{"_score": "desc"}, {"id": "asc"}],
            track_total_hits=False,
            # Scores of several indices and shards compare only with statistics of all.
            search_type="dfs_query_then_fetch",
        )
        return [DocumentHit(hit["_id"], hit["sort"][0]) for hit in answer["hits"]["hits"]]

    def clear(self) -> None:
        """See `DocumentIndex.clear`. Deletes the indices; the next write makes new ones."""
        for alias in self._indices.aliases(self._group):
            current = self._indices.current(alias)
            if current is not None:
                self._indices.delete(current.name)
            self._indices.forget(alias)

    def maintain(self) -> None:
        """See `DocumentIndex.maintain`. Searches find from here on what was written before."""
        self._indices.refresh(self._group)

    def close(self) -> None:
        """See `DocumentIndex.close`."""
        self._bulk.close()
        self._connection.close()

    def _search(self, query: Query, *, source: Any = False, **options: Any) -> Any:
        client = self._connection.client
        return self._connection.call(
            lambda: client.search(
                index=self._group,
                query=query,
                source=source,
                ignore_unavailable=True,
                # Half an answer is none: what a shard cannot tell would look deleted.
                allow_partial_search_results=False,
                **options,
            )
        )

    def _send(self, operations: Sequence[Operation]) -> list[WriteFailure]:
        return [WriteFailure(key, reason) for key, reason in self._bulk.write(operations)]


def _document_of(hit: Mapping[str, Any]) -> Document:
    source = hit["_source"]
    return Document(id=hit["_id"], page_content=source["page_content"], metadata=source["metadata"])


def _within_limit(ids: Iterable[str]) -> list[str]:
    """The ids that may be in the index; an empty or longer one is in none."""
    return [i for i in ids if i and len(i.encode()) <= MAX_ID_BYTES]
