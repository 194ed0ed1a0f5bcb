"""Which records make a document together, and what each of them adds to it."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any, Final

import orjson
from sqlalchemy import Connection, bindparam, delete, select

from documents.fingerprints import text_hash
from stores.ledger.backend import Backend
from stores.ledger.packing import pack_hash
from stores.ledger.statements import among
from stores.ledger.tables import copies
from stores.ledger.types import Copy

_LOCK_SPACE: Final = 0xC091E5
"""The first half of the advisory locks that keep two merges of a connection apart."""

_OF_CONNECTION: Final = copies.c.connection_id == bindparam("of_connection")
_OF_DOCUMENTS: Final = (
    select(copies).where(_OF_CONNECTION, among(copies.c.document, "ids")).order_by(copies.c.key)
)
_FORGET: Final = delete(copies).where(
    _OF_CONNECTION,
    copies.c.document == bindparam("of_document"),
    copies.c.key == bindparam("of_key"),
)

_locks: Final[dict[tuple[str, int], Lock]] = {}
_locks_lock: Final = Lock()


class CopyBook:
    """The copies of shared documents in a ledger."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        insert = backend.insert(copies)
        self._put = insert.on_conflict_do_update(
            index_elements=[copies.c.connection_id, copies.c.document, copies.c.key],
            set_={"access": insert.excluded.access, "entry": insert.excluded.entry},
        )

    def of(self, connection_id: int, document_ids: Collection[str]) -> dict[str, list[Copy]]:
        """See `Ledger.copies`."""
        names = {pack_hash(text_hash(identifier)): identifier for identifier in document_ids}
        found: dict[str, list[Copy]] = {identifier: [] for identifier in document_ids}
        with self._backend.read() as connection:
            rows = connection.execute(
                _OF_DOCUMENTS, {"of_connection": connection_id, "ids": list(names)}
            )
            for row in rows.all():
                identifier = names[bytes(row.document)]
                found[identifier].append(
                    Copy(
                        document_id=identifier,
                        key=row.key,
                        access=tuple(orjson.loads(row.access)),
                        entry=orjson.loads(row.entry),
                    )
                )
        return found

    def write(self, connection: Connection, connection_id: int, put: Sequence[Copy]) -> None:
        """Adds or replaces copies, in the transaction of a commit."""
        rows: list[dict[str, Any]] = [
            {
                "connection_id": connection_id,
                "document": pack_hash(text_hash(copy.document_id)),
                "key": copy.key,
                "access": orjson.dumps(list(copy.access)).decode(),
                "entry": orjson.dumps(copy.entry).decode(),
            }
            for copy in put
        ]
        connection.execute(self._put, rows)

    def forget(
        self, connection: Connection, connection_id: int, gone: Collection[tuple[str, str]]
    ) -> None:
        """Takes copies away (document id and record key), in the transaction of a commit."""
        rows = [
            {
                "of_connection": connection_id,
                "of_document": pack_hash(text_hash(document_id)),
                "of_key": key,
            }
            for document_id, key in gone
        ]
        connection.execute(_FORGET, rows)

    @contextmanager
    def merging(self, connection_id: int) -> Iterator[None]:
        """Keeps other threads, and on PostgreSQL other processes, from merging meanwhile."""
        with _lock_of(self._backend.address, connection_id):
            if self._backend.database is not None:
                yield
                return
            with self._backend.write() as connection:
                self._backend.lock(connection, connection_id, _LOCK_SPACE)
                yield


def _lock_of(address: str, connection_id: int) -> Lock:
    with _locks_lock:
        return _locks.setdefault((address, connection_id), Lock())
