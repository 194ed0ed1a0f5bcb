"""What a test can turn on to make the sandbox behave like Jira on a worse day."""

from dataclasses import asdict, dataclass, fields
from typing import Any

WEEK = 7 * 86_400


@dataclass(slots=True)
class Switches:
    """Behaviours that are off until asked for; may be changed while serving.

    Attributes:
        index_lag: Seconds the search index is behind the database.
        short_pages: Pages hold about half of what was asked for although more follows.
        empty_pages: Between two pages of ``search/jql`` comes one with no issues and a token.
        duplicate_items: The last issue of a page comes again as the first of the next.
        repeat_page_token: The second page of ``search/jql`` names its own token as the next one,
            for ever.
        ignore_start_at: Listings by numbers give their first page whatever ``startAt`` says.
        embedded_comments: How many comments an issue carries itself on Cloud; more are counted in
            ``total`` and read from ``issue/{id}/comment``. Jira does not say how many it sends.
        page_token_seconds: How long a ``nextPageToken`` is good for.
        truncate_bulkfetch_above: ``issue/bulkfetch`` of more issues than this gives JSON that
            breaks off, as it was seen to with huge batches; None for never.
        burst_per_second: Requests a second and endpoint that Cloud takes; None for any number.
        points_per_hour: Cloud's quota: one point a request and one for each object in the answer;
            None for no quota.
        bucket_size: Data Center's limit: tokens a person's bucket holds; None for no limit.
        bucket_fill: Tokens that come back each interval.
        bucket_interval: Seconds of an interval.
    """

    index_lag: float = 0.0
    short_pages: bool = False
    empty_pages: bool = False
    duplicate_items: bool = False
    repeat_page_token: bool = False
    ignore_start_at: bool = False
    embedded_comments: int = 20
    page_token_seconds: float = WEEK
    truncate_bulkfetch_above: int | None = None
    burst_per_second: int | None = None
    points_per_hour: int | None = None
    bucket_size: int | None = None
    bucket_fill: int = 5
    bucket_interval: float = 1.0

    def set(self, **values: Any) -> dict[str, Any]:
        """Change some switches and return all of them.

        Raises:
            ValueError: No such switch.
        """
        known = {item.name for item in fields(self)}
        if unknown := sorted(set(values) - known):
            raise ValueError(f"no switches {unknown}; there are {sorted(known)}")
        for name, value in values.items():
            setattr(self, name, value)
        return asdict(self)
