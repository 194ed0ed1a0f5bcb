"""``messages.list``, ``messages.get`` and ``messages.attachments.get``."""

from itertools import islice
from typing import Any

from sandbox.gmail.listing import (
    ESTIMATE_LIMIT,
    Listing,
    decode_key,
    encode_key,
    estimate,
)
from sandbox.gmail.mail import part_bytes
from sandbox.gmail.mailbox import Mailbox, Message
from sandbox.gmail.mailboxes import Mailboxes
from sandbox.gmail.payload import (
    encode_data,
    find_part,
    message_payload,
    metadata_payload,
    read_attachment_id,
)
from sandbox.gmail.scopes import CONTENT_SCOPES
from sandbox.gmail.switches import Switches
from sandbox.google.api import ApiCall
from sandbox.google.errors import forbidden, invalid_argument, not_found
from sandbox.google.paging import cut_page, decode_token


class MessageMethods:
    """The methods of ``users.messages``."""

    def __init__(self, mailboxes: Mailboxes, switches: Switches) -> None:
        self._mailboxes = mailboxes
        self._switches = switches

    def listing(self, mailbox: Mailbox, call: ApiCall) -> Listing:
        """The messages a list call is about."""
        may_search = bool(CONTENT_SCOPES & call.grant.scopes)
        return Listing(call, mailbox, self._mailboxes.clock(), may_search=may_search)

    def list(self, mailbox: Mailbox, call: ApiCall) -> dict[str, Any]:
        """Ids of messages, the newest first."""
        listing = self.listing(mailbox, call)
        token = call.text("pageToken")
        position = decode_token(token, listing.binding)
        rest = islice(listing.messages(decode_key(position.key)), listing.limit + 1)
        page = cut_page(
            [(encode_key(message.key), message) for message in rest],
            listing.limit,
            position=position,
            query=listing.binding,
            token=token,
            switches=self._switches,
        )
        answer: dict[str, Any] = {}
        if page.items:
            answer["messages"] = [
                {"id": message.id, "threadId": message.thread_id} for message in page.items
            ]
        if page.next_token:
            answer["nextPageToken"] = page.next_token
        counted = sum(1 for _ in islice(listing.messages(), ESTIMATE_LIMIT + 1))
        return answer | {"resultSizeEstimate": estimate(counted)}

    def get(self, mailbox: Mailbox, call: ApiCall) -> dict[str, Any]:
        """One message in the format asked for."""
        message = mailbox.messages.get(call.path["id"])
        if message is None:
            raise not_found()
        return self.shown(message, call)

    def shown(self, message: Message, call: ApiCall) -> dict[str, Any]:
        """A message as ``messages.get`` and ``threads.get`` show it.

        Raises:
            GoogleError: 403: the scope allows the headers only.
        """
        style = call.text("format", "full")
        if style in ("full", "raw") and not CONTENT_SCOPES & call.grant.scopes:
            raise forbidden(f"Metadata scope doesn't allow format {style.upper()}")
        shown: dict[str, Any] = {"id": message.id, "threadId": message.thread_id}
        if message.labels:
            shown["labelIds"] = list(message.labels)
        if style != "minimal" and message.mail.snippet:
            shown["snippet"] = message.mail.snippet
        if style == "minimal":
            shown["payload"] = {"partId": ""}
        elif style == "metadata":
            shown["payload"] = metadata_payload(
                message.mail.parsed(), message.own_headers(), call.texts("metadataHeaders")
            )
        elif style == "full":
            shown["payload"] = message_payload(
                message.mail.parsed(),
                message.own_headers(),
                message.id,
                self._switches.inline_limit,
            )
        shown["sizeEstimate"] = message.size
        if style == "raw":
            shown["raw"] = encode_data(message.raw)
        shown["historyId"] = str(message.history_id)
        shown["internalDate"] = str(message.internal_date)
        return shown

    def attachment(self, mailbox: Mailbox, call: ApiCall) -> dict[str, Any]:
        """The bytes of a part."""
        message = mailbox.messages.get(call.path["messageId"])
        if message is None:
            raise not_found()
        part_id = read_attachment_id(call.path["id"], message.id)
        part = None if part_id is None else find_part(message.mail.parsed(), part_id)
        if part is None:
            raise invalid_argument("Invalid attachment token")
        raw = part_bytes(part)
        return {"size": len(raw), "data": encode_data(raw)}
