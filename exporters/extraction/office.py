"""PDF, Word, OpenDocument and the like. Runs in the reading process only.

Which library reads what, and why that one: docs/dependencies.md.
"""

import io
from typing import Any, Final

from exporters.extraction.archives import open_archive
from exporters.extraction.errors import ENCRYPTED, UnreadableError, broken
from exporters.extraction.formulas import with_plain_formulas
from exporters.extraction.kinds import KINDS
from exporters.extraction.odp import read_slides
from exporters.extraction.pages import html_to_markdown
from exporters.extraction.reading import Circumstances, join_until, library
from exporters.extraction.sheets import read_workbook


def read_pdf(content: bytes, about: Circumstances) -> str:
    """The text of a PDF, page by page, line by line. A scan has none."""
    pdfium = library("pypdfium2", "PDF")
    try:
        document = pdfium.PdfDocument(content)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise UnreadableError(ENCRYPTED) from None
        raise UnreadableError(broken("PDF")) from None
    return join_until(
        (_page_text(document, number) for number in range(len(document))), about.max_characters
    )


def _page_text(document: Any, number: int) -> str:
    page = document[number]
    text_page = page.get_textpage()
    text: str = text_page.get_text_range()
    text_page.close()
    page.close()
    # U+FFFE and U+0002 stand where a word was hyphenated at the end of a line.
    return text.replace("\ufffe\r\n", "").replace("\x02\r\n", "").replace("\ufffe", "")


def read_docx(content: bytes, about: Circumstances) -> str:
    """A Word document with headings, lists, tables, links, notes and comments."""
    mammoth = library("mammoth", "Word document")
    with open_archive(content, "Word document", about.archive) as opened:
        content = with_plain_formulas(opened, content)
    result = mammoth.convert_to_html(
        io.BytesIO(content),
        include_embedded_style_map=False,
        style_map="comment-reference => sup",
        convert_image=mammoth.images.img_element(lambda _image: {}),
    )
    return html_to_markdown(result.value)


def read_by_kreuzberg(content: bytes, about: Circumstances, kind: str) -> str:
    """What Kreuzberg reads well: OpenDocument, RTF, EPUB, Outlook, Word and PowerPoint of old."""
    title = KINDS[kind].title
    kreuzberg = library("kreuzberg", title)
    if content.startswith(b"PK"):
        open_archive(content, title, about.archive).close()
    # The master of an old presentation would be taken for its header.
    furniture = kind != "ppt"
    config = kreuzberg.ExtractionConfig(
        output_format="markdown",
        use_cache=False,
        disable_ocr=True,
        enable_quality_processing=False,
        concurrency=kreuzberg.ConcurrencyConfig(max_threads=1),
        content_filter=kreuzberg.ContentFilterConfig(
            include_headers=furniture,
            include_footers=furniture,
            include_watermarks=furniture,
            strip_repeating_text=False,
        ),
    )
    try:
        result = kreuzberg.extract_bytes_sync(content, _KREUZBERG_TYPES[kind], config)
    except kreuzberg.KreuzbergError as error:
        if "password" in str(error).lower() or "encrypt" in str(error).lower():
            raise UnreadableError(ENCRYPTED) from None
        raise UnreadableError(broken(title)) from None
    return str(result.content)


_ODF: Final = "application/vnd.oasis.opendocument"
_KREUZBERG_TYPES: Final = {
    "doc": "application/msword",
    "ppt": "application/vnd.ms-powerpoint",
    "odt": f"{_ODF}.text",
    "rtf": "application/rtf",
    "epub": "application/epub+zip",
    "msg": "application/vnd.ms-outlook",
    "ipynb": "application/x-ipynb+json",
}


def read_open_document(content: bytes, about: Circumstances, kind: str) -> str:
    """An OpenDocument file; an encrypted one says so in its manifest."""
    with open_archive(content, KINDS[kind].title, about.archive) as opened:
        if "META-INF/manifest.xml" in opened.namelist():
            manifest = opened.read("META-INF/manifest.xml")
            if b"encryption-data" in manifest:
                raise UnreadableError(ENCRYPTED)
        if kind == "odp":
            return read_slides(opened, about.max_characters)
    if kind == "ods":
        return read_workbook(content, about, kind)
    return read_by_kreuzberg(content, about, kind)
