"""Everything that stores hold, in a form that compares: without run ids, times of runs and places.

Made of the store contracts alone, so it works with every implementation.
"""

from typing import Any

import numpy as np
import orjson

from documents.metadata import RUN_FIELDS
from stores.base import SearchFilter
from tasks.stores import Stores

_MANY = 1_000_000


def state_of(stores: Stores, *, people: tuple[str, ...] = ()) -> dict[str, Any]:
    """The whole state.

    Args:
        stores: The stores.
        people: E-mail addresses of the persons whose principals belong to it.
    """
    documents = {
        document.id: {
            "content": document.page_content,
            **{k: v for k, v in document.metadata.items() if k not in RUN_FIELDS},
        }
        for document in stores.index.iterate()
    }
    principals = sorted({p for fields in documents.values() for p in fields["access"]})
    ledger = stores.ledger
    connections = {
        f"{c.source} {c.connection}": {
            "title": c.title,
            "partitions": {p.key: _partition(stores, p) for p in ledger.partitions(c.id)},
        }
        for c in ledger.connections()
    }
    return {
        "documents": documents,
        "vectors": _chunks(stores, None),
        "found by": {name: _found_by(stores, name) for name in principals},
        "raw": _landed(stores),
        "connections": connections,
        "people": {person: sorted(ledger.principals_of(person)) for person in people},
        "dead letters": sorted(
            (x.partition, x.key or "", x.document_id or "", x.error, x.message, x.url or "")
            for x in ledger.dead_letters()
        ),
    }


def _partition(stores: Stores, partition: Any) -> dict[str, Any]:
    records = [record for page in stores.ledger.records_of(partition.id) for record in page]
    landed = {
        row.ref: row.row.payload
        for row in stores.raw.read_many([r.raw_ref for r in records if r.raw_ref])
    }
    return {
        "name": partition.name,
        "kind": partition.kind,
        "cursor": partition.cursor,
        "listing open": partition.listing_open,
        "records": {
            record.key: (
                record.payload_hash,
                record.version,
                record.occurred_at,
                record.url,
                record.documents,
                landed.get(record.raw_ref or ""),
            )
            for record in records
        },
    }


def _chunks(stores: Stores, principals: frozenset[str] | None) -> list[tuple[Any, ...]]:
    """Every chunk with its nearness to three directions, which tells its vector from others."""
    if stores.vectors is None or stores.embeddings is None:
        return []
    directions = np.random.default_rng(5).standard_normal((3, stores.embeddings.dimensions))
    found: dict[tuple[Any, ...], list[float]] = {}
    for direction in directions.astype(np.float32):
        where = SearchFilter(principals=principals)
        for hit in stores.vectors.search(direction, limit=_MANY, where=where):
            place = (hit.document_id, hit.ordinal, hit.start, hit.end)
            found.setdefault(place, []).append(round(hit.score, 4))
    return sorted((*place, *scores) for place, scores in found.items())


def _found_by(stores: Stores, principal: str) -> tuple[list[str], list[str]]:
    """What a principal finds in either store."""
    where = SearchFilter(principals=frozenset({principal}))
    documents = sorted(document.id or "" for document in stores.index.iterate(where))
    return documents, sorted({chunk[0] for chunk in _chunks(stores, where.principals)})


def _landed(stores: Stores) -> list[tuple[str, ...]]:
    """The payloads that the ledger vouches for, each once."""
    paths = [file.path for file in stores.ledger.raw_files()]
    rows = [landed.row for landed in stores.raw.iterate(paths=paths)]
    return sorted(
        {(r.partition, r.entity, r.external_id, orjson.loads(r.payload).__repr__()) for r in rows}
    )
