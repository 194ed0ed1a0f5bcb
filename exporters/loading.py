"""Fetching listed items, together where the vendor has a call for it."""

from collections.abc import Iterable, Iterator, Sequence

from exporters.changes import (
    AccessChange,
    Change,
    Children,
    CopyChange,
    Delete,
    Failure,
    Listed,
    LoadMany,
    Upsert,
    record_key,
)
from exporters.errors import ExportError, InvalidDataError, Severity

Loaded = Upsert | Delete | Children | AccessChange | CopyChange | Failure | Listed
"""What may be said of a listed item."""


def answers(items: Iterable[Listed]) -> Iterator[Iterator[Loaded]]:
    """What there is to say of listed items, one answer of the source after the other.

    An item that fails becomes a `Failure`. So does one of which an answer for several says
    nothing: a gap must not pass in silence.

    Args:
        items: In order, no item twice.

    Yields:
        Answers; walking through one may raise an `ExportError` that reaches further than an item,
        or a `TypeError` where the exporter says something that is not about an item.
    """
    for group in _groups(items):
        many = group[0].load_many
        if many is None or len(group) == 1:
            yield from map(_one, group)
        else:
            yield _several(group, many)


def loaded(items: Iterable[Listed]) -> Iterator[Loaded]:
    """All answers, one after the other; see `answers`."""
    for answer in answers(items):
        yield from answer


def _groups(items: Iterable[Listed]) -> Iterator[list[Listed]]:
    """Items that are fetched with one call, where the first of them stood."""
    waiting: dict[int, list[Listed]] = {}
    for item in items:
        many = item.load_many
        if many is None:
            yield [item]
            continue
        group = waiting.setdefault(id(many), [])
        group.append(item)
        if len(group) >= many.at_most:
            yield waiting.pop(id(many))
    yield from waiting.values()


def _one(item: Listed) -> Iterator[Loaded]:
    try:
        for change in item.load():
            yield _of_item(change)
    except ExportError as error:
        yield _failure(item, error)


def _several(group: Sequence[Listed], many: LoadMany) -> Iterator[Loaded]:
    left = {item.key: item for item in group}
    try:
        for change in many.load([item.external_id for item in group]):
            said = _of_item(change)
            key = _key(said)
            if key is not None:
                left.pop(key, None)
            yield said
    except ExportError as error:
        if error.severity is not Severity.ITEM:
            raise
        # One of them spoils the answer for all: each is asked for by itself.
        for item in left.values():
            yield from _one(item)
        return
    for item in left.values():
        missing = InvalidDataError(
            f"The {item.entity} {item.external_id} was asked for with others and left out of the "
            "answer.",
            external_id=item.external_id,
        )
        yield _failure(item, missing)


def _of_item(change: Change) -> Loaded:
    if not isinstance(change, Loaded):
        raise TypeError(f"{type(change).__name__} cannot come out of Listed.load")
    return change


def _key(said: Loaded) -> str | None:
    match said:
        case Upsert():
            return said.record.key
        case Children():
            return None
        case AccessChange() | Failure():
            if said.entity is None or said.external_id is None:
                return None
            return record_key(said.entity, said.external_id)
    return said.key


def _failure(item: Listed, error: ExportError) -> Failure:
    if error.severity is not Severity.ITEM:
        raise error
    return Failure(error=error, entity=item.entity, external_id=item.external_id)
