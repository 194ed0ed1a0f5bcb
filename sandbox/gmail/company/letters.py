"""Letters between people: how each mail program writes, quotes and signs.

Four programs: Gmail and Outlook as companies use them, Apple Mail, and one that writes plain text.
Each person keeps to one. A reply carries what it answers below its own text, as most replies do.
"""

import html
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from random import Random
from typing import Literal

from sandbox.gmail.company import compose
from sandbox.gmail.company.files import Attachment, picture
from sandbox.gmail.company.staff import Person
from sandbox.slack.company.people import HOME_TEAM_DOMAIN

Program = Literal["gmail", "outlook", "apple", "plain"]

QUOTED_DEPTH = 4
"""How many earlier mails a reply still carries."""

_OUTLOOK_LINE = "_" * 32


@dataclass(slots=True)
class Letter:
    """One mail from a person to people.

    Attributes:
        sender: Who writes.
        to: First recipients.
        cc: Others.
        subject: As written, with Re: where it is a reply.
        body: Own words, with LF.
        date: Seconds since the epoch.
        answers: The mail it answers.
        attachments: Files.
        bcc: Recipients the others do not see.
        message_id: Given when it is written.
    """

    sender: Person
    to: list[Person]
    subject: str
    body: str
    date: int
    cc: list[Person] = field(default_factory=list)
    answers: "Letter | None" = None
    attachments: list[Attachment] = field(default_factory=list)
    bcc: list[Person] = field(default_factory=list)
    message_id: str = ""

    def reply(self, sender: Person, body: str, date: int) -> "Letter":
        """An answer to everybody who has this mail."""
        everybody = [self.sender, *self.to, *self.cc]
        others = [person for person in everybody if person.email != sender.email]
        to = [self.sender] if self.sender.email != sender.email else others[:1]
        cc = list({p.email: p for p in others if p not in to}.values())
        subject = self.subject if self.subject.startswith("Re: ") else f"Re: {self.subject}"
        return Letter(sender, to, subject, body, date, cc, answers=self)


def program_of(person: Person) -> Program:
    """Which program a person writes with, always the same."""
    if person.email.endswith("@" + HOME_TEAM_DOMAIN):
        return "plain" if sum(person.email.encode()) % 9 == 0 else "gmail"
    return "apple" if sum(person.email.encode()) % 3 == 0 else "outlook"


def write_letter(letter: Letter, random: Random) -> bytes:
    """A letter as RFC 822, in the way of its sender's program."""
    program = program_of(letter.sender)
    letter.message_id = _message_id(letter, program, random)
    head = [
        *_program_headers(program, letter.subject.removeprefix("Re: ")),
        ("Date", format_datetime(datetime.fromtimestamp(letter.date, UTC))),
        ("Message-ID", letter.message_id),
        ("Subject", compose.words(letter.subject)),
        ("From", compose.address(letter.sender)),
        ("To", compose.addresses(letter.to)),
    ]
    if letter.cc:
        head.append(("Cc", compose.addresses(letter.cc)))
    if letter.bcc:
        head.append(("Bcc", compose.addresses(letter.bcc)))
    if letter.answers is not None:
        chain = _chain(letter.answers)
        head.append(("In-Reply-To", letter.answers.message_id))
        head.append(("References", "\r\n ".join(earlier.message_id for earlier in chain)))
    content = _content(letter, program, random)
    if letter.attachments:
        files = [
            compose.attached(f, encoded_words=program == "outlook") for f in letter.attachments
        ]
        content = compose.multipart("mixed", [content, *files], random)
    return compose.mail(head, content)


def plain_body(letter: Letter, depth: int = QUOTED_DEPTH) -> str:
    """A letter's text with its signature and what it quotes."""
    program = program_of(letter.sender)
    own = f"{letter.body}\n\n{_signature(letter.sender, program)}"
    if letter.answers is None or depth == 0:
        return own
    quoted = plain_body(letter.answers, depth - 1)
    if program == "outlook":
        return f"{own}\n\n{_OUTLOOK_LINE}\n{_outlook_block(letter.answers)}\n\n{quoted}"
    marked = "\n".join(f"> {line}".rstrip() for line in quoted.split("\n"))
    return f"{own}\n\n{_attribution(letter.answers, program)}\n{marked}"


def html_body(letter: Letter, depth: int = QUOTED_DEPTH) -> str:
    """The same as HTML, with the marks each program leaves around a quotation."""
    program = program_of(letter.sender)
    own = _paragraphs(letter.body, program)
    signature = html.escape(_signature(letter.sender, program)).replace("\n", "<br>\n")
    if program == "outlook":
        own += f'<div id="Signature">{signature}</div>'
    elif program == "gmail":
        own += (
            '<div><br></div><span class="gmail_signature_prefix">-- </span><br>'
            f'<div dir="ltr" class="gmail_signature">{signature.partition("<br>")[2]}</div>'
        )
    else:
        own += f"<div><br></div><div>{signature}</div>"
    if letter.answers is None or depth == 0:
        return own
    quoted = html_body(letter.answers, depth - 1)
    attribution = html.escape(_attribution(letter.answers, program))
    if program == "outlook":
        block = html.escape(_outlook_block(letter.answers)).replace("\n", "<br>\n")
        return (
            f'{own}<hr style="display:inline-block;width:98%" tabindex="-1">'
            f'<div id="divRplyFwdMsg" dir="ltr"><font face="Calibri, sans-serif">{block}</font>'
            f"<div>&nbsp;</div></div>{quoted}"
        )
    if program == "apple":
        return (
            f'{own}<div><br><blockquote type="cite"><div>{attribution}</div><br>'
            f"<div>{quoted}</div></blockquote></div>"
        )
    return (
        f'{own}<br><div class="gmail_quote gmail_quote_container"><div dir="ltr" '
        f'class="gmail_attr">{attribution}<br></div><blockquote class="gmail_quote" '
        'style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);'
        f'padding-left:1ex">{quoted}</blockquote></div>'
    )


def _content(letter: Letter, program: Program, random: Random) -> compose.Entity:
    plain = compose.text(plain_body(letter))
    if program == "plain":
        return plain
    page = html_body(letter)
    logo = None
    if program == "outlook":
        # Outlook sends the company's logo with each mail, inside the signature.
        logo = Attachment(
            "image001.png",
            picture(Random(letter.sender.company), 48, 16),
            f"image001.png@01DC{random.getrandbits(32):08X}",
        )
        page = (
            '<html><head><meta http-equiv="Content-Type" content="text/html; charset=utf-8">'
            '<style type="text/css" style="display:none;"> P {margin-top:0;margin-bottom:0;} '
            f'</style></head><body dir="ltr">{page}<img src="cid:{logo.content_id}"></body></html>'
        )
    else:
        page = f'<div dir="ltr">{page}</div>'
    shown = compose.text(page, "html", encoding="quoted-printable")
    alternative = compose.multipart("alternative", [plain, shown], random)
    if logo is None:
        return alternative
    return compose.multipart(
        "related", [alternative, compose.attached(logo)], random, '; type="multipart/alternative"'
    )


def _signature(person: Person, program: Program) -> str:
    if program == "outlook":
        return f"Kind regards,\n\n{person.name}\n{person.title}\n{person.company}"
    if program == "apple":
        return f"{person.first_name}\n\nSent from my iPhone"
    return f"-- \n{person.name}\n{person.title} | {person.company}"


def _attribution(letter: Letter, program: Program) -> str:
    moment = datetime.fromtimestamp(letter.date, UTC)
    who = f"{letter.sender.name} <{letter.sender.email}>"
    if program == "apple":
        return f"On {moment.day} {moment:%b %Y}, at {moment:%H:%M}, {who} wrote:"
    # Gmail writes a narrow no-break space before AM and PM, as CLDR 42 has it.
    gap = "\u202f" if program == "gmail" else " "
    hour = moment.hour % 12 or 12
    clock = f"{hour}:{moment:%M}{gap}{moment:%p}"
    return f"On {moment:%a, %b} {moment.day}, {moment:%Y} at {clock} {who} wrote:"


def _outlook_block(letter: Letter) -> str:
    moment = datetime.fromtimestamp(letter.date, UTC)
    lines = [
        f"From: {letter.sender.name} <{letter.sender.email}>",
        f"Sent: {moment:%A, %B} {moment.day}, {moment:%Y} {moment:%I:%M %p}",
        "To: " + "; ".join(f"{p.name} <{p.email}>" for p in letter.to),
    ]
    if letter.cc:
        lines.append("Cc: " + "; ".join(f"{p.name} <{p.email}>" for p in letter.cc))
    return "\n".join([*lines, f"Subject: {letter.subject}"])


def _paragraphs(body: str, program: Program) -> str:
    tag = "p" if program == "outlook" else "div"
    lines = []
    for line in body.split("\n"):
        shown = html.escape(line, quote=False) or "<br>"
        lines.append(f"<{tag}>{shown}</{tag}>")
    return "\n".join(lines)


def _program_headers(program: Program, topic: str) -> list[tuple[str, str]]:
    if program == "outlook":
        return [
            ("Thread-Topic", compose.words(topic)),
            ("Accept-Language", "en-GB, en-US"),
            ("X-MS-Has-Attach", ""),
        ]
    if program == "apple":
        return [("X-Mailer", "iPhone Mail (23C55)")]
    if program == "plain":
        return [("User-Agent", "Mutt/2.2.13 (2024-03-09)")]
    return []


def _message_id(letter: Letter, program: Program, random: Random) -> str:
    domain = letter.sender.email.rpartition("@")[2]
    if program == "outlook":
        return f"<AM9PR{random.getrandbits(40):010X}@AM9PR0{random.randint(1, 9)}.{domain}>"
    if program == "gmail":
        return f"<CAB{random.getrandbits(160):040x}@mail.gmail.com>"
    return f"<{random.getrandbits(96):024X}@{domain}>"


def _chain(letter: Letter) -> list[Letter]:
    """A letter and those it goes back to, the oldest first."""
    chain = [letter]
    while chain[-1].answers is not None:
        chain.append(chain[-1].answers)
    return chain[::-1]
