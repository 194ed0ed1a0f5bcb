"""Who is who in a Jira: accounts, groups and their members, each asked for once in a run."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from threading import RLock
from typing import Any, Final
from urllib.parse import quote

from documents.principals import group, user, user_without_email
from exporters.errors import ExportError, NotFoundError, PermissionDeniedError
from exporters.jira.client import JiraClient

SOURCE: Final = "jira"

BROWSE_USERS: Final = "the account lacks the global permission *Browse users and groups*"
ADMINISTER: Final = "the account lacks the global permission *Administer Jira*"

NO_SCOPE: Final = "the token lacks a scope for permissions, see docs/sources/jira.md"


def cause(error: ExportError, right: str) -> str:
    """Why something cannot be read, as a clause: the token's scope, or the account's right."""
    return NO_SCOPE if "scope" in str(error) else right


def account_id(person: Any) -> str | None:
    """The id by which an account is known: of Cloud, or the key of Data Center."""
    if not isinstance(person, Mapping):
        return None
    found = person.get("accountId") or person.get("key") or person.get("name")
    return str(found) if found else None


def person_principal(person: Mapping[str, Any], connection: str) -> str | None:
    """The principal of an account: by e-mail address where Jira tells it.

    Account ids of Cloud are the same everywhere; keys of Data Center are of one Jira only.
    """
    if email := person.get("emailAddress"):
        return user(str(email))
    if cloud := person.get("accountId"):
        return user_without_email(SOURCE, str(cloud))
    identifier = account_id(person)
    if identifier is None:
        return None
    return user_without_email(SOURCE, f"{connection}/{quote(identifier, safe='')}")


class GroupRef:
    """How a group is named: by id on Cloud, by name on Data Center.

    Attributes:
        id: None on Data Center.
        name: None where only the id was told.
    """

    def __init__(self, identifier: Any, name: Any) -> None:
        self.id = str(identifier) if identifier else None
        self.name = str(name) if name else None

    @property
    def key(self) -> str:
        """What names it in principals; empty where nothing was told."""
        return self.id or self.name or ""


class JiraDirectory:
    """Accounts and groups. Safe to use from several threads."""

    def __init__(self, client: JiraClient) -> None:
        self._client = client
        self._lock = RLock()
        self._groups: dict[str, frozenset[str] | None] = {}
        self._told: set[str] = set()
        self.lacks: set[str] = set()
        """What was found missing, as clauses of a sentence."""

        self.everybody_listed = True
        """Whether the list of people could be read to its end."""

        self.applications_lacking = ADMINISTER
        """Why it cannot be read who has access to which product, where it cannot."""

    @property
    def _connection(self) -> str:
        return self._client.site().connection

    @cached_property
    def _people(self) -> Mapping[str, Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {}
        try:
            for person in self._client.people():
                for name in ("accountId", "key", "name"):
                    if person.get(name):
                        found.setdefault(str(person[name]), person)
        except PermissionDeniedError as error:
            self.everybody_listed = False
            self.lacks.add(cause(error, BROWSE_USERS))
        return found

    def everyone(self) -> list[Mapping[str, Any]]:
        """All accounts that Jira lists, each once, as it gave them."""
        with self._lock:
            return list({id(person): person for person in self._people.values()}.values())

    def principal(self, identifier: str) -> str | None:
        """The principal of an active account by its id or user name; None for an inactive one."""
        with self._lock:
            person = self._people.get(identifier)
        if person is None:
            key = "accountId" if self._client.site().is_cloud else "key"
            return person_principal({key: identifier}, self._connection)
        return person_principal(person, self._connection) if _may_read(person) else None

    def group_principal(self, ref: GroupRef) -> str:
        """The principal of a group."""
        return group(SOURCE, f"{self._connection}/group.{quote(ref.key, safe='')}")

    def members(self, ref: GroupRef) -> frozenset[str]:
        """The active people of a group; nobody where it cannot be read."""
        with self._lock:
            if ref.key not in self._groups:
                self._groups[ref.key] = self._read(ref)
            return self._groups[ref.key] or frozenset()

    def _read(self, ref: GroupRef) -> frozenset[str] | None:
        try:
            people = list(self._client.group_members(ref.id, ref.name))
        except NotFoundError:
            return None
        except PermissionDeniedError as error:
            self.lacks.add(cause(error, BROWSE_USERS))
            return None
        return principals_of(people, self._connection)

    @cached_property
    def application_groups(self) -> Mapping[str, list[GroupRef]] | None:
        """The groups that give access, by product; None where this may not be read."""
        try:
            roles = self._client.application_roles()
        except (PermissionDeniedError, NotFoundError) as error:
            self.applications_lacking = cause(error, ADMINISTER)
            return None
        return {
            str(role.get("key") or ""): [
                GroupRef(one.get("groupId"), one.get("name"))
                for one in role.get("groupDetails") or ()
                if isinstance(one, Mapping)
            ]
            or [GroupRef(None, name) for name in role.get("groups") or ()]
            for role in roles
        }

    @cached_property
    def with_jira(self) -> frozenset[str]:
        """Everybody with access to a product; nobody where this may not be read."""
        refs = [ref for found in (self.application_groups or {}).values() for ref in found]
        return frozenset().union(*(self.members(ref) for ref in refs))

    def untold(self, refs: Iterable[GroupRef]) -> Iterator[tuple[str, frozenset[str]]]:
        """Principals and members of groups that were not told yet in this run."""
        for ref in refs:
            principal = self.group_principal(ref)
            if principal not in self._told:
                yield principal, self.members(ref)
                # After it was taken: a run that failed on the way tells it again.
                self._told.add(principal)


def principals_of(people: Iterable[Mapping[str, Any]], connection: str) -> frozenset[str]:
    """The principals of the active ones of some accounts."""
    found = (person_principal(one, connection) for one in people if _may_read(one))
    return frozenset(principal for principal in found if principal)


def _may_read(person: Mapping[str, Any]) -> bool:
    return person.get("active") is not False and person.get("accountType") != "app"
