"""What a sandbox was asked, so that a test can count calls and look at their parameters."""

import threading
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

RETAINED_REQUESTS = 100_000
"""Entries kept for inspection; the counts per operation go on beyond it."""


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request as the sandbox saw it.

    Attributes:
        operation: The vendor's name of the call (``conversations.history``), or the path.
        http_method: ``GET``, ``POST`` ...
        parameters: Query and body parameters as text, without credentials.
        time: Arrival, in seconds since the epoch.
        status: HTTP status sent; 0 when the connection was reset before an answer.
        error: The vendor's own error code where the answer carries one, else empty.
        fault: Kind of the injected fault that shaped the answer, else empty.
    """

    operation: str
    http_method: str
    parameters: Mapping[str, str]
    time: float
    status: int
    error: str = ""
    fault: str = ""


class RequestLog:
    """Requests in the order they were answered. Safe to read from any thread."""

    def __init__(self, retained: int = RETAINED_REQUESTS) -> None:
        self._entries: deque[LoggedRequest] = deque(maxlen=retained)
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, entry: LoggedRequest) -> None:
        """Append one request."""
        with self._lock:
            self._entries.append(entry)
            self._counts[entry.operation] += 1

    def entries(self, operation: str = "*", **parameters: str) -> list[LoggedRequest]:
        """The retained requests whose operation matches a glob and whose parameters are equal."""
        with self._lock:
            retained = list(self._entries)
        return [
            entry
            for entry in retained
            if fnmatchcase(entry.operation, operation)
            and all(entry.parameters.get(name) == value for name, value in parameters.items())
        ]

    def count(self, operation: str = "*", **parameters: str) -> int:
        """How many requests matched; with parameters, among the retained ones."""
        if parameters:
            return len(self.entries(operation, **parameters))
        with self._lock:
            return sum(n for name, n in self._counts.items() if fnmatchcase(name, operation))

    def counts(self) -> dict[str, int]:
        """Number of requests per operation since the start or the last ``clear``."""
        with self._lock:
            return dict(self._counts)

    def clear(self) -> None:
        """Forget every request and count."""
        with self._lock:
            self._entries.clear()
            self._counts.clear()

    def __len__(self) -> int:
        return self.count()

    def __iter__(self) -> Iterator[LoggedRequest]:
        return iter(self.entries())

    def __getitem__(self, index: int) -> LoggedRequest:
        return self.entries()[index]
