"""Spoils files, the same way for the same random numbers."""

import io
import zipfile
from random import Random
from typing import Final

_NUMBERS: Final = tuple(
    value.to_bytes(size, order, signed=value < 0)
    for size in (2, 4, 8)
    for value in (-1, 0, 1, 0x7F, 2 ** (8 * size - 1) - 1, -(2 ** (8 * size - 1)))
    for order in ("little", "big")
)
_WORDS: Final = (
    b"<!DOCTYPE html>",
    b"<!ENTITY a '&a;&a;'>",
    b"<table>",
    b"</w:p>",
    b"endstream",
    b"/Length 99999999",
    b"/Kids [1 0 R]",
    b"%PDF-1.7",
    b"PK\3\4",
    b"PK\1\2",
    b"{\\rtf1",
    b"\\bin99999999 ",
    b"BEGIN:VCALENDAR",
    b"Content-Type: multipart/mixed; boundary=x\n\n--x\n",
    b"\xff\xfe",
    b"\0" * 64,
    b'"' * 64,
    b"<" * 1_000,
    b"(" * 1_000,
)
_MOST_CHANGES: Final = 12
_LARGEST: Final = 4_000_000


def spoil(content: bytes, other: bytes, random: Random) -> bytes:
    """A file with some things changed; office files are spoiled inside as often as outside.

    Args:
        content: The file.
        other: Another one, of which parts may be taken.
        random: Decides.
    """
    if content.startswith(b"PK") and random.random() < 0.6:
        inside = _spoil_an_entry(content, other, random)
        if inside is not None:
            return inside
    spoiled = bytearray(content)
    for _ in range(random.randint(1, _MOST_CHANGES)):
        _change(spoiled, other, random)
    return bytes(spoiled[:_LARGEST])


def _spoil_an_entry(content: bytes, other: bytes, random: Random) -> bytes | None:
    """Changes what an archive holds and packs it anew; None for one that cannot be opened."""
    made = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as opened:
            entries = {entry.filename: opened.read(entry) for entry in opened.infolist()}
    except (zipfile.BadZipFile, RuntimeError, ValueError, NotImplementedError, OSError):
        return None
    if not entries:
        return None
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as copy:
        chosen = random.choice(sorted(entries))
        for name, value in entries.items():
            spoiled = bytearray(value)
            if name == chosen:
                for _ in range(random.randint(1, _MOST_CHANGES)):
                    _change(spoiled, other, random)
            copy.writestr(name, bytes(spoiled[:_LARGEST]))
    return made.getvalue()


def _change(content: bytearray, other: bytes, random: Random) -> None:
    at = random.randrange(len(content) + 1)
    length = min(random.choice((1, 2, 4, 16, 256, 4_096)), len(content) - at)
    match random.randrange(8):
        case 0 if at < len(content):
            content[at] ^= 1 << random.randrange(8)
        case 1:
            content[at : at + length] = random.randbytes(length)
        case 2:
            del content[at : at + length]
        case 3:
            content[at:at] = bytes(content[at : at + length]) * random.randint(1, 50)
        case 4:
            number = random.choice(_NUMBERS)
            content[at : at + len(number)] = number
        case 5:
            content[at:at] = random.choice(_WORDS)
        case 6:
            start = random.randrange(len(other) + 1)
            content[at : at + length] = other[start : start + length]
        case _ if random.random() < 0.3:
            del content[at:]
        case _:
            content[at:at] = random.choice(_WORDS) * random.randint(1, 20)
