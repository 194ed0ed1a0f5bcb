r"""Jira's wiki markup to Markdown: pure and total.

Data Center keeps texts in this markup; its notation is described on every Jira's own help page
(`/secure/WikiRendererHelpAction.jspa`). What is not markup stays as it is.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from exporters.jira.adf import fenced, table_markdown

_KEPT: Final = "\x00{}\x00"
"""Stands for a piece that is already Markdown, while the rest is being worked on."""

_KEPT_PLACE: Final = re.compile("\x00(\\d+)\x00")
_BLOCK_MACRO: Final = re.compile(
    r"\{(code|noformat)(?::([^}\n]*))?\}\r?\n?(.*?)\{\1\}", re.DOTALL | re.IGNORECASE
)
_MONOSPACE: Final = re.compile(r"\{\{(.+?)\}\}")
_ESCAPED: Final = re.compile(r"\\([\\*_?\-+^~|#!{}\[\]()])")
_COLOR: Final = re.compile(r"\{color(?::[^}\n]*)?\}", re.IGNORECASE)
_ANCHOR: Final = re.compile(r"\{anchor(?::[^}\n]*)?\}", re.IGNORECASE)
_QUOTE: Final = re.compile(r"\{quote\}(.*?)\{quote\}", re.DOTALL | re.IGNORECASE)
_PANEL: Final = re.compile(r"\{panel(?::([^}\n]*))?\}(.*?)\{panel\}", re.DOTALL | re.IGNORECASE)
_NOTE: Final = re.compile(
    r"\{(info|note|tip|warning)(?::([^}\n]*))?\}(.*?)\{\1\}", re.DOTALL | re.IGNORECASE
)
_HEADING: Final = re.compile(r"^[ \t]*h([1-6])\.[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_QUOTED_LINE: Final = re.compile(r"^[ \t]*bq\.[ \t]*(.*)$", re.MULTILINE)
_RULE: Final = re.compile(r"^[ \t]*-{4,}[ \t]*$", re.MULTILINE)
_LIST_ITEM: Final = re.compile(r"^[ \t]*([*#]+|-)[ \t]+(\S.*)$")
_TABLE_ROW: Final = re.compile(r"^[ \t]*\|.*\|[ \t]*$")
_LINK: Final = re.compile(r"\[([^\[\]\n]+?)\]")
_IMAGE: Final = re.compile(r"(?<![\w!])!([^\s!|][^!|\n]*)(?:\|[^!\n]*)?!(?!\w)")
_PICTURE_ELSEWHERE: Final = re.compile(r"!(https?://[^\s!|]+)(?:\|[^!\n]*)?!(?!\w)")
_USER: Final = re.compile(r"~(?:accountid:)?(.+)", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"(?:https?|ftp|file|mailto):\S+|#\S+|/\S+|\S+@\S+\.\S+")
_BARE_ADDRESS: Final = re.compile(r"(?:https?|ftp)://[^\s|\]<>\x00]+")
_LINE_BREAK: Final = re.compile(r"\\\\[ \t]*")


def _span(mark: str) -> re.Pattern[str]:
    """A text between two of a mark: nothing of a word outside, no blanks inside its borders."""
    sign = re.escape(mark)
    return re.compile(rf"(?<![\w{sign}\\]){sign}(?=\S)([^\n]*?\S){sign}(?![\w{sign}])")


_SPANS: Final = (
    (_span("*"), r"**\1**"),
    (_span("_"), r"*\1*"),
    (re.compile(r"(?<![\w\-\\])-(?=[^\s\-])([^\n]*?[^\s\-])-(?![\w\-])"), r"~~\1~~"),
    (_span("+"), r"\1"),
    (_span("^"), r"\1"),
    (re.compile(r"(?<![\w~\\])~(?=[^\s~])([^\n~]*?[^\s~])~(?![\w~])"), r"\1"),
    (re.compile(r"\?\?(?=\S)([^\n]*?\S)\?\?"), r"*\1*"),
)


def wiki_to_markdown(text: object, people: Mapping[str, str] | None = None) -> str:
    """A text in wiki markup as Markdown.

    Args:
        text: What the API gave; anything but a text gives an empty one.
        people: Names of people by user name, for mentions (`[~ada]`).
    """
    if not isinstance(text, str):
        return ""
    return _Conversion(people or {}).convert(text)


class _Conversion:
    """One text on its way."""

    def __init__(self, people: Mapping[str, str], kept: Sequence[str] = ()) -> None:
        self._people = people
        self._kept = list(kept)

    def convert(self, text: str) -> str:
        text = text.replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n")
        text = _BLOCK_MACRO.sub(self._code, text)
        text = _MONOSPACE.sub(lambda found: self._keep(f"`{found[1]}`"), text)
        text = _COLOR.sub("", _ANCHOR.sub("", text))
        return self._markup(text)

    def _markup(self, text: str) -> str:
        """The steps that come after code has been set aside."""
        text = self._blocks(text)
        text = _LINE_BREAK.sub("\n", text)
        text = _ESCAPED.sub(lambda found: self._keep(found[1]), text)
        text = _PICTURE_ELSEWHERE.sub(lambda found: self._keep(f"![]({found[1]})"), text)
        text = _LINK.sub(self._link, text)
        text = _BARE_ADDRESS.sub(lambda found: self._keep(found[0]), text)
        text = _IMAGE.sub(self._image, text)
        text = "\n".join(self._lines(text.split("\n")))
        text = _RULE.sub("---", text)
        text = _HEADING.sub(lambda found: f"{'#' * int(found[1])} {found[2]}".rstrip(), text)
        text = _QUOTED_LINE.sub(r"> \1", text)
        return re.sub(r"\n{3,}", "\n\n", self._restored(text)).strip()

    def _keep(self, markdown: str) -> str:
        self._kept.append(markdown)
        return _KEPT.format(len(self._kept) - 1)

    def _restored(self, text: str) -> str:
        # What was kept late may hold what was kept early, one level for each kind of block.
        while _KEPT_PLACE.search(text):
            text = _KEPT_PLACE.sub(lambda found: self._kept[int(found[1])], text)
        return text

    def _code(self, found: re.Match[str]) -> str:
        language, title = "", ""
        for option in (found[2] or "").split("|"):
            name, has_value, value = option.partition("=")
            if not has_value and found[1].lower() == "code":
                language = re.sub(r"[^\w+#.-]", "", name)
            elif name.strip().lower() == "title":
                title = value.strip()
        body = found[3].strip("\n")
        if "\n" not in found[0] and not title:
            return self._keep(f"`{body}`") if body.strip() else ""
        block = fenced(body, language)
        return f"\n\n{self._keep(f'**{title}**' if title else '')}\n\n{self._keep(block)}\n\n"

    def _blocks(self, text: str) -> str:
        text = _QUOTE.sub(lambda found: self._quoted("", found[1]), text)
        text = _PANEL.sub(lambda found: self._quoted(_title(found[1]), found[2]), text)
        return _NOTE.sub(
            lambda found: self._quoted(_title(found[2]) or found[1].capitalize(), found[3]), text
        )

    def _quoted(self, title: str, body: str) -> str:
        # What was kept so far stays kept by its number, so the inner text may name it.
        converted = _Conversion(self._people, self._kept)._markup(body)
        parts = [part for part in (f"**{title}**" if title else "", converted) if part]
        lines = "\n\n".join(parts).split("\n")
        quoted = "\n".join(f"> {line}".rstrip() for line in lines)
        return f"\n\n{self._keep(quoted)}\n\n"

    def _link(self, found: re.Match[str]) -> str:
        inside = found[1].strip()
        if user := _USER.fullmatch(inside):
            return self._keep(f"@{self._people.get(user[1], user[1])}")
        if inside.startswith("^"):
            return self._keep(f"File: {inside[1:]}")
        words, bar, target = inside.partition("|")
        target = target.partition("|")[0].strip() if bar else inside
        if not _ADDRESS.fullmatch(target):
            return found[0]
        if not bar or words.strip() == target:
            return self._keep(target.removeprefix("mailto:"))
        return f"{self._keep('[')}{words.strip()}{self._keep(f']({target})')}"

    def _image(self, found: re.Match[str]) -> str:
        return self._keep(f"File: {found[1].strip()}")

    def _lines(self, lines: list[str]) -> list[str]:
        """Lists and tables, which are told by how a line begins; spans in every line."""
        done: list[str] = []
        table: list[list[str]] = []
        for line in lines:
            if _TABLE_ROW.match(line):
                table.append(self._cells(line))
                continue
            if table:
                done += ["", table_markdown(table), ""]
                table = []
            done.append(self._line(line))
        if table:
            done += ["", table_markdown(table), ""]
        return done

    def _cells(self, line: str) -> list[str]:
        body = line.strip().strip("|")
        return [_spans(cell.strip()) for cell in re.split(r"\|{1,2}", body)]

    def _line(self, line: str) -> str:
        item = _LIST_ITEM.match(line)
        if item is None:
            return _spans(line)
        marks = item[1]
        indent = "".join("   " if mark == "#" else "  " for mark in marks[:-1])
        marker = "1. " if marks[-1] == "#" else "- "
        return f"{indent}{marker}{_spans(item[2])}"


def _spans(text: str) -> str:
    for pattern, replacement in _SPANS:
        text = pattern.sub(replacement, text)
    return text


def _title(options: str | None) -> str:
    for option in (options or "").split("|"):
        name, _, value = option.partition("=")
        if name.strip().lower() == "title":
            return value.strip()
    return ""
