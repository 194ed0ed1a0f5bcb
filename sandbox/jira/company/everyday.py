"""What the company's tickets are about from day to day.

``$name`` is a word of the company's vocabulary, the same all through the ticket; ``{x|y}`` is one of
these; ``@a`` and ``@b`` are people of the project.
"""

# ruff: noqa: E501  (a paragraph is one line of its ticket)

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from random import Random

from sandbox.slack.company.vocabulary import VOCABULARY

_CHOICE = re.compile(r"\{([^{}]*\|[^{}]*)\}")
_SLOT = re.compile(r"\$([a-z]+)(\d?)")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A kind of ticket.

    Attributes:
        type: Issue type.
        summary: Its title.
        description: In the language of :mod:`sandbox.jira.adf`.
        remarks: Comments, in order; a ticket has the first few of them.
    """

    type: str
    summary: str
    description: str
    remarks: tuple[str, ...]


_TALK = (
    "{Looking into it|I take this one}.",
    "{Reproduced|Seen it too} on staging, {version|build} `$commit`.",
    "@b can you have a look? I am {out from $weekday|in $city this week}.",
    "Blocked by the $component; asked the $team team.",
    "{PR|Pull request} $pr is up, {small|mostly tests}.",
    "Deployed at $time. {Watching it|Graphs look good} :white_check_mark:",
    "Done. {Closing|Thanks @a}.",
)

PATTERNS: dict[str, tuple[Pattern, ...]] = {
    "PAY": (
        Pattern(
            "Bug",
            "$service answers $error when a card expires",
            "**Seen** {$count times|by $customer} since $weekday.\n\n1. pay with a card that expires this month\n2. wait $ms\n\n```\n$service: $error after $ms\n```\n\nExpected: the passenger is asked for another card.",
            _TALK,
        ),
        Pattern(
            "Story",
            "Refund part of a booking for $customer",
            "As support I want to refund single passengers of $booking, so that a family need not rebook.\n\n* amount up to $money\n* mail to the passenger\n* entry in the ledger",
            _TALK,
        ),
        Pattern(
            "Task",
            "Raise the retry budget of $service",
            "p99 is $ms, $pct of calls are repeated. The $component should {wait|back off} longer.\n\n> No change before the release of $weekday.",
            _TALK,
        ),
        Pattern(
            "Task",
            "Reconcile payouts of $customer",
            "$count payouts differ from the ledger by $money in all.\n\n[ ] export both lists\n[ ] find the first difference\n[x] tell finance",
            _TALK,
        ),
        Pattern(
            "Bug",
            "Voucher is not taken off the price on $route",
            "The price shows $money, the card is charged the full fare. Voucher service says `$error`.",
            _TALK,
        ),
    ),
    "PLAT": (
        Pattern(
            "Task",
            "Upgrade $library on all clusters",
            "Ours is end of life. {Two|Three} clusters, one after the other, staging first.\n\n| cluster | done |\n| staging | {yes|no} |\n| production | no |",
            _TALK,
        ),
        Pattern(
            "Bug",
            "$service pods restart under load",
            "Memory climbs for $minutes minutes, then the pod is killed. Began with `$commit`.\n\n```\nOOMKilled $service ($pct over limit)\n```",
            _TALK,
        ),
        Pattern(
            "Story",
            "Alerts for $service go to the team that owns it",
            "Today they all come to us. The $team team wants its own {rota|channel}.",
            _TALK,
        ),
        Pattern(
            "Task",
            "Shorten the build of $service",
            "The build takes $minutes minutes, of which the $component alone is $pct.",
            _TALK,
        ),
    ),
    "WEB": (
        Pattern(
            "Bug",
            "$component is off by one on $route",
            "On small screens the $component shows {deck 2|the wrong cabin}. Reported by $customer, case $case.",
            _TALK,
        ),
        Pattern(
            "Story",
            "$feature for $customer",
            "As a passenger I want $feature, so that I need not {call support|queue at the pier}.\n\n# Acceptance\n\n* works on {phones|tablets} too\n* {Portuguese and English|all four languages}\n* measured: at least $pct use it",
            _TALK,
        ),
        Pattern(
            "Task",
            "Replace $library in the checkout",
            "It is $count versions behind and the bundle is $pct bigger than it need be.",
            _TALK,
        ),
        Pattern(
            "Bug",
            'Checkout hangs after "$error"',
            "{Firefox|Safari} only. Time on the page: $ms. _Cannot be reproduced_ with an empty basket.",
            _TALK,
        ),
        Pattern(
            "Story",
            "Show the weather on $route",
            "Design is ready. `$service` has the data.\n\n!info Behind a feature flag, off for $customer.",
            _TALK,
        ),
    ),
    "DATA": (
        Pattern(
            "Bug",
            "Timetable of $route misses sailings on $weekday",
            "The import of $time dropped $count rows: `$error`. Port feed is fine.",
            _TALK,
        ),
        Pattern(
            "Task",
            "Weekly report of bookings for $customer",
            "Columns: week, route, bookings, revenue ($money last week).\n\n* as CSV\n* every $weekday at $time",
            _TALK,
        ),
        Pattern(
            "Story",
            "Load $service events into the warehouse",
            "Needed by {finance|product} for the forecast. About $count thousand a day.",
            _TALK,
        ),
    ),
    "SUP": (
        Pattern(
            "Service Request",
            "$customer: no tickets after payment of $booking",
            "Hello, our passenger has paid $money and has no ticket. Case $case.\n\nRoute: $route",
            (
                "Thank you, we are looking into it.",
                "Payment is there, the ticket was not sent. It is on its way now.",
                "Customer is happy, closing.",
            ),
        ),
        Pattern(
            "Service Request",
            "$customer wants to change the name on $booking",
            "The name on the ticket is misspelt. Sailing is on $weekday.",
            ("Changed. The old ticket is void.", "Customer confirms."),
        ),
        Pattern(
            "Service Request",
            "Invoice for $customer, $city office",
            "Please send the invoice of last month again, $money.",
            ("Sent at $time.", "Received, thank you."),
        ),
    ),
    "SEC": (
        Pattern(
            "Task",
            "Audit: who may deploy $service",
            "$count accounts, $pct of them of people in other teams.",
            ("List is ready.", "Removed the rest."),
        ),
        Pattern(
            "Bug",
            "$service tells too much in its error page",
            "A stack trace with `$error` is shown to passengers.",
            ("Masked since $time.", "Verified."),
        ),
    ),
}
"""Kinds of tickets by project."""

EPICS: dict[str, tuple[str, ...]] = {
    "PAY": ("Payments that survive a slow provider", "One ledger for all ports"),
    "PLAT": ("Nobody is woken for nothing",),
    "WEB": ("Checkout in three steps", "Boarding passes offline"),
    "DATA": ("Timetables within a minute",),
}


class Words:
    """The words of one ticket: a slot means the same all through it."""

    def __init__(self, random: Random, people: Mapping[str, str]) -> None:
        self._random = random
        self._people = people
        self._chosen: dict[str, str] = {}

    def fill(self, text: str) -> str:
        """A text with its slots, choices and people filled in."""
        text = _CHOICE.sub(lambda match: self._random.choice(match[1].split("|")), text)
        text = _SLOT.sub(lambda match: self._word(match[1], match[0]), text)
        for role, name in self._people.items():
            text = re.sub(rf"(?<!\w)@{role}\b", f"@{name}", text)
        return text

    def _word(self, kind: str, slot: str) -> str:
        if slot not in self._chosen:
            # The vocabulary is written for Slack, where & is escaped.
            self._chosen[slot] = unescape(VOCABULARY[kind](self._random))
        return self._chosen[slot]
