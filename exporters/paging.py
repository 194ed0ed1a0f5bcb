"""Listings that come in pages, and the ones that never end."""

from exporters.errors import TransientError


class PageTokens:
    """Follows the page tokens of one listing, and notices when they go round in a circle.

    However long the circle is, one token is kept: it is compared with the next 1, 2, 4, 8 ... ones
    and then replaced (Brent, "An improved Monte Carlo factorization algorithm", 1980, section 2).

    Args:
        service: What a person calls the service.
        request: What is listed, for the sentence.
        first: The token that the listing is resumed with; None where it begins.
    """

    def __init__(self, service: str, request: str, first: str | None = None) -> None:
        self._service = service
        self._request = request
        self._kept = first
        self._compared = 0
        self._until = 1

    def following(self, token: str) -> str:
        """The next page's token, as it was given.

        Raises:
            TransientError: Its page was there before.
        """
        if token == self._kept:
            service, method = self._service, self._request
            raise TransientError(
                f"{service} answers {method} with the same page again and again.",
                hint="A fault on their side: run again later. Nothing of this listing was taken "
                "for deleted.",
            )
        self._compared += 1
        if self._compared >= self._until:
            self._kept, self._compared = token, 0
            self._until *= 2
        return token
