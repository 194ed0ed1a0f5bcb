"""Files people share, made byte by byte from the seed."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from xml.sax.saxutils import escape

from sandbox.slack.filetypes import PNG_SIGNATURE


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file somebody uploads.

    Attributes:
        name: File name.
        title: As shown in Slack.
        make: Makes the bytes.
        snippet: A snippet, which Slack lets people edit.
    """

    name: str
    title: str
    make: Callable[[Random], bytes]
    snippet: bool = False


RUNBOOK = """# Runbook: payment-service times out

1. Look at *Connections in use* on the payment-service dashboard. At 20 the pool is exhausted.
2. If booking-api retries more than three times a second, switch `payments.retry_storm_guard` on.
3. Move the fraud check to its own pool: `FRAUD_POOL_SIZE=8`, then restart one pod after the other.
4. Tell #incidents and the customer success team. Refunds are queued, none is lost.

The cause the last time: the fraud check kept a database connection open while it waited for the
external provider.
"""

POOL_SETTINGS = '''import os

POOL_SIZE = int(os.environ.get("PAYMENT_POOL_SIZE", "60"))
FRAUD_POOL_SIZE = int(os.environ.get("FRAUD_POOL_SIZE", "8"))
ACQUIRE_TIMEOUT_SECONDS = 2.0


def pool_for(task: str) -> int:
    """Fraud checks wait for an outside provider, so they never share the payment pool."""
    return FRAUD_POOL_SIZE if task == "fraud" else POOL_SIZE
'''

PARENTAL_LEAVE = """Parental leave at Harbourline

Every new parent gets 20 weeks of fully paid leave, whatever their gender and however the child
arrived. It can be taken in up to three parts within 18 months. Another 6 weeks part-time at full
pay help with the return. Tell your manager and people@harbourline.example 8 weeks ahead.
"""


def _text(content: str) -> Callable[[Random], bytes]:
    return lambda _: content.encode()


def _trace(random: Random) -> bytes:
    lines = []
    for number in range(40):
        connections = min(20, 8 + number // 2)
        took = 90 + number * random.randint(20, 120)
        lines.append(
            f"12:{number:02d}:07 payment-service pool in_use={connections}/20 "
            f"acquire_ms={took} {'TIMEOUT' if connections == 20 else 'ok'}"
        )
    return "\n".join(lines).encode()


def _bookings(random: Random) -> bytes:
    rows = ["week,operator,bookings,revenue_eur"]
    rows += [
        f"{week},{operator},{random.randint(900, 9000)},{random.randint(20_000, 400_000)}"
        for week in range(27, 40)
        for operator in ("Northsound Ferries", "Isla Azul Lines", "Fjordlink")
    ]
    return "\n".join(rows).encode()


def _answer(random: Random) -> bytes:
    booking = random.randint(100_000, 999_999)
    return (
        f'{{"booking": "HB{booking}", "state": "confirmed", "passengers": '
        f'{random.randint(1, 6)}, "deck": "car", "errors": []}}\n'
    ).encode()


def _picture(width: int, height: int) -> Callable[[Random], bytes]:
    """A small PNG: stripes of colours drawn from the seed."""

    def make(random: Random) -> bytes:
        stripes = [bytes(random.choices(range(256), k=3)) for _ in range(6)]
        rows = b"".join(
            b"\0" + stripes[row * len(stripes) // height] * width for row in range(height)
        )
        header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        return b"".join(
            (
                PNG_SIGNATURE,
                _chunk(b"IHDR", header),
                _chunk(b"IDAT", zlib.compress(rows, 9)),
                _chunk(b"IEND", b""),
            )
        )

    return make


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum


def _document(content: str) -> Callable[[Random], bytes]:
    """A one-page PDF with the text, one line under the other."""

    def make(_: Random) -> bytes:
        lines = [
            line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
            for line in content.splitlines()
        ]
        shown = "BT /F1 11 Tf 14 TL 56 780 Td " + " ".join(f"({line}) Tj T*" for line in lines)
        stream = f"{shown} ET".encode("latin-1", "replace")
        objects = [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
            b"/Resources << /Font << /F1 5 0 R >> >> >>",
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        ]
        body, offsets = b"%PDF-1.4\n", []
        for number, content_ in enumerate(objects, 1):
            offsets.append(len(body))
            body += b"%d 0 obj\n%s\nendobj\n" % (number, content_)
        table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
        count = len(objects) + 1
        return body + (
            b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\n"
            b"startxref\n%d\n%%%%EOF\n" % (count, table, count, len(body))
        )

    return make


_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_WORD_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"


def _word(content: str) -> Callable[[Random], bytes]:
    """A Word document with a paragraph for each line."""

    def make(_: Random) -> bytes:
        paragraphs = "".join(
            f"<w:p><w:r><w:t>{escape(line)}</w:t></w:r></w:p>"
            for line in content.splitlines()
            if line
        )
        parts = {
            "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
            '<Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/word/document.xml" ContentType="{_WORD_TYPE}"/></Types>',
            "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship '
            f'Id="rId1" Type="{_OFFICE}/officeDocument" Target="word/document.xml"/>'
            "</Relationships>",
            "word/document.xml": f'<w:document xmlns:w="{_WORD}"><w:body>{paragraphs}</w:body>'
            "</w:document>",
        }
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            for name, part in parts.items():
                # Without a time of its own, so that the same seed makes the same bytes.
                archive.writestr(zipfile.ZipInfo(name), part)
        return made.getvalue()

    return make


ARTIFACTS = {
    "runbook": Artifact("payment-timeouts.md", "Runbook: payment timeouts", _text(RUNBOOK)),
    "pool": Artifact("pool_settings.py", "Pool settings", _text(POOL_SETTINGS), snippet=True),
    "trace": Artifact("payment-pool.log", "Pool log of the incident", _trace),
    "leave": Artifact("parental-leave.pdf", "Parental leave policy", _document(PARENTAL_LEAVE)),
    "bookings": Artifact("bookings-by-week.csv", "Bookings by week", _bookings),
    "answer": Artifact("booking.json", "Answer of the booking API", _answer, snippet=True),
    "screenshot": Artifact("screenshot.png", "Screenshot", _picture(96, 64)),
    "funnel": Artifact("checkout-funnel.png", "Checkout funnel", _picture(160, 90)),
    "photo": Artifact("photo.png", "Photo", _picture(120, 120)),
    "notes": Artifact(
        "meeting-notes.docx",
        "Meeting notes",
        _word("Attending: all of the squad\n\n- ship the beta\n- ask legal about receipts\n"),
    ),
}
"""By the name scenes use."""


def pdf_page(content: str) -> bytes:
    """A one-page PDF with the text, for the company's other systems."""
    return _document(content)(Random(0))
