"""The people of a site: accounts, groups and credentials."""

import base64
import hashlib
import threading
import uuid
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from sandbox.jira.model import Flavour, Group, Person, Token, TokenKind
from sandbox.jira.times import Clock

P = ParamSpec("P")
R = TypeVar("R")
D = TypeVar("D", bound="Directory")

FIRST_ID = 10_000


def mutation(function: Callable[Concatenate[D, P], R]) -> Callable[Concatenate[D, P], R]:
    """Mark a change of the site: runs under its lock, callable by the control endpoint."""

    @wraps(function)
    def locked(self: D, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.lock:
            self.revision += 1
            return function(self, *args, **kwargs)

    locked.is_mutation = True  # type: ignore[attr-defined]
    return locked


def account_id_of(email: str) -> str:
    """The account id of an address: the same in every site, as Atlassian's are."""
    return f"712020:{uuid.uuid5(uuid.NAMESPACE_DNS, f'account {email}')}"


class Directory:
    """Who is in the site and which credentials exist.

    Arguments called ``person`` take an account id, a user name or an address; those called
    ``group`` an id or a name.

    Attributes:
        lock: Held by every mutation and by the API while it makes up an answer.
        clock: Time of changes.
        revision: Counts changes, so that what was computed from an older state is not used again.
        name: The company's name.
        flavour: ``cloud`` or ``datacenter``.
        cloud_id: The site's id at Atlassian's gateway.
        people: Accounts by id.
        groups: Groups by id.
        tokens: Credentials by value.
    """

    def __init__(
        self,
        name: str,
        *,
        flavour: Flavour = "cloud",
        seed: int = 7,
        clock: Clock | None = None,
    ) -> None:
        if flavour not in ("cloud", "datacenter"):
            raise ValueError(f"a site's flavour is cloud or datacenter, not {flavour!r}")
        self.lock = threading.RLock()
        self.clock = clock or Clock()
        self.revision = 0
        self.name = name
        self.flavour: Flavour = flavour
        self.cloud_id = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"site {name} {seed}"))
        self.seed = seed
        self.people: dict[str, Person] = {}
        self.groups: dict[str, Group] = {}
        self.tokens: dict[str, Token] = {}
        self._ids: dict[str, int] = {}
        self._by_name: dict[str, str] = {}

    @property
    def is_cloud(self) -> bool:
        """Whether this is a Cloud site."""
        return self.flavour == "cloud"

    def new_id(self, kind: str) -> int:
        """The next id of a kind; Jira counts each kind from 10000."""
        number = self._ids.get(kind, FIRST_ID)
        self._ids[kind] = number + 1
        return number

    def person(self, person: str) -> Person:
        """One account.

        Raises:
            LookupError: There is none.
        """
        found = self.find_person(person)
        if found is None:
            raise LookupError(f"no person {person!r}")
        return found

    def find_person(self, person: str) -> Person | None:
        """One account, or None."""
        return self.people.get(person) or self.people.get(self._by_name.get(person, ""))

    def group(self, group: str) -> Group:
        """One group.

        Raises:
            LookupError: There is none.
        """
        found = self.find_group(group)
        if found is None:
            raise LookupError(f"no group {group!r}")
        return found

    def find_group(self, group: str) -> Group | None:
        """One group, or None."""
        if group in self.groups:
            return self.groups[group]
        return next((item for item in self.groups.values() if item.name == group), None)

    def groups_of(self, account_id: str) -> list[Group]:
        """The groups an account is in, by name."""
        found = [group for group in self.groups.values() if account_id in group.members]
        return sorted(found, key=lambda group: group.name)

    @mutation
    def add_person(
        self,
        name: str,
        display_name: str,
        *,
        email: str = "",
        email_visible: bool = True,
        tz: str = "Europe/Lisbon",
        account_type: str = "atlassian",
        groups: Iterable[str] = (),
    ) -> str:
        """Give somebody an account and return its id.

        Args:
            name: User name (``ada.byron``).
            display_name: As others see it.
            email: Default: the name at the company's domain.
            email_visible: Whether others are told the address.
            tz: Time zone of the profile.
            account_type: ``atlassian``, ``app`` or ``customer``.
            groups: Groups to be in; made where they are missing.

        Raises:
            ValueError: The name or address is taken.
        """
        address = email or f"{name}@{self.name.lower()}.example"
        if name in self._by_name or address in self._by_name:
            raise ValueError(f"{name} has an account already")
        account_id = account_id_of(address)
        self.people[account_id] = Person(
            account_id,
            name,
            display_name,
            address,
            email_visible=email_visible,
            account_type=account_type,
            tz=tz,
        )
        self._by_name[name] = self._by_name[address] = account_id
        for group in groups:
            self.add_to_group(group, account_id)
        return account_id

    @mutation
    def rename_person(self, person: str, display_name: str) -> None:
        """Give somebody another name; no issue's ``updated`` moves."""
        self.person(person).display_name = display_name

    @mutation
    def erase_person(self, person: str) -> None:
        """Let somebody's account be deleted: what they wrote stays, by a "Former user"."""
        found = self.person(person)
        found.display_name, found.email = "Former user", ""
        found.active = found.email_visible = False

    @mutation
    def set_person(
        self,
        person: str,
        *,
        active: bool | None = None,
        email_visible: bool | None = None,
        tz: str | None = None,
    ) -> None:
        """Deactivate somebody, or change their privacy or time zone."""
        found = self.person(person)
        if active is not None:
            found.active = active
        if email_visible is not None:
            found.email_visible = email_visible
        if tz is not None:
            found.tz = tz

    @mutation
    def add_group(self, name: str) -> str:
        """Make a group, or find the one of this name, and return its id."""
        found = self.find_group(name)
        if found is not None:
            return found.id
        group_id = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"group {self.name} {name}"))
        self.groups[group_id] = Group(group_id, name)
        return group_id

    @mutation
    def rename_group(self, group: str, name: str) -> None:
        """Give a group another name; on Cloud its id stays."""
        self.group(group).name = name

    @mutation
    def add_to_group(self, group: str, person: str) -> None:
        """Put somebody into a group, which is made where it is missing."""
        self.groups[self.add_group(group)].members.add(self.person(person).account_id)

    @mutation
    def remove_from_group(self, group: str, person: str) -> None:
        """Take somebody out of a group."""
        self.group(group).members.discard(self.person(person).account_id)

    @mutation
    def issue_token(
        self,
        value: str,
        person: str,
        *,
        kind: TokenKind = "api_token",
        scopes: Iterable[str] = (),
    ) -> str:
        """Let a token speak for somebody."""
        account = self.person(person).account_id
        self.tokens[value] = Token(value, account, kind, frozenset(scopes))
        return value

    @mutation
    def set_token_state(self, value: str, state: str) -> None:
        """Let a token expire or be revoked, or bring it back.

        Raises:
            LookupError: No such token.
            ValueError: No such state.
        """
        if state not in ("active", "expired", "revoked"):
            raise ValueError("a token is active, expired or revoked")
        self.tokens[value].state = state

    def opaque(self, text: str) -> str:
        """A text's digest, for ids that look like nothing."""
        digest = hashlib.blake2b(f"{self.seed} {text}".encode(), digest_size=15).digest()
        return base64.urlsafe_b64encode(digest).decode()
