r"""Jira's wiki markup to Markdown: pure and total.

Data Center keeps texts in this markup; its notation is described on every Jira's own help page
(`/secure/WikiRendererHelpAction.jspa`). What is not markup stays as it is.

Time is linear in the length: beginning and end of what stands between two marks are looked for one
after the other, and where there is no end, none is looked for again.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from exporters.jira.adf import fenced, table_markdown

_KEPT: Final = "\x00{}\x00"
"""Stands for a piece that is already Markdown, while the rest is being worked on."""

_KEPT_PLACE: Final = re.compile("\x00(\\d+)\x00")
_ESCAPED: Final = re.compile(r"\\([\\*_?\-+^~|#!{}\[\]()])")
_COLOR: Final = re.compile(r"\{color(?::[^}\n]{0,500})?\}", re.IGNORECASE)
_ANCHOR: Final = re.compile(r"\{anchor(?::[^}\n]{0,500})?\}", re.IGNORECASE)
_HEADING: Final = re.compile(r"^[ \t]*h([1-6])\.(.*)$", re.MULTILINE)
_QUOTED_LINE: Final = re.compile(r"^[ \t]*bq\.[ \t]*(.*)$", re.MULTILINE)
_RULE: Final = re.compile(r"^[ \t]*-{4,}[ \t]*$", re.MULTILINE)
_LIST_ITEM: Final = re.compile(r"^[ \t]*([*#]+|-)[ \t]+(\S.*)$")
_TABLE_ROW: Final = re.compile(r"^[ \t]*\|.*\|[ \t]*$")
_LINK: Final = re.compile(r"\[([^\[\]\n]+?)\]")
_IMAGE: Final = re.compile(r"(?<![\w!])!([^\s!|][^!|\n]*)(?:\|[^!\n]*)?!(?!\w)")
_PICTURE_ELSEWHERE: Final = re.compile(r"!(https?://[^\s!|]+)(?:\|[^!\n]*)?!(?!\w)")
_USER: Final = re.compile(r"~(?:accountid:)?(.+)", re.IGNORECASE)
_ADDRESS: Final = re.compile(
    r"(?:https?|ftp|file|mailto):\S+|#\S+|/\S+|[^\s@]+@[^\s@]*[^\s@.]\.[^\s@.]+"
)
_BARE_ADDRESS: Final = re.compile(r"(?:https?|ftp)://[^\s|\]<>\x00]+")
_LINE_BREAK: Final = re.compile(r"\\\\[ \t]*")


class _Macro:
    """A text between `{name:options}` and `{name}`."""

    def __init__(self, *names: str) -> None:
        # Nobody writes longer options; looked for to the end they would take quadratic time.
        opening = rf"\{{({'|'.join(names)})(?::([^}}\n]{{0,500}}))?\}}"
        self._opening = re.compile(opening, re.IGNORECASE)
        self._closing = {name: re.compile(rf"\{{{name}\}}", re.IGNORECASE) for name in names}

    def replace(self, text: str, written: Callable[[str, str, str], str]) -> str:
        """A text with every such macro as `written` has it: of its name, options and body."""
        parts: list[str] = []
        done = at = 0
        unclosed: set[str] = set()
        while opening := self._opening.search(text, at):
            name = opening[1].lower()
            closing = None
            if name not in unclosed:
                closing = self._closing[name].search(text, opening.end())
            if closing is None:
                unclosed.add(name)
                at = opening.start() + 1
                continue
            body = text[opening.end() : closing.start()]
            parts += [text[done : opening.start()], written(name, opening[2] or "", body)]
            done = at = closing.end()
        return "".join([*parts, text[done:]])


class _Span(NamedTuple):
    """A text between two of a mark, on one line."""

    opening: re.Pattern[str]
    closing: re.Pattern[str]
    marks: tuple[str, str] = ("", "")

    def replace(self, line: str, written: Callable[[str], str] | None = None) -> str:
        """A line with every such text between other marks, or as `written` has it."""
        parts: list[str] = []
        done = 0
        while opening := self.opening.search(line, done):
            closing = self.closing.search(line, opening.end() + 1)
            if closing is None:
                break
            body = line[opening.end() : closing.start()]
            shown = written(body) if written else f"{self.marks[0]}{body}{self.marks[1]}"
            parts += [line[done : opening.start()], shown]
            done = closing.end()
        return "".join([*parts, line[done:]])


def _span(mark: str, *marks: str) -> _Span:
    """Nothing of a word outside, no blanks inside its borders."""
    sign, before, after = re.escape(mark), marks[0] if marks else "", marks[-1] if marks else ""
    return _Span(
        re.compile(rf"(?<![\w{sign}\\]){sign}(?=\S)"),
        re.compile(rf"(?<=\S){sign}(?![\w{sign}])"),
        (before, after),
    )


_BLOCK: Final = _Macro("code", "noformat")
_QUOTE: Final = _Macro("quote")
_PANEL: Final = _Macro("panel")
_NOTE: Final = _Macro("info", "note", "tip", "warning")
_MONOSPACE: Final = _Span(re.compile(r"\{\{"), re.compile(r"\}\}"))
_SPANS: Final = (
    _span("*", "**"),
    _span("_", "*"),
    _Span(
        re.compile(r"(?<![\w\-\\])-(?=[^\s\-])"),
        re.compile(r"(?<=[^\s\-])-(?![\w\-])"),
        ("~~", "~~"),
    ),
    _span("+"),
    _span("^"),
)
_LOWERED: Final = re.compile(r"(?<![\w~\\])~(?=[^\s~])([^\n~]*?[^\s~])~(?![\w~])")
_CITED: Final = _Span(re.compile(r"\?\?(?=\S)"), re.compile(r"(?<=\S)\?\?"), ("*", "*"))


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

    def __init__(self, people: Mapping[str, str], kept: list[str] | None = None) -> None:
        self._people = people
        self._kept = [] if kept is None else kept

    def convert(self, text: str) -> str:
        text = text.replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n")
        text = _BLOCK.replace(text, self._code)
        if "{{" in text:
            lines = text.split("\n")
            text = "\n".join(_MONOSPACE.replace(line, self._monospace) for line in lines)
        return self._markup(_COLOR.sub("", _ANCHOR.sub("", text)))

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
        text = _HEADING.sub(_heading, text)
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

    def _monospace(self, body: str) -> str:
        return self._keep(f"`{body}`")

    def _code(self, macro: str, options: str, text: str) -> str:
        language, title = "", ""
        for option in options.split("|"):
            name, has_value, value = option.partition("=")
            if not has_value and macro == "code":
                language = re.sub(r"[^\w+#.-]", "", name)
            elif name.strip().lower() == "title":
                title = value.strip()
        body = text.strip("\n")
        if "\n" not in text and not title:
            return self._keep(f"`{body}`") if body.strip() else ""
        block = fenced(body, language)
        return f"\n\n{self._keep(f'**{title}**' if title else '')}\n\n{self._keep(block)}\n\n"

    def _blocks(self, text: str) -> str:
        text = _QUOTE.replace(text, lambda _name, _options, body: self._quoted("", body))
        text = _PANEL.replace(text, lambda _, options, body: self._quoted(_title(options), body))
        return _NOTE.replace(
            text,
            lambda name, options, body: self._quoted(_title(options) or name.capitalize(), body),
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


def _heading(found: re.Match[str]) -> str:
    return f"{'#' * int(found[1])} {found[2].strip()}".rstrip()


def _spans(text: str) -> str:
    for span in _SPANS:
        text = span.replace(text)
    return _CITED.replace(_LOWERED.sub(r"\1", text))


def _title(options: str) -> str:
    for option in options.split("|"):
        name, _, value = option.partition("=")
        if name.strip().lower() == "title":
            return value.strip()
    return ""
