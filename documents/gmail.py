"""The typed document of a mail."""

from typing import Any, ClassVar

from documents.types import AIDocument

_PEOPLE: dict[str, Any] = {
    "properties": {"name": {"type": "text"}, "address": {"type": "keyword"}},
}


class GmailMessageDocument(AIDocument):
    """A mail: one document, however many mailboxes hold a copy of it.

    `metadata["extra"]` holds what is the mail's own:
        message_id, in_reply_to, references: as RFC 5322 has them, without angle brackets.
        from, to, cc, reply_to: lists of `name` and `address`.
        date: as its sender's clock said; None where the mail tells none.
        attachments: `filename`, `mime_type`, `size` (bytes), `sha256`, `inline`, and of its text
            `text_chars`, `text_truncated` and `reason` (why there is none).
        events: invitations: `uid`, `method`, `summary`, `start`, `end`, `all_day`, `location`,
            `organizer`, `attendees`, `status`, `recurrence`.
        forwarded: mails within it: `from`, `to`, `date`, `subject`, `message_id`.
        quoted, signature: what was kept apart from the text, cut at some length.
        is_reply, is_forward, is_signed, is_encrypted: flags.
        text_truncated: True where the text was cut.

    And what is each copy's own, in `copies`, one entry a mailbox; search shows a person their own
    copies only: `mailbox`, `mailbox_key`, `access`, `gmail_id`, `gmail_thread_id`, `history_id`,
    `internal_date`, `labels` (names), `label_ids`, `is_unread`, `is_starred`, `is_important`,
    `is_sent`, `is_draft`, `bcc`, `delivered_to`, `list_id`, `sender`, `snippet`, `size`, `url`.
    """

    source: ClassVar[str] = "gmail"

    store_name: ClassVar[str] = "gmail_messages"

    extra_mapping: ClassVar[dict[str, Any]] = {
        "message_id": {"type": "keyword", "ignore_above": 1024},
        "in_reply_to": {"type": "keyword", "ignore_above": 1024},
        "references": {"type": "keyword", "ignore_above": 1024},
        "from": _PEOPLE,
        "to": _PEOPLE,
        "cc": _PEOPLE,
        "reply_to": _PEOPLE,
        "date": {"type": "date"},
        "attachments": {
            "properties": {
                "filename": {
                    "type": "text",
                    "fields": {"keyword": {"type": "keyword", "ignore_above": 256}},
                },
                "mime_type": {"type": "keyword"},
                "size": {"type": "long"},
                "sha256": {"type": "keyword"},
                "inline": {"type": "boolean"},
            }
        },
        "events": {
            "properties": {
                "uid": {"type": "keyword", "ignore_above": 1024},
                "method": {"type": "keyword"},
                "summary": {"type": "text"},
                "start": {"type": "date", "ignore_malformed": True},
                "end": {"type": "date", "ignore_malformed": True},
                "location": {"type": "text"},
                "status": {"type": "keyword"},
            }
        },
        "is_reply": {"type": "boolean"},
        "is_forward": {"type": "boolean"},
        "is_signed": {"type": "boolean"},
        "is_encrypted": {"type": "boolean"},
        "copies": {
            "properties": {
                "mailbox": {"type": "keyword"},
                "mailbox_key": {"type": "keyword"},
                "access": {"type": "keyword"},
                "gmail_id": {"type": "keyword"},
                "gmail_thread_id": {"type": "keyword"},
                "history_id": {"type": "keyword"},
                "internal_date": {"type": "date"},
                "labels": {"type": "keyword"},
                "label_ids": {"type": "keyword"},
                "is_unread": {"type": "boolean"},
                "is_starred": {"type": "boolean"},
                "is_important": {"type": "boolean"},
                "is_sent": {"type": "boolean"},
                "is_draft": {"type": "boolean"},
                "bcc": _PEOPLE,
                "delivered_to": {"type": "keyword"},
                "list_id": {"type": "keyword"},
                "size": {"type": "long"},
            }
        },
    }

    @property
    def copies(self) -> list[dict[str, Any]]:
        """The entries of the mailboxes that hold the mail."""
        return list((self.metadata.get("extra") or {}).get("copies") or ())

    @property
    def recipients(self) -> list[str]:
        """Addresses in To and Cc, in their order."""
        extra = self.metadata.get("extra") or {}
        people = [*(extra.get("to") or ()), *(extra.get("cc") or ())]
        return list(dict.fromkeys(person["address"] for person in people))
