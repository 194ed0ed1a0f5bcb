"""Which reader reads which kind of file. Runs in the reading process only."""

from collections.abc import Callable
from functools import partial
from typing import Final

from exporters.extraction import mails, office, pages, plain, sheets, slides
from exporters.extraction.errors import UnreadableError, broken
from exporters.extraction.kinds import KINDS
from exporters.extraction.reading import Circumstances, Reader
from exporters.extraction.sniffing import kind_of


def _open_document(kind: str) -> Reader:
    return partial(office.read_open_document, kind=kind)


def _workbook(kind: str) -> Reader:
    return partial(sheets.read_workbook, kind=kind)


def _by_kreuzberg(kind: str) -> Reader:
    return partial(office.read_by_kreuzberg, kind=kind)


def read(content: bytes, about: Circumstances, refuse: Callable[[str], None]) -> str:
    """The text of a file of any kind, as Markdown where the kind has structure.

    Args:
        content: The file.
        about: What else is known of it.
        refuse: Is asked with the kind before it is read, and raises `UnreadableError` for one that
            is left out.

    Raises:
        UnreadableError: There is no text; the message says why.
        MemoryError: There is not enough of it.
    """
    kind = kind_of(content, about.name, about.media_type)
    refuse(kind)
    try:
        if kind == "eml":
            return mails.read_mail(content, about, partial(read, refuse=refuse))
        return READERS[kind](content, about)
    except (UnreadableError, MemoryError):
        raise
    except Exception as error:  # a library on hostile input raises anything
        raise UnreadableError(broken(KINDS[kind].title, type(error).__name__)) from error


READERS: Final[dict[str, Reader]] = {
    "pdf": office.read_pdf,
    "docx": office.read_docx,
    "pptx": slides.read_pptx,
    "xlsx": _workbook("xlsx"),
    "xlsb": _workbook("xlsb"),
    "doc": _by_kreuzberg("doc"),
    "ppt": _by_kreuzberg("ppt"),
    "xls": _workbook("xls"),
    "odt": _open_document("odt"),
    "ods": _open_document("ods"),
    "odp": _open_document("odp"),
    "rtf": _by_kreuzberg("rtf"),
    "epub": _by_kreuzberg("epub"),
    "html": pages.read_html,
    "msg": _by_kreuzberg("msg"),
    "csv": plain.read_csv,
    "ics": mails.read_calendar,
    "ipynb": _by_kreuzberg("ipynb"),
    "text": plain.read_text,
}
"""Every kind but mails, which are read with what is attached to them."""
