"""Batches: many calls in one request, as ``multipart/mixed`` parts that are HTTP themselves.

developers.google.com/gmail/api/guides/batch: at most 100 calls, answers in any order, each with the
Content-ID of its call behind ``response-``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

from sandbox.google.api import ApiAnswer, ApiRequest
from sandbox.google.errors import GoogleError, invalid_argument

MOST_CALLS = 100

_REQUEST_LINE = re.compile(r"(?P<verb>[A-Z]+) (?P<target>\S+)(?: HTTP/[\d.]+)?\Z")


@dataclass(frozen=True, slots=True)
class BatchedCall:
    """One call of a batch.

    Attributes:
        content_id: As the client named it, with its angle brackets; empty for none.
        request: What it asks.
    """

    content_id: str
    request: ApiRequest


def read_batch(request: ApiRequest) -> list[BatchedCall]:
    """Take a batch apart. Calls without credentials of their own use those of the batch.

    Raises:
        GoogleError: 400: not a batch, or too many calls.
    """
    content_type = request.headers.get("content-type", "")
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    message = BytesParser(policy=HTTP).parsebytes(head + request.body)
    if message.get_content_maintype() != "multipart" or not message.is_multipart():
        raise invalid_argument(
            "Failed to parse batch request, error: no multipart body.", "badRequest"
        )
    calls = []
    for part in message.iter_parts():
        raw = part.get_payload(decode=True)
        if not isinstance(raw, bytes):
            raise invalid_argument("Failed to parse batch request.", "badRequest")
        inner = _read_call(raw, request)
        calls.append(BatchedCall(str(part.get("Content-ID", "")).strip(), inner))
    if not calls:
        raise invalid_argument("The batch request must contain at least one call.", "badRequest")
    if len(calls) > MOST_CALLS:
        raise GoogleError(
            400,
            f"The batch request contains too many calls: at most {MOST_CALLS} are allowed.",
            "badRequest",
        )
    return calls


def write_batch(answers: Sequence[tuple[str, ApiAnswer]], boundary: str) -> bytes:
    """The body of a batch's answer.

    Args:
        answers: Content-ID of each call and its answer.
        boundary: Of the multipart body.
    """
    pieces = []
    for content_id, answer in answers:
        phrase = HTTPStatus(answer.status).phrase
        lines = [f"--{boundary}", "Content-Type: application/http"]
        if content_id:
            lines.append(f"Content-ID: {_answer_id(content_id)}")
        lines += ["", f"HTTP/1.1 {answer.status} {phrase}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        lines += [f"Content-Length: {len(answer.body)}", "", ""]
        pieces.append("\r\n".join(lines).encode() + answer.body + b"\r\n")
    return b"".join(pieces) + f"--{boundary}--\r\n".encode()


def _answer_id(content_id: str) -> str:
    if content_id.startswith("<"):
        return f"<response-{content_id[1:]}"
    return f"response-{content_id}"


def _read_call(raw: bytes, outer: ApiRequest) -> ApiRequest:
    first, _, rest = raw.lstrip(b"\r\n").partition(b"\n")
    match = _REQUEST_LINE.match(first.decode("latin-1").strip())
    if match is None:
        raise invalid_argument(
            "Failed to parse batch request, error: no request line.", "badRequest"
        )
    inner = BytesParser(policy=HTTP).parsebytes(rest)
    headers = {name.lower(): str(value) for name, value in inner.items()}
    if "authorization" in outer.headers:
        headers.setdefault("authorization", outer.headers["authorization"])
    body = inner.get_payload(decode=True)
    target = urlsplit(match["target"])
    return ApiRequest(
        match["verb"],
        target.path,
        tuple(parse_qsl(target.query, keep_blank_values=True)),
        headers,
        body if isinstance(body, bytes) else b"",
    )
