"""Making text uniform, the same way in every room."""

import json
import re
import unicodedata
from typing import Any, Final

# Control characters mean nothing in Markdown and NUL ends a text in some stores; lone surrogates
# cannot be encoded. Tab and newline stay.
_UNWANTED: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f\u200b\u2028\u2029\ufeff\ud800-\udfff]")
_TRAILING_SPACE: Final = re.compile(r"[ \t]+$", re.MULTILINE)
_BLANK_LINES: Final = re.compile(r"\n{3,}")
_LINE_BREAK: Final = re.compile("\r\n?|\u2028|\u2029|\x0b|\x0c")


def normalize_text(text: str) -> str:
    r"""Makes a text uniform without changing what it says.

    Unicode in composed form (NFC), `\n` as the only line break, no control characters, no spaces
    at line ends, at most one blank line in a row, none around. Doing it twice changes nothing.
    """
    if _UNWANTED.search(text):
        text = _UNWANTED.sub("", _LINE_BREAK.sub("\n", text))
    if not text.isascii():
        # After that: what a removed character kept apart may now compose.
        text = unicodedata.normalize("NFC", text)
    if " \n" in text or "\t\n" in text:
        text = _TRAILING_SPACE.sub("", text)
    if "\n\n\n" in text:
        text = _BLANK_LINES.sub("\n\n", text)
    return text.strip()


def whole_characters(value: Any) -> Any:
    """A JSON value without half characters (lone surrogates), which no store takes.

    Vendors leave them where they cut a text within an emoji. Each becomes U+FFFD.

    Raises:
        TypeError: It is no JSON.
        ValueError: It contains itself.
        RecursionError: It is nested too deeply.
    """
    text = json.dumps(value, ensure_ascii=False)
    return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
