"""The typed document of a Slack conversation."""

from typing import Any, ClassVar

from documents.types import AIDocument


class SlackMessageDocument(AIDocument):
    """A Slack thread, or a run of single messages of one channel and day.

    `metadata["extra"]` holds:
        channel: `kind` (public, private, dm, group_dm), `topic`, `purpose`, `is_archived`,
            `is_shared`.
        messages: one entry a message, oldest first: `ts`, `url`, `start` (where it begins in
            `page_content`), `user_id`, `user`, `is_bot`, and where they apply `subtype`,
            `edited_at`, `pinned`, `broadcast`, `reactions` (name to count).
        message_count, reply_count: numbers.
        participants: who wrote in it: `id`, `name`, `email`, `is_bot`.
        mentions: names of people, channels and groups mentioned.
        links: URLs in order of appearance.
        files: `id`, `name`, `title`, `mimetype`, `size` (bytes), `url`, and `no_text` where its
            text could not be read: why.
        not_embedded: True where nobody said anything: people came and went.
    """

    source: ClassVar[str] = "slack"

    store_name: ClassVar[str] = "slack_messages"

    of_its_time: ClassVar[bool] = True

    extra_mapping: ClassVar[dict[str, Any]] = {
        "channel": {
            "properties": {
                "kind": {"type": "keyword"},
                "topic": {"type": "text"},
                "purpose": {"type": "text"},
                "is_archived": {"type": "boolean"},
                "is_shared": {"type": "boolean"},
            }
        },
        "message_count": {"type": "integer"},
        "reply_count": {"type": "integer"},
        "participants": {
            "properties": {
                "id": {"type": "keyword"},
                "name": {"type": "keyword"},
                "email": {"type": "keyword"},
            }
        },
        "mentions": {"type": "keyword"},
        "links": {"type": "keyword", "ignore_above": 2048},
        "files": {
            "properties": {
                "id": {"type": "keyword"},
                "name": {"type": "keyword"},
                "title": {"type": "text"},
                "mimetype": {"type": "keyword"},
                "size": {"type": "long"},
                "no_text": {"type": "keyword"},
            }
        },
    }

    @property
    def channel_name(self) -> str:
        """The channel's name, without the leading `#`."""
        return (self.metadata.get("container") or {}).get("name") or ""

    def message_at(self, position: int) -> dict[str, Any] | None:
        """The entry of the message that stands at a position of the text."""
        found: dict[str, Any] | None = None
        for message in self.messages:
            if message.get("start", 0) > position:
                break
            found = message
        return found

    def url_at(self, position: int) -> str | None:
        """The permalink of the message that stands at a position of the text."""
        message = self.message_at(position)
        return (message or {}).get("url") or super().url_at(position)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages' entries, oldest first."""
        return list((self.metadata.get("extra") or {}).get("messages") or ())
