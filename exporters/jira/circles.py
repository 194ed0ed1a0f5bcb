"""Circles of people: who some holders of a permission are, and who is in two circles at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote

from documents.principals import PUBLIC
from exporters.jira.people import GroupRef


class Narrow(NamedTuple):
    """A circle within a project: of a security level, of a role or group, or both.

    Attributes:
        level: Id of a security level; empty without.
        kind: `role` or `group`; empty without.
        value: Name or id of the role or group.
    """

    level: str = ""
    kind: str = ""
    value: str = ""

    @property
    def suffix(self) -> str:
        """What follows the project's id in the principal."""
        level = f".{self.level}" if self.level else ""
        inner = f"+{self.kind}.{quote(self.value, safe='')}" if self.kind else ""
        return level + inner


@dataclass(frozen=True, slots=True)
class Readers:
    """Who some holders of a permission are.

    Attributes:
        principals: People, groups and `public`.
        groups: The groups among them.
        of_issue: Who depends on the issue: `reporter`, `assignee`, ids of fields with people.
        lacking: Why a holder could not be resolved, as clauses of a sentence.
    """

    principals: frozenset[str] = frozenset()
    groups: tuple[GroupRef, ...] = ()
    of_issue: frozenset[str] = frozenset()
    lacking: frozenset[str] = frozenset()


@dataclass(slots=True)
class Found:
    """The same, while it is being found out."""

    principals: set[str] = field(default_factory=set)
    groups: dict[str, GroupRef] = field(default_factory=dict)
    of_issue: set[str] = field(default_factory=set)
    lacking: set[str] = field(default_factory=set)

    def readers(self) -> Readers:
        """What was found."""
        return Readers(
            frozenset(self.principals),
            tuple(self.groups.values()),
            frozenset(self.of_issue),
            frozenset(self.lacking),
        )


def intersection(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    """Who is in both of two sets of people; `public` and a domain stand for whoever is in them."""
    if PUBLIC in one:
        return other
    if PUBLIC in other:
        return one
    found = {principal for principal in one if holds(other, principal)}
    return frozenset(found | {principal for principal in other if holds(one, principal)})


def holds(people: frozenset[str], principal: str) -> bool:
    """Whether somebody is in a set of people."""
    if principal in people or PUBLIC in people:
        return True
    _, at, mail_domain = principal.rpartition("@")
    return bool(at and principal.startswith("user:") and f"domain:{mail_domain}" in people)


def level_of(fields: Mapping[str, Any]) -> str:
    """The security level of an issue; empty without one."""
    security = fields.get("security")
    if not security:
        return ""
    identifier = security.get("id") if isinstance(security, Mapping) else None
    return str(identifier) if identifier else "unknown"


def restricted_to(fields: Mapping[str, Any]) -> set[str]:
    """The roles that an issue of a team-managed project is restricted to; empty for none.

    A kind of restriction that is not known is a role that nobody has.
    """
    value = fields.get("issuerestriction")
    inside = value.get("issuerestrictions") if isinstance(value, Mapping) else None
    if not isinstance(inside, Mapping):
        return set()
    found: set[str] = set()
    for kind, entries in inside.items():
        for entry in entries if isinstance(entries, list) else [entries]:
            if not entry:
                continue
            identifier = entry.get("id") if isinstance(entry, Mapping) else entry
            known = kind == "projectrole" and isinstance(identifier, (str, int))
            found.add(str(identifier) if known else "unknown")
    return found
