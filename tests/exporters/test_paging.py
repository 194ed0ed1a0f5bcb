"""Listings that never end are noticed, long ones are not taken for them."""

from itertools import cycle, islice

import pytest

from exporters.errors import TransientError
from exporters.paging import PageTokens


@pytest.mark.parametrize("length", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("before", [0, 1, 5])
def test_a_circle_of_any_length_is_noticed_soon(length: int, before: int) -> None:
    circle = islice(cycle(f"c{n}" for n in range(length)), 4 * (length + before) + 4)
    tokens = PageTokens("Slack", "users.list")
    listing = map(tokens.following, [*(f"b{n}" for n in range(before)), *circle])
    with pytest.raises(TransientError, match=r"Slack answers users\.list with the same page again"):
        list(listing)


def test_a_listing_that_is_resumed_is_noticed_at_its_first_page() -> None:
    with pytest.raises(TransientError):
        PageTokens("Jira", "a search", "t1").following("t1")


def test_a_long_listing_goes_on() -> None:
    tokens = PageTokens("Gmail", "messages.list")
    assert [tokens.following(str(n)) for n in range(10_000)] == [str(n) for n in range(10_000)]
