"""Who is in a group or a workspace, and what follows for one person."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, bindparam, delete, select

from documents.principals import is_principal, own_principals
from stores.ledger.backend import Backend, micros_now
from stores.ledger.packing import pack_time
from stores.ledger.statements import among
from stores.ledger.tables import groups, members, principals

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
                return False
            known = set(connection.execute(_MEMBER_NAMES, scope).scalars())
            joined, left = wanted - known, known - wanted
            ids = self._numbered(connection, {principal} | joined | left)
            row = {"of_connection": connection_id, "group": ids[principal]}
            self._date(connection, connection_id, ids[principal], said_at)
            if left:
                connection.execute(_REMOVE, {**row, "gone": [ids[name] for name in left]})
            if joined:
                connection.execute(
                    members.insert(),
                    [
                        {
                            "connection_id": connection_id,
                            "group_id": ids[principal],
                            "member_id": ids[name],
                        }
                        for name in joined
                    ],
                )
        return bool(joined or left)

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

    def principals_of(self, email: str) -> frozenset[str]:
        """See `Ledger.principals_of`."""
        own = own_principals(email)
        with self._backend.read() as connection:
            reached = connection.execute(_REACHED_NAMES, {"own": own}).scalars()
            return frozenset(own).union(reached)

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
