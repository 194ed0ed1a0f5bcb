"""Telling Prefect's server that something landed, so that a transformation can follow it.

`prefect.yaml` has a deployment that the event starts, as the alternative to a worker that stands.
"""

from prefect.events import emit_event
from prefect.logging import get_run_logger

from exporters.redaction import redactor
from stores.errors import StoreError
from stores.ledger.job_types import JobStatus
from stores.opening import open_queue
from tasks.results import SyncResult
from tasks.scripts import TRANSFORM
from tasks.session import SyncSession

LANDED = "data-getters.extraction.landed"
"""The event; its resource is the account, its payload says how many jobs wait."""


def announce(session: SyncSession, result: SyncResult) -> None:
    """Tells the broker of new jobs, and the server that there are some."""
    ledger = session.stores.ledger
    try:
        with open_queue(session.stores.settings, ledger) as queue:
            queue.dispatch()
    except StoreError as error:
        # The jobs are in the ledger, and workers tell the broker too.
        get_run_logger().warning(redactor.text(error.sentence()))
    waiting = ledger.jobs.page(
        source=result.source,
        connection=result.connection,
        type=TRANSFORM,
        status=JobStatus.READY,
        limit=1,
    )
    if not waiting:
        return
    emit_event(
        event=LANDED,
        resource={
            "prefect.resource.id": f"data-getters.account.{result.source}.{result.connection}",
            "prefect.resource.name": f"{result.source} {result.connection}",
            "data-getters.source": result.source,
        },
        payload={"run_id": result.run_id, "landed": result.counts.landed},
    )
