"""The pages of the documentation, and what stands in them."""

import re
import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from example_package import ROOT

_FENCE = re.compile(r"^ {0,3}(```|~~~)")
_LINK = re.compile(r"!?\[[^\]\n]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_IMAGE = re.compile(r"<(?:img|source)\b[^>]*?\b(?:src|srcset)=\"([^\"]+)\"")
_HEADING = re.compile(r"^#{1,6} +(.*?)(?: +#+)?$")
_BEFORE_COMMAND = re.compile(
    r"^(?:(?:if|then|while|until|do|else|!|time|exec|sudo|env|[A-Z_]+=\S*) +)+"
)
_PROGRAM = re.compile(r"(?:\S*/)?data-getters(?= |$)|\S*python3? -m flows\.cli(?= |$)")
_SUBSTITUTION = re.compile(r"\$\(([^()]*)\)")


def pages() -> list[Path]:
    """README, changelog, everything below docs/, and the READMEs of the rooms."""
    found = {ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")}
    found |= {ROOT / "sandbox" / "README.md", *(ROOT / "tests" / "servers").rglob("*.md")}
    found |= set((ROOT / "deployments").rglob("*.md"))
    return sorted(found)


def prose(page: Path) -> Iterator[tuple[int, str]]:
    """The lines of a page outside of fenced blocks, numbered."""
    yield from _lines(page, fenced=False)


def fenced(page: Path) -> Iterator[tuple[int, str]]:
    """The lines of a page inside of fenced blocks, numbered."""
    yield from _lines(page, fenced=True)


def links(page: Path) -> Iterator[tuple[int, str]]:
    """The targets of links and images of a page."""
    for number, line in prose(page):
        text = re.sub(r"`[^`]*`", "", line)
        for pattern in (_LINK, _IMAGE):
            for match in pattern.finditer(text):
                yield number, match.group(1)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    found: Counter[str] = Counter()
    names = set()
    for _, line in prose(page):
        if match := _HEADING.match(line):
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", match.group(1)).replace("`", "")
            slug = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
            names.add(f"{slug}-{found[slug]}" if found[slug] else slug)
            found[slug] += 1
    return names


def commands(page: Path) -> Iterator[tuple[int, list[str]]]:
    """The `data-getters ...` commands of a page: in fenced blocks, and in code within the prose.

    Yields:
        The line, and the arguments without the program.
    """
    for number, line in _joined(fenced(page)):
        yield from ((number, found) for found in _commands_of(line))
    for number, line in prose(page):
        for code in re.findall(r"`(data-getters [^`]+)`", line):
            yield from ((number, found) for found in _commands_of(code))


def _commands_of(line: str) -> Iterator[list[str]]:
    for part in [line, *_SUBSTITUTION.findall(line)]:
        for piece in re.split(r"\s(?:\|\|?|&&|>|2>)\s?|;\s?", part.strip().removeprefix("$ ")):
            command = _BEFORE_COMMAND.sub("", piece.strip())
            if match := _PROGRAM.match(command):
                # What stands behind a gap, in a list of commands, says what each one does.
                arguments = re.split(r" {2,}(?=[^\"']*$)", command[match.end() :].strip())[0]
                yield shlex.split(arguments, comments=True)


def _joined(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Lines, those that end in a backslash joined with the next."""
    held, first = "", 0
    for number, line in lines:
        first = first if held else number
        held += line.lstrip() if held else line
        if held.endswith("\\"):
            held = held[:-1]
            continue
        yield first, held
        held = ""


def _lines(page: Path, *, fenced: bool) -> Iterator[tuple[int, str]]:
    inside = False
    for number, line in enumerate(page.read_text("utf-8").splitlines(), start=1):
        if _FENCE.match(line):
            inside = not inside
        elif inside is fenced:
            yield number, line
