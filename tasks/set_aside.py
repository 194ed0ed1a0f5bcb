"""What was set aside before: a listing from the beginning tries it again."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from exporters.base import BaseExporter
from exporters.changes import Checkpoint, Children, Delete, Failure
from stores.ledger.types import DeadLetter
from tasks.batches import EncodedUpsert, FailedAgain, Item, Settled, Swept, item_key


class SetAside:
    """The items of a partition that the source could not give when they were last asked for.

    To a listing nothing of them has moved: it shows what is known, or only what they belong to.
    What landed is left out: it is retried from its payload.

    Args:
        letters: The partition's dead letters.
        exporter: Tells what an item belongs to.
    """

    def __init__(self, letters: Iterable[DeadLetter], exporter: BaseExporter) -> None:
        self._keys = {x.key for x in letters if x.key is not None and x.raw_ref is None}
        self._belonging: defaultdict[str, set[str]] = defaultdict(set)
        for key in self._keys:
            if (owner := exporter.owner_of(*_named(key))) is not None:
                self._belonging[owner].add(key)
        self._wanted = {*self._keys, *self._belonging}

    def take(self, key: str) -> bool:
        """Whether a listed item is to be fetched though it did not move; each once in a listing."""
        if key not in self._wanted:
            return False
        self._wanted.remove(key)
        return True

    def judged(self, answer: Sequence[Item | Checkpoint]) -> Iterator[Item | Checkpoint]:
        """An answer of the source, with what it means for the dead letters of its items."""
        if not self._keys:
            yield from answer
            return
        failed = {_key(item) for item in answer if isinstance(item, Failure)}
        for item in answer:
            key = _key(item)
            if key not in self._keys:
                yield item
            elif isinstance(item, Failure):
                yield FailedAgain(
                    error=item.error,
                    entity=item.entity,
                    external_id=item.external_id,
                    url=item.url,
                )
            else:
                if isinstance(item, EncodedUpsert) and not item.partial and key not in failed:
                    yield Settled(key)
                yield item

    def gone_with(self, item: Item) -> Iterator[Settled]:
        """What was set aside and is no more: its owner lists it no longer, or is gone itself."""
        if not isinstance(item, Children | Delete) or isinstance(item, Swept):
            return
        owner = item.parent if isinstance(item, Children) else item.key
        known = self._belonging.get(owner, set())
        gone = {key for key in known if isinstance(item, Delete) or _is_unlisted(key, item)}
        self._keys -= gone
        yield from map(Settled, sorted(gone))


def _is_unlisted(key: str, listed: Children) -> bool:
    entity, external_id = _named(key)
    return entity == listed.entity and external_id not in listed.external_ids


def _key(item: Item | Checkpoint) -> str | None:
    return None if isinstance(item, Checkpoint) else item_key(item)


def _named(key: str) -> tuple[str, str]:
    entity, _, external_id = key.partition(":")
    return entity, external_id
