"""Cursors and pages.

A cursor is what Slack's are: base64 of a kind and a key (``next_ts:1512085861000543``,
``user:U061NFTT2``). It names the first item of the next page, so deleting that item or adding
others before it does no harm: the page begins at the next item there is.
"""

import base64
import binascii
from dataclasses import dataclass

from sandbox.slack.errors import SlackError
from sandbox.slack.switches import Switches

_EMPTY_SERVED = "empty"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins.

    Attributes:
        key: Id or ts of its first item.
        marker: Set once the empty page before this one has been served.
    """

    key: str
    marker: str = ""

    def encode(self, kind: str) -> str:
        """The opaque text a client sees."""
        marker = f";{self.marker}" if self.marker else ""
        return base64.b64encode(f"{kind}:{self.key}{marker}".encode()).decode()


def decode_cursor(text: str, kind: str) -> Cursor | None:
    """Read a client's ``cursor`` argument; empty means the first page.

    Raises:
        SlackError: ``invalid_cursor``: not made by this method.
    """
    if not text:
        return None
    try:
        decoded = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise SlackError("invalid_cursor") from error
    prefix = f"{kind}:"
    if not decoded.startswith(prefix) or decoded == prefix:
        raise SlackError("invalid_cursor")
    key, _, marker = decoded.removeprefix(prefix).partition(";")
    return Cursor(key, marker)


@dataclass(frozen=True, slots=True)
class Cut:
    """How much of what remains goes into this page.

    Attributes:
        take: Items to send.
        advance: How far the next page begins from this one's start; None on the last page.
        marker: For the next cursor.
    """

    take: int
    advance: int | None
    marker: str = ""


def cut_page(remaining: int, limit: int, cursor: Cursor | None, switches: Switches) -> Cut:
    """Decide the size of a page.

    Args:
        remaining: Items from the page's start to the end of the listing.
        limit: Most items to send.
        cursor: The cursor the page was asked with.
        switches: Which paging mischief is on.
    """
    if switches.empty_pages and remaining and cursor and cursor.marker != _EMPTY_SERVED:
        return Cut(0, 0, _EMPTY_SERVED)
    if switches.short_pages:
        limit = (limit + 1) // 2
    take = min(limit, remaining)
    if take == remaining:
        return Cut(take, None)
    if switches.repeat_page_token and cursor:
        return Cut(take, 0, cursor.marker)
    # A page of one cannot repeat its item and still get anywhere.
    repeats = switches.duplicate_items and take > 1
    return Cut(take, take - 1 if repeats else take)
