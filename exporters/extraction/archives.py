"""Looking into a ZIP before a library unpacks it.

Office files and books are ZIPs, and the libraries that read them unpack what they find. So each
entry is unpacked here first, piece by piece into nothing, and counted: what the directory of a ZIP
says of sizes need not be true.
"""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from exporters.extraction.errors import ENCRYPTED, UnreadableError, broken

_PIECE: Final = 256 * 1024
_SMALL_ENTRY: Final = 10_000_000
_HIGHEST_RATIO: Final = 200
"""XML of a sheet shrinks to a thirtieth, rarely to a hundredth; deflate reaches 1 to 1,032."""

_ENTITY: Final = re.compile(rb"<!ENTITY", re.IGNORECASE)
_LOCAL_HEADER: Final = struct.Struct("<4s5H3I2H")
_DAMAGE: Final = (zipfile.BadZipFile, zlib.error, struct.error, ValueError, OverflowError)


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What a ZIP may unpack to.

    Attributes:
        unpacked_bytes: All entries together.
        entries: How many.
    """

    unpacked_bytes: int
    entries: int


def open_archive(content: bytes, title: str, limits: ArchiveLimits) -> zipfile.ZipFile:
    """Opens a ZIP whose unpacked size was counted.

    Args:
        content: The ZIP.
        title: What a person calls such a file.
        limits: See there.

    Raises:
        UnreadableError: It is damaged, encrypted, unpacks to more than the limits, is packed
            denser than honest files are, or defines XML entities (as only attacks do).
    """
    try:
        opened = zipfile.ZipFile(io.BytesIO(content))
        entries = opened.infolist()
    except (*_DAMAGE, NotImplementedError) as error:
        raise UnreadableError(broken(title, str(error))) from None
    if len(entries) > limits.entries:
        raise UnreadableError(
            f"The {title} holds {len(entries):,} files inside; at most {limits.entries:,} are read."
        )
    if sum(entry.compress_size for entry in entries) > len(content):
        raise UnreadableError(f"The {title} is no honest one: files inside it overlap.")
    left = limits.unpacked_bytes
    for entry in entries:
        if entry.flag_bits & 1:
            raise UnreadableError(ENCRYPTED)
        left -= _unpacked(content, entry, title, left, limits)
    return opened


def _unpacked(
    content: bytes, entry: zipfile.ZipInfo, title: str, left: int, limits: ArchiveLimits
) -> int:
    """Counts what an entry unpacks to."""
    size = 0
    tail = b""
    looks_like_xml = entry.filename.lower().endswith((".xml", ".rels", ".opf", ".ncx", ".vml"))
    try:
        for piece in _pieces(content, entry):
            size += len(piece)
            if size > left:
                raise UnreadableError(
                    f"The {title} unpacks to more than {limits.unpacked_bytes / 1e6:,.0f} MB."
                )
            if size > _SMALL_ENTRY and size > _HIGHEST_RATIO * max(1, entry.compress_size):
                raise UnreadableError(
                    f"The {title} is no honest one: {entry.filename[:80]!r} in it is packed "
                    f"{size // max(1, entry.compress_size):,} to 1."
                )
            if looks_like_xml and _ENTITY.search(tail + piece):
                raise UnreadableError(
                    f"The {title} is no honest one: {entry.filename[:80]!r} in it defines entities."
                )
            tail = piece[-16:]
    except _DAMAGE as error:
        raise UnreadableError(broken(title, str(error))) from None
    if size != entry.file_size:
        raise UnreadableError(
            broken(title, f"{entry.filename[:80]!r} in it has another size than it says")
        )
    return size


def _pieces(content: bytes, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """Unpacks an entry without believing its size.

    Raises:
        ValueError: The entry is packed in a way that office files are not.
        zlib.error: It is damaged.
    """
    start = entry.header_offset
    header = _LOCAL_HEADER.unpack_from(content, start)
    if header[0] != b"PK\x03\x04":
        raise ValueError("an entry is not where the directory says")
    start += _LOCAL_HEADER.size + header[9] + header[10]
    packed = memoryview(content)[start : start + entry.compress_size]
    if entry.compress_type == zipfile.ZIP_STORED:
        yield from (bytes(packed[i : i + _PIECE]) for i in range(0, len(packed), _PIECE))
        return
    if entry.compress_type != zipfile.ZIP_DEFLATED:
        raise ValueError(f"an entry is packed by method {entry.compress_type}")
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    waiting: bytes | memoryview = packed
    while True:
        piece = unpacker.decompress(waiting, _PIECE)
        waiting = unpacker.unconsumed_tail
        if piece:
            yield piece
        if unpacker.eof:
            return
        if not piece and not waiting:
            raise ValueError("an entry is cut off")
