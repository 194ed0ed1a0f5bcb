"""How many partitions of a run are synced at once."""

import os
from typing import Any, Final

from prefect.task_runners import ThreadPoolTaskRunner

CONCURRENCY_VARIABLE: Final = "DATA_GETTERS_CONCURRENT_PARTITIONS"


def partition_runner() -> ThreadPoolTaskRunner[Any]:
    """A task runner for partitions: four at once, or as many as the environment says.

    They share one rate limiter, so more of them help only where a source answers slowly. For other
    runners use `slack_sync.with_options(task_runner=...)`.
    """
    return ThreadPoolTaskRunner(max_workers=int(os.environ.get(CONCURRENCY_VARIABLE, "4")))
