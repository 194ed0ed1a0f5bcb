"""Messages between a reading process and its parent: JSON for what is said, bytes for a file."""

import json
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO, Final

_SIZES: Final = struct.Struct("<IQ")
_LONGEST_HEADER: Final = 256 * 1024


class GarbledError(Exception):
    """The other side sent what is no message."""


def send(stream: BinaryIO, header: Mapping[str, Any], content: bytes) -> None:
    """Sends a message.

    Raises:
        OSError: Nobody listens any more.
    """
    told = json.dumps(header).encode("ascii")
    stream.write(_SIZES.pack(len(told), len(content)))
    stream.write(told)
    stream.write(content)
    stream.flush()


def receive(
    stream: BinaryIO, longest_content: int | None = None
) -> tuple[dict[str, Any], bytes] | None:
    """Waits for a message.

    Args:
        stream: Where it comes from.
        longest_content: The most bytes to take; None to trust the other side.

    Returns:
        What is said, and the bytes that come with it; None at the end of the stream.

    Raises:
        GarbledError: The message is cut off, no message, or longer than it may be.
    """
    sizes = stream.read(_SIZES.size)
    if not sizes:
        return None
    if len(sizes) < _SIZES.size:
        raise GarbledError
    header_size, content_size = _SIZES.unpack(sizes)
    too_long = longest_content is not None and content_size > longest_content
    if header_size > _LONGEST_HEADER or too_long:
        raise GarbledError
    told = stream.read(header_size)
    content = stream.read(content_size)
    if len(told) < header_size or len(content) < content_size:
        raise GarbledError
    try:
        header = json.loads(told)
    except (ValueError, RecursionError):
        raise GarbledError from None
    if not isinstance(header, dict):
        raise GarbledError
    return header, content
