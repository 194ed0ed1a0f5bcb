"""Documents in the Atlassian Document Format (ADF), and a small language to write them in.

:func:`document` reads text, so that a ticket can be written as the text it is::

    # Heading            paragraphs, joined until an empty line
    * point              bullet list      1. step      ordered list
    [ ] task  [x] task   task list        <> decision  decision list
    | a | b |            table; the first row is its header
    > quoted             block quote      ----         rule
    !warning Careful     panel of that type
    ```python ... ```    code block
    +++ Title            an expandable part, up to the next +++
    !!file.png           an attachment, shown as a picture if it is one

and in a line ``**strong**``, ``_em_``, ```code```, ``~~strike~~``, ``[words](url)``, ``{PAY-1}`` (a
card), ``{ok:green}`` (a status), ``@user.name`` (a mention), ``:wave:`` (an emoji),
``{2026-11-12}`` (a date).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sandbox.jira.model import Adf

EMOJI = {
    "wave": ("1f44b", "👋"),
    "tada": ("1f389", "🎉"),
    "warning": ("26a0", "⚠️"),
    "white_check_mark": ("2705", "✅"),
    "ship": ("1f6a2", "🚢"),
}
STATUS_COLORS = ("neutral", "purple", "blue", "red", "yellow", "green")
PANELS = ("info", "note", "tip", "warning", "error", "success")

Mention = Callable[[str], tuple[str, str] | None]
"""Finds the account id and display name of a user name."""

_INLINE = re.compile(
    r"\*\*(?P<strong>[^*]+)\*\*"
    r"|`(?P<code>[^`]+)`"
    r"|~~(?P<strike>[^~]+)~~"
    r"|(?<!\w)_(?P<em>[^_]+)_(?!\w)"
    r"|\[(?P<words>[^\]]+)\]\((?P<href>[^)\s]+)\)"
    r"|\{(?P<day>\d{4}-\d\d-\d\d)\}"
    rf"|\{{(?P<label>[^:{{}}]+):(?P<color>{'|'.join(STATUS_COLORS)})\}}"
    r"|\{(?P<card>[A-Z][A-Z0-9]+-\d+|https?://[^}\s]+)\}"
    r"|(?<![\w/])@(?P<mention>[a-z][a-z.'-]*[a-z])"
    r"|:(?P<emoji>[a-z_]+):"
)
_FENCE = "```"


def node(kind: str, content: Sequence[Adf] = (), **attrs: Any) -> Adf:
    """A node with its children."""
    made: Adf = {"type": kind}
    if attrs:
        made["attrs"] = attrs
    if content:
        made["content"] = list(content)
    return made


def text(words: str, *marks: Adf) -> Adf:
    """A text node; empty text is not allowed in ADF."""
    made: Adf = {"type": "text", "text": words}
    if marks:
        made["marks"] = list(marks)
    return made


def mark(kind: str, **attrs: Any) -> Adf:
    """A mark (``strong``, ``link`` ...)."""
    return {"type": kind, "attrs": attrs} if attrs else {"type": kind}


def paragraph(*content: Adf) -> Adf:
    """A paragraph."""
    return node("paragraph", content)


def doc(*content: Adf) -> Adf:
    """A whole document."""
    return {"type": "doc", "version": 1, "content": list(content)}


def document(
    source: str | Mapping[str, Any],
    *,
    mention: Mention = lambda _: None,
    card_url: str = "https://harbourline.atlassian.net/browse/",
    media: Mapping[str, str] | None = None,
) -> Adf:
    """Read a text in the language above; an ADF document is taken as it is.

    Args:
        source: The text, or a document.
        mention: Finds people for ``@name``; unknown names stay text.
        card_url: What the key in a card is put behind.
        media: Media id by file name, for attachments that are shown; unknown files stay text.
    """
    if isinstance(source, Mapping):
        return dict(source)
    return doc(*_Reader(source, mention, card_url, media or {}).blocks())


class _Reader:
    """Turns lines into block nodes."""

    def __init__(
        self, source: str, mention: Mention, card_url: str, media: Mapping[str, str]
    ) -> None:
        self._lines = source.strip("\n").split("\n")
        self._at = 0
        self._mention = mention
        self._card_url = card_url
        self._media = media
        self._local_ids = 0

    def blocks(self, *, until: str = "") -> list[Adf]:
        """Everything up to a line that begins with ``until``, or to the end."""
        found: list[Adf] = []
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if until and line.startswith(until):
                self._at += 1
                break
            if line.strip():
                found.append(self._block(line))
            else:
                self._at += 1
        return found

    def _block(self, line: str) -> Adf:  # noqa: PLR0911
        if line.startswith(_FENCE):
            return self._code(line)
        if line.startswith("+++"):
            self._at += 1
            return node("expand", self.blocks(until="+++"), title=line[3:].strip())
        if match := re.match(r"(#{1,6}) (.+)", line):
            self._at += 1
            return node("heading", self._inline(match[2]), level=len(match[1]))
        if line == "----":
            self._at += 1
            return node("rule")
        if (match := re.match(r"!(\w+) (.+)", line)) and match[1] in PANELS:
            self._at += 1
            return node("panel", [paragraph(*self._inline(match[2]))], panelType=match[1])
        if (match := re.match(r"!!(\S+)\Z", line)) and match[1] in self._media:
            self._at += 1
            return _shown_file(self._media[match[1]], match[1])
        return self._lines_of_a_kind(line)

    def _lines_of_a_kind(self, line: str) -> Adf:  # noqa: PLR0911
        if line.startswith("* "):
            return node("bulletList", [self._item(words) for words in self._run(r"\* (.+)")])
        if re.match(r"\d+\. ", line):
            return node("orderedList", [self._item(words) for words in self._run(r"\d+\. (.+)")])
        if re.match(r"\[[ x]\] ", line):
            return self._tasks()
        if line.startswith("<> "):
            items = [
                node("decisionItem", self._inline(words), localId=self._local_id(), state="DECIDED")
                for words in self._run(r"<> (.+)")
            ]
            return node("decisionList", items, localId=self._local_id())
        if line.startswith("| "):
            return self._table()
        if line.startswith("> "):
            quoted = " ".join(self._run(r"> (.+)"))
            return node("blockquote", [paragraph(*self._inline(quoted))])
        return self._paragraph()

    def _run(self, pattern: str) -> Iterator[str]:
        while self._at < len(self._lines):
            match = re.match(pattern, self._lines[self._at])
            if match is None:
                return
            self._at += 1
            yield match[1]

    def _item(self, words: str) -> Adf:
        return node("listItem", [paragraph(*self._inline(words))])

    def _tasks(self) -> Adf:
        items = [
            node(
                "taskItem",
                self._inline(words[4:]),
                localId=self._local_id(),
                state="DONE" if words[1] == "x" else "TODO",
            )
            for words in self._run(r"(\[[ x]\] .+)")
        ]
        return node("taskList", items, localId=self._local_id())

    def _table(self) -> Adf:
        rows = []
        for number, line in enumerate(self._run(r"\| (.+) \|\s*\Z")):
            kind = "tableCell" if number else "tableHeader"
            cells = [
                node(kind, [paragraph(*self._inline(cell.strip()))]) for cell in line.split("|")
            ]
            rows.append(node("tableRow", cells))
        return node("table", rows, isNumberColumnEnabled=False, layout="default")

    def _code(self, line: str) -> Adf:
        self._at += 1
        code = []
        while self._at < len(self._lines) and self._lines[self._at] != _FENCE:
            code.append(self._lines[self._at])
            self._at += 1
        self._at += 1
        language = line.removeprefix(_FENCE).strip()
        attrs = {"language": language} if language else {}
        return node("codeBlock", [text("\n".join(code))] if code else [], **attrs)

    def _paragraph(self) -> Adf:
        lines: list[str] = []
        while self._at < len(self._lines):
            line = self._lines[self._at]
            special = re.match(
                r"#{1,6} |\* |\d+\. |\[[ x]\] |<> |\| |> |\+\+\+|```|----|!\w+ ", line
            )
            if not line.strip() or (special and lines):
                break
            lines.append(line.strip())
            self._at += 1
        content: list[Adf] = []
        for number, line in enumerate(lines):
            content += [node("hardBreak")] if number else []
            content += self._inline(line)
        return paragraph(*content)

    def _inline(self, words: str) -> list[Adf]:
        found, end = [], 0
        for match in _INLINE.finditer(words):
            made = self._inline_node(match)
            if made is None:
                continue
            if match.start() > end:
                found.append(text(words[end : match.start()]))
            found.append(made)
            end = match.end()
        if end < len(words):
            found.append(text(words[end:]))
        return found

    def _inline_node(self, match: re.Match[str]) -> Adf | None:  # noqa: PLR0911
        parts = match.groupdict()
        for kind in ("strong", "em", "code", "strike"):
            if parts[kind]:
                return text(parts[kind], mark(kind))
        if parts["href"]:
            return text(parts["words"], mark("link", href=parts["href"]))
        if parts["day"]:
            moment = datetime.fromisoformat(parts["day"]).replace(tzinfo=UTC)
            return node("date", timestamp=str(round(moment.timestamp() * 1000)))
        if parts["label"]:
            return node(
                "status",
                text=parts["label"],
                color=parts["color"],
                localId=self._local_id(),
                style="",
            )
        if parts["card"]:
            card = parts["card"]
            return node("inlineCard", url=card if "://" in card else self._card_url + card)
        if parts["mention"]:
            person = self._mention(parts["mention"])
            return person and node("mention", id=person[0], text=f"@{person[1]}", accessLevel="")
        code, symbol = EMOJI.get(parts["emoji"], ("", ""))
        return (
            node("emoji", shortName=f":{parts['emoji']}:", id=code, text=symbol) if code else None
        )

    def _local_id(self) -> str:
        self._local_ids += 1
        return f"local-{self._local_ids}"


def _shown_file(media_id: str, name: str) -> Adf:
    """A picture as a picture, any other file as a card in a group of files."""
    if name.lower().endswith((".png", ".jpg", ".gif")):
        media = node("media", type="file", id=media_id, collection="", alt=name)
        return node("mediaSingle", [media], layout="center")
    return node("mediaGroup", [node("media", type="file", id=media_id, collection="", alt=name)])


def plain(body: Mapping[str, Any] | None) -> str:
    """The words of a document, a line a block, as the change log shows it."""
    if body is None:
        return ""
    lines: list[str] = []
    for block in body.get("content", ()):
        words = "".join(_words(block)).strip()
        if words:
            lines.append(words)
    return "\n".join(lines)


def _words(item: Mapping[str, Any]) -> Iterator[str]:
    attrs = item.get("attrs", {})
    kind = item["type"]
    if kind == "text":
        yield item["text"]
    elif kind in ("mention", "emoji", "status"):
        yield str(attrs.get("text", attrs.get("shortName", "")))
    elif kind in ("inlineCard", "blockCard", "embedCard"):
        yield str(attrs.get("url", ""))
    elif kind == "hardBreak":
        yield "\n"
    for child in item.get("content", ()):
        yield from _words(child)
    if kind in ("paragraph", "heading", "tableRow", "listItem", "taskItem"):
        yield "\n"
