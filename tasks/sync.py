"""The sync as Prefect sees it: a task per partition, a table of what each did, a loud end."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, Final, cast
from uuid import UUID

from prefect import task
from prefect.artifacts import (
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import PrefectFuture, as_completed
from prefect.runtime import flow_run, task_run
from prefect.states import Completed, Failed
from prefect.tasks import Task, exponential_backoff

from documents.errors import ConfigurationError, DataGettersError
from exporters.base import Partition
from exporters.redaction import redact_all_logs, redactor
from exporters.schemas import schemas_of
from tasks.announcing import announce
from tasks.extraction import extract_partition
from tasks.flags import SwitchedOffError, refuse_before_asking, refuse_where_off
from tasks.partition_errors import PartitionFailedError
from tasks.pipeline import sync_partition
from tasks.recorded_run import ATTENTION, ended_badly, finish, maintain, recorded
from tasks.reporting import RunBegan, RunEnded, RunStarted, tell
from tasks.results import PartitionOutcome, PartitionResult, SyncResult
from tasks.session import SyncRequest, SyncSession, end_session, session_of, skipped, unlisted
from tasks.settings import load_task_settings

_SETTINGS: Final = load_task_settings()


def may_help_to_retry(task: Task[Any, Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Whether a failed partition is tried again: the error says so, nobody guesses."""
    del task, task_run
    error = state.result(raise_on_failure=False)
    return bool(getattr(error, "retryable", False))


@task(
    name="list partitions",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=_SETTINGS.retries,
    retry_delay_seconds=exponential_backoff(_SETTINGS.retry_delay),
    retry_jitter_factor=0.5,
    retry_condition_fn=may_help_to_retry,
)
def list_partitions(request: SyncRequest) -> list[Partition]:
    """Asks the source what there is to sync."""
    session = session_of(request)
    return list(session.exporter.partitions(session.selection))


@task(
    name="sync partition",
    task_run_name="{partition.kind} {partition.name}",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=_SETTINGS.retries,
    retry_delay_seconds=exponential_backoff(_SETTINGS.retry_delay),
    retry_jitter_factor=0.5,
    retry_condition_fn=may_help_to_retry,
)
def sync_one_partition(request: SyncRequest, partition: Partition) -> PartitionResult:
    """Brings one partition up to date; a retry goes on from the last committed checkpoint.

    Raises:
        PartitionFailedError: It stopped before its end.
        SwitchedOffError: An operator has switched the account's syncs off.
    """
    first_attempt = (task_run.run_count or 1) <= 1
    session, fresh = session_of(request), request.options.rescan and first_attempt
    refuse_where_off(session.stores.ledger, request.source, session.connection)
    if request.extracts:
        return extract_partition(
            session.context,
            partition,
            schemas=schemas_of(session.manifest),
            request=request.selection,
            fresh=fresh,
        )
    return sync_partition(session.context, partition, fresh=fresh)


def run_sync(request: SyncRequest) -> State[Any]:
    """The body of every sync flow.

    Args:
        request: What to sync, and how.

    Returns:
        The state in which the flow run ends: Failed as soon as data is missing, with the reason;
        Completed under the name `CompletedWithAttention` where items were set aside or deletes held
        back; Completed. Cancelled where another run is syncing the connection, or an operator has
        switched that off.
    """
    redact_all_logs()
    tell(RunBegan(request.run_id))
    request = request.model_copy(update={"flow_run_id": flow_run.id})
    try:
        refuse_before_asking(request.source)
        with _opened(request) as session:
            result = _sync(session)
            state = end_state(result)
            finish(session, result, state)
            if request.extracts:
                announce(session, result)
            elif result.counts.written:
                maintain(session)
    except DataGettersError as error:
        return ended_badly(request.run_id, error)
    tell(RunEnded(result))
    return state


@contextmanager
def _opened(request: SyncRequest) -> Iterator[SyncSession]:
    """The session of a run, with its lease and its row in the ledger."""
    try:
        session = session_of(request)
        with session.extracting() if request.extracts else session.leased():
            if not request.extracts:
                _refuse_where_extracted(session)
            with recorded(session):
                refuse_where_off(session.stores.ledger, request.source, session.connection)
                yield session
    finally:
        end_session(request)


def _refuse_where_extracted(session: SyncSession) -> None:
    """Two of them would each move its cursor on, and the other would miss what was between.

    Raises:
        ConfigurationError: The account is kept up to date by extractions.
    """
    if session.stores.ledger.extractions.is_used(session.context.connection_id):
        name = session.manifest.name
        raise ConfigurationError(
            f"{session.manifest.title} ({session.connection}) is kept up to date by extractions.",
            hint=f"Run `data-getters extract {name}` and `data-getters transform`; to go back to "
            f"syncs, `data-getters extract end {name}`.",
        )


def _sync(session: SyncSession) -> SyncResult:
    request, started = session.request, monotonic()
    partitions = list_partitions(request)
    account = session.exporter.connection_title
    tell(RunStarted(request.run_id, request.source, account, tuple(partitions)))
    results = [skipped(partition) for partition in partitions if partition.unreadable]
    results += unlisted(session, partitions)
    do = sync_one_partition
    if request.extracts:
        do = sync_one_partition.with_options(name="extract partition")
    futures: dict[PrefectFuture[PartitionResult], Partition] = {
        do.submit(request, partition): partition
        for partition in partitions
        if not partition.unreadable
    }
    progress = _Progress(request, len(futures))
    switched_off: SwitchedOffError | None = None
    for future in as_completed(list(futures)):
        outcome: object = future.result(raise_on_failure=False)
        if isinstance(outcome, SwitchedOffError):
            switched_off = outcome
        results.append(_outcome(outcome, futures[future]))
        progress.update(len(results))
    result = SyncResult(
        run_id=request.run_id,
        source=request.source,
        connection=session.connection,
        partitions=sorted(results, key=lambda result: (result.kind, result.name)),
        seconds=monotonic() - started,
        extracts=request.extracts,
    )
    _publish(result)
    if switched_off is not None:
        raise switched_off
    return result


def _outcome(outcome: object, partition: Partition) -> PartitionResult:
    if isinstance(outcome, PartitionResult):
        return outcome
    if isinstance(outcome, PartitionFailedError):
        return outcome.result
    return PartitionResult(
        key=partition.key,
        name=partition.name,
        kind=partition.kind,
        outcome=PartitionOutcome.FAILED,
        message=redactor.text(str(outcome)),
        error=type(outcome).__name__,
    )


def end_state(result: SyncResult) -> State[Any]:
    """The state of a flow run, by what became of its partitions."""
    failed = result.with_outcome(PartitionOutcome.FAILED)
    if failed:
        first = failed[0]
        rest = f" And {len(failed) - 1} more." if failed[1:] else ""
        return Failed(
            message=f"{len(failed)} of {len(result.partitions)} partitions failed. "
            f"{first.name}: {first.message}{rest}"
        )
    counts = result.counts
    what = "items, to be transformed" if result.extracts else "documents"
    done = (
        f"{counts.new} new, {counts.changed} changed, {counts.unchanged} unchanged, "
        f"{counts.deleted} deleted {what}."
    )
    attention = result.with_outcome(PartitionOutcome.ATTENTION)
    if attention:
        held = " ".join(partition.message for partition in attention if partition.message)
        aside = f" {counts.failed} items were set aside." if counts.failed else ""
        return Completed(name=ATTENTION, message=f"{done}{aside} {held}".strip())
    return Completed(message=done)


_TABLE_COLUMNS: Final = ("new", "changed", "unchanged", "access_changed", "deleted", "failed")


class _Progress:
    """A progress bar in the Prefect UI, moved a few times a minute at most."""

    def __init__(self, request: SyncRequest, total: int) -> None:
        self._total = total
        self._updated = monotonic()
        self._artifact = (
            create_progress_artifact(0.0, description=f"Partitions of {request.source} done")
            if total > 1
            else None
        )

    def update(self, done: int) -> None:
        """Moves the bar if that is due."""
        now = monotonic()
        if self._artifact is None or (done < self._total and now - self._updated < 5):
            return
        self._updated = now
        update_progress_artifact(
            cast("UUID", self._artifact), progress=min(100.0, 100.0 * done / self._total)
        )


def table_rows(result: SyncResult) -> list[dict[str, Any]]:
    """What a run did with each partition, for an artifact."""
    return [
        {
            "partition": partition.name,
            "kind": partition.kind,
            "outcome": partition.outcome.value,
            **{name: getattr(partition.counts, name) for name in _TABLE_COLUMNS},
            "API calls": partition.counts.api_calls,
            "seconds": round(partition.seconds, 1),
            "message": partition.message,
        }
        for partition in result.partitions
    ]


def _publish(result: SyncResult) -> None:
    kind = "extract" if result.extracts else "sync"
    key = re.sub(r"[^a-z0-9]+", "-", f"{kind}-{result.source}-{result.connection}".lower())
    create_table_artifact(
        table=table_rows(result),
        key=key.strip("-"),
        description=f"What run {result.run_id} did with each partition of {result.source}.",
    )
