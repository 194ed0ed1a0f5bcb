"""Replay: documents made again of the payloads that landed, without asking the vendor.

For a new mapping, other chunks or another model. Of each record that the ledger knows its newest
payload counts, the one that the ledger points at: what was deleted stays deleted, and what never
landed stays as it is. Access, containers and copies stay as they were said last, see
`tasks.keeping`. A replay that was stopped goes on where it was.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import date
from threading import Lock
from time import monotonic
from typing import Any, Final
from uuid import uuid4

import orjson
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from pydantic import BaseModel, ConfigDict, Field

from documents.errors import ConfigurationError, DataGettersError
from documents.fingerprints import fingerprint
from exporters.base import Partition
from exporters.limiter import WaitInterruptedError
from exporters.redaction import redact_all_logs
from stores.errors import StoreCorruptError
from stores.ledger.known import KnownRecord
from stores.ledger.types import ConnectionState, PartitionState
from stores.raw.paths import Ref
from tasks.batches import ChangeBatch, EncodedUpsert, payload_hash
from tasks.context import SyncContext
from tasks.conveyor import Conveyor
from tasks.failures import record_of
from tasks.garbage import patient_collector
from tasks.keeping import Keeper
from tasks.partition_errors import PartitionFailedError, failed
from tasks.partition_work import stages
from tasks.recorded_run import ended_badly, finish, maintain, recorded
from tasks.reporting import (
    ItemsProgressed,
    PartitionProgressed,
    RunEnded,
    RunStarted,
    tell,
)
from tasks.results import PartitionOutcome, PartitionResult, SyncResult
from tasks.session import SyncRequest, SyncSession
from tasks.settings import load_task_settings
from tasks.shared_documents import SharedDocuments
from tasks.stores import existing_ledger
from tasks.sync import end_state, table_rows

_log: Final = logging.getLogger(__name__)

_BATCH_BYTES: Final = 4_000_000
_BATCH_RECORDS: Final = 500


class ReplayRequest(BaseModel):
    """What is replayed.

    Attributes:
        source: The source's name.
        connection: Only this account, by id or title.
        entity: Only this kind of item.
        since: Only payloads that landed on this day (UTC) or later.
        everything: Also write documents that did not move, with new chunks and vectors.
        restart: Begin anew, also where a replay was stopped half way.
        run_id: The run.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    connection: str | None = None
    entity: str | None = None
    since: date | None = None
    everything: bool = False
    restart: bool = False
    run_id: str = Field(default_factory=lambda: uuid4().hex)

    @property
    def what(self) -> dict[str, Any]:
        """What tells this replay from others, of which none goes on with another's progress."""
        return self.model_dump(mode="json", include={"entity", "since", "everything"})


def run_replay(request: ReplayRequest) -> State[Any]:
    """The body of the replay flow.

    Returns:
        The state in which the flow run ends, as after a sync.
    """
    redact_all_logs()
    try:
        result = replay_source(request)
    except DataGettersError as error:
        return ended_badly(request.run_id, error)
    create_table_artifact(
        table=table_rows(result),
        key=f"replay-{request.source}",
        description=f"What replay {request.run_id} did with each partition of {request.source}.",
    )
    tell(RunEnded(result))
    return end_state(result)


def replay_source(request: ReplayRequest) -> SyncResult:
    """Makes the documents of a source's accounts again.

    Raises:
        ConfigurationError: Nothing was synced of the source, or a name is not known.
        StoreError: A store cannot be used, or a sync of the account is going on.
    """
    started = monotonic()
    accounts = _accounts(request)
    results: list[PartitionResult] = []
    for account in accounts:
        session = SyncSession(
            SyncRequest(source=request.source, run_id=f"{request.run_id}-{account.id}"),
            connection=account.connection,
        )
        with closing(session), session.leased(), recorded(session):
            replayed = _replay_account(session, request, account)
            finish(session, replayed, end_state(replayed), note="Replay. ")
            if replayed.counts.written:
                maintain(session)
        results += replayed.partitions
    return SyncResult(
        run_id=request.run_id,
        source=request.source,
        connection=", ".join(account.connection for account in accounts),
        partitions=sorted(results, key=lambda result: (result.kind, result.name)),
        seconds=monotonic() - started,
    )


def _accounts(request: ReplayRequest) -> list[ConnectionState]:
    ledger, address = existing_ledger()
    if ledger is None:
        raise ConfigurationError(f"Nothing was synced yet: {address} does not exist.")
    with closing(ledger):
        held = [c for c in ledger.connections() if c.source == request.source]
        entities = {file.entity for file in ledger.raw_files(source=request.source)}
    found = [c for c in held if request.connection in {None, c.connection, c.title}]
    if not held:
        raise ConfigurationError(
            f"Nothing of {request.source} was synced, so nothing can be replayed.",
            hint="`data-getters status` lists what was.",
        )
    if not found:
        names = ", ".join(f"{c.connection} ({c.title})" for c in held)
        raise ConfigurationError(
            f"There is no account {request.connection!r} of {request.source}.",
            hint=f"Known are: {names}.",
        )
    if request.entity is not None and request.entity not in entities:
        raise ConfigurationError(
            f"Nothing of the kind {request.entity!r} landed from {request.source}.",
            hint=f"What landed: {', '.join(sorted(entities)) or 'nothing'}.",
        )
    return found


def _replay_account(
    session: SyncSession, request: ReplayRequest, account: ConnectionState
) -> SyncResult:
    started = monotonic()
    ledger = session.stores.ledger
    partitions = [p for p in ledger.partitions(account.id) if p.records]
    tell(
        RunStarted(
            request.run_id,
            request.source,
            account.title,
            tuple(Partition(key=p.key, name=p.name, kind=p.kind) for p in partitions),
        )
    )
    results = []
    for result in replay_partitions(session.context, partitions, request):
        tell(PartitionProgressed(request.run_id, result, ended=True))
        results.append(result)
    if all(result.outcome is not PartitionOutcome.FAILED for result in results):
        ledger.end_replay(account.id)
    return SyncResult(
        run_id=session.request.run_id,
        source=request.source,
        connection=session.connection,
        partitions=results,
        seconds=monotonic() - started,
    )


def replay_partitions(
    context: SyncContext, states: Sequence[PartitionState], request: ReplayRequest
) -> Iterator[PartitionResult]:
    """Makes the documents of several partitions again, some at once: else the model would wait.

    Args:
        context: As for a sync; its exporter needs no credentials.
        states: The partitions, as the ledger has them now.
        request: What is replayed.

    Yields:
        What was done with each, also with those that failed, as they end.
    """
    total, done, lock = sum(state.records or 0 for state in states), 0, Lock()

    def passed(records: int) -> None:
        nonlocal done
        with lock:
            done += records
            tell(ItemsProgressed(request.run_id, done, total))

    def replayed(state: PartitionState) -> PartitionResult:
        try:
            return replay_partition(context, state, request, passed=passed)
        except PartitionFailedError as error:
            if not isinstance(error.__cause__, DataGettersError):
                _log.error("%s", error.result.message, exc_info=error.__cause__)
            return error.result

    # The largest first, so that none is left to run alone at the end.
    ordered = sorted(states, key=lambda state: -(state.records or 0))
    at_once = load_task_settings().concurrent_partitions
    with ThreadPoolExecutor(at_once, thread_name_prefix="replay") as pool:
        # Each with what this run's log lines are known by.
        going = [pool.submit(copy_context().run, replayed, state) for state in ordered]
        try:
            for ended in as_completed(going):
                yield ended.result()
        except BaseException:
            context.stop.set()
            pool.shutdown(cancel_futures=True)
            raise


def replay_partition(
    context: SyncContext,
    state: PartitionState,
    request: ReplayRequest,
    *,
    passed: Callable[[int], object] = lambda _: None,
) -> PartitionResult:
    """Makes the documents of a partition again.

    Args:
        context: As for a sync; its exporter needs no credentials.
        state: The partition, as the ledger has it now.
        request: What is replayed.
        passed: Told how many records were gone through since it was last told.

    Raises:
        PartitionFailedError: It stopped before its end; the next replay goes on from there.
    """
    with patient_collector():
        return _PartitionReplay(context, state, request, passed).run()


@dataclass(slots=True)
class _Left:
    """Records whose payload cannot be read, and why the first one cannot."""

    records: int = 0
    reason: str = ""


class _PartitionReplay:
    """One partition, one attempt."""

    def __init__(
        self,
        context: SyncContext,
        state: PartitionState,
        request: ReplayRequest,
        passed: Callable[[int], object],
    ) -> None:
        self._context = context
        self._state = state
        self._request = request
        self._passed = passed
        self._result = PartitionResult(key=state.key, name=state.name, kind=state.kind)
        self._unread = _Left()
        self._what = fingerprint(orjson.dumps([request.what, self._making()]))
        self._keeper = Keeper(
            context.stores,
            connection_id=context.connection_id,
            partition=state,
            custom=context.custom,
            shares_documents=context.exporter.shares_documents,
            set_aside=context.stores.ledger.dead_letters(
                source=context.exporter.source,
                connection=context.connection,
                partition=state.key,
            ),
            writes_all=request.everything,
        )

    def run(self) -> PartitionResult:
        result = self._result
        try:
            with self._conveyor() as conveyor:
                for page in self._pages():
                    for batch in self._batches(page):
                        if self._context.stop.is_set():
                            raise WaitInterruptedError("The run was stopped.")
                        conveyor.put(batch)
                    self._passed(len(page))
        except Exception as error:
            stopped = failed(result, error)
            self._finish(PartitionOutcome.FAILED)
            raise stopped from error
        self._finish(PartitionOutcome.COMPLETED)
        if messages := self._messages():
            result.outcome, result.message = PartitionOutcome.ATTENTION, " ".join(messages)
        elif result.counts.failed:
            result.outcome = PartitionOutcome.ATTENTION
        return result

    def _making(self) -> list[Any]:
        """What decides how documents are made: with another, nothing of before counts as done."""
        settings = self._context.stores.settings
        model = self._context.stores.embeddings
        return [
            self._context.exporter.transform_version,
            settings.document_characters,
            settings.chunk_characters,
            settings.chunk_overlap,
            model.identity if model is not None else None,
        ]

    def _conveyor(self) -> Conveyor:
        context, state = self._context, self._state
        return Conveyor(
            stages(
                context,
                Partition(key=state.key, name=state.name, kind=state.kind),
                partition_id=state.id,
                generation=state.generation,
                counts=self._result.counts,
                shared=SharedDocuments.of(context.exporter, context.stores, context.connection_id),
                keeper=self._keeper,
            )
        )

    def _pages(self) -> Iterator[list[KnownRecord]]:
        """The partition's records, from where a replay of the same was stopped."""
        before = self._state.replayed or {}
        resumes = before.get("what") == self._what and not self._request.restart
        after = int(before.get("record", 0)) if resumes else 0
        seen = 0
        for page in self._context.stores.ledger.records_of(self._state.id, after=after):
            seen += len(page)
            yield page
        self._passed((self._state.records or 0) - seen)  # what was done before

    def _batches(self, page: Sequence[KnownRecord]) -> Iterator[ChangeBatch]:
        """The payloads of a page that are wanted, in batches bounded by count and bytes."""
        wanted = {record.raw_ref: record for record in page if self._is_wanted(record)}
        items: dict[str, EncodedUpsert] = {}
        batch = ChangeBatch()
        for item in self._read({ref: r for ref, r in wanted.items() if ref is not None}):
            items[item.record.key] = item
            batch.items.append(item)
            batch.size += len(item.payload)
            if len(batch.items) >= _BATCH_RECORDS or batch.size >= _BATCH_BYTES:
                yield batch
                batch = ChangeBatch()
        batch.replayed = {"what": self._what, "record": page[-1].id}
        yield batch

    def _is_wanted(self, record: KnownRecord) -> bool:
        if record.raw_ref is None:
            return False
        request = self._request
        if request.entity is not None and record.key.partition(":")[0] != request.entity:
            return False
        return request.since is None or Ref.parse(record.raw_ref).day >= request.since

    def _read(self, records: dict[str, KnownRecord]) -> Iterator[EncodedUpsert]:
        """The payloads of records; those in files that are damaged are left out and counted."""
        raw = self._context.stores.raw
        version = self._context.exporter.transform_version

        def unread(refs: Sequence[str], damage: StoreCorruptError) -> None:
            self._unread.records += len(refs)
            self._unread.reason = self._unread.reason or damage.sentence()

        for landed in raw.read_many(records, on_damage=unread):
            known = records[landed.ref]
            told = known.version.partition("|")[2] if known.version else landed.row.version
            yield EncodedUpsert(
                record=replace(record_of(landed.row), parent=known.parent, version=told),
                payload=landed.row.payload,
                payload_hash=payload_hash(landed.row.payload, version),
                partial=False,
                raw_ref=landed.ref,
            )

    def _messages(self) -> list[str]:
        messages = []
        if self._unread.records:
            messages.append(
                f"{self._unread.records} items stay as they are, because their payload cannot be "
                f"read. {self._unread.reason} See `data-getters raw verify`."
            )
        if closed := len(self._keeper.closed):
            messages.append(
                f"{closed} items have documents of which is not known who may read them: nobody "
                "may, until a sync with --rescan fetches these items again."
            )
        return messages

    def _finish(self, outcome: PartitionOutcome) -> None:
        self._result.outcome = outcome
        self._result.ended = True
        self._result.seconds = monotonic() - self._result.started
