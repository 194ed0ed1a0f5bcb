"""The landed files of a ledger: what still needs them, and forgetting those that went."""

from collections.abc import Collection
from typing import Any, Final

import orjson
from sqlalchemy import delete, func, select, update

from stores.ledger.backend import Backend
from stores.ledger.job_types import JobStatus
from stores.ledger.statements import among
from stores.ledger.tables import dead_letters, extracted, jobs, raw_files, records
from stores.ledger.types import ExtractionStatus

_AT_ONCE: Final = 500


class LandedBook:
    """Tells what needs the landed files that a ledger vouches for."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def newest(self) -> dict[str, int]:
        """Of how many living records each file holds the newest payload; others are left out."""
        counted: dict[str, int] = {}
        alive = extracted.c.status != ExtractionStatus.DELETED
        with self._backend.read() as connection:
            for table, where in ((records, ()), (extracted, (alive,))):
                query = (
                    select(raw_files.c.path, func.count())
                    .join(table, table.c.raw_file_id == raw_files.c.id)
                    .where(*where)
                    .group_by(raw_files.c.path)
                )
                for path, number in connection.execute(query):
                    counted[path] = max(number, counted.get(path, 0))
        return counted

    def awaited(self) -> set[str]:
        """Files with a payload of an item that was set aside, or that a job is yet to read.

        While a job is given up, those that were done after it count too: tried again, it is
        followed by what they said.
        """
        letters = select(dead_letters.c.raw_ref).where(dead_letters.c.raw_ref.is_not(None))
        given_up = select(func.min(jobs.c.id)).where(jobs.c.status == JobStatus.DEAD)
        with self._backend.read() as connection:
            first = connection.scalar(given_up)
            wanted = jobs.c.status != JobStatus.DONE
            if first is not None:
                wanted = wanted | (jobs.c.id > first)
            found = {ref.rpartition("#")[0] for ref in connection.scalars(letters) if ref}
            for row in connection.execute(select(jobs.c.batch, jobs.c.details).where(wanted)):
                if row.batch:
                    found.add(row.batch)
                found.update(orjson.loads(row.details).get("files", ()))
        return found

    def forget(self, paths: Collection[str]) -> None:
        """Vouches for files no more; what pointed into them has no payload from now on."""
        wanted = list(paths)
        for start in range(0, len(wanted), _AT_ONCE):
            self._forget(wanted[start : start + _AT_ONCE])

    def _forget(self, paths: list[str]) -> None:
        found = select(raw_files.c.id).where(among(raw_files.c.path, "paths"))
        with self._backend.write() as connection:
            ids = list(connection.scalars(found, {"paths": paths}))
            given: dict[str, Any] = {"ids": ids}
            for table in (records, extracted):
                gone = update(table).where(among(table.c.raw_file_id, "ids"))
                connection.execute(gone.values(raw_file_id=None, raw_row=None), given)
            letters = select(dead_letters.c.id, dead_letters.c.raw_ref).where(
                dead_letters.c.raw_ref.is_not(None)
            )
            inside = set(paths)
            named = [
                row.id
                for row in connection.execute(letters)
                if row.raw_ref.rpartition("#")[0] in inside
            ]
            if named:
                without = update(dead_letters).where(among(dead_letters.c.id, "named"))
                connection.execute(without.values(raw_ref=None), {"named": named})
            connection.execute(delete(raw_files).where(among(raw_files.c.id, "ids")), given)
