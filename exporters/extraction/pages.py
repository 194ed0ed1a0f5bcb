"""Web pages. Runs in the reading process only."""

import re
from typing import Final

from exporters.extraction.charsets import decode
from exporters.extraction.reading import Circumstances, library

_MARKUP_PER_TEXT: Final = 20

# Without `<` and possessive, so that a tag that is never closed costs no search to the end.
_IMAGE: Final = re.compile(r"""<img\b(?>[^<>"']+|"[^"]*"|'[^']*')*+>""", re.IGNORECASE)
_DESCRIPTION: Final = re.compile(
    r"""(?<![\w-])alt\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))""", re.IGNORECASE
)


def read_html(content: bytes, about: Circumstances) -> str:
    """A web page or a mail's HTML as Markdown, without scripts and styles.

    Of an image its description stays.
    """
    # Of markup much is dropped, so more is read than is kept.
    most = _MARKUP_PER_TEXT * about.max_characters
    return html_to_markdown(decode(content, about.media_type, most))


def html_to_markdown(html: str) -> str:
    """HTML as Markdown."""
    converter = library("html_to_markdown", "web page")
    options = converter.ConversionOptions(
        extract_metadata=False, skip_images=True, strip_tags=["noscript"], compact_tables=True
    )
    return str(converter.convert(_IMAGE.sub(_described, html), options).content or "")


def _described(image: re.Match[str]) -> str:
    found = _DESCRIPTION.search(image[0])
    return f" {next(filter(None, found.groups()), '')} " if found else ""
