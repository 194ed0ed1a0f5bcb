"""What the invented company's Slack, mail and tickets tell together.

The demo's searches cross sources, so the sandboxes of the sources have to speak of the same
things: a customer's mail names a ticket, the ticket names the incident that Slack talked about.
What is said in more than one of them is here; each sandbox words the rest in its own way.
"""

from dataclasses import dataclass

COMPANY_DOMAIN = "harbourline.example"
CUSTOMER_DOMAIN = "northsound.example"


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket that Slack or a mail refers to.

    Attributes:
        key: As people write it.
        summary: Its title.
        facts: Sentences that belong in its description or its comments.
        restricted: Whether only the security team may see it.
    """

    key: str
    summary: str
    facts: tuple[str, ...]
    restricted: bool = False


@dataclass(frozen=True, slots=True)
class MailThread:
    """A conversation by mail.

    Attributes:
        subject: Of its first mail.
        between: Departments whose heads write and get it; `customer` is somebody outside.
        facts: Sentences that belong in its mails, in order.
        attachment: Name of a file with one of its mails, and a sentence that stands in it.
        confidential: Whether it is in the mailboxes of these people alone.
    """

    subject: str
    between: tuple[str, ...]
    facts: tuple[str, ...]
    attachment: tuple[str, str] | None = None
    confidential: bool = False


TICKETS = (
    Ticket(
        "PAY-482",
        "payment-service times out when the connection pool is exhausted",
        (
            "The pool of payment-service held 20 connections; a retry storm took all of them.",
            "Fixed by 40 connections, a wait of at most two seconds, and an alert at 80 percent.",
        ),
    ),
    Ticket(
        "PAY-497",
        "Northsound passengers are charged twice",
        (
            "Northsound's terminal confirmed the payment twice within 300 milliseconds.",
            "payment-service now keeps an idempotency key per booking for 24 hours.",
            "214 bookings were refunded on 12 November.",
        ),
    ),
    Ticket(
        "PLAT-207",
        "Rotate production API keys every 90 days",
        ("Run keyring rotate, wait for the canary, then revoke the old key.",),
    ),
    Ticket(
        "DATA-118",
        "Message queue for the timetable import",
        ("RabbitMQ with quorum queues was chosen over Kafka: ports send bursts, not streams.",),
    ),
    Ticket(
        "SEC-31",
        "Passport numbers readable in debug logs",
        (
            "The booking importer logged whole passenger records at debug level for nine days.",
            "Logs of those days were purged; the data protection officer was told.",
        ),
        restricted=True,
    ),
)

MAIL_THREADS = (
    MailThread(
        "Passengers charged twice at Northsound",
        ("customer", "support", "payments"),
        (
            "Since Monday some of our passengers are charged twice for one crossing.",
            "We opened PAY-497 for this and will come back to you today.",
            "The refunds of all 214 bookings went out; the list is attached.",
        ),
        attachment=(
            "northsound-refunds.xlsx",
            "Refund of booking NS-20441, 86.40 EUR, paid back on 12 November",
        ),
    ),
    MailThread(
        "Post-mortem of the payment outage",
        ("payments", "platform", "support", "leadership"),
        (
            "The post-mortem of PAY-482 is attached. In short: the connection pool ran dry.",
            "Who pays for the credit notes to the ports?",
            "Finance takes them, up to 15,000 euros.",
        ),
        attachment=(
            "post-mortem-PAY-482.pdf",
            "Root cause: a retry storm exhausted the connection pool of payment-service",
        ),
    ),
    MailThread(
        "Quayside: letter of intent",
        ("leadership", "finance"),
        (
            "The letter of intent for Quayside is signed. Please keep this among us.",
            "Price is 3.2 million euros, half of it in shares; due diligence ends on 15 January.",
        ),
        attachment=(
            "quayside-term-sheet.docx",
            "Exclusivity until 31 January; break fee of 90,000 euros",
        ),
        confidential=True,
    ),
)
