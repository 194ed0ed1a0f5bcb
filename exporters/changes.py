"""What a source can say: the kinds of change that `BaseExporter.pull` yields.

A stream of changes is everything the rest of the house learns of a source. Failures are values in
it, so one bad item never ends a stream.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from exporters.errors import ExportError

Cursor = Mapping[str, Any]
"""A small JSON object per partition; only the exporter that made it knows what it means."""


class DeleteReason(StrEnum):
    """Why an item is gone."""

    PURGED = "purged"
    TRASHED = "trashed"
    ACCESS_LOST = "access_lost"
    SOURCE_TTL = "source_ttl"


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRecord:
    """A vendor's item as it came, with all that is needed to make documents of it offline.

    Attributes:
        external_id: The vendor's id, unique in the connection together with `entity`.
        entity: What the item is.
        payload: JSON-serialisable; the vendor's answer(s), with whatever else the item refers to
            (names of the people mentioned, its channel), so that `to_documents` needs no network.
        url: Where a person opens the item.
        occurred_at: When the item came to be at the source. Decides whether it lies in the part
            of a partition that a `Complete(since=...)` speaks of.
        version: The vendor's version mark; equal marks mean an unchanged item.
        fetched_at: When the vendor gave this answer. An older answer never replaces a newer one.
        parent: Key of the record this one belongs to (the issue of an attachment). It is deleted
            with its parent and with a `Children` that leaves it out; no sweep takes it.
    """

    external_id: str
    entity: str
    payload: Mapping[str, Any]
    url: str | None = None
    occurred_at: datetime | None = None
    version: str | None = None
    fetched_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    parent: str | None = None

    @property
    def key(self) -> str:
        """What names the record within its connection."""
        return record_key(self.entity, self.external_id)


def record_key(entity: str, external_id: str) -> str:
    """The name of a record within its connection."""
    return f"{entity}:{external_id}"


@dataclass(frozen=True, slots=True)
class Upsert:
    """An item exists and this is what it looks like.

    Attributes:
        record: The item.
        partial: The payload may be a part of the item only (the first day of an export that begins
            at noon). It is taken where nothing is known of the item, and replaces nothing.
    """

    record: RawRecord
    partial: bool = False


@dataclass(frozen=True, slots=True)
class LoadMany:
    """Fetches several listed items with one call, where the vendor has such a call.

    Items that were listed with the same `LoadMany` (one object for all of them) and moved are
    fetched together.

    Attributes:
        load: Takes external ids, yields what there is to say of each, as `Listed.load` does.
        at_most: How many ids one call takes.
    """

    load: Callable[[Sequence[str]], Iterable["Change"]]
    at_most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An item was seen in a listing; its content has not been fetched yet.

    The pipeline compares `version` with the one it knows and calls `load` only where they differ,
    which spares a call per unchanged item (a Slack thread, a Drive file, a Confluence page).

    Attributes:
        entity: As in the record that `load` would give.
        external_id: As in the record that `load` would give.
        version: The version mark seen in the listing; None where it tells none (a listing of ids
            alone): then the item is fetched only if nothing is known of it.
        load: Fetches the item and yields what there is to say of it: `Upsert`, `Delete`,
            `AccessChange`, `CopyChange`, `Failure`, and of what belongs to it `Listed` and
            `Children`.
        load_many: Fetches it together with others, instead of `load`.
    """

    entity: str
    external_id: str
    version: str | None
    load: Callable[[], Iterable["Change"]]
    load_many: LoadMany | None = None

    @property
    def key(self) -> str:
        """What names the record within its connection."""
        return record_key(self.entity, self.external_id)


@dataclass(frozen=True, slots=True)
class Delete:
    """The source says, of this item, that it is gone."""

    entity: str
    external_id: str
    reason: DeleteReason = DeleteReason.PURGED

    @property
    def key(self) -> str:
        """What names the record within its connection."""
        return record_key(self.entity, self.external_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Children:
    """All there is of one kind that belongs to an item: what is known besides is gone.

    Attributes:
        parent: Key of the record they belong to.
        entity: Their kind.
        external_ids: All of them.
    """

    parent: str
    entity: str
    external_ids: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessChange:
    """Permissions moved, content did not.

    Attributes:
        access: The principals that may read from now on.
        entity: With `external_id`, the record; both None mean every record of the partition.
        external_id: See `entity`.
    """

    access: tuple[str, ...]
    entity: str | None = None
    external_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyChange:
    """What is a copy's own moved (the labels of a mail), its content did not.

    For exporters that share documents; see `BaseExporter.shares_documents`.

    Attributes:
        entity: With `external_id`, the record of the copy.
        external_id: See `entity`.
        copy: Entries of the copy's entry in `extra["copies"]` to replace.
    """

    entity: str
    external_id: str
    copy: Mapping[str, Any]

    @property
    def key(self) -> str:
        """What names the record within its connection."""
        return record_key(self.entity, self.external_id)


@dataclass(frozen=True, slots=True)
class MembershipChange:
    """Who is in a group or a workspace now: the complete list, replacing the one known before.

    Attributes:
        principal: `group:...` or `workspace:...`.
        members: Principals; groups may contain groups.
        as_of: When the source said so. An older list never replaces a newer one: an old export
            must not give back an access that was taken away since.
    """

    principal: str
    members: frozenset[str]
    as_of: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class IdentityChange:
    """Which addresses and accounts are one person's: all such people of the connection.

    Attributes:
        people: For each person `user:...` principals; who has only one is left out.
        as_of: When the source said so. What is older than the known is passed over.
    """

    people: frozenset[frozenset[str]]
    as_of: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerChange:
    """The partition's container was renamed, archived or described anew; its items did not move.

    Every document of the partition gets the new values, without being fetched or embedded again.

    Attributes:
        container: The new value of the `container` field.
        extra: Entries of `extra` to replace.
    """

    container: Mapping[str, Any]
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One item failed; the partition goes on.

    Attributes:
        error: What went wrong.
        entity: With `external_id`, the item; None when it cannot be told which one failed.
        external_id: See `entity`.
        url: Where a person opens the item.
    """

    error: ExportError
    entity: str | None = None
    external_id: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Withheld:
    """The source keeps a part of the partition back: a plan's limit, a membership that is gone.

    No item failed and none is gone: what is known of that part stays, and the run tells of it.

    Attributes:
        reason: What is kept back, why, and what to do about it, in sentences.
        everything: Nothing of the partition can be read; it counts as left out.
    """

    reason: str
    everything: bool = False


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything yielded before may be committed; resuming from `cursor` repeats none of it."""

    cursor: Cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """The partition was listed to its end.

    Only `full=True` licenses deleting what was not seen.

    Attributes:
        full: Every item of the partition, or of its part since `since`, was yielded.
        since: Where the listed part begins; None for the partition's beginning. Records with an
            earlier `occurred_at` are not touched by the sweep.
        until: Where the listed part ends, exclusive; None for now.
    """

    full: bool
    since: datetime | None = None
    until: datetime | None = None


Change = (
    Upsert
    | Listed
    | Delete
    | Children
    | AccessChange
    | CopyChange
    | MembershipChange
    | IdentityChange
    | ContainerChange
    | Failure
    | Withheld
    | Checkpoint
    | Complete
)
"""Everything `pull` may yield."""
