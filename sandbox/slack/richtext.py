"""Slack's mrkdwn as ``rich_text`` blocks: what a client stores beside the text of a message.

People's messages carry both forms, and a sandbox that keeps only the text must make the blocks the
way Slack does: unescaped text, one element per mention, link or emoji, and containers for lists,
quotes and code (docs.slack.dev, "rich text block").
"""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any

Element = dict[str, Any]

EMOJI_UNICODE = {
    "+1": "1f44d",
    "eyes": "1f440",
    "tada": "1f389",
    "rocket": "1f680",
    "white_check_mark": "2705",
    "pray": "1f64f",
    "raised_hands": "1f64c",
    "joy": "1f602",
    "sweat_smile": "1f605",
    "thinking_face": "1f914",
    "wave": "1f44b",
    "heart": "2764-fe0f",
    "fire": "1f525",
    "coffee": "2615",
    "ferry": "26f4-fe0f",
    "ship": "1f6a2",
    "anchor": "2693",
    "bug": "1f41b",
    "warning": "26a0-fe0f",
    "rotating_light": "1f6a8",
    "palm_tree": "1f334",
    "cake": "1f370",
    "dog": "1f436",
    "cat": "1f431",
    "books": "1f4da",
    "soccer": "26bd",
    "large_green_circle": "1f7e2",
    "red_circle": "1f534",
    "memo": "1f4dd",
    "bulb": "1f4a1",
    "muscle": "1f4aa",
    "clap": "1f44f",
    "100": "1f4af",
    "slightly_smiling_face": "1f642",
    "point_up": "261d-fe0f",
    "calendar": "1f4c6",
}
"""Code points of the standard emoji the generated company uses; custom ones have none."""

_INLINE = re.compile(
    r"<(?P<angle>[^<>\n]+)>"
    r"|`(?P<code>[^`\n]+)`"
    r"|(?<!\w)\*(?P<bold>\S(?:[^*\n]*\S)?)\*(?!\w)"
    r"|(?<!\w)_(?P<italic>\S(?:[^_\n]*\S)?)_(?!\w)"
    r"|(?<!\w)~(?P<strike>\S(?:[^~\n]*\S)?)~(?!\w)"
    r"|(?<!\w):(?P<emoji>\+1|-1|100|[a-z][a-z0-9_+'-]*):"
)
_LINE_KINDS = (
    ("quote", re.compile(r"&gt; ?(.*)\Z")),
    ("bullet", re.compile(r"( *)[•◦▪] +(.*)\Z")),
    ("ordered", re.compile(r"( *)\d+\. +(.*)\Z")),
)
_FENCE = re.compile(r"```\n?(.*?)\n?```", re.DOTALL)
_DATE_PARTS = 4


def rich_text(text: str, block_id: str) -> Element:
    """The ``rich_text`` block of a message's mrkdwn text.

    Args:
        text: Text as the API sends it: ``&``, ``<`` and ``>`` escaped, mentions in angle brackets.
        block_id: Slack gives every block a short random id; the caller supplies it.
    """
    elements: list[Element] = []
    position = 0
    for fence in _FENCE.finditer(text):
        elements.extend(_lines(text[position : fence.start()].strip("\n")))
        code = [{"type": "text", "text": unescape(fence[1])}]
        elements.append({"type": "rich_text_preformatted", "elements": code, "border": 0})
        position = fence.end()
    elements.extend(_lines(text[position:].strip("\n") if position else text))
    return {"type": "rich_text", "block_id": block_id, "elements": elements}


def unescape(text: str) -> str:
    """Undo Slack's escaping of the three control characters."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def escape(text: str) -> str:
    """Escape the three control characters as Slack does in ``text``."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _lines(text: str) -> Iterator[Element]:
    """Group neighbouring lines of one kind into one container."""
    if not text:
        return
    for (kind, indent), lines in groupby(map(_classify, text.split("\n")), key=lambda c: c[:2]):
        contents = [content for _, _, content in lines]
        if kind == "quote":
            yield {"type": "rich_text_quote", "elements": inline("\n".join(contents))}
        elif kind == "text":
            joined = "\n".join(contents)
            if joined:
                yield _section(joined)
        else:
            yield {
                "type": "rich_text_list",
                "elements": [_section(content) for content in contents],
                "style": kind,
                "indent": indent,
                "border": 0,
            }


def _classify(line: str) -> tuple[str, int, str]:
    for kind, pattern in _LINE_KINDS:
        if match := pattern.match(line):
            if kind == "quote":
                return kind, 0, match[1]
            return kind, len(match[1]) // 4, match[2]
    return "text", 0, line


def _section(text: str) -> Element:
    return {"type": "rich_text_section", "elements": inline(text)}


def inline(text: str, style: dict[str, bool] | None = None) -> list[Element]:
    """The elements of one run of text: mentions, links, emoji, styled and plain text."""
    elements: list[Element] = []
    position = 0
    for match in _INLINE.finditer(text):
        if plain := text[position : match.start()]:
            elements.append(_styled({"type": "text", "text": unescape(plain)}, style))
        elements.extend(_inline_element(match, style))
        position = match.end()
    if plain := text[position:]:
        elements.append(_styled({"type": "text", "text": unescape(plain)}, style))
    return elements


def _inline_element(match: re.Match[str], style: dict[str, bool] | None) -> list[Element]:
    kind, content = match.lastgroup, match[match.lastgroup or 0]
    if kind == "angle":
        return [_styled(_angle(content), style)]
    if kind == "emoji":
        element: Element = {"type": "emoji", "name": content}
        if content in EMOJI_UNICODE:
            element["unicode"] = EMOJI_UNICODE[content]
        return [_styled(element, style)]
    if kind == "code":
        return [
            _styled({"type": "text", "text": unescape(content)}, {**(style or {}), "code": True})
        ]
    return inline(content, {**(style or {}), str(kind): True})


def _angle(content: str) -> Element:
    """The element for what stands between angle brackets."""
    target, _, label = content.partition("|")
    if target.startswith("@"):
        return {"type": "user", "user_id": target[1:]}
    if target.startswith("#"):
        return {"type": "channel", "channel_id": target[1:]}
    if target.startswith("!subteam^"):
        return {"type": "usergroup", "usergroup_id": target.removeprefix("!subteam^")}
    if target.startswith("!date^"):
        parts = target.split("^", _DATE_PARTS - 1)
        element: Element = {"type": "date", "timestamp": int(parts[1]), "format": parts[2]}
        return element | ({"fallback": label} if label else {})
    if target.startswith("!"):
        return {"type": "broadcast", "range": target[1:]}
    link: Element = {"type": "link", "url": unescape(target)}
    return link | ({"text": unescape(label)} if label else {})


def _styled(element: Element, style: dict[str, bool] | None) -> Element:
    return element | {"style": style} if style else element
