"""Attachments of the right kind, made byte by byte: the same bytes for the same content."""

import csv
import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from xml.sax.saxutils import escape

_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_SPREADSHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_FORMATS = "application/vnd.openxmlformats-officedocument"
_PDF_LINES = 46

TYPES = {
    "pdf": "application/pdf",
    "xlsx": f"{_FORMATS}.spreadsheetml.sheet",
    "docx": f"{_FORMATS}.wordprocessingml.document",
    "csv": "text/csv",
    "png": "image/png",
    "txt": "text/plain",
    "ics": "application/ics",
}
"""MIME types by ending."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file with a mail.

    Attributes:
        name: File name.
        content: Bytes.
        content_id: For a picture that the text shows; empty for a real attachment.
    """

    name: str
    content: bytes
    content_id: str = ""

    @property
    def mime_type(self) -> str:
        """By its ending."""
        return TYPES[self.name.rpartition(".")[2]]


def document(name: str, lines: Sequence[str]) -> Attachment:
    """A file with these lines in it, in the format of its name (pdf, xlsx, docx, csv, txt)."""
    ending = name.rpartition(".")[2]
    match ending:
        case "pdf":
            content = pdf(lines)
        case "docx":
            content = docx(lines)
        case "xlsx":
            content = xlsx([line.split(";") for line in lines])
        case "csv":
            content = csv_table([line.split(";") for line in lines])
        case _:
            content = "\r\n".join(lines).encode()
    return Attachment(name, content)


def pdf(lines: Sequence[str]) -> bytes:
    """A PDF with one line of text under the other, on as many pages as it takes."""
    sheets = [lines[at : at + _PDF_LINES] for at in range(0, len(lines), _PDF_LINES)] or [[]]
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(sheets)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(sheets)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, sheet in enumerate(sheets):
        shown = " ".join(f"({_pdf_text(line)}) Tj T*" for line in sheet)
        stream = zlib.compress(
            f"BT /F1 11 Tf 15 TL 60 780 Td {shown} ET".encode("cp1252", "replace"), 9
        )
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        head = f"<< /Length {len(stream)} /Filter /FlateDecode >>\nstream\n".encode()
        objects.append(head + stream + b"\nendstream")
    body, offsets = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(objects) + 1
    return body + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\n"
        b"startxref\n%d\n%%%%EOF\n" % (count, table, count, len(body))
    )


def xlsx(rows: Sequence[Sequence[str]]) -> bytes:
    """A workbook with one sheet; what looks like a number is one."""
    cells = []
    for number, row in enumerate(rows, 1):
        inner = "".join(_cell(f"{chr(65 + at)}{number}", value) for at, value in enumerate(row))
        cells.append(f'<row r="{number}">{inner}</row>')
    return _zip(
        {
            "[Content_Types].xml": _content_types(
                {
                    "/xl/workbook.xml": f"{_FORMATS}.spreadsheetml.sheet.main+xml",
                    "/xl/worksheets/sheet1.xml": f"{_FORMATS}.spreadsheetml.worksheet+xml",
                }
            ),
            "_rels/.rels": _relations("officeDocument", "xl/workbook.xml"),
            "xl/workbook.xml": f'{_XML}<workbook xmlns="{_SPREADSHEET}" xmlns:r="{_OFFICE}">'
            '<sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": _relations("worksheet", "worksheets/sheet1.xml"),
            "xl/worksheets/sheet1.xml": f'{_XML}<worksheet xmlns="{_SPREADSHEET}"><sheetData>'
            f"{''.join(cells)}</sheetData></worksheet>",
        }
    )


def docx(lines: Iterable[str]) -> bytes:
    """A text document; the first line is its heading."""
    paragraphs = []
    for number, line in enumerate(lines):
        style = '<w:pPr><w:pStyle w:val="Heading1"/></w:pPr>' if number == 0 else ""
        paragraphs.append(
            f'<w:p>{style}<w:r><w:t xml:space="preserve">{escape(line)}</w:t></w:r></w:p>'
        )
    return _zip(
        {
            "[Content_Types].xml": _content_types(
                {"/word/document.xml": f"{_FORMATS}.wordprocessingml.document.main+xml"}
            ),
            "_rels/.rels": _relations("officeDocument", "word/document.xml"),
            "word/document.xml": f'{_XML}<w:document xmlns:w="{_WORD}"><w:body>'
            f"{''.join(paragraphs)}</w:body></w:document>",
        }
    )


def csv_table(rows: Iterable[Sequence[str]]) -> bytes:
    """A table with commas."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def picture(random: Random, width: int, height: int) -> bytes:
    """A small PNG with stripes of colours."""
    stripes = [bytes(random.choices(range(256), k=3)) for _ in range(4)]
    rows = b"".join(b"\0" + stripes[row * 4 // height] * width for row in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def calendar(
    uid: str,
    summary: str,
    begin: datetime,
    minutes: int,
    *,
    organizer: tuple[str, str],
    attendees: Iterable[tuple[str, str]],
    location: str = "",
    description: str = "",
    method: str = "REQUEST",
) -> bytes:
    """An iCalendar object (RFC 5545) with one event; people are pairs of name and address."""
    form = "%Y%m%dT%H%M%SZ"
    lines = [
        "BEGIN:VCALENDAR",
        "PRODID:-//Google Inc//Google Calendar 70.9054//EN",
        "VERSION:2.0",
        "CALSCALE:GREGORIAN",
        f"METHOD:{method}",
        "BEGIN:VEVENT",
        f"DTSTART:{begin.strftime(form)}",
        f"DTEND:{(begin + timedelta(minutes=minutes)).strftime(form)}",
        f"DTSTAMP:{(begin - timedelta(days=2)).strftime(form)}",
        f"ORGANIZER;CN={organizer[0]}:mailto:{organizer[1]}",
        f"UID:{uid}",
    ]
    lines += [
        "ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE;"
        f"CN={name}:mailto:{address}"
        for name, address in attendees
    ]
    lines += [f"LOCATION:{_ics_text(location)}"] if location else []
    lines += [f"DESCRIPTION:{_ics_text(description)}"] if description else []
    lines += [
        "SEQUENCE:0",
        f"STATUS:{'CANCELLED' if method == 'CANCEL' else 'CONFIRMED'}",
        f"SUMMARY:{_ics_text(summary)}",
        "TRANSP:OPAQUE",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]
    return "\r\n".join(_folded(line) for line in lines).encode()


def _folded(line: str) -> str:
    """A line of at most 75 bytes, going on behind CRLF and a space (RFC 5545, section 3.1)."""
    pieces, current = [], ""
    for character in line:
        if len((current + character).encode()) > 74:
            pieces.append(current)
            current = " "
        current += character
    return "\r\n".join([*pieces, current])


def _ics_text(text: str) -> str:
    for character in ("\\", ";", ","):
        text = text.replace(character, "\\" + character)
    return text.replace("\n", "\\n")


def _pdf_text(line: str) -> str:
    return line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _cell(place: str, value: str) -> str:
    if value.replace(".", "", 1).isdigit():
        return f'<c r="{place}"><v>{value}</v></c>'
    return f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'


def _content_types(overrides: dict[str, str]) -> str:
    parts = "".join(
        f'<Override PartName="{name}" ContentType="{kind}"/>' for name, kind in overrides.items()
    )
    return (
        f'{_XML}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{parts}</Types>'
    )


def _relations(kind: str, target: str) -> str:
    return (
        f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_OFFICE}/{kind}" Target="{target}"/></Relationships>'
    )


def _zip(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            # A fixed date: the same content is to be the same bytes.
            archive.writestr(
                zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), text, zipfile.ZIP_DEFLATED
            )
    return packed.getvalue()


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum
