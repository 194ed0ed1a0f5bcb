"""What only Slack documents need: the context of a message."""

from collections.abc import Iterable, Iterator
from typing import Any

from langchain_core.documents import Document

from processing.metadata import with_metadata

_TOPIC_CHARACTERS = 200


def add_conversation_context(docs: Iterable[Document]) -> Iterator[Document]:
    """Adds `extra.context`: one line on where and between whom a conversation took place.

    It is shown with a result and handed to a language model. It is not embedded, so that a channel
    can be renamed or get a new topic without embedding anything again.
    """
    for document in docs:
        extra = (document.metadata or {}).get("extra") or {}
        yield with_metadata(document, extra={**extra, "context": _context(document)})


def message_context(document: Document, ts: str, *, neighbours: int = 2) -> str:
    """What a person must read to understand one message of a Slack document.

    Args:
        document: A Slack thread or run of messages.
        ts: The message.
        neighbours: How many messages before and after it are shown.

    Returns:
        Where it was said, the thread's first message, the messages around it and itself, as
        Markdown; the part between thread root and neighbours is replaced by an ellipsis.

    Raises:
        KeyError: The document holds no such message.
    """
    messages = _messages(document)
    places = {message["ts"]: number for number, message in enumerate(messages)}
    place = places[ts]
    shown = set(range(max(0, place - neighbours), min(len(messages), place + neighbours + 1)))
    if (document.metadata or {}).get("entity") == "thread":
        shown.add(0)
    parts = [_context(document)]
    previous = -1
    for number in sorted(shown):
        if number > previous + 1:
            parts.append("…")
        parts.append(_message_text(document, messages, number))
        previous = number
    if previous < len(messages) - 1:
        parts.append("…")
    return "\n\n".join(part for part in parts if part)


def _messages(document: Document) -> list[dict[str, Any]]:
    extra = (document.metadata or {}).get("extra") or {}
    return list(extra.get("messages") or ())


def _message_text(document: Document, messages: list[dict[str, Any]], number: int) -> str:
    start = messages[number]["start"]
    end = messages[number + 1]["start"] if number + 1 < len(messages) else None
    return document.page_content[start:end].strip()


def _context(document: Document) -> str:
    metadata = document.metadata or {}
    extra = metadata.get("extra") or {}
    channel = extra.get("channel") or {}
    name = (metadata.get("container") or {}).get("name") or "an unknown channel"
    is_direct = channel.get("kind") in {"dm", "group_dm"}
    place = f"Direct message of {name}" if is_direct else f"#{name}"
    if channel.get("is_archived"):
        place += " (archived)"
    if topic := " ".join((channel.get("topic") or "").split()):
        place += f" · {topic[:_TOPIC_CHARACTERS]}"
    people = [person["name"] for person in extra.get("participants") or () if person.get("name")]
    if metadata.get("entity") == "thread":
        what = f"thread with {extra.get('reply_count', 0)} replies"
    else:
        what = f"{extra.get('message_count', 0)} messages"
    day = (metadata.get("created_at") or "")[:10]
    talk = f"{what} by {_joined(people)}" if people else what
    return f"{place}\n{day}, {talk}" if day else f"{place}\n{talk}"


def _joined(names: list[str]) -> str:
    shown = names[:4]
    rest = len(names) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
