"""What can go wrong with a lease."""

from datetime import datetime

from stores.errors import StoreError


class LeaseHeldError(StoreError):
    """Another run holds the lease.

    Attributes:
        name: What is leased.
        run_id: Which run.
        host: On which machine.
        since: When it took the lease.
    """

    retryable = True

    def __init__(self, name: str, *, run_id: str, host: str, since: datetime) -> None:
        super().__init__(
            f"{name} is already being synced: by the run {run_id} on {host}, since "
            f"{since:%Y-%m-%d %H:%M:%S} UTC.",
            hint="Wait for it to end, or stop it. A run that was killed is noticed by itself.",
        )
        self.name = name
        self.run_id = run_id
        self.host = host
        self.since = since


class LeaseLostError(StoreError):
    """The lease ran out before it was renewed, so that another run may have taken it."""
