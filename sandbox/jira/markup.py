"""Documents as Data Center keeps them: wiki markup, and the HTML that ``renderedFields`` holds.

The notation is Jira's "Text formatting notation" (help page of Jira Data Center).
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any

Node = Mapping[str, Any]
UserName = Callable[[str], str]
"""Gives the user name of an account id."""

_WIKI_MARKS = {
    "strong": ("*", "*"),
    "em": ("_", "_"),
    "code": ("{{", "}}"),
    "strike": ("-", "-"),
    "underline": ("+", "+"),
}
_HTML_MARKS = {"strong": "b", "em": "em", "code": "tt", "strike": "del", "underline": "ins"}
_HTML_CELLS = {"tableCell": "td", "tableHeader": "th"}


def to_wiki(body: Node | None, user_name: UserName) -> str | None:
    """A document in wiki markup; lines end as Jira stores them."""
    if body is None:
        return None
    blocks = [_wiki_block(block, user_name, "") for block in body.get("content", ())]
    return "\n\n".join(block for block in blocks if block).replace("\n", "\r\n")


def _wiki_block(item: Node, user_name: UserName, bullets: str) -> str:  # noqa: PLR0911, C901
    kind, attrs, content = item["type"], item.get("attrs", {}), item.get("content", ())
    if kind in ("paragraph", "caption"):
        return _wiki_inline(content, user_name)
    if kind == "heading":
        return f"h{attrs['level']}. {_wiki_inline(content, user_name)}"
    if kind in ("bulletList", "orderedList", "taskList", "decisionList"):
        sign = bullets + ("#" if kind == "orderedList" else "*")
        return "\n".join(_wiki_item(child, user_name, sign) for child in content)
    if kind == "codeBlock":
        language = f":{attrs['language']}" if attrs.get("language") else ""
        return f"{{code{language}}}\n{_text_of(content)}\n{{code}}"
    if kind == "blockquote":
        return f"{{quote}}\n{_wiki_blocks(content, user_name)}\n{{quote}}"
    if kind == "panel":
        names = {"info": "info", "note": "note", "tip": "tip", "success": "tip"}
        name = names.get(attrs["panelType"], "warning")
        return f"{{{name}}}\n{_wiki_blocks(content, user_name)}\n{{{name}}}"
    if kind in ("expand", "nestedExpand"):
        title = attrs.get("title", "")
        return f"{{panel:title={title}}}\n{_wiki_blocks(content, user_name)}\n{{panel}}"
    if kind == "table":
        return "\n".join(_wiki_row(row, user_name) for row in content)
    if kind == "rule":
        return "----"
    if kind == "media":
        return f"!{attrs.get('alt') or attrs.get('url') or attrs.get('id')}!"
    if kind in ("blockCard", "embedCard"):
        return f"[{attrs.get('url', '')}]"
    if kind == "extension":
        return f"{{{attrs['extensionKey']}}}"
    return _wiki_blocks(content, user_name)


def _wiki_blocks(content: Iterable[Node], user_name: UserName) -> str:
    return "\n".join(filter(None, (_wiki_block(child, user_name, "") for child in content)))


def _wiki_item(item: Node, user_name: UserName, sign: str) -> str:
    content = item.get("content", ())
    if item["type"] in ("taskItem", "decisionItem"):
        return f"{sign} {_wiki_inline(content, user_name)}"
    lines: list[str] = []
    for child in content:
        nested = child["type"] in ("bulletList", "orderedList")
        words = _wiki_block(child, user_name, sign if nested else "")
        lines.append(words if nested or lines else f"{sign} {words}")
    return "\n".join(lines)


def _wiki_row(row: Node, user_name: UserName) -> str:
    line = ""
    for cell in row.get("content", ()):
        sign = "||" if cell["type"] == "tableHeader" else "|"
        line += sign + (_wiki_blocks(cell.get("content", ()), user_name) or " ")
        last = sign
    return line + last if line else ""


def _wiki_inline(content: Iterable[Node], user_name: UserName) -> str:
    words = ""
    for item in content:
        kind, attrs = item["type"], item.get("attrs", {})
        if kind == "text":
            words += _wiki_marked(item)
        elif kind == "hardBreak":
            words += "\n"
        elif kind == "mention":
            words += f"[~{user_name(attrs['id'])}]"
        elif kind == "emoji":
            words += attrs.get("text") or attrs["shortName"]
        elif kind == "inlineCard":
            words += f"[{attrs.get('url', '')}|{attrs.get('url', '')}|smart-link]"
        elif kind == "status":
            words += f"*[ {attrs['text'].upper()} ]*"
        elif kind == "date":
            words += f"{_day(attrs):%Y-%m-%d}"
        elif kind == "mediaInline":
            words += f"[^{attrs.get('alt') or attrs['id']}]"
        elif kind == "inlineExtension":
            words += f"{{{attrs['extensionKey']}}}"
    return words


def _wiki_marked(item: Node) -> str:
    words: str = item["text"]
    href = ""
    for applied in item.get("marks", ()):
        kind, attrs = applied["type"], applied.get("attrs", {})
        if kind == "link":
            href = attrs["href"]
        elif kind == "subsup":
            sign = "~" if attrs["type"] == "sub" else "^"
            words = f"{sign}{words}{sign}"
        elif kind == "textColor":
            words = f"{{color:{attrs['color']}}}{words}{{color}}"
        elif kind in _WIKI_MARKS:
            left, right = _WIKI_MARKS[kind]
            words = f"{left}{words}{right}"
    return f"[{words}|{href}]" if href else words


def to_html(body: Node | None, user_name: UserName) -> str:
    """A document as HTML, as ``renderedFields`` and ``renderedBody`` hold it; empty for none."""
    if body is None:
        return ""
    return "\n".join(_html(block, user_name) for block in body.get("content", ()))


def _html(item: Node, user_name: UserName) -> str:
    kind, attrs = item["type"], item.get("attrs", {})
    inner = "".join(_html(child, user_name) for child in item.get("content", ()))
    match kind:
        case "heading":
            return f"<h{attrs['level']}>{inner}</h{attrs['level']}>"
        case "codeBlock":
            shown = escape(_text_of(item.get("content", ())))
            language = attrs.get("language", "none")
            return f'<div class="code panel"><pre class="code-{language}">{shown}</pre></div>'
        case "panel" | "expand" | "nestedExpand":
            title = f"<b>{escape(attrs['title'])}</b>" if attrs.get("title") else ""
            return f'<div class="panel"><div class="panelContent">{title}{inner}</div></div>'
        case "table":
            return f"<table class='confluenceTable'><tbody>{inner}</tbody></table>"
        case "tableCell" | "tableHeader":
            tag = _HTML_CELLS[kind]
            return f"<{tag} class='confluence{tag.title()}'>{inner}</{tag}>"
        case _:
            return _html_simple(item, inner, user_name)


_HTML_TAGS = {
    "paragraph": "p",
    "bulletList": "ul",
    "orderedList": "ol",
    "taskList": "ul",
    "decisionList": "ul",
    "listItem": "li",
    "taskItem": "li",
    "decisionItem": "li",
    "tableRow": "tr",
    "blockquote": "blockquote",
}
_HTML_EMPTY = {"rule": "<hr />", "hardBreak": "<br/>"}


def _html_simple(item: Node, inner: str, user_name: UserName) -> str:  # noqa: PLR0911
    kind, attrs = item["type"], item.get("attrs", {})
    if kind in _HTML_TAGS:
        return f"<{_HTML_TAGS[kind]}>{inner}</{_HTML_TAGS[kind]}>"
    if kind in _HTML_EMPTY:
        return _HTML_EMPTY[kind]
    if kind == "text":
        return _html_marked(item)
    if kind == "mention":
        words = escape(str(attrs.get("text", "")).removeprefix("@"))
        return f'<a class="user-hover" rel="{escape(user_name(attrs["id"]))}">{words}</a>'
    if kind in ("inlineCard", "blockCard", "embedCard"):
        url = escape(str(attrs.get("url", "")))
        return f'<a href="{url}">{url}</a>'
    if kind == "date":
        return f"{_day(attrs):%d/%b/%y}"
    if kind in ("media", "mediaInline"):
        return f'<img alt="{escape(str(attrs.get("alt", "")))}" />'
    if kind in ("emoji", "status"):
        return escape(str(attrs.get("text") or attrs.get("shortName", "")))
    return inner


def _html_marked(item: Node) -> str:
    words = escape(item["text"])
    for applied in item.get("marks", ()):
        if applied["type"] == "link":
            href = escape(applied["attrs"]["href"])
            words = f'<a href="{href}" class="external-link" rel="nofollow">{words}</a>'
        elif applied["type"] in _HTML_MARKS:
            tag = _HTML_MARKS[applied["type"]]
            words = f"<{tag}>{words}</{tag}>"
    return words


def _text_of(content: Iterable[Node]) -> str:
    return "".join(item.get("text", "") for item in content)


def _day(attrs: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(int(attrs["timestamp"]) / 1000, UTC)
