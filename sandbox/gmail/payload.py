"""A mail as Gmail's ``payload``: the tree of its MIME parts.

developers.google.com/gmail/api/reference/rest/v1/users.messages#Message.MessagePart. The root has
an empty ``partId``, its parts are "0", "1", theirs "0.0" and so on. The parts of a mail inside a
mail are below its ``message/rfc822`` part. A text without a file name comes in ``data``; everything
else has an ``attachmentId``, and so has a text above the limit.
"""

import base64
import secrets
from collections.abc import Callable, Iterable
from email.message import Message as Part
from hashlib import blake2b
from typing import Any

from sandbox.gmail.mail import headers_of, part_bytes, part_filename

INLINE_LIMIT = 512 * 1024
"""Largest text, in bytes, that comes in ``data``."""

_SECRET = secrets.token_bytes(16)


def message_payload(
    root: Part, own_headers: Iterable[tuple[str, str]], message_id: str, inline_limit: int
) -> dict[str, Any]:
    """The whole tree of a message.

    Args:
        root: The parsed mail.
        own_headers: Headers that this copy got on its way; they come first.
        message_id: Gmail's id of the message, which attachment ids are bound to.
        inline_limit: Largest text, in bytes, that comes in ``data``.
    """

    def attachment_id(part_id: str) -> str:
        return make_attachment_id(message_id, part_id)

    payload = _part(root, "", attachment_id, inline_limit)
    payload["headers"] = [*_pairs(own_headers), *payload["headers"]]
    return payload


def metadata_payload(
    root: Part, own_headers: Iterable[tuple[str, str]], wanted: Iterable[str]
) -> dict[str, Any]:
    """What ``format=metadata`` shows: type and headers.

    Args:
        root: The parsed mail.
        own_headers: As for :func:`message_payload`.
        wanted: Names of the headers asked for; empty for all.
    """
    names = {name.lower() for name in wanted}
    headers = [
        item
        for item in _pairs([*own_headers, *headers_of(root)])
        if not names or item["name"].lower() in names
    ]
    return {"mimeType": root.get_content_type(), "headers": headers}


def find_part(root: Part, part_id: str) -> Part | None:
    """The part with a ``partId``, or None."""
    part = root
    for number in part_id.split(".") if part_id else ():
        children = _children(part)
        if not number.isdigit() or int(number) >= len(children):
            return None
        part = children[int(number)]
    return part


def make_attachment_id(message_id: str, part_id: str) -> str:
    """An attachment id; another one each time, as Gmail's are."""
    plain = f"{message_id}:{part_id}:{secrets.token_hex(48)}".encode()
    return "ANGjdJ" + _urlsafe(_seal(plain) + plain)


def read_attachment_id(attachment_id: str, message_id: str) -> str | None:
    """The ``partId`` behind an attachment id, or None where it is not one of the message."""
    text = attachment_id.removeprefix("ANGjdJ")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    seal, plain = raw[:16], raw[16:]
    if text == attachment_id or _seal(plain) != seal:
        return None
    owner, _, rest = plain.decode().partition(":")
    return rest.partition(":")[0] if owner == message_id else None


def encode_data(raw: bytes) -> str:
    """Bytes as the API writes them: base64url with padding."""
    return base64.urlsafe_b64encode(raw).decode()


def _part(
    part: Part, part_id: str, attachment_id: Callable[[str], str], inline_limit: int
) -> dict[str, Any]:
    filename = part_filename(part)
    children = _children(part)
    shown: dict[str, Any] = {
        "partId": part_id,
        "mimeType": part.get_content_type(),
        "filename": filename,
        "headers": _pairs(headers_of(part)),
        "body": {"size": 0},
    }
    if not children or part.get_content_type() == "message/rfc822":
        shown["body"] = _body(part, part_id, filename, attachment_id, inline_limit)
    if children:
        prefix = f"{part_id}." if part_id else ""
        shown["parts"] = [
            _part(child, f"{prefix}{number}", attachment_id, inline_limit)
            for number, child in enumerate(children)
        ]
    return shown


def _body(
    part: Part,
    part_id: str,
    filename: str,
    attachment_id: Callable[[str], str],
    inline_limit: int,
) -> dict[str, Any]:
    raw = part_bytes(part)
    is_text = part.get_content_maintype() in ("text", "multipart")
    kept_apart = filename or part.get_content_disposition() == "attachment"
    if is_text and not kept_apart and len(raw) <= inline_limit:
        return {"size": len(raw), "data": encode_data(raw)} if raw else {"size": 0}
    return {"attachmentId": attachment_id(part_id), "size": len(raw)}


def _children(part: Part) -> list[Part]:
    payload = part.get_payload() if part.is_multipart() else None
    if not isinstance(payload, list):
        return []
    return [child for child in payload if isinstance(child, Part)]


def _pairs(headers: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers]


def _seal(plain: bytes) -> bytes:
    return blake2b(plain, digest_size=16, key=_SECRET).digest()


def _urlsafe(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
