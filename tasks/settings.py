"""How the tasks of a sync are run: how many at once, and how often again.

Where a value comes from, and what is said of a wrong one: see `documents.settings`. The section is
`tasks`, so a variable is `DATA_GETTERS_TASKS__<FIELD>`. Prefect wants these when a flow is defined,
so a change takes effect with the next process.
"""

from typing import Annotated, Final, Literal

from pydantic import Field

from documents.settings import Seconds, Settings, Unit, load_settings

SECTION: Final = "tasks"


class TaskSettings(Settings):
    """Settings of the tasks. Immutable; made by `load_task_settings`."""

    concurrent_partitions: Annotated[int, Field(ge=1, le=64), Unit("partitions")] = Field(
        default=4,
        description="Partitions synced, or replayed, at once. They share one rate limiter, so more "
        "of them help only where a source or an embedding model answers slowly.",
    )
    concurrent_sources: Annotated[int, Field(ge=1, le=32), Unit("sources")] = Field(
        default=4, description="Sources synced at once by a run over several of them."
    )
    making: Literal["here", "apart when large", "apart"] = Field(
        default="apart when large",
        description="Where documents are made of payloads: in the sync's own process, in one "
        "beside it where there are many at once, or always there. Beside it they are made while "
        "the sync fetches, and a payload that makes its reader hang or crash costs itself alone; "
        "the process takes about 100 MB.",
    )
    making_seconds: Seconds = Field(
        default=60,
        description="Longest a record may take to become documents, where that is done apart.",
    )
    loading: Literal["here", "apart when large"] = Field(
        default="apart when large",
        description="Where what was fetched is landed, made documents, embedded and written: in "
        "the sync's own process, or, where there is much of it, in one beside it, which takes some "
        "200 MB. Sources whose documents several accounts share are always done here.",
    )
    retries: Annotated[int, Field(ge=0, le=10), Unit("retries")] = Field(
        default=3, description="How often a partition is tried again after a passing failure."
    )
    retry_delay: Seconds = Field(
        default=30, description="Wait before the first retry; doubles each time, with jitter."
    )


def load_task_settings() -> TaskSettings:
    """Reads the settings of the tasks.

    Raises:
        ConfigurationError: A value makes no sense, a key is unknown, or the file cannot be read.
    """
    return load_settings(TaskSettings, SECTION)
