"""Web pages. Runs in the reading process only."""

from exporters.extraction.charsets import decode
from exporters.extraction.reading import Circumstances, library


def read_html(content: bytes, about: Circumstances) -> str:
    """A web page or a mail's HTML as Markdown, without scripts, styles and embedded images."""
    # Of markup much is dropped, so more is read than is kept.
    return html_to_markdown(decode(content, about.media_type, 20 * about.max_characters))


def html_to_markdown(html: str) -> str:
    """HTML as Markdown."""
    converter = library("html_to_markdown", "web page")
    options = converter.ConversionOptions(
        extract_metadata=False, skip_images=True, strip_tags=["noscript"], compact_tables=True
    )
    return str(converter.convert(html, options).content or "")
