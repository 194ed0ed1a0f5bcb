"""Dead letters: items that were set aside, until they go through or a person resolves them."""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    delete,
    func,
    select,
)

from documents.fingerprints import fingerprint
from stores.ledger.backend import Backend, micros_now
from stores.ledger.packing import clean_text, pack_hash, pack_time, unpack_time
from stores.ledger.statements import among
from stores.ledger.tables import connections, dead_letters
from stores.ledger.types import DeadLetter

_MESSAGE_LIMIT: Final = 2_000

_RESOLVE: Final = delete(dead_letters).where(
    dead_letters.c.connection_id == bindparam("of_connection"), among(dead_letters.c.key, "keys")
)


class DeadLetterBox:
    """Reads and resolves the dead letters of a ledger; `DeadLetterWriter` adds them."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def list(
        self,
        *,
        source: str | None,
        connection: str | None,
        partition: str | None,
        limit: int | None,
    ) -> list[DeadLetter]:
        """See `Ledger.dead_letters`."""
        query = _select(*_filters(source, connection, partition)).limit(limit)
        with self._backend.read() as reader:
            return [_letter(row) for row in reader.execute(query)]

    def get(self, letter_id: int) -> DeadLetter | None:
        """See `Ledger.dead_letter`."""
        with self._backend.read() as reader:
            row = reader.execute(_select(dead_letters.c.id == letter_id)).one_or_none()
        return None if row is None else _letter(row)

    def count(self, *, source: str | None, connection: str | None, partition: str | None) -> int:
        """See `Ledger.count_dead_letters`."""
        query = (
            select(func.count())
            .select_from(dead_letters.join(connections))
            .where(*_filters(source, connection, partition))
        )
        with self._backend.read() as reader:
            return reader.execute(query).scalar_one()

    def resolve(self, letter_ids: Collection[int]) -> int:
        """See `Ledger.resolve_dead_letters`."""
        with self._backend.write() as writer:
            gone = writer.execute(
                delete(dead_letters).where(among(dead_letters.c.id, "ids")),
                {"ids": [*letter_ids]},
            )
        return int(gone.rowcount)


class DeadLetterWriter:
    """Adds and resolves dead letters in the transaction of a commit."""

    def __init__(self, backend: Backend) -> None:
        self._set_aside = _upsert_dead_letters(backend)

    def write(
        self,
        connection: Connection,
        connection_id: int,
        resolved: Collection[str],
        letters: Collection[DeadLetter],
    ) -> None:
        """Resolves what concerns some keys, then adds letters."""
        scope = {"of_connection": connection_id}
        if resolved:
            connection.execute(_RESOLVE, {**scope, "keys": list(resolved)})
        if letters:
            rows = [_dead_letter(letter, scope) for letter in letters]
            connection.execute(self._set_aside, rows)


def _select(*conditions: ColumnElement[bool]) -> Select[Any]:
    return (
        select(
            *dead_letters.c,
            connections.c.source,
            connections.c.name.label("connection"),
        )
        .join(connections)
        .where(*conditions)
        .order_by(dead_letters.c.last_seen.desc(), dead_letters.c.id.desc())
    )


def _filters(
    source: str | None, connection: str | None, partition: str | None
) -> tuple[ColumnElement[bool], ...]:
    wanted = (
        (connections.c.source, source),
        (connections.c.name, connection),
        (dead_letters.c.partition, partition),
    )
    return tuple(column == value for column, value in wanted if value is not None)


def _letter(row: Row[Any]) -> DeadLetter:
    return DeadLetter(
        id=row.id,
        source=row.source,
        connection=row.connection,
        partition=row.partition,
        key=row.key,
        document_id=row.document_id,
        url=row.url,
        error=row.error,
        message=row.message,
        raw_ref=row.raw_ref,
        run_id=row.run_id,
        attempts=row.attempts,
        first_seen=unpack_time(row.first_seen),
        last_seen=unpack_time(row.last_seen),
    )


def _upsert_dead_letters(backend: Backend) -> Any:
    insert = backend.insert(dead_letters)
    new = insert.excluded
    return insert.on_conflict_do_update(
        index_elements=[
            dead_letters.c.connection_id,
            dead_letters.c.partition,
            dead_letters.c.item,
        ],
        set_={
            "attempts": dead_letters.c.attempts + new.attempts,
            "error": new.error,
            "message": new.message,
            "run_id": new.run_id,
            "last_seen": new.last_seen,
            "url": func.coalesce(new.url, dead_letters.c.url),
            "raw_ref": func.coalesce(new.raw_ref, dead_letters.c.raw_ref),
        },
    )


def _dead_letter(letter: DeadLetter, scope: dict[str, int]) -> dict[str, Any]:
    if letter.document_id is not None:
        item = f"document {letter.document_id}"
    elif letter.key is not None:
        item = f"record {letter.key}"
    else:
        item = f"{letter.error} {letter.url or letter.message}"
    last_seen = pack_time(letter.last_seen) if letter.last_seen else micros_now()
    return {
        "connection_id": scope["of_connection"],
        "partition": letter.partition,
        "item": pack_hash(fingerprint(item.encode(errors="surrogatepass"))),
        "key": letter.key,
        "document_id": letter.document_id,
        "url": letter.url and clean_text(letter.url),
        "error": letter.error,
        "message": clean_text(letter.message, limit=_MESSAGE_LIMIT),
        "raw_ref": letter.raw_ref,
        "run_id": letter.run_id,
        "attempts": letter.attempts,
        "first_seen": pack_time(letter.first_seen) if letter.first_seen else last_seen,
        "last_seen": last_seen,
    }
