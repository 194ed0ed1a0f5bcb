"""Google's batch requests: several calls in one, as `multipart/mixed` both ways.

From https://developers.google.com/workspace/gmail/api/guides/batch. Quota is counted for each inner
call as if it had been made alone.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Final

from exporters.classify import ErrorRules, RequestInfo, classify_response
from exporters.error_bodies import parse_body
from exporters.errors import ExportError, TransientError

_BOUNDARY: Final = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)
_STATUS: Final = re.compile(rb"HTTP/[\d.]+ (\d{3})")
_CONTENT_ID: Final = re.compile(
    rb"^content-id:\s*<?(?:response-)?([^>\r\n]+?)>?\s*$", re.IGNORECASE | re.MULTILINE
)
_BLANK_LINE: Final = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """A batch to send.

    Attributes:
        content: The body.
        content_type: Its type, with the boundary.
    """

    content: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class InnerResponse:
    """One answer of a batch, not judged yet.

    Attributes:
        status: Its own HTTP status.
        headers: Its headers, names in lower case.
        body: Parsed JSON, or text where it is none.
    """

    status: int
    headers: Mapping[str, str]
    body: Any

    def failure(self, *, codes: ErrorRules, about: RequestInfo) -> ExportError | None:
        """What went wrong with this part; None for a success."""
        return classify_response(self.status, self.headers, self.body, codes=codes, about=about)


def batch_request(paths: Sequence[str]) -> BatchRequest:
    """A batch of GETs. The answer to each is found under its place in `paths`.

    Args:
        paths: Paths with their queries, from the host's root on.
    """
    boundary = f"batch_{token_hex(12)}"
    parts = [
        f"--{boundary}\r\nContent-Type: application/http\r\nContent-ID: <{place}>\r\n\r\n"
        f"GET {path}\r\nAccept: application/json\r\n\r\n"
        for place, path in enumerate(paths)
    ]
    content = "".join((*parts, f"--{boundary}--\r\n")).encode("ascii")
    return BatchRequest(content, f'multipart/mixed; boundary="{boundary}"')


def parse_batch(content: bytes, headers: Mapping[str, str]) -> dict[int, InnerResponse]:
    """The inner answers, by the place of what was asked.

    Raises:
        ValueError: The answer is no batch.
    """
    found = _BOUNDARY.search(headers.get("content-type", ""))
    if found is None:
        raise ValueError("the answer to a batch is not multipart")
    answers: dict[int, InnerResponse] = {}
    delimiter = b"--" + found.group(1).encode("latin-1")
    for part in content.split(delimiter)[1:]:
        if part.startswith(b"--"):
            break
        envelope, _, rest = _halves(part)
        place = _CONTENT_ID.search(envelope)
        head, _, body = _halves(rest.lstrip(b"\r\n"))
        status = _STATUS.match(head)
        if place is None or status is None or not place.group(1).strip().isdigit():
            raise ValueError("a part of the batch's answer has no id or no status")
        answers[int(place.group(1))] = InnerResponse(
            status=int(status.group(1)), headers=_headers(head), body=_body(body)
        )
    return answers


def left_out(service: str, request: str) -> ExportError:
    """The error of a part that the answer of a batch does not hold."""
    return TransientError(
        f"{service} left a part of the batch unanswered ({request}).",
        hint="It is asked again; if it lasts, look at the service's status page.",
    )


def _halves(data: bytes) -> tuple[bytes, bytes, bytes]:
    found = _BLANK_LINE.search(data)
    if found is None:
        return data, b"", b""
    return data[: found.start()], found.group(), data[found.end() :]


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").splitlines()[1:]
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _body(body: bytes) -> Any:
    body = body.strip()
    if not body:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return parse_body(body)
