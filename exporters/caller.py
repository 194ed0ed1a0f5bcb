"""Makes every call to a vendor: paced, classified, retried, counted.

    limiter -> breaker -> the call -> classification -> (wait) -> again, or the classified error

Fine retries live here and nowhere else: libraries' own retries are switched off by the sources, and
Prefect retries whole partitions.
"""

import logging
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Generic, TypeVar

from pybreaker import STATE_CLOSED, STATE_OPEN, CircuitBreaker, CircuitBreakerError
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from exporters.classify import ErrorRules, RequestInfo, classify_exception
from exporters.errors import (
    Action,
    AuthenticationError,
    ExportError,
    RateLimitError,
    TransientError,
)
from exporters.limiter import (
    OnWait,
    RateLimiter,
    WaitInterruptedError,
    credential_fingerprint,
    limiter_for,
    wait,
)
from exporters.redaction import redactor
from exporters.settings import WHOLE_CREDENTIAL, SourceSettings
from exporters.wire_failures import CERTIFICATE, exception_chain, forget_handled

_log: Final = logging.getLogger(__name__)
_T = TypeVar("_T")

Check = Callable[[_T, RequestInfo, ErrorRules], ExportError | None]
"""Finds the failure in a result; see `ApiCaller.call`."""

_RETRIED_HERE: Final = frozenset({Action.RETRY, Action.WAIT_AND_RETRY})
"""A lost cursor or a page that is too large is retryable too, but not by the same call."""


@dataclass(slots=True)
class CallUsage:
    """What the calls made within a `track_calls` block cost.

    Attributes:
        calls: Real calls, retries included.
        retries: Calls that repeated a failed one.
        seconds_waited: Seconds spent waiting for one's turn, for pauses and between retries.
    """

    calls: int = 0
    retries: int = 0
    seconds_waited: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(self, *, calls: int = 0, retries: int = 0, seconds_waited: float = 0.0) -> None:
        """Adds to the counts; safe from several threads."""
        with self._lock:
            self.calls += calls
            self.retries += retries
            self.seconds_waited += seconds_waited


@dataclass(frozen=True, slots=True)
class _Tracker:
    usages: tuple[CallUsage, ...] = ()
    on_wait: OnWait | None = None
    stop: threading.Event | None = None

    def add(self, *, calls: int = 0, retries: int = 0, seconds_waited: float = 0.0) -> None:
        for usage in self.usages:
            usage.add(calls=calls, retries=retries, seconds_waited=seconds_waited)


_tracker: Final[ContextVar[_Tracker]] = ContextVar("_tracker", default=_Tracker())  # noqa: B039


@contextmanager
def track_calls(
    *, on_wait: OnWait | None = None, stop: threading.Event | None = None
) -> Iterator[CallUsage]:
    """Counts the calls made within the block, tells of their waits, and can end them.

    A context variable carries it, so concurrent partitions count apart. A thread started within
    the block belongs to it when it runs in `contextvars.copy_context()`. An inner block counts for
    the outer ones too and uses their `on_wait` and `stop` where it has none.

    Args:
        on_wait: Called about once a second during a wait: `on_wait(30.0, "Slack, which ...")`.
        stop: When set, waits end with `WaitInterruptedError`, and no call is made any more.
    """
    outer = _tracker.get()
    usage = CallUsage()
    token = _tracker.set(
        _Tracker(
            usages=(*outer.usages, usage),
            on_wait=on_wait or outer.on_wait,
            stop=stop or outer.stop,
        )
    )
    try:
        yield usage
    finally:
        _tracker.reset(token)


class CircuitOpenError(TransientError):
    """The service failed so often in a row that it is left alone for a while.

    Attributes:
        retry_after: Seconds until it is tried again.
    """

    def __init__(self, message: str, *, retry_after: float = 0.0) -> None:
        super().__init__(
            message, retry_after=retry_after, hint="The task tries again later by itself."
        )


class _ServiceFailedError(Exception):
    """Tells pybreaker of a failure."""


class ServiceBreaker:
    """Leaves a failing service alone; one for a service and credential, shared by threads.

    Only failures of the service count: an item that does not exist, a missing scope and a bad
    request show that it answers, and a rate limit says nothing. After the pause one call tries the
    service; its outcome closes the breaker or starts the next pause.

    pybreaker keeps the states, and is told outcomes instead of being given the calls: it holds its
    lock during a call, which would make all threads of a credential queue behind one request.

    Args:
        service: What a person calls the service.
        threshold: Failures in a row that open the breaker.
        pause: Seconds it stays open.
    """

    def __init__(self, service: str, threshold: int, pause: float) -> None:
        self._service = service
        self._pause = pause
        self._lock = threading.Lock()
        self._breaker = CircuitBreaker(fail_max=threshold, reset_timeout=pause, name=service)
        self._open_until = 0.0
        self._trial_until = 0.0

    def configure(self, threshold: int, pause: float) -> None:
        """Sets the limits anew; a pause under way keeps its end."""
        with self._lock:
            self._breaker.fail_max = threshold
            self._pause = pause

    def check(self) -> None:
        """Whether a call would be refused now.

        Raises:
            CircuitOpenError: It would.
        """
        with self._lock:
            self._refuse_while_open(time.monotonic())

    def admit(self) -> None:
        """Lets a call through; each must be followed by `record` or `release`.

        Raises:
            CircuitOpenError: The service is left alone, or another call is just trying it.
        """
        with self._lock:
            now = time.monotonic()
            self._refuse_while_open(now)
            if self._breaker.current_state != STATE_CLOSED:
                self._breaker.half_open()
                # A trial that never comes back must not close the service for good.
                self._trial_until = now + self._pause

    def record(self, error: ExportError | None) -> None:
        """Tells how an admitted call ended."""
        if isinstance(error, RateLimitError):
            self.release()
            return
        with self._lock:
            self._trial_until = 0.0
            before = self._breaker.current_state
            if before == STATE_OPEN:
                # A call that began before the breaker opened; the pause is kept all the same.
                return
            with suppress(CircuitBreakerError, _ServiceFailedError):
                self._breaker.call(_fail if isinstance(error, TransientError) else _succeed)
            after = self._breaker.current_state
            if after == STATE_OPEN:
                self._open_until = time.monotonic() + self._pause
                _log.warning("%s fails; it is left alone for %.0f s", self._service, self._pause)
            elif before != after:
                _log.info("%s answers again", self._service)

    def release(self) -> None:
        """Takes back an admission whose call says nothing about the service."""
        with self._lock:
            self._trial_until = 0.0

    def _refuse_while_open(self, now: float) -> None:
        if self._breaker.current_state == STATE_CLOSED:
            return
        left = max(self._open_until, self._trial_until) - now
        if left <= 0:
            return
        moment = datetime.now(UTC) + timedelta(seconds=left)
        raise CircuitOpenError(
            f"{self._service} failed {self._breaker.fail_max} times in a row and is left alone; "
            f"it is tried again in {left:.0f} s, at {moment:%H:%M:%S} UTC.",
            retry_after=left,
        )


def _succeed() -> None:
    """An outcome for pybreaker."""


def _fail() -> None:
    raise _ServiceFailedError


_breakers: Final[dict[tuple[str, str], ServiceBreaker]] = {}
_breakers_lock: Final = threading.Lock()


def breaker_for(service: str, credential: str, settings: SourceSettings) -> ServiceBreaker:
    """The process's one breaker of a service and credential."""
    threshold, pause = settings.breaker_threshold, settings.breaker_pause
    key = (service, credential_fingerprint(credential))
    with _breakers_lock:
        breaker = _breakers.setdefault(key, ServiceBreaker(service, threshold, pause))
    breaker.configure(threshold, pause)
    return breaker


@dataclass(slots=True, kw_only=True)
class _Call(Generic[_T]):
    """What stays the same from attempt to attempt, and their number."""

    fn: Callable[[], _T]
    about: RequestInfo
    codes: ErrorRules
    weight: int
    check: Check[_T] | None
    tracker: _Tracker
    attempts: int = 0


class ApiCaller:
    """Calls one service with one credential. Made once per exporter, shared by its threads.

    Args:
        service: What a person calls the service (`Slack`); used in sentences, and with the
            credential the name of the shared limiter and breaker.
        credential: The token or key. It is registered for redaction; only a fingerprint is kept.
        settings: The source's settings.
        codes: What the vendor's own error codes mean.
        renew: Gets a new token after the old one was refused; returns whether there is one. Called
            by one thread at a time, at most once for a refused token.
    """

    def __init__(
        self,
        service: str,
        credential: str,
        settings: SourceSettings,
        *,
        codes: ErrorRules | None = None,
        renew: Callable[[], bool] | None = None,
    ) -> None:
        redactor.register(credential)
        self.service = service
        self.settings = settings
        self.codes = codes or {}
        self.limiter: RateLimiter = limiter_for(service, credential, settings.rate_limits)
        self.breaker: ServiceBreaker = breaker_for(service, credential, settings)
        self._renew = renew
        self._renew_lock = threading.Lock()
        self._generation = 0
        self._backoff = wait_random_exponential(
            multiplier=settings.backoff_base, max=settings.backoff_cap
        )

    def call(
        self,
        fn: Callable[[], _T],
        *,
        scope: str = WHOLE_CREDENTIAL,
        request: str = "",
        weight: int = 1,
        page_size: int | None = None,
        item: str | None = None,
        codes: ErrorRules | None = None,
        check: Check[_T] | None = None,
    ) -> _T:
        """Makes one call, and makes it again where that may help.

        Transient failures are retried with exponential back-off and full jitter. A rate limit holds
        back every thread of the credential for as long as the vendor says.

        Args:
            fn: Makes the call; runs once per attempt, in this thread. It raises what its library
                raises, or an `ExportError`.
            scope: What the vendor's rate limit of it covers: a method or a tier.
            request: What is asked for, for sentences: a method or path without a query. By default
                the scope.
            weight: What it costs, where the vendor counts units.
            page_size: Items asked for, so that "too much" can suggest half; by default the setting.
            item: The id of the one item asked for.
            codes: Meanings of codes for this call alone, before the caller's own.
            check: Finds the failure in a result that was returned, not raised; it is given the
                result, what was asked and the codes in force.

        Returns:
            What `fn` returned.

        Raises:
            ExportError: The last attempt's failure, classified. At once where retrying cannot help,
                where the vendor asks for a longer wait than `longest_wait`, and where the service
                is left alone (`CircuitOpenError`).
            WaitInterruptedError: The run was stopped, before a call or during a wait.
        """
        about = RequestInfo(
            service=self.service,
            name=request or (scope if scope != WHOLE_CREDENTIAL else "the request"),
            scope=scope,
            page_size=page_size or self.settings.page_size,
            item=item,
        )
        call = _Call(
            fn=fn,
            about=about,
            codes={**self.codes, **codes} if codes else self.codes,
            weight=weight,
            check=check,
            tracker=_tracker.get(),
        )

        def sleep(seconds: float) -> None:
            if seconds > 0:
                reason = f"{self.service}, which failed"
                tracker = call.tracker
                waited = wait(seconds, reason, stop=tracker.stop, on_wait=tracker.on_wait)
                tracker.add(seconds_waited=waited)

        result: _T = Retrying(
            stop=stop_after_attempt(self.settings.max_attempts),
            retry=retry_if_exception(self._is_worth_another),
            wait=self._wait_before_retry,
            sleep=sleep,
            reraise=True,
        )(self._attempt, call)
        return result

    def _attempt(self, call: _Call[_T]) -> _T:
        """One attempt; a second call belongs to it where only the token had to be renewed."""
        call.attempts += 1
        call.tracker.add(retries=1 if call.attempts > 1 else 0)
        generation = self._generation
        try:
            return self._once(call)
        except AuthenticationError as error:
            if error.code == CERTIFICATE or not self._renewed(generation):
                raise
        return self._once(call)

    def _once(self, call: _Call[_T]) -> _T:
        handled = sys.exception()
        tracker = call.tracker
        if tracker.stop is not None and tracker.stop.is_set():
            raise WaitInterruptedError("The run was stopped.")
        self.breaker.check()
        waited = self.limiter.acquire(
            call.about.scope,
            weight=call.weight,
            longest_wait=self.settings.longest_wait,
            stop=tracker.stop,
            on_wait=tracker.on_wait,
        )
        tracker.add(seconds_waited=waited)
        self.breaker.admit()
        tracker.add(calls=1)
        cause: Exception | None = None
        try:
            result = call.fn()
            error = call.check(result, call.about, call.codes) if call.check else None
        except Exception as raised:
            forget_handled(raised, handled)
            error = classify_exception(raised, codes=call.codes, about=call.about)
            if error is None:
                self.breaker.release()
                raise
            cause = raised
        except BaseException:
            self.breaker.release()
            raise
        self.breaker.record(error)
        if error is None:
            return result
        if isinstance(error, RateLimitError):
            self._hold_back(error, call.attempts)
        if error is cause:
            raise error
        # Libraries quote addresses and headers; a cause that holds a secret is not passed on.
        raise error from (cause if cause is not None and _is_clean(cause) else None)

    def _hold_back(self, error: RateLimitError, attempts: int) -> None:
        seconds = error.retry_after
        if not seconds:
            doubled = self.settings.unspecified_wait * 2 ** (attempts - 1)
            seconds = min(doubled, self.settings.longest_wait) * random.uniform(0.5, 1.0)  # noqa: S311
        self.limiter.pause(error.scope, seconds)

    def _is_worth_another(self, error: BaseException) -> bool:
        if not isinstance(error, ExportError) or isinstance(error, CircuitOpenError):
            return False
        if isinstance(error, RateLimitError):
            return (error.retry_after or 0.0) <= self.settings.longest_wait
        return error.retryable and error.action in _RETRIED_HERE

    def _wait_before_retry(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        # The limiter holds back after a rate limit, for all threads alike.
        return 0.0 if isinstance(error, RateLimitError) else self._backoff(state)

    def _renewed(self, generation: int) -> bool:
        """Gets a new token unless another thread just did."""
        if self._renew is None:
            return False
        with self._renew_lock:
            if generation == self._generation and self._renew():
                self._generation += 1
            return generation != self._generation


def _is_clean(error: BaseException) -> bool:
    """Whether an exception and those behind it say nothing that would have to be redacted."""
    texts = [str(link) for link in exception_chain(error)]
    return all(redactor.text(text) == text for text in texts)
