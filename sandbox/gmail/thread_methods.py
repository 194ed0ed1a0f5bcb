"""``threads.list`` and ``threads.get``."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from sandbox.gmail.listing import (
    ESTIMATE_LIMIT,
    Listing,
    decode_key,
    encode_key,
    estimate,
)
from sandbox.gmail.mailbox import Mailbox, Message
from sandbox.gmail.mailboxes import Mailboxes
from sandbox.gmail.message_methods import MessageMethods
from sandbox.gmail.switches import Switches
from sandbox.google.api import ApiCall
from sandbox.google.errors import not_found
from sandbox.google.paging import cut_page, decode_token


class ThreadMethods:
    """The methods of ``users.threads``."""

    def __init__(self, mailboxes: Mailboxes, switches: Switches, messages: MessageMethods) -> None:
        self._mailboxes = mailboxes
        self._switches = switches
        self._messages = messages

    def list(self, mailbox: Mailbox, call: ApiCall) -> dict[str, Any]:
        """Threads with a message that matches, the one with the newest such message first."""
        listing = self._messages.listing(mailbox, call)
        token = call.text("pageToken")
        binding = f"threads\0{listing.binding}"
        position = decode_token(token, binding)
        rest = islice(_threads(mailbox, listing, decode_key(position.key)), listing.limit + 1)
        page = cut_page(
            [(encode_key(message.key), message) for message in rest],
            listing.limit,
            position=position,
            query=binding,
            token=token,
            switches=self._switches,
        )
        answer: dict[str, Any] = {}
        if page.items:
            answer["threads"] = [_entry(mailbox, message) for message in page.items]
        if page.next_token:
            answer["nextPageToken"] = page.next_token
        counted = sum(1 for _ in islice(_threads(mailbox, listing, None), ESTIMATE_LIMIT + 1))
        return answer | {"resultSizeEstimate": estimate(counted)}

    def get(self, mailbox: Mailbox, call: ApiCall) -> dict[str, Any]:
        """A thread with its messages, the oldest first."""
        thread_id = call.path["id"]
        messages = mailbox.thread(thread_id)
        if not messages:
            raise not_found()
        return {
            "id": thread_id,
            "historyId": _history_id(messages),
            "messages": [self._messages.shown(message, call) for message in messages],
        }


def _threads(
    mailbox: Mailbox, listing: Listing, before: tuple[int, int] | None
) -> Iterator[Message]:
    """The newest matching message of each thread, the newest first."""
    for message in listing.messages(before):
        newer = (
            other
            for other in mailbox.thread(message.thread_id)
            if other.key > message.key and listing.matches(other)
        )
        if next(newer, None) is None:
            yield message


def _entry(mailbox: Mailbox, newest: Message) -> dict[str, Any]:
    messages = mailbox.thread(newest.thread_id)
    entry = {"id": newest.thread_id}
    if newest.mail.snippet:
        entry["snippet"] = newest.mail.snippet
    return entry | {"historyId": _history_id(messages)}


def _history_id(messages: list[Message]) -> str:
    return str(max(message.history_id for message in messages))
