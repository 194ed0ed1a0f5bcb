"""Atlassian Document Format to Markdown: pure and total.

The node types are those of the schema that Atlassian publishes with its editor
(https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/). Editors bring new
ones now and then, so an unknown node gives its children, or the text that its attributes hold: a
description never fails, and never loses its words.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

_DEEPEST: Final = 60
"""Nodes within nodes that are still rendered by their type. Nobody writes deeper; a document made
to be deep gives its text."""

_PANEL_NAMES: Final[Mapping[str, str]] = {
    "info": "Info",
    "note": "Note",
    "tip": "Tip",
    "success": "Success",
    "warning": "Warning",
    "error": "Error",
}
_TEXT_ATTRIBUTES: Final = ("text", "title", "alt", "shortName", "url")
_INLINE: Final = frozenset(
    {
        "text",
        "hardBreak",
        "mention",
        "emoji",
        "date",
        "status",
        "inlineCard",
        "inlineExtension",
        "mediaInline",
        "placeholder",
    }
)

Node = Mapping[str, Any]


def adf_to_markdown(document: Any) -> str:
    """A document (or any node) of Atlassian Document Format as Markdown.

    Args:
        document: What the API gave; None, a plain text or something malformed does no harm.
    """
    if isinstance(document, str):
        return document.strip()
    if not isinstance(document, Mapping):
        return ""
    return _blocks(_children(document) if _kind(document) == "doc" else [document], 0)


def _kind(node: Node) -> str:
    return str(node.get("type") or "")


def _children(node: Node) -> list[Node]:
    content = node.get("content")
    if not isinstance(content, list):
        return []
    return [child for child in content if isinstance(child, Mapping)]


def _inner(node: Node) -> list[Node]:
    """What is in an item or a cell; a text that stands where one should be is its own."""
    return [node] if _kind(node) in _INLINE else _children(node)


def _attributes(node: Node) -> Node:
    found = node.get("attrs")
    return found if isinstance(found, Mapping) else {}


def _attribute(node: Node, name: str) -> str:
    value = _attributes(node).get(name)
    return str(value) if isinstance(value, (str, int, float)) else ""


def _blocks(nodes: Sequence[Node], depth: int, between: str = "\n\n") -> str:
    """Nodes one below the other; neighbouring inline nodes are one paragraph."""
    if depth > _DEEPEST:
        return " ".join(text for node in nodes for text in _texts(node))
    return between.join(part for part in _parts(nodes, depth) if part)


def _parts(nodes: Sequence[Node], depth: int) -> Iterator[str]:
    run: list[Node] = []
    for node in nodes:
        if _kind(node) in _INLINE:
            run.append(node)
            continue
        if run:
            yield _inline(run, depth).strip()
            run = []
        render = _BLOCKS.get(_kind(node), _unknown)
        yield render(node, depth + 1) or _unknown(node, depth + 1)
    if run:
        yield _inline(run, depth).strip()


def _texts(node: Node) -> Iterator[str]:
    """Every text below a node, however deep it lies."""
    waiting = [node]
    while waiting:
        here = waiting.pop()
        if isinstance(text := here.get("text"), str):
            yield text
        waiting.extend(reversed(_children(here)))


def _inline(nodes: Sequence[Node], depth: int) -> str:
    parts: list[str] = []
    for node in nodes:
        render = _INLINES.get(_kind(node))
        part = render(node) or _unknown(node, depth + 1) if render else _blocks([node], depth + 1)
        if _kind(node) == "inlineCard" and part and parts and not parts[-1][-1:].isspace():
            part = f" {part}"  # an editor sets a card apart by its frame
        parts.append(part)
    return "".join(parts)


def _text(node: Node) -> str:
    text = node.get("text")
    if not isinstance(text, str):
        return ""
    marks = node.get("marks")
    kinds = {
        _kind(mark): mark
        for mark in (marks if isinstance(marks, list) else ())
        if isinstance(mark, Mapping)
    }
    words = text.strip()
    if not kinds or not words:
        return text
    before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    if "code" in kinds:
        words = _code_span(words)
    for kind, sign in (("strike", "~~"), ("em", "*"), ("strong", "**")):
        if kind in kinds and "code" not in kinds:
            words = f"{sign}{words}{sign}"
    if "link" in kinds and (address := _attribute(kinds["link"], "href")):
        words = address if words == address else f"[{words}]({address})"
    return f"{before}{words}{after}"


def _code_span(words: str) -> str:
    fence = "`" * (_longest_run(words) + 1)
    space = " " if words.startswith("`") or words.endswith("`") else ""
    return f"{fence}{space}{words}{space}{fence}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def fenced(text: str, language: str = "") -> str:
    """A code block whose fence is longer than any within it."""
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _mention(node: Node) -> str:
    name = _attribute(node, "text") or _attribute(node, "id")
    return f"@{name.removeprefix('@')}" if name else ""


def _emoji(node: Node) -> str:
    return _attribute(node, "text") or _attribute(node, "shortName")


def _date(node: Node) -> str:
    stamp = _attribute(node, "timestamp")
    try:
        return datetime.fromtimestamp(int(float(stamp)) / 1000, UTC).strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):
        return stamp


def _status(node: Node) -> str:
    text = _attribute(node, "text")
    return f"[{text}]" if text else ""


def _card(node: Node) -> str:
    if url := _attribute(node, "url"):
        return url
    data = _attributes(node).get("data")
    if not isinstance(data, Mapping):
        return ""
    name, address = data.get("name"), data.get("url") or data.get("@id")
    if isinstance(name, str) and isinstance(address, str):
        return f"[{name}]({address})"
    return next((one for one in (address, name) if isinstance(one, str)), "")


def _media_name(node: Node) -> str:
    attributes = _attributes(node)
    for name in ("alt", "__fileName", "fileName"):
        if isinstance(found := attributes.get(name), str) and found.strip():
            return " ".join(found.split())
    return ""


def _media(node: Node, depth: int = 0) -> str:
    del depth
    name, url = _media_name(node), _attribute(node, "url")
    if url:
        return f"![{name}]({url})"
    return f"File: {name}" if name else "File"


def _extension(node: Node, depth: int) -> str:
    """A macro: its body, its fallback text, or its name, so that something shows."""
    body = _blocks(_children(node), depth)
    if body:
        return body
    if text := _attribute(node, "text"):
        return text
    parameters = _attributes(node).get("parameters")
    parameters = parameters if isinstance(parameters, Mapping) else {}
    about = parameters.get("macroMetadata")
    title = about.get("title") if isinstance(about, Mapping) else parameters.get("extensionTitle")
    return title if isinstance(title, str) else ""


def _unknown(node: Node, depth: int) -> str:
    inside = _blocks(_children(node), depth)
    if inside:
        return inside
    if isinstance(text := node.get("text"), str):
        return text
    return next((found for name in _TEXT_ATTRIBUTES if (found := _attribute(node, name))), "")


def _paragraph(node: Node, depth: int) -> str:
    return _inline(_children(node), depth).strip()


def _heading(node: Node, depth: int) -> str:
    words = " ".join(_inline(_children(node), depth).split())
    level = _attributes(node).get("level")
    level = min(6, max(1, level)) if isinstance(level, int) else 1
    return f"{'#' * level} {words}" if words else ""


def _item(node: Node, marker: str, depth: int) -> str:
    body = _blocks(_inner(node), depth, between="\n")
    first, *rest = body.split("\n")
    indent = " " * len(marker)
    return "\n".join([marker + first, *(indent + line if line else line for line in rest)])


def _bullets(node: Node, depth: int) -> str:
    return "\n".join(_item(child, "- ", depth) for child in _children(node))


def _numbers(node: Node, depth: int) -> str:
    start = _attributes(node).get("order")
    start = start if isinstance(start, int) and start >= 0 else 1
    return "\n".join(
        _item(child, f"{number}. ", depth)
        for number, child in enumerate(_children(node), start=start)
    )


def _tasks(node: Node, depth: int) -> str:
    lines = []
    for child in _children(node):
        if _kind(child) == "taskList":  # a list within a list stands beside the items
            inner = _tasks(child, depth + 1) if depth < _DEEPEST else _blocks([child], depth + 1)
            lines += [f"  {line}" for line in inner.split("\n")]
            continue
        mark = "x" if _attribute(child, "state") == "DONE" else " "
        lines.append(_item(child, f"- [{mark}] ", depth))
    return "\n".join(lines)


def _decisions(node: Node, depth: int) -> str:
    return "\n".join(_item(child, "- Decision: ", depth) for child in _children(node))


def _code(node: Node, depth: int) -> str:
    del depth
    text = "".join(_texts(node)).strip("\n")
    language = re.sub(r"[^\w+#.-]", "", _attribute(node, "language"))
    return fenced(text, language) if text.strip() else ""


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def _quote(node: Node, depth: int) -> str:
    body = _blocks(_children(node), depth)
    return _quoted(body) if body else ""


def _panel(node: Node, depth: int) -> str:
    body = _blocks(_children(node), depth)
    name = _PANEL_NAMES.get(_attribute(node, "panelType"), "")
    return _quoted(f"**{name}**\n\n{body}" if name else body) if body else ""


def _expand(node: Node, depth: int) -> str:
    title, body = _attribute(node, "title").strip(), _blocks(_children(node), depth)
    return "\n\n".join(part for part in (f"**{title}**" if title else "", body) if part)


def _rule(node: Node, depth: int) -> str:
    del node, depth
    return "---"


def _card_block(node: Node, depth: int) -> str:
    del depth
    return _card(node)


def _inside(node: Node, depth: int) -> str:
    return _blocks(_children(node), depth)


def _media_group(node: Node, depth: int) -> str:
    return _blocks(_children(node), depth, between="\n")


def _table(node: Node, depth: int) -> str:
    rows = _children(node)
    if any(_kind(row) != "tableRow" for row in rows):
        return _inside(node, depth)
    return table_markdown([_cells(row, depth) for row in rows])


def table_markdown(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as a Markdown table; the first row is its head, as Markdown wants one."""
    if not rows:
        return ""
    width = max(len(row) for row in rows)
    lines = [_row([*row, *([""] * (width - len(row)))]) for row in rows]
    return "\n".join([lines[0], _row(["---"] * width), *lines[1:]])


def _cells(row: Node, depth: int) -> list[str]:
    cells: list[str] = []
    for cell in _children(row):
        cells.append(_blocks(_inner(cell), depth + 1, between="\n"))
        span = _attributes(cell).get("colspan")
        cells += [""] * (min(span, 50) - 1 if isinstance(span, int) and span > 1 else 0)
    return cells


def _row(cells: Sequence[str]) -> str:
    clean = (cell.strip().replace("|", "\\|").replace("\n", "<br>") for cell in cells)
    return f"| {' | '.join(clean)} |"


_INLINES: Final[Mapping[str, Callable[[Node], str]]] = {
    "text": _text,
    "hardBreak": lambda _: "\n",
    "mention": _mention,
    "emoji": _emoji,
    "date": _date,
    "status": _status,
    "inlineCard": _card,
    "mediaInline": _media,
    "placeholder": lambda node: _attribute(node, "text"),
    "inlineExtension": lambda node: _extension(node, 0),
}

_BLOCKS: Final[Mapping[str, Callable[[Node, int], str]]] = {
    "paragraph": _paragraph,
    "heading": _heading,
    "bulletList": _bullets,
    "orderedList": _numbers,
    "taskList": _tasks,
    "decisionList": _decisions,
    "codeBlock": _code,
    "blockquote": _quote,
    "panel": _panel,
    "expand": _expand,
    "nestedExpand": _expand,
    "rule": _rule,
    "mediaSingle": _media_group,
    "mediaGroup": _media_group,
    "media": _media,
    "caption": _paragraph,
    "blockCard": _card_block,
    "embedCard": _card_block,
    "table": _table,
    "layoutSection": _inside,
    "layoutColumn": _inside,
    "extension": _extension,
    "bodiedExtension": _extension,
    "multiBodiedExtension": _extension,
}
