r"""Slack's inline text format (mrkdwn) as Markdown.

Pure functions: no network, no SDK, no clock. Rules come from
https://docs.slack.dev/messaging/formatting-message-text/; which neighbours let ``*`` open and close
bold is not said there and comes from the cases users reported to
https://github.com/pocka/slack-message-parser (issues 4, 34 and 38).

What Markdown would misread is neutralised only where the reader would lose something. ``_`` is
never touched: Slack and CommonMark agree on ``_italic_`` and ``snake_case``, and an identifier must
stay searchable as typed, even ``__init__``. ``*`` gets a backslash only where CommonMark would pair
it (``2\*3\*4``, not ``let*``), ``<`` only where it would begin an HTML tag and vanish
(``\<branch>``), ``\`` only before punctuation. At a line's start ``#``, ``~~~``, ``[1]:`` and the
underline of a heading get one, for nobody meant those in Slack. Typed lists, ``[text](url)`` and
``**bold**`` stay: there the writer meant it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Names:
    """What ids are called, without ``@`` and ``#``: display names, channel names, group handles."""

    users: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=dict)
    usergroups: Mapping[str, str] = field(default_factory=dict)


# One character class first, so that the search skips ordinary text in C; what follows asks whether
# a colon begins an emoji, "#" or "[" a line, a line break the underline of a heading.
_SPECIAL = re.compile(
    r"[<>&*~`\\•◦▪‣:#[\n](?:(?<=[^:#[\n])|(?<=:)[\w+'-]+:|(?<=[#[])(?<![^\n][#[])|(?<=\n)[-=])"
)
# Every alternative begins with a literal character, for the same reason. An emoji stands after
# neither a word character nor a colon: 10:30:45, redis:key:1 and crate::key::value are no emoji.
_TOKEN = re.compile(
    r"<([^<>]*)>"
    r"|`([^`\n]+)`"
    r"|&(amp|lt|gt);"
    r"|:(?<![\w:]:)([\w+'-]+(?:::[\w+'-]+)*):"
    r"|\*|~|\n"
    r"|\\(?=[!-/:-@\[-`{-~])"
)
_CONTROL, _CODE, _ENTITY, _EMOJI = 1, 2, 3, 4
_CODE_TOKEN = re.compile(r"<([^<>]*)>|&(amp|lt|gt);")
_TAG_REST = re.compile(r"[A-Za-z/!?](?:[^<>&]|&(?!lt;|gt;))*(?:>|&gt;)")
_LITERAL = re.compile(r"\\(?=[!-/:-@\[-`{-~])|<(?=[A-Za-z/!?][^<>]*>)|\*")
_QUOTE_REST = re.compile(r"^(?:&gt;|>){3}(?=[\s\S])", re.MULTILINE)
_LINE_MARK = re.compile(
    r"^(?:>|([ \t]*)[•◦▪‣][\ufe0e\ufe0f]?[ \t]*|#{1,6}(?=\s|$)|(?:=+|-+)[ \t]*$|~~~|\[[^]\n]+\]:)",
    re.MULTILINE,
)
_BACKTICKS = re.compile("`+")
_NO_DIGIT = re.compile(r"\D")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_UNSAFE_SCHEMES = frozenset({"javascript", "data", "vbscript"})
_UNSAFE_IN_URL = re.compile(r"[\s<>]")
_DATE_TOKEN = re.compile(r"\{(\w+)\}")
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">"}

# After which characters formatting does not open, before which it does not close; letters and
# digits come on top. An opening after "/" would make bold of the globs in src/*/test/*.py.
_NO_OPENING_AFTER = frozenset("/\\`@#$%^&)]}|")
_NO_CLOSING_BEFORE = frozenset("`@&(|\\")

# Names of our own: strftime gives those of the process's locale.
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = "January February March April May June July August September October November December"
_DATE_FORMATS = {
    "date_num": "{0:%Y-%m-%d}",
    "date_slash": "{0:%d/%m/%Y}",
    "date": "{month} {nth}, {0.year}",
    "date_long_full": "{month} {nth}, {0.year}",
    "date_long": "{day}, {month} {nth}, {0.year}",
    "day_divider": "{day}, {month} {nth}, {0.year}",
    "date_short": "{month:.3} {0.day}, {0.year}",
    "time": "{0:%H:%M} UTC",
    "time_secs": "{0:%H:%M:%S} UTC",
    "ago": "{month:.3} {0.day}, {0.year} {0:%H:%M} UTC",
}


def mrkdwn_to_markdown(text: str | None, names: Names, *, formatting: bool = True) -> str:
    """Render the mrkdwn of a ``text`` field or text object as Markdown.

    Total: any string gives text, in time linear to its length; None gives the empty string. Line
    breaks stay single line breaks.

    Args:
        text: The text as Slack stores it, with ``&amp;``, ``&lt;`` and ``&gt;`` escaped.
        names: What ids are called; an unknown id shows the label in the text, else itself.
        formatting: False for ``plain_text``, where ``*`` and ``~`` mean themselves but tokens,
            emoji and escapes are as in mrkdwn.

    Returns:
        Markdown. Mentions become ``@name`` and ``#channel``, dates are written out in UTC, standard
        emoji become Unicode, code fences and quotes stand on lines of their own.
    """
    if not isinstance(text, str):
        return ""
    return text if _SPECIAL.search(text) is None else _blocks(text, names, formatting=formatting)


def escape_markdown(text: str) -> str:
    """Protect literal text (the ``text`` element of rich text, which Slack does not escape).

    Works inside lines; who composes lines also calls `settle_lines`.
    """
    return text if _LITERAL.search(text) is None else _LITERAL.sub(_protector(text), text)


def settle_lines(text: str, *, literal: bool = False) -> str:
    r"""Give the beginnings of lines their Markdown form.

    A quote ends with a blank line, or Markdown would read the answer below it as part of the quote.

    Args:
        text: Markdown whose lines still begin as in Slack: ``>`` for a quote, ``•`` for a bullet.
        literal: In rich text a ``>`` is no quote but a character somebody typed.
    """
    if _LINE_MARK.search(text) is None:
        return text
    lines: list[str] = []
    quoting = False
    for raw in text.split("\n"):
        line, quoted = raw, False
        if mark := _LINE_MARK.match(raw):
            if mark[1] is not None:
                line = f"{mark[1]}- {raw[mark.end() :]}"
            elif raw[0] == ">" and not literal:
                line, quoted = f"> {raw[1:].removeprefix(' ')}".rstrip(), True
            elif raw[0] not in "-=" or (lines and lines[-1].strip() and not quoting):
                line = "\\" + raw
        if quoting and not quoted and line.strip():
            lines.append("")
        lines.append(line)
        quoting = quoted
    return "\n".join(lines)


def quote(markdown: str) -> str:
    """Prefix every line with ``>``."""
    return "\n".join(f"> {line}".rstrip() for line in markdown.split("\n")) if markdown else ""


def fence(code: str, language: str = "") -> str:
    """Put code into a fenced block whose fence is longer than any run of backticks inside."""
    longest = max((len(run) for run in _BACKTICKS.findall(code)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}{language}\n{code.strip(chr(10)).rstrip()}\n{ticks}"


def code_span(code: str) -> str:
    """Put code between backticks, more of them where the code has backticks itself."""
    code = code.replace("\n", " ")
    if "`" not in code:
        return f"`{code}`" if code.strip() else code
    ticks = "`" * (max(len(run) for run in _BACKTICKS.findall(code)) + 1)
    return f"{ticks} {code} {ticks}"


def emphasise(markdown: str, marker: str) -> str:
    """Wrap each line in an emphasis marker, leaving white space outside, as CommonMark demands."""
    lines = []
    for line in markdown.split("\n"):
        core = line.strip()
        lines.append(line.replace(core, f"{marker}{core}{marker}", 1) if core else line)
    return "\n".join(lines)


def link(url: str, label: str = "") -> str:
    """Write a link, as ``<url>`` without a label, as the label without a URL.

    Addresses and telephone numbers that only show themselves stay bare words: Slack turns any
    number into ``<tel:28919.86|28919.86>``. A scheme that runs code gives text, not a link.

    Args:
        url: The target, unescaped.
        label: Markdown to show.
    """
    label = " ".join(label.split()) if "\n" in label else label.strip()
    if not url:
        return label
    scheme, _, bare = url.partition(":")
    if scheme in {"mailto", "tel"} and label in {"", bare}:
        return bare
    if scheme == "tel" and _NO_DIGIT.sub("", bare) == _NO_DIGIT.sub("", label) != "":
        return label
    if scheme.lower() in _UNSAFE_SCHEMES:
        return f"{label} ({url})" if label else url
    target = _UNSAFE_IN_URL.sub(lambda found: f"%{ord(found[0]):02X}", url)
    if not label or label == url:
        return f"<{target}>"
    if target.count("(") != target.count(")"):
        target = target.replace("(", "%28").replace(")", "%29")
    if label.count("[") != label.count("]"):
        label = label.replace("[", r"\[").replace("]", r"\]")
    return f"[{label}]({target})"


def is_own_label(url: str, label: str) -> bool:
    """Tell whether a label only repeats its URL, as when Slack links a bare ``example.com``."""
    return label in {"", url} or label.rstrip("/") == url.partition(":")[2].strip("/")


def unescape(text: str) -> str:
    """Undo Slack's three escapes, once."""
    if "&" not in text:
        return text
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def mention(prefix: str, known: Mapping[str, str], identifier: str, label: str = "") -> str:
    """Name a user, channel or user group: its known name, else the label, else the id."""
    name = known.get(identifier) or unescape(label).lstrip("@#") or identifier
    return prefix + " ".join(name.split())


def format_date(timestamp: object, template: str, fallback: str = "", url: str = "") -> str:
    """Write out a Slack date in UTC.

    ``{date_pretty}`` and ``{ago}`` are relative to the reader's day; a stored document has no such
    day, so they give the absolute date, and ``{date}`` always has its year. Tokens and examples:
    https://docs.slack.dev/reference/block-kit/block-elements/date-element.

    Args:
        timestamp: Seconds since 1970; from 1e11 on milliseconds, as Slack's own client reads it.
        template: Text with ``{date_num}``, ``{time}`` ... ; unknown tokens stay.
        fallback: What to show when the timestamp is not a number.
        url: Where the whole date links to.
    """
    moment = _moment(timestamp)
    if moment is None:
        return fallback or (timestamp if isinstance(timestamp, str) else "")
    template = template or "{date_num} {time}"
    shown = _DATE_TOKEN.sub(lambda token: _date_token(token, moment), template)
    return link(url, shown) if url else shown


@lru_cache(maxsize=8192)
def emoji(name: str, tone: int = 0) -> str:
    """Return the character of a standard emoji, or the empty string for a custom one.

    Args:
        name: Slack's short name, without colons.
        tone: Skin tone 2 to 6, 0 for none.
    """
    from emoji import emojize, is_emoji  # noqa: PLC0415 - 30 ms and a large table

    for candidate in _emoji_names(name):
        char = emojize(f":{candidate}:", language="alias") if candidate.isascii() else candidate
        if is_emoji(char):
            break
    else:
        return ""
    if 2 <= tone <= 6:
        toned = char[0] + chr(0x1F3FB + tone - 2) + char[1:].removeprefix("\ufe0f")
        return toned if is_emoji(toned) else char
    return char


def _emoji_names(name: str) -> Iterable[str]:
    if len(name) == 7 and name.startswith("flag-") and name[5:].isascii() and name[5:].isalpha():
        yield "".join(chr(0x1F1E6 + ord(letter) - ord("a")) for letter in name[5:].lower())
    # Slack says man-shrugging, male-technologist, flag-england and large_green_circle where the
    # package says man_shrugging, man_technologist, england and green_circle.
    plain = name.replace("-", "_")
    yield from (name, plain)
    for theirs, ours in (("male_", "man_"), ("female_", "woman_"), ("flag_", ""), ("large_", "")):
        if plain.startswith(theirs):
            yield ours + plain.removeprefix(theirs)


def _blocks(text: str, names: Names, *, formatting: bool, nested: bool = False) -> str:
    """Split off code fences and a ``>>>`` quote, render the prose between."""
    # Pieces with odd index stand between two fences; a last one with odd index was never closed.
    pieces = text.split("```")
    out: list[str] = []
    for index, piece in enumerate(pieces):
        closed = index < len(pieces) - 1
        if index % 2 == 1 and closed and piece.strip():
            out += ["\n" if out and not out[-1].endswith("\n") else "", fence(_code(piece, names))]
            continue
        rest = None if nested else _QUOTE_REST.search(piece)
        prose = _inline(piece[: rest.start()] if rest else piece, names, formatting=formatting)
        if out and out[-1].endswith("```"):
            prose = prose.lstrip(" \t")
            prose = prose if prose[:1] in ("", "\n") else "\n" + prose
        # An open fence would make code of all that follows, up to the end of the document.
        opening, closing = (r"\`\`\`" * (index % 2), r"\`\`\`" * (index % 2 and closed))
        out += [opening + settle_lines(prose) + closing] if prose or opening else []
        if rest:
            tail = "```".join([piece[rest.end() :], *pieces[index + 1 :]]).removeprefix(" ")
            body = quote(_blocks(tail, names, formatting=formatting, nested=True))
            return "".join([*out, "\n" if out and not out[-1].endswith("\n") else "", body])
    return "".join(out)


def _inline(text: str, names: Names, *, formatting: bool) -> str:
    """Render tokens, emoji, entities and formatting of text that holds no fence."""
    if _SPECIAL.search(text) is None:
        return text
    out: list[str] = []
    markers: list[tuple[int, int]] = []
    end = 0
    for token in _TOKEN.finditer(text):
        start = token.start()
        if start > end:
            out.append(text[end:start])
        end = token.end()
        kind = token.lastindex
        if kind == _CONTROL:
            out.append(_control(token[1], names, formatting=formatting))
            if token[1][:1] in ("@", "#", "!") and text[end : end + 1].isalnum():
                out.append(" ")  # or "<@U1>Thanks" would make a name of both words
        elif kind == _CODE:
            out.append(_inline_code(token[2], names))
        elif kind == _ENTITY:
            is_tag = token[3] == "lt" and _TAG_REST.match(text, end)
            out.append(r"\<" if is_tag else _ENTITIES[token[3]])
        elif kind == _EMOJI:
            out.append(_emoji_run(token[4]))
        elif text[start] == "\\":
            out.append(r"\\")
        else:
            markers.append((start, len(out)))
            out.append(text[start])
    out.append(text[end:])
    _pair_markers(text, markers, out, formatting=formatting)
    return "".join(out)


def _pair_markers(
    text: str, markers: list[tuple[int, int]], out: list[str], *, formatting: bool
) -> None:
    """Double the ``*`` and ``~`` that pair; keep the other stars from pairing in Markdown.

    The markers are ``*``, ``~`` and line breaks, by position in text and index in out. One opens
    for the nearest that closes; formatting crosses neither a line nor another pair. Each is pushed
    and popped at most once, so the work is linear.
    """
    openers: dict[str, int] = {}
    stars: list[tuple[int, int]] = []
    for at, index in markers:
        marker = text[at]
        if marker == "\n":
            openers.clear()
            if text[at - 1 : at] == "\n":
                _escape_stars(text, stars, out)
                stars = []
            continue
        before, after = _around(text, at, at + 1)
        formats = formatting and marker not in (before, after)
        opener = openers.get(marker)
        closes = not (before.isspace() or after.isalnum() or after in _NO_CLOSING_BEFORE)
        if formats and closes and opener is not None:
            out[opener] = out[index] = marker * 2
            openers = {other: place for other, place in openers.items() if place < opener}
            while marker == "*" and (inner := stars.pop()[1]) != opener:
                out[inner] = r"\*"
            continue
        if marker == "*":
            stars.append((at, index))
        if formats and not (after.isspace() or before.isalnum() or before in _NO_OPENING_AFTER):
            openers[marker] = index
    _escape_stars(text, stars, out)


def _around(text: str, start: int, end: int) -> tuple[str, str]:
    """The characters beside a span; the edges of the text count as line breaks."""
    return text[start - 1] if start else "\n", text[end] if end < len(text) else "\n"


def _escape_stars(text: str, stars: list[tuple[int, int]], out: list[str]) -> None:
    """Escape the literal stars of a paragraph that CommonMark would make emphasis of."""
    pairing = _pairing_stars(text, [at for at, _ in stars]) if len(stars) > 1 else ()
    for at, index in stars:
        if at in pairing:
            out[index] = r"\*"


def _pairing_stars(text: str, stars: list[int]) -> set[int]:
    """Find the positions of stars that pair by the rules for delimiter runs.

    https://spec.commonmark.org/0.31.2/#left-flanking-delimiter-run. Runs of two and more count only
    inside a word (``2**3**4``): ``**bold**`` was meant as bold.
    """
    pairing: set[int] = set()
    openers: list[list[int]] = []
    run: list[int] = []
    for at, following in zip(stars, [*stars[1:], -1], strict=False):
        run.append(at)
        if following == at + 1:
            continue
        before, after = _around(text, run[0], at + 1)
        in_word = before.isalnum() and after.isalnum()
        left = not after.isspace() and (after.isalnum() or not before.isalnum())
        right = not before.isspace() and (before.isalnum() or not after.isalnum())
        if right and openers and (len(run) == 1 or in_word):
            pairing.update(openers.pop(), run)
        elif left and (len(run) == 1 or in_word):
            openers.append(run)
        run = []
    return pairing


def _protector(text: str) -> Callable[[re.Match[str]], str]:
    pairing: set[int] = set()
    start = 0
    for paragraph in text.split("\n\n"):
        stars = [at for at, char in enumerate(paragraph, start) if char == "*"]
        pairing |= _pairing_stars(text, stars)
        start += len(paragraph) + 2
    return lambda found: ("\\" if found[0] != "*" or found.start() in pairing else "") + found[0]


def _emoji_run(run: str) -> str:
    """Render adjacent emoji, given as ``wave::skin-tone-3::tada``; custom ones keep their name."""
    out: list[str] = []
    previous = ""
    for name in run.split("::"):
        if previous and name.startswith("skin-tone-") and name[10:].isdecimal():
            out[-1] = emoji(previous, int(name[10:])) or out[-1]
            previous = ""
            continue
        char = emoji(name)
        previous = name if char else ""
        out.append(char or f":{name}:")
    return "".join(out)


def _control(body: str, names: Names, *, formatting: bool = False, code: bool = False) -> str:
    """Render what stands between angle brackets: a mention, a date, a link."""
    target, _, label = body.partition("|")
    if target.startswith("@"):
        return mention("@", names.users, target[1:], label)
    if target.startswith("#"):
        return mention("#", names.channels, target[1:], label)
    if target.startswith("!"):
        return _command(target[1:], unescape(label), names, code=code)
    url = unescape(target)
    if _SCHEME.match(url) is None:
        # Not Slack's: something posted a raw "<". In prose it would vanish as an HTML tag.
        return ("<" if code or not _TAG_REST.match(f"{body}>") else r"\<") + unescape(body) + ">"
    if code:
        return unescape(label) or url
    return link(url, _inline(label, names, formatting=formatting))


def _command(name: str, label: str, names: Names, *, code: bool) -> str:
    command, *arguments = name.split("^", 3)
    if command == "subteam" and arguments:
        return mention("@", names.usergroups, arguments[0], label)
    if command == "date" and len(arguments) > 1:
        url = "" if code else unescape("".join(arguments[2:]))
        return format_date(arguments[0], unescape(arguments[1]), label, url)
    if command in {"here", "channel", "everyone", "group"}:
        return f"@{command}"
    return label or unescape(name)


def _code(raw: str, names: Names) -> str:
    """Resolve ids, links and escapes inside code, where Slack resolves them but formats nothing.

    Slack links every domain in code (``<http://example.com|example.com>``); what the writer typed,
    and Slack shows, is the label.
    """
    return _CODE_TOKEN.sub(
        lambda token: _ENTITIES[token[2]] if token[2] else _control(token[1], names, code=True), raw
    )


def _inline_code(raw: str, names: Names) -> str:
    url, _, label = raw[1:-1].partition("|")
    if _CODE_TOKEN.fullmatch(raw) and _SCHEME.match(url) and not is_own_label(url, label):
        return link(unescape(url), code_span(unescape(label)))
    return code_span(_code(raw, names))


def _date_token(token: re.Match[str], moment: datetime) -> str:
    pattern = _DATE_FORMATS.get(token[1].removesuffix("_pretty"))
    if pattern is None:
        return token[0]
    ending = {1: "st", 2: "nd", 3: "rd"}.get(moment.day % 10 if moment.day // 10 != 1 else 0, "th")
    month, day = _MONTHS.split()[moment.month - 1], _DAYS[moment.weekday()]
    return pattern.format(moment, month=month, day=day, nth=f"{moment.day}{ending}")


def _moment(timestamp: object) -> datetime | None:
    if not isinstance(timestamp, str | int | float):
        return None
    try:
        seconds = float(timestamp)
        return datetime.fromtimestamp(seconds / 1000 if seconds >= 1e11 else seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
