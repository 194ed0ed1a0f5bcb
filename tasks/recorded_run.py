"""A run as the ledger and Prefect remember it: that it began, how it ended, and why."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Failed

from documents.errors import DataGettersError
from exporters.redaction import redactor
from stores.errors import StoreError
from stores.ledger.errors import LeaseHeldError
from stores.ledger.types import RunState
from tasks.flags import SwitchedOffError
from tasks.reporting import RunFailed, tell
from tasks.results import SyncResult
from tasks.session import SyncSession

ATTENTION: Final = "CompletedWithAttention"
"""Name of the state of a run that went through, with items set aside or deletes held back."""

_RUN_STATES: Final = {
    "Completed": RunState.COMPLETED,
    ATTENTION: RunState.PARTLY_FAILED,
    "Failed": RunState.FAILED,
}
"""How a run ended, by the name of the state of its flow run."""


@contextmanager
def recorded(session: SyncSession) -> Iterator[None]:
    """Writes down that a run begins, and, where the block is left by an error, how it ended.

    To be entered by whoever holds the account's lease.
    """
    ledger, request = session.stores.ledger, session.request
    connection_id = session.context.connection_id
    ledger.mark_interrupted(connection_id)
    ledger.start_run(request.run_id, connection_id, flow_run_id=request.flow_run_id)
    try:
        yield
    except BaseException as error:
        # Partitions run in other threads: they would go on to their end unless told.
        session.context.stop.set()
        failed = isinstance(error, Exception) and not isinstance(error, SwitchedOffError)
        ledger.finish_run(
            request.run_id,
            RunState.FAILED if failed else RunState.CANCELLED,
            message=redactor.text(_reason(error)),
        )
        raise


def finish(session: SyncSession, result: SyncResult, state: State[Any], note: str = "") -> None:
    """Writes down how a run ended that came to its end.

    Args:
        session: The run.
        result: What it did.
        state: The state in which its flow run ends.
        note: Said before the state's message.
    """
    session.stores.ledger.finish_run(
        session.request.run_id,
        _RUN_STATES[state.name or ""],
        counts=result.counts.as_dict(),
        message=f"{note}{state.message or ''}",
    )


def maintain(session: SyncSession) -> None:
    """Upkeep of the stores. What the run did stands, whatever becomes of it."""
    try:
        session.stores.maintain()
    except StoreError as error:
        get_run_logger().warning(
            "The stores' upkeep was put off to the next run: %s", redactor.text(error.sentence())
        )


def ended_badly(run_id: str, error: DataGettersError) -> State[Any]:
    """The state of a flow run that an error ended; whoever follows the run is told.

    Returns:
        Failed with the reason. Cancelled where another run of the account is going on, which brings
        the same, and where an operator has switched it off.
    """
    sentence = redactor.text(error.sentence())
    tell(RunFailed(run_id, error))
    if isinstance(error, (LeaseHeldError, SwitchedOffError)):
        get_run_logger().warning(sentence)
        return Cancelled(message=sentence)
    get_run_logger().error(sentence)
    return Failed(message=sentence)


def _reason(error: BaseException) -> str:
    if isinstance(error, DataGettersError):
        return error.sentence()
    return repr(error) if isinstance(error, Exception) else "Stopped before its end."
