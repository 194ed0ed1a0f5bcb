"""The job queue's table: jobs are added, looked at and cleared away here.

`stores.ledger.claims` is how workers take them; `stores.queue` is what they do it through.
"""

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, Connection, Row, func, select, update
from sqlalchemy import delete as delete_from

from stores.errors import StoreError
from stores.ledger.backend import MICROSECONDS, Backend
from stores.ledger.job_types import Job, JobFilter, JobStatus, NewJob, QueueDepth
from stores.ledger.packing import pack_time, unpack_time
from stores.ledger.statements import among
from stores.ledger.tables import connections, identity, jobs, partitions

PAGE: Final = 1_000
"""Jobs in one page."""

_DETAILS_LIMIT: Final = 64 * 1024
_ADDED_AT_ONCE: Final = 1_000
_PURGED_AT_ONCE: Final = 10_000
_NAME_BYTES: Final = 4

_PARTITIONS: Final = select(partitions.c.id, partitions.c.key).where(among(partitions.c.id, "ids"))
_CONNECTIONS: Final = select(connections.c.id, connections.c.source, connections.c.name)


class JobBook:
    """The jobs of a ledger."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        insert = backend.insert(jobs).on_conflict_do_nothing()
        self._add_one = insert.returning(jobs.c.id)
        self._add_many = backend.bulk_insert(jobs, insert)
        self._names: dict[int, tuple[str, str]] = {}

    def add(self, connection_id: int, new: Iterable[NewJob], *, run_id: str) -> int:
        """Queues jobs, a thousand in one transaction; those whose key is known are passed over.

        Jobs for what lands are part of that commit instead: `ExtractionBatch.jobs`.

        Args:
            connection_id: The account they belong to.
            new: The jobs; may be a generator of any length.
            run_id: The run that queues them.

        Returns:
            How many were queued.

        Raises:
            ValueError: The details of one cannot be written as JSON, or are too long.
        """
        added = 0
        some: list[NewJob] = []
        for job in new:
            some.append(job)
            if len(some) == _ADDED_AT_ONCE:
                added += self._add_some(connection_id, some, run_id)
                some = []
        if some:
            added += self._add_some(connection_id, some, run_id)
        return added

    def _add_some(self, connection_id: int, new: list[NewJob], run_id: str) -> int:
        with self._backend.write() as connection:
            now = self._backend.now(connection)
            rows = [_row(job, connection_id, None, run_id, now) for job in new]
            last = connection.scalar(select(func.max(jobs.c.id))) or 0
            self._add_many.execute(connection, rows)
            counted = select(func.count()).where(
                jobs.c.id > last, jobs.c.connection_id == connection_id, jobs.c.run_id == run_id
            )
            return int(connection.scalar(counted) or 0)

    def write(
        self,
        connection: Connection,
        connection_id: int,
        partition_id: int,
        new: Sequence[NewJob],
        run_id: str,
    ) -> dict[str, int]:
        """Queues jobs in the transaction of a commit.

        Returns:
            The ids of the jobs, by the file that they are about.
        """
        now = self._backend.now(connection)
        made: dict[str, int] = {}
        columns = self._add_many.columns
        for job in new:
            row = _row(job, connection_id, partition_id, run_id, now)
            values = dict(zip(columns, row, strict=True))
            job_id = connection.scalar(self._add_one, values)
            if job_id is not None and job.batch is not None:
                made[job.batch] = int(job_id)
        return made

    def get(self, job_id: int) -> Job | None:
        """One job; None when there is none of this number, or not any more."""
        with self._backend.read() as connection:
            rows = connection.execute(select(jobs).where(jobs.c.id == job_id)).all()
            found = self.wrap(connection, rows)
        return found[0] if found else None

    def page(
        self,
        *,
        source: str | None = None,
        connection: str | None = None,
        partition: str | None = None,
        type: str | None = None,  # noqa: A002 (the field's name)
        entity: str | None = None,
        status: JobStatus | None = None,
        after: int = 0,
        limit: int = PAGE,
    ) -> list[Job]:
        """One page of jobs in the order in which they were queued.

        Args:
            source: Of this source only.
            connection: Of this account or tenant only.
            partition: About this partition only.
            type: Of this type only.
            entity: About this entity type only.
            status: In this status only.
            after: Id of the last job of the page before.
            limit: How many at most.
        """
        conditions = [
            jobs.c.id > after,
            *of_connections(jobs.c.connection_id, source, connection),
            *of_partition(jobs.c.partition_id, partition),
        ]
        wanted = ((jobs.c.type, type), (jobs.c.entity, entity), (jobs.c.status, status))
        conditions += [column == str(value) for column, value in wanted if value is not None]
        query = select(jobs).where(*conditions).order_by(jobs.c.id).limit(limit)
        with self._backend.read() as reader:
            return self.wrap(reader, reader.execute(query).all())

    def counts(
        self, *, source: str | None = None, connection: str | None = None
    ) -> dict[JobStatus, int]:
        """How many jobs are in each status."""
        query = (
            select(jobs.c.status, func.count())
            .where(*of_connections(jobs.c.connection_id, source, connection))
            .group_by(jobs.c.status)
        )
        with self._backend.read() as reader:
            found = {JobStatus(status): number for status, number in reader.execute(query)}
        return {status: found.get(status, 0) for status in JobStatus}

    def depth(self, only: JobFilter) -> QueueDepth:
        """How full the queue is."""
        filters = filtered(only)
        with self._backend.read() as reader:
            now = self._backend.now(reader)
            ready = jobs.c.status == JobStatus.READY
            due = jobs.c.available_at <= now
            query = select(
                func.count().filter(due),
                func.count().filter(ready & ~due),
                func.count().filter(~ready & ~due),
                func.min(jobs.c.created_at),
            ).where(jobs.c.finished_at.is_(None), *filters)
            waiting, delayed, claimed, oldest = reader.execute(query).one()
            ended = (
                select(jobs.c.status, func.count())
                .where(jobs.c.status.in_([JobStatus.DONE, JobStatus.DEAD]), *filters)
                .group_by(jobs.c.status)
            )
            finished: dict[str, int] = {row[0]: row[1] for row in reader.execute(ended)}
        return QueueDepth(
            ready=waiting,
            delayed=delayed,
            claimed=claimed,
            dead=finished.get(JobStatus.DEAD, 0),
            done=finished.get(JobStatus.DONE, 0),
            oldest=None if oldest is None else unpack_time(oldest),
            oldest_age=None if oldest is None else max(0.0, (now - oldest) / MICROSECONDS),
        )

    def groups(self, only: JobFilter) -> list[tuple[str, str, str]]:
        """The type, source and account of the jobs that are not finished, each once."""
        query = (
            select(jobs.c.type, connections.c.source, connections.c.name)
            .join(connections, connections.c.id == jobs.c.connection_id)
            .where(jobs.c.finished_at.is_(None), *filtered(only))
            .distinct()
        )
        with self._backend.read() as reader:
            return [(row.type, row.source, row.name) for row in reader.execute(query)]

    def finished_since(self, since: datetime, only: JobFilter = JobFilter()) -> int:  # noqa: B008
        """How many jobs were done since a moment, for a rate; purged ones are not counted."""
        query = select(func.count()).where(
            jobs.c.finished_at >= pack_time(since), jobs.c.status == JobStatus.DONE, *filtered(only)
        )
        with self._backend.read() as reader:
            return int(reader.scalar(query) or 0)

    def purge(self, before: datetime) -> int:
        """Removes the jobs that were done before a moment. Dead ones stay for a person to see.

        Returns:
            How many there were.
        """
        moment = pack_time(before)
        ids = (
            select(jobs.c.id)
            .where(jobs.c.finished_at < moment, jobs.c.status == JobStatus.DONE)
            .limit(_PURGED_AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        removed = 0
        while True:
            with self._backend.write() as connection:
                gone = connection.execute(delete_from(jobs).where(jobs.c.id.in_(ids))).rowcount
            removed += gone
            if gone < _PURGED_AT_ONCE:
                return removed

    def replay(self, job_ids: Collection[int] | None, only: JobFilter) -> list[int]:
        """Gives dead jobs all their attempts again. Returns the ids of those that were dead."""
        with self._backend.write() as connection:
            now = self._backend.now(connection)
            statement = (
                update(jobs)
                .where(*_dead(job_ids, only))
                .values(
                    status=JobStatus.READY,
                    attempts=0,
                    available_at=now,
                    dispatch_after=now,
                    finished_at=None,
                    token=None,
                )
                .returning(jobs.c.id)
            )
            rows = connection.execute(statement, _ids(job_ids))
            return sorted(rows.scalars())

    def discard(self, job_ids: Collection[int] | None, only: JobFilter) -> list[int]:
        """Removes dead jobs. Returns the ids of those that were dead."""
        statement = delete_from(jobs).where(*_dead(job_ids, only)).returning(jobs.c.id)
        with self._backend.write() as connection:
            return sorted(connection.execute(statement, _ids(job_ids)).scalars())

    def identity(self) -> str:
        """Eight characters that name this ledger, the same for all who open it."""
        with self._backend.read() as reader:
            name: str | None = reader.scalar(select(identity.c.name))
        if name is None:
            new = {"id": 1, "name": secrets.token_hex(_NAME_BYTES)}
            with self._backend.write() as connection:
                insert = self._backend.insert(identity).values(**new).on_conflict_do_nothing()
                connection.execute(insert)
                name = connection.execute(select(identity.c.name)).scalar_one()
        return name

    def wrap(self, connection: Connection, rows: Sequence[Row[Any]]) -> list[Job]:
        """Jobs of rows that hold all columns, by their ids."""
        if not rows:
            return []
        if not {row.connection_id for row in rows} <= self._names.keys():
            found = connection.execute(_CONNECTIONS).all()
            self._names = {row.id: (row.source, row.name) for row in found}
        places = {row.partition_id for row in rows if row.partition_id is not None}
        keys: dict[int, str] = {}
        if places:
            parameters = {"ids": list(places)}
            keys = {row.id: row.key for row in connection.execute(_PARTITIONS, parameters)}
        jobs_found = [self._job(row, keys) for row in rows]
        jobs_found.sort(key=lambda job: job.id)
        return jobs_found

    def _job(self, row: Row[Any], keys: Mapping[int, str]) -> Job:
        try:
            source, name = self._names[row.connection_id]
        except KeyError:
            raise StoreError(
                f"The ledger {self._backend.address} knows no connection {row.connection_id}."
            ) from None
        return Job(
            id=row.id,
            type=row.type,
            source=source,
            connection=name,
            connection_id=row.connection_id,
            partition=keys.get(row.partition_id),
            partition_id=row.partition_id,
            entity=row.entity,
            batch=row.batch,
            rows=row.rows,
            details={} if row.details == "{}" else orjson.loads(row.details),
            key=row.key,
            status=JobStatus(row.status),
            attempts=row.attempts,
            available_at=unpack_time(row.available_at),
            claimed_by=row.claimed_by,
            error=row.error,
            created_at=unpack_time(row.created_at),
            finished_at=None if row.finished_at is None else unpack_time(row.finished_at),
            run_id=row.run_id,
            token=row.token,
        )


def of_connections(
    column: ColumnElement[Any], source: str | None, name: str | None
) -> list[ColumnElement[bool]]:
    """The rows of a source or of an account, by a column that holds its number."""
    if source is None and name is None:
        return []
    query = select(connections.c.id)
    if source is not None:
        query = query.where(connections.c.source == source)
    if name is not None:
        query = query.where(connections.c.name == name)
    return [column.in_(query)]


def of_partition(column: ColumnElement[Any], key: str | None) -> list[ColumnElement[bool]]:
    """The rows of the partitions with a key, by a column that holds their number."""
    if key is None:
        return []
    return [column.in_(select(partitions.c.id).where(partitions.c.key == key))]


def filtered(only: JobFilter) -> list[ColumnElement[bool]]:
    """The jobs that a filter lets through."""
    conditions = of_connections(jobs.c.connection_id, only.source, only.connection)
    if only.types:
        conditions.append(jobs.c.type.in_(only.types))
    return conditions


def _dead(job_ids: Collection[int] | None, only: JobFilter) -> list[ColumnElement[bool]]:
    conditions = [jobs.c.status == JobStatus.DEAD, *filtered(only)]
    if job_ids is not None:
        conditions.append(among(jobs.c.id, "ids"))
    return conditions


def _ids(job_ids: Collection[int] | None) -> dict[str, list[int]]:
    return {} if job_ids is None else {"ids": list(job_ids)}


def _row(
    job: NewJob, connection_id: int, partition_id: int | None, run_id: str, now: int
) -> tuple[Any, ...]:
    try:
        details = orjson.dumps(job.details, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError as error:
        raise ValueError(f"the details of a {job.type} job are no JSON: {error}") from error
    if len(details) > _DETAILS_LIMIT:
        raise ValueError(
            f"the details of a {job.type} job are longer than {_DETAILS_LIMIT} characters: a job "
            "holds references, payloads are landed"
        )
    return (  # in the order of the table's columns
        connection_id,
        job.partition_id if job.partition_id is not None else partition_id,
        job.type,
        job.entity,
        job.batch,
        job.rows,
        details,
        job.key,
        JobStatus.READY.value,
        0,
        now,
        now,
        None,
        None,
        None,
        None,
        now,
        None,
        run_id,
    )
