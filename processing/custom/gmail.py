"""What only mails need: one line on who wrote to whom."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.documents import Document

from processing.metadata import with_metadata

_SHOWN_PEOPLE = 4


def add_mail_context(docs: Iterable[Document]) -> Iterator[Document]:
    """Adds `extra.context`: from whom to whom a mail went, when, and what is with it.

    It is shown with a result and handed to a language model; it is not embedded. Only what every
    reader of the mail sees is in it, so no Bcc and no label.
    """
    for document in docs:
        extra = (document.metadata or {}).get("extra") or {}
        yield with_metadata(document, extra={**extra, "context": _context(document, extra)})


def _context(document: Document, extra: Mapping[str, Any]) -> str:
    kind = "Forwarded mail" if extra.get("is_forward") else "Mail"
    if extra.get("is_reply") and not extra.get("is_forward"):
        kind = "Answer"
    parts = [kind]
    if senders := _names(extra.get("from") or ()):
        parts.append(f"from {senders}")
    if recipients := _names([*(extra.get("to") or ()), *(extra.get("cc") or ())]):
        parts.append(f"to {recipients}")
    if day := ((document.metadata or {}).get("created_at") or "")[:10]:
        parts.append(f"of {day}")
    files = [one["filename"] for one in extra.get("attachments") or () if not one.get("inline")]
    if files:
        parts.append(f"with {len(files)} {'attachment' if len(files) == 1 else 'attachments'}")
    return " ".join(parts)


def _names(people: Sequence[Mapping[str, str]]) -> str:
    names = [person.get("name") or person.get("address") or "" for person in people]
    names = [" ".join(name.split()) for name in names if name]
    rest = len(names) - _SHOWN_PEOPLE
    return ", ".join(names[:_SHOWN_PEOPLE]) + (f" and {rest} more" if rest > 0 else "")
