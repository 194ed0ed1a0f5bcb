"""What is sent of documents and chunks: the lines of bulk requests.

A body holds the metadata as they are, so that a document comes back as it was written, and beside
them what is searched and filtered by: `names`, `created` in microseconds, and the typed fields of
the document's class, with only those values that fit their mapping.
"""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import orjson
from langchain_core.documents import Document

from documents.chunks import Chunk
from documents.ids import MAX_ID_BYTES
from documents.registry import document_types
from stores.elasticsearch.bulk import Operation
from stores.entries import Entry, entry_of, identifier_of, storable, title_and_names

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OTHER: Final = "other"
"""Where documents go whose id begins with no source."""

_SOURCE: Final = re.compile(r"([a-z][a-z0-9_]{0,39}):")
_OPTIONS: Final = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE


def source_of(identifier: str) -> str:
    """The source whose index a document is in; told by its id, so that it can be found by it."""
    found = _SOURCE.match(identifier)
    return found[1] if found else OTHER


def checked_id(document: Document) -> str:
    """The document's id.

    Raises:
        ValueError: It has none, or one that Elasticsearch does not take.
    """
    identifier = identifier_of(document)
    if len(identifier.encode()) > MAX_ID_BYTES:
        raise ValueError(f"the id is longer than {MAX_ID_BYTES} bytes")
    return identifier


def document_operation(alias: str, identifier: str, document: Document) -> Operation:
    """The operation that writes a document.

    Raises:
        TypeError: The metadata hold what JSON does not have.
        ValueError: A field does not have the form the shared vocabulary gives it.
    """
    metadata = document.metadata
    entry = entry_of(document)
    body: dict[str, Any] = {
        "id": identifier,
        "page_content": storable(document.page_content),
        "metadata": metadata,
        "names": title_and_names(metadata)[1],
        "created": entry.created,
        "updated": entry.updated,
    }
    extra = metadata.get("extra")
    if isinstance(extra, Mapping) and extra:
        typed = _projected(extra, document_types.of_source(source_of(identifier)).extra_mapping)
        if typed:
            body["typed"] = typed
    action = {"index": {"_index": alias, "_id": identifier}}
    return Operation(identifier, _line(action) + _line(body))


def chunk_key(document_id: str, place: int) -> str:
    """The id of a chunk: short, whatever the length of the document's."""
    return f"{blake2b(document_id.encode(), digest_size=16).hexdigest()}-{place}"


def filter_fields(entry: Entry) -> dict[str, Any]:
    """What a chunk carries of its document, to be filtered by."""
    source, connection, entity, container_id, container_name = entry.scope
    fields: dict[str, Any] = {
        "source": source,
        "connection": connection,
        "entity": entity,
        "container": {"id": container_id, "name": container_name},
        "author": dict(zip(("id", "name", "email"), entry.author or ("", "", ""), strict=True)),
        "access": orjson.loads(entry.access.listed) or [],
    }
    return {"created": entry.created, "updated": entry.updated, "metadata": fields}


def chunk_operations(
    alias: str,
    document_id: str,
    entry: Entry,
    chunks: Sequence[Chunk],
    units: "NDArray[np.float32]",
    *,
    packed: bool,
) -> list[Operation]:
    """The operations that write a document's chunks, the first of which says how many there are.

    Args:
        alias: Where to.
        document_id: Of which document.
        entry: What its chunks are filtered by.
        chunks: In order.
        units: Their vectors (n, d) of length 1; NaN for one without direction, which is left out.
        packed: Whether the server reads base64.
    """
    shared = {"document_id": document_id, **filter_fields(entry)}
    operations = []
    for place, (chunk, unit) in enumerate(zip(chunks, units, strict=True)):
        key = chunk_key(document_id, place)
        body = {
            "id": key,
            **shared,
            "ordinal": chunk.ordinal,
            "start": chunk.start,
            "end": chunk.end,
        }
        if place == 0:
            body["chunks"] = len(chunks)
        if unit[0] == unit[0]:
            body["vector"] = b64encode(unit.astype(">f4").tobytes()).decode() if packed else unit
        action = {"index": {"_index": alias, "_id": key}}
        operations.append(Operation(document_id, _line(action) + _line(body)))
    return operations


def update_operation(alias: str, key: str, identifier: str, fields: Mapping[str, Any]) -> Operation:
    """The operation that replaces some fields of what is stored, and nothing where nothing is."""
    action = {"update": {"_index": alias, "_id": key, "retry_on_conflict": 3}}
    return Operation(identifier, _line(action) + _line({"doc": fields}), may_lack=True)


def delete_operation(alias: str, key: str, identifier: str) -> Operation:
    """The operation that deletes what is stored under an id."""
    return Operation(identifier, _line({"delete": {"_index": alias, "_id": key}}), may_lack=True)


def _line(value: Mapping[str, Any]) -> bytes:
    return orjson.dumps(value, option=_OPTIONS)


def _projected(extra: Mapping[str, Any], mapping: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `extra` that a mapping names, with the values that fit it."""
    kept: dict[str, Any] = {}
    for name, field in mapping.items():
        value = extra.get(name)
        fitting = _fitting(value, field)
        if fitting is not None:
            kept[name] = fitting
    return kept


def _fitting(value: Any, field: Mapping[str, Any]) -> Any:
    if isinstance(value, list | tuple):
        return [kept for item in value if (kept := _fitting(item, field)) is not None] or None
    if inner := field.get("properties"):
        return (_projected(value, inner) or None) if isinstance(value, Mapping) else None
    return value if isinstance(value, str | int | float) else None
