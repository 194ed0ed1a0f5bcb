"""Threads every generated company has, whatever its size: what a demo searches for.

Those of :mod:`sandbox.story` are told whole, word by word; the others are this sandbox's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.story import MAIL_THREADS, MailThread


@dataclass(frozen=True, slots=True)
class KnownMail:
    """One mail of a known thread.

    Attributes:
        writer: A department, whose head writes, or ``customer``.
        text: What it says.
        hours: After the mail before.
        files: Names of the attachments and the lines in them; fields of a table are parted by
            semicolons.
    """

    writer: str
    text: str
    hours: float = 20.0
    files: Mapping[str, tuple[str, ...]] | None = None


@dataclass(frozen=True, slots=True)
class KnownThread:
    """A conversation with a fixed content.

    Attributes:
        subject: Of its first mail.
        days_ago: When it began, in days before the end of the mail.
        between: Departments whose heads have it; ``customer`` is somebody outside.
        mails: In order.
    """

    subject: str
    days_ago: float
    between: tuple[str, ...]
    mails: tuple[KnownMail, ...]


@dataclass(frozen=True, slots=True)
class DemoQuestion:
    """A question a person may ask the search, and where the answer is.

    Attributes:
        question: As somebody would type it.
        subject: Of the thread with the answer.
        answer: Words that stand in the answer's mail or file.
        place: ``text``, or the name of the attachment.
        readers: Departments whose heads have the thread in their mailbox; ``all`` for everybody.
    """

    question: str
    subject: str
    answer: str
    place: str
    readers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Telling:
    """How a thread of the story is told: who writes each fact, and the words around it."""

    days_ago: float
    writers: tuple[str, ...]
    around: tuple[tuple[str, str], ...]
    file_with: int
    file_lines: tuple[str, ...]
    then: tuple[KnownMail, ...] = ()


_TELLINGS = {
    "Passengers charged twice at Northsound": _Telling(
        9.4,
        ("customer", "support", "payments"),
        (
            (
                "Hello,\n\n",
                " Two of them sent us their bank statements. Can you have a look today?",
            ),
            ("Thank you for telling us, and I am sorry.\n\n", "\n\nPlease send me the bookings."),
            ("Hello all,\n\n", " Your terminal confirmed each payment twice, and we booked both."),
        ),
        2,
        ("booking;passenger;amount_eur;paid_back_on", "NS-20417;A. Nicolson;41.20;2026-11-12"),
        (
            KnownMail(
                "customer",
                "Thank you, the first passengers have their money. I will tell our desks.",
                5,
            ),
        ),
    ),
    "Post-mortem of the payment outage": _Telling(
        3.2,
        ("payments", "support", "leadership"),
        (
            ("Hi all,\n\n", " Three actions, all with owners and dates."),
            ("Thanks, clear. One open point from our side.\n\n", ""),
            ("", " Please book them under marketing goodwill, and tell the ports this week."),
        ),
        0,
        ("Post-mortem PAY-482: payment-service timeouts", "Duration: 42 minutes"),
        (
            KnownMail(
                "platform", "The alert at 80 percent of the pool is live since this morning.", 3
            ),
        ),
    ),
    "Quayside: letter of intent": _Telling(
        4.1,
        ("leadership", "finance"),
        (("", "\n\nThe data room opens tomorrow."), ("Noted. For our files:\n\n", "")),
        1,
        ("Quayside: term sheet", "Confidential"),
        (KnownMail("leadership", "Thank you. Let us talk on Thursday, in person.", 2),),
    ),
}
_PLAIN_TELLING = _Telling(6.0, (), (), 0, ())


def _told(thread: MailThread) -> KnownThread:
    """A thread of the story as mails: each fact whole in one of them."""
    telling = _TELLINGS.get(thread.subject, _PLAIN_TELLING)
    writers = telling.writers or thread.between
    mails = []
    for number, fact in enumerate(thread.facts):
        before, after = telling.around[number] if number < len(telling.around) else ("", "")
        files = None
        if thread.attachment is not None and number == telling.file_with:
            name, sentence = thread.attachment
            files = {name: (*telling.file_lines, sentence)}
        writer = writers[number % len(writers)]
        mails.append(KnownMail(writer, f"{before}{fact}{after}", 18.0, files))
    return KnownThread(thread.subject, telling.days_ago, thread.between, (*mails, *telling.then))


_OWN_THREADS = (
    KnownThread(
        "Renewal of the Isla Azul contract",
        16.3,
        ("sales", "finance", "leadership"),
        (
            KnownMail(
                "sales",
                "Isla Azul signed. The contract is renewed until 30 June 2029 at a commission of "
                "4.1 percent, with a review each January. The signed amendment is attached.",
                files={
                    "isla-azul-amendment-3.docx": (
                        "Amendment 3 to the distribution agreement",
                        "Isla Azul Lines may cancel with six months' notice from 2028 on",
                        "The commission is 4.1 percent of the net fare",
                    )
                },
            ),
            KnownMail("finance", "Well done! I will change the forecast from July on.", 3),
        ),
    ),
    KnownThread(
        "What the data centre costs from January",
        21.7,
        ("platform", "finance"),
        (
            KnownMail(
                "platform",
                "Our hoster raises prices. From January the racks cost 4,318.50 euros a month "
                "instead of 3,990. We can leave at the end of March if we say so by 15 December.",
                files={
                    "hosting-offer-2027.pdf": (
                        "Offer 2027-0113",
                        "2 racks with 12 kW each: 4,318.50 EUR a month",
                        "Remote hands: 96 EUR an hour, first hour of each month free",
                    )
                },
            ),
            KnownMail("finance", "Then please stay, moving costs more. What is remote hands?", 6),
            KnownMail("platform", "A technician there who plugs and pulls cables for us.", 1),
        ),
    ),
    KnownThread(
        "The office in Lisbon moves",
        27.5,
        ("leadership", "people", "finance", "it"),
        (
            KnownMail(
                "people",
                "The lease is signed: on 1 March we move to Rua do Alecrim 26, third floor. There "
                "are 74 desks, and a room for bicycles.",
            ),
            KnownMail("it", "The fibre line there takes ten weeks, I order it today.", 4),
            KnownMail("leadership", "Thank you both. Please tell everybody on Monday.", 2),
        ),
    ),
    KnownThread(
        "A passenger wants her data deleted",
        12.6,
        ("support", "leadership", "data"),
        (
            KnownMail(
                "support",
                "A passenger of Fjordlink asks under article 17 to have her data deleted. She "
                "travelled last in May. What do we have to keep?",
            ),
            KnownMail(
                "data",
                "Invoices have to stay for ten years, everything else can go. I deleted her "
                "profile, her passport number and 14 bookings; the protocol is attached.",
                9,
                files={
                    "deletion-protocol.csv": (
                        "table;rows;deleted_at",
                        "passenger_profiles;1;2026-11-16T09:12:44Z",
                        "travel_documents;1;2026-11-16T09:12:44Z",
                        "bookings;14;2026-11-16T09:12:51Z",
                    )
                },
            ),
            KnownMail("support", "I answered her, thank you.", 2),
        ),
    ),
    KnownThread(
        "Certificate of the cyber insurance",
        33.9,
        ("finance", "it"),
        (
            KnownMail(
                "finance",
                "The insurer wants to know by Friday whether all administrators use hardware keys. "
                "The policy is attached, the excess is 25,000 euros.",
                files={
                    "cyber-insurance-policy.pdf": (
                        "Policy CY-88213",
                        "Cover: 2,000,000 EUR per year, excess 25,000 EUR",
                        "Incidents are reported within 72 hours on +351 21 555 0188",
                    )
                },
            ),
            KnownMail("it", "All eleven do since September. I filled in the form.", 5),
        ),
    ),
)

KNOWN_THREADS = (*map(_told, MAIL_THREADS), *_OWN_THREADS)
"""Every one of them is in every company."""

ANNOUNCEMENT_SUBJECT = "Expenses of this month"
ANNOUNCEMENT_TEXT = (
    "Hello everybody,\n\nplease hand in the expenses of this month by the 20th at noon, with the "
    "receipts as PDF. What comes later is paid with next month's salary.\n\nTravel cards: the PIN "
    "letters are at the front desk.\n"
)
"""A mail of the head of finance to everybody."""

DEMO_QUESTIONS = (
    DemoQuestion(
        "How many bookings were refunded to Northsound's passengers?",
        "Passengers charged twice at Northsound",
        "refunds of all 214 bookings",
        "text",
        ("support", "payments"),
    ),
    DemoQuestion(
        "How much was paid back for booking NS-20441?",
        "Passengers charged twice at Northsound",
        "NS-20441, 86.40 EUR",
        "northsound-refunds.xlsx",
        ("support", "payments"),
    ),
    DemoQuestion(
        "Who pays for the credit notes to the ports?",
        "Post-mortem of the payment outage",
        "Finance takes them",
        "text",
        ("payments", "platform", "support", "leadership"),
    ),
    DemoQuestion(
        "What was the root cause of the payment outage?",
        "Post-mortem of the payment outage",
        "retry storm exhausted the connection pool",
        "post-mortem-PAY-482.pdf",
        ("payments", "platform", "support", "leadership"),
    ),
    DemoQuestion(
        "What do we pay for Quayside?",
        "Quayside: letter of intent",
        "3.2 million euros",
        "text",
        ("leadership", "finance"),
    ),
    DemoQuestion(
        "What is the break fee for Quayside?",
        "Quayside: letter of intent",
        "break fee of 90,000 euros",
        "quayside-term-sheet.docx",
        ("leadership", "finance"),
    ),
    DemoQuestion(
        "Until when does the contract with Isla Azul run?",
        "Renewal of the Isla Azul contract",
        "30 June 2029",
        "text",
        ("sales", "finance", "leadership"),
    ),
    DemoQuestion(
        "How can Isla Azul get out of its contract?",
        "Renewal of the Isla Azul contract",
        "six months' notice",
        "isla-azul-amendment-3.docx",
        ("sales", "finance", "leadership"),
    ),
    DemoQuestion(
        "What does the data centre cost per month?",
        "What the data centre costs from January",
        "4,318.50 euros",
        "text",
        ("platform", "finance"),
    ),
    DemoQuestion(
        "Where is the new office in Lisbon?",
        "The office in Lisbon moves",
        "Rua do Alecrim 26",
        "text",
        ("leadership", "people", "finance", "it"),
    ),
    DemoQuestion(
        "Which data do we keep when a passenger wants it deleted?",
        "A passenger wants her data deleted",
        "Invoices have to stay for ten years",
        "text",
        ("support", "leadership", "data"),
    ),
    DemoQuestion(
        "Whom do we call after a cyber incident?",
        "Certificate of the cyber insurance",
        "within 72 hours",
        "cyber-insurance-policy.pdf",
        ("finance", "it"),
    ),
    DemoQuestion(
        "By when do I have to hand in my expenses?",
        ANNOUNCEMENT_SUBJECT,
        "by the 20th at noon",
        "text",
        ("all",),
    ),
)
