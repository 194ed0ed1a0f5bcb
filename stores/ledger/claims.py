"""How workers take jobs from the ledger's table, and give them back.

A claim is a token on the row and a moment until which it holds. While it holds nobody else gets the
job; a worker that falls silent loses it when that moment has come, and whatever it says of the job
afterwards is not taken any more. Many are claimed by one statement: on PostgreSQL each claimer
passes over the rows that another is just taking (`SKIP LOCKED`), on SQLite one writes at a time.

Claims and their ends do not wait for the disk. A power cut may undo the last of them: then a job is
claimed anew, or done twice, which every job has to bear.

A clock that is set forward ends claims early, which does no more harm than that. One that is set
back cannot hold up the queue: see `JobClaims.recover`.
"""

import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    Update,
    bindparam,
    case,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from stores.ledger.backend import MICROSECONDS, Backend
from stores.ledger.job_types import Job, JobFilter, JobStatus
from stores.ledger.jobs import JobBook, filtered
from stores.ledger.packing import clean_text
from stores.ledger.processes import is_gone, this_process
from stores.ledger.statements import among
from stores.ledger.tables import jobs

LONGEST_DELAY: Final = 24 * 60 * 60.0
"""Seconds. No job waits longer for its next attempt, and no claim holds longer unrenewed."""

_ERROR_LIMIT: Final = 4_000
_TOKEN_BYTES: Final = 8
_PUBLISHING: Final = 30 * MICROSECONDS

_IS_OPEN: Final = jobs.c.finished_at.is_(None)
_MINE: Final = (among(jobs.c.id, "ids"), _IS_OPEN)


_SET: Final[dict[str, BindParameter[Any]]] = {
    name: bindparam(f"new_{name}")
    for name in ("available_at", "token", "claimed_by", "process", "error", "finished_at")
}
"""Statements are made once: making them takes SQLAlchemy longer than SQLite takes to run them."""

_TAKEN: Final = {
    "status": JobStatus.CLAIMED,
    "attempts": jobs.c.attempts + 1,
    "available_at": _SET["available_at"],
    "dispatch_after": _SET["available_at"],
    "token": _SET["token"],
    "claimed_by": _SET["claimed_by"],
    "process": _SET["process"],
}
# Only a claimed job has a token. (Asked for the status too, SQLite would read all claimed ones.)
_OF_CLAIM: Final = (
    update(jobs).where(*_MINE, jobs.c.token == bindparam("of_token")).returning(jobs.c.id)
)
_DONE: Final = _OF_CLAIM.values(
    status=JobStatus.DONE,
    finished_at=_SET["finished_at"],
    dispatch_after=None,
    token=None,
    error=None,
)
_EXTEND: Final = _OF_CLAIM.values(
    available_at=_SET["available_at"], dispatch_after=_SET["available_at"]
)
_RELEASE: Final = _OF_CLAIM.values(
    status=JobStatus.READY,
    attempts=jobs.c.attempts - 1,
    available_at=_SET["available_at"],
    dispatch_after=_SET["available_at"],
    token=None,
)
_RETRY: Final = _OF_CLAIM.values(
    status=JobStatus.READY,
    available_at=_SET["available_at"],
    dispatch_after=_SET["available_at"],
    token=None,
    error=_SET["error"],
)
_BURY: Final = _OF_CLAIM.values(
    status=JobStatus.DEAD,
    finished_at=_SET["finished_at"],
    dispatch_after=None,
    token=None,
    error=_SET["error"],
)


class JobClaims:
    """Claims the jobs of a ledger."""

    def __init__(self, backend: Backend, book: JobBook) -> None:
        self._backend = backend
        self._book = book
        self._finds = False

    def claim(
        self, limit: int, *, worker: str, visibility: float, attempts: int, only: JobFilter
    ) -> list[Job]:
        """Takes the jobs that are due, those that have waited longest first.

        Jobs that were claimed `attempts` times and never came back are buried on the way.

        Args:
            limit: How many at most.
            worker: Who takes them.
            visibility: For how many seconds.
            attempts: How often a job may be claimed.
            only: Which.
        """
        # Nobody who only looks takes the lock that writers wait for.
        if not self._finds and not self.is_due(only):
            return []
        with self._backend.write_relaxed() as connection:
            now = self._backend.now(connection)
            values = {**_claim_values(now, worker, visibility), "now": now, "number": limit}
            rows = connection.execute(_claim(only), values).all()
            self._finds = bool(rows)
            return self._fresh(connection, rows, now, attempts)

    def claim_these(
        self, job_ids: Collection[int], *, worker: str, visibility: float, attempts: int
    ) -> list[Job]:
        """Takes those of these jobs that are due, or whose worker is certainly gone."""
        wanted = list(job_ids)
        with self._backend.write_relaxed() as connection:
            now = self._backend.now(connection)
            self._free_gone(connection, now, among(jobs.c.id, "ids"), wanted)
            values = {**_claim_values(now, worker, visibility), "now": now, "ids": wanted}
            rows = connection.execute(_CLAIM_THESE, values).all()
            return self._fresh(connection, rows, now, attempts)

    def _fresh(
        self, connection: Connection, taken: Sequence[Row[Any]], now: int, attempts: int
    ) -> list[Job]:
        """The jobs that were taken, without those that were taken too often."""
        spent = [row for row in taken if row.attempts > attempts]
        if spent:
            self._bury_spent(connection, spent, now, attempts)
        return self._book.wrap(connection, [row for row in taken if row.attempts <= attempts])

    def _bury_spent(
        self, connection: Connection, spent: Sequence[Row[Any]], now: int, attempts: int
    ) -> None:
        told = (
            f"It was claimed {attempts} times, and each time its worker was killed or did not "
            "answer any more."
        )
        connection.execute(
            update(jobs)
            .where(*_MINE)
            .values(
                status=JobStatus.DEAD,
                attempts=attempts,
                finished_at=now,
                dispatch_after=None,
                token=None,
                error=case((jobs.c.error.is_(None), told), else_=jobs.c.error + f" ({told})"),
            ),
            {"ids": [row.id for row in spent]},
        )

    def done(self, claimed: Iterable[Job]) -> set[int]:
        """Finishes jobs. Returns the ids of those that were the claimer's no more."""
        with self._backend.write_relaxed() as connection:
            now = self._backend.now(connection)
            return _each_claim(connection, claimed, _DONE, new_finished_at=now)

    def extend(self, claimed: Iterable[Job], visibility: float) -> set[int]:
        """Holds claims for longer. Returns the ids of those that were the claimer's no more."""
        with self._backend.write_relaxed() as connection:
            until = self._backend.now(connection) + _micros(visibility)
            return _each_claim(connection, claimed, _EXTEND, new_available_at=until)

    def release(self, claimed: Iterable[Job]) -> set[int]:
        """Gives jobs back untouched. Returns the ids of those that were the claimer's no more."""
        with self._backend.write_relaxed() as connection:
            now = self._backend.now(connection)
            return _each_claim(connection, claimed, _RELEASE, new_available_at=now)

    def retry(self, job: Job, error: str, delay: float) -> bool:
        """Has a job tried again later. Returns whether it was still the claimer's."""
        told = clean_text(error, limit=_ERROR_LIMIT)
        with self._backend.write() as connection:
            due = self._backend.now(connection) + _micros(delay)
            values = {"new_available_at": due, "new_error": told}
            return not _each_claim(connection, [job], _RETRY, **values)

    def bury(self, job: Job, error: str) -> bool:
        """Gives a job up. Returns whether it was still the claimer's."""
        told = clean_text(error, limit=_ERROR_LIMIT)
        with self._backend.write() as connection:
            values = {"new_finished_at": self._backend.now(connection), "new_error": told}
            return not _each_claim(connection, [job], _BURY, **values)

    def recover(self) -> int:
        """Makes claimable what would only wait for a clock or for a worker that is no more.

        Claims of processes that are certainly gone; jobs that were never delayed and yet lie in the
        future, and delays longer than there are, as a clock leaves them that was set back.

        Returns:
            How many jobs.
        """
        with self._backend.read() as reader:
            now = self._backend.now(reader)
            early = _is_early(now)
            waiting = reader.execute(select(jobs.c.id).where(_IS_OPEN, early).limit(1)).first()
            gone = self._gone(reader)
        if waiting is None and not gone:
            return 0
        with self._backend.write() as connection:
            now = self._backend.now(connection)
            freed = 0
            if waiting is not None:
                ahead = select(jobs.c.id).where(_IS_OPEN, _is_early(now))
                statement = _of(ahead).values(available_at=now, dispatch_after=now)
                freed += connection.execute(statement).rowcount
            if gone:
                freed += self._free(connection, now, gone)
        return freed

    def _gone(
        self,
        connection: Connection,
        *conditions: ColumnElement[bool],
        ids: Sequence[int] | None = None,
    ) -> list[str]:
        """The marks of the processes that hold jobs and certainly are no more."""
        holding = (
            select(jobs.c.process)
            .where(_IS_OPEN, jobs.c.status == JobStatus.CLAIMED, *conditions)
            .distinct()
        )
        marks = connection.execute(holding, {} if ids is None else {"ids": ids}).scalars()
        return [mark for mark in marks if mark is not None and is_gone(mark)]

    def _free_gone(
        self, connection: Connection, now: int, condition: ColumnElement[bool], ids: list[int]
    ) -> None:
        if gone := self._gone(connection, condition, ids=ids):
            self._free(connection, now, gone)

    def _free(self, connection: Connection, now: int, gone: list[str]) -> int:
        held = select(jobs.c.id).where(
            _IS_OPEN,
            jobs.c.status == JobStatus.CLAIMED,
            jobs.c.available_at > now,
            among(jobs.c.process, "marks"),
        )
        statement = _of(held).values(available_at=now, dispatch_after=now, token=None)
        return connection.execute(statement, {"marks": gone}).rowcount

    # For brokers

    def take_undispatched(self, limit: int) -> tuple[int, list[Job]]:
        """The jobs that a broker is to be told of, kept from other tellers for half a minute.

        Returns:
            What `dispatched` wants to know, and the jobs.
        """
        with self._backend.read() as reader:
            now = self._backend.now(reader)
            if reader.execute(_to_dispatch(now).limit(1)).first() is None:
                return now, []
        with self._backend.write_relaxed() as connection:
            now = self._backend.now(connection)
            query = _to_dispatch(now).order_by(jobs.c.dispatch_after, jobs.c.id).limit(limit)
            taken = now + _PUBLISHING
            statement = _of(query).values(dispatch_after=taken).returning(*jobs.c)
            rows = connection.execute(statement).all()
            return taken, self._book.wrap(connection, rows)

    def dispatched(self, taken: int, job_ids: Collection[int]) -> None:
        """Writes down that a broker holds jobs, unless they were claimed in the meantime."""
        if not job_ids:
            return
        with self._backend.write_relaxed() as connection:
            connection.execute(
                update(jobs)
                .where(*_MINE, jobs.c.dispatch_after == taken)
                .values(dispatch_after=None),
                {"ids": list(job_ids)},
            )

    def not_dispatched(self, taken: int) -> None:
        """Gives back what the broker did not take, for others to try at once."""
        with self._backend.read() as reader:
            kept = select(jobs.c.id).where(_IS_OPEN, jobs.c.dispatch_after == taken).limit(1)
            if reader.execute(kept).first() is None:
                return
        with self._backend.write() as connection:
            connection.execute(
                update(jobs)
                .where(_IS_OPEN, jobs.c.dispatch_after == taken)
                .values(dispatch_after=self._backend.now(connection))
            )

    def dispatch_again(self, older_than: float, only: JobFilter) -> int:
        """Has a broker told once more of jobs that have been ready for longer than some seconds.

        For when it shows none: what it was told of is lost.
        """
        with self._backend.write() as connection:
            now = self._backend.now(connection)
            statement = (
                update(jobs)
                .where(
                    _IS_OPEN,
                    jobs.c.dispatch_after.is_(None),
                    jobs.c.available_at <= now - _micros(older_than),
                    *filtered(only),
                )
                .values(dispatch_after=now)
            )
            return connection.execute(statement).rowcount

    def is_due(self, only: JobFilter) -> bool:
        """Whether there is a job that can be claimed now."""
        with self._backend.read() as reader:
            now = {"now": self._backend.now(reader)}
            return reader.execute(_first_due(only), now).first() is not None

    def due(self, job_ids: Collection[int]) -> set[int]:
        """Those of these jobs that can be claimed now."""
        with self._backend.read() as reader:
            now = self._backend.now(reader)
            query = select(jobs.c.id).where(jobs.c.available_at <= now, *_MINE)
            return set(reader.execute(query, {"ids": list(job_ids)}).scalars())

    def known(self, job_ids: Collection[int]) -> dict[int, JobStatus]:
        """The status of those of these jobs that there are."""
        query = select(jobs.c.id, jobs.c.status).where(among(jobs.c.id, "ids"))
        with self._backend.read() as reader:
            rows = reader.execute(query, {"ids": list(job_ids)})
            return {row.id: JobStatus(row.status) for row in rows}


def _each_claim(
    connection: Connection, claimed: Iterable[Job], statement: ReturningUpdate[Any], **values: Any
) -> set[int]:
    """Changes the jobs that are still the claimer's; gives the ids of the others."""
    by_token: defaultdict[str | None, list[int]] = defaultdict(list)
    for job in claimed:
        by_token[job.token].append(job.id)
    lost: set[int] = set()
    for token, ids in by_token.items():
        changed = connection.execute(statement, {**values, "ids": ids, "of_token": token})
        lost |= set(ids).difference(changed.scalars())
    return lost


def _claim_values(now: int, worker: str, visibility: float) -> dict[str, Any]:
    return {
        "new_available_at": now + _micros(visibility),
        "new_token": secrets.token_hex(_TOKEN_BYTES),
        "new_claimed_by": worker,
        "new_process": this_process(),
    }


def _of(query: Select[Any]) -> Update:
    """An update of the jobs with these ids, passing over those that others are just changing."""
    ids = query.with_for_update(skip_locked=True).cte("ids")
    return update(jobs).where(jobs.c.id == ids.c.id)


def _taking(query: Select[Any]) -> ReturningUpdate[Any]:
    return _of(query).values(**_TAKEN).returning(*jobs.c)


_CLAIM_THESE: Final = _taking(
    select(jobs.c.id).where(jobs.c.available_at <= bindparam("now"), *_MINE)
)


@lru_cache
def _first_due(only: JobFilter) -> Select[Any]:
    due = jobs.c.available_at <= bindparam("now")
    return select(jobs.c.id).where(_IS_OPEN, due, *filtered(only)).limit(1)


@lru_cache
def _claim(only: JobFilter) -> ReturningUpdate[Any]:
    return _taking(
        select(jobs.c.id)
        .where(_IS_OPEN, jobs.c.available_at <= bindparam("now"), *filtered(only))
        .order_by(jobs.c.available_at, jobs.c.id)
        .limit(bindparam("number", type_=Integer))
    )


def _to_dispatch(now: int) -> Select[Any]:
    return select(jobs.c.id).where(_IS_OPEN, jobs.c.dispatch_after <= now)


def _is_early(now: int) -> ColumnElement[bool]:
    never_delayed = (jobs.c.status == JobStatus.READY) & (jobs.c.attempts == 0)
    return or_(
        jobs.c.available_at > now + _micros(LONGEST_DELAY),
        (jobs.c.available_at > now) & never_delayed,
    )


def _micros(seconds: float) -> int:
    return int(min(seconds, LONGEST_DELAY) * MICROSECONDS)
