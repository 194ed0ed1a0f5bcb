"""How many partitions of a run are synced at once."""

from typing import Any, cast

from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from tasks.settings import load_task_settings


def partition_runner() -> TaskRunner[PrefectFuture[Any]]:
    """A task runner for partitions: as many at once as `TaskSettings.concurrent_partitions` says.

    For other runners use `slack_sync.with_options(task_runner=...)`.
    """
    runner = ThreadPoolTaskRunner[Any](max_workers=load_task_settings().concurrent_partitions)
    return cast("TaskRunner[PrefectFuture[Any]]", runner)
