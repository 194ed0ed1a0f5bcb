"""Who is in a group or a workspace, and what follows for one person."""

import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, bindparam, delete, func, select

from documents.principals import DENY_ALL, PUBLIC, domain, is_principal
from stores.ledger.backend import Backend, micros_now
from stores.ledger.packing import pack_time, unpack_time
from stores.ledger.statements import among
from stores.ledger.tables import groups, members, principals
from stores.ledger.types import Person, Standing

_IDS: Final = select(principals.c.name, principals.c.id).where(among(principals.c.name, "names"))

_GROUP: Final = principals.alias()
_MEMBER_NAMES: Final = (
    select(principals.c.name)
    .join(members, members.c.member_id == principals.c.id)
    .join(_GROUP, _GROUP.c.id == members.c.group_id)
    .where(
        members.c.connection_id == bindparam("of_connection"), _GROUP.c.name == bindparam("group")
    )
)
_SAID_AT: Final = (
    select(groups.c.said_at)
    .join(_GROUP, _GROUP.c.id == groups.c.group_id)
    .where(
        groups.c.connection_id == bindparam("of_connection"), _GROUP.c.name == bindparam("group")
    )
)
_REMOVE: Final = delete(members).where(
    members.c.connection_id == bindparam("of_connection"),
    members.c.group_id == bindparam("group"),
    among(members.c.member_id, "gone"),
)

# UNION drops what was reached already, so groups that contain each other end the recursion.
_OWN: Final = select(principals.c.id).where(among(principals.c.name, "own"))
_REACHED = _OWN.cte("reached", recursive=True)
_REACHED = _REACHED.union(
    select(members.c.group_id).join(_REACHED, members.c.member_id == _REACHED.c.id)
)
_REACHED_NAMES: Final = select(principals.c.name).join(_REACHED, _REACHED.c.id == principals.c.id)
_REACHED_LISTS: Final = (
    select(func.count(), func.min(groups.c.said_at))
    .select_from(members)
    .join(_REACHED, members.c.member_id == _REACHED.c.id)
    .join(
        groups,
        (groups.c.connection_id == members.c.connection_id)
        & (groups.c.group_id == members.c.group_id),
    )
)
_LAST_TOLD: Final = select(func.max(groups.c.said_at))
_EVER_LISTED: Final = select(principals.c.id).where(among(principals.c.name, "own")).limit(1)
_OF_DOMAIN: Final = (
    select(principals.c.id)
    .where(principals.c.name.like(bindparam("address_at"), escape="\\"))
    .limit(1)
)
_IDENTITIES: Final = (
    select(_GROUP.c.name.label("account"), principals.c.name.label("other"))
    .select_from(members)
    .join(_GROUP, _GROUP.c.id == members.c.group_id)
    .join(principals, principals.c.id == members.c.member_id)
    .where(members.c.connection_id == bindparam("of_connection"), _GROUP.c.name.like("user:%"))
)
_USER: Final = "user:"
_IDENTITIES_TOLD: Final = "group:identities:all"
"""Dates what a connection last said of who is whom; nobody is in it."""


class MembershipBook:
    """Keeps who is in which group."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def set_members(
        self,
        connection_id: int,
        principal: str,
        names: Collection[str],
        as_of: datetime | None = None,
    ) -> bool:
        """See `Ledger.set_members`."""
        joined, left = self._listed(connection_id, principal, names, as_of, adds=True)
        return bool(joined or left)

    def remove_leavers(
        self,
        connection_id: int,
        principal: str,
        names: Collection[str],
        as_of: datetime | None = None,
    ) -> bool:
        """Takes those out of a group who are not in its list any more, and adds nobody yet.

        So a right that was taken away ends at once, and one that was given begins with what is
        written in order, by `Ledger.set_members` with the same list.

        Args:
            connection_id: As for `Ledger.set_members`; the others too.
            principal: The group or workspace.
            names: The complete list.
            as_of: When the source said so.

        Returns:
            Whether the list names somebody who is yet to be added.

        Raises:
            ValueError: A name is not a principal.
        """
        joined, _ = self._listed(connection_id, principal, names, as_of, adds=False)
        return bool(joined)

    def _listed(
        self,
        connection_id: int,
        principal: str,
        names: Collection[str],
        as_of: datetime | None,
        *,
        adds: bool,
    ) -> tuple[set[str], set[str]]:
        """Takes a list; who joined and who left by it, nobody if a newer one is known."""
        said_at = pack_time(as_of or datetime.now(UTC))
        wanted = set(names)
        for name in (principal, *wanted):
            if not is_principal(name):
                raise ValueError(f"not a principal: {name!r}")
        scope = {"of_connection": connection_id, "group": principal}
        with self._backend.write() as connection:
            self._backend.lock(connection, connection_id)
            known_at = connection.scalar(_SAID_AT, scope)
            # A time to come was told by a clock that was ahead: it must not keep leavers in.
            if known_at is not None and said_at < known_at <= micros_now():
                return set(), set()
            known = set(connection.execute(_MEMBER_NAMES, scope).scalars())
            joined, left = wanted - known, known - wanted
            coming = joined if adds else set()
            ids = self._numbered(connection, {principal} | coming | left)
            row = {"of_connection": connection_id, "group": ids[principal]}
            self._date(connection, connection_id, ids[principal], said_at)
            if left:
                connection.execute(_REMOVE, {**row, "gone": [ids[name] for name in left]})
            if coming:
                connection.execute(
                    members.insert(),
                    [
                        {
                            "connection_id": connection_id,
                            "group_id": ids[principal],
                            "member_id": ids[name],
                        }
                        for name in coming
                    ],
                )
        return joined, left

    def _date(self, connection: Connection, connection_id: int, group_id: int, at: int) -> None:
        """Remembers when the source said who is in a group."""
        insert = self._backend.insert(groups)
        connection.execute(
            insert.on_conflict_do_update(
                index_elements=[groups.c.connection_id, groups.c.group_id],
                set_={"said_at": insert.excluded.said_at},
            ),
            [{"connection_id": connection_id, "group_id": group_id, "said_at": at}],
        )

    def set_identities(
        self,
        connection_id: int,
        people: Iterable[Collection[str]],
        as_of: datetime | None = None,
    ) -> bool:
        """See `Ledger.set_identities`. Kept as accounts that are members of each other."""
        return self._identified(connection_id, people, as_of, changes=True)

    def identities_moved(
        self,
        connection_id: int,
        people: Iterable[Collection[str]],
        as_of: datetime | None = None,
    ) -> bool:
        """Tells whether `Ledger.set_identities` would change anything; else dates what is known.

        Args:
            connection_id: As there; the others too.
            people: All people with several addresses or accounts.
            as_of: When the source said so.

        Raises:
            ValueError: A name is not a principal of one person.
        """
        return self._identified(connection_id, people, as_of, changes=False)

    def _identified(
        self,
        connection_id: int,
        people: Iterable[Collection[str]],
        as_of: datetime | None,
        *,
        changes: bool,
    ) -> bool:
        """Whether something differs from what is known; where it may, it is changed."""
        said_at = pack_time(as_of or datetime.now(UTC))
        # Each name with the next, in a ring: all are reached from any.
        wanted: set[tuple[str, str]] = set()
        for person in people:
            names = sorted(set(person))
            for name in names:
                if not (is_principal(name) and name.startswith(_USER)):
                    raise ValueError(f"not a principal of one person: {name!r}")
            if len(names) > 1:
                wanted.update(zip(names, names[1:] + names[:1], strict=True))
        scope = {"of_connection": connection_id, "group": _IDENTITIES_TOLD}
        with self._backend.write() as connection:
            self._backend.lock(connection, connection_id)
            known_at = connection.scalar(_SAID_AT, scope)
            if known_at is not None and said_at < known_at <= micros_now():
                return False
            known = {(r.account, r.other) for r in connection.execute(_IDENTITIES, scope)}
            gone, new = known - wanted, wanted - known
            if (gone or new) and not changes:
                return True
            ids = self._numbered(
                connection,
                {_IDENTITIES_TOLD}.union(*(known | wanted))
                if known | wanted
                else {_IDENTITIES_TOLD},
            )
            for name in {_IDENTITIES_TOLD, *(account for account, _ in wanted)}:
                self._date(connection, connection_id, ids[name], said_at)
            for account, other in gone:
                row = {"of_connection": connection_id, "group": ids[account], "gone": [ids[other]]}
                connection.execute(_REMOVE, row)
            if new:
                connection.execute(
                    members.insert(),
                    [
                        {
                            "connection_id": connection_id,
                            "group_id": ids[account],
                            "member_id": ids[other],
                        }
                        for account, other in new
                    ],
                )
        return bool(gone or new)

    def person(self, email: str, also: Collection[str] = ()) -> Person:
        """See `Ledger.person`."""
        address = _address(email)
        own = {f"{_USER}{_address(name)}" for name in (address, *also) if name}
        with self._backend.read() as connection:
            reached = self._reached(connection, own)
            names = own | {name for name in reached if name.startswith(_USER)}
            if reached - own:
                domains = {domain(found) for name in names if (found := _domain_of(name))}
                start = names | domains | {PUBLIC}
                reached = self._reached(connection, start) | start
                lists, oldest = connection.execute(_REACHED_LISTS, {"own": list(start)}).one()
                return Person(
                    email=address,
                    standing=Standing.LISTED,
                    names=frozenset(names),
                    principals=frozenset(reached - {DENY_ALL} | {PUBLIC}),
                    lists=lists,
                    as_of=_time(oldest),
                )
            left = connection.scalar(_EVER_LISTED, {"own": list(own)}) is not None
            # A list that names everybody: what Jira lets anyone browse.
            allowed = {PUBLIC} | self._reached(connection, {PUBLIC})
            if not left:
                allowed |= own
                for mail_domain in {found for name in own if (found := _domain_of(name))}:
                    if not self._tells_of(connection, mail_domain):
                        own_domain = domain(mail_domain)
                        allowed |= {own_domain} | self._reached(connection, {own_domain})
            return Person(
                email=address,
                standing=Standing.LEFT if left else Standing.UNKNOWN,
                names=frozenset(own),
                principals=frozenset(allowed - {DENY_ALL}),
                lists=0,
                as_of=_time(connection.scalar(_LAST_TOLD)),
            )

    def _reached(self, connection: Connection, names: Collection[str]) -> set[str]:
        """These names, where they are known, and every group they are in."""
        return set(connection.execute(_REACHED_NAMES, {"own": list(names)}).scalars())

    def _tells_of(self, connection: Connection, mail_domain: str) -> bool:
        """Whether a list of members ever named somebody with an address at a domain."""
        escaped = re.sub(r"([%_\\])", r"\\\1", mail_domain)
        return connection.scalar(_OF_DOMAIN, {"address_at": f"{_USER}%@{escaped}"}) is not None

    def _numbered(self, connection: Connection, names: Collection[str]) -> dict[str, int]:
        """The row ids of principals, which are added where they are new."""
        wanted = {"names": list(names)}
        found: dict[str, int] = {row.name: row.id for row in connection.execute(_IDS, wanted)}
        # Sorted, so that two processes that add the same names wait for each other in one order.
        if new := sorted(set(names) - found.keys()):
            insert = self._backend.insert(principals).on_conflict_do_nothing()
            connection.execute(insert, [{"name": name} for name in new])
            found = {row.name: row.id for row in connection.execute(_IDS, wanted)}
        return found


def _domain_of(name: str) -> str:
    """The domain of a `user:` principal that is an address; empty for any other."""
    address = name.removeprefix(_USER)
    before, at, mail_domain = address.rpartition("@")
    return mail_domain if before and at else ""


def _address(name: str) -> str:
    """An address in lower case; the id of an account as it is."""
    name = name.strip()
    return name.lower() if "@" in name else name


def _time(micros: int | None) -> datetime | None:
    return None if micros is None else unpack_time(micros)
