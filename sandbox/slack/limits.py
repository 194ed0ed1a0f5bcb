"""Rate limits: so many requests a minute per method and app.

The tiers are Slack's (docs.slack.dev, "Rate limits"): 1, 20, 50 and 100 a minute. ``auth.test`` and
``chat.getPermalink`` are in tiers of their own, "hundreds per minute".
"""

import math
import threading
import time
from collections import deque

MINUTE = 60.0
TIER_REQUESTS = {1: 1, 2: 20, 3: 50, 4: 100, 5: 600}
"""Requests a minute by tier; 5 stands for the special tiers."""

LIMITED_METHODS = frozenset({"conversations.history", "conversations.replies"})


class RateLimiter:
    """A sliding window of one minute for each (method, app)."""

    def __init__(self) -> None:
        self._taken: dict[tuple[str, str], deque[float]] = {}
        self._lock = threading.Lock()

    def take(self, method: str, app: str, requests: int, scale: float) -> int:
        """Count a request.

        Args:
            method: Web API method.
            app: The app the token belongs to.
            requests: Allowed in a minute.
            scale: How many times faster than the wall clock a minute passes.

        Returns:
            0 when the request may go ahead, else the seconds to wait, as Slack puts them into
            Retry-After: whole and at least 1.
        """
        window = MINUTE / scale
        now = time.monotonic()
        with self._lock:
            taken = self._taken.setdefault((method, app), deque())
            while taken and taken[0] <= now - window:
                taken.popleft()
            if len(taken) < requests:
                taken.append(now)
                return 0
            return max(1, math.ceil(taken[0] + window - now))

    def reset(self) -> None:
        """Forget what was counted."""
        with self._lock:
            self._taken.clear()
