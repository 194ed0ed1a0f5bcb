"""OpenDocument presentations. Runs in the reading process only.

The elements are those of OpenDocument 1.3, part 3: the pages of a drawing with frames in them,
which hold text boxes and tables, and the notes of each page.
"""

import zipfile
from collections.abc import Iterator, Sequence
from typing import Final
from xml.etree import ElementTree

from exporters.extraction.reading import join_until, table

_NAMESPACES: Final = "urn:oasis:names:tc:opendocument:xmlns:"
_PAGE: Final = f"{{{_NAMESPACES}drawing:1.0}}page"
_FRAME: Final = f"{{{_NAMESPACES}drawing:1.0}}frame"
_NOTES: Final = f"{{{_NAMESPACES}presentation:1.0}}notes"
_CLASS: Final = f"{{{_NAMESPACES}presentation:1.0}}class"
_TABLE: Final = f"{{{_NAMESPACES}table:1.0}}table"
_ROW: Final = f"{{{_NAMESPACES}table:1.0}}table-row"
_CELL: Final = f"{{{_NAMESPACES}table:1.0}}table-cell"
_TEXT: Final = f"{{{_NAMESPACES}text:1.0}}"
_PARAGRAPHS: Final = {f"{_TEXT}p", f"{_TEXT}h"}
_ITEM: Final = f"{_TEXT}list-item"
_SPACES: Final = {f"{_TEXT}s": " ", f"{_TEXT}tab": " ", f"{_TEXT}line-break": "\n"}

Element = ElementTree.Element


def read_slides(opened: zipfile.ZipFile, max_characters: int) -> str:
    """A presentation: each slide's title, text, tables and notes."""
    root = ElementTree.fromstring(opened.read("content.xml"))  # noqa: S314 (its entities were refused)
    slides = (
        _slide(number, page, max_characters) for number, page in enumerate(root.iter(_PAGE), 1)
    )
    return join_until(slides, max_characters)


def _slide(number: int, page: Element, max_characters: int) -> str:
    titles = [frame for frame in page.iter(_FRAME) if frame.get(_CLASS) == "title"]
    notes = list(page.iter(_NOTES))
    tables = list(page.iter(_TABLE))
    heading = " ".join(line for title in titles for line in _lines(title))
    said = " ".join(line for note in notes for line in _lines(note))
    parts = [
        f"## {' '.join(heading.split()) or f'Slide {number}'}",
        "\n".join(_lines(page, without=[*titles, *notes, *tables])),
        *(table(_rows(found), max_characters) for found in tables),
        f"Notes: {said}" if said else "",
    ]
    return join_until(parts, max_characters)


def _lines(within: Element, without: Sequence[Element] = ()) -> Iterator[str]:
    """Paragraphs in their order; those of lists with a dash."""
    left_out = {id(element) for element in without}
    waiting = [(within, False)]
    while waiting:
        element, in_list = waiting.pop()
        if id(element) in left_out:
            continue
        if element.tag in _PARAGRAPHS:
            if text := _text(element).strip():
                yield f"- {text}" if in_list else text
            continue
        in_list = in_list or element.tag == _ITEM
        waiting += ((child, in_list) for child in reversed(element))


def _rows(found: Element) -> Iterator[list[str]]:
    for row in found.iter(_ROW):
        yield [" ".join(_lines(cell)) for cell in row.iter(_CELL)]


def _text(paragraph: Element) -> str:
    """What a paragraph says; spaces and breaks are elements of their own."""
    for element in paragraph.iter():
        if space := _SPACES.get(element.tag):
            element.text = space
    return "".join(paragraph.itertext())
