"""What a test can turn on to make the sandbox behave like Gmail on a worse day."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from sandbox.gmail.payload import INLINE_LIMIT

NEW_USER_UNITS = 6_000
"""Quota units a minute and user, for projects created since May 2026."""

NEW_PROJECT_UNITS = 1_200_000
"""Quota units a minute and project, for projects created since May 2026."""


@dataclass(slots=True)
class Switches:
    """Behaviours that are off until asked for; may be changed while serving.

    Attributes:
        user_units: Quota units a minute for each user; None enforces none. Google's figure for new
            projects is 6,000. Above it: 403 ``userRateLimitExceeded``.
        project_units: Quota units a minute for all users together; None enforces none. Google's
            figure is 1,200,000. Above it: 429 ``rateLimitExceeded``.
        quota_scale: How many times faster than the clock on the wall a minute of quota passes.
        old_costs: Charge ``messages.get`` and ``threads.get`` as for projects from before
            May 2026: 5 and 10 units instead of 20 and 40.
        short_pages: Pages hold about half of what was asked for although more follows.
        empty_pages: Between two pages comes one with no items and a ``nextPageToken``.
        duplicate_items: The last item of a page comes again as the first of the next.
        repeat_page_token: The second page names its own token as the next one, for ever.
        batch_in_order: Answers of a batch come in the order of its calls. Gmail promises none, so
            by default they are shuffled.
        inline_limit: Largest text, in bytes, that a message carries itself; larger ones have an
            ``attachmentId``.
    """

    user_units: int | None = None
    project_units: int | None = None
    quota_scale: float = 1.0
    old_costs: bool = False
    short_pages: bool = False
    empty_pages: bool = False
    duplicate_items: bool = False
    repeat_page_token: bool = False
    batch_in_order: bool = False
    inline_limit: int = INLINE_LIMIT

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
