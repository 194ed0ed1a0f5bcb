"""What lands of a mail, and what of it belongs to one copy alone.

The payload of a record, the same whether the mail came over the API or out of an mbox file:

```
{
  "connection": "C01abc23d",
  "mailbox":  {"key": "1160...", "address": "ada@acme.example"},
  "access":   ["user:ada@acme.example"],
  "labels":   {"Label_7": "Projects"},         # names of the labels that it has
  "message":  {...},                           # messages.get(format=full) as it came; attachmentId
                                               # is left out, which is another one in each answer
  "bodies":   {"1.2": "..."},                  # texts and invitations that came apart, base64url
  "nested":   {"2": {...}},                    # trees of forwarded mails that came apart
  "attachments": [{"part_id", "filename", "mime_type", "size", "sha256",
                   "text", "text_truncated", "reason"}]
}
```
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from documents.text import normalize_text
from documents.times import iso_utc
from exporters.changes import RawRecord
from exporters.gmail.headers import HeaderFields
from exporters.gmail.markup import without_filler

MESSAGE: Final = "message"
"""Entity of a record and of its document."""

SPAM_TRASH: Final = frozenset({"SPAM", "TRASH"})

CHAT: Final = "CHAT"
"""Label of messages of the old Hangouts, which Gmail keeps among the mails."""

_FLAGS: Final = {
    "is_unread": "UNREAD",
    "is_starred": "STARRED",
    "is_important": "IMPORTANT",
    "is_sent": "SENT",
    "is_draft": "DRAFT",
}

VERSION: Final = "1"
"""Version mark of every mail: a mail never changes, only its labels do."""


def external_id(mailbox_key: str, message_id: str) -> str:
    """The id of a copy within the connection."""
    return f"{mailbox_key}/{message_id}"


def message_id_of(identifier: str) -> str:
    """Gmail's id of a copy, out of its external id."""
    return identifier.rpartition("/")[2]


def labels_of(label_ids: Iterable[str], names: Mapping[str, str]) -> dict[str, Any]:
    """The part of a copy's entry that labels decide.

    Args:
        label_ids: Ids of the labels that the mail has now.
        names: Names by id; a system label's name is its id.
    """
    ids = sorted(set(map(str, label_ids)))
    return {
        "label_ids": ids,
        "labels": [" ".join(normalize_text(names.get(one) or one).split()) for one in ids],
        **{flag: label in ids for flag, label in _FLAGS.items()},
    }


def copy_entry(
    record: RawRecord, message: Mapping[str, Any], fields: HeaderFields
) -> dict[str, Any]:
    """A copy's entry in `extra["copies"]`: all that differs from mailbox to mailbox.

    How a mail came to a mailbox is part of that: whoever got it through a list sees the list's
    headers, whoever got it directly does not.
    """
    payload = record.payload
    mailbox = payload["mailbox"]
    identifier = message.get("id")
    moment = internal_date(message)
    return {
        "record": record.external_id,
        "mailbox": mailbox["address"],
        "mailbox_key": mailbox["key"],
        "access": sorted(payload["access"]),
        "gmail_id": identifier,
        "gmail_thread_id": message.get("threadId"),
        "history_id": message.get("historyId"),
        "internal_date": iso_utc(moment) if moment else None,
        **labels_of(message.get("labelIds") or (), payload.get("labels") or {}),
        "bcc": fields.addresses("bcc"),
        "delivered_to": [one["address"] for one in fields.addresses("delivered-to")],
        "list_id": fields.text("list-id")[:500] or None,
        "sender": next(iter(fields.addresses("sender")), None),
        "snippet": _snippet(message.get("snippet")),
        "size": message.get("sizeEstimate"),
        "url": copy_url(mailbox["address"], identifier) if identifier else None,
    }


def copy_url(address: str, message_id: str) -> str:
    """Where the mailbox's owner opens the copy."""
    return f"https://mail.google.com/mail/?authuser={quote(address)}#all/{quote(message_id)}"


def search_url(message_id: str | None) -> str | None:
    """Where anybody who has a copy finds it, by the mail's own id; None where it has none."""
    if not message_id:
        return None
    return f"https://mail.google.com/mail/#search/rfc822msgid%3A{quote(message_id, safe='@.-_')}"


def internal_date(message: Mapping[str, Any]) -> datetime | None:
    """When Gmail took the mail in; None where the payload does not tell."""
    try:
        seconds = int(message["internalDate"]) / 1000
        return datetime.fromtimestamp(seconds, UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None


def _snippet(value: object) -> str:
    from html import unescape  # noqa: PLC0415

    text = without_filler(unescape(value)) if isinstance(value, str) else ""
    return " ".join(normalize_text(text).split())[:500]
