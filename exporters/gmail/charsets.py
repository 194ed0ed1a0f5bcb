"""Turns the bytes of a mail into text, whatever charset they claim to be in. Never raises."""

import codecs
from typing import Final

_READ_AS: Final = {
    # Senders write the smaller charset and use the larger one (WHATWG's Encoding standard).
    "ascii": "utf-8",
    "iso8859-1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "iso8859-9": "cp1254",
    "tis-620": "cp874",
}
_ALIASES: Final = {
    "iso-8859-8-i": "iso8859-8",
    "iso-8859-8-e": "iso8859-8",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "unicode-1-1-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "windows-31j": "cp932",
    "x-sjis": "cp932",
    "x-gbk": "gb18030",
    "x-mac-roman": "mac-roman",
    "macintosh": "mac-roman",
    "cp-850": "cp850",
    "utf8mb4": "utf-8",
    "ansi": "cp1252",
    "windows-874": "cp874",
}
_NOT_OF_MAIL: Final = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape"})
"""Codecs of Python that no mail means, two of which take quadratic time."""

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decode_text(data: bytes, charset: str | None) -> str:
    """The text of some bytes: by their mark, by the charset given, as UTF-8, as Windows-1252."""
    for mark, marked in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(marked, "replace")
    claimed = _codec(charset or "")
    for encoding in (claimed, "utf-8"):
        if encoding is None:
            continue
        try:
            return data.decode(encoding)
        except (UnicodeError, LookupError, ValueError):
            continue
    if claimed is not None and claimed != "utf-8":
        # One damaged character must not turn a whole Japanese mail into Latin letters.
        text = data.decode(claimed, "replace")
        if text.count("\ufffd") * 20 <= len(text):
            return text
    return data.decode("cp1252", "replace")


def _codec(charset: str) -> str | None:
    """Python's name of a charset; None where it knows none that a mail may mean."""
    name = charset.strip().strip("\"'").lower()[:40]
    name = _ALIASES.get(name, name)
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError, UnicodeError):
        return None
    if info.name in _NOT_OF_MAIL or not getattr(info, "_is_text_encoding", True):
        return None
    return _READ_AS.get(info.name, info.name)
