"""What a file is, by its content; by its name and type only where the content leaves it open."""

import re
import zipfile
from io import BytesIO
from typing import Final

from exporters.extraction.charsets import beginning, is_binary
from exporters.extraction.errors import EMPTY, ENCRYPTED, UnreadableError, unknown_type
from exporters.extraction.kinds import declared_kind

_ZIP: Final = b"PK\x03\x04"
_COMPOUND: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""The compound file of https://learn.microsoft.com/openspecs/windows_protocols/ms-cfb: Office of
before 2007, Outlook messages, and encrypted files of today."""

_PDF_WITHIN: Final = 1024
_HEAD: Final = 4096

_SIGNATURES: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\x89PNG\r\n", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF87a", "an image"),
    (b"GIF89a", "an image"),
    (b"II*\0", "an image"),
    (b"MM\0*", "an image"),
    (b"8BPS\0", "an image"),
    (b"OggS\0", "sound"),
    (b"fLaC\0", "sound"),
    (b"\x1aE\xdf\xa3", "video"),
    (b"FLV\1", "video"),
    (b"\x1f\x8b\x08", "a compressed archive"),
    (b"\xfd7zXZ\0", "a compressed archive"),
    (b"\x28\xb5\x2f\xfd", "a compressed archive"),
    (b"7z\xbc\xaf\x27\x1c", "a compressed archive"),
    (b"Rar!\x1a\x07", "a compressed archive"),
    (b"PK\x05\x06", "an empty archive"),
    (b"\x7fELF", "a program"),
    (b"\xcf\xfa\xed\xfe", "a program"),
    (b"\xca\xfe\xba\xbe", "a program"),
    (b"\0asm", "a program"),
    (b"SQLite format 3\0", "a database"),
    (b"\0\1\0\0\0", "a font"),
    (b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", "a OneNote section"),
)
_SHORT_SIGNATURES: Final[tuple[tuple[bytes, str], ...]] = (
    (b"BM", "an image"),
    (b"\0\0\1\0", "an image"),
    (b"ID3", "sound"),
    (b"\xff\xfb", "sound"),
    (b"BZh", "a compressed archive"),
    (b"MZ", "a program"),
    (b"PAR1", "a table in Parquet"),
    (b"wOFF", "a font"),
    (b"wOF2", "a font"),
    (b"OTTO", "a font"),
)
"""A text may begin so too, so they count only where the rest is binary."""

_RIFF: Final = {b"WEBP": "an image", b"WAVE": "sound", b"AVI ": "video"}

_OPEN_XML: Final = (
    ("word/", "docx"),
    ("ppt/", "pptx"),
    ("xl/workbook.bin", "xlsb"),
    ("xl/", "xlsx"),
)
_MIMETYPE_ENTRY: Final = {
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.text-template": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.spreadsheet-template": "ods",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/vnd.oasis.opendocument.presentation-template": "odp",
    "application/epub+zip": "epub",
}
_COMPOUND_STREAMS: Final = (
    ("EncryptedPackage", ""),
    ("WordDocument", "doc"),
    ("PowerPoint Document", "ppt"),
    ("Workbook", "xls"),
    ("Book", "xls"),
    ("__substg1.0_", "msg"),
)

_HTML: Final = re.compile(
    # Possessive: a failing match must not try all ways to part a row of comments.
    r"(?>\ufeff|\s|<\?xml[^>]*>|<!--.*?-->)*+<(?:!doctype\s+html|html|head|body)[\s>]",
    re.IGNORECASE | re.DOTALL,
)
_MAIL_HEADER: Final = re.compile(
    r"\s*(?:From [^\n]*\n|>From [^\n]*\n)?(?:[A-Za-z][A-Za-z0-9-]*:[^\n]*\n(?:[ \t][^\n]*\n)*)+",
)
_OF_MAILS: Final = re.compile(
    r"^(?:Received|Return-Path|MIME-Version|Message-ID|Delivered-To|X-Mailer|DKIM-Signature):",
    re.IGNORECASE | re.MULTILINE,
)
_FROM: Final = re.compile(r"^From:", re.IGNORECASE | re.MULTILINE)
_SUBJECT: Final = re.compile(r"^(?:Subject|To|Date):", re.IGNORECASE | re.MULTILINE)
_CALENDAR: Final = re.compile(r"(?:\ufeff|\s)*BEGIN:VCALENDAR", re.IGNORECASE)


def kind_of(content: bytes, name: str | None, media_type: str | None) -> str:
    """The kind of a file, one of `KINDS`.

    Raises:
        UnreadableError: It is empty, encrypted, or of a type that has no text.
    """
    if not content.strip(b"\0 \t\r\n"):
        raise UnreadableError(EMPTY)
    if b"%PDF-" in content[:_PDF_WITHIN]:
        return "pdf"
    if content.startswith(_ZIP):
        return _kind_of_zip(content, name, media_type)
    if content.startswith(_COMPOUND):
        return _kind_of_compound(content)
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{\\rtf"):
        return "rtf"
    _refuse_binary(content)
    return _kind_of_text(content, name, media_type)


def _refuse_binary(content: bytes) -> None:
    head = content[:_HEAD]
    binary = is_binary(content)
    for signature, what in (*_SIGNATURES, *(_SHORT_SIGNATURES if binary else ())):
        if head.startswith(signature):
            raise UnreadableError(unknown_type(what))
    if head[4:8] == b"ftyp":
        raise UnreadableError(unknown_type("video, sound or an image"))
    if head[:4] == b"RIFF" and head[8:12] in _RIFF:
        raise UnreadableError(unknown_type(_RIFF[head[8:12]]))
    if head[257:262] == b"ustar":
        raise UnreadableError(unknown_type("an archive"))
    if binary:
        raise UnreadableError(unknown_type("a binary file of unknown type"))


def _kind_of_zip(content: bytes, name: str | None, media_type: str | None) -> str:
    try:
        with zipfile.ZipFile(BytesIO(content)) as opened:
            names = opened.namelist()
            if "mimetype" in names:
                entry = opened.getinfo("mimetype")
                if entry.file_size <= 200 and not entry.flag_bits & 1:
                    declared = opened.read(entry).decode("ascii", errors="replace").strip()
                    if declared in _MIMETYPE_ENTRY:
                        return _MIMETYPE_ENTRY[declared]
    except Exception as error:  # noqa: BLE001 (of a library on hostile input)
        return _damaged_zip(name, media_type, error)
    if "[Content_Types].xml" in names:
        for folder, kind in _OPEN_XML:
            if any(entry.startswith(folder) for entry in names):
                return kind
    what = "an archive"
    if any(entry.startswith("Index/") or entry == "Index.zip" for entry in names):
        what = "an Apple iWork file"
    raise UnreadableError(unknown_type(what))


def _damaged_zip(name: str | None, media_type: str | None, error: Exception) -> str:
    """A cut-off file: its name tells which sentence fits."""
    kind = declared_kind(name, media_type)
    if kind in {"docx", "pptx", "xlsx", "xlsb", "odt", "ods", "odp", "epub"}:
        return kind
    raise UnreadableError(unknown_type("a damaged archive")) from error


def _kind_of_compound(content: bytes) -> str:
    for stream, kind in _COMPOUND_STREAMS:
        if stream.encode("utf-16-le") in content:
            if not kind:
                raise UnreadableError(ENCRYPTED)
            return kind
    raise UnreadableError(unknown_type("a Microsoft compound file of another program"))


def _kind_of_text(content: bytes, name: str | None, media_type: str | None) -> str:
    text = beginning(content, _HEAD).replace("\r\n", "\n")
    declared = declared_kind(name, media_type)
    if _HTML.match(text):
        return "html"
    if _CALENDAR.match(text):
        return "ics"
    if _is_mail(text, declared):
        return "eml"
    if declared in {"html", "csv", "ipynb"}:
        return declared
    if "<svg" in text[:1000] and declared is None:
        raise UnreadableError(unknown_type("an image"))
    # What is called an office file and is none of them is a text, whatever it is called.
    return "text"


def _is_mail(text: str, declared: str | None) -> bool:
    header = _MAIL_HEADER.match(text)
    if not header:
        return False
    lines = header[0]
    if declared == "eml":
        return True
    from_somebody = bool(_FROM.search(lines) and _SUBJECT.search(lines))
    return declared is None and (from_somebody or bool(_OF_MAILS.search(lines)))
