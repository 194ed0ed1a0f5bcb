"""The flow that looks after the raw landing."""

from typing import Annotated, Any

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed
from pydantic import Field

from documents.errors import DataGettersError
from exporters.redaction import redact_all_logs, redactor
from tasks.raw_upkeep import upkeep
from tasks.recorded_run import ATTENTION
from tasks.run_names import named


@flow(
    name="raw-upkeep",
    flow_run_name=named("raw-upkeep"),
    description="Removes payloads beyond the retention, merges small files, and verifies the rest.",
)
def raw_upkeep(
    keep_days: Annotated[int, Field(ge=0)] | None = None,
    keep_gigabytes: Annotated[float, Field(ge=0)] | None = None,
    verify: bool = True,
) -> State[Any]:
    """Looks after what landed; syncs may go on meanwhile.

    Args:
        keep_days: Payloads that landed longer ago may go; empty keeps them. What holds the newest
            payload of an item stays in any case.
        keep_gigabytes: The oldest may go until no more than this is left; empty for no bound.
        verify: Read everything and compare checksums afterwards.

    Returns:
        Completed; under the name `CompletedWithAttention` where a file is damaged. Failed where
        the landing or the ledger cannot be used.
    """
    redact_all_logs()
    try:
        done = upkeep(keep_days=keep_days, keep_gigabytes=keep_gigabytes, verify=verify)
    except DataGettersError as error:
        sentence = redactor.text(error.sentence())
        get_run_logger().error(sentence)
        return Failed(message=sentence)
    create_table_artifact(table=done.rows, key="raw-upkeep", description=done.sentence)
    return Completed(name=ATTENTION if done.damaged else "Completed", message=done.sentence)
