"""The connection to a server: opened once, checked once, and patient where that helps."""

import logging
import random
import time
from collections.abc import Callable
from typing import Any, Final, Self

from elastic_transport import ApiResponse, TransportError
from elasticsearch import ApiError, Elasticsearch, OrjsonSerializer

from stores.elasticsearch.errors import translated
from stores.elasticsearch.target import Target
from stores.errors import StoreError, StoreReadOnlyError, StoreVersionError

OLDEST: Final = (8, 19)
"""The oldest server this is tested with."""

_PACKED_VECTORS: Final = (9, 3)
"""From this version on a vector may be written as the base64 of its bytes."""

_OPENING_PATIENCE: Final = 2.0
_READ_PATIENCE: Final = 10.0
_REQUEST_SECONDS: Final = 60.0
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 10.0
_LONGEST_PAUSE_AT_A_SWITCH: Final = 1.0
"""While a reindex replaces an index it takes no writes, most times for less than that."""


class Patience:
    """Waits between attempts, longer and longer, and gives up in the end.

    Args:
        seconds: How long to go on without any progress.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.progressed()

    def progressed(self) -> None:
        """Starts anew: something went through."""
        self._pause = _FIRST_PAUSE
        self._deadline = time.monotonic() + self._seconds

    def wait(self, failure: StoreError) -> None:
        """Waits before the next attempt; the last one is made when the time is over.

        Raises:
            StoreError: The failure, once the time is over.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise failure
        switching = isinstance(failure, StoreReadOnlyError)
        longest = _LONGEST_PAUSE_AT_A_SWITCH if switching else _LONGEST_PAUSE
        # Jitter: writers that were refused together must not come back together.
        pause = self._pause * random.uniform(0.5, 1.0)  # noqa: S311 (no secret)
        time.sleep(min(pause, longest, left))
        self._pause = min(self._pause * 2, longest)


class Connection:
    """A server that has answered. Safe to use from several threads. Use `Connection.open`.

    Attributes:
        client: The official client; requests go through `call`.
        target: Where it is.
        version: Major and minor of the server.
        serverless: Whether it is Elastic Cloud Serverless, which has no shards to set.
    """

    def __init__(self, client: Elasticsearch, target: Target) -> None:
        self.client = client
        self.target = target
        self.version = OLDEST
        self.serverless = False

    @classmethod
    def open(cls, target: Target) -> Self:
        """Connects, and asks the server for its version.

        Raises:
            StoreError: The server cannot be reached, does not accept the credential, or is too
                old; the sentence says which.
        """
        connection = cls(_client(target), target)
        try:
            connection.check()
        except BaseException:
            connection.close()
            raise
        return connection

    @property
    def name(self) -> str:
        """How errors call the server; without secrets."""
        return self.target.name

    @property
    def packs_vectors(self) -> bool:
        """Whether the server reads vectors as base64."""
        return self.serverless or self.version >= _PACKED_VECTORS

    def check(self) -> None:
        """Asks the server for its version.

        Raises:
            StoreError: It is not to be used.
        """
        told = self.call(self.client.info, patience=_OPENING_PATIENCE)["version"]
        self.serverless = told.get("build_flavor") == "serverless"
        major, minor = (int(part) for part in told["number"].split(".")[:2])
        self.version = (major, minor)
        if not self.serverless and self.version < OLDEST:
            raise StoreVersionError(
                f"Elasticsearch at {self.name} is {told['number']}; "
                f"{OLDEST[0]}.{OLDEST[1]} or newer is needed.",
                hint="Update the server.",
            )

    def call(
        self, request: Callable[[], ApiResponse[Any]], *, patience: float | None = None
    ) -> Any:
        """Makes a request, again while the server is away or busy.

        Args:
            request: Makes it, and may be called several times.
            patience: Seconds to go on trying; None for what suits a read.

        Returns:
            The body of the answer.

        Raises:
            StoreError: It failed; the sentence says why.
        """
        waiting = Patience(_READ_PATIENCE if patience is None else patience)
        while True:
            try:
                return request().body
            except (ApiError, TransportError) as error:
                failure = translated(error, self.name)
                if not failure.retryable:
                    raise failure from error
                waiting.wait(failure)

    def change(self, request: Callable[[], ApiResponse[Any]]) -> Any:
        """Makes a request that changes something, with a writer's patience."""
        return self.call(request, patience=self.target.patience)

    def close(self) -> None:
        """Gives back the connections. Harmless when called twice."""
        self.client.close()


def _client(target: Target) -> Elasticsearch:
    # Its lines on every failed attempt go to whoever keeps logs, not to a person's terminal.
    logging.getLogger("elastic_transport").addHandler(logging.NullHandler())
    options: dict[str, Any] = {
        "request_timeout": _REQUEST_SECONDS,
        # Attempts are counted in one place only: `Connection.call` and the bulk writer.
        "max_retries": 0,
        # Under both names: the client speaks the second one, and would use `json` for it.
        "serializers": dict.fromkeys(
            ("application/json", "application/vnd.elasticsearch+json"), OrjsonSerializer()
        ),
        "http_compress": target.compress,
    }
    if target.hosts:
        options["hosts"] = list(target.hosts)
    else:
        options["cloud_id"] = target.cloud_id
    if target.api_key:
        options["api_key"] = target.api_key
    elif target.user:
        options["basic_auth"] = (target.user, target.password or "")
    if target.ca_certs is not None:
        options["ca_certs"] = str(target.ca_certs)
    if target.fingerprint is not None:
        options["ssl_assert_fingerprint"] = target.fingerprint
        options["verify_certs"] = False  # the fingerprint is what is trusted
    return Elasticsearch(**options)
