"""The flow that syncs several sources at once."""

from typing import Any, Final, cast

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.logging import get_run_logger
from prefect.states import Failed
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from documents.errors import DataGettersError
from exporters.redaction import redact_all_logs, redactor
from exporters.registry import source
from flows.of_source import sync_with_flow
from tasks.chosen_sources import SourceSync, sources_to_sync
from tasks.options import SyncOptions
from tasks.reporting import listening
from tasks.run_names import named
from tasks.session import run_named
from tasks.settings import load_task_settings
from tasks.several_sources import (
    SourceRun,
    SourceRuns,
    begins_alone,
    end_state,
    own_state,
    publish,
)

_DEFAULT_OPTIONS: Final = SyncOptions()


def _source_runner() -> TaskRunner[PrefectFuture[Any]]:
    runner = ThreadPoolTaskRunner[Any](max_workers=load_task_settings().concurrent_sources)
    return cast("TaskRunner[PrefectFuture[Any]]", runner)


# Retries are those of the source's own flow: of its listing and of each partition.
@task(name="sync source", task_run_name="{name}", cache_policy=NO_CACHE, persist_result=False)
def sync_one_source(name: str, asked: SourceSync, run_id: str, options: SyncOptions) -> State[Any]:
    """Runs the flow of one source; the state in which that ends is this task's own too."""
    del name
    with run_named(run_id), begins_alone(run_id):
        state = sync_with_flow(
            source(asked.source), asked.selection, asked.credentials, asked.options or options
        )
    return own_state(state)


@flow(
    name="multi-source-sync",
    flow_run_name=named("multi-source-sync"),
    description="Syncs several sources at once; one that fails leaves the others whole.",
    task_runner=_source_runner(),
)
def multi_source_sync(
    sources: list[SourceSync] | None = None,
    options: SyncOptions = _DEFAULT_OPTIONS,
) -> State[Any]:
    """Syncs several sources into document index, vector store and raw landing.

    Each source is a flow run of its own below this one, with its own retries. A source that fails
    does not touch the others; the run then ends `PartlyFailed`, and tells which and why.

    Args:
        sources: What to sync: names of sources, or sources with a selection, a credentials block
            and options of their own. Empty means every source that the environment holds
            credentials for.
        options: How the syncs are done, where a source has no options of its own.

    Returns:
        `Completed`; `CompletedWithAttention` where items were set aside or deletes held back;
        `PartlyFailed` or `Failed`, both of the type failed, with the reasons.
    """
    redact_all_logs()
    try:
        runs = SourceRuns(sources_to_sync(sources))
    except DataGettersError as error:
        sentence = redactor.text(error.sentence())
        get_run_logger().error(sentence)
        return Failed(message=sentence)
    with listening(runs):
        futures = [
            (run, sync_one_source.submit(run.name, run.asked, run.run_id, options))
            for run in runs.runs
        ]
        for run, future in futures:
            run.state = _ended(run, future)
    publish(runs.runs)
    return end_state(runs.runs)


def _ended(run: SourceRun, future: PrefectFuture[Any]) -> State[Any]:
    """The state in which a source's flow run ended; a failure where it could not even begin."""
    future.wait()
    outcome: object = future.state
    if isinstance(outcome, State):
        return outcome
    return Failed(message=f"{run.name} did not end.")
