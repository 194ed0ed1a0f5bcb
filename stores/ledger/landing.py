"""What every commit of a partition begins with, and the landed files it vouches for."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from stores.errors import StoreError
from stores.ledger.backend import Backend
from stores.ledger.leases import Lease
from stores.ledger.statements import among
from stores.ledger.tables import partitions, raw_files
from stores.ledger.types import RawFile

_FILES: Final = select(raw_files.c.path, raw_files.c.id).where(among(raw_files.c.path, "paths"))


def begin_commit(
    backend: Backend, connection: Connection, partition_id: int, lease: Lease | None
) -> Row[Any]:
    """The partition of a commit, with the lock that commits of its connection wait for.

    Raises:
        LeaseLostError: The lease is not the caller's any more.
        StoreError: There is no such partition.
    """
    query = select(partitions.c.connection_id).where(partitions.c.id == partition_id)
    partition = connection.execute(query).one_or_none()
    if partition is None:
        raise StoreError(f"The ledger {backend.address} knows no partition {partition_id}.")
    # Records move between partitions, so two commits of a connection could each wait for a row
    # of the other.
    backend.lock(connection, partition.connection_id)
    if lease is not None:
        lease.verify(connection)
    return partition


class LandedFiles:
    """The landed files of a ledger, within a commit."""

    def __init__(self, backend: Backend) -> None:
        self._add = backend.insert(raw_files).on_conflict_do_nothing()

    def add(self, connection: Connection, partition_id: int, files: Sequence[RawFile]) -> None:
        """Vouches for files."""
        connection.execute(
            self._add,
            [
                {
                    "partition_id": partition_id,
                    "entity": file.entity,
                    "path": file.path,
                    "rows": file.rows,
                }
                for file in files
            ],
        )

    def places(
        self, connection: Connection, refs: Iterable[tuple[str, str | None]]
    ) -> dict[str, tuple[int, int]]:
        """The row id of the file and the row, of each reference.

        Args:
            connection: Of the commit.
            refs: The key of a record, and where its payload is.

        Raises:
            ValueError: A file is not vouched for.
        """
        named = {ref: key for key, ref in refs if ref is not None}
        if not named:
            return {}
        split = {ref: ref.rpartition("#") for ref in named}
        paths = list({path for path, _, _ in split.values()})
        found = connection.execute(_FILES, {"paths": paths}).all()
        files: dict[str, int] = {row.path: row.id for row in found}
        places: dict[str, tuple[int, int]] = {}
        for ref, (path, _, number) in split.items():
            if path not in files:
                raise ValueError(
                    f"the payload of {named[ref]} is in {ref}, a file that the ledger does not "
                    "vouch for"
                )
            places[ref] = files[path], int(number)
        return places
