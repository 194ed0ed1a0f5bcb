"""Faults a sandbox can be told to commit, and how each looks on the wire.

A :class:`Fault` says what goes wrong and for which requests; a :class:`FaultPlan` holds the active
ones and picks at most one a request. Faults decided before the answer (a 429, a reset) leave the
state untouched: the vendor's handler is not called. Faults of the body (truncated, slow) damage a
real answer.
"""

import asyncio
import math
import socket
import struct
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from email.utils import formatdate
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

import orjson
from aiohttp import web

FaultKind = Literal[
    "rate_limited",
    "server_error",
    "reset",
    "reset_mid_body",
    "slow_body",
    "truncated_body",
    "malformed_json",
    "large_body",
    "cut_listing",
    "html",
    "answer",
]
RetryAfterForm = Literal["seconds", "float", "http-date", "none"]

BODY_FAULTS: frozenset[str] = frozenset(
    {
        "reset_mid_body",
        "slow_body",
        "truncated_body",
        "malformed_json",
        "large_body",
        "cut_listing",
    }
)
"""Kinds that need the real answer first."""

SLOW_BODY_PIECES = 10
LOGIN_PAGE = (
    b"<!DOCTYPE html><html><head><title>Sign in</title></head>"
    b'<body><form action="/login" method="post">Sign in</form></body></html>'
)
"""What comes with a success where a proxy or a lost session sends people to a login."""

HTML_PAGE = b"<!DOCTYPE html><html><head><title>502</title></head><body>Bad gateway</body></html>"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        kind: What goes wrong.
        operation: Glob on the operation or path (``conversations.*``, ``/files-pri/*``).
        match: Parameters a request must carry to be hit, compared as text (``{"channel": "C1"}``).
        times: How many requests are hit before the fault is spent; None means always.
        every: Hit only each k-th matching request (1: all).
        skip: Leave this many matching requests alone first.
        status: HTTP status of ``server_error``, ``html`` and ``answer``.
        retry_after: Seconds announced by ``rate_limited`` (or by a 503).
        retry_after_form: How the seconds are written: an integer, a float, an HTTP date, or not
            at all.
        seconds: How long ``slow_body`` takes to send the whole body.
        fraction: Share of the body sent before ``truncated_body`` or ``reset_mid_body`` strikes;
            of each list's items that ``cut_listing`` leaves in an answer, which then says that
            nothing follows. 0 makes a page empty.
        size: Bytes that ``large_body`` is long, made up by white space.
        body: JSON body of ``answer`` (or of ``server_error``, in place of the vendor's usual one).
        headers: Extra headers of ``answer``.
    """

    kind: FaultKind
    operation: str = "*"
    match: Mapping[str, str] = field(default_factory=dict)
    times: int | None = 1
    every: int = 1
    skip: int = 0
    status: int = 500
    retry_after: float = 1.0
    retry_after_form: RetryAfterForm = "seconds"
    seconds: float = 1.0
    fraction: float = 0.5
    size: int = 50_000_000
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in get_args(FaultKind):
            raise ValueError(f"unknown fault kind {self.kind!r}; one of {get_args(FaultKind)}")
        if self.retry_after_form not in get_args(RetryAfterForm):
            raise ValueError(f"retry_after_form is one of {get_args(RetryAfterForm)}")
        if self.every < 1 or self.skip < 0 or (self.times is not None and self.times < 1):
            raise ValueError("every and times count from 1, skip from 0")
        if not 0 <= self.fraction < 1:
            raise ValueError("fraction is the share of the body that is sent: 0 up to below 1")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Fault":
        """Build a fault from a JSON object.

        Raises:
            ValueError: An unknown key, a missing kind, or a value out of range.
        """
        known = {item.name for item in fields(cls)}
        if unknown := sorted(set(data) - known):
            raise ValueError(f"unknown keys {unknown}; a fault has {sorted(known)}")
        if "kind" not in data:
            raise ValueError(f"kind is missing; one of {get_args(FaultKind)}")
        match = {name: str(value) for name, value in dict(data.get("match", {})).items()}
        return cls(**{**data, "match": match})

    def concerns(self, operation: str, parameters: Mapping[str, str]) -> bool:
        """Whether a request is of the kind this fault strikes."""
        return fnmatchcase(operation, self.operation) and all(
            parameters.get(name) == value for name, value in self.match.items()
        )

    def retry_after_value(self) -> str | None:
        """The Retry-After header in the form asked for, or None when there is none."""
        match self.retry_after_form:
            case "none":
                return None
            case "float":
                return f"{self.retry_after:.3f}"
            case "http-date":
                return formatdate(time.time() + self.retry_after, usegmt=True)
            case _:
                return str(round(self.retry_after))


class _ActiveFault:
    """A fault with its counters."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.seen = 0
        self.struck = 0

    def strike(self, operation: str, parameters: Mapping[str, str]) -> bool:
        fault = self.fault
        if self.spent or not fault.concerns(operation, parameters):
            return False
        self.seen += 1
        if self.seen <= fault.skip or (self.seen - fault.skip) % fault.every:
            return False
        self.struck += 1
        return True

    @property
    def spent(self) -> bool:
        return self.fault.times is not None and self.struck >= self.fault.times


class FaultPlan:
    """The faults a sandbox is to commit. Safe to change from any thread while it serves."""

    def __init__(self) -> None:
        self._active: list[_ActiveFault] = []
        self._lock = threading.Lock()

    def add(self, *faults: Fault) -> None:
        """Arm faults; the first armed one that concerns a request strikes it."""
        with self._lock:
            self._active.extend(_ActiveFault(fault) for fault in faults)

    def clear(self) -> None:
        """Disarm everything."""
        with self._lock:
            self._active.clear()

    def take(self, operation: str, parameters: Mapping[str, str]) -> Fault | None:
        """The fault that strikes this request, counted as having struck."""
        with self._lock:
            for active in self._active:
                if active.strike(operation, parameters):
                    return active.fault
        return None

    def report(self) -> list[dict[str, Any]]:
        """Every armed fault with how often it was considered (seen) and struck."""
        with self._lock:
            return [
                {**asdict(active.fault), "seen": active.seen, "struck": active.struck}
                for active in self._active
            ]


def answer_for(fault: Fault, vendor_bodies: Mapping[int, bytes]) -> web.Response:
    """The whole answer of a fault that needs no real one.

    Args:
        fault: Any kind outside :data:`BODY_FAULTS` other than ``reset``.
        vendor_bodies: JSON bodies the vendor sends with a status (429, 500, 503).
    """
    headers = dict(fault.headers)
    if fault.kind == "html":
        page = LOGIN_PAGE if fault.status < 400 else HTML_PAGE
        return web.Response(status=fault.status, body=page, content_type="text/html")
    status = 429 if fault.kind == "rate_limited" else fault.status
    if fault.kind != "answer" and status in {429, 503}:
        retry_after = fault.retry_after_value()
        if retry_after is not None:
            headers.setdefault("Retry-After", retry_after)
    body = vendor_bodies.get(status, b"") if fault.body is None else orjson.dumps(fault.body)
    return web.Response(
        status=status, body=body, headers=headers, content_type="application/json", charset="utf-8"
    )


async def spoil(fault: Fault, request: web.Request, answer: web.Response) -> web.StreamResponse:
    """Send a real answer the way a body fault wants it sent."""
    body = answer.body if isinstance(answer.body, bytes) else b""
    cut = int(len(body) * fault.fraction)
    if fault.kind == "malformed_json":
        # Whatever follows the cut of an object or array is needed to close it.
        return web.Response(status=answer.status, body=body[:cut], headers=_kept_headers(answer))
    if fault.kind in {"large_body", "cut_listing"}:
        body = _padded(body, fault.size) if fault.kind == "large_body" else _cut(body, fault)
        return web.Response(status=answer.status, body=body, headers=_kept_headers(answer))
    stream = web.StreamResponse(status=answer.status, headers=_kept_headers(answer))
    stream.content_length = len(body)
    stream.force_close()
    await stream.prepare(request)
    if fault.kind == "slow_body":
        await _send_slowly(stream, body, fault.seconds)
        return stream
    await stream.write(body[:cut])
    # The part that is sent must have left before the connection goes.
    await asyncio.sleep(0.05)
    if fault.kind == "reset_mid_body":
        reset_connection(request)
    elif request.transport is not None:
        request.transport.close()
    return stream


def reset_connection(request: web.Request) -> None:
    """Drop a connection so that the client's kernel sees a TCP RST, not an orderly end.

    SO_LINGER with zero seconds makes ``close`` discard what is unsent and answer with a reset
    (socket(7), RFC 9293 section 3.6).
    """
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _padded(body: bytes, size: int) -> bytes:
    """An answer that means the same and is much longer.

    White space is allowed after the first brace of JSON, and text before the first boundary of a
    multipart body (RFC 2046, 5.1.1).
    """
    padding = b" " * max(0, size - len(body))
    if body[:1] in {b"{", b"["}:
        return body[:1] + padding + body[1:]
    return padding + b"\r\n" + body if body[:2] == b"--" else body


_PAGE_MARKS: Mapping[str, Any] = {
    "next_cursor": "", "nextPageToken": None, "nextPage": None, "has_more": False, "isLast": True,
}  # fmt: skip
"""What says whether more follows, in the vendors' words, and how each says that nothing does."""


def _cut(body: bytes, fault: Fault) -> bytes:
    """A listing that lost its end and does not know it; anything else as it is."""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    return orjson.dumps(_shortened(data, fault.fraction))


def _shortened(data: Any, fraction: float) -> Any:
    if isinstance(data, list):
        return data[: math.ceil(len(data) * fraction)]
    if not isinstance(data, dict):
        return data
    left = {}
    for name, value in data.items():
        if name in _PAGE_MARKS:
            left[name] = _PAGE_MARKS[name]
        elif isinstance(value, list):
            left[name] = _shortened(value, fraction)
        elif name == "response_metadata":
            left[name] = {**value, "next_cursor": ""}
        else:
            left[name] = value
    if "total" in left and isinstance(left.get("values"), list):
        left["total"] = left.get("startAt", 0) + len(left["values"])
    return {name: value for name, value in left.items() if value is not None}


async def _send_slowly(stream: web.StreamResponse, body: bytes, seconds: float) -> None:
    piece = max(1, -(-len(body) // SLOW_BODY_PIECES))
    pieces = [body[start : start + piece] for start in range(0, len(body), piece)]
    for part in pieces:
        await asyncio.sleep(seconds / len(pieces))
        await stream.write(part)


def _kept_headers(answer: web.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "Content-Length"}
