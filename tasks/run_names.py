"""Names of flow runs: what a list of runs in the Prefect UI shows."""

from collections.abc import Callable
from datetime import UTC, datetime

from prefect.runtime import flow_run


def named(name: str) -> Callable[[], str]:
    """A flow's name for its runs: what it is, of which source if it can be any, and when (UTC).

    Args:
        name: May hold `{source}`, which is the run's parameter.
    """

    def run_name() -> str:
        told = name.format(source=flow_run.parameters.get("source", ""))
        return f"{told} {datetime.now(UTC):%Y-%m-%d %H:%M}"

    return run_name
