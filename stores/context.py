"""What was found as one text for a language model, with numbered citations, within a budget."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from langchain_core.documents import Document

CHARACTERS_PER_TOKEN: Final = 3
"""For an estimate on the safe side: English has about four characters to a token."""

_FEWEST_CHARACTERS: Final = 120
"""A text that would be cut to less is left out."""

_NUMBER: Final = re.compile(r"^(\s*)\[(\d+)\]", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """Where a numbered part of a context is from.

    Attributes:
        number: As it stands in the text, from 1.
        document_id: The document.
        title: Its title; its id where it has none.
        url: Where a person opens it: the very place, where the source has addresses of places.
        source: The source's name.
        container: The channel, project or folder.
        author: Who wrote it.
        time: When it was changed last, else created; UTC, ISO 8601.
        relation: `match` for what was found, otherwise what it is to the match before it.
    """

    number: int
    document_id: str
    title: str
    url: str | None
    source: str
    container: str | None
    author: str | None
    time: str | None
    relation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """A text to put before a language model.

    Attributes:
        text: Parts that begin with `[number] title (source, place, author, day)` and the address.
        citations: A citation for each part, in order.
        left_out: How many parts did not fit.
    """

    text: str
    citations: tuple[Citation, ...]
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a document on its way into a context.

    Attributes:
        document: The document, as whoever asks may see it.
        start: Where what answers begins in its text.
        end: Where it ends, exclusive.
        url: Where a person opens it.
        relation: See `Citation`.
    """

    document: Document
    start: int
    end: int
    url: str | None
    relation: str = "match"


def most_tokens(text: str) -> int:
    """How many tokens a text has at most, by its length; letters beyond ASCII count for more."""
    beyond = sum(not character.isascii() for character in text)
    return -(-(len(text) + 2 * beyond) // CHARACTERS_PER_TOKEN)


def make_context(
    parts: Sequence[Part], *, budget: int, measure: Callable[[str], int] = len
) -> Context:
    """Puts parts together, the first first, for as long as they fit.

    A part gets an equal share of what is left, and at least what answers; where the share is
    larger, what stands around it. What stands in a part before already is left out.

    Args:
        parts: In the order of their worth.
        budget: The most that the text may measure.
        measure: What measures a text: characters, or tokens.
    """
    kept: list[str] = []
    citations: list[Citation] = []
    told: list[str] = []
    waiting = _once(parts)
    left_out = 0
    used = 0
    while waiting:
        part = waiting.pop(0)
        number = len(citations) + 1
        citation = _citation(part, number)
        separator = "\n\n" if kept else ""
        room = budget - used - measure(separator)
        share = max(room // (len(waiting) + 1), 0)
        body = _body(part, _heading(citation), share, room, measure)
        if body is None:
            left_out += 1
            continue
        plain = _folded(body)
        if any(plain in before or before in plain for before in told):
            continue
        block = f"{separator}{_heading(citation)}\n{body}"
        told.append(plain)
        kept.append(block)
        citations.append(citation)
        # Measured as a whole: tokens of two texts side by side may be other than those of each.
        used = measure("".join(kept))
    return Context(text="".join(kept), citations=tuple(citations), left_out=left_out)


def _once(parts: Iterable[Part]) -> list[Part]:
    """Each document once."""
    found: dict[str | None, Part] = {}
    for part in parts:
        found.setdefault(part.document.id, part)
    return list(found.values())


def _body(
    part: Part, heading: str, share: int, room: int, measure: Callable[[str], int]
) -> str | None:
    """What is told of a part; None where nothing worth telling fits."""
    text = part.document.page_content
    wanted = max(share, measure(f"{heading}\n{text[part.start : part.end]}"))
    limit = min(wanted, room)
    size = len(text)
    while True:
        body = _quoted(_piece(text, part, size))
        over = measure(f"{heading}\n{body}") - limit
        if over <= 0:
            return body or None
        if size <= _FEWEST_CHARACTERS:
            return None
        # A token has a character at least, so no step is too long by much; some are too short.
        size = max(_FEWEST_CHARACTERS, min(size - over, int(size * 0.9)))


def _piece(text: str, part: Part, size: int) -> str:
    """A piece of a text of about so many characters, with what answers in its middle."""
    if size >= len(text):
        return text.strip()
    spare = max(0, size - (part.end - part.start))
    start = max(0, min(part.start - spare // 3, len(text) - size))
    end = min(len(text), start + size)
    before, after = "", ""
    if start > 0:
        blank = _blank(text, range(start, min(start + 60, end)))
        start, before = blank if blank is not None else start, "… "
    if end < len(text):
        blank = _blank(text, range(end - 1, max(end - 60, start), -1))
        end, after = blank if blank is not None else end, " …"
    return f"{before}{text[start:end].strip()}{after}"


def _blank(text: str, places: Iterable[int]) -> int | None:
    return next((place for place in places if text[place].isspace()), None)


def _quoted(text: str) -> str:
    """A text in which nothing looks like the number of a citation."""
    return _NUMBER.sub(r"\1(\2)", text)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split()).strip("… ")


def _heading(citation: Citation) -> str:
    day = (citation.time or "")[:10]
    told = [citation.source, citation.container, citation.author, day]
    if citation.relation != "match":
        told.insert(0, _RELATIONS.get(citation.relation, citation.relation))
    line = f"[{citation.number}] {citation.title} ({', '.join(part for part in told if part)})"
    return f"{line}\n{citation.url}" if citation.url else line


_RELATIONS: Final = {
    "parent": "what it belongs to",
    "before": "just before",
    "after": "just after",
    "part": "part of it",
}


def _citation(part: Part, number: int) -> Citation:
    metadata = part.document.metadata
    title = " ".join(str(metadata.get("title") or part.document.id or "").split())
    return Citation(
        number=number,
        document_id=part.document.id or "",
        title=title,
        url=part.url,
        source=str(metadata.get("source") or ""),
        container=(metadata.get("container") or {}).get("name") or None,
        author=(metadata.get("author") or {}).get("name") or None,
        time=metadata.get("updated_at") or metadata.get("created_at"),
        relation=part.relation,
    )
