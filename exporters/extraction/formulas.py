"""Formulas and ruby in Word documents, written as runs that a converter reads.

Converters leave Office Math and the reading aids of East Asian text out. Here they become plain
runs, in the order in which they are read aloud: (a+b)/c, x^2. The elements are those of ECMA-376,
part 1, 22.1 (Office Math) and 17.3.3.25 (ruby).
"""

import io
import re
import zipfile
from typing import Final

_PART: Final = "word/document.xml"
_TAG: Final = re.compile(r"<(/?)(m:\w+|w:ruby|w:rt|w:rubyBase|w:rubyPr)((?:\s[^<>]*?)?)(/?)>")
_VALUE: Final = re.compile(r'm:val="([^"]*)"')

_OPENING: Final = {"m:den": "/", "m:sup": "^", "m:sub": "_", "m:rad": "√", "m:d": "("}
_CLOSING: Final = {"m:d": ")"}
_CONTAINER: Final = "w:smartTag"
"""An element that means nothing by itself; its children are read."""


def with_plain_formulas(opened: zipfile.ZipFile, content: bytes) -> bytes:
    """A Word document whose formulas and ruby are plain runs.

    Args:
        opened: The document, checked by `open_archive`.
        content: Its bytes, given back where there is nothing to do.
    """
    if _PART not in opened.namelist():
        return content
    document = opened.read(_PART)
    if b"<m:oMath" not in document and b"<w:ruby" not in document:
        return content
    plain = _TAG.sub(_plain, document.decode("utf-8", errors="replace"))
    rewritten = io.BytesIO()
    with zipfile.ZipFile(rewritten, "w", zipfile.ZIP_STORED) as copy:
        for entry in opened.infolist():
            copy.writestr(
                entry.filename,
                plain.encode("utf-8") if entry.filename == _PART else opened.read(entry),
            )
    return rewritten.getvalue()


def _plain(tag: re.Match[str]) -> str:
    closes, name, attributes, is_empty = tag.groups()
    if name == "m:t":
        return "</w:t>" if closes else '<w:t xml:space="preserve">' * (not is_empty)
    if name == "m:r":
        return "</w:r>" if closes else "<w:r>" * (not is_empty)
    if is_empty:
        value = _VALUE.search(attributes)
        # The sign of a sum or an integral.
        return _run(value[1]) if name == "m:chr" and value else ""
    if closes:
        return _run(_CLOSING.get(name, "")) + f"</{_CONTAINER}>"
    return f"<{_CONTAINER}>" + _run(_OPENING.get(name, ""))


def _run(sign: str) -> str:
    return f"<w:r><w:t>{sign}</w:t></w:r>" if sign else ""
