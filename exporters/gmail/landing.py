"""Makes of a mail as it came what lands of it: attachments as their texts, bytes left out.

The same for a mail from the API, whose attachments are fetched one by one, and for one out of an
mbox file, whose attachments stand in it.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from exporters.errors import Action, ExportError, InvalidDataError, Severity
from exporters.gmail.mbox import MboxMail, gmail_message
from exporters.gmail.mime import (
    CALENDAR_TYPES,
    MAX_TEXT_BYTES,
    AttachmentPart,
    Part,
    attachment_part,
    every_part,
    is_attachment,
    mime_type,
    parts_of,
)

MOST_FETCHED: Final = 100
"""Attachments of one mail whose bytes are read; further ones are named."""

_DEEPEST: Final = 200

Fetch = Callable[[str], bytes]
"""Fetches the bytes behind an attachment id; raises `ExportError`."""


class ExtractedText(Protocol):
    """What is made of a file; see `exporters.extraction`."""

    @property
    def text(self) -> str | None:
        """The text; None where there is none."""

    @property
    def truncated(self) -> bool:
        """Whether there is more."""

    @property
    def reason(self) -> str:
        """Why there is no text."""


class Extract(Protocol):
    """Reads the text of a file."""

    def __call__(self, content: bytes, *, name: str | None, mime_type: str | None) -> ExtractedText:
        """Never raises for the content."""


@dataclass(slots=True)
class LandedMail:
    """What lands of a mail besides what its mailbox adds.

    Attributes:
        message: The mail as it came, without attachment ids and the bytes of attachments.
        bodies: Texts and invitations that came apart, base64 for URLs, by part id.
        nested: Trees of forwarded mails that came apart, by part id.
        attachments: An entry for each attachment.
        failures: Why some could not be read.
    """

    message: dict[str, Any]
    bodies: dict[str, str] = field(default_factory=dict)
    nested: dict[str, Any] = field(default_factory=dict)
    attachments: list[dict[str, Any]] = field(default_factory=list)
    failures: list[ExportError] = field(default_factory=list)


def extract_text(content: bytes, *, name: str | None, mime_type: str | None) -> ExtractedText:
    """The shared reader of files, imported only where there is one to read."""
    from exporters.extraction import extract_text as extract  # noqa: PLC0415

    return extract(content, name=name, mime_type=mime_type)


def land_mail(
    message: Mapping[str, Any], *, fetch: Fetch, extract: Extract, max_bytes: int
) -> LandedMail:
    """Reads the attachments of a mail, and takes their bytes out of it.

    Args:
        message: Gmail's `messages.get`, or what `exporters.gmail.mbox` made like it.
        fetch: Fetches what is not in it.
        extract: Reads the text of a file.
        max_bytes: Larger attachments are named only.

    Raises:
        ExportError: One that concerns more than a single attachment: a limit, the credential, or
            that the mail is gone.
    """
    tree = message.get("payload")
    landed = LandedMail(dict(message))
    if isinstance(tree, Mapping):
        lander = _Lander(landed, fetch, extract, max_bytes)
        lander.read(tree)
        landed.message["payload"] = _stripped(tree, lander.without_data)
    return landed


class _Lander:
    """The parts of one mail, one after another."""

    def __init__(self, landed: LandedMail, fetch: Fetch, extract: Extract, max_bytes: int) -> None:
        self._landed = landed
        self._fetch = fetch
        self._extract = extract
        self._max_bytes = max_bytes
        self._fetched = 0
        self.without_data: set[str] = set()

    def read(self, tree: Part) -> None:
        for part in every_part(tree):
            if parts_of(part) or mime_type(part).startswith("multipart/"):
                continue
            found = attachment_part(part)
            if mime_type(part) in {"message/rfc822", "message/global"}:
                self._mail(found)
            elif is_attachment(part):
                self._attachment(found)
            elif found.attachment_id is not None:
                self._text(found)

    def _text(self, part: AttachmentPart) -> None:
        """A long text, or an invitation with a file name: Gmail sends them apart."""
        content = self._content(part)
        if content is not None:
            limit = MAX_TEXT_BYTES + 1  # so that a reader sees that there was more
            kept = content[: limit if part.mime_type not in CALENDAR_TYPES else 1024 * 1024]
            self._landed.bodies[part.part_id] = urlsafe_b64encode(kept).decode("ascii")

    def _mail(self, part: AttachmentPart) -> None:
        """A forwarded mail that came as bytes."""
        self.without_data.add(part.part_id)
        content = self._content(part)
        if content is None:
            self._note(part, reason="It could not be fetched.")
            return
        try:
            inner, _ = gmail_message(MboxMail(content, b"", 1), prefix=f"{part.part_id}.0")
        except InvalidDataError:
            self._note(part, content, reason="The forwarded mail cannot be read.")
            return
        tree = inner["payload"]
        before = self.without_data
        self.without_data = set()
        self.read(tree)
        self._landed.nested[part.part_id] = _stripped(tree, self.without_data)
        self.without_data = before

    def _attachment(self, part: AttachmentPart) -> None:
        self.without_data.add(part.part_id)
        if part.inline:
            self._note(part, reason="A picture within the text.")
        elif part.size > self._max_bytes:
            self._note(part, reason=f"Larger than {self._max_bytes} bytes.")
        elif self._fetched >= MOST_FETCHED:
            self._note(part, reason=f"The mail has more than {MOST_FETCHED} attachments.")
        else:
            self._fetched += 1
            content = self._content(part)
            if content is None:
                self._note(part, reason="It could not be fetched.")
                return
            found = self._extract(
                content, name=part.filename or None, mime_type=part.mime_type or None
            )
            self._note(part, content, found)

    def _content(self, part: AttachmentPart) -> bytes | None:
        """The bytes of a part; None where they cannot be had, which is noted."""
        if part.attachment_id is None:
            return part.data or b""
        try:
            return self._fetch(part.attachment_id)
        except ExportError as error:
            if error.severity is not Severity.ITEM and error.action is not Action.RETRY:
                raise
            if error.action is Action.TREAT_AS_GONE:
                raise
            self._landed.failures.append(error)
            return None

    def _note(
        self,
        part: AttachmentPart,
        content: bytes | None = None,
        found: ExtractedText | None = None,
        *,
        reason: str = "",
    ) -> None:
        self._landed.attachments.append(
            {
                "part_id": part.part_id,
                "filename": part.filename,
                "mime_type": part.mime_type,
                "size": part.size if content is None else len(content),
                "sha256": hashlib.sha256(content).hexdigest() if content is not None else None,
                "text": found.text if found else None,
                "text_truncated": bool(found and found.truncated),
                "reason": found.reason if found else reason,
            }
        )


def _stripped(part: Part, without_data: set[str], depth: int = 0) -> dict[str, Any]:
    """A tree without attachment ids (they are others in each answer) and without some bytes."""
    kept = dict(part)
    body = part.get("body")
    if isinstance(body, Mapping):
        gone = {"attachmentId", "data"} if part.get("partId") in without_data else {"attachmentId"}
        kept["body"] = {name: value for name, value in body.items() if name not in gone}
    if "parts" in part:
        children = parts_of(part) if depth < _DEEPEST else []
        kept["parts"] = [_stripped(child, without_data, depth + 1) for child in children]
    return kept


def no_fetch(attachment_id: str) -> bytes:
    """For mails that hold everything themselves.

    Raises:
        InvalidDataError: Always.
    """
    raise InvalidDataError(f"The attachment {attachment_id} is not in the mail.")
