"""Mail with something a reader may stumble over: invitations, mails inside mails, old charsets."""

# ruff: noqa: RUF001  (other alphabets are the point)

import html
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random

from sandbox.gmail.company import compose
from sandbox.gmail.company.files import Attachment, calendar, csv_table
from sandbox.gmail.company.staff import Person
from sandbox.gmail.company.words import Words

FOREIGN: tuple[tuple[str, str, str, str, str], ...] = (
    (
        "Jürgen Groß",
        "j.gross@reederei-nord.example",
        "iso-8859-1",
        "Fährplan für das nächste Jahr",
        "Guten Tag,\n\nanbei die Änderungen für $route. Die Überfahrt dauert künftig $minutes "
        "Minuten länger.\n\nMit freundlichen Grüßen\nJürgen Groß",
    ),
    (
        "Zoë Lefèvre",
        "zoe@traversees.example",
        "windows-1252",
        "Prix d’été – « $feature »",
        "Bonjour,\n\nle prix pour $route est de $count € à partir de l’été…\n\nCordialement\nZoë",
    ),
    (
        "Νίκος Παπαδάκης",
        "nikos@aegean-blue.example",
        "iso-8859-7",
        "Δρομολόγια $count",
        "Καλημέρα,\n\nτα νέα δρομολόγια είναι έτοιμα.\n\nΝίκος",
    ),
    (
        "山田 花子",
        "yamada@setouchi-ferry.example",
        "iso-2022-jp",
        "フェリーの予約について",
        "お世話になっております。\n\n予約 $booking の件でご連絡いたします。\n\n山田",
    ),
    (
        "Олена Коваль",
        "olena@chornomorsk.example",
        "koi8-u",
        "Розклад руху",
        "Добрий день,\n\nнадсилаю розклад на наступний місяць.\n\nОлена",
    ),
    (
        "王小明",
        "wang@pearl-ferries.example",
        "gb18030",
        "渡轮时刻表",
        "您好，\n\n附件是新的时刻表。\n\n王小明",
    ),
)
"""Name, address, charset, subject and text of people who write in other alphabets."""

MEETINGS = (
    ("Review: $component", "Room Tejo"),
    ("1:1", ""),
    ("$team weekly", "https://meet.example/$commit"),
    ("Call with $customer", "https://meet.example/$commit"),
    ("Retrospective", "Room Douro"),
)


def invitation(organizer: Person, guests: list[Person], date: int, random: Random) -> bytes:
    """An invitation as Google Calendar sends it: text, HTML, the event, and the event as a file."""
    words = Words(random)
    summary, place = (words.fill(text) for text in random.choice(MEETINGS))
    begin = (datetime.fromtimestamp(date, UTC) + timedelta(days=random.randint(1, 9))).replace(
        hour=random.randint(8, 16), minute=30 * random.randint(0, 1), second=0
    )
    event = calendar(
        f"{random.getrandbits(128):032x}@google.com",
        summary,
        begin,
        30 * random.randint(1, 3),
        organizer=(organizer.name, organizer.email),
        attendees=[(guest.name, guest.email) for guest in (organizer, *guests)],
        location=place,
    )
    told = f"{summary}\n\nWhen: {begin:%a} {begin.day} {begin:%b %Y}, {begin:%H:%M} UTC\n"
    told += f"Where: {place}\n" if place else ""
    told += f"Organizer: {organizer.name}\nGuests: {', '.join(guest.name for guest in guests)}\n"
    page = f"<html><body><div><h2>{html.escape(summary)}</h2><pre>{html.escape(told)}</pre></div>"
    alternative = compose.multipart(
        "alternative",
        [
            compose.text(told, encoding="base64"),
            compose.text(page + "</body></html>", "html", encoding="quoted-printable"),
            compose.Entity(
                [
                    ("Content-Type", 'text/calendar; charset="UTF-8"; method=REQUEST'),
                    ("Content-Transfer-Encoding", "7bit" if event.isascii() else "8bit"),
                ],
                event,
            ),
        ],
        random,
    )
    parts = [alternative, compose.attached(Attachment("invite.ics", event))]
    when = f"{begin:%a} {begin.day} {begin:%b %Y} {begin:%H:%M} (UTC)"
    head = [
        ("Reply-To", compose.address(organizer)),
        ("Sender", "Google Calendar <calendar-notification@google.com>"),
        ("Message-ID", f"<calendar-{random.getrandbits(128):032x}@google.com>"),
        ("Date", _written(date)),
        ("Subject", compose.words(f"Invitation: {summary} @ {when}")),
        ("From", compose.address(organizer)),
        ("To", compose.addresses(guests)),
    ]
    return compose.mail(head, compose.multipart("mixed", parts, random))


def foreign(item: tuple[str, str, str, str, str], to: Person, date: int, random: Random) -> bytes:
    """A plain mail in another charset, in its subject, its names and its text."""
    name, sender, charset, subject, text = item
    words = Words(random)
    encoding = {"iso-2022-jp": "7bit", "gb18030": "base64", "koi8-u": "8bit"}.get(charset, "")
    head = [
        ("Date", _written(date)),
        ("From", compose.address(Person(name, sender, "", ""), charset)),
        ("To", compose.address(to)),
        ("Subject", compose.words(words.fill(subject), charset)),
        ("Message-ID", f"<{random.getrandbits(96):024x}@{sender.partition('@')[2]}>"),
    ]
    body = compose.text(words.fill(text), charset=charset, encoding=encoding)
    if random.random() < 0.4:
        table = csv_table([("day", "departure"), ("Monday", "07:40"), ("Friday", "18:10")])
        file = compose.attached(
            Attachment("Fahrplan-Änderungen.csv", table), encoded_words=random.random() < 0.5
        )
        body = compose.multipart("mixed", [body, file], random)
    return compose.mail(head, body)


def forwarded(
    sender: Person, to: Person, original: bytes, *, subject: str, date: int, random: Random
) -> bytes:
    """A mail that carries another one as an attachment."""
    told = compose.text(f"Hi {to.first_name},\n\nplease see the attached mail. Is that for you?\n")
    head = [
        ("Date", _written(date)),
        ("From", compose.address(sender)),
        ("To", compose.address(to)),
        ("Subject", compose.words(f"Fwd: {subject}")),
        ("Message-ID", f"<CAB{random.getrandbits(160):040x}@mail.gmail.com>"),
    ]
    return compose.mail(
        head,
        compose.multipart("mixed", [told, compose.enclosed(original, "original.eml")], random),
    )


def signed(sender: Person, to: Person, date: int, random: Random) -> bytes:
    """A mail with an OpenPGP signature beside its text (RFC 3156)."""
    words = Words(random)
    told = compose.text(
        words.fill(
            "Hi $name,\n\nthe key for $service is in the vault since $time.\n".replace(
                "$name", to.first_name
            )
        )
    )
    block = "\r\n".join(
        [
            "-----BEGIN PGP SIGNATURE-----",
            "",
            *(f"{random.getrandbits(320):080x}"[:64] for _ in range(4)),
            "-----END PGP SIGNATURE-----",
            "",
        ]
    )
    signature = compose.Entity(
        [
            ("Content-Type", 'application/pgp-signature; name="signature.asc"'),
            ("Content-Disposition", 'attachment; filename="signature.asc"'),
        ],
        block.encode(),
    )
    head = [
        ("Date", _written(date)),
        ("From", compose.address(sender)),
        ("To", compose.address(to)),
        ("Subject", words.fill("Access to $service")),
        ("Message-ID", f"<{random.getrandbits(96):024X}@{sender.email.partition('@')[2]}>"),
    ]
    kind = '; micalg=pgp-sha512; protocol="application/pgp-signature"'
    return compose.mail(head, compose.multipart("signed", [told, signature], random, kind))


def _written(date: int) -> str:
    return format_datetime(datetime.fromtimestamp(date, UTC))
