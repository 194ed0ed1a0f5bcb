"""Files as large as the limits of reading attachments allow, of invented words."""

import io
import random
import zipfile
from collections.abc import Callable
from typing import Final

_WORDS: Final = 20_000
_WORD: Final = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_SHEETS: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS: Final = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


class Words:
    """Invented words, the same for the same seed."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)
        letters = "abcdefghijklmnop"
        self._known = [
            "".join(self._random.choices(letters, k=self._random.randint(3, 10)))
            for _ in range(_WORDS)
        ]

    def some(self, count: int) -> str:
        """So many of them."""
        return " ".join(self._random.choices(self._known, k=count))


def workbook(words: Words) -> bytes:
    """200,000 rows of ten cells, half of them numbers."""
    rows = "".join(
        "<row>"
        + "".join(
            f'<c t="inlineStr"><is><t>{words.some(2)}</t></is></c>'
            if column % 2
            else f"<c><v>{row * column * 1.5}</v></c>"
            for column in range(10)
        )
        + "</row>"
        for row in range(200_000)
    )
    return _packed(
        "xl/workbook.xml",
        {
            "xl/workbook.xml": f'<workbook xmlns="{_SHEETS}" xmlns:r="{_OFFICE}"><sheets>'
            '<sheet name="Data" sheetId="1" r:id="r1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": _relation("worksheet", "worksheets/sheet1.xml"),
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{_SHEETS}"><sheetData>{rows}'
            "</sheetData></worksheet>",
        },
    )


def document(words: Words) -> bytes:
    """A Word document of 20,000 paragraphs of 60 words."""
    body = "".join(f"<w:p><w:r><w:t>{words.some(60)}</w:t></w:r></w:p>" for _ in range(20_000))
    text = f'<w:document xmlns:w="{_WORD}"><w:body>{body}</w:body></w:document>'
    return _packed("word/document.xml", {"word/document.xml": text})


def _packed(main: str, entries: dict[str, str]) -> bytes:
    """An office file of some parts."""
    made = io.BytesIO()
    parts = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": _relation("officeDocument", main),
        **entries,
    }
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return made.getvalue()


def _relation(kind: str, target: str) -> str:
    return (
        f'<Relationships xmlns="{_RELATIONS}">'
        f'<Relationship Id="r1" Type="{_OFFICE}/{kind}" Target="{target}"/></Relationships>'
    )


def portable(words: Words) -> bytes:
    """A PDF of 2,000 pages of 40 lines."""
    objects = [
        b"<</Type /Catalog /Pages 2 0 R>>",
        b"",
        b"<</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>",
    ]
    pages = []
    for _ in range(2_000):
        lines = " ".join(f"({words.some(12)}) Tj T*" for _ in range(40))
        stream = f"BT /F1 10 Tf 12 TL 72 720 Td {lines} ET".encode()
        objects.append(b"<</Length %d>>\nstream\n%s\nendstream" % (len(stream), stream))
        objects.append(
            b"<</Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R "
            b"/Resources <</Font <</F1 3 0 R>>>>>>" % len(objects)
        )
        pages.append(b"%d 0 R" % len(objects))
    objects[1] = b"<</Type /Pages /Kids [%s] /Count %d>>" % (b" ".join(pages), len(pages))
    made = io.BytesIO(b"")
    made.write(b"%PDF-1.7\n")
    places = []
    for number, content in enumerate(objects, start=1):
        places.append(made.tell())
        made.write(b"%d 0 obj\n%s\nendobj\n" % (number, content))
    start = made.tell()
    made.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    made.writelines(b"%010d 00000 n \n" % place for place in places)
    made.write(b"trailer\n<</Size %d /Root 1 0 R>>\n" % (len(objects) + 1))
    made.write(b"startxref\n%d\n%%%%EOF\n" % start)
    return made.getvalue()


def page(words: Words) -> bytes:
    """A web page of 8,000 sections, each with a heading, a paragraph and a table."""
    sections = (
        f"<h2>{words.some(3)}</h2><p>{words.some(60)} <b>{words.some(2)}</b></p>"
        f"<table><tr><td>{words.some(2)}</td><td>1</td></tr></table>"
        for _ in range(8_000)
    )
    return f"<html><body>{''.join(sections)}</body></html>".encode()


def csv_table(words: Words) -> bytes:
    """140,000 lines of 20 cells."""
    return "\n".join(",".join(words.some(20).split()) for _ in range(140_000)).encode()


def text(words: Words) -> bytes:
    """2,600,000 words."""
    return words.some(2_600_000).encode()


LARGE_FILES: Final[dict[str, Callable[[Words], bytes]]] = {
    "large.xlsx": workbook,
    "large.docx": document,
    "large.pdf": portable,
    "large.html": page,
    "large.csv": csv_table,
    "large.txt": text,
}
"""By the name that they are read under."""
