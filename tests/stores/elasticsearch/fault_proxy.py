"""An HTTP proxy between client and server that fails as it is told, with real requests and answers.

with FaultProxy(url) as proxy:
    proxy.fault = lambda request: Answer(429, b"{}") if request.path.startswith("/_bulk") ...
"""

import http.client
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """What a server says."""

    status: int
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Request:
    """What a client asks."""

    method: str
    path: str
    body: bytes

    @property
    def is_bulk(self) -> bool:
        return self.path.startswith("/_bulk")

    @property
    def actions(self) -> list[tuple[bytes, ...]]:
        """The items of a bulk request, each its lines."""
        items, lines = [], iter(self.body.splitlines())
        for line in lines:
            items.append((line,) if b'"delete"' in line[:12] else (line, next(lines)))
        return items

    @property
    def ids(self) -> list[str]:
        """The ids in a bulk request."""
        return [next(iter(json.loads(action[0]).values()))["_id"] for action in self.actions]

    def only(self, numbers: list[int]) -> "Request":
        """The same with some of its items."""
        kept = [self.actions[number] for number in numbers]
        lines = b"".join(line + b"\n" for action in kept for line in action)
        return Request(self.method, self.path, lines)


class Cut(Exception):  # noqa: N818 - not an error: it is what the proxy is told to do
    """The connection breaks instead of an answer."""


Fault = Callable[[Request, Callable[[Request], Answer]], Answer | None]
"""Given a request and a way to pass it on: an answer, or None to pass it on as it is."""


class FaultProxy:
    """Passes requests on to a server, and fails where `fault` says so.

    Attributes:
        url: Its address.
        requests: The bulk requests that came, in order.
        fault: What goes wrong; None for nothing.
    """

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self.requests: list[Request] = []
        self.fault: Fault | None = None
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def forward(self, request: Request) -> Answer:
        """Asks the server."""
        assert self._target.hostname
        connection = http.client.HTTPConnection(
            self._target.hostname, self._target.port, timeout=60
        )
        kind = "vnd.elasticsearch+x-ndjson" if request.is_bulk else "vnd.elasticsearch+json"
        headers = {
            "Content-Type": f"application/{kind}; compatible-with=8",
            "Accept": "application/vnd.elasticsearch+json; compatible-with=8",
        }
        try:
            connection.request(
                request.method, request.path, body=request.body or None, headers=headers
            )
            answer = connection.getresponse()
            return Answer(answer.status, answer.read())
        finally:
            connection.close()

    def _answer(self, request: Request) -> Answer:
        if request.is_bulk:
            with self._lock:
                self.requests.append(request)
        answer = self.fault(request, self.forward) if self.fault is not None else None
        return answer or self.forward(request)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                request = Request(self.command, self.path, self.rfile.read(length))
                try:
                    answer = proxy._answer(request)
                except Cut:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                kind = "application/vnd.elasticsearch+json;compatible-with=8"
                self.send_header("Content-Type", kind)
                self.send_header("X-Elastic-Product", "Elasticsearch")
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer.body)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                del format, args

        return Handler
