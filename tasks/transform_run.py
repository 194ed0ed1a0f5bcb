"""A transform worker as Prefect sees it: one flow run, stopped in peace, a table at its end."""

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event
from types import FrameType
from typing import Any, Final

from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Completed, Failed

from documents.errors import ConfigurationError, DataGettersError
from exporters.redaction import redact_all_logs, redactor
from stores.ledger.job_types import JobStatus
from stores.ledger.ledger import Ledger
from stores.opening import open_queue
from stores.settings import load_store_settings
from tasks.queue_state import QueueState, queue_state
from tasks.recorded_run import ATTENTION
from tasks.reporting import WorkEnded, WorkFailed, WorkProgressed, tell
from tasks.scripts import TRANSFORM
from tasks.stores import existing_ledger
from tasks.worker import Worker, WorkRequest, WorkResult

_KEPT: Final = timedelta(days=7)
"""How long jobs that are done can be looked at."""

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def run_worker(request: WorkRequest) -> State[Any]:
    """The body of the transform worker's flow.

    Returns:
        The state in which the flow run ends: Completed; under the name `CompletedWithAttention`
        where jobs failed or items were set aside; Cancelled where it was stopped, after the job
        at hand; Failed where queue or ledger cannot be used.
    """
    redact_all_logs()
    try:
        result, state = work(request)
    except DataGettersError as error:
        sentence = redactor.text(error.sentence())
        tell(WorkFailed(error))
        get_run_logger().error(sentence)
        return Failed(message=sentence)
    create_table_artifact(
        table=state.rows, key="transform-queue", description=f"{result.sentence} {state.sentence}"
    )
    tell(WorkEnded(result))
    if result.stopped:
        return Cancelled(message=f"Stopped after the job at hand. {result.sentence}")
    attention = result.dead or result.retried or result.counts.failed
    return Completed(name=ATTENTION if attention else "Completed", message=result.sentence)


def work(request: WorkRequest) -> tuple[WorkResult, QueueState]:
    """Does jobs; afterwards says how full the queue is.

    Raises:
        ConfigurationError: Nothing was extracted yet.
        StoreError: Queue or ledger cannot be used.
    """
    settings = load_store_settings()
    ledger, address = existing_ledger(settings)
    if ledger is None:
        raise ConfigurationError(
            f"Nothing was extracted yet: {address} does not exist.",
            hint="Run `data-getters extract SOURCE` first.",
        )
    with ExitStack() as stack:
        stack.enter_context(closing(ledger))
        queue = stack.enter_context(open_queue(settings, ledger))
        stop = stack.enter_context(stopped_by_signals())
        queue.dispatch()
        worker = Worker(queue, request, stop=stop, progress=lambda r: tell(WorkProgressed(r)))
        result = worker.run()
        _purge(ledger)
        return result, queue_state(ledger)


def _purge(ledger: Ledger) -> None:
    """Removes jobs done long ago; never those that a dead job may have to be followed by."""
    before = datetime.now(UTC) - _KEPT
    dead = ledger.jobs.page(type=TRANSFORM, status=JobStatus.DEAD, limit=1)
    if dead:
        before = min(before, dead[0].created_at)
    ledger.jobs.purge(before)


@contextmanager
def stopped_by_signals() -> Iterator[Event]:
    """An event that SIGTERM and Ctrl-C set; a second Ctrl-C interrupts at once."""
    stop = Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set() and number == signal.SIGINT:
            signal.default_int_handler(number, frame)
        stop.set()

    before: dict[signal.Signals, Any] = {}
    try:
        for number in _SIGNALS:
            before[number] = signal.signal(number, ask)
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
