"""PowerPoint presentations. Runs in the reading process only."""

import io
from collections.abc import Iterator
from typing import Any

from exporters.extraction.archives import open_archive
from exporters.extraction.reading import Circumstances, join_until, library, table

_DEEPEST_GROUP = 20


def read_pptx(content: bytes, about: Circumstances) -> str:
    """A presentation: each slide's title, text, tables, data of charts, and notes."""
    pptx = library("pptx", "PowerPoint presentation")
    open_archive(content, "PowerPoint presentation", about.archive).close()
    presentation = pptx.Presentation(io.BytesIO(content))
    slides = (
        _slide(number, slide, about.max_characters)
        for number, slide in enumerate(presentation.slides, start=1)
    )
    return join_until(slides, about.max_characters)


def _slide(number: int, slide: Any, max_characters: int) -> str:
    title = slide.shapes.title
    heading = " ".join(title.text_frame.text.split()) if title is not None else ""
    parts = [f"## {heading}" if heading else f"## Slide {number}"]
    for shape in slide.shapes:
        if title is None or shape.shape_id != title.shape_id:
            parts += _shape(shape, max_characters, _DEEPEST_GROUP)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        notes = slide.notes_slide.notes_text_frame.text.strip()
        if notes:
            parts.append(f"Notes: {notes}")
    return join_until(parts, max_characters)


def _shape(shape: Any, max_characters: int, depth: int) -> Iterator[str]:
    if hasattr(shape, "shapes"):
        if depth > 0:
            for inner in shape.shapes:
                yield from _shape(inner, max_characters, depth - 1)
        return
    if getattr(shape, "has_table", False):
        rows = ([cell.text for cell in row.cells] for row in shape.table.rows)
        yield table(rows, max_characters)
    elif getattr(shape, "has_chart", False):
        yield _chart(shape.chart, max_characters)
    elif shape.has_text_frame:
        yield "\n".join(_paragraphs(shape.text_frame))
    elif described := shape._element.xpath(".//p:cNvPr/@descr"):
        yield str(described[0])


def _paragraphs(frame: Any) -> Iterator[str]:
    for paragraph in frame.paragraphs:
        if text := paragraph.text.replace("\v", "\n").strip():
            yield f"{'  ' * (paragraph.level - 1)}- {text}" if paragraph.level else text


def _chart(chart: Any, max_characters: int) -> str:
    title = ""
    if chart.has_title and chart.chart_title.has_text_frame:
        title = chart.chart_title.text_frame.text.strip()
    series = [one for plot in chart.plots for one in plot.series]
    categories = [str(category) for plot in chart.plots for category in plot.categories]
    columns = [list(one.values) for one in series]
    rows = [["", *(one.name or "" for one in series)]]
    for index in range(max([len(categories), *map(len, columns)], default=0)):
        values = (column[index] if index < len(column) else None for column in columns)
        name = categories[index] if index < len(categories) else ""
        rows.append([name, *("" if value is None else f"{value:g}" for value in values)])
    return join_until(
        [f"Chart: {title}" if title else "Chart", table(rows, max_characters)], max_characters
    )
