"""What a test can turn on to make the sandbox behave like Slack on a worse day."""

from dataclasses import asdict, dataclass, fields
from typing import Any

LIMITED_MODE_OBJECTS = 15
FREE_PLAN_DAYS = 90


@dataclass(slots=True)
class Switches:
    """Behaviours that are off until asked for; may be changed while serving.

    Attributes:
        rate_limit_scale: None enforces no limits. 1.0 enforces Slack's tiers (requests a minute
            per method and app); 60.0 lets a minute pass in a second, so tier 3 is 50 a second.
        limited_mode: The rules of 29 May 2025 for distributed apps outside the Marketplace:
            ``conversations.history`` and ``.replies`` give at most 15 objects and take one request
            a minute.
        limited_mode_scale: As ``rate_limit_scale``, for limited mode's minute.
        free_plan: Messages and files older than ``free_plan_days`` are hidden; where there are
            such, ``conversations.history`` says ``is_limited``.
        free_plan_days: How far back a free workspace sees.
        short_pages: Pages hold about half of what was asked for although more follows.
        empty_pages: Between two pages comes one with no items and a ``next_cursor``.
        duplicate_items: The last item of a page comes again as the first of the next.
        repeat_page_token: The second page names its own cursor as the next one, for ever.
        filter_after_paging: ``limit`` counts conversations before ``types`` and
            ``exclude_archived`` are applied, as large workspaces are seen to do
            (slackapi/python-slack-sdk#1494), so pages come up short or empty.
    """

    rate_limit_scale: float | None = None
    limited_mode: bool = False
    limited_mode_scale: float = 1.0
    free_plan: bool = False
    free_plan_days: int = FREE_PLAN_DAYS
    short_pages: bool = False
    empty_pages: bool = False
    duplicate_items: bool = False
    repeat_page_token: bool = False
    filter_after_paging: bool = False

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
