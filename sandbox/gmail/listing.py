"""What ``messages.list`` and ``threads.list`` share: which messages, and how many a page."""

from collections.abc import Iterator

from sandbox.gmail import labels as ids
from sandbox.gmail.mailbox import Mailbox, Message
from sandbox.gmail.search import read_query
from sandbox.google.api import ApiCall
from sandbox.google.errors import GoogleError, forbidden, invalid_argument

DEFAULT_PAGE = 100
LARGEST_PAGE = 500
ESTIMATE_LIMIT = 200
"""Above it the live service does not count any more and says 201."""


class Listing:
    """The messages a list call is about, the newest first.

    Args:
        call: ``messages.list`` or ``threads.list``.
        mailbox: Whose messages.
        now: Seconds since the epoch, for searches by age.
        may_search: Whether the token's scopes allow ``q``.

    Raises:
        GoogleError: The scope allows no search, or a label does not exist.
    """

    def __init__(self, call: ApiCall, mailbox: Mailbox, now: float, *, may_search: bool) -> None:
        text = call.text("q")
        if text and not may_search:
            raise forbidden("Metadata scope does not support 'q' parameter")
        self._mailbox = mailbox
        self._labels = frozenset(call.texts("labelIds"))
        for label in self._labels:
            if label not in mailbox.labels:
                raise invalid_argument(f"Invalid label: {label}")
        self._query = read_query(text, mailbox, now)
        shown = call.flag("includeSpamTrash") or self._query.shows_hidden
        hidden = frozenset() if shown else frozenset({ids.SPAM, ids.TRASH})
        self._hidden = hidden - self._labels
        self.binding = "\0".join(
            [mailbox.address, text, *sorted(self._labels), str(call.flag("includeSpamTrash"))]
        )
        """Everything that decides what is listed; page tokens are bound to it."""
        self.limit = page_limit(call)

    def matches(self, message: Message) -> bool:
        """Whether a message belongs into the list."""
        has = set(message.labels)
        return (
            self._labels <= has
            and not self._hidden & has
            and (ids.CHAT not in has or ids.CHAT in self._labels)
            and self._query.test(message)
        )

    def messages(self, before: tuple[int, int] | None = None) -> Iterator[Message]:
        """The messages from a place on."""
        return filter(self.matches, self._mailbox.newest_first(before))


def page_limit(call: ApiCall) -> int:
    """``maxResults``: 100 by default, and never more than 500 whatever is asked."""
    return min(call.number("maxResults", 0) or DEFAULT_PAGE, LARGEST_PAGE)


def estimate(total: int) -> int:
    """``resultSizeEstimate`` of a list with so many entries."""
    return total if total <= ESTIMATE_LIMIT else ESTIMATE_LIMIT + 1


def encode_key(key: tuple[int, int]) -> bytes:
    """A list position as bytes."""
    return key[0].to_bytes(8, "big") + key[1].to_bytes(8, "big")


def decode_key(raw: bytes) -> tuple[int, int] | None:
    """The inverse of :func:`encode_key`; None for the start.

    Raises:
        GoogleError: 400: it is a position of something else.
    """
    if not raw:
        return None
    if len(raw) != 16:
        raise GoogleError(
            400, "Invalid pageToken", "invalidArgument", location=("parameter", "pageToken")
        )
    return int.from_bytes(raw[:8], "big"), int.from_bytes(raw[8:], "big")
