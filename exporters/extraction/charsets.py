"""From bytes of any charset to text."""

import codecs
import re
from typing import Final

from exporters.extraction.errors import UnreadableError, unknown_type

_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHARSET_PARAMETER: Final = re.compile(r"charset\s*=\s*[\"']?([\w.:+-]{1,40})", re.IGNORECASE)
_DECLARATION: Final = re.compile(
    rb"""(?:charset\s*=\s*|encoding\s*=\s*|coding[:=]\s*)["']?([\w.:+-]{1,40})""", re.IGNORECASE
)
_HEAD: Final = 4_096
_SAMPLE: Final = 64 * 1024
_BYTES_PER_CHARACTER: Final = 4
_CONTROLS: Final = bytes(set(range(32)) - {8, 9, 10, 12, 13, 27})
_MOST_CONTROLS: Final = 0.05
"""Of compressed data every tenth byte is a control character; a text may have a stray one."""
_LAST_RESORT: Final = "cp1252"
"""Has a character for nearly every byte: wrong for some letters, right for all of ASCII."""


def is_binary(content: bytes) -> bool:
    """Whether bytes are no text in any charset: control characters, and not those of UTF-16."""
    head = content[:_HEAD]
    if not head or _marked(head) or _wide(head):
        return False
    controls = len(head) - len(head.translate(None, _CONTROLS))
    return controls > _MOST_CONTROLS * len(head)


def beginning(content: bytes, size: int) -> str:
    """The first bytes as text whose ASCII letters are right in any charset; for looking at."""
    head = content[: size // 4 * 4]
    charset = _marked(head) or _wide(head) or "latin-1"
    return head.decode(charset, errors="replace")


def decode(content: bytes, media_type: str | None, max_characters: int) -> str:
    """Decodes a text file: by its mark, as UTF-8, as it declares itself, by its letters.

    Args:
        content: The file.
        media_type: What the source says, for its `charset`.
        max_characters: Somewhat more than this is decoded at most.

    Raises:
        UnreadableError: It is no text.
    """
    if is_binary(content):
        raise UnreadableError(unknown_type("a binary file of unknown type"))
    content = content[: (max_characters + 1) * _BYTES_PER_CHARACTER]
    if charset := _marked(content) or _wide(content):
        return content.decode(charset, errors="replace")
    text = _strict(content, "utf-8")
    if text is not None:
        return text
    for charset in _declared(content, media_type):
        text = _strict(content, charset)
        if text is not None:
            return text
    return content.decode(_guessed(content), errors="replace")


def _marked(content: bytes) -> str | None:
    return next((name for mark, name in _BYTE_ORDER_MARKS if content.startswith(mark)), None)


def _wide(content: bytes) -> str | None:
    """UTF-16 without a mark, which shows by a NUL in every other byte of its Latin parts."""
    head = content[: _HEAD // 2 * 2]
    if len(head) < 4 or b"\0" not in head:
        return None
    pairs = len(head) // 2
    for charset, nuls, letters in (
        ("utf-16-le", head[1::2], head[0::2]),
        ("utf-16-be", head[0::2], head[1::2]),
    ):
        if nuls.count(0) >= 0.4 * pairs and letters.count(0) <= 0.01 * pairs:
            return charset
    return None


def _strict(content: bytes, charset: str) -> str | None:
    """Decodes without a fault; a character that the end cuts through is no fault."""
    try:
        decoder = codecs.getincrementaldecoder(charset)()
        text = decoder.decode(content)
    except (UnicodeError, LookupError, AttributeError, TypeError, ValueError):
        return None
    return text if isinstance(text, str) else None


def _declared(content: bytes, media_type: str | None) -> list[str]:
    names = []
    if found := _CHARSET_PARAMETER.search(media_type or ""):
        names.append(found[1])
    if inside := _DECLARATION.search(content[:_HEAD]):
        names.append(inside[1].decode("ascii", errors="replace"))
    return names


def _guessed(content: bytes) -> str:
    """The charset that makes most sense of the letters."""
    try:
        from charset_normalizer import from_bytes  # noqa: PLC0415 (for the rare file only)
    except ImportError:
        return _LAST_RESORT
    best = from_bytes(content[:_SAMPLE]).best()
    return best.encoding if best else _LAST_RESORT
