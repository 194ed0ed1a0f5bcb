"""A deployed collection: server, work pool and worker are real, Slack is the sandbox."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import BlockDocumentCreate
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, FlowRunFilter
from prefect.client.schemas.objects import Artifact, FlowRun, State, TaskRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.settings import PREFECT_API_URL, temporary_settings
from servers.prefect import PrefectServer

from exporters.slack.settings import TIER_LIMITS
from sandbox.slack import BOT_TOKEN, SlackSandbox
from stores.opening import open_document_index, open_vector_store
from stores.settings import load_store_settings
from tasks.stores import open_ledger

ROOT = Path(__file__).parents[2]
NAME = "slack-sync/slack"
RESCAN = "slack-sync/slack-rescan"

_PATIENCE = 240.0
_CHANGES_WITH_EACH_RUN = {"ingestion_timestamp", "run_id", "raw_ref"}


def until(done: Callable[[], Any], what: str, seconds: float = _PATIENCE) -> Any:
    """What a function gives as soon as it gives something."""
    end = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < end, f"waited {seconds:.0f} seconds in vain for {what}"
        time.sleep(0.2)
    return found


def is_gone(pid: int) -> bool:
    """Whether there is no process of this number any more."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def module(server: PrefectServer, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a module of the repository against a server."""
    return subprocess.run(
        [sys.executable, "-m", name, *arguments],
        cwd=ROOT, env={**os.environ, **server.environment},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


@contextmanager
def client_of(server: PrefectServer) -> Iterator[SyncPrefectClient]:
    with (
        temporary_settings({PREFECT_API_URL: server.api_url}),
        get_client(sync_client=True) as client,
    ):
        yield client


@dataclass
class Collection:
    """A server with the collection deployed to it, and what its runs leave there.

    Attributes:
        server: The Prefect server.
        client: Of that server.
        folder: Holds the stores, a folder each, and the worker's log.
    """

    server: PrefectServer
    client: SyncPrefectClient
    folder: Path

    @property
    def worker_log(self) -> Path:
        return self.folder / "worker.log"

    def start_in(
        self, environment: Mapping[str, str], name: str, parameters: Mapping[str, Any]
    ) -> FlowRun:
        """Creates a run as the UI does: through the API, with its own parameters."""
        return self.client.create_flow_run_from_deployment(
            self.client.read_deployment_by_name(name).id,
            parameters=dict(parameters),
            job_variables={"env": dict(environment)},
        )

    def ended(self, run: FlowRun) -> State[Any]:
        """The state in which a run ends."""

        def final() -> State[Any] | None:
            state = self.client.read_flow_run(run.id).state
            return state if state is not None and state.is_final() else None

        state: State[Any] = until(final, f"the end of {run.name}")
        return state

    def process_of(self, run: FlowRun) -> int:
        """The id of the worker's child that carries a run out."""

        def pid() -> str | None:
            found = self.client.read_flow_run(run.id).infrastructure_pid
            return found.rpartition(":")[2] if found else None

        return int(until(pid, f"the process of {run.name}"))

    def task_runs(self, run: FlowRun) -> list[TaskRun]:
        """The tasks of a run that has ended; the server writes them down up to 5 seconds later."""

        def all_ended() -> list[TaskRun] | None:
            found = self.client.read_task_runs(flow_run_filter=FlowRunFilter.model_validate(
                {"id": {"any_": [run.id]}}
            ))  # fmt: skip
            return found if all(task.state and task.state.is_final() for task in found) else None

        ended: list[TaskRun] = until(all_ended, f"the ends of the tasks of {run.name}")
        return ended

    def tables(self, run: FlowRun) -> list[Artifact]:
        found = self.client.read_artifacts(
            artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]))
        )
        return [artifact for artifact in found if artifact.type == "table"]


@dataclass
class Deployed(Collection):
    """What the tests of Slack's deployments steer.

    Attributes:
        slack: The sandbox that the runs ask.
    """

    slack: SlackSandbox

    @property
    def deployment(self) -> DeploymentResponse:
        return self.client.read_deployment_by_name(NAME)

    def environment(self, stores: str) -> dict[str, str]:
        """What a run's process finds: the sandbox, which paces nobody, and stores of its own."""
        unhurried = {scope: {"per_minute": 100_000, "burst": 1_000} for scope in TIER_LIMITS}
        return {
            "DATA_GETTERS_SLACK__BASE_URL": self.slack.api_url,
            "DATA_GETTERS_SLACK__RATE_LIMITS": json.dumps(unhurried),
            "DATA_GETTERS_SLACK__MAX_ATTEMPTS": "1",
            "DATA_GETTERS_SLACK__BREAKER_THRESHOLD": "1000",
            "DATA_GETTERS_SLACK__PAGE_SIZE": "50",
            "DATA_GETTERS_TASKS__RETRIES": "2",
            "DATA_GETTERS_TASKS__RETRY_DELAY": "0.2",
            "DATA_GETTERS_STORES__DATA_DIRECTORY": str(self.folder / stores),
        }

    def start(
        self, stores: str, parameters: Mapping[str, Any] | None = None, *, name: str = NAME
    ) -> FlowRun:
        """Creates a run that asks the sandbox."""
        return self.start_in(self.environment(stores), name, parameters or {})

    def run(self, stores: str, parameters: Mapping[str, Any] | None = None) -> State[Any]:
        """Creates a run and waits for its end."""
        return self.ended(self.start(stores, parameters))

    def cli(self, stores: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`data-getters`, by hand, on the same stores."""
        return subprocess.run(
            [sys.executable, "-m", "flows.cli", *arguments],
            cwd=ROOT,
            env={
                **os.environ, **self.server.environment, **self.environment(stores),
                "SLACK_BOT_TOKEN": BOT_TOKEN,
            },
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def documents(self, stores: str) -> dict[str, Any]:
        """Every document with all that does not change with each run."""
        settings = load_store_settings(data_directory=self.folder / stores)
        index = open_document_index(settings)
        try:
            return {
                document.id or "": (
                    document.page_content,
                    {k: v for k, v in document.metadata.items() if k not in _CHANGES_WITH_EACH_RUN},
                )
                for document in index.iterate()
            }
        finally:
            index.close()

    def state(self, stores: str) -> dict[str, Any]:
        """All that a sync leaves behind: documents, vectors, records by partition."""
        settings = load_store_settings(data_directory=self.folder / stores)
        vectors, ledger = open_vector_store(settings), open_ledger(settings)
        try:
            [connection] = ledger.connections()
            return {
                "documents": self.documents(stores),
                "chunks": vectors.count(),
                "records": {p.name: p.records for p in ledger.partitions(connection.id)},
                "open": [p.name for p in ledger.partitions(connection.id) if p.listing_open],
            }
        finally:
            vectors.close()
            ledger.close()


def pause_schedules(client: SyncPrefectClient) -> None:
    """Lets no schedule make a run, as a person does it in the UI."""
    for deployment in client.read_deployments():
        for schedule in deployment.schedules:
            client.update_deployment_schedule(deployment.id, schedule.id, active=False)


def resume(client: SyncPrefectClient, *names: str) -> None:
    """Starts deployments that are paused for as long as nobody has saved their block."""
    for name in names:
        client.resume_deployment(client.read_deployment_by_name(name).id)
    pause_schedules(client)


def save_block(
    client: SyncPrefectClient, source: str, name: str, values: Mapping[str, str]
) -> None:
    """Saves credentials as the UI does."""
    block_type = client.read_block_type_by_slug(f"data-getters-{source}")
    schema = client.get_most_recent_block_schema_for_block_type(block_type.id)
    assert schema is not None
    client.create_block_document(
        BlockDocumentCreate(
            name=name, data=dict(values), block_type_id=block_type.id, block_schema_id=schema.id
        )
    )


@contextmanager
def running_worker(collection: Collection, environment: Mapping[str, str]) -> Iterator[None]:
    """A worker of the process pool, as one starts it in production.

    Args:
        collection: What it belongs to.
        environment: What runs find that bring no environment of their own.
    """
    with collection.worker_log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "worker", "start", "--pool", "data-getters",
             "--name", "tests", "--prefetch-seconds", "1"],
            cwd=collection.folder,
            env={**os.environ, **collection.server.environment, **environment,
                 "PREFECT_LOGGING_LEVEL": "INFO", "PREFECT_WORKER_QUERY_SECONDS": "1"},
            stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
