"""Mail that nobody wrote by hand: newsletters, notices of services, lists, automatic answers."""

import html
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from random import Random

from sandbox.gmail.company import compose
from sandbox.gmail.company.staff import Person
from sandbox.gmail.company.words import Words
from sandbox.slack.company.people import HOME_TEAM_DOMAIN


@dataclass(frozen=True, slots=True)
class Newsletter:
    """A newsletter.

    Attributes:
        sender: Name and address.
        list_id: Its List-Id.
        subject: Not yet filled in.
        headline: The same.
        items: Its articles.
    """

    sender: tuple[str, str]
    list_id: str
    subject: str
    headline: str
    items: tuple[str, ...]


NEWSLETTERS = (
    Newsletter(
        ("Ferry Weekly", "editor@ferryweekly.example"),
        "Ferry Weekly <weekly.ferryweekly.example>",
        "⛴️ {Electric ferries|Port fees|Winter timetables} and {$count|more} stories",
        "The week in short sea shipping",
        (
            "$customer orders a hybrid ferry for $route.",
            "The port of $city raises its fees by $pct.",
            "Passengers ask for $feature, a survey says.",
        ),
    ),
    Newsletter(
        ("Postgres & Friends", "news@pgfriends.example"),
        "Postgres and Friends <news.pgfriends.example>",
        "Issue $count: {locks|vacuum|indexes} explained",
        "Databases, once a week",
        (
            'What "$error" really means, and what to do.',
            "$library gets a new release.",
            "Why a pool of $minutes connections is enough for most.",
        ),
    ),
    Newsletter(
        ("Design Harbour", "hello@designharbour.example"),
        "<digest.designharbour.example>",
        "{Buttons|Forms|Tables} that people understand: Nº $count",
        "Good forms for tired travellers",
        ("A seat map in $minutes lines.", "How $feature was designed.", "Colours of $city."),
    ),
    Newsletter(
        ("HR Compass", "newsletter@hrcompass.example"),
        "HR Compass <compass.hrcompass.example>",
        "How to find a $hire in {spring|winter}",
        "People at work",
        ("$count questions for an interview.", "Part-time after parental leave.", "Desk sharing."),
    ),
)

NOTICES: tuple[tuple[str, str, str, str], ...] = (
    (
        "Deckhand CI",
        f"no-reply@ci.{HOME_TEAM_DOMAIN}",
        "[$service] Build #$pr failed",
        "Commit $commit on main failed after $minutes minutes.\n\nStep: integration tests\n"
        "Error: $error\n\nhttps://ci.harbourline.example/$service/builds/$pr\n",
    ),
    (
        "Pagerbuoy",
        "alerts@pagerbuoy.example",
        "RESOLVED: $service latency above $ms",
        "The alert was open for $minutes minutes.\n\nAcknowledged by the person on call.\n",
    ),
    (
        "Seatable CRM",
        "notifications@seatable.example",
        "Task for you: call $customer",
        "The contract for $route ends soon.\n\nValue: $money\nDue: $weekday\n",
    ),
    (
        "Harbour Bank",
        "noreply@harbourbank.example",
        "Your statement is ready",
        "A new statement of your account is in your mailbox at the bank.\n\n"
        "For your safety this mail holds no link.\n",
    ),
    (
        "Wiki",
        f"no-reply@wiki.{HOME_TEAM_DOMAIN}",
        "$count pages you follow were changed",
        "Runbook: $service\nHow we price $feature\nTeam page: $team\n",
    ),
)

LISTS: tuple[tuple[str, str, str], ...] = (
    (
        "engineering",
        "[engineering] {Maintenance|Deploy freeze} on $weekday",
        "Hi all,\n\n$service is {in maintenance|frozen} on $weekday from $time on, for $minutes "
        "minutes. Please finish your deploys before.\n",
    ),
    (
        "all",
        "[all] {Visitors|Fire drill|New colleagues} on $weekday",
        "Hello,\n\non $weekday at $time {we have visitors from $customer|there is a fire drill|"
        "two new people start}. There will be $dish in the kitchen.\n",
    ),
    (
        "engineering",
        "[engineering] RFC: $component for $service",
        "I wrote down how the $component could work for $service. Please comment by $weekday.\n\n"
        'In short: less than $ms, no lock, and $pct fewer errors like "$error".\n',
    ),
)


def newsletter(item: Newsletter, to: Person, date: int, random: Random) -> bytes:
    """A newsletter to one person: HTML only, with a tracking pixel and links to leave it."""
    words = Words(random)
    fill = words.fill
    rows = "".join(
        f'<tr><td style="padding:12px 24px"><h3>{html.escape(fill(text))}</h3>'
        f'<p><a href="https://click.{item.sender[1].partition("@")[2]}/c/{random.getrandbits(64):x}">'
        "Read more</a></p></td></tr>"
        for text in item.items
    )
    domain = item.sender[1].partition("@")[2]
    leave = f"https://{domain}/u/{random.getrandbits(96):x}"
    page = (
        "<!DOCTYPE html><html><head><title>Newsletter</title><style>td{font-family:Arial}</style>"
        f'</head><body><table width="600"><tr><td><h1>{html.escape(item.headline)}</h1></td></tr>'
        f'{rows}<tr><td>You get this because you subscribed as {to.email}. <a href="{leave}">'
        f'Unsubscribe</a></td></tr></table><img src="https://{domain}/open/'
        f'{random.getrandbits(64):x}.gif" width="1" height="1" alt=""></body></html>'
    )
    head = [
        ("Date", _written(date)),
        ("From", compose.address(Person(*item.sender, "", ""))),
        ("To", compose.address(to)),
        ("Subject", compose.words(fill(item.subject))),
        ("Message-ID", f"<{random.getrandbits(128):032x}@{domain}>"),
        ("List-Id", item.list_id),
        ("List-Unsubscribe", f"<{leave}>, <mailto:leave@{domain}>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("Precedence", "bulk"),
    ]
    return compose.mail(head, compose.text(page, "html", encoding="quoted-printable"))


def notice(item: tuple[str, str, str, str], to: Person, date: int, random: Random) -> bytes:
    """A notice of a service."""
    name, sender, subject, text = item
    words = Words(random)
    head = [
        ("Date", _written(date)),
        ("From", compose.address(Person(name, sender, "", ""))),
        ("To", to.email),
        ("Subject", compose.words(words.fill(subject))),
        ("Message-ID", f"<{random.getrandbits(96):024x}@{sender.partition('@')[2]}>"),
        ("Auto-Submitted", "auto-generated"),
    ]
    return compose.mail(head, compose.text(words.fill(text)))


def list_mail(
    item: tuple[str, str, str], sender: Person, date: int, random: Random, text: str = ""
) -> bytes:
    """A mail to a list of the company's own: the same one for all its members."""
    name, subject, template = item
    words = Words(random)
    group = f"{name}@{HOME_TEAM_DOMAIN}"
    head = [
        ("Date", _written(date)),
        ("From", compose.address(sender)),
        ("To", group),
        ("Subject", compose.words(words.fill(subject))),
        ("Message-ID", f"<CAB{random.getrandbits(160):040x}@mail.gmail.com>"),
        ("List-Id", f"<{name}.{HOME_TEAM_DOMAIN}>"),
        ("List-Post", f"<mailto:{group}>"),
        ("Precedence", "list"),
    ]
    body = compose.text(text or words.fill(template))
    return compose.mail(head, body)


def out_of_office(sender: Person, to: Person, answers: str, date: int, random: Random) -> bytes:
    """An automatic answer."""
    words = Words(random)
    back = words.fill("$weekday")
    head = [
        ("Date", _written(date)),
        ("From", compose.address(sender)),
        ("To", compose.address(to)),
        ("Subject", "Automatic reply: out of office"),
        ("Message-ID", f"<{random.getrandbits(96):024x}@{sender.email.partition('@')[2]}>"),
        ("In-Reply-To", answers),
        ("References", answers),
        ("Auto-Submitted", "auto-replied"),
    ]
    number = random.randint(100, 999)
    text = f"I am out of the office until {back}.\nIn urgent cases call +44 20 7946 0{number}.\n"
    return compose.mail(head, compose.text(text))


def bounce(to: Person, failed: str, original: bytes, date: int, random: Random) -> bytes:
    """What comes back for an address that does not exist (RFC 3464)."""
    head = [
        ("Date", _written(date)),
        ("From", "Mail Delivery Subsystem <mailer-daemon@googlemail.com>"),
        ("To", to.email),
        ("Subject", "Delivery Status Notification (Failure)"),
        ("Message-ID", f"<{random.getrandbits(96):024x}@mx.google.com>"),
        ("Auto-Submitted", "auto-replied"),
        ("X-Failed-Recipients", failed),
    ]
    domain = failed.partition("@")[2]
    told = compose.text(
        f"Address not found\n\nYour message wasn't delivered to {failed} because the domain "
        f"{domain} couldn't be found.\n"
    )
    status = compose.Entity(
        [("Content-Type", "message/delivery-status")],
        (
            "Reporting-MTA: dns; googlemail.com\r\n\r\n"
            f"Final-Recipient: rfc822; {failed}\r\nAction: failed\r\nStatus: 5.1.2\r\n"
            f"Diagnostic-Code: smtp; DNS type 'mx' lookup of {domain} responded with NXDOMAIN\r\n"
        ).encode(),
    )
    parts = [told, status, compose.enclosed(original)]
    return compose.mail(
        head, compose.multipart("report", parts, random, "; report-type=delivery-status")
    )


def _written(date: int) -> str:
    return format_datetime(datetime.fromtimestamp(date, UTC))
