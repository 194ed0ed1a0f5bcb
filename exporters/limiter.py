"""One rate limiter per credential, shared by every partition and thread of the process.

pyrate-limiter's token buckets set the pace: one bucket a scope (a method or a tier), and one for
the whole credential where it has a limit of its own. What they lack is added here: a pause that
every thread keeps after the vendor said `Retry-After`, tightening when the vendor turns out
stricter than configured, waits that can be watched and interrupted, and an account of them.

Only the process is covered. pyrate-limiter's SQLite bucket, which could be shared by processes,
was tried and left out: without its file lock processes overrun the limit, and with it the bucket
knows no burst, no shared pause, and blocks for as long as the clock is set back.
"""

import hashlib
import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, cast

from pyrate_limiter import Decision, Duration, Rate, RateItem, StateBucket, TokenBucket

from documents.errors import DataGettersError
from exporters.errors import RateLimitError
from exporters.settings import WHOLE_CREDENTIAL, RateLimit

OnWait = Callable[[float, str], None]
"""Called about once a second during a wait with the seconds left and what is waited for."""

SLICE_SECONDS: Final = 1.0
LONGEST_PAUSE: Final = 3600.0
"""Seconds. A mistake in one header must not silence a worker for days; after this the service is
asked again and says again."""

_LARGEST_JITTER: Final = 2.0


class WaitInterruptedError(DataGettersError):
    """The run was stopped while it waited."""


def wait(
    seconds: float,
    reason: str,
    *,
    stop: threading.Event | None = None,
    on_wait: OnWait | None = None,
) -> float:
    """Sleeps in slices of a second, so that progress can tick and a stop is noticed.

    Args:
        seconds: How long.
        reason: What is waited for, for `on_wait`.
        stop: Ends the wait when it is set.
        on_wait: Called before each slice.

    Returns:
        Seconds that passed.

    Raises:
        WaitInterruptedError: `stop` was set.
    """
    begin = time.monotonic()
    end = begin + seconds
    while True:
        if stop is not None and stop.is_set():
            raise WaitInterruptedError(f"Stopped while waiting for {reason}.")
        left = end - time.monotonic()
        if left <= 0:
            return time.monotonic() - begin
        if on_wait is not None:
            on_wait(left, reason)
        if stop is not None:
            stop.wait(min(left, SLICE_SECONDS))
        else:
            time.sleep(min(left, SLICE_SECONDS))


@dataclass(frozen=True, slots=True)
class ScopeReport:
    """What a scope of a credential did so far.

    Attributes:
        calls: Calls let through.
        seconds_waited: Seconds that threads waited, summed over them.
        pauses: How often the vendor asked for a pause.
        limit: The limit in force; None without one.
    """

    calls: int
    seconds_waited: float
    pauses: int
    limit: RateLimit | None


class _Bucket:
    """A token bucket of pyrate-limiter. Every access is under the limiter's lock."""

    def __init__(self, limit: RateLimit) -> None:
        self.limit = limit
        # A rate per day keeps fractions of a call per minute: the library counts in integers.
        per_day = max(1, round(limit.per_minute * 24 * 60))
        rate = Rate(per_day, Duration.DAY, burst=limit.burst)
        self._bucket = StateBucket([rate], algorithm=TokenBucket())

    def take(self, tokens: int) -> float:
        """Takes at most a burst of tokens; returns seconds until they are there, 0.0 if taken."""
        now = time.monotonic_ns() // 1_000_000
        item = RateItem("", now, min(tokens, self.limit.burst))
        decision = cast("Decision", self._bucket.put_decision(item))
        return 0.0 if decision.allowed else max(1, decision.retry_after_ms or 1) / 1000


class _Scope:
    """The state of one scope. Every access is under the limiter's lock."""

    def __init__(self) -> None:
        self.bucket: _Bucket | None = None
        self.learned: RateLimit | None = None
        self.paused_until = 0.0
        self.pause_seconds = 0.0
        self.calls = 0
        self.pauses = 0
        self.seconds_waited = 0.0

    @property
    def limit(self) -> RateLimit | None:
        return self.bucket.limit if self.bucket else None

    def set_limit(self, limit: RateLimit) -> None:
        if limit != self.limit:
            self.bucket = _Bucket(limit)


class RateLimiter:
    """Lets calls of one credential through at the pace the vendor allows. Shared by threads.

    Args:
        service: What a person calls the service; used in sentences.
        limits: Limits by scope. The scope `*` counts every call of the credential; a scope without
            a limit is only held back by pauses.
    """

    def __init__(self, service: str, limits: Mapping[str, RateLimit] | None = None) -> None:
        self._service = service
        self._lock = threading.Lock()
        self._scopes: dict[str, _Scope] = {}
        self.configure(limits or {})

    def configure(self, limits: Mapping[str, RateLimit]) -> None:
        """Sets limits by scope. A limit that `tighten` has learned stays where it is stricter."""
        with self._lock:
            for name, limit in limits.items():
                scope = self._scope(name)
                scope.set_limit(_stricter(limit, scope.learned))

    def tighten(self, scope: str, per_minute: float, burst: int = 1) -> bool:
        """Lowers a limit when the vendor turns out stricter than configured.

        The new bucket starts empty: the vendor has just counted the calls before.

        Returns:
            Whether that changed anything; a limit is never loosened here.
        """
        with self._lock:
            state = self._scope(scope)
            before = state.limit
            state.learned = _stricter(RateLimit(per_minute=per_minute, burst=burst), before)
            state.set_limit(state.learned)
            if state.bucket is None or state.limit == before:
                return False
            state.bucket.take(state.learned.burst)
            return True

    def pause(self, scope: str, seconds: float) -> None:
        """Holds back every thread that calls in `scope` (`*`: anywhere) for so many seconds.

        A longer pause that is already running is kept. More than an hour counts as an hour.
        """
        seconds = min(max(seconds, 0.0), LONGEST_PAUSE)
        with self._lock:
            state = self._scope(scope)
            state.pauses += 1
            until = time.monotonic() + seconds
            if until > state.paused_until:
                state.paused_until = until
                state.pause_seconds = seconds

    def paused_for(self, scope: str = WHOLE_CREDENTIAL) -> float:
        """Seconds that calls in `scope` are still held back; 0.0 when they are not."""
        with self._lock:
            return self._pause(scope)[0]

    def acquire(
        self,
        scope: str = WHOLE_CREDENTIAL,
        *,
        weight: int = 1,
        longest_wait: float | None = None,
        stop: threading.Event | None = None,
        on_wait: OnWait | None = None,
    ) -> float:
        """Waits until a call may be made, and counts it.

        Args:
            scope: The method or tier.
            weight: What the call costs, where the vendor counts units instead of calls. More than
                a burst is collected over time.
            longest_wait: Seconds. A pause that lasts longer is not waited for. Waiting for one's
                turn at the configured pace is not bounded.
            stop: Ends the wait when it is set.
            on_wait: Told about the wait.

        Returns:
            Seconds waited.

        Raises:
            RateLimitError: A pause lasts longer than `longest_wait`.
            WaitInterruptedError: `stop` was set.
        """
        waited = 0.0
        missing = {scope: weight, WHOLE_CREDENTIAL: weight}
        while True:
            with self._lock:
                seconds, reason = self._must_wait(scope, longest_wait, missing)
                if not seconds:
                    self._count(scope, waited)
                    return waited
            waited += wait(seconds, reason, stop=stop, on_wait=on_wait)

    def report(self) -> dict[str, ScopeReport]:
        """Calls and waits by scope since the process began."""
        with self._lock:
            return {
                name: ScopeReport(
                    calls=scope.calls,
                    seconds_waited=scope.seconds_waited,
                    pauses=scope.pauses,
                    limit=scope.limit,
                )
                for name, scope in self._scopes.items()
            }

    def _scope(self, name: str) -> _Scope:
        return self._scopes.setdefault(name, _Scope())

    def _count(self, scope: str, waited: float) -> None:
        state = self._scope(scope)
        state.calls += 1
        state.seconds_waited += waited

    def _pause(self, scope: str) -> tuple[float, float]:
        """Seconds left of the pause that ends last, and how long that pause is as a whole."""
        now = time.monotonic()
        states = [self._scopes[name] for name in {scope, WHOLE_CREDENTIAL} if name in self._scopes]
        last = max(states, key=lambda state: state.paused_until, default=None)
        if last is None or last.paused_until <= now:
            return 0.0, 0.0
        return last.paused_until - now, last.pause_seconds

    def _must_wait(
        self, scope: str, longest_wait: float | None, missing: dict[str, int]
    ) -> tuple[float, str]:
        """How long to wait before trying again; 0.0 when the call has all its tokens."""
        left, whole = self._pause(scope)
        if left:
            if longest_wait is not None and left > longest_wait:
                raise RateLimitError(
                    f"{self._service} asked for a pause that lasts another {left:.0f} s, longer "
                    f"than the {longest_wait:.0f} s that are waited for.",
                    retry_after=left,
                    scope=scope,
                    hint="The task tries again later by itself.",
                )
            # Threads that all come back in the same instant would be refused again.
            jitter = random.uniform(0.0, min(whole / 10, _LARGEST_JITTER))  # noqa: S311
            return left + jitter, f"{self._service}, which asked for a pause"
        # Own scope first: a token taken and then held while the other bucket is awaited makes the
        # credential slower than allowed, never faster.
        for name in (scope, WHOLE_CREDENTIAL):
            bucket = self._scopes[name].bucket if name in self._scopes else None
            while bucket is not None and missing[name] > 0:
                seconds = bucket.take(missing[name])
                if seconds:
                    return seconds, f"its turn at {self._service} ({name})"
                missing[name] -= bucket.limit.burst
        return 0.0, ""


def _stricter(limit: RateLimit, other: RateLimit | None) -> RateLimit:
    if other is None:
        return limit
    return RateLimit(
        per_minute=min(limit.per_minute, other.per_minute), burst=min(limit.burst, other.burst)
    )


_fingerprint_key: Final = os.urandom(16)
_limiters: Final[dict[tuple[str, str], RateLimiter]] = {}
_limiters_lock: Final = threading.Lock()


def credential_fingerprint(credential: str) -> str:
    """What stands for a credential in registries of this process; tells nothing about it.

    Keyed at random, so it is another one in every process.
    """
    return hashlib.blake2b(credential.encode(), digest_size=12, key=_fingerprint_key).hexdigest()


def limiter_for(
    service: str, credential: str, limits: Mapping[str, RateLimit] | None = None
) -> RateLimiter:
    """The process's one limiter of a credential, made at the first call.

    Args:
        service: What a person calls the service.
        credential: The token or key itself; only a fingerprint of it is kept.
        limits: Limits by scope. A later caller's limits replace an earlier one's.
    """
    key = (service, credential_fingerprint(credential))
    with _limiters_lock:
        limiter = _limiters.setdefault(key, RateLimiter(service))
    limiter.configure(limits or {})
    return limiter
