"""``history.list``: what happened to a mailbox since."""

from typing import Any

from sandbox.gmail.listing import page_limit
from sandbox.gmail.mailbox import HistoryChange, HistoryKind, HistoryRecord, Mailbox
from sandbox.gmail.switches import Switches
from sandbox.google.api import ApiCall
from sandbox.google.errors import GoogleError, invalid_argument, not_found
from sandbox.google.paging import cut_page, decode_token

_ARRAYS: dict[HistoryKind, str] = {
    "messageAdded": "messagesAdded",
    "messageDeleted": "messagesDeleted",
    "labelAdded": "labelsAdded",
    "labelRemoved": "labelsRemoved",
}


class HistoryMethods:
    """The method of ``users.history``."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches

    def list(self, mailbox: Mailbox, call: ApiCall) -> dict[str, Any]:
        """Records after ``startHistoryId``, the oldest first.

        Raises:
            GoogleError: 404: the id is older than what is kept, or none of this mailbox.
        """
        start = _start(call)
        types, label = frozenset(call.texts("historyTypes")), call.text("labelId")
        if label and label not in mailbox.labels:
            raise invalid_argument(f"Invalid label: {label}")
        binding = "\0".join(["history", mailbox.address, str(start), *sorted(types), label])
        token = call.text("pageToken")
        position = decode_token(token, binding)
        begin = int.from_bytes(position.key, "big") if position.key else start
        # A page in the middle is checked too: history may be forgotten while a client pages.
        if not mailbox.forgotten <= begin <= mailbox.history_id:
            raise not_found()
        limit = page_limit(call)
        records: list[tuple[bytes, HistoryRecord]] = []
        for record in mailbox.history_after(begin):
            kept = tuple(change for change in record.changes if _wanted(change, types, label))
            if kept:
                records.append((record.id.to_bytes(8, "big"), HistoryRecord(record.id, kept)))
                if len(records) > limit:
                    break
        page = cut_page(
            records,
            limit,
            position=position,
            query=binding,
            token=token,
            switches=self._switches,
        )
        answer: dict[str, Any] = {}
        if page.items:
            answer["history"] = [_shown(record) for record in page.items]
        if page.next_token:
            answer["nextPageToken"] = page.next_token
        return answer | {"historyId": str(mailbox.history_id)}


def _start(call: ApiCall) -> int:
    text = call.values.get("startHistoryId")
    if not isinstance(text, int):
        raise GoogleError(
            400,
            "Missing/invalid parameter: startHistoryId",
            "required",
            location=("parameter", "startHistoryId"),
        )
    return text


def _wanted(change: HistoryChange, types: frozenset[str], label: str) -> bool:
    if types and change.kind not in types:
        return False
    return not label or label in change.labels or label in change.moved


def _shown(record: HistoryRecord) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": str(record.id),
        "messages": [
            {"id": change.message_id, "threadId": change.thread_id} for change in record.changes
        ],
    }
    for change in record.changes:
        array = _ARRAYS.get(change.kind)
        if array is None:
            continue
        message: dict[str, Any] = {"id": change.message_id, "threadId": change.thread_id}
        if change.labels:
            message["labelIds"] = list(change.labels)
        entry: dict[str, Any] = {"message": message}
        if change.moved:
            entry["labelIds"] = list(change.moved)
        shown.setdefault(array, []).append(entry)
    return shown
