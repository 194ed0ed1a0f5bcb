"""Labels: those every mailbox has, and people's own."""

from dataclasses import dataclass
from typing import Any

INBOX, SENT, DRAFT, TRASH, SPAM, UNREAD = "INBOX", "SENT", "DRAFT", "TRASH", "SPAM", "UNREAD"
STARRED, IMPORTANT, CHAT = "STARRED", "IMPORTANT", "CHAT"
CATEGORIES = (
    "CATEGORY_FORUMS",
    "CATEGORY_UPDATES",
    "CATEGORY_PERSONAL",
    "CATEGORY_PROMOTIONS",
    "CATEGORY_SOCIAL",
)

_HIDDEN = frozenset({CHAT, IMPORTANT, TRASH, SPAM, *CATEGORIES})
_SYSTEM = (CHAT, SENT, INBOX, IMPORTANT, TRASH, DRAFT, SPAM, *CATEGORIES, STARRED, UNREAD)


@dataclass(slots=True)
class Label:
    """A label of a mailbox.

    Attributes:
        id: ``INBOX``, or ``Label_7`` for people's own.
        name: As shown; nested ones have slashes.
        is_user: Whether a person made it.
        color: Background and text, or None.
    """

    id: str
    name: str
    is_user: bool = False
    color: tuple[str, str] | None = None

    def payload(self) -> dict[str, Any]:
        """The label as ``labels.list`` shows it."""
        shown: dict[str, Any] = {"id": self.id, "name": self.name}
        if self.is_user:
            shown |= {"messageListVisibility": "show", "labelListVisibility": "labelShow"}
        elif self.id in _HIDDEN:
            shown |= {"messageListVisibility": "hide", "labelListVisibility": "labelHide"}
        shown["type"] = "user" if self.is_user else "system"
        if self.color is not None:
            shown["color"] = {"textColor": self.color[1], "backgroundColor": self.color[0]}
        return shown


def system_labels() -> dict[str, Label]:
    """The labels of a new mailbox, by id, in Gmail's order."""
    return {name: Label(name, name) for name in _SYSTEM}
