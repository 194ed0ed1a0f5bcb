"""Quota: every method costs units, and there are so many a minute.

Costs are those of developers.google.com/workspace/gmail/api/reference/quota of 2026; projects from
before May 2026 pay less for reading messages and threads.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sandbox.gmail.switches import Switches
from sandbox.google.api import Operation
from sandbox.google.errors import GoogleError
from sandbox.google.oauth import Grant

MINUTE = 60.0
OLD_COSTS = {"messages.get": 5, "threads.get": 10}
PROJECT = ""


class Quota:
    """Sliding windows of one minute: one for the project, one for each user.

    Attributes:
        clock: Seconds that only grow; where they begin does not matter.
    """

    def __init__(self, switches: Switches, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._switches = switches
        self._spent: dict[str, deque[tuple[float, int]]] = {}
        self._lock = threading.Lock()

    def charge(self, grant: Grant, operation: Operation) -> None:
        """Count the units of a call; a call that is refused costs nothing.

        Raises:
            GoogleError: 403 ``userRateLimitExceeded`` or 429 ``rateLimitExceeded``.
        """
        if operation.service != "gmail.googleapis.com":
            return
        units = operation.cost
        if self._switches.old_costs:
            units = OLD_COSTS.get(operation.name, units)
        with self._lock:
            wait = self._wait(grant.user or "robot", units, self._switches.user_units)
            if wait:
                raise user_rate_limit(wait)
            if self._wait(PROJECT, units, self._switches.project_units):
                raise project_rate_limit()
            now = self.clock()
            for window in (grant.user or "robot", PROJECT):
                self._spent.setdefault(window, deque()).append((now, units))

    def spent(self, user: str = PROJECT) -> int:
        """Units spent in the running minute by a user, or by all of them."""
        with self._lock:
            return sum(units for _, units in self._recent(user))

    def reset(self) -> None:
        """Forget what was counted."""
        with self._lock:
            self._spent.clear()

    def _wait(self, window: str, units: int, allowed: int | None) -> float:
        """Seconds until so many units are free; 0 when they are now."""
        spent = self._recent(window)
        if allowed is None:
            return 0.0
        over = sum(cost for _, cost in spent) + units - allowed
        if over <= 0:
            return 0.0
        length = MINUTE / self._switches.quota_scale
        for moment, cost in spent:
            over -= cost
            if over <= 0:
                return moment + length - self.clock()
        return length

    def _recent(self, window: str) -> deque[tuple[float, int]]:
        spent = self._spent.setdefault(window, deque())
        oldest = self.clock() - MINUTE / self._switches.quota_scale
        while spent and spent[0][0] <= oldest:
            spent.popleft()
        return spent


def user_rate_limit(wait: float = 1.0) -> GoogleError:
    """One user asked too much: the message says until when to wait, no header does."""
    until = datetime.now(UTC) + timedelta(seconds=wait)
    stamp = until.strftime("%Y-%m-%dT%H:%M:%S.") + f"{until.microsecond // 1000:03d}Z"
    return GoogleError(
        403,
        f"User-rate limit exceeded.  Retry after {stamp}",
        "userRateLimitExceeded",
        domain="usageLimits",
    )


def project_rate_limit() -> GoogleError:
    """All users together asked too much."""
    return GoogleError(
        429,
        "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute' of service "
        "'gmail.googleapis.com' for consumer 'project_number:731294618823'.",
        "rateLimitExceeded",
        domain="usageLimits",
        details=[
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "RATE_LIMIT_EXCEEDED",
                "domain": "googleapis.com",
                "metadata": {
                    "consumer": "projects/731294618823",
                    "quota_metric": "gmail.googleapis.com/default",
                    "quota_limit": "UnitsPerMinutePerProject",
                    "service": "gmail.googleapis.com",
                },
            }
        ],
    )
