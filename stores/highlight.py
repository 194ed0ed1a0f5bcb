"""Where a text answers a query: the passage with most of its words, and those words marked.

Words are compared by their stems, told apart exactly as the embedded index does it: the text is run
through FTS5's own tokenizer, which takes some 20 microseconds for 1,000 characters.
"""

import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import apsw

from stores.query import TOKENIZER, TextQuery

SNIPPET_CHARACTERS: Final = 240

_EXAMINED_CHARACTERS: Final = 200_000
"""Of a longer text only the beginning is examined."""

_ELLIPSIS: Final = "…"
_local = threading.local()


@dataclass(frozen=True, slots=True)
class Snippet:
    """A short piece of a text.

    Attributes:
        text: On one line, with `…` where something was cut off.
        highlights: First and end (exclusive) of each word or phrase that matches, in order.
    """

    text: str
    highlights: tuple[tuple[int, int], ...] = ()

    def marked(self, before: str = "**", after: str = "**") -> str:
        """The text with what matches between two marks."""
        parts = []
        last = 0
        for first, end in self.highlights:
            parts += [self.text[last:first], before, self.text[first:end], after]
            last = end
        return "".join([*parts, self.text[last:]])


class _Match(NamedTuple):
    """A place in a text, in characters, that answers one term of a query."""

    start: int
    end: int
    term: int


def snippet(text: str, query: TextQuery, *, length: int = SNIPPET_CHARACTERS) -> Snippet:
    """The piece of a text that answers a query best; its beginning where nothing matches.

    Args:
        text: Any text.
        query: What was asked.
        length: Characters, about.
    """
    matches = _matches(text[:_EXAMINED_CHARACTERS], query)
    start, end = _window(text, matches, length)
    return _one_line(text, start, end, [m for m in matches if start <= m.start and m.end <= end])


def best_passage(text: str, query: TextQuery, *, length: int) -> tuple[int, int]:
    """First and end of the part of a text, about so long, that holds most of a query's words."""
    return _window(text, _matches(text[:_EXAMINED_CHARACTERS], query), length)


def _matches(text: str, query: TextQuery) -> list[_Match]:
    """All places that answer a term, in order; those of one phrase are one place."""
    terms = [
        tuple(stem for _, _, stem in _tokens(term))
        for term in (*query.quoted, *query.identifiers, *query.words)
    ]
    by_first: dict[str, list[tuple[int, tuple[str, ...]]]] = {}
    for number, stems in enumerate(terms):
        if stems:
            by_first.setdefault(stems[0], []).append((number, stems))
    tokens = _tokens(text)
    found = []
    for place, (start, _, stem) in enumerate(tokens):
        for number, stems in by_first.get(stem, ()):
            last = place + len(stems) - 1
            if last < len(tokens) and all(
                tokens[place + i][2] == wanted for i, wanted in enumerate(stems)
            ):
                found.append((start, tokens[last][1], number))
    return [_Match(*match) for match in _in_characters(text, found)]


def _tokens(text: str) -> list[tuple[int, int, str]]:
    """The words of a text: first and end byte in UTF-8, and stem."""
    tokenizer = getattr(_local, "tokenizer", None)
    if tokenizer is None:  # one for each thread: it keeps its place in the text inside
        name, *options = TOKENIZER.split()
        _local.connection = apsw.Connection(":memory:")
        tokenizer = _local.tokenizer = _local.connection.fts5_tokenizer(name, options)
    encoded = text.encode(errors="replace")
    return list(tokenizer(encoded, apsw.FTS5_TOKENIZE_DOCUMENT, None, include_colocated=False))


def _in_characters(
    text: str, places: Sequence[tuple[int, int, int]]
) -> Iterator[tuple[int, int, int]]:
    """Byte offsets as character offsets."""
    if text.isascii():
        yield from places
        return
    encoded = text.encode(errors="replace")
    offsets = {0: 0}
    last = characters = 0
    for offset in sorted({edge for start, end, _ in places for edge in (start, end)}):
        characters += len(encoded[last:offset].decode())
        offsets[offset] = characters
        last = offset
    for start, end, number in places:
        yield offsets[start], offsets[end], number


def _window(text: str, matches: Sequence[_Match], length: int) -> tuple[int, int]:
    """First and end of the part with most different terms, then most matches, then first."""
    if len(text) <= length:
        return 0, len(text)
    best, span = (0, 0), (0, 0)
    first = 0
    inside: dict[int, int] = {}
    for last, match in enumerate(matches):
        inside[match.term] = inside.get(match.term, 0) + 1
        while match.end - matches[first].start > length and first < last:
            left = matches[first].term
            inside[left] -= 1
            if not inside[left]:
                del inside[left]
            first += 1
        worth = (len(inside), last - first + 1)
        if worth > best:
            best, span = worth, (matches[first].start, match.end)
    spare = max(0, length - (span[1] - span[0]))
    start = max(0, min(span[0] - spare // 3, len(text) - length))
    return _at_words(text, start, min(len(text), max(start + length, span[1])), span)


def _at_words(text: str, start: int, end: int, span: tuple[int, int]) -> tuple[int, int]:
    """Moves the edges of a window inwards to blanks, but never into what matches."""
    if start > 0:
        blank = next((i for i in range(start, span[0]) if text[i].isspace()), None)
        start = start if blank is None else blank + 1
    if end < len(text):
        blank = next(
            (i for i in range(end - 1, max(span[1], start), -1) if text[i].isspace()), None
        )
        end = end if blank is None else blank
    return start, end


def _one_line(text: str, start: int, end: int, matches: Iterable[_Match]) -> Snippet:
    """A part of a text with its white space folded, and the matches moved with it."""
    parts: list[str] = []
    origins: list[int] = []
    """Where each character of the snippet stood in the text."""
    for place in range(start, end):
        character = text[place]
        if character.isspace():
            if not parts or parts[-1] == " ":
                continue
            character = " "
        parts.append(character)
        origins.append(place)
    before = f"{_ELLIPSIS} " if start > 0 else ""
    after = f" {_ELLIPSIS}" if end < len(text) else ""
    spans: list[tuple[int, int]] = []
    for match in matches:
        first = len(before) + bisect_left(origins, match.start)
        last = len(before) + bisect_left(origins, match.end)
        if spans and first < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(last, spans[-1][1]))
        else:
            spans.append((first, last))
    return Snippet(f"{before}{''.join(parts).rstrip()}{after}", tuple(spans))
