"""The queue that needs no broker: the ledger's own table, in SQLite or PostgreSQL."""

import time
from typing import Final

from stores.ledger.job_types import Job, JobFilter
from stores.queue.base import EVERYTHING, VISIBILITY, JobQueue

_FIRST_POLL: Final = 0.05
_LONGEST_POLL: Final = 1.0


class LedgerQueue(JobQueue):
    """Claims jobs straight from the ledger's table."""

    @property
    def address(self) -> str:
        """Where the ledger is."""
        return self.ledger.address

    def dispatch(self) -> int:
        """Nothing: the table is the queue."""
        return 0

    def claim(
        self,
        limit: int = 1,
        *,
        worker: str,
        visibility: float = VISIBILITY,
        only: JobFilter = EVERYTHING,
        wait: float = 0.0,
    ) -> list[Job]:
        """See `JobQueue.claim`; waits by asking, ever more slowly."""
        claims = self.ledger.claims
        deadline = time.monotonic() + wait
        pause = _FIRST_POLL
        while True:
            found = claims.claim(
                limit,
                worker=worker,
                visibility=visibility,
                attempts=self.policy.attempts,
                only=only,
            )
            if found:
                return found
            if claims.recover():
                continue
            left = deadline - time.monotonic()
            if left <= 0:
                return []
            time.sleep(min(pause, left))
            pause = min(pause * 2, _LONGEST_POLL)

    def close(self) -> None:
        """Nothing: the ledger is its opener's."""
