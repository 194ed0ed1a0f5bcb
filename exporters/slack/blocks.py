"""A whole Slack message as Markdown: text, Block Kit, attachments, comments of old exports.

Shapes come from https://docs.slack.dev/reference/block-kit/blocks and
https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments/, the rest
(``message_blocks``, ``call``, comments of 2016) from recorded payloads. Any app can post a payload:
no type is trusted, what is unknown is searched for text. Slack escapes text, but not in rich text.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from exporters.slack.markdown import (
    Names,
    code_span,
    emoji,
    emphasise,
    escape_markdown,
    fence,
    format_date,
    is_own_label,
    link,
    mention,
    mrkdwn_to_markdown,
    quote,
    settle_lines,
    unescape,
)

Payload = Mapping[str, Any]

_MAX_DEPTH = 12  # Real blocks nest three deep; what is deeper is only searched for text.
_MARKERS = {"bold": "**", "strike": "~~", "italic": "_", "code": ""}
_PLACEHOLDERS = ("This content can't be displayed.", "[no preview available]")  # by Slack
_WORD = re.compile(r"[^\W_]+|[^\s\w!-~\ufe0e\ufe0f\u200d]")
_LIST_MARKER = re.compile(r"^[> \t]*\w{1,6}[.)]\s", re.MULTILINE)
_LABELLED = re.compile(r"<(@|#|!subteam\^)(\w+)\|([^<>|]+)>")
_MENTION = re.compile(r"<(@|#|!subteam\^|!(?=here|channel|everyone))([^<>|^]+)(?:[|^][^<>]*)?>")
_LINK = re.compile(
    r"<(?:!date\^[^<>|^]*\^[^<>|^]*\^)?((?:https?:|mailto:)[^<>|]*)(?:\|([^<>]*))?>"
    r"|\[([^\[\]]*)\]\((https?:[^()\s]*)\)"
    r"|(https?://[^\s<>|()\[\]]+)"
)
# Fields that hold a URL, and the field beside each that labels it.
_LABELS = {"url": "text", "title_url": "title", "video_url": "title", "join_url": "name"}
_LABEL_OF = {"title_link": "title", "author_link": "author_name", "image_url": "alt_text"} | _LABELS
# Pictures beside the text, and files under an address that in exports carries a token.
_NO_LINK = re.compile(r"thumb.*|url_private.*|.*icon.*")
# Settings and ids, not text somebody reads; "value" is what a button sends.
_NO_TEXT = re.compile(
    r"type|ids?|ts|style|color|value|team|channel|users?|mimetype|filetype|mode|format|range|unicode"
    r"|status|level|width|align|source|mrkdwn_in|confirm|workflow|options|option_groups|categories"
    r"|thumb.*|url_private.*|date_.*|.*icon.*|.*_(?:id|ids|ts|type|by)"
)
_MENTIONS = {
    "user": ("@", "user_id"),
    "canvas_user_mention": ("@", "user_id"),
    "channel": ("#", "channel_id"),
    "usergroup": ("!subteam^", "usergroup_id"),
    "broadcast": ("!", "range"),
}
# Of most elements all fields show; of these the options that are there to read.
_FIELDS = {"checkboxes": ["options"], "radio_buttons": ["options"]}


@dataclass(frozen=True, slots=True)
class Mentions:
    """Ids of whom and what a message mentions, and its broadcast words, each once, in order."""

    users: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    usergroups: tuple[str, ...] = ()
    broadcasts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """A link in a message; the label is empty where it only repeats the URL."""

    url: str
    label: str = ""


def message_to_markdown(message: Payload | None, names: Names) -> str:
    """Render what a message says: blocks or text, attachments, the comment on an old file.

    Slack shows ``blocks`` and keeps ``text`` for notifications, so text is left out where the
    blocks say the same; where each has words of its own both are printed. Author (an old bot's
    ``username`` too), time, reactions and the message's own files are metadata and not rendered.

    Args:
        message: A message of the API or an export; anything else gives the empty string.
        names: What ids are called, besides what the message's own text calls them.
    """
    node = message if isinstance(message, dict) else {}
    writer = _Writer(_with_labels(_str(node, "text"), names))
    body = writer.body(node, _list(node, "blocks"))
    if node.get("subtype") == "me_message" and "```" not in body:
        body = emphasise(body, "_")
    comment = writer.text(_content(node), "comment", formatting=True)
    # Old messages repeat the comment: "jane commented on bob's file: ...".
    if comment and " ".join(_words(comment)) in " ".join(_words(body)):
        comment = ""
    return _join([writer.with_attachments(body, node), comment])


def mentions(message: Payload | None) -> Mentions:
    """Collect the mentions anywhere in text, blocks, attachments and file comments."""
    found: dict[str, dict[str, None]] = {"@": {}, "#": {}, "!subteam^": {}, "!": {}}
    for node in _nodes(_content(message)):
        kind = _str(node, "type")
        prefix, field = _MENTIONS.get(kind, ("", ""))
        if prefix and (identifier := _str(node, field)):
            found[prefix][identifier] = None
        # The text of rich text is literal: "<@U1>" in it was typed, not a mention.
        for text in () if kind == "text" else node.values():
            for token in _MENTION.finditer(text) if isinstance(text, str) and "<" in text else ():
                found[token[1]][token[2]] = None
    return Mentions(*map(tuple, found.values()))


def links(message: Payload | None) -> list[Link]:
    """Collect every http(s) and mailto link of what is said, once, in order, with a label."""
    found: dict[str, str] = {}
    for node in _nodes(_content(message)):
        for key, text in node.items():
            if not isinstance(text, str) or ":" not in text or _NO_LINK.fullmatch(str(key)):
                continue
            pairs = _find_links(text)
            if text.startswith(("http:", "https:", "mailto:")) and len(text.split()) == 1:
                field = _LABEL_OF.get(str(key), "")
                pairs = [(text, _str(_dict(node, field), "text") or _str(node, field))]
            for url, label in pairs:
                found[unescape(url)] = found.get(unescape(url)) or unescape(label or "")
    return [Link(url, "" if is_own_label(url, label) else label) for url, label in found.items()]


class _Writer:
    """Renders payloads with one set of names, and knows how deep it is inside them."""

    def __init__(self, names: Names, depth: int = 0) -> None:
        self.names = names
        self.depth = depth
        self.shown_urls: set[str] = set()

    def deeper(self, renderer: Callable[[Any], str], value: Any) -> str:
        if self.depth > _MAX_DEPTH:
            return _all_text(value)
        self.depth += 1
        rendered = renderer(value)
        self.depth -= 1
        return rendered

    def text(self, node: Payload, key: str, *, formatting: bool = False) -> str:
        return mrkdwn_to_markdown(_str(node, key), self.names, formatting=formatting).strip()

    def line(self, node: Payload, key: str) -> str:
        return " ".join(self.render(node.get(key)).split())

    def body(self, node: Payload, blocks: list[Any]) -> str:
        shown = self.render(blocks)
        placeholder = shown and _str(node, "text") in _PLACEHOLDERS
        said = "" if placeholder else self.text(node, "text", formatting=True)
        if not said or not shown or said == shown:
            return said or shown
        in_text, in_blocks = _words(_LIST_MARKER.sub("", said)), {*_words(shown)}
        if said.endswith(("…", "...")):
            # Bots cut their notification text: half a word stands for one that begins with it.
            *in_text, half = [word for word in in_text if word != "…"] or [""]
            in_text += [] if any(word.startswith(half) for word in in_blocks) else [half]
        missing = {*in_text} - in_blocks
        if emojis := [_str(node, "name") for node in _nodes(blocks) if node.get("type") == "emoji"]:
            # Slack knows more emoji than the package: blocks carry the character, text the name.
            named = {*_words(" ".join(["skin tone 2 3 4 5 6", *emojis]))}
            missing = {word for word in missing if word.isalnum() and word not in named}
        if not missing:
            return shown
        return said if in_blocks <= {*in_text} else f"{said}\n\n{shown}"

    def with_attachments(self, body: str, node: Payload) -> str:
        if not node.get("attachments"):
            return body
        shown = {" ".join(_words(part)) for part in (body, *body.split("\n\n"))}
        self.shown_urls = {url for url, _ in _find_links(body)}
        parts = [body]
        for attachment in _dicts(node, "attachments"):
            part = self.deeper(self.attachment, attachment)
            words = " ".join(_words(part))
            if words not in shown or not words:
                parts.append(part)
                shown.add(words)
        return _join(parts)

    def render(self, value: object) -> str:
        if isinstance(value, list):
            return self.deeper(lambda items: _join(map(self.render, items)), value)
        if isinstance(value, dict):
            renderer = _RENDERERS.get(_str(value, "type"), _Writer.fields)
            return self.deeper(lambda node: renderer(self, node), value)
        url = _url({"": value}, "")
        is_url = url.startswith(("http://", "https://")) and " " not in url
        return link(url) if is_url else self.text({"": value}, "")

    def fields(self, node: Payload) -> str:
        unnamed = [key for key in node if not _NO_TEXT.fullmatch(str(key))]
        fields = _FIELDS.get(_str(node, "type"), unnamed)
        for url, label in _LABELS.items():
            if _str(node, url):
                head = link(_url(node, url), self.render(node.get(label)))
                rest = (self.render(node.get(key)) for key in fields if key not in {url, label})
                return _join([head, *rest], "\n")
        text = _join((self.render(node.get(key)) for key in fields), "\n")
        # A point of a chart; elsewhere "value" is nothing to read.
        return _join([text, _str(node, "value")], ": ") if "label" in node else text

    def markdown(self, node: Payload) -> str:
        # Markdown already, in which only ids are Slack's.
        return _MENTION.sub(lambda token: self.text({"": token[0]}, ""), _str(node, "text"))

    def header(self, node: Payload) -> str:
        # Third level: the document around the message has the first two for itself.
        text = self.line(node, "text")
        return f"### {text}" if text else ""

    def row(self, node: Payload) -> str:
        parts = map(self.render, _list(node, "elements"))
        return _join(parts, " " if node.get("type") == "context" else " | ")

    def image(self, node: Payload) -> str:
        alt, title = self.line(node, "alt_text"), self.line(node, "title")
        url = _url(node, "image_url") or _url(_dict(node, "slack_file"), "url")
        picture = f"!{link(url, alt or title or 'image')}" if url else alt
        return _join(["" if title == alt else title, picture], "\n")

    def file(self, node: Payload) -> str:
        file = _dict(node, "file") or node
        title = self.text(file, "title") or self.text(file, "name") or _str(file, "external_id")
        # Never url_private: in exports it carries a token.
        return link(_url(file, "permalink"), title)

    def table(self, node: Payload) -> str:
        rows = [[self.line({"": cell}, "").replace("|", r"\|") for cell in row]
                for row in _list(node, "rows") if isinstance(row, list)]  # fmt: skip
        width = max(map(len, rows), default=0)
        marks = {"center": ":---:", "right": "---:"}
        rule = [marks.get(_str(each, "align"), "---") for each in _dicts(node, "column_settings")]
        # The first row becomes the head, for Markdown has no table without one.
        head = [row + [""] * (width - len(row)) for row in rows[:1]]
        rows = [*head, (rule + ["---"] * width)[:width], *rows[1:]] if width else []
        lines = (f"| {' | '.join(row)} |" for row in rows)
        return _join([self.text(node, "caption"), "\n".join(lines)])

    def rich_text(self, node: Payload) -> str:
        out: list[str] = []
        indents: list[int] = []
        before = ""
        for element in _dicts(node, "elements"):
            kind = _str(element, "type")
            if kind != "rich_text_list":
                indents.clear()
            piece = self.rich_element(element, indents).strip("\n")
            if piece.strip():
                close = kind == before and kind in {"rich_text_list", "rich_text_section"}
                out += [("\n" if close else "\n\n") if out else "", piece]
                before = kind
        return "".join(out)

    def rich_element(self, node: Payload, indents: list[int]) -> str:
        kind, inner = node.get("type"), _dicts(node, "elements")
        if kind == "rich_text_list":
            listed = self.rich_list(node, indents)
            return quote(listed) if node.get("border") else listed
        if kind == "rich_text_preformatted":
            code = "".join(self.leaf(item, code=True) for item in inner)
            return fence(code, re.sub(r"[^\w+#.-]", "", _str(node, "language")))
        text = settle_lines(self.rich_line(inner or [node]), literal=True)
        return quote(text.strip("\n")) if kind == "rich_text_quote" else text

    def rich_list(self, node: Payload, indents: list[int]) -> str:
        # A nested list is its parent's neighbour, further in. Four columns nest under any marker.
        indent, offset = min(_int(node, "indent"), 8), _int(node, "offset")
        while indents and indents[-1] >= indent:
            indents.pop()
        pad = "    " * len(indents)
        indents.append(indent)
        lines = []
        for number, item in enumerate(_dicts(node, "elements"), offset + 1):
            marker = pad + (f"{number}. " if node.get("style") == "ordered" else "- ")
            text = self.deeper(lambda inner: self.rich_element(inner, []), item).strip("\n")
            lines.append(marker + text.replace("\n", "\n" + " " * len(marker)))
        return "\n".join(lines)

    def rich_line(self, elements: Iterable[Payload]) -> str:
        """Render inline elements; neighbours of one style share its markers."""
        runs: list[tuple[frozenset[str], str]] = []
        before = ""
        for node in elements:
            style = frozenset(each for each, on in _dict(node, "style").items() if on is True)
            url, label = _url(node, "url"), _str(node, "text")
            if before in _MENTIONS and label[:1].isalnum():
                runs.append((frozenset(), " "))  # or both would make one word
            before = _str(node, "type")
            if "code" in style and url and not is_own_label(url, label):
                runs.append((style - {"code"}, link(url, code_span(label))))
            elif text := self.leaf(node, code="code" in style):
                runs.append((style, text))
        return _styled(runs, [*_MARKERS])

    def leaf(self, node: Payload, *, code: bool = False) -> str:
        """Render one inline element; in code as bare text."""
        kind, text, url = _str(node, "type"), _str(node, "text"), _url(node, "url")
        if kind == "text":
            return text if code else escape_markdown(text)
        if kind in _MENTIONS:
            prefix, field = _MENTIONS[kind]
            known = {"@": self.names.users, "#": self.names.channels, "!": {}}
            shown = "#" if prefix == "#" else "@"
            return mention(shown, known.get(prefix, self.names.usergroups), _str(node, field))
        if kind == "emoji":
            return _emoji(node)
        if kind == "date":
            template, fallback = _str(node, "format"), _str(node, "fallback")
            return format_date(node.get("timestamp"), template, fallback, "" if code else url)
        # The rest (link, file, canvas, citation, color ...) has a text, a URL, or only an id.
        text = text or _str(node, "label") or _str(node, "value")
        if url:
            return (text or url) if code else link(url, escape_markdown(text))
        ids = (_str(node, key) for key in node if str(key).endswith("_id"))
        return text or _all_text(node) or next(filter(None, ids), "")

    def attachment(self, node: Payload) -> str:
        is_message = any(node.get(f"is_{kind}") for kind in ("share", "msg_unfurl", "reply_unfurl"))
        if is_message or node.get("message_blocks"):
            return self.shared_message(node)
        shown = {*self.shown_urls, _url(node, "title_link")}
        rendered = _join(self.attachment_parts(node))
        if not rendered and _str(node, "fallback") not in _PLACEHOLDERS:
            rendered = self.text(node, "fallback")
        source = _url(node, "from_url")
        return _join([rendered, "" if source in shown else link(source)])

    def attachment_parts(self, node: Payload) -> Iterator[str]:
        # An app's text is mrkdwn unless it names its fields; what a web page says of itself is not.
        marked = node.get("mrkdwn_in")
        default = () if node.get("from_url") else ("pretext", "text", "fields")
        marked = marked if isinstance(marked, list) else default
        yield self.text(node, "pretext", formatting="pretext" in marked)
        author, title = self.text(node, "author_name"), self.text(node, "title")
        author = author and link(_url(node, "author_link"), author)
        title = f"**{link(_url(node, 'title_link'), title)}**" if title else ""
        by = [self.text(node, "service_name"), author, self.text(node, "author_subname")]
        yield _join([_join(by, " · "), title], "\n")
        yield self.text(node, "text", formatting="text" in marked)
        fields = []
        for field in _dicts(node, "fields"):
            name = f"**{self.text(field, 'title')}:**" if field.get("title") else ""
            value = self.text(field, "value", formatting="fields" in marked)
            fields.append(_join([name, value], "\n" if "\n" in value else " "))
        yield _join(fields, "\n")
        if node.get("image_url"):
            yield self.image({"image_url": node["image_url"], "alt_text": node.get("title")})
        yield self.render(_list(node, "blocks"))
        yield from map(self.file, _dicts(node, "files"))
        yield _join(map(self.render, _list(node, "actions")), " | ")
        yield self.footer(node)

    def shared_message(self, node: Payload) -> str:
        """Render a message shared or linked from elsewhere as a quote under its author's name."""
        author = self.text(node, "author_name") or self.text(node, "author_subname")
        where = link(_url(node, "from_url"), self.footer(node))
        byline = _join([f"**{author}**" if author else "", where], ", ")
        messages = (_dict(each, "message") for each in _dicts(node, "message_blocks"))
        blocks = [block for each in messages for block in _list(each, "blocks")]
        writer = _Writer(_with_labels(_str(node, "text"), self.names), self.depth)
        body = writer.with_attachments(writer.body(node, blocks + _list(node, "blocks")), node)
        files = _join(map(self.file, _dicts(node, "files")), "\n")
        return quote(_join([byline, _join([body, files]) or self.text(node, "fallback")]))

    def footer(self, node: Payload) -> str:
        footer, ts = self.text(node, "footer"), node.get("ts")
        return _join([footer, format_date(ts, "{date_num} {time}") if footer and ts else ""], ", ")


_RENDERERS: dict[str, Callable[[_Writer, Payload], str]] = {
    "mrkdwn": lambda writer, node: writer.text(node, "text", formatting=True),
    "plain_text": lambda writer, node: writer.text(node, "text"),
    "raw_number": lambda _, node: _str(node, "text") or _str(node, "value"),
    **dict.fromkeys(("context", "actions", "context_actions"), _Writer.row),
    **dict.fromkeys(("table", "data_table"), _Writer.table),
    "rich_text": _Writer.rich_text,
    "markdown": _Writer.markdown,
    "header": _Writer.header,
    "divider": lambda *_: "---",
    "image": _Writer.image,
    "file": _Writer.file,
}


def _styled(runs: Iterable[tuple[frozenset[str], str]], styles: list[str]) -> str:
    runs = list(runs)
    if not styles or not any(on for on, _ in runs):
        return "".join(text for _, text in runs)
    out = []
    for on, group in groupby(runs, lambda run: styles[0] in run[0]):
        inner = _styled(group, styles[1:])
        if on:
            marker = _MARKERS[styles[0]]
            inner = emphasise(inner, marker) if marker else code_span(inner)
        out.append(inner)
    return "".join(out)


def _emoji(node: Payload) -> str:
    try:
        return "".join(chr(int(point, 16)) for point in _str(node, "unicode").split("-"))
    except (ValueError, OverflowError):
        name = _str(node, "name")
        return emoji(name, _int(node, "skin_tone")) or (f":{name}:" if name else "")


def _with_labels(text: str, names: Names) -> Names:
    """Add the names that only the text gives: blocks carry bare ids (``<#C1|general>``)."""
    found: dict[str, dict[str, str]] = {"@": {}, "#": {}, "!subteam^": {}}
    for token in _LABELLED.finditer(text):
        found[token[1]][token[2]] = unescape(token[3]).lstrip("@#")
    known = (names.users, names.channels, names.usergroups)
    merged = [new | {**old} if new else old for new, old in zip(found.values(), known, strict=True)]
    return Names(*merged) if any(found.values()) else names


def _words(markdown: str) -> list[str]:
    return _WORD.findall(markdown.casefold())


def _find_links(text: str) -> list[tuple[str, str]]:
    found = _LINK.findall(text)
    return [(url or to or bare, label or shown) for url, label, shown, to, bare in found]


def _content(message: Payload | None) -> Payload:
    """What is said; a comment on a file was until 2018 a message of its own."""
    node = message if isinstance(message, dict) else {}
    initial = _dict(_dict(node, "file"), "initial_comment")
    comment = {"comment": _str(_dict(node, "comment"), "comment") or _str(initial, "comment")}
    return {key: node.get(key) for key in ("text", "blocks", "attachments")} | comment


def _nodes(value: object) -> Iterator[Payload]:
    """Every object inside a payload, however deep; in one order, whatever their keys' order is."""
    stack: list[Any] = [value] if isinstance(value, dict | list) else []
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            pairs = sorted(node.items(), key=lambda item: (item[0] != "text", item[0]))
            yield (node := node if node is value else dict(pairs))
            node = list(node.values())
        stack.extend([v for v in reversed(node) if isinstance(v, dict | list)])


def _all_text(value: object) -> str:
    """All that may be text in a payload nobody knows, or that is too deep."""
    fields = ((node, key) for node in _nodes(value) for key in node)
    texts = (_str(node, key) for node, key in fields if not _NO_TEXT.fullmatch(str(key)))
    return _join(map(escape_markdown, texts), "\n")


def _join(parts: Iterable[str], separator: str = "\n\n") -> str:
    return separator.join(part for part in (part.strip() for part in parts) if part)


def _str(node: Payload, key: str) -> str:
    value: Any = node.get(key)
    if isinstance(value, str):
        return value
    return str(value) if type(value) in {int, float} and abs(value) < 1e18 else ""


def _url(node: Payload, key: str) -> str:
    return unescape(_str(node, key))


def _int(node: Payload, key: str) -> int:
    value = node.get(key)
    return value if isinstance(value, int) and 0 <= value < 1000 else 0


def _dict(node: Payload, key: str) -> Payload:
    value = node.get(key)
    return value if isinstance(value, dict) else {}


def _list(node: Payload, key: str) -> list[Any]:
    value = node.get(key)
    return value if isinstance(value, list) else []


def _dicts(node: Payload, key: str) -> list[Payload]:
    return [value if isinstance(value, dict) else {} for value in _list(node, key)]
