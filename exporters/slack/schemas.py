"""What Slack's payloads must hold."""

from typing import Any, Final

from exporters.schemas import PayloadSchema, Schemas
from exporters.slack.documents import DAY, THREAD


class Identified(PayloadSchema):
    """Something with an id."""

    id: str


class Message(PayloadSchema):
    """A message; all else of it is optional."""

    ts: str


class Conversation(PayloadSchema):
    """A thread, or the single messages of a day, with the names of whoever is mentioned."""

    team: Identified
    channel: Identified
    messages: list[Message]
    people: dict[str, Any]
    channels: dict[str, Any]
    groups: dict[str, Any]


SCHEMAS: Final[Schemas] = {THREAD: Conversation, DAY: Conversation}
