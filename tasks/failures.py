"""Dead letters: trying items again that were set aside."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from documents.errors import ConfigurationError, DataGettersError
from exporters.base import Partition
from exporters.changes import Change, Failure, RawRecord, Upsert
from exporters.errors import ExportError, InvalidDataError
from stores.ledger.types import DeadLetter
from stores.raw.types import RawRow
from tasks.flags import refuse_before_asking
from tasks.pipeline import apply_changes
from tasks.results import PartitionResult
from tasks.session import SyncRequest, SyncSession


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of dead letters.

    Attributes:
        resolved: How many went through.
        left: How many did not.
        results: What was done, partition by partition.
        messages: Why some could not be tried at all.
    """

    resolved: int
    left: int
    results: list[PartitionResult]
    messages: list[str]


def retry_failures(letters: Sequence[DeadLetter], credentials: str | None = None) -> Retried:
    """Tries items again: from the landed payload where there is one, else from the source.

    Args:
        letters: As the ledger lists them.
        credentials: Name of a saved block, for items that must be fetched.

    Raises:
        ConfigurationError: Something must be fetched and there are no credentials.
        SwitchedOffError: Something must be fetched, and an operator has switched that off.
        StoreError: A store cannot be used, or another run holds the account.
    """
    groups: defaultdict[tuple[str, str, bool], list[DeadLetter]] = defaultdict(list)
    for letter in letters:
        groups[letter.source, letter.connection, letter.raw_ref is None].append(letter)
    results: list[PartitionResult] = []
    messages: list[str] = []
    resolved = 0
    for (source, connection, must_fetch), group in groups.items():
        request = SyncRequest(source=source, credentials=credentials)
        if must_fetch:
            refuse_before_asking(source, connection)
        session = SyncSession(request, connection=None if must_fetch else connection)
        try:
            if session.connection != connection:
                raise ConfigurationError(
                    f"The credentials are those of {session.connection}, and the items belong to "
                    f"{connection}.",
                    hint="Name the right block with --credentials.",
                )
            with session.leased():
                before = {letter.id for letter in group}
                results += _retry_group(session, group, messages)
                left = {letter.id for letter in session.stores.ledger.dead_letters()}
                resolved += len(before - left)
        finally:
            session.close()
    return Retried(resolved, len(letters) - resolved, results, messages)


def _retry_group(
    session: SyncSession, letters: Iterable[DeadLetter], messages: list[str]
) -> Iterator[PartitionResult]:
    by_partition: defaultdict[str, list[DeadLetter]] = defaultdict(list)
    for letter in letters:
        if letter.key is None:
            messages.append(
                f"Number {letter.id} names no item; the next sync of {letter.partition} tries it."
            )
        else:
            by_partition[letter.partition].append(letter)
    for key, group in by_partition.items():
        partition = _partition(session, key, must_fetch=group[0].raw_ref is None)
        if partition is None:
            messages.append(f"The partition {key} is not there any more; its items stay set aside.")
            continue
        try:
            yield apply_changes(session.context, partition, _changes(session, partition, group))
        except DataGettersError as error:
            messages.append(f"{partition.name}: {error.sentence()}")


def _partition(session: SyncSession, key: str, *, must_fetch: bool) -> Partition | None:
    """The partition as the source lists it, or, where nothing is asked of it, as it was known."""
    if must_fetch:
        listed = session.exporter.partitions(session.selection)
        return next((partition for partition in listed if partition.key == key), None)
    known = session.stores.ledger.partitions(session.context.connection_id)
    return next(
        (
            Partition(key=key, name=state.name, kind=state.kind)
            for state in known
            if state.key == key
        ),
        None,
    )


def _changes(
    session: SyncSession, partition: Partition, letters: Iterable[DeadLetter]
) -> Iterator[Change]:
    for letter in letters:
        entity, _, external_id = (letter.key or "").partition(":")
        if letter.raw_ref is not None:
            record = record_of(session.stores.raw.read(letter.raw_ref).row)
            yield Upsert(replace(record, parent=_parent(session, record.key)))
            continue
        try:
            fetched = session.exporter.fetch(partition, entity, external_id)
            if fetched is None:
                error: ExportError = InvalidDataError(
                    "The source cannot be asked for single items; the next sync tries it."
                )
                yield Failure(error=error, entity=entity, external_id=external_id, url=letter.url)
            else:
                yield from fetched
        except ExportError as error:
            yield Failure(error=error, entity=entity, external_id=external_id, url=letter.url)


def _parent(session: SyncSession, key: str) -> str | None:
    """What a record belongs to, which its payload does not tell, as far as it is known."""
    ledger, connection = session.stores.ledger, session.context.connection_id
    if (known := ledger.known(connection, [key]).get(key)) is not None:
        return known.parent
    extracted = ledger.extractions.known(connection, [key]).get(key)
    return extracted.record.parent if extracted is not None else None


def record_of(row: RawRow) -> RawRecord:
    """A landed row as the record it was."""
    payload: dict[str, Any] = orjson.loads(row.payload)
    return RawRecord(
        external_id=row.external_id,
        entity=row.entity,
        payload=payload,
        url=row.url,
        occurred_at=row.occurred_at,
        version=row.version,
        fetched_at=row.fetched_at,
    )
