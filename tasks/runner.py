"""How many partitions of a run are synced at once."""

import os
from typing import Any, Final, cast

from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

CONCURRENCY_VARIABLE: Final = "DATA_GETTERS_CONCURRENT_PARTITIONS"


def partition_runner() -> TaskRunner[PrefectFuture[Any]]:
    """A task runner for partitions: four at once, or as many as the environment says.

    They share one rate limiter, so more of them help only where a source answers slowly. For other
    runners use `slack_sync.with_options(task_runner=...)`.
    """
    runner = ThreadPoolTaskRunner[Any](max_workers=int(os.environ.get(CONCURRENCY_VARIABLE, "4")))
    return cast("TaskRunner[PrefectFuture[Any]]", runner)
