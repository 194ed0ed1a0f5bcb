"""Document ids: `source:connection:entity:native-id`.

Ids are built from what survives a rename and a move (never from titles or URLs), so a document
keeps its id for as long as the vendor keeps the item.
"""

import hashlib
from typing import NamedTuple

MAX_ID_BYTES = 512
"""Elasticsearch refuses an `_id` longer than this."""

_DIGEST_CHARS = 32


class DocumentId(NamedTuple):
    """The four parts of a document id."""

    source: str
    connection: str
    entity: str
    native_id: str


def document_id(source: str, connection: str, entity: str, native_id: str) -> str:
    """Builds a document id.

    Args:
        source: The source's name, for instance `slack`.
        connection: The account or tenant, by an id that survives a rename (a Slack team id).
        entity: What the item is: `message`, `thread`, `issue`, `page`, `file`, `event` ...
        native_id: The vendor's own id; may contain colons.

    Returns:
        The id, at most 512 bytes long. A longer one is cut and closed with a digest of the whole.

    Raises:
        ValueError: A part is empty, or one of the first three contains a colon.
    """
    for name, part in (("source", source), ("connection", connection), ("entity", entity)):
        if not part or ":" in part:
            raise ValueError(f"{name} of a document id must be non-empty and without ':': {part!r}")
    if not native_id:
        raise ValueError("the native id of a document must not be empty")
    identifier = f"{source}:{connection}:{entity}:{native_id}"
    encoded = identifier.encode()
    if len(encoded) <= MAX_ID_BYTES:
        return identifier
    digest = hashlib.blake2b(encoded, digest_size=_DIGEST_CHARS // 2).hexdigest()
    kept = encoded[: MAX_ID_BYTES - _DIGEST_CHARS - 1].decode(errors="ignore")
    return f"{kept}~{digest}"


def parse_document_id(identifier: str) -> DocumentId:
    """Takes a document id apart.

    Raises:
        ValueError: The text has fewer than four parts.
    """
    parts = identifier.split(":", 3)
    if len(parts) != len(DocumentId._fields) or not all(parts):
        raise ValueError(
            f"not a document id: {identifier!r} (expected source:connection:entity:native-id)"
        )
    return DocumentId(*parts)
