"""What a batch of an extraction says, in order: landed as one row, which a job names.

Payloads are landed as they are, in files of their own; the script refers to them. So a transform
job is one reference, and everything that a sync would have acted on is in the landing: upserts,
deletes, moved access, renames, members, failures.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson

from exporters.changes import (
    AccessChange,
    Children,
    ContainerChange,
    CopyChange,
    Delete,
    DeleteReason,
    Failure,
    IdentityChange,
    MembershipChange,
)
from exporters.errors import ExportError
from tasks.batches import FailedAgain, Quarantined

SCRIPT: Final = "_script"
"""Entity of the files that hold scripts; the name of no vendor's entity begins with a line."""

TRANSFORM: Final = "transform"
"""Type of the jobs that make documents of what landed."""


@dataclass(frozen=True, slots=True)
class Landed:
    """A payload that landed, to be made documents of.

    Attributes:
        key: The record.
        ref: Where its payload is.
        parent: Key of the record it belongs to.
        partial: See `Upsert.partial`.
    """

    key: str
    ref: str
    parent: str | None = None
    partial: bool = False


Said = (
    Landed
    | Delete
    | Children
    | AccessChange
    | CopyChange
    | MembershipChange
    | IdentityChange
    | ContainerChange
    | Failure
)
"""What a script consists of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A batch of an extraction.

    Attributes:
        run: The run that extracted it.
        at: When.
        partition: Key, name, kind and options of the partition.
        before: The cursor that the source was asked with.
        cursor: The checkpoint that the batch leads up to, if one was passed.
        request: What of the source was asked for.
        said: What the source said, in order.
    """

    run: str
    at: datetime
    partition: Mapping[str, Any]
    before: Mapping[str, Any] | None
    cursor: Mapping[str, Any] | None
    request: Mapping[str, Any]
    said: Sequence[Said] = field(default_factory=tuple)

    def encoded(self) -> bytes:
        """As JSON."""
        return orjson.dumps(
            {
                "run": self.run,
                "at": self.at.isoformat(),
                "partition": self.partition,
                "before": self.before,
                "cursor": self.cursor,
                "request": self.request,
                "said": [_plain(one) for one in self.said],
            },
            option=orjson.OPT_NON_STR_KEYS,
            default=str,
        )

    @classmethod
    def decoded(cls, text: bytes) -> "Script":
        """Reads it back.

        Raises:
            ValueError: It is no script of this version.
        """
        try:
            plain = orjson.loads(text)
            return cls(
                run=plain["run"],
                at=datetime.fromisoformat(plain["at"]),
                partition=plain["partition"],
                before=plain["before"],
                cursor=plain["cursor"],
                request=plain["request"],
                said=tuple(_said(plain["said"])),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"it is no script of this version: {error}") from error


def _plain(one: Said) -> dict[str, Any]:  # noqa: PLR0911 (one for each kind)
    match one:
        case Landed():
            told: dict[str, Any] = {"is": "landed", "key": one.key, "ref": one.ref}
            if one.parent is not None:
                told["parent"] = one.parent
            return told | ({"partial": True} if one.partial else {})
        case Delete():
            return {"is": "delete", "entity": one.entity, "id": one.external_id,
                    "reason": one.reason.value}  # fmt: skip
        case Children():
            return {"is": "children", "parent": one.parent, "entity": one.entity,
                    "ids": sorted(one.external_ids)}  # fmt: skip
        case AccessChange():
            return {"is": "access", "access": list(one.access), "entity": one.entity,
                    "id": one.external_id}  # fmt: skip
        case CopyChange():
            return {"is": "copy", "entity": one.entity, "id": one.external_id,
                    "copy": dict(one.copy)}  # fmt: skip
        case MembershipChange():
            return {"is": "members", "principal": one.principal, "members": sorted(one.members),
                    "as_of": one.as_of.isoformat()}  # fmt: skip
        case IdentityChange():
            return {"is": "identities", "people": sorted(map(sorted, one.people)),
                    "as_of": one.as_of.isoformat()}  # fmt: skip
        case ContainerChange():
            return {"is": "container", "container": dict(one.container), "extra": dict(one.extra)}
        case Failure():
            raw_ref = one.raw_ref if isinstance(one, Quarantined) else None
            return {"is": "failure", "error": type(one.error).__name__,
                    "message": one.error.sentence(), "entity": one.entity, "id": one.external_id,
                    "url": one.url, "ref": raw_ref,
                    **({"again": True} if isinstance(one, FailedAgain) else {})}  # fmt: skip


def _said(plain: Iterable[Mapping[str, Any]]) -> Iterator[Said]:
    for one in plain:
        match one["is"]:
            case "landed":
                parent, partial = one.get("parent"), bool(one.get("partial"))
                yield Landed(one["key"], one["ref"], parent, partial)
            case "delete":
                yield Delete(one["entity"], one["id"], DeleteReason(one["reason"]))
            case "children":
                yield Children(
                    parent=one["parent"], entity=one["entity"], external_ids=frozenset(one["ids"])
                )
            case "access":
                access = tuple(one["access"])
                yield AccessChange(access=access, entity=one["entity"], external_id=one["id"])
            case "copy":
                yield CopyChange(entity=one["entity"], external_id=one["id"], copy=one["copy"])
            case "members":
                as_of = datetime.fromisoformat(one["as_of"])
                yield MembershipChange(one["principal"], frozenset(one["members"]), as_of)
            case "identities":
                as_of = datetime.fromisoformat(one["as_of"])
                yield IdentityChange(frozenset(map(frozenset, one["people"])), as_of)
            case "container":
                yield ContainerChange(container=one["container"], extra=one["extra"])
            case "failure":
                yield _failure(one)
            case other:
                raise ValueError(f"it says {other!r}, which this version does not know")


def _failure(one: Mapping[str, Any]) -> Failure:
    # The class is told by its name alone, and may be one of a source's package.
    error = type(one["error"], (ExportError,), {})(one["message"])
    if one["ref"] is not None:
        return Quarantined(
            error=error,
            entity=one["entity"],
            external_id=one["id"],
            url=one["url"],
            raw_ref=one["ref"],
        )
    kind = FailedAgain if one.get("again") else Failure
    return kind(error=error, entity=one["entity"], external_id=one["id"], url=one["url"])
