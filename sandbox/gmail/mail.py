"""A mail as it was sent: RFC 822 bytes, and what can be read from them.

The same mail lies in several mailboxes; each copy has a few header lines of its own in front
(:class:`sandbox.gmail.mailbox.Message`).
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message as Part
from email.parser import BytesHeaderParser, BytesParser
from email.policy import compat32
from email.utils import collapse_rfc2231_value, getaddresses, parsedate_to_datetime
from functools import cached_property, lru_cache
from html.parser import HTMLParser

SNIPPET_LENGTH = 200

_REPLY_PREFIX = re.compile(
    r"\s*(?:re|fwd?|aw|wg|sv|vs|antw|res|enc)\s*(?:\[\d+\])?\s*:\s*", re.IGNORECASE
)
_LIST_TAG = re.compile(r"\s*\[[^\]]{1,30}\]\s*")
_MESSAGE_ID = re.compile(r"<[^<>\s]+>")
_BLANKS = re.compile(r"\s+")


@dataclass(eq=False)
class Mail:
    """One mail.

    Attributes:
        raw: RFC 822 bytes with CRLF line ends.
    """

    raw: bytes
    _headers: Part = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.raw = with_crlf(self.raw)
        head, separator, _ = self.raw.partition(b"\r\n\r\n")
        self._headers = BytesHeaderParser().parsebytes(head + separator)

    def header(self, name: str) -> str:
        """The first header of a name, decoded; empty for none."""
        return decoded_header(raw_header(self._headers, name))

    @cached_property
    def message_id(self) -> str:
        """With angle brackets; empty for none."""
        found = _MESSAGE_ID.search(raw_header(self._headers, "Message-ID"))
        return found[0] if found else ""

    @cached_property
    def references(self) -> tuple[str, ...]:
        """Message-IDs this mail answers, the nearest first."""
        text = (
            f"{raw_header(self._headers, 'References')} {raw_header(self._headers, 'In-Reply-To')}"
        )
        return tuple(dict.fromkeys(reversed(_MESSAGE_ID.findall(text))))

    @cached_property
    def subject(self) -> str:
        """The subject, decoded."""
        return _BLANKS.sub(" ", self.header("Subject")).strip()

    @cached_property
    def bare_subject(self) -> str:
        """The subject as threads compare it: without Re: and list tags, in lower case."""
        return bare_subject(self.subject)

    @cached_property
    def is_reply(self) -> bool:
        """Whether the subject says it answers or forwards something."""
        return _REPLY_PREFIX.match(self.subject) is not None

    @cached_property
    def sender(self) -> str:
        """Address of the author, in lower case."""
        return next(iter(self.addresses("From")), "")

    def addresses(self, *names: str) -> list[str]:
        """Addresses in some headers, in lower case."""
        values = [
            decoded_header(_text(value))
            for name, value in self._headers.raw_items()
            if name.lower() in {wanted.lower() for wanted in names}
        ]
        return [address.lower() for _, address in getaddresses(values) if "@" in address]

    @cached_property
    def date_ms(self) -> int | None:
        """The Date header in milliseconds, or None where it cannot be read."""
        try:
            return int(parsedate_to_datetime(self.header("Date")).timestamp()) * 1000
        except (TypeError, ValueError, OverflowError):
            return None

    @cached_property
    def snippet(self) -> str:
        """The first words, with the characters of HTML escaped, as Gmail gives them."""
        text = _BLANKS.sub(" ", readable_text(self.parsed())).strip()
        if len(text) > SNIPPET_LENGTH:
            text = text[: SNIPPET_LENGTH + 1].rpartition(" ")[0] or text[:SNIPPET_LENGTH]
        return html.escape(text, quote=True).replace("&#x27;", "&#39;")

    @cached_property
    def searchable(self) -> str:
        """Subject, people, text and file names in lower case, for the search."""
        parsed = self.parsed()
        names = [filename for part in parsed.walk() if (filename := part_filename(part))]
        people = [self.header(name) for name in ("From", "To", "Cc")]
        pieces = [self.subject, *people, readable_text(parsed), *names]
        return _BLANKS.sub(" ", " ".join(pieces)).lower()

    @cached_property
    def filenames(self) -> tuple[str, ...]:
        """Names of the attachments, in lower case."""
        return tuple(
            filename.lower() for part in self.parsed().walk() if (filename := part_filename(part))
        )

    def parsed(self) -> Part:
        """The tree of parts. Shared: not to be changed."""
        return _parsed(self)

    def without_header(self, name: str) -> "Mail":
        """The same mail without a header, as recipients get it without Bcc."""
        if name not in self._headers:
            return self
        head, separator, body = self.raw.partition(b"\r\n\r\n")
        pattern = re.compile(
            rb"^" + re.escape(name.encode()) + rb":[^\r]*(?:\r\n[ \t][^\r]*)*(?:\r\n|\Z)",
            re.IGNORECASE | re.MULTILINE,
        )
        return Mail(pattern.sub(b"", head + b"\r\n")[:-2] + separator + body)


def with_crlf(raw: bytes) -> bytes:
    """Bytes with the line ends of the wire."""
    if b"\n" not in raw.replace(b"\r\n", b""):
        return raw
    return re.sub(rb"\r?\n", b"\r\n", raw)


def bare_subject(subject: str) -> str:
    """A subject without reply prefixes and list tags, in lower case."""
    text = subject
    while True:
        shorter = _LIST_TAG.sub("", text, count=1) if _LIST_TAG.match(text) else text
        match = _REPLY_PREFIX.match(shorter)
        shorter = shorter[match.end() :] if match else shorter
        if shorter == text:
            return _BLANKS.sub(" ", text).strip().lower()
        text = shorter


def headers_of(part: Part) -> Iterator[tuple[str, str]]:
    """Names and values as Gmail gives them: unfolded, and encoded words decoded."""
    for name, value in part.raw_items():
        yield name, decoded_header(_text(value))


def raw_header(part: Part, name: str) -> str:
    """The first header of a name, unfolded and not decoded; empty for none."""
    wanted = name.lower()
    return next((_text(value) for key, value in part.raw_items() if key.lower() == wanted), "")


def decoded_header(value: str) -> str:
    """A header value without folds, its encoded words (RFC 2047) decoded."""
    unfolded = value.replace("\r\n", "").replace("\n", "")
    if "=?" not in unfolded:
        return unfolded
    pieces = []
    try:
        chunks = decode_header(unfolded)
    except HeaderParseError:  # malformed base64 in an encoded word; Gmail shows it as it is
        return unfolded
    for chunk, charset in chunks:
        if isinstance(chunk, str):
            pieces.append(chunk)
        else:
            pieces.append(_decoded(chunk, charset or "ascii"))
    return "".join(pieces)


def part_filename(part: Part) -> str:
    """The file name of a part (RFC 2231, or the encoded words some clients use); empty for none."""
    value = part.get_param("filename", None, "content-disposition")
    if value is None:
        value = part.get_param("name", None, "content-type")
    if value is None:
        return ""
    return decoded_header(collapse_rfc2231_value(value)).strip()


def part_bytes(part: Part) -> bytes:
    """The content of a part without parts, its transfer encoding undone.

    A mail inside a mail is given as it stands there.
    """
    if part.is_multipart():
        inner = part.get_payload()
        first = inner[0] if isinstance(inner, list) and inner else None
        if isinstance(first, Part) and part.get_content_type() == "message/rfc822":
            return first.as_bytes(policy=compat32.clone(linesep="\r\n", max_line_length=0))
        return b""
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def readable_text(message: Part) -> str:
    """The text a person reads: text/plain, else text/html without its tags."""
    page = ""
    for part in message.walk():
        if part.is_multipart() or part_filename(part) or _is_attachment(part):
            continue
        kind = part.get_content_type()
        if kind == "text/plain":
            return part_text(part)
        if kind == "text/html" and not page:
            page = part_text(part)
    return html_text(page) if page else ""


def part_text(part: Part) -> str:
    """The text of a part in the charset it names."""
    return _decoded(part_bytes(part), part.get_content_charset() or "utf-8")


def html_text(page: str) -> str:
    """The visible text of a page."""
    reader = _TextReader()
    reader.feed(page)
    reader.close()
    return " ".join(reader.pieces)


def _is_attachment(part: Part) -> bool:
    return part.get_content_disposition() == "attachment"


class _TextReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs  # what is hidden is told by the tag alone
        if tag in ("style", "script", "title"):
            self._hidden += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in ("style", "script", "title") and self._hidden:
            self._hidden -= 1

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.pieces.append(data.strip())


def _decoded(raw: bytes, charset: str) -> str:
    try:
        text = raw.decode(charset)
    except (LookupError, ValueError):  # no such charset, or not what it says
        text = raw.decode("utf-8", "replace")
    # Some codecs let half a surrogate pair through, which no JSON can carry.
    return text.encode("utf-8", "replace").decode("utf-8")


def _text(value: object) -> str:
    """A raw header value; bytes beyond ASCII are read as UTF-8, or else as Latin-1."""
    text = str(value)
    if text.isascii():
        return text
    raw = text.encode("utf-8", "surrogateescape")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


@lru_cache(maxsize=64)
def _parsed(mail: Mail) -> Part:
    return BytesParser().parsebytes(mail.raw)
