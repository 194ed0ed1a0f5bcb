"""What Gmail's payloads must hold."""

from typing import Any, Final

from exporters.gmail.payloads import MESSAGE
from exporters.schemas import PayloadSchema, Schemas


class Mailbox(PayloadSchema):
    """Whose copy it is."""

    key: str


class Tree(PayloadSchema):
    """A mail as `messages.get` answers, with its parts."""

    payload: dict[str, Any]


class Mail(PayloadSchema):
    """A copy of a mail."""

    connection: str
    mailbox: Mailbox
    access: list[str]
    message: Tree
    bodies: dict[str, str]
    attachments: list[dict[str, Any]]


SCHEMAS: Final[Schemas] = {MESSAGE: Mail}
