"""Reads mbox files: Google Takeout, Vault, a list's archive. One mail in memory at a time.

The standard library's `mailbox.mbox` notes the place of every mail before it gives the first one;
for a file of many gigabytes that takes long, and all of it again after a stop.

A mail begins at a line that starts with `From ` and follows an empty line (RFC 4155). A line of a
text that begins so is written with a `>` before it, and one that begins with `>From ` with one more
(the form "mboxrd"); one is taken away again.
"""

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import MessageError
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

from documents.errors import ConfigurationError
from exporters.errors import InvalidDataError
from exporters.gmail.charsets import decode_text
from exporters.gmail.headers import header_text
from exporters.gmail.mime import MAX_DEPTH, MAX_PARTS

MAX_MAIL_BYTES: Final = 200 * 1024 * 1024
"""A larger mail is set aside: Gmail takes at most 50 MB in, and sends at most 25."""

_LINE_BYTES: Final = 1024 * 1024
_SEPARATOR: Final = b"From "
_QUOTED_SEPARATOR: Final = re.compile(rb">+From ")
_SYSTEM_LABELS: Final = {
    "inbox": "INBOX",
    "sent": "SENT",
    "unread": "UNREAD",
    "starred": "STARRED",
    "important": "IMPORTANT",
    "drafts": "DRAFT",
    "draft": "DRAFT",
    "spam": "SPAM",
    "trash": "TRASH",
    "chat": "CHAT",
    "category personal": "CATEGORY_PERSONAL",
    "category social": "CATEGORY_SOCIAL",
    "category promotions": "CATEGORY_PROMOTIONS",
    "category updates": "CATEGORY_UPDATES",
    "category forums": "CATEGORY_FORUMS",
}
_NOT_LABELS: Final = frozenset({"opened", "archived"})
"""Takeout's words for what Gmail says by the absence of a label."""


@dataclass(frozen=True, slots=True)
class MboxMail:
    """One mail of a file.

    Attributes:
        raw: Its bytes, as they were before they were put into the file.
        envelope: The line that it began with.
        number: Its place in the file, from 1.
    """

    raw: bytes
    envelope: bytes
    number: int

    @property
    def id(self) -> str:
        """An id made of the bytes: the same mail has the same in every file."""
        return hashlib.sha256(self.raw.replace(b"\r\n", b"\n").strip()).hexdigest()[:24]


def open_mbox(path: Path) -> BinaryIO:
    """Opens a file and sees that it begins as an mbox does.

    Raises:
        ConfigurationError: It cannot be read, is empty, or is something else.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror}.", hint="Check the path and who may read it."
        ) from error
    try:
        beginning = file.read(4096)
        file.seek(0)
    except OSError as error:
        file.close()
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    if not beginning.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n").startswith(_SEPARATOR):
        file.close()
        raise ConfigurationError(
            f"{path} is empty." if not beginning else f"{path} is no mbox file.",
            hint="Give the .mbox file out of the archive, not the archive.",
        )
    return file


def mails(
    file: BinaryIO, *, largest: int = MAX_MAIL_BYTES
) -> Iterator[MboxMail | InvalidDataError]:
    """The mails of a file, in order; an error in place of one that is too large.

    Args:
        file: See `open_mbox`.
        largest: Bytes that a mail may have.

    Raises:
        OSError: The file cannot be read on.
    """
    number, envelope = 0, b""
    lines: list[bytes] = []
    size, after_blank, begun, whole_line = 0, True, False, True
    while line := file.readline(_LINE_BYTES):
        starts_line, whole_line = whole_line, line.endswith(b"\n")
        if (
            starts_line
            and after_blank
            and line.removeprefix(b"\xef\xbb\xbf").startswith(_SEPARATOR)
        ):
            if begun:
                yield _mail(lines, size, envelope, number, largest)
            number, envelope, begun = number + 1, line, True
            lines, size, after_blank = [], 0, False
            continue
        after_blank = starts_line and not line.strip(b"\r\n")
        if not begun:
            continue
        if starts_line and _QUOTED_SEPARATOR.match(line):
            line = line[1:]
        size += len(line)
        if size <= largest:
            lines.append(line)
        else:
            lines.clear()
    if begun:
        yield _mail(lines, size, envelope, number, largest)


def _mail(
    lines: list[bytes], size: int, envelope: bytes, number: int, largest: int
) -> MboxMail | InvalidDataError:
    if size > largest:
        return InvalidDataError(
            f"The mail number {number} of the file has {size} bytes, more than any mail has.",
            hint="Two mails may have run together: check the file at that place.",
        )
    raw = b"".join(lines)
    # The empty line before the next mail belongs to the file, not to the mail.
    raw = raw.removesuffix(b"\n").removesuffix(b"\r") if raw.endswith((b"\n\n", b"\n\r\n")) else raw
    return MboxMail(raw, envelope, number)


def gmail_message(mail: MboxMail, *, prefix: str = "") -> tuple[dict[str, Any], dict[str, str]]:
    """A mail in the form of Gmail's `messages.get`, and names of its labels by id.

    Args:
        mail: The mail.
        prefix: Part id of its root, for a mail within another.

    Raises:
        InvalidDataError: It is nested so deeply that it cannot be read.
    """
    try:
        parsed = message_from_bytes(mail.raw)
        tree = _Tree().of(parsed, prefix)
    except (RecursionError, MessageError, ValueError, LookupError, AttributeError) as error:
        raise InvalidDataError(
            f"The mail number {mail.number} of the file cannot be read: {type(error).__name__}.",
            external_id=mail.id,
        ) from None
    labels = _labels(_header(parsed, "X-Gmail-Labels"))
    moment = _received(mail, parsed)
    return {
        "id": None,
        "threadId": _thread_id(_header(parsed, "X-GM-THRID")),
        "labelIds": sorted(labels),
        "internalDate": str(int(moment.timestamp() * 1000)) if moment else None,
        "sizeEstimate": len(mail.raw),
        "payload": tree,
    }, {identifier: name for identifier, name in labels.items() if identifier != name}


class _Tree:
    """Makes Gmail's tree of parts out of a parsed mail."""

    def __init__(self) -> None:
        self._left = MAX_PARTS

    def of(self, message: Message, part_id: str, depth: int = 0) -> dict[str, Any]:
        self._left -= 1
        kind = message.get_content_type()
        part: dict[str, Any] = {
            "partId": part_id,
            "mimeType": kind,
            "filename": _filename(message),
            "headers": [
                {"name": name, "value": _unescaped(str(value))}
                for name, value in message.raw_items()
            ],
            "body": {"size": 0},
        }
        payload = message.get_payload()
        if isinstance(payload, list) and depth <= MAX_DEPTH:
            prefix = f"{part_id}." if part_id else ""
            part["parts"] = [
                self.of(child, f"{prefix}{place}", depth + 1)
                for place, child in enumerate(payload)
                if isinstance(child, Message) and self._left > 0
            ]
            return part
        data = message.get_payload(decode=True)
        if isinstance(data, bytes) and data:
            part["body"] = {"size": len(data), "data": urlsafe_b64encode(data).decode("ascii")}
        return part


def _filename(message: Message) -> str:
    try:
        return header_text(_unescaped(message.get_filename() or ""))
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""


def _unescaped(value: str) -> str:
    """A header's text; bytes beyond ASCII, which the parser hides in surrogates, as text again."""
    if value.isascii():
        return value
    data = value.encode("utf-8", "surrogateescape")
    return decode_text(data, "utf-8")


def _header(message: Message, name: str) -> str:
    value = next((value for key, value in message.raw_items() if key.lower() == name.lower()), "")
    return header_text(_unescaped(str(value)))


def _labels(value: str) -> dict[str, str]:
    """Labels by id. A person's own label has no id in the file; its name stands for it."""
    found: dict[str, str] = {}
    for given in re.findall(r'"([^"]*)"|([^,"]+)', value):
        name = (given[0] or given[1]).strip()
        if name and name.lower() not in _NOT_LABELS:
            identifier = _SYSTEM_LABELS.get(name.lower())
            found[identifier or name] = identifier or name
    return found


def _thread_id(value: str) -> str | None:
    """Gmail's thread id as its API writes it, of Takeout's decimal number."""
    return f"{int(value):x}" if value.isascii() and value.isdecimal() and len(value) < 21 else None


def _received(mail: MboxMail, message: Message) -> datetime | None:
    """When the mail came in: by the line it begins with, else by its last `Received`."""
    stamp = mail.envelope.decode("latin-1").strip().split(" ", 2)[-1]
    for pattern in ("%a %b %d %H:%M:%S %z %Y", "%a %b %d %H:%M:%S %Y"):
        with suppress(ValueError):
            moment = datetime.strptime(stamp, pattern)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            if moment.year > 1970:
                return moment.astimezone(UTC)
    received = _header(message, "Received").rpartition(";")[2]
    for value in (received, _header(message, "Date")):
        with suppress(ValueError, TypeError, IndexError, OverflowError):
            moment = parsedate_to_datetime(value)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            if 1970 < moment.year < 2200:
                return moment.astimezone(UTC)
    return None


__all__ = ["MAX_MAIL_BYTES", "MboxMail", "gmail_message", "mails", "open_mbox"]
