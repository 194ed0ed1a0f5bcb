"""A mail's HTML as Markdown, parted into new text, quotes and signature. Never raises."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from documents.text import normalize_text
from exporters.gmail.quoting import Split, begins_forward, is_introduction, split_plain

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

MAX_HTML_CHARS: Final = 1_500_000
_MAX_DEPTH: Final = 1_000
"""Parsing takes time that grows with the square of the depth; no mail program nests like that."""

_LONGEST_ADDRESS: Final = 400
"""A longer link is a tracker's: its words stay, its address does not."""

_MOST_CUTS: Final = 200

_REMOVED: Final = "script, style, noscript, template, svg, title, meta, link, object, iframe, base"
_QUOTES: Final = (
    "div.gmail_quote, div.gmail_quote_container, blockquote.gmail_quote, blockquote[type=cite], "
    "div.yahoo_quoted, div.protonmail_quote, div.moz-cite-prefix"
)
_TAILS: Final = (
    "#appendonsend, #divRplyFwdMsg, #mail-editor-reference-message-container, "
    "div.OutlookMessageHeader, hr#stopSpelling"
)
_RULED: Final = "div[style*='border-top:solid'], div[style*='border-top: solid']"
_SIGNATURES: Final = (
    "div.gmail_signature, span.gmail_signature, .moz-signature, #Signature, "
    "#ms-outlook-mobile-signature, div.protonmail_signature_block, #AppleMailSignature"
)

_NOT_IN_CELLS: Final = "table, h1, h2, h3, div, ul, ol"
"""What stands in the cells of a table for looks, and seldom in one of data."""

_OPENING: Final = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_VOID: Final = "br img hr input meta link area base col embed source wbr"
_UNCLOSED: Final = "p li td th tr dt dd option tbody thead"
_UNCOUNTED: Final = frozenset(f"{_VOID} {_UNCLOSED}".split())
_TABLE_TAG: Final = re.compile(
    r"<(/?)(?:table|tbody|thead|tfoot|tr|td|th|center|caption)\b[^<>]{0,5000}>", re.IGNORECASE
)
_ANY_TAG: Final = re.compile(r"<[^<>]{0,5000}>")
_DROPPED: Final = re.compile(r"<(script|style|title|head)\b", re.IGNORECASE)
_DROPPED_END: Final = {
    name: re.compile(rf"</{name}\s*>", re.IGNORECASE)
    for name in ("script", "style", "title", "head")
}
_FILLER: Final = re.compile("[\u034f\u00ad\u200c\u200d\u200e\u200f\u2007\u2060]+")
"""What bulk mails put behind their first line, so that an inbox shows no more of the text."""


def split_html(html: str, *, forward: bool = False) -> Split:
    """Parts HTML, and turns it into Markdown.

    Quotes are cut where mail programs mark them; where none does, at what introduces them.

    Args:
        html: The HTML; what is beyond `MAX_HTML_CHARS` is left out.
        forward: The mail hands another one on: what looks like a quote is its content.
    """
    html = html[:MAX_HTML_CHARS].replace("\x00", "")
    if _depth(html) > _MAX_DEPTH:
        return split_plain(_bare_text(html), forward=forward)
    tree = _parsed(html)
    for node in tree.css(_REMOVED):
        node.decompose()
    signature = _cut(tree, _SIGNATURES)
    quoted: list[str] = []
    if not forward:
        quoted = [*_tails(tree), *_quotes(tree)]
    _tidy(tree)
    new = markdown(tree.html or "")
    if not quoted:
        told = split_plain(new, forward=forward, only_introduced=True)
        new, quoted = told.new, [told.quoted]
        signature = "\n\n".join(part for part in (signature, told.signature) if part)
    else:
        quoted = [markdown(part) for part in quoted]
    return Split(
        new=new,
        quoted=normalize_text("\n\n".join(part for part in quoted if part)),
        signature=signature,
    )


def markdown(html: str) -> str:
    """HTML as Markdown, normalised; as bare text where it cannot be converted."""
    from html_to_markdown import ConversionOptions, convert  # noqa: PLC0415 (22 MB of Rust)

    options = ConversionOptions(
        extract_metadata=False, skip_images=True, bullets="-", max_depth=_MAX_DEPTH
    )
    try:
        text = convert(html, options).content or ""
    except Exception:  # noqa: BLE001 (each release has other classes; none has a common base)
        text = _bare_text(html)
    return normalize_text(without_filler(text))


def without_filler(text: str) -> str:
    """A text without the characters that nobody sees."""
    return _FILLER.sub("", text)


def _parsed(html: str) -> "LexborHTMLParser":
    from selectolax.lexbor import LexborHTMLParser  # noqa: PLC0415

    tree = LexborHTMLParser(html)
    if tree.css_first("table[role=presentation]") is not None or any(
        table.css_first("th") is None and table.css_first(_NOT_IN_CELLS) is not None
        for table in tree.css("table")[:_MOST_CUTS]
    ):
        # Tables for looks: as cells of a Markdown table their text would be torn apart.
        tree = LexborHTMLParser(
            _TABLE_TAG.sub(lambda tag: f"<{tag.group(1)}div>", html), is_fragment=False
        )
    return tree


def _tails(tree: "LexborHTMLParser") -> Iterator[str]:
    """Cuts off what follows the place at which Outlook begins to repeat the earlier mail."""
    node = tree.css_first(_TAILS) or next(filter(_is_header, tree.css(_RULED)), None)
    if node is None:
        return
    if begins_forward(_text(node)):
        return
    cut: list[str] = [node.html or ""]
    place: LexborNode | None = node
    while place is not None and place.tag not in {"body", "html"}:
        while (following := place.next) is not None:
            cut.append(following.html or "")
            following.decompose()
        place = place.parent
    node.decompose()
    yield "".join(cut)


def _is_header(node: "LexborNode") -> bool:
    lines = [line for line in _text(node).splitlines() if line.strip()]
    return is_introduction(lines)


def _quotes(tree: "LexborHTMLParser") -> Iterator[str]:
    # Each time anew: the nodes below one that was cut are gone with it.
    for _ in range(_MOST_CUTS):
        node = tree.css_first(_QUOTES)
        if node is None:
            return
        if begins_forward(_text(node)):
            # It stays where it is, and is not found again.
            node.attrs["class"] = "forwarded"
            node.attrs["type"] = "forwarded"
            continue
        yield node.html or ""
        node.decompose()


def _cut(tree: "LexborHTMLParser", selector: str) -> str:
    parts = []
    for _ in range(_MOST_CUTS):
        node = tree.css_first(selector)
        if node is None:
            break
        parts.append(markdown(node.html or ""))
        node.decompose()
    return "\n\n".join(part for part in parts if part)


def _tidy(tree: "LexborHTMLParser") -> None:
    """Leaves of pictures what they show, and of trackers' links their words."""
    for image in tree.css("img"):
        alt = " ".join((image.attributes.get("alt") or "").split())
        image.replace_with(alt if len(alt) > 1 else "")
    for link in tree.css("a"):
        address = link.attributes.get("href") or ""
        if len(address) > _LONGEST_ADDRESS or address.startswith(("javascript:", "data:", "cid:")):
            link.attrs["href"] = ""
            link.unwrap()


def _text(node: "LexborNode") -> str:
    return node.text(separator="\n", strip=True)[:2_000]


def _depth(html: str) -> int:
    """About how deep the tags are nested; those that need no end are left out."""
    depth = deepest = 0
    for tag in _OPENING.finditer(html):
        if tag.group(2).lower() in _UNCOUNTED:
            continue
        depth += -1 if tag.group(1) else 1
        deepest = max(deepest, depth)
        depth = max(depth, 0)
    return deepest


def _bare_text(html: str) -> str:
    from html import unescape  # noqa: PLC0415

    return unescape(_ANY_TAG.sub(" ", _without_unseen(html)))


def _without_unseen(html: str) -> str:
    """HTML without what no reader sees; what is not closed stays, and is not searched twice."""
    parts: list[str] = []
    done = at = 0
    unclosed: set[str] = set()
    while opening := _DROPPED.search(html, at):
        name = opening[1].lower()
        end = None if name in unclosed else _DROPPED_END[name].search(html, opening.end())
        if end is None:
            unclosed.add(name)
            at = opening.end()
            continue
        parts += [html[done : opening.start()], " "]
        done = at = end.end()
    return "".join([*parts, html[done:]])
