"""Who may read the issues of a project, as groups whose members are computed here.

An issue carries a principal that names its project, or its project and security level; who that is
is told as a membership in each sync. So a changed permission touches no document. Only who may read
because of the issue itself (its reporter, its assignee, somebody named in a field) is in the
document.

Whatever cannot be read closes: a holder that cannot be resolved gives nobody access.

The rules: https://support.atlassian.com/jira-cloud-administration/docs/permissions-for-company-managed-projects/
and https://support.atlassian.com/jira-cloud-administration/docs/configure-issue-security-schemes/.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from documents.principals import PUBLIC, group
from exporters.errors import NotFoundError, PermissionDeniedError
from exporters.jira.circles import (
    Found,
    Narrow,
    Readers,
    holds,
    intersection,
    level_of,
    restricted_to,
)
from exporters.jira.client import JiraClient
from exporters.jira.people import (
    ADMINISTER,
    NO_SCOPE,
    SOURCE,
    GroupRef,
    JiraDirectory,
    account_id,
    cause,
    person_principal,
)

ADMINISTER_PROJECTS: Final = "the account lacks the project permission *Administer Projects*"
NO_MEMBERS: Final = (
    "Jira tells the members of the security level {name!r} to nobody (Data Center and team-managed "
    "projects do not), so name them in the setting level_readers"
)

_OF_THE_ISSUE: Final = frozenset({"reporter", "assignee"})
_NOT_IN_JIRA: Final = frozenset({"customer", "app"})
_MOST_NARROW: Final = 100
"""Narrower circles of a project that a cursor remembers."""


class ProjectAccess:
    """Who may read a project's issues, as it is now.

    Args:
        client: The Jira.
        directory: Its people and groups.
        project_id: The project.
        lead: Its lead, as Jira describes a person.
        readable_by: Who may read where the permissions may not be read.
        level_readers: Members of security levels, by name, where Jira does not tell them.
    """

    def __init__(
        self,
        client: JiraClient,
        directory: JiraDirectory,
        project_id: str,
        lead: Any,
        *,
        readable_by: Collection[str] = (),
        level_readers: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        self._client = client
        self._directory = directory
        self._connection = client.site().connection
        self._project_id = project_id
        self._lead = lead
        self._role_ids: dict[str, str] | None = None
        self._roles: dict[str, Readers] = {}
        self._seen: set[Narrow] = set()
        self._readable_by = frozenset(readable_by)
        self._level_readers_named = dict(level_readers or {})
        self._levels_lacking: set[str] = set()
        self._project = self._project_readers()
        self._levels = self._level_readers()

    # --- principals ---------------------------------------------------------------------------

    def principal(self, narrow: Narrow = Narrow()) -> str:  # noqa: B008 (immutable)
        """The principal of the project's readers, or of a circle within them."""
        return group(SOURCE, f"{self._connection}/{self._project_id}{narrow.suffix}")

    def of_issue(self, fields: Mapping[str, Any]) -> tuple[str, ...]:
        """The principals of an issue."""
        level = level_of(fields)
        roles = restricted_to(fields)
        if roles:
            return tuple(self.narrowed(Narrow(level, "role", role)) for role in sorted(roles))
        return (self.principal(Narrow(level)), *self._people_of(fields, level))

    def of_comment(
        self, fields: Mapping[str, Any], visibility: Mapping[str, Any] | None
    ) -> tuple[str, ...]:
        """The principals of a comment that not all readers of its issue may read.

        Args:
            fields: Of the issue.
            visibility: Of the comment; None for a service project's internal comment, which its
                agents read and the people of the issue itself may not.
        """
        level = level_of(fields)
        if visibility is None:
            if roles := restricted_to(fields):
                return tuple(self.narrowed(Narrow(level, "role", role)) for role in sorted(roles))
            return (self.principal(Narrow(level)),)
        if restricted_to(fields):
            return ()  # a circle within two circles: nobody
        kind = str(visibility.get("type") or "")
        value = str(visibility.get("value") or visibility.get("identifier") or "")
        if kind == "group":
            value = str(visibility.get("identifier") or value)
        if kind not in {"role", "group"} or not value:
            return ()
        return (self.narrowed(Narrow(level, kind, value)),)

    def narrowed(self, narrow: Narrow) -> str:
        """The principal of a circle, whose members are told at the end of the sync."""
        self._seen.add(narrow)
        return self.principal(narrow)

    def _people_of(self, fields: Mapping[str, Any], level: str) -> Iterator[str]:
        """People who may read because of the issue, where project and level both let them."""
        browse = self._named_in(fields, self._project.of_issue)
        if not level:
            yield from sorted(browse)
            return
        readers = self._levels.get(level)
        if readers is None:
            return
        inside = self._named_in(fields, readers.of_issue)
        for principal in sorted(browse | inside):
            by_project = principal in browse or holds(self._flat(self._project), principal)
            by_level = principal in inside or holds(self._flat(readers), principal)
            if by_project and by_level:
                yield principal

    def _named_in(self, fields: Mapping[str, Any], names: Iterable[str]) -> set[str]:
        found: set[str] = set()
        for name in names:
            value = fields.get(name)
            for person in value if isinstance(value, list) else [value]:
                if not isinstance(person, Mapping) or person.get("active") is False:
                    continue
                principal = person_principal(person, self._connection)
                if principal and self._uses_jira(person, principal, fields):
                    found.add(principal)
        return found

    def _uses_jira(
        self, person: Mapping[str, Any], principal: str, fields: Mapping[str, Any]
    ) -> bool:
        """Whether somebody is no mere customer of a portal.

        The portal shows customers their request, and not its history, notes of work and internal
        files, which are in the documents too.
        """
        if person.get("accountType") in _NOT_IN_JIRA:
            return False
        project = fields.get("project")
        kind = project.get("projectTypeKey") if isinstance(project, Mapping) else None
        if self._client.site().is_cloud or kind != "service_desk":
            return True
        return principal in self._directory.with_jira  # Data Center tells no kind of account

    @property
    def has_levels(self) -> bool:
        """Whether some issues of the project may be read by fewer people than others."""
        return bool(self._levels or self._project.lacking or self._levels_lacking)

    # --- memberships --------------------------------------------------------------------------

    def groups(self) -> Iterator[tuple[str, frozenset[str]]]:
        """The groups that the project's readers contain, and who is in them; each once in a run."""
        yield from self._directory.untold(self._project.groups)

    def memberships(self) -> Iterator[tuple[str, frozenset[str]]]:
        """Who may read the project's issues: those without, and those with a security level."""
        yield self.principal(), self._project.principals
        for level, readers in self._levels.items():
            yield self.principal(Narrow(level)), self._both(self._project, readers)

    def narrow_memberships(self, known: Iterable[Narrow]) -> Iterator[tuple[str, frozenset[str]]]:
        """Who is in the narrower circles: those met in this sync, and those known before."""
        for narrow in sorted({*known, *self._seen}):
            yield self.principal(narrow), self._members_of(narrow)

    def closed(self, before: Iterable[Narrow]) -> Iterator[tuple[str, frozenset[str]]]:
        """Levels known before that can no longer be read: nobody is in them now."""
        for narrow in before:
            if narrow.level and not narrow.kind and narrow.level not in self._levels:
                yield self.principal(narrow), frozenset()

    def circles(self, known: Iterable[Narrow]) -> list[list[str]]:
        """What a cursor remembers of circles, so that they are told of again."""
        levels = (Narrow(level) for level in self._levels)
        found = sorted({*known, *self._seen, *levels})
        return [list(narrow) for narrow in found[:_MOST_NARROW]]

    @property
    def signature(self) -> str:
        """Changes when what stands in documents has to be worked out anew; empty if nothing does.

        Who may read because of the issue is in its document. Where a security level restricts such
        people, it depends on who is in the project and in the level too.
        """
        if not any(one.of_issue for one in self._all()):
            return ""
        parts: list[Any] = [sorted(self._project.of_issue)]
        for level, readers in sorted(self._levels.items()):
            parts.append([level, sorted(readers.of_issue), sorted(self._flat(readers))])
        if any(readers.of_issue for readers in self._levels.values()):
            parts.append(sorted(self._flat(self._project)))
        packed = json.dumps(parts, sort_keys=True).encode()
        return hashlib.blake2b(packed, digest_size=12).hexdigest()

    @property
    def problem(self) -> str:
        """What keeps some people from finding issues, and what to do about it; empty if nothing."""
        lacking = {right for one in self._all() for right in one.lacking}
        lacking |= {right for one in self._roles.values() for right in one.lacking}
        lacking |= self._directory.lacks | self._levels_lacking
        if not lacking or (self._readable_by and lacking <= {ADMINISTER_PROJECTS, NO_SCOPE}):
            return ""
        return (
            "Who may read these issues could not be read whole, so some or all people will not "
            f"find them: {'; '.join(sorted(lacking))}."
        )

    # --- resolving ----------------------------------------------------------------------------

    def _all(self) -> list[Readers]:
        return [self._project, *self._levels.values()]

    def _project_readers(self) -> Readers:
        try:
            return self._resolved(self._client.browse_holders(self._project_id))
        except (PermissionDeniedError, NotFoundError) as error:
            return Readers(
                self._readable_by, lacking=frozenset({cause(error, ADMINISTER_PROJECTS)})
            )

    def _level_readers(self) -> dict[str, Readers]:
        if {ADMINISTER_PROJECTS, NO_SCOPE} & self._project.lacking:
            return {}
        try:
            scheme, levels = self._client.security_levels(self._project_id)
        except PermissionDeniedError:
            self._levels_lacking.add(ADMINISTER)
            return {}
        found: dict[str, Readers] = {}
        for level in levels:
            identifier = str(level.get("id") or "")
            try:
                holders = self._client.level_holders(str(scheme), identifier)
            except PermissionDeniedError as error:
                reason = cause(error, ADMINISTER)
                found[identifier] = self._named_level(level, reason)
            except NotFoundError:
                reason = NO_MEMBERS.format(name=level.get("name") or identifier)
                found[identifier] = self._named_level(level, reason)
            else:
                found[identifier] = self._resolved(holders)
        return found

    def _named_level(self, level: Mapping[str, Any], reason: str) -> Readers:
        """The members of a level as the settings name them, where Jira does not tell them."""
        named = self._level_readers_named.get(str(level.get("name")))
        if named is None:
            return Readers(lacking=frozenset({reason}))
        return Readers(frozenset(named))

    def _resolved(self, holders: Sequence[Mapping[str, Any]]) -> Readers:
        found = Found()
        for holder in holders:
            self._add(found, holder)
        return found.readers()

    def _add(self, found: Found, holder: Mapping[str, Any]) -> None:
        kind = str(holder.get("type") or "")
        value = str(holder.get("value") or holder.get("parameter") or "")
        if kind == "anyone":
            found.principals.add(PUBLIC)
        elif kind == "group":
            inner = holder.get("group")
            inner = inner if isinstance(inner, Mapping) else {}
            self._add_group(found, inner.get("groupId") or holder.get("value"), holder, inner)
        elif kind == "user":
            self._add_person(found, value)
        elif kind == "projectLead":
            self._add_person(found, account_id(self._lead) or "")
        elif kind == "projectRole":
            self._join(found, self._role(value))
        elif kind == "applicationRole":
            self._add_application(found, value)
        elif kind in _OF_THE_ISSUE:
            found.of_issue.add(kind)
        elif kind == "userCustomField" and value:
            found.of_issue.add(value)
        # Groups named in a field and customers of a portal are left out: they read less, not more.

    def _add_group(
        self, found: Found, identifier: Any, holder: Mapping[str, Any], inner: Mapping[str, Any]
    ) -> None:
        name = inner.get("name") or holder.get("parameter")
        cloud = self._client.site().is_cloud
        self._take(found, GroupRef(identifier if cloud else None, name or identifier))

    def _take(self, found: Found, ref: GroupRef) -> None:
        if ref.key:
            found.groups[ref.key] = ref
            found.principals.add(self._directory.group_principal(ref))

    def _add_person(self, found: Found, identifier: str) -> None:
        if identifier and (principal := self._directory.principal(identifier)):
            found.principals.add(principal)

    def _add_application(self, found: Found, product: str) -> None:
        """Everybody with access to a product; without one, to any."""
        applications = self._directory.application_groups
        if applications is None:
            found.lacking.add(self._directory.applications_lacking)
            return
        for key, refs in applications.items():
            if product in {"", key}:
                for ref in refs:
                    self._take(found, ref)

    @staticmethod
    def _join(found: Found, readers: Readers) -> None:
        found.principals |= readers.principals
        found.groups |= {ref.key: ref for ref in readers.groups}
        found.lacking |= readers.lacking

    def _role(self, role_id: str) -> Readers:
        if role_id not in self._roles:
            found = Found()
            try:
                for actor in self._client.role_actors(self._project_id, role_id):
                    self._add_actor(found, actor)
            except NotFoundError:
                found.lacking.clear()
            except PermissionDeniedError as error:
                found.lacking.add(cause(error, ADMINISTER_PROJECTS))
            self._roles[role_id] = found.readers()
        return self._roles[role_id]

    def _add_actor(self, found: Found, actor: Mapping[str, Any]) -> None:
        person, inner = actor.get("actorUser"), actor.get("actorGroup")
        if isinstance(person, Mapping):
            self._add_person(found, account_id(person) or "")
        elif isinstance(inner, Mapping):
            self._take(found, GroupRef(inner.get("groupId"), inner.get("name")))
        elif actor.get("type") == "atlassian-user-role-actor":  # Data Center tells the name alone
            self._add_person(found, str(actor.get("name") or ""))
        elif actor.get("type") == "atlassian-group-role-actor":
            self._take(found, GroupRef(None, actor.get("name")))

    def _members_of(self, narrow: Narrow) -> frozenset[str]:
        readers = self._levels.get(narrow.level) if narrow.level else None
        if narrow.level and readers is None:
            return frozenset()
        outer = self._both(self._project, readers) if readers else None
        if not narrow.kind:
            return outer or frozenset()
        inner = self._circle(narrow)
        if outer is None:
            return self._both(self._project, inner)
        return intersection(outer, self._flat(inner))

    def _circle(self, narrow: Narrow) -> Readers:
        if narrow.kind == "group":
            found = Found()
            cloud = self._client.site().is_cloud
            self._take(found, GroupRef(narrow.value if cloud else None, narrow.value))
            return found.readers()
        if self._role_ids is None:
            try:
                self._role_ids = self._client.roles(self._project_id)
            except (PermissionDeniedError, NotFoundError):
                self._role_ids = {}
        is_id = narrow.value in self._role_ids.values()
        role_id = narrow.value if is_id else self._role_ids.get(narrow.value)
        return self._role(role_id) if role_id else Readers()

    def _both(self, one: Readers, other: Readers) -> frozenset[str]:
        return intersection(self._flat(one), self._flat(other))

    def _flat(self, readers: Readers) -> frozenset[str]:
        """Readers with the members of groups in their place."""
        flat = set(readers.principals)
        for ref in readers.groups:
            flat.discard(self._directory.group_principal(ref))
            flat |= self._directory.members(ref)
        return frozenset(flat)
