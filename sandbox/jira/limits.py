"""Jira's rate limits.

Cloud has three that are told apart by ``RateLimit-Reason``: bursts per endpoint and second, a quota
of points an hour, and writes per issue (developer.atlassian.com, "Rate limiting"). Data Center has
a token bucket per person (Atlassian's "Improving instance stability with rate limiting").
"""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from sandbox.jira.switches import Switches

LimitForm = Literal["burst", "quota", "write"]
REASONS: dict[LimitForm, str] = {
    "burst": "jira-burst-based",
    "quota": "jira-quota-global-based",
    "write": "jira-per-issue-on-write",
}
HOUR = 3600.0
NEAR = 0.2
"""Share of a quota below which ``X-RateLimit-NearLimit`` says true."""


@dataclass(slots=True)
class _Window:
    begun: float
    used: int = 0


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled: float


@dataclass(slots=True)
class Verdict:
    """Whether a request may go ahead, and the headers that say how things stand."""

    allowed: bool = True
    headers: dict[str, str] = field(default_factory=dict)


class RateLimits:
    """Counts requests against the switches' limits. Safe to use from any thread.

    Args:
        switches: The limits.
        clock: Seconds that only go forward.
    """

    def __init__(self, switches: Switches, clock: Callable[[], float] = time.monotonic) -> None:
        self._switches = switches
        self._clock = clock
        self._lock = threading.Lock()
        self._bursts: dict[str, _Window] = {}
        self._points = _Window(0.0)
        self._buckets: dict[str, _Bucket] = {}

    def reset(self) -> None:
        """Forget what was counted."""
        with self._lock:
            self._bursts.clear()
            self._buckets.clear()
            self._points = _Window(0.0)

    def cloud(self, endpoint: str) -> Verdict:
        """Count a request to Cloud; ``endpoint`` holds the method too."""
        with self._lock:
            verdict = self._burst(endpoint)
            return verdict if not verdict.allowed else self._quota(verdict)

    def spend(self, objects: int) -> None:
        """Count the points for the objects of an answer."""
        with self._lock:
            self._points.used += objects

    def datacenter(self, person: str) -> Verdict:
        """Count a request to Data Center."""
        switches = self._switches
        if switches.bucket_size is None:
            return Verdict()
        now = self._clock()
        with self._lock:
            bucket = self._buckets.setdefault(person, _Bucket(switches.bucket_size, now))
            intervals = int((now - bucket.filled) / switches.bucket_interval)
            bucket.filled += intervals * switches.bucket_interval
            bucket.tokens = min(
                switches.bucket_size, bucket.tokens + intervals * switches.bucket_fill
            )
            allowed = bucket.tokens >= 1
            bucket.tokens -= 1 if allowed else 0
            wait = max(1, math.ceil(bucket.filled + switches.bucket_interval - now))
            headers = {
                "X-RateLimit-Limit": str(switches.bucket_size),
                "X-RateLimit-Remaining": str(int(bucket.tokens)),
                "X-RateLimit-FillRate": str(switches.bucket_fill),
                "X-RateLimit-Interval-Seconds": str(max(1, round(switches.bucket_interval))),
                "Retry-After": "0" if allowed else str(wait),
            }
            return Verdict(allowed, headers)

    def _burst(self, endpoint: str) -> Verdict:
        allowed = self._switches.burst_per_second
        if allowed is None:
            return Verdict()
        now = self._clock()
        window = self._bursts.setdefault(endpoint, _Window(now))
        if now - window.begun >= 1:
            window.begun, window.used = now, 0
        window.used += 1
        left = allowed - window.used
        headers = {"X-RateLimit-Limit": str(allowed), "X-RateLimit-Remaining": str(max(0, left))}
        if left >= 0:
            return Verdict(headers=headers)
        return Verdict(allowed=False, headers=headers | refusal_headers("burst", 1, allowed))

    def _quota(self, verdict: Verdict) -> Verdict:
        points = self._switches.points_per_hour
        if points is None:
            return verdict
        now = self._clock()
        if now - self._points.begun >= HOUR:
            self._points = _Window(now)
        self._points.used += 1
        left = points - self._points.used
        wait = max(1, math.ceil(self._points.begun + HOUR - now))
        if left < 0:
            return Verdict(allowed=False, headers=refusal_headers("quota", wait, points))
        verdict.headers |= {
            "X-RateLimit-Limit": str(points),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": _reset_at(wait),
            "X-RateLimit-NearLimit": "true" if left < points * NEAR else "false",
        }
        return verdict


def refusal_headers(form: LimitForm, wait: float, limit: int = 100) -> dict[str, str]:
    """The headers of a 429 on Cloud.

    Args:
        form: Which limit.
        wait: Seconds until the next request is taken.
        limit: The limit's size.
    """
    return {
        "Retry-After": str(math.ceil(wait)),
        "RateLimit-Reason": REASONS[form],
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": _reset_at(wait),
        "X-RateLimit-NearLimit": "true",
    }


def bucket_headers(
    wait: float, *, size: int = 100, fill: int = 5, interval: int = 1
) -> dict[str, str]:
    """The headers of a 429 on Data Center: an empty bucket."""
    return {
        "X-RateLimit-Limit": str(size),
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-FillRate": str(fill),
        "X-RateLimit-Interval-Seconds": str(interval),
        "Retry-After": str(math.ceil(wait)),
    }


def _reset_at(wait: float) -> str:
    return datetime.fromtimestamp(time.time() + wait, UTC).strftime("%Y-%m-%dT%H:%MZ")
