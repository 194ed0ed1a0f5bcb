"""Mails with what is attached to them, and calendar files. Runs in the reading process only."""

import email
import email.policy
from collections.abc import Callable, Iterator
from email.message import EmailMessage, Message
from typing import Any, Final

from exporters.extraction.charsets import decode
from exporters.extraction.errors import UnreadableError
from exporters.extraction.pages import read_html
from exporters.extraction.reading import Circumstances, join_until, library

_HEADERS: Final = ("From", "To", "Cc", "Date")
_MOST_ATTACHMENTS: Final = 100


def read_mail(content: bytes, about: Circumstances, read: Callable[..., str]) -> str:
    """A mail: headers, text, and its attachments, as deep as `about.depth` allows.

    Args:
        content: The mail as it was sent; a first line of a mailbox (`From ...`) is left out.
        about: See `Circumstances`.
        read: Reads an attachment (bytes and circumstances) of any kind.
    """
    content = content.lstrip()
    if content.startswith((b"From ", b">From ")):
        content = content.partition(b"\n")[2]
    message = email.message_from_bytes(content, policy=email.policy.default)
    return _message(message, about, read)


def _message(message: Message, about: Circumstances, read: Callable[..., str]) -> str:
    return join_until(_parts(message, about, read), about.max_characters)


def _parts(message: Message, about: Circumstances, read: Callable[..., str]) -> Iterator[str]:
    if subject := _header(message, "Subject"):
        yield f"# {subject}"
    named = ((name, _header(message, name)) for name in _HEADERS)
    yield "\n".join(f"**{name}:** {value}  " for name, value in named if value)
    body = _body(message)
    if body is not None:
        yield _text(body, about)
    yield from _attachments(message, body, about, read)


def _attachments(
    message: Message, body: Message | None, about: Circumstances, read: Callable[..., str]
) -> Iterator[str]:
    alternatives = {
        id(leaf)
        for container in message.walk()
        if container.get_content_type() == "multipart/alternative"
        for leaf in _leaves(container)
    }
    left = _MOST_ATTACHMENTS
    for part in _leaves(message):
        if part is body or (id(part) in alternatives and _is_words(part)):
            continue
        left -= 1
        if left < 0:
            return
        yield from _attachment(part, about, read)


def _leaves(message: Message) -> Iterator[Message]:
    """Parts that are no containers; a mail inside is one part."""
    if message.get_content_maintype() == "multipart" and isinstance(message.get_payload(), list):
        for part in message.get_payload():
            if isinstance(part, Message):
                yield from _leaves(part)
    else:
        yield message


def _is_words(part: Message) -> bool:
    """Whether a part is text of the mail itself, and no file."""
    return (
        part.get_content_type() in {"text/plain", "text/html"}
        and not _file_name(part)
        and part.get_content_disposition() != "attachment"
    )


def _attachment(part: Message, about: Circumstances, read: Callable[..., str]) -> Iterator[str]:
    name = _file_name(part)
    media_type = part.get_content_type()
    title = " ".join((name or media_type).split())
    inside = part.get_payload()
    if media_type == "message/rfc822" and isinstance(inside, list):
        inner: Any = inside[0] if inside else None
        if about.depth > 0 and isinstance(inner, Message):
            yield f"## Attached mail: {name or _header(inner, 'Subject') or 'without subject'}"
            yield _message(inner, about.inside(name, media_type), read)
        return
    is_file = bool(name) or part.get_content_disposition() == "attachment"
    if is_file:
        yield f"## Attachment: {title}"
    if about.depth <= 0:
        return
    try:
        yield read(_bytes(part), about.inside(name, str(part.get("Content-Type") or media_type)))
    except UnreadableError as error:
        if is_file:
            yield f"({error})"


def _body(message: Message) -> Message | None:
    """The text of a mail that a person reads: plain before HTML."""
    if not isinstance(message, EmailMessage):
        return None
    try:
        return message.get_body(("plain", "html"))
    except (AttributeError, KeyError, ValueError):  # of the library, for strange structures
        return None


def _text(body: Message, about: Circumstances) -> str:
    charset = body.get_content_charset()
    told = about.inside(None, f"{body.get_content_type()}; charset={charset}" if charset else None)
    if body.get_content_type() == "text/html":
        return read_html(_bytes(body), told)
    return decode(_bytes(body), told.media_type, about.max_characters)


def _bytes(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _header(message: Message, name: str) -> str:
    """A header as text; empty where there is none or it makes no sense."""
    try:
        return " ".join(str(message.get(name) or "").split())
    except (ValueError, IndexError, AttributeError, TypeError):  # of the library's parser
        return ""


def _file_name(part: Message) -> str | None:
    try:
        return part.get_filename()
    except (ValueError, IndexError, AttributeError, TypeError):  # of the library's parser
        return None


_EVENT_FIELDS: Final = (
    ("DTSTART", "Start"),
    ("DTEND", "End"),
    ("DUE", "Due"),
    ("RRULE", "Repeats"),
    ("LOCATION", "Place"),
    ("ORGANIZER", "Organizer"),
    ("ATTENDEE", "Attendees"),
)


def read_calendar(content: bytes, about: Circumstances) -> str:
    """A calendar file: each event, task and journal entry with its times, place and people."""
    calendars = library("icalendar", "calendar file")
    text = decode(content, about.media_type, about.max_characters)
    try:
        found = calendars.Calendar.from_ical(text, multiple=True)
    except (ValueError, KeyError, IndexError):
        return text  # its lines say more than nothing
    parts = (
        _entry(entry)
        for calendar in found
        for entry in calendar.walk()
        if entry.name in {"VEVENT", "VTODO", "VJOURNAL"}
    )
    return join_until(parts, about.max_characters) or text


def _entry(entry: Any) -> str:
    lines = [f"## {entry.get('SUMMARY') or 'Without title'}"]
    for name, title in _EVENT_FIELDS:
        if (value := entry.get(name)) is not None:
            values = value if isinstance(value, list) else [value]
            lines.append(f"- {title}: {', '.join(filter(None, map(_readable, values)))}")
    if description := entry.get("DESCRIPTION"):
        lines += ["", str(description)]
    return "\n".join(lines)


def _readable(value: Any) -> str:
    try:
        return _property(value)
    except Exception:  # noqa: BLE001 (the library raises its own for a property that is damaged)
        return str(value)


def _property(value: Any) -> str:
    moment = getattr(value, "dt", None)
    if moment is not None:
        return str(moment)
    if hasattr(value, "to_ical") and not isinstance(value, str):
        return str(value.to_ical().decode("utf-8", errors="replace"))
    name = getattr(value, "params", {}).get("CN")
    address = str(value).removeprefix("mailto:").removeprefix("MAILTO:")
    return f"{name} <{address}>" if name else address
