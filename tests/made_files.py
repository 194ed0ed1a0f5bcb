"""Small files of each kind, honest and hostile, made by hand."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/word/document.xml" ContentType="application/'
    'vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
_RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
    'relationships/officeDocument" Target="word/document.xml"/></Relationships>'
)
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def zipped(entries: Mapping[str, bytes | str], *, packed: bool = True) -> bytes:
    """A ZIP of some entries."""
    made = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return made.getvalue()


def docx(
    body: str = "<w:p><w:r><w:t>Hello from Word</w:t></w:r></w:p>",
    *,
    before: str = "",
    more: Mapping[str, bytes | str] | None = None,
) -> bytes:
    """A Word document; `before` stands before its root element, `more` beside it."""
    document = f'{before}<w:document xmlns:w="{_WORD}"><w:body>{body}</w:body></w:document>'
    return zipped(
        {
            "[Content_Types].xml": _TYPES,
            "_rels/.rels": _RELATIONS,
            "word/document.xml": document,
            **(more or {}),
        }
    )


def open_document(kind: str, body: str) -> bytes:
    """An OpenDocument file; `kind` is `text`, `spreadsheet` or `presentation`."""
    namespaces = " ".join(
        f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for short, name in (
            ("office", "office"),
            ("table", "table"),
            ("text", "text"),
            ("draw", "drawing"),
            ("presentation", "presentation"),
        )
    )
    manifest = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
    return zipped(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}",
            "META-INF/manifest.xml": f'<manifest:manifest xmlns:manifest="{manifest}"/>',
            "content.xml": f'<office:document-content {namespaces} office:version="1.3">'
            f"<office:body><office:{kind}>{body}</office:{kind}></office:body>"
            "</office:document-content>",
        }
    )


def pdf(stream: bytes = b"BT /F1 12 Tf 72 720 Td (Hello from PDF) Tj ET", **extra: bytes) -> bytes:
    """A PDF of one page that draws `stream`, which may be packed: `filter=b"/FlateDecode"`."""
    packing = b"/Filter " + extra["filter"] if "filter" in extra else b""
    objects = [
        b"<</Type /Catalog /Pages 2 0 R>>",
        b"<</Type /Pages /Kids [3 0 R] /Count 1>>",
        b"<</Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources <</Font <</F1 5 0 R>>>>>>",
        b"<</Length %d %s>>\nstream\n%s\nendstream" % (len(stream), packing, stream),
        b"<</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>",
    ]
    return _pdf_of(objects, extra.get("trailer", b""))


def encrypted_pdf() -> bytes:
    """A PDF that says it is encrypted, with a password that nobody can give."""
    key = b"<" + b"41" * 32 + b">"
    encrypt = b"/Encrypt <</Filter /Standard /V 1 /R 2 /P -4 /O %s /U %s>>" % (key, key)
    return pdf(trailer=encrypt + b" /ID [<41> <41>]")


def _pdf_of(objects: list[bytes], trailer: bytes) -> bytes:
    made = io.BytesIO()
    made.write(b"%PDF-1.7\n")
    places = []
    for number, content in enumerate(objects, start=1):
        places.append(made.tell())
        made.write(b"%d 0 obj\n%s\nendobj\n" % (number, content))
    start = made.tell()
    made.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    for place in places:
        made.write(b"%010d 00000 n \n" % place)
    made.write(b"trailer\n<</Size %d /Root 1 0 R %s>>\n" % (len(objects) + 1, trailer))
    made.write(b"startxref\n%d\n%%%%EOF\n" % start)
    return made.getvalue()


def squeezed_zeros(size: int) -> bytes:
    """Zeros by zlib, a thousandth of their size."""
    packer = zlib.compressobj(9)
    piece = bytes(1_000_000)
    return b"".join(packer.compress(piece) for _ in range(size // len(piece))) + packer.flush()


def with_declared_size(archive: bytes, name: str, size: int) -> bytes:
    """A ZIP that lies about what an entry unpacks to."""
    changed = bytearray(archive)
    encoded = name.encode()
    for signature, size_at, name_at in ((b"PK\1\2", 24, 46), (b"PK\3\4", 22, 30)):
        at = changed.find(signature)
        while at >= 0:
            if changed[at + name_at : at + name_at + len(encoded)] == encoded:
                struct.pack_into("<I", changed, at + size_at, size)
            at = changed.find(signature, at + 4)
    return bytes(changed)


def overlapping(copies: int, size: int) -> bytes:
    """A ZIP whose entries are all the same bytes: small, and large when it is unpacked."""
    inner = zipped({"word/media/0.bin": bytes(size)})
    directory = inner.index(b"PK\1\2")
    end = inner.index(b"PK\5\6")
    entry = inner[directory:end]
    made = inner[:directory] + entry * copies
    return made + struct.pack(
        "<4s4H2IH", b"PK\5\6", 0, 0, copies, copies, len(entry) * copies, directory, 0
    )


def mail(body: str, attachments: Mapping[str, bytes] | None = None) -> bytes:
    """A mail with attachments; one whose name ends in `.eml` is attached as a mail."""
    lines = [
        "From: ann@acme.example",
        "To: bob@acme.example",
        "Subject: Offer",
        "MIME-Version: 1.0",
    ]
    edge = f"edge-{len(body)}-{sum(map(len, (attachments or {}).values()))}"
    parts = [f'Content-Type: multipart/mixed; boundary="{edge}"', "", f"--{edge}"]
    parts += ["Content-Type: text/plain; charset=utf-8", "", body, ""]
    made = "\n".join(lines + parts).encode()
    for name, content in (attachments or {}).items():
        kind = "message/rfc822" if name.endswith(".eml") else "application/octet-stream"
        head = f'--{edge}\nContent-Type: {kind}\nContent-Disposition: attachment; filename="{name}"'
        made += head.encode()
        if kind == "message/rfc822":
            made += b"\n\n" + content + b"\n"
        else:
            packed = content.hex().encode()
            quoted = b"".join(b"=" + packed[i : i + 2].upper() for i in range(0, len(packed), 2))
            rows = [quoted[i : i + 75] for i in range(0, len(quoted), 75)]
            made += b"\nContent-Transfer-Encoding: quoted-printable\n\n"
            made += b"=\n".join(rows) + b"\n"
    return made + f"--{edge}--\n".encode()
