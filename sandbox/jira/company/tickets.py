"""The tickets that Slack and the mails refer to, told whole.

Their facts come from :mod:`sandbox.story` and stand in the text as ``<<0>>``, ``<<1>>`` ...; the rest
is this module's own wording.
"""

# ruff: noqa: E501  (a paragraph is one line of its ticket)

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.jira.catalogue import (
    AMOUNT,
    CONTACT,
    DETECTED,
    IMPACT,
    INFORMED,
    ORGANIZATIONS,
    POST_MORTEM,
    REGION,
    REQUEST_TYPE,
    REVIEWERS,
    SERVICES,
    SEVERITY,
    STORY_POINTS,
    TOLD,
)
from sandbox.story import TICKETS, Ticket

FACTS = {ticket.key: ticket for ticket in TICKETS}


@dataclass(frozen=True, slots=True)
class Remark:
    """A comment: who, how many hours after the beginning, what, and to whom."""

    who: str
    hours: float
    text: str
    role: int | None = None
    public: bool = True


@dataclass(frozen=True, slots=True)
class TicketPlan:
    """A ticket with fixed content.

    Attributes:
        key: Its key.
        type: Issue type.
        days_ago: When it was opened, in days before the end of the history.
        hour: Hour of the day.
        reporter: ``department`` or ``department.n``: the n-th of its people.
        assignee: The same.
        description: In the language of :mod:`sandbox.jira.adf`.
        remarks: Comments.
        files: Names of :data:`sandbox.jira.company.files.FILES`.
        slack: Channel with the talk about it.
        mail: Subject of the mails about it.
        links: Other tickets with the kind of link.
        values: Custom fields.
        steps: Statuses it went through, each with the hours since the beginning.
        component: Component of its project.
        priority: By name.
        labels: Words.
        security: Security level.
        summary: Where no story gives it.
    """

    key: str
    type: str
    days_ago: float
    hour: float
    reporter: str
    assignee: str
    description: str
    remarks: tuple[Remark, ...] = ()
    files: tuple[str, ...] = ()
    slack: str = ""
    mail: str = ""
    links: tuple[tuple[str, str], ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[tuple[str, float], ...] = ()
    component: str = ""
    priority: str = "Medium"
    labels: tuple[str, ...] = ()
    security: str = ""
    summary: str = ""

    @property
    def story(self) -> Ticket | None:
        """What Slack and mail know of it."""
        return FACTS.get(self.key)

    def told(self, text: str) -> str:
        """A text with the story's facts in it."""
        story = self.story
        for number, fact in enumerate(story.facts if story else ()):
            text = text.replace(f"<<{number}>>", fact)
        return text


PLANS = (
    TicketPlan(
        "PAY-482",
        "Incident",
        5.2,
        12.3,
        "payments",
        "payments.1",
        """
!warning Customer impact: checkout showed "payment could not be completed" for 42 minutes.

# What happened

<<0>> The fraud check kept a connection open while it waited for the external provider, which took nine seconds that day.

| Time | What | Who |
| 12:07 | p99 of payment-service goes from 300 ms to 12 s | alert |
| 12:15 | all connections in use, booking-api retries every timeout | @payments |
| 12:31 | pool raised by hand, `payments.retry_storm_guard` on | @payments |
| 12:49 | error rate back to normal | |

!!payment-pool.log

# What we change

1. The fraud check gets a pool of its own
2. booking-api retries at most three times
3. An alert before the pool is dry

```python
POOL_SIZE = int(os.environ.get("PAYMENT_POOL_SIZE", "40"))
ACQUIRE_TIMEOUT_SECONDS = 2.0
```
""",
        (
            Remark(
                "platform",
                0.4,
                "Database looks fine from our side. `max_connections` is 400, so there is room. CPU is idle.",
            ),
            Remark(
                "payments.1",
                0.8,
                "**Cause found:** the fraud check calls the external provider inside a transaction. Nine seconds each, twenty connections, that is all of them.",
            ),
            Remark(
                "payments.1",
                26.0,
                "<<1>> The 60 we set by hand during the incident are gone again.",
            ),
            Remark("support", 27.5, "Do we have to refund anybody?"),
            Remark(
                "payments",
                28.0,
                "No. 212 payments were queued and went through after the fix; none was taken twice. The passengers of {PAY-497} are another matter.",
            ),
            Remark(
                "payments",
                50.0,
                "Post-mortem is attached.\n<> Finance takes the credit notes, up to 15,000 euros.",
            ),
        ),
        files=("post-mortem-PAY-482.pdf", "payment-pool.log"),
        slack="incidents",
        mail="Post-mortem of the payment outage",
        links=(("PLAT-207", "Relates"),),
        values={
            SEVERITY: "SEV-1",
            SERVICES: ("payment-service", "booking-api"),
            DETECTED: 0.0,
            IMPACT: "Checkout failed for **42 minutes** on all routes.",
            POST_MORTEM: "https://wiki.harbourline.example/postmortems/payment-timeouts",
            REVIEWERS: ("platform", "payments.2"),
            INFORMED: ("support-team", "leadership-team"),
            TOLD: "Yes",
            STORY_POINTS: 5.0,
        },
        steps=(("In Progress", 0.1), ("In Review", 25.0), ("Done", 51.0)),
        component="payment-service",
        priority="Highest",
        labels=("incident", "post-mortem"),
    ),
    TicketPlan(
        "PAY-497",
        "Bug",
        7.7,
        10.6,
        "support",
        "payments.2",
        """
Since Monday some passengers of Northsound are charged twice for one crossing, and get two tickets.

# Cause

<<0>> We issued a ticket for each confirmation.

# Fix

<<1>> A second confirmation of the same payment is answered and ignored.

[x] idempotency key per booking
[x] refund what was taken twice
[ ] ask the terminal's vendor why it repeats itself
""",
        (
            Remark(
                "support",
                1.0,
                "Example: booking HB482913, Ullapool - Stornoway. Northsound wrote to us by mail as well.",
            ),
            Remark(
                "payments.2",
                5.0,
                "Reproduced with the terminal simulator: two confirmations within 300 milliseconds, the same `payment_id`.",
            ),
            Remark("finance", 30.0, "<<2>> The list is attached."),
            Remark("support", 54.0, "No new cases since then. Northsound says thank you :tada:"),
        ),
        files=("northsound-refunds.csv",),
        slack="ext-northsound",
        mail="Passengers charged twice at Northsound",
        links=(("PAY-482", "Relates"),),
        values={
            SEVERITY: "SEV-2",
            SERVICES: ("payment-service",),
            REGION: ("Scotland", "Ullapool"),
            AMOUNT: 18490.4,
            TOLD: "Yes",
            STORY_POINTS: 3.0,
        },
        steps=(("In Progress", 2.0), ("In Review", 20.0), ("Done", 55.0)),
        component="refunds",
        priority="High",
        labels=("northsound", "double-charge"),
    ),
    TicketPlan(
        "PLAT-207",
        "Task",
        17.6,
        11.2,
        "platform",
        "platform.1",
        """
Security asks for it and the auditor checks it: no production API key of a partner lives longer than 90 days.

# How

<<0>>

1. `keyring rotate --env production --partner <id>` makes the new key and keeps the old one alive for 24 hours
2. tell the partner; they find the new key in their portal
3. `keyring retire --partner <id>` the day after

!tip Never paste a key into a ticket, not even an old one.
""",
        (
            Remark(
                "platform.1",
                20.0,
                "Fjordlink and Cabo Sul are rotated. Next ones are due {2026-12-01}.",
            ),
            Remark("it", 22.0, "Reminder for the whole list is in the calendar. {on track:green}"),
        ),
        slack="platform",
        values={SERVICES: ("keyring",), STORY_POINTS: 2.0},
        steps=(("In Progress", 4.0),),
        component="keyring",
        priority="High",
        labels=("security", "recurring"),
    ),
    TicketPlan(
        "DATA-118",
        "Story",
        33.1,
        10.4,
        "data",
        "data",
        """
Ports send up to 4,000 changes a minute in storms. The timetable import reads them from HTTP today and falls over.

# Options

| Option | For | Against |
| Kafka | replay | nobody runs it, one topic does not justify a cluster |
| RabbitMQ | we run it since two years | replay has to come from the raw files |

<> <<0>>

We look at it again if a second consumer appears.
""",
        (
            Remark(
                "platform",
                3.0,
                "Quorum queues survived the last zone outage. 4,000 a minute is nothing for them.",
            ),
            Remark(
                "data",
                30.0,
                "Decided in #architecture. Replay comes from the raw files in the bucket.",
            ),
        ),
        slack="architecture",
        values={SERVICES: ("timetable-import",)},
        steps=(("In Progress", 6.0), ("Done", 400.0)),
        component="timetable import",
        labels=("architecture", "decision"),
    ),
    TicketPlan(
        "SEC-31",
        "Incident",
        12.4,
        9.1,
        "platform.1",
        "platform",
        """
!error Do not talk about this outside the security team before the report is out.

<<0>>

* Found while looking for something else in the log search
* 1,204 records, nobody outside the company had access
""",
        (
            Remark(
                "platform",
                5.0,
                "Debug level is off everywhere, and the importer masks document numbers now.",
            ),
            Remark(
                "leadership",
                30.0,
                "<<1>> Passengers need not be told: the logs never left our systems.",
            ),
        ),
        values={SEVERITY: "SEV-1", SERVICES: ("booking-api",), TOLD: "Not needed"},
        steps=(("In Progress", 0.5), ("Done", 60.0)),
        component="incidents",
        priority="Highest",
        security="Security team",
    ),
    TicketPlan(
        "SUP-340",
        "Service Request",
        7.8,
        9.2,
        "customer",
        "support",
        """
Good morning, since Monday some of our passengers are charged twice for one crossing. Can you please look at HB482913?
""",
        (
            Remark(
                "support",
                0.5,
                "Thank you for telling us. We opened PAY-497 and come back to you today.",
            ),
            Remark(
                "support",
                0.6,
                "Internal: payments has it, see {PAY-497}. Do not promise a date.",
                public=False,
            ),
            Remark(
                "support",
                56.0,
                "The refunds of all 214 bookings went out. We are sorry for the trouble.",
            ),
        ),
        mail="Passengers charged twice at Northsound",
        links=(("PAY-497", "Problem/Incident"),),
        values={
            REQUEST_TYPE: "Report a problem",
            ORGANIZATIONS: ("Northsound Ferries",),
            CONTACT: "customer.1",
        },
        steps=(("Waiting for customer", 1.0), ("Resolved", 57.0)),
        component="Tickets",
        priority="High",
        summary="Passengers charged twice at Northsound",
    ),
)


@dataclass(frozen=True, slots=True)
class DemoQuestion:
    """A question a person may ask the search, and where the answer is.

    Attributes:
        question: As somebody would type it.
        issue: Key of the issue with the answer.
        answer: Words the issue's description or comments contain.
        access: ``everybody`` who works there, or ``members`` of the project or level.
    """

    question: str
    issue: str
    answer: str
    access: str = "everybody"


DEMO_QUESTIONS = (
    DemoQuestion(
        "How many connections did the payment pool get after the outage?",
        "PAY-482",
        "Fixed by 40 connections",
    ),
    DemoQuestion(
        "Why were Northsound passengers charged twice?",
        "PAY-497",
        "confirmed the payment twice within 300 milliseconds",
    ),
    DemoQuestion("How many Northsound bookings were refunded?", "PAY-497", "214 bookings"),
    DemoQuestion(
        "How often do we rotate production API keys?", "PLAT-207", "no production API key"
    ),
    DemoQuestion(
        "Why RabbitMQ and not Kafka for the timetable import?",
        "DATA-118",
        "ports send bursts, not streams",
        access="members",
    ),
    DemoQuestion(
        "Were passport numbers in our logs?",
        "SEC-31",
        "logged whole passenger records",
        access="members",
    ),
)
