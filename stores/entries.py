"""What every store reads of a document: its id, all it can be filtered by, and its names.

The same checks for every store, so that a document which one refuses is refused by all.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson
from langchain_core.documents import Document

from documents.fingerprints import access_hash, fingerprint
from documents.times import parse_iso
from stores.base import WriteFailure

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_NOTHING: Final[Mapping[str, Any]] = {}

Scope = tuple[str, str, str, str, str]
"""Source, connection, entity, container id and container name; empty where not told."""

Author = tuple[str, str, str]
"""Id, name and e-mail address in lower case; empty where not told."""


class Access(NamedTuple):
    """An access list as a document carries it.

    Attributes:
        listed: The list as JSON; `null` when the document has none, which nobody may read.
        digest: The document's own `access_hash`; None when it has none.
    """

    listed: bytes
    digest: str | None

    def fingerprint(self) -> str:
        """Tells distinct access lists apart."""
        return fingerprint(self.listed + b"\0" + (self.digest or "").encode())


class Entry(NamedTuple):
    """What is kept of a document beside its text."""

    scope: Scope
    author: Author | None
    created: int | None
    updated: int | None
    access: Access


def entry_of(document: Document) -> Entry:
    """Reads an entry out of a document's metadata.

    Raises:
        ValueError: A field does not have the form the shared vocabulary gives it.
    """
    metadata = document.metadata
    container = _mapping(metadata, "container")
    author = _mapping(metadata, "author")
    told, updated = metadata.get("created_at"), metadata.get("updated_at")
    created = _microseconds(told, "created_at")
    try:
        return Entry(
            _scope(
                metadata.get("source"),
                metadata.get("connection"),
                metadata.get("entity"),
                container.get("id"),
                container.get("name"),
            ),
            _author(author.get("id"), author.get("name"), author.get("email")) if author else None,
            created,
            created if updated is None or updated == told else _microseconds(updated, "updated_at"),
            access_of(metadata.get("access"), metadata.get("access_hash")),
        )
    except TypeError as error:  # a list or an object where a text belongs
        raise ValueError(f"source, connection, entity, container or author: {error}") from None


def identifier_of(document: Document) -> str:
    """The document's id.

    Raises:
        ValueError: It has none, or one that cannot be stored.
    """
    if not document.id:
        raise ValueError("the document has no id")
    return storable(document.id)


def storable(value: object) -> str:
    """A value as text, empty for None.

    Raises:
        ValueError: The text holds half a character (a lone surrogate), which no store can keep.
    """
    text = value if isinstance(value, str) else "" if value is None else str(value)
    if not text.isascii():
        text.encode()
    return text


def access_of(listed: object, digest: object = None) -> Access:
    """Checks an access list.

    Raises:
        ValueError: It is not a list of texts, or its hash is not a text.
    """
    if listed is not None and not isinstance(listed, list | tuple | set | frozenset):
        raise ValueError("access is not a list of principals")
    try:
        return _access(None if listed is None else tuple(listed), digest)
    except TypeError:
        raise ValueError("access is not a list of principals") from None


# Thousands of documents share a container, an author and an access list: each is read once.
@lru_cache(maxsize=256)
def _access(listed: tuple[object, ...] | None, digest: object) -> Access:
    if not all(isinstance(principal, str) for principal in listed or ()):
        raise ValueError("access is not a list of principals")
    if digest is not None and not isinstance(digest, str):
        raise ValueError("access_hash is not a text")
    try:
        return Access(orjson.dumps(listed), digest)
    except TypeError as error:
        raise ValueError(f"access cannot be stored: {error}") from None


@lru_cache(maxsize=1024)
def _scope(*parts: object) -> Scope:
    source, connection, entity, container_id, container_name = map(storable, parts)
    return source, connection, entity, container_id, container_name


@lru_cache(maxsize=1024)
def _author(identifier: object, name: object, email: object) -> Author:
    return storable(identifier), storable(name), storable(email).lower()


def to_microseconds(moment: datetime) -> int:
    """A moment as microseconds since 1970.

    Raises:
        ValueError: The moment has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {moment.isoformat()}")
    return (moment - _EPOCH) // _MICROSECOND


def _microseconds(told: object, field: str) -> int | None:
    if told is None:
        return None
    try:
        return (parse_iso(told) - _EPOCH) // _MICROSECOND  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ValueError(f"{field} is not an ISO 8601 time: {told!r}") from None


def _mapping(metadata: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    value = metadata.get(field)
    if value is None:
        return _NOTHING
    if not isinstance(value, dict | Mapping):
        raise ValueError(f"{field} is not an object: {value!r}")
    return value


def checked_updates(
    access: Mapping[str, Sequence[str]],
) -> tuple[dict[str, Access], list[WriteFailure]]:
    """The access lists of an update that can be stored, and a failure for each that cannot."""
    wanted, failures = {}, []
    for identifier, listed in access.items():
        try:
            principals = access_of(listed)
            wanted[storable(identifier)] = principals._replace(digest=access_hash(listed))
        except ValueError as error:
            failures.append(WriteFailure(identifier, f"cannot be stored: {error}"))
    return wanted, failures


def storable_ids(ids: Iterable[str]) -> list[str]:
    """The ids that may be in a store; one with half a character is in none."""
    kept = []
    for identifier in ids:
        try:
            kept.append(storable(identifier))
        except ValueError:
            continue
    return kept


def metadata_json(metadata: Mapping[str, Any]) -> bytes:
    """Metadata as JSON.

    Raises:
        TypeError: It holds what JSON does not have.
    """
    try:
        return orjson.dumps(metadata)
    except TypeError:
        return orjson.dumps(metadata, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY)


def title_and_names(metadata: Mapping[str, Any]) -> tuple[str, str]:
    """The title, and what else one searches a document by: its container, author and files."""
    container = metadata.get("container") or {}
    author = metadata.get("author") or {}
    names = [container.get("name"), author.get("name"), author.get("email")]
    extra = metadata.get("extra")
    if extra and isinstance(extra, Mapping) and isinstance(files := extra.get("files"), list):
        names += [file.get("name") for file in files if isinstance(file, Mapping)]
    return str(metadata.get("title") or ""), " ".join([str(name) for name in names if name])
