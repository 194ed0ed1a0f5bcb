"""One run: its source, its stores, its lease; shared by the tasks of a process.

Tasks are given a `SyncRequest`, which is small and holds no secret, and find the session of its run
in their process. In another process (a Dask or Ray worker) the session is opened there.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from threading import Lock
from time import monotonic, sleep
from typing import Any, Final
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field

from documents.registry import document_types
from exporters.base import BaseExporter, Partition
from exporters.limiter import WaitInterruptedError
from exporters.registry import SourceManifest, source
from exporters.settings import load_settings
from stores.ledger.leases import Lease
from stores.ledger.ledger import Ledger
from tasks.batches import Processing
from tasks.context import SyncContext
from tasks.credentials import find_credentials
from tasks.loading_messages import LoadingOrder
from tasks.loading_process import Loader
from tasks.making import Recipe
from tasks.making_process import Order, ProcessMaker
from tasks.options import SyncOptions
from tasks.reporting import PartitionProgressed, Waiting, tell
from tasks.results import PartitionOutcome, PartitionResult
from tasks.settings import load_task_settings
from tasks.stores import Stores, open_stores

_WORKER_PATIENCE: Final = 60.0
"""Seconds to wait for the jobs that workers have begun."""

_GLANCE: Final = 0.2

_given_run_id: Final[ContextVar[str]] = ContextVar("_given_run_id", default="")


@contextmanager
def run_named(run_id: str) -> Iterator[None]:
    """Gives the run of a flow that is called in the block its id, for whoever follows it."""
    token = _given_run_id.set(run_id)
    try:
        yield
    finally:
        _given_run_id.reset(token)


class SyncRequest(BaseModel):
    """What a run is asked to do.

    Attributes:
        source: The source's name.
        selection: Fields of the source's `Selection`; those left out have their defaults.
        credentials: Name of a saved credentials block; None takes them from the environment.
        options: How the sync is done.
        run_id: The run.
        flow_run_id: Prefect's id of the flow run.
        extracts: Whether what moved is landed only, and left to transform workers.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    selection: dict[str, Any] = Field(default_factory=dict)
    credentials: str | None = None
    options: SyncOptions = SyncOptions()
    run_id: str = Field(default_factory=lambda: _given_run_id.get() or uuid4().hex)
    flow_run_id: str | None = None
    extracts: bool = False


class SyncSession:
    """What the tasks of one run share in one process."""

    def __init__(self, request: SyncRequest, *, connection: str | None = None) -> None:
        """Opens source and stores.

        Args:
            request: What the run is asked to do.
            connection: The account, where it is known and the source is not to be asked for
                anything: no credentials are needed then.

        Raises:
            ConfigurationError: The request, a setting or a credential makes no sense.
            StoreError: A store cannot be opened.
            ExportError: The source does not accept the credential.
        """
        self.request = request
        self.manifest = source(request.source)
        self.selection = parsed_selection(self.manifest, request.selection)
        self.exporter = open_exporter(
            self.manifest, self.selection, request.credentials, secrets=connection is None
        )
        document_class = self.manifest.load(self.manifest.document_type)
        if document_class.store_name not in document_types:
            document_types.register(document_class)
        self.connection = connection or self.exporter.connection
        title = None if connection else self.exporter.connection_title
        self.stores: Stores = open_stores()
        processing = self.manifest.processing
        custom = self.manifest.load(processing) if processing else None
        # What asks the source for nothing (a replay, a job) stores here and makes documents apart.
        self._loader = self._loading_process() if connection is None else None
        self._maker = self._process_maker(document_class.store_name, custom)
        self.context = SyncContext(
            exporter=self.exporter,
            connection=self.connection,
            stores=self.stores,
            options=request.options,
            connection_id=self.stores.ledger.connection_id(request.source, self.connection, title),
            run_id=request.run_id,
            store_name=document_class.store_name,
            custom=custom,
            maker=self._maker,
            loader=self._loader,
            progress=lambda result: tell(
                PartitionProgressed(request.run_id, result, ended=result.ended)
            ),
            on_wait=lambda partition, seconds, reason: tell(
                Waiting(request.run_id, partition, seconds, reason)
            ),
        )

    def _process_maker(self, store_name: str, custom: Processing | None) -> ProcessMaker | None:
        """What makes documents beside this process, where the settings want that.

        Large batches go to the loading process, where there is one, and are made beside that.
        """
        tasks = load_task_settings()
        if tasks.making == "here" or (self._loader is not None and tasks.making != "apart"):
            return None
        order = self._order()
        return ProcessMaker(
            order,
            Recipe(
                exporter=self.exporter,
                store_name=store_name,
                characters=order.characters,
                custom=custom,
            ),
            seconds=tasks.making_seconds,
            always=tasks.making == "apart",
        )

    def _loading_process(self) -> Loader | None:
        """What stores large batches beside this process, where the settings want that.

        Not where documents are shared: they are merged under a lock that this process holds.
        """
        tasks = load_task_settings()
        if tasks.loading == "here" or self.exporter.shares_documents:
            return None
        return Loader(
            lambda: LoadingOrder(
                making=self._order(),
                stores=self.stores.settings,
                options=self.request.options,
                connection=self.connection,
                connection_id=self.context.connection_id,
                run_id=self.request.run_id,
                apart=tasks.making,
                making_seconds=tasks.making_seconds,
            )
        )

    def _order(self) -> Order:
        """How documents are made, for other processes: without credentials."""
        settings = load_settings(self.manifest.load(self.manifest.settings), self.manifest.name)
        return Order(
            self.manifest, self.selection, settings, self.stores.settings.document_characters
        )

    @property
    def lease_name(self) -> str:
        """What is held while a connection is synced: one run at a time."""
        return sync_lease_name(self.request.source, self.connection)

    @contextmanager
    def leased(self) -> Iterator[None]:
        """Holds the connection's lease: everything the run writes in the block depends on it.

        Raises:
            LeaseHeldError: Another run is syncing the connection.
        """
        with account_held(
            self.stores.ledger, self.request.source, self.connection, run_id=self.request.run_id
        ) as lease:
            self.context = replace(self.context, lease=lease)
            yield

    @contextmanager
    def extracting(self) -> Iterator[None]:
        """Holds the lease of the connection's extractions: workers go on meanwhile.

        Raises:
            LeaseHeldError: Another run is extracting the connection.
        """
        name = extract_lease_name(self.request.source, self.connection)
        with self.stores.ledger.lease(name, run_id=self.request.run_id) as lease:
            self.context = replace(self.context, lease=lease)
            yield

    @contextmanager
    def transforming(self, partition: str) -> Iterator[SyncContext]:
        """Holds a partition, for a job of it; others of the connection may go on.

        Raises:
            LeaseHeldError: Another worker has the partition, or somebody the whole connection.
        """
        name = f"{worker_lease_prefix(self.request.source, self.connection)}{partition}"
        ledger = self.stores.ledger
        with ledger.lease(name, run_id=self.request.run_id) as lease:
            # Whoever takes the connection looks for workers after that, so one sees the other.
            for holder in ledger.holders(self.lease_name):
                if holder.name == self.lease_name:
                    raise holder
            yield replace(self.context, lease=lease)

    def close(self) -> None:
        """Gives everything back."""
        if self._loader is not None:
            self._loader.close()
        if self._maker is not None:
            self._maker.close()
        self.exporter.close()
        self.stores.close()


@contextmanager
def account_held(ledger: Ledger, source: str, connection: str, *, run_id: str) -> Iterator[Lease]:
    """Holds an account for the length of a block: no sync runs, and no worker writes.

    Workers that have begun a job of it are waited for; others begin none.

    Raises:
        LeaseHeldError: A sync is running, or a worker does not come to its end.
    """
    with ledger.lease(sync_lease_name(source, connection), run_id=run_id) as lease:
        deadline = monotonic() + _WORKER_PATIENCE
        while held := ledger.holders(worker_lease_prefix(source, connection)):
            if monotonic() > deadline:
                raise held[0]
            sleep(_GLANCE)
        yield lease


def extract_lease_name(source: str, connection: str) -> str:
    """The lease of an account's extractions."""
    return f"extract:{source}:{connection}"


def worker_lease_prefix(source: str, connection: str) -> str:
    """What the names of the leases of an account's workers begin with."""
    return f"transform:{source}:{connection}:"


def sync_lease_name(source: str, connection: str) -> str:
    """The lease of an account's syncs."""
    return f"sync:{source}:{connection}"


def open_exporter(
    manifest: SourceManifest, selection: Any, credentials: str | None, *, secrets: bool = True
) -> BaseExporter:
    """The exporter of a source, with its settings and, unless the selection needs none, secrets.

    Args:
        manifest: The source.
        selection: What is asked of it.
        credentials: Name of a saved block; None for the environment.
        secrets: Whether it will be asked anything at all.

    Raises:
        ConfigurationError: A setting or a credential is missing or makes no sense.
    """
    exporter_class: type[BaseExporter] = manifest.load(manifest.exporter)
    settings = load_settings(manifest.load(manifest.settings), manifest.name)
    values: Mapping[str, str] = {}
    if secrets and exporter_class.needs_credentials(selection):
        values = find_credentials(manifest, credentials)
    return exporter_class.for_selection(selection, values, settings)


def parsed_selection(manifest: SourceManifest, fields: Mapping[str, Any]) -> Any:
    """A source's selection out of plain values.

    Raises:
        ConfigurationError: A field does not exist or its value makes no sense.
    """
    return manifest.load(manifest.exporter).selection_type.of(fields)


_sessions: Final[dict[str, SyncSession]] = {}
_ended: Final[deque[str]] = deque(maxlen=100)
"""The last runs that came to their end in this process."""

_lock: Final = Lock()


def session_of(request: SyncRequest) -> SyncSession:
    """The session of a run in this process, opened by the first who asks.

    Raises:
        WaitInterruptedError: The run was stopped before the caller, one of its tasks, began.
    """
    with _lock:
        if request.run_id in _ended:
            raise WaitInterruptedError("The run was stopped.")
        session = _sessions.get(request.run_id)
        if session is None:
            session = _sessions[request.run_id] = SyncSession(request)
        return session


def end_session(request: SyncRequest) -> None:
    """Closes the session of a run, if there is one in this process."""
    with _lock:
        session = _sessions.pop(request.run_id, None)
        _ended.append(request.run_id)
    if session is not None:
        session.close()


def skipped(partition: Partition) -> PartitionResult:
    """The result of a partition that cannot be read."""
    return PartitionResult(
        key=partition.key,
        name=partition.name,
        kind=partition.kind,
        outcome=PartitionOutcome.SKIPPED,
        message=partition.unreadable or "",
    )


def unlisted(session: SyncSession, partitions: Iterable[Partition]) -> list[PartitionResult]:
    """What was synced before and is not listed any more, where everything was asked for.

    Whether it was deleted or is only hidden from us now, a listing does not say: its documents stay
    until a person decides.
    """
    if session.selection != type(session.selection)():
        return []
    listed = {partition.key for partition in partitions}
    return [
        PartitionResult(
            key=state.key,
            name=state.name,
            kind=state.kind,
            outcome=PartitionOutcome.SKIPPED,
            message=f"{session.manifest.title} does not list it any more; what is stored of it "
            f"stays until `data-getters forget {session.manifest.name} {state.key}`.",
        )
        for state in session.stores.ledger.partitions(session.context.connection_id)
        if state.records and state.key not in listed
    ]
