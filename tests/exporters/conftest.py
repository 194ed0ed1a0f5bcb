"""A real local server with scripted answers, for the tests of the HTTP layer."""

import json
import socket
import ssl
import struct
import threading
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from servers.certificates import self_signed

from exporters.settings import SourceSettings


@dataclass
class Reply:
    """One scripted answer. `fault` is `reset` (RST), `cut` (half the body) or `trickle`."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    fault: str = ""

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Seen:
    method: str
    target: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    at: float
    port: int


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        parts = urlsplit(self.path)
        seen = Seen(
            method=self.command,
            target=self.path,
            path=parts.path,
            query=parse_qs(parts.query),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length),
            at=time.monotonic(),
            port=self.client_address[1],
        )
        assert isinstance(self.server, QuietServer)
        reply = self.server.owner.reply_to(seen)
        time.sleep(reply.delay)
        if reply.fault == "reset":
            # Closing with a linger time of zero sends RST instead of FIN.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        content = reply.content
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        if reply.status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if reply.fault == "cut":
            content = content[: len(content) // 2]
            self.close_connection = True
        if reply.fault == "trickle":
            for position in range(len(content)):
                self.wfile.write(content[position : position + 1])
                time.sleep(0.05)
        elif self.command != "HEAD" and reply.status != 204:
            self.wfile.write(content)

    do_GET = do_POST = do_HEAD = answer  # noqa: N815 (names of the library)

    def log_message(self, *args: Any) -> None:
        pass


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    owner: "WireServer"

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class WireServer:
    """Answers each path with its replies in turn; the last one is repeated."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.seen: list[Seen] = []
        self._replies: dict[str, deque[Reply]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._http = QuietServer(("127.0.0.1", 0), Handler)
        self._http.owner = self
        if context is not None:
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self.port = self._http.server_address[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"{'http' if context is None else 'https'}://{self.host}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def on(self, path: str, *replies: Reply) -> None:
        self._replies[path] = deque(replies)

    def reply_to(self, seen: Seen) -> Reply:
        with self._lock:
            self.seen.append(seen)
            replies = self._replies.get(seen.path)
            if not replies:
                return Reply({"message": "Not Found"}, 404)
            return replies.popleft() if len(replies) > 1 else replies[0]

    def calls(self, path: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.path == path]

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def reply() -> type[Reply]:
    return Reply


@pytest.fixture
def server() -> Iterator[WireServer]:
    server = WireServer()
    yield server
    server.close()


@pytest.fixture
def other_server() -> Iterator[WireServer]:
    server = WireServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key, in one file."""
    return self_signed(tmp_path_factory.mktemp("tls") / "certificate.pem")


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[WireServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = WireServer(context)
    yield server
    server.close()


@pytest.fixture
def token() -> str:
    """A credential of its own for every test, so that no limiter or breaker is shared."""
    return f"xoxb-{uuid.uuid4().hex}"


@pytest.fixture
def quick(server: WireServer) -> Callable[..., SourceSettings]:
    """Settings with waits in hundredths of a second."""

    def build(**changes: Any) -> SourceSettings:
        values: dict[str, Any] = {
            "base_url": server.url,
            "backoff_base": 0.01,
            "backoff_cap": 0.02,
            "unspecified_wait": 0.05,
            "max_attempts": 4,
            "breaker_threshold": 50,
            "use_environment_proxy": False,
        }
        return SourceSettings(**{**values, **changes})

    return build
