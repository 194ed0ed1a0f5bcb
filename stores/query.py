"""What a person's search text asks for, the same in every store.

A text becomes words, of which any may match, and phrases, which match as a whole: identifiers
(`PROJ-123`, `foo_bar`, `v1.2.3`, `10.0.0.7`, an e-mail address, a URL) and what stands in quotation
marks. Everything else that a store's query language knows is taken as plain text, so no text is an
error and none can say more than a person may.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

_STOP_WORDS: Final = """
    a about am an and any are as at be been being but by can cannot could did do does doing done
    for from had has have having he her here hers him his how i if in into is it its me might my
    no not of on or our ours please shall she should so some such than that the their theirs
    them then there these they this those to too us very was we were what when where which while
    who whom whose why will with would you your yours
"""
STOP_WORDS: Final = frozenset(_STOP_WORDS.split())
"""English words that say how a question is put, not what it is about."""

TOKENIZER: Final = "porter unicode61 remove_diacritics 2"
"""FTS5's way to tell words apart and bring them to their stems (https://sqlite.org/fts5.html, 4.3).
The embedded index and the highlighter of every store use it."""

MAX_TERMS: Final = 64
"""Words and phrases of a text beyond this are left out: somebody pasted a page."""

MOST_REPEATED: Final = 3
"""So often a word counts that a long text says again, as BM25 has it (Robertson and others, "Okapi
at TREC-3", 1994: query term frequency, saturated): what sentences repeat is what they are about."""

LONG_WORDS: Final = 16
"""A text with more telling words is long; a shorter one repeats a word for its grammar."""

PROSE_WORDS: Final = 8
"""A text with more telling words than this beside its quotations is prose, which quotes what others
say; in a shorter one a quotation is a demand."""

PAIR_WEIGHT: Final = 0.15 / 0.85
"""What two words count that stand side by side as they do in the text, beside each by itself:
Metzler and Croft, "A Markov random field model for term dependencies" (SIGIR 2005), give words .85,
and words that stand together .15."""

MAX_PAIRS: Final = 16
"""Pairs of a text beyond this are left out: each is looked up by itself."""

# Letters, digits and, for scripts that write them apart, the marks that belong to a letter.
_LETTER = r"(?:[^\W_]|[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u109f])"
_PART: Final = re.compile(f"{_LETTER}+")
_QUOTED: Final = re.compile(r'"([^"]*)"|“([^“”]*)”|„([^„“”]*)[“”]|«([^«»]*)»')
_NOT: Final = re.compile(r"\b(?:\w+n['\u2019]t)\b")
_ENDING: Final = re.compile(r"(?<=\w)['\u2019](?:s|re|ve|ll|d|m)\b")
_APART: Final = re.compile(r"[\s\"'\u2019`(){}\[\]<>|;!*^]+|,(?!\d)|(?<!\d),")
_SCHEME: Final = re.compile(r"^[a-z][a-z0-9+.-]*://")
_IDENTIFIER: Final = re.compile(r"[\d_@\\]|\w\.\w|::|/.*/")


@dataclass(frozen=True, slots=True)
class TextQuery:
    """What a text asks for. Words and phrases are in lower case and without repetition.

    Attributes:
        words: Each may match.
        identifiers: Each may match, its parts side by side and in order.
        quoted: Each must match, its parts side by side and in order.
        repeated: Words again that the text says again, so that they count more.
        pairs: Two words that stand side by side in the text. What has them side by side ranks
            higher; they find nothing that the words would not find.
    """

    words: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    quoted: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.words or self.identifiers or self.quoted)


def analyze(text: str) -> TextQuery:
    """Reads a search text. Any text is valid; one without words gives an empty query.

    English stop words are left out unless the text has nothing else. What stands in quotation marks
    must be found, unless the text is prose (see `PROSE_WORDS`): there it may.
    """
    text = unicodedata.normalize("NFC", text).lower()
    quoted: dict[str, None] = {}

    def take(match: re.Match[str]) -> str:
        parts = _PART.findall(match.group())
        if parts:
            quoted[" ".join(parts)] = None
        return " "

    rest = _QUOTED.sub(take, text)
    words: Counter[str] = Counter()
    identifiers: dict[str, None] = {}
    in_order: list[str | None] = []
    for piece in _pieces(rest):
        parts = _PART.findall(piece)
        if len(parts) > 1 and _IDENTIFIER.search(piece):
            identifiers[" ".join(parts)] = None
            in_order.append(None)
        else:
            words.update(parts)
            in_order += parts
    telling = [word for word in words if word not in STOP_WORDS]
    if not telling and not identifiers and not quoted:
        telling = list(words)
    if len(telling) > PROSE_WORDS:
        identifiers = quoted | identifiers
        quoted = {}
    phrases = list(quoted)[:MAX_TERMS]
    names = list(identifiers)[: MAX_TERMS - len(phrases)]
    left = MAX_TERMS - len(phrases) - len(names)
    kept = telling[:left]
    most = MOST_REPEATED if len(telling) > LONG_WORDS else 1
    again = (word for word in kept for _ in range(min(words[word], most) - 1))
    pairs = dict.fromkeys(_pairs(in_order, set(kept)))
    return TextQuery(
        tuple(kept), tuple(names), tuple(phrases), tuple(again), tuple(pairs)[:MAX_PAIRS]
    )


def _pairs(in_order: Sequence[str | None], kept: Collection[str]) -> Iterator[str]:
    for first, second in pairwise(in_order):
        if first in kept and second in kept and first != second:
            yield f"{first} {second}"


def to_fts5(query: TextQuery) -> str | None:
    """The query in FTS5's language (https://sqlite.org/fts5.html, 3); None for an empty one.

    Every term is a quoted string, in which FTS5 knows no syntax, and holds letters and digits only.
    """
    if not query:
        return None
    quoted = [f'"{phrase}"' for phrase in query.quoted]
    optional = [f'"{term}"' for term in (*query.identifiers, *query.words, *query.repeated)]
    if not quoted:
        return " OR ".join(optional)
    required = " AND ".join(quoted)
    # The phrases stand in the second half too, so that a document with nothing else is found.
    return f"({required}) AND ({' OR '.join(quoted + optional)})" if optional else required


def pairs_to_fts5(query: TextQuery) -> str | None:
    """The query's pairs in FTS5's language; None where it has none."""
    return " OR ".join(f'"{pair}"' for pair in query.pairs) or None


def _pieces(text: str) -> Iterator[str]:
    text = _ENDING.sub("", _NOT.sub(" ", text))
    for token in _APART.split(text):
        piece = _SCHEME.sub("", token).strip(".,:?-=&#+%~$/") if token else ""
        if piece:
            yield piece
