"""Bulk writing: several requests in flight, each bounded by count and by bytes.

A bulk request answers 200 and tells item by item what became of it. Items the server had no room
for (429, 503) are sent again, and only they; a request that is too large (413) is halved; a
document the server refuses comes back with the reason; what concerns the store as a whole is
raised. While the server is away or busy a request waits, so the pipeline before it waits too, and
its queues are bounded. Sending an item twice is harmless: every item names its id.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from enum import Enum, auto
from typing import Any, Final, NamedTuple

from elastic_transport import TransportError
from elasticsearch import ApiError

from stores.elasticsearch.connection import Connection, Patience
from stores.elasticsearch.errors import is_write_block, of_answer, reason_of, translated
from stores.errors import StoreError, StoreUnavailableError

IN_FLIGHT: Final = 4
MOST_ITEMS: Final = 500
MOST_BYTES: Final = 5_000_000

_TOO_LARGE: Final = 413
_AGAIN: Final = frozenset({409, 429, 502, 503, 504})
_HEADERS: Final = {"accept": "application/json", "content-type": "application/x-ndjson"}
_PATH: Final = "/_bulk?filter_path=errors,items.*.status,items.*.error"


class Operation(NamedTuple):
    """One item of a bulk request.

    Attributes:
        key: What a refusal is told about: a document id.
        lines: Action and body as lines of JSON.
        may_lack: Whether it is all right that there is no such document (updates, deletes).
    """

    key: str
    lines: bytes
    may_lack: bool = False


class Refusal(NamedTuple):
    """An item the server refused, and why."""

    key: str
    reason: str


class _Outcome(Enum):
    DONE = auto()
    AGAIN = auto()
    REFUSED = auto()


class BulkWriter:
    """Sends bulk requests to one server. Safe to use from several threads.

    Attributes:
        requests: How many bulk requests were sent.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        in_flight: int = IN_FLIGHT,
        most_items: int = MOST_ITEMS,
        most_bytes: int = MOST_BYTES,
        to_aliases: bool = True,
    ) -> None:
        """Prepares a writer.

        Args:
            connection: Where to.
            in_flight: Requests at the same time, of all threads together.
            most_items: In a request.
            most_bytes: In a request, unless one item alone is larger.
            to_aliases: Whether writes go to aliases only, so that no index is made by mistake.
        """
        self._connection = connection
        self._most_items = most_items
        self._most_bytes = most_bytes
        self._path = f"{_PATH}&require_alias=true" if to_aliases else _PATH
        self._pool = ThreadPoolExecutor(in_flight, thread_name_prefix="elasticsearch-bulk")
        self.requests = 0

    def write(self, operations: Sequence[Operation]) -> list[Refusal]:
        """Carries out operations; all that are not in the answer are durable.

        Raises:
            StoreError: The store as a whole cannot be written. Some operations may have been
                carried out.
        """
        parts = list(self._parts(operations))
        if len(parts) <= 1:
            return [refusal for part in parts for refusal in self._send(part)]
        futures: list[Future[list[Refusal]]] = [
            self._pool.submit(self._send, part) for part in parts
        ]
        # All of them end before anything is told: nothing is written behind the caller's back.
        wait(futures, return_when="FIRST_EXCEPTION")
        if any(future.done() and future.exception() for future in futures):
            for future in futures:
                future.cancel()
            wait(futures)
            raise next(e for f in futures if not f.cancelled() and (e := f.exception()))
        return [refusal for future in futures for refusal in future.result()]

    def close(self) -> None:
        """Ends the threads. Harmless when called twice."""
        self._pool.shutdown()

    def _parts(self, operations: Sequence[Operation]) -> Iterator[list[Operation]]:
        part: list[Operation] = []
        size = 0
        for operation in operations:
            if part and (
                len(part) >= self._most_items or size + len(operation.lines) > self._most_bytes
            ):
                yield part
                part, size = [], 0
            part.append(operation)
            size += len(operation.lines)
        if part:
            yield part

    def _send(self, part: Sequence[Operation]) -> list[Refusal]:
        refusals: list[Refusal] = []
        waiting = Patience(self._connection.target.patience)
        pending = list(part)
        while pending:
            try:
                items = self._post(pending)
            except (ApiError, TransportError) as error:
                if isinstance(error, ApiError) and error.status_code == _TOO_LARGE:
                    return refusals + self._halved(pending)
                failure = translated(error, self._connection.name)
                if not failure.retryable:
                    raise failure from error
                waiting.wait(failure)
                continue
            again: list[Operation] = []
            last: Mapping[str, Any] = {}
            for operation, item in zip(pending, items, strict=True):
                match self._outcome(operation, item):
                    case _Outcome.AGAIN:
                        again.append(operation)
                        last = item
                    case _Outcome.REFUSED:
                        refusals.append(Refusal(operation.key, _reason(item)))
            if again:
                if len(again) < len(pending):
                    waiting.progressed()
                waiting.wait(self._failure(last))
            pending = again
        return refusals

    def _post(self, operations: Sequence[Operation]) -> list[Mapping[str, Any]]:
        self.requests += 1
        answer = self._connection.client.perform_request(
            "POST", self._path, headers=_HEADERS, body=b"".join(o.lines for o in operations)
        )
        return [next(iter(item.values())) for item in answer.body["items"]]

    def _halved(self, pending: Sequence[Operation]) -> list[Refusal]:
        if len(pending) == 1:
            size = len(pending[0].lines)
            reason = f"larger than the server takes in one request ({size:,} bytes)"
            return [Refusal(pending[0].key, reason)]
        middle = len(pending) // 2
        return self._send(pending[:middle]) + self._send(pending[middle:])

    def _outcome(self, operation: Operation, item: Mapping[str, Any]) -> _Outcome:
        """What became of an item.

        Raises:
            StoreError: It tells of the store as a whole: full, read-only, forbidden, gone.
        """
        status, error = item["status"], item.get("error")
        if error is None or (status == 404 and operation.may_lack):
            return _Outcome.DONE
        kind = error.get("type")
        concerns_all = kind in {
            "cluster_block_exception",
            "security_exception",
            "index_not_found_exception",
        }
        # While a reindex replaces the index, the same item succeeds after the switch.
        if is_write_block(error):
            return _Outcome.AGAIN
        if concerns_all or status in {401, 403}:
            raise of_answer(status, error, self._connection.name)
        # 409: another writer was in between; the update applies to what it wrote.
        if status in _AGAIN:
            return _Outcome.AGAIN
        return _Outcome.REFUSED

    def _failure(self, item: Mapping[str, Any]) -> StoreError:
        """What to raise when an item goes through never."""
        failure = of_answer(item["status"], item["error"], self._connection.name)
        if is_write_block(item["error"]):
            return failure
        return failure if failure.retryable else StoreUnavailableError(str(failure))


def _reason(item: Mapping[str, Any]) -> str:
    error = item.get("error")
    return f"refused by Elasticsearch: {reason_of(error)}" if error else "refused by Elasticsearch"
