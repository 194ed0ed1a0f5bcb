"""Markdown as it reads on a terminal: without its marks, and with what was highlighted kept."""

import re
from collections.abc import Iterable
from typing import Final

_MARKS: Final = re.compile(
    r"\*\*|```|(?<![\w`])`|`(?![\w`])"  # bold, code
    r"|!?\[(?=[^\]]*\]\()|\]\([^)\s]*\)?"  # [text](address): the text stays
    r"|<(?=https?://)|(?<=\S)>(?=\s|$)"  # <address>
)


def plain(
    text: str, highlights: Iterable[tuple[int, int]] = ()
) -> tuple[str, list[tuple[int, int]]]:
    """A piece of Markdown on one line without marks for bold, code and links.

    Args:
        text: May begin and end in the middle of anything.
        highlights: First and end (exclusive) of the parts to be stressed.

    Returns:
        The text, and where the highlights are in it.
    """
    places: list[int] = []
    """Where each character of the text comes to stand."""
    kept: list[str] = []
    last = 0
    for mark in [*_MARKS.finditer(text), None]:
        start, end = mark.span() if mark else (len(text), len(text))
        for character in text[last:start]:
            places.append(len(kept))
            # What a mark leaves behind must not become two blanks.
            if not (character.isspace() and kept and kept[-1].isspace()):
                kept.append(character)
        places += [len(kept)] * (end - start)
        last = end
    places.append(len(kept))
    moved = [(places[start], places[end]) for start, end in highlights]
    return "".join(kept), [(start, end) for start, end in moved if start < end]
