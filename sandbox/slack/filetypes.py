"""How Slack names the types of files."""

from typing import NamedTuple


class FileType(NamedTuple):
    """``mimetype``, ``filetype`` and ``pretty_type`` of a file object."""

    mimetype: str
    filetype: str
    pretty_type: str


_TYPES = {
    "csv": FileType("text/csv", "csv", "CSV"),
    "docx": FileType(
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "docx",
        "Word Document",
    ),
    "eml": FileType("message/rfc822", "eml", "Email"),
    "html": FileType("text/html", "html", "HTML"),
    "jpg": FileType("image/jpeg", "jpg", "JPEG"),
    "json": FileType("text/plain", "javascript", "JavaScript/JSON"),
    "log": FileType("text/plain", "text", "Plain Text"),
    "md": FileType("text/markdown", "markdown", "Markdown (raw)"),
    "pdf": FileType("application/pdf", "pdf", "PDF"),
    "png": FileType("image/png", "png", "PNG"),
    "pptx": FileType(
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "pptx",
        "PowerPoint Presentation",
    ),
    "py": FileType("text/plain", "python", "Python"),
    "rtf": FileType("text/rtf", "rtf", "Rich Text File"),
    "sql": FileType("text/plain", "sql", "SQL"),
    "txt": FileType("text/plain", "text", "Plain Text"),
    "xlsx": FileType(
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "xlsx",
        "Excel Spreadsheet",
    ),
    "yaml": FileType("text/plain", "yaml", "YAML"),
    "zip": FileType("application/zip", "zip", "Zip"),
}
_UNKNOWN = FileType("application/octet-stream", "binary", "Binary")

FILE_CLASSES = {
    "images": frozenset({"png", "jpg", "gif"}),
    "pdfs": frozenset({"pdf"}),
    "zips": frozenset({"zip"}),
}
"""Values of ``types`` in ``files.list`` that mean certain file types."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def file_type(name: str) -> FileType:
    """The type of a file by its suffix."""
    return _TYPES.get(name.rpartition(".")[2].lower(), _UNKNOWN)


def image_size(content: bytes) -> tuple[int, int]:
    """Width and height of a PNG (its IHDR chunk), or zeros."""
    if not content.startswith(PNG_SIGNATURE):
        return 0, 0
    return int.from_bytes(content[16:20]), int.from_bytes(content[20:24])
