"""Page tokens, and the mischief a page can be up to.

A token is a decimal number, as Gmail's are seen to be. It holds the key of the last item served and
a checksum over the query, so a page begins at the next item there is, whatever was deleted
meanwhile, and a token of another query is refused.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Generic, Protocol, TypeVar

from sandbox.google.errors import GoogleError

T = TypeVar("T")

_CHECK_BYTES = 6
_FIRST_BYTE = b"\x01"
_SECRET = secrets.token_bytes(16)
_PLAIN, _EMPTY_SERVED = 0, 1


class PageSwitches(Protocol):
    """The part of a vendor's switches that pages look at.

    Attributes:
        short_pages: Pages hold about half of what was asked for although more follows.
        empty_pages: Between two pages comes one with no items and a ``nextPageToken``.
        duplicate_items: The last item of a page comes again as the first of the next.
        repeat_page_token: The second page names its own token as the next one, for ever.
    """

    short_pages: bool
    empty_pages: bool
    duplicate_items: bool
    repeat_page_token: bool


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page begins: after the item with this key.

    Attributes:
        key: Of the last item served; empty at the start.
        empty_served: Whether the empty page before this one has been served.
    """

    key: bytes = b""
    empty_served: bool = False


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a listing.

    Attributes:
        items: What goes into the answer.
        next_token: Of the next page; empty on the last one.
    """

    items: Sequence[T]
    next_token: str


def encode_token(position: Position, query: str) -> str:
    """The token of a place in the listing of a query."""
    flag = _EMPTY_SERVED if position.empty_served else _PLAIN
    plain = bytes([flag]) + position.key
    return f"{int.from_bytes(_FIRST_BYTE + plain + _check(plain, query), 'big'):020d}"


def decode_token(token: str, query: str) -> Position:
    """The place a token names.

    Args:
        token: As the client sent it; empty for the first page.
        query: Everything that decides which items are listed, and for whom.

    Raises:
        GoogleError: 400: not a token of this query.
    """
    if not token:
        return Position()
    refusal = GoogleError(
        400, "Invalid pageToken", "invalidArgument", location=("parameter", "pageToken")
    )
    if not (token.isascii() and token.isdigit()) or len(token) > 400:
        raise refusal
    number = int(token)
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    plain, check = raw[1:-_CHECK_BYTES], raw[-_CHECK_BYTES:]
    if raw[:1] != _FIRST_BYTE or not plain or check != _check(plain, query):
        raise refusal
    return Position(plain[1:], plain[0] == _EMPTY_SERVED)


def cut_page(
    items: Sequence[tuple[bytes, T]],
    limit: int,
    *,
    position: Position,
    query: str,
    token: str,
    switches: PageSwitches,
) -> Page[T]:
    """Cut one page off what remains.

    Args:
        items: Keys and items from the page's start to the end of the listing, or at least
            ``limit + 1`` of them.
        limit: Most items to send.
        position: Where the page begins.
        query: As for :func:`decode_token`.
        token: The page's own token.
        switches: Which mischief is on.
    """
    if switches.empty_pages and items and position.key and not position.empty_served:
        return Page((), encode_token(Position(position.key, empty_served=True), query))
    if switches.short_pages:
        limit = (limit + 1) // 2
    page = [item for _, item in items[:limit]]
    if len(items) <= limit:
        return Page(page, "")
    if switches.repeat_page_token and token:
        return Page(page, token)
    # A page of one cannot repeat its item and still get anywhere.
    last = limit - 2 if switches.duplicate_items and limit > 1 else limit - 1
    return Page(page, encode_token(Position(items[last][0]), query))


def _check(plain: bytes, query: str) -> bytes:
    return blake2b(plain + b"\0" + query.encode(), digest_size=_CHECK_BYTES, key=_SECRET).digest()
