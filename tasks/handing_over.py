"""Giving accounts that are extracted back to their syncs."""

from contextlib import ExitStack, closing
from uuid import uuid4

from documents.errors import ConfigurationError
from stores.ledger.job_types import JobStatus
from tasks.session import account_held, extract_lease_name
from tasks.stores import existing_ledger


def end_extraction(source: str, connection: str | None = None) -> dict[str, int]:
    """Gives the cursors of a source's accounts to their syncs.

    Args:
        source: The source's name.
        connection: Only this account, by id or title.

    Returns:
        How many partitions each account has, by title.

    Raises:
        ConfigurationError: Jobs are left, or were given up and not discarded.
        StoreError: The ledger cannot be used, or an extraction or a sync is going on.
    """
    ledger, address = existing_ledger()
    if ledger is None:
        raise ConfigurationError(f"Nothing was synced yet: {address} does not exist.")
    ended: dict[str, int] = {}
    with closing(ledger):
        for state in ledger.connections():
            wanted = state.source == source and connection in {None, state.connection, state.title}
            if not wanted or not ledger.extractions.is_used(state.id):
                continue
            run = uuid4().hex
            with ExitStack() as held:
                extracting = extract_lease_name(source, state.connection)
                held.enter_context(ledger.lease(extracting, run_id=run))
                held.enter_context(account_held(ledger, source, state.connection, run_id=run))
                counts = ledger.jobs.counts(source=source, connection=state.connection)
                for status in (JobStatus.READY, JobStatus.CLAIMED, JobStatus.DEAD):
                    if counts[status]:
                        raise ConfigurationError(
                            f"Jobs of {state.title} that are {status.value}: {counts[status]:,}.",
                            hint="Run `data-getters transform`; `data-getters jobs list` shows "
                            "those that were given up.",
                        )
                ended[state.title] = ledger.extractions.hand_over(state.id)
    return ended
