"""Takes a mail's MIME tree apart: texts, attachments, invitations, forwarded mails.

The tree is Gmail's `payload` (https://developers.google.com/workspace/gmail/api/reference/rest/v1/
users.messages#messagepart), or one that `exporters.gmail.mbox` made of a mail in a file. Total: a
tree of any form gives a result, with bounded work.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from documents.text import normalize_text
from exporters.gmail.charsets import decode_text
from exporters.gmail.client import decoded
from exporters.gmail.headers import HeaderFields, header_text

MAX_DEPTH: Final = 40
MAX_PARTS: Final = 500
MAX_TEXT_BYTES: Final = 4 * 1024 * 1024
"""What is read of one text part. A person writes less; what is longer is a log or an attack."""

CALENDAR_TYPES: Final = frozenset({"text/calendar", "application/ics"})
_SIGNATURE_TYPES: Final = frozenset(
    {
        "application/pgp-signature",
        "application/pkcs7-signature",
        "application/x-pkcs7-signature",
    }
)
_NEVER_SHOWN: Final = frozenset({"text/x-amp-html", "text/rfc822-headers"})
_TAG: Final = re.compile(r"<[^<>]{0,2000}>")
_SAYS_HTML: Final = re.compile(r"\bhtml\b|browser|e-?mail (?:client|reader|program)", re.IGNORECASE)
_STUB_CHARS: Final = 400

Part = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TextPart:
    """A text that a person sees.

    Attributes:
        text: The text, decoded.
        is_html: Whether it is HTML.
        flowed: Whether its lines are to be joined (RFC 3676), and whether without their space.
    """

    text: str
    is_html: bool
    flowed: bool = False
    delsp: bool = False


@dataclass(frozen=True, slots=True)
class AttachmentPart:
    """A part that is not shown as text.

    Attributes:
        part_id: Gmail's id of the part, stable for the mail.
        filename: Its name; empty where it has none.
        mime_type: Lower case.
        size: Bytes, decoded.
        inline: Whether the text shows it (a picture).
        attachment_id: By which its bytes are fetched; None where they are in the tree.
        data: Its bytes where they are in the tree.
    """

    part_id: str
    filename: str
    mime_type: str
    size: int
    inline: bool
    attachment_id: str | None = None
    data: bytes | None = None


@dataclass(slots=True)
class Forwarded:
    """A mail within the mail."""

    headers: HeaderFields
    content: "MailContent"


@dataclass(slots=True)
class MailContent:
    """What a mail consists of.

    Attributes:
        texts: Of alternatives the one that is shown.
        attachments: In order.
        calendars: iCalendar texts.
        forwarded: Mails within it.
        digests: Of every part: type, name, and a hash of what it holds. Tells equal mails.
        is_signed: Whether it carries a signature (S/MIME, PGP); it is not verified.
        is_encrypted: Whether its content cannot be read.
        truncated: Whether it holds more than was read.
    """

    texts: list[TextPart] = field(default_factory=list)
    attachments: list[AttachmentPart] = field(default_factory=list)
    calendars: list[str] = field(default_factory=list)
    forwarded: list[Forwarded] = field(default_factory=list)
    digests: list[tuple[str, str, str]] = field(default_factory=list)
    is_signed: bool = False
    is_encrypted: bool = False
    truncated: bool = False

    def take(self, other: "MailContent", *, texts: bool = True) -> None:
        """Adds what another part consists of, with or without its texts."""
        if texts:
            self.texts += other.texts
        self.attachments += other.attachments
        self.calendars += other.calendars
        self.forwarded += other.forwarded
        self.digests += other.digests
        self.is_signed |= other.is_signed
        self.is_encrypted |= other.is_encrypted
        self.truncated |= other.truncated


def parts_of(part: Part) -> list[Part]:
    """The children of a part."""
    children = part.get("parts")
    return (
        [child for child in children if isinstance(child, Mapping)]
        if (isinstance(children, list))
        else []
    )


def every_part(root: Part) -> Iterator[Part]:
    """A part and everything below it, as far as is read at all."""
    waiting = [(root, 0)]
    for _ in range(MAX_PARTS):
        if not waiting:
            return
        part, depth = waiting.pop()
        yield part
        if depth < MAX_DEPTH:
            waiting += [(child, depth + 1) for child in reversed(parts_of(part))]


def mime_type(part: Part) -> str:
    """A part's media type in lower case; `text/plain` where it tells none."""
    given = part.get("mimeType")
    if not isinstance(given, str) or "/" not in given:
        given = HeaderFields(part.get("headers")).raw("content-type").partition(";")[0]
    given = given.strip().lower()
    return given if re.fullmatch(r"[\w.+-]+/[\w.+-]+", given) else "text/plain"


def filename(part: Part) -> str:
    """A part's file name on one line, without the folders that some senders leave in."""
    fields = HeaderFields(part.get("headers"))
    name = (
        header_text(str(part.get("filename") or ""))
        or fields.parameter("content-disposition", "filename")
        or fields.parameter("content-type", "name")
    )
    return re.split(r"[/\\]", name)[-1][:255]


def is_attachment(part: Part) -> bool:
    """Whether a leaf is handed over beside the text and not shown as text.

    A calendar never is: it is read wherever it stands.
    """
    kind = mime_type(part)
    if kind in CALENDAR_TYPES:
        return False
    disposition = HeaderFields(part.get("headers")).raw("content-disposition").strip().lower()
    if disposition.startswith("attachment") or filename(part):
        return True
    return not (kind.startswith("text/") or kind == "message/delivery-status")


def is_inline_image(part: Part) -> bool:
    """Whether a part is a picture within the text: a logo, a screenshot, a tracking pixel."""
    if not mime_type(part).startswith("image/"):
        return False
    fields = HeaderFields(part.get("headers"))
    disposition = fields.raw("content-disposition").strip().lower()
    return bool(fields.raw("content-id")) and not disposition.startswith("attachment")


def attachment_part(part: Part) -> AttachmentPart:
    """A leaf as what it may be fetched and named by."""
    body = _body(part)
    identifier, size = body.get("attachmentId"), body.get("size")
    data = _bytes(body.get("data"))
    return AttachmentPart(
        part_id=_part_id(part),
        filename=filename(part),
        mime_type=mime_type(part),
        size=size if isinstance(size, int) and size >= 0 else len(data),
        inline=is_inline_image(part),
        attachment_id=identifier if isinstance(identifier, str) else None,
        data=data or None,
    )


class MailReader:
    """Reads one tree.

    Args:
        bodies: Bytes, as base64 for URLs, of parts whose bytes are not in the tree, by part id.
        nested: Trees of forwarded mails that came as bytes, by part id.
        sha256: Hashes of attachments by part id.
    """

    def __init__(
        self,
        *,
        bodies: Mapping[str, str] | None = None,
        nested: Mapping[str, Part] | None = None,
        sha256: Mapping[str, str | None] | None = None,
    ) -> None:
        self._bodies = bodies or {}
        self._nested = nested or {}
        self._sha256 = sha256 or {}
        self._left = MAX_PARTS

    def read(self, root: Part, depth: int = 0) -> MailContent:
        """What a part and everything below it come to."""
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            return MailContent(truncated=True)
        kind = mime_type(root)
        if kind.startswith("multipart/"):
            return self._multipart(root, kind, depth)
        if kind in {"message/rfc822", "message/global"}:
            return self._mail_within(root, depth)
        return self._leaf(root, kind)

    def _multipart(self, root: Part, kind: str, depth: int) -> MailContent:
        children = parts_of(root)
        content = MailContent(
            digests=[(kind, "", str(len(children)))],
            is_signed=kind == "multipart/signed",
            is_encrypted=kind == "multipart/encrypted",
        )
        if kind == "multipart/alternative":
            read = [self.read(child, depth + 1) for child in children]
            chosen = _best(read)
            for alternative in read:
                content.take(alternative, texts=alternative is chosen)
            return content
        for child in children:
            content.take(self.read(child, depth + 1))
        if not children and (data := self._data(root)):
            # Some senders put plain text behind that type.
            text = decode_text(data[:MAX_TEXT_BYTES], None)
            content.texts.append(TextPart(text, is_html=False))
            content.digests.append((kind, "", _text_digest(text)))
        return content

    def _mail_within(self, root: Part, depth: int) -> MailContent:
        tree = self._nested.get(_part_id(root))
        children = [tree] if isinstance(tree, Mapping) else parts_of(root)
        if not children:
            return self._attachment(root, mime_type(root))
        content = MailContent()
        inner = MailContent()
        for child in children:
            inner.take(self.read(child, depth + 1))
        headers = children[0].get("headers") or root.get("headers")
        fields = HeaderFields(headers)
        content.forwarded.append(Forwarded(fields, inner))
        content.attachments += inner.attachments
        said = "\n".join(map(fields.raw, ("from", "to", "date", "subject", "message-id")))
        content.digests.append(("message/rfc822", "", _text_digest(said)))
        content.digests += inner.digests
        content.truncated = inner.truncated
        return content

    def _leaf(self, root: Part, kind: str) -> MailContent:
        if kind in _SIGNATURE_TYPES:
            return MailContent(is_signed=True)
        if kind in {"application/pkcs7-mime", "application/x-pkcs7-mime"}:
            content = self._attachment(root, kind)
            content.is_encrypted = True
            return content
        if is_attachment(root):
            return self._attachment(root, kind)
        data = self._data(root)
        if not data:
            return MailContent()
        content = MailContent(truncated=len(data) > MAX_TEXT_BYTES)
        fields = HeaderFields(root.get("headers"))
        text = decode_text(
            data[:MAX_TEXT_BYTES], fields.parameter("content-type", "charset") or None
        )
        shown = TextPart(
            text=text,
            is_html=kind in {"text/html", "text/enriched", "text/richtext"},
            flowed=fields.parameter("content-type", "format").lower() == "flowed",
            delsp=fields.parameter("content-type", "delsp").lower() == "yes",
        )
        form = f"{'flowed' * shown.flowed} {'delsp' * shown.delsp}".strip()
        content.digests.append((kind, form, _text_digest(text)))
        if kind in CALENDAR_TYPES:
            content.calendars.append(text)
        elif kind not in _NEVER_SHOWN:
            content.texts.append(shown)
        return content

    def _attachment(self, root: Part, kind: str) -> MailContent:
        attachment = attachment_part(root)
        digest = self._sha256.get(attachment.part_id)
        if digest is None and attachment.data:
            digest = hashlib.sha256(attachment.data).hexdigest()
        form = f"{attachment.filename}{' inline' * attachment.inline}"
        return MailContent(
            attachments=[attachment], digests=[(kind, form, digest or f"size {attachment.size}")]
        )

    def _data(self, part: Part) -> bytes:
        return _bytes(self._bodies.get(_part_id(part)) or _body(part).get("data"))


def _best(alternatives: list[MailContent]) -> MailContent | None:
    """The alternative that is shown: the plain one, unless it only says that there is another."""
    with_text = [one for one in alternatives if any(text.text.strip() for text in one.texts)]
    plain = next((one for one in with_text if not any(t.is_html for t in one.texts)), None)
    rich = next((one for one in reversed(with_text) if any(t.is_html for t in one.texts)), None)
    if plain is None or rich is None:
        return plain or rich
    return rich if _is_stub(_length(plain), _length(rich), plain) else plain


def _length(content: MailContent) -> int:
    texts = (_TAG.sub("", text.text) if text.is_html else text.text for text in content.texts)
    return sum(len("".join(text.split())) for text in texts)


def _is_stub(plain: int, rich: int, content: MailContent) -> bool:
    """Whether a plain alternative says next to nothing beside the rich one."""
    if plain >= _STUB_CHARS or rich <= plain:
        return False
    says_so = any(_SAYS_HTML.search(text.text) for text in content.texts)
    return says_so or (plain * 4 < rich and rich > _STUB_CHARS)


def _text_digest(text: str) -> str:
    """A hash of a text that ways of transport (line ends, a last blank line) do not change."""
    return hashlib.sha256(normalize_text(text).encode()).hexdigest()


def _bytes(data: object) -> bytes:
    """What a part carries; nothing where it is not base64."""
    if not isinstance(data, str):
        return b""
    try:
        return decoded(data)
    except ValueError:
        return b""


def _part_id(part: Part) -> str:
    identifier = part.get("partId")
    return identifier if isinstance(identifier, str) else ""


def _body(part: Part) -> Mapping[str, Any]:
    body = part.get("body")
    return body if isinstance(body, Mapping) else {}
