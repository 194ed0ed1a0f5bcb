"""Text of attachments: one bounded step in a process of its own, shared by every source.

from exporters.extraction import extract_text, may_have_text

if may_have_text(name="offer.docx", mime_type=None):
    found = extract_text(content, name="offer.docx", mime_type=None)
    found.text or found.reason
"""

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from exporters.extraction.extractor import Extracted, Extractor, extract_text
    from exporters.extraction.kinds import may_have_text
    from exporters.extraction.settings import ExtractionSettings

__all__ = ["Extracted", "ExtractionSettings", "Extractor", "extract_text", "may_have_text"]

_HOMES: Final = {
    "Extracted": "exporters.extraction.extractor",
    "ExtractionSettings": "exporters.extraction.settings",
    "Extractor": "exporters.extraction.extractor",
    "extract_text": "exporters.extraction.extractor",
    "may_have_text": "exporters.extraction.kinds",
}


def __getattr__(name: str) -> Any:
    """Imports what is asked for: the reading process is a part of this package and needs none."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 (only where something is asked for)

    return getattr(import_module(_HOMES[name]), name)
