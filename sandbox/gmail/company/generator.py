"""Harbourline's mail, generated: the same for the same people, seed, size and "now"."""

import time
from bisect import insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random

from sandbox.gmail import labels as ids
from sandbox.gmail.company import circulars, special
from sandbox.gmail.company.contacts import contacts_of
from sandbox.gmail.company.files import document
from sandbox.gmail.company.known import (
    ANNOUNCEMENT_SUBJECT,
    ANNOUNCEMENT_TEXT,
    KNOWN_THREADS,
    KnownThread,
)
from sandbox.gmail.company.letters import Letter, write_letter
from sandbox.gmail.company.papers import paper
from sandbox.gmail.company.staff import MailStaff, Person, harbourline_staff
from sandbox.gmail.company.talk import INSIDE, OUTSIDE, read_conversation
from sandbox.gmail.company.words import Words
from sandbox.gmail.mail import Mail
from sandbox.gmail.mailboxes import Mailboxes, incoming_labels
from sandbox.slack.timestamps import Clock

DAY = 86_400
HOUR = 3_600
LEFT_BEFORE_END = 18 * DAY
WEEKEND_SHARE = 0.1
HOURS = (7, 8, 8, 9, 9, 9, 10, 10, 11, 11, 12, 13, 14, 14, 14, 15, 15, 16, 16, 17, 18, 21)
SELLING = ("sales", "support", "finance")


def generate_mailboxes(
    staff: MailStaff | None = None,
    *,
    messages: int = 2000,
    seed: int = 7,
    now: float | None = None,
    days: int = 120,
) -> Mailboxes:
    """Make up the mail of a company of a given size.

    The threads of :data:`sandbox.gmail.company.known.KNOWN_THREADS` are always in it.

    Args:
        staff: Whose mail. Default: :func:`harbourline_staff` for the seed.
        messages: Number of messages in all mailboxes together; a mail to three people counts
            three times, and once more for its author.
        seed: Decides everything but the dates.
        now: End of the mail in seconds since the epoch. Default: the time of the call.
        days: Length of the history.

    Raises:
        ValueError: Too few messages or days.
    """
    people = staff or harbourline_staff(seed=seed)
    end = time.time() if now is None else now
    if days < 2:
        raise ValueError("mail needs 2 days at least")
    company = _Company(people, messages, seed, int(end), days)
    company.write()
    company.mailboxes.clock = Clock(now)
    return company.mailboxes


@dataclass(order=True)
class _Dispatch:
    """A mail on its way.

    Attributes:
        date: Seconds since the epoch.
        number: Order of those sent in the same second.
        raw: The mail.
        sender: Address of the author where it is somebody here.
        receivers: Addresses of those here who get it.
        kind: What it is, for labels.
    """

    date: int
    number: int
    raw: bytes = field(compare=False)
    sender: str = field(compare=False)
    receivers: tuple[str, ...] = field(compare=False)
    kind: str = field(compare=False, default="letter")

    @property
    def copies(self) -> int:
        """How many mailboxes it comes to lie in."""
        return len(self.receivers) + bool(self.sender)


class _Company:
    def __init__(self, staff: MailStaff, messages: int, seed: int, end: int, days: int) -> None:
        self._staff = staff
        self._messages = messages
        self._random = Random(f"mailboxes {seed}")
        self._end = end
        self._begin = end - days * DAY
        self._contacts = contacts_of(staff)
        self._employees = staff.of()
        self._sent: list[_Dispatch] = []
        self._count = 0
        self._numbers = 0
        self.mailboxes = Mailboxes(staff.organization(), seed=seed)
        users = self.mailboxes.organization.users.values()
        self._here = {user.email for user in users if user.mail_enabled}

    def write(self) -> None:
        """Write everything, and put it into the mailboxes in the order it arrived."""
        for thread in KNOWN_THREADS:
            self._take(self._known(thread), always=True)
        self._take([self._announcement()], always=True)
        if self._count > self._messages:
            raise ValueError(
                f"mail of {len(self._employees)} people needs {self._count} messages at least"
            )
        scenes: tuple[tuple[int, Callable[[], Iterable[_Dispatch]]], ...] = (
            (30, self._inside),
            (24, self._outside),
            (14, self._newsletter),
            (12, self._notice),
            (5, self._invitation),
            (3, self._list_mail),
            (4, self._foreign),
            (3, self._forwarded),
            (2, self._signed),
            (1, self._bounce),
            (1, self._spam),
            (1, self._draft),
        )
        for _, scene in scenes:  # each kind once, also in a small company
            self._take(scene())
        chosen = [scene for weight, scene in scenes for _ in range(weight)]
        while self._count < self._messages:
            short = self._messages - self._count < 12
            scene = self._newsletter if short else self._random.choice(chosen)
            self._take(scene())
        for dispatch in self._sent:
            self._deliver(dispatch)

    def _take(self, dispatches: Iterable[_Dispatch], *, always: bool = False) -> None:
        """Keep mails as long as there is room; of a conversation, its beginning."""
        for dispatch in dispatches:
            if not dispatch.copies:
                return  # nobody here has it, or who would write has left
            if not always and self._count + dispatch.copies > self._messages:
                return
            self._count += dispatch.copies
            insort(self._sent, dispatch)

    def _dispatch(
        self,
        date: int,
        raw: bytes,
        sender: Person | None,
        receivers: Iterable[Person],
        kind: str = "letter",
    ) -> _Dispatch:
        self._numbers += 1
        gone = self._staff.leavers if date > self._end - LEFT_BEFORE_END else frozenset()
        here = [p.email for p in receivers if p.email in self._here and p.email not in gone]
        own = sender.email if sender is not None and sender.email in self._here else ""
        others = tuple(address for address in dict.fromkeys(here) if address != own)
        if own in gone:
            own, others = "", ()
        return _Dispatch(date, self._numbers, raw, own, others, kind)

    def _letter(self, letter: Letter) -> _Dispatch:
        raw = write_letter(letter, self._random)
        receivers = [*letter.to, *letter.cc, *letter.bcc]
        return self._dispatch(letter.date, raw, letter.sender, receivers)

    # --- what is always there ---------------------------------------------------------------

    def _known(self, thread: KnownThread) -> list[_Dispatch]:
        people = {
            role: self._staff.customers[0] if role == "customer" else self._staff.head(role)
            for role in thread.between
        }
        age = min(thread.days_ago * DAY, (self._end - self._begin) * 0.9)
        date = self._end - int(age)
        dispatches: list[_Dispatch] = []
        letter: Letter | None = None
        for number, mail in enumerate(thread.mails):
            writer = people[mail.writer]
            # Told faster where the history is shorter than the story.
            date += int(min(mail.hours * HOUR, age / (len(thread.mails) + 1))) if number else 0
            if letter is None:
                others = [person for person in people.values() if person != writer]
                letter = Letter(writer, others, thread.subject, mail.text, date)
            else:
                letter = letter.reply(writer, mail.text, date)
            letter.attachments = [
                document(name, lines) for name, lines in (mail.files or {}).items()
            ]
            dispatches.append(self._letter(letter))
        return dispatches

    def _announcement(self) -> _Dispatch:
        sender = self._staff.head("finance")
        date = self._end - int(min(7.3 * DAY, (self._end - self._begin) * 0.9))
        item = ("all", ANNOUNCEMENT_SUBJECT, "")
        raw = circulars.list_mail(item, sender, date, self._random, ANNOUNCEMENT_TEXT)
        return self._dispatch(date, raw, sender, self._employees, "list")

    # --- any day ----------------------------------------------------------------------------

    def _inside(self) -> list[_Dispatch]:
        department = self._random.choice(list(self._staff.by_department))
        team = self._staff.of(department)
        cast = {"a": self._random.choice(team)}
        for role in "bc":
            pool = team if len(team) > 3 and self._random.random() < 0.5 else self._employees
            cast[role] = self._another(pool, cast.values())
        return self._conversation(self._random.choice(INSIDE), cast)

    def _outside(self) -> list[_Dispatch]:
        cast = {
            "a": self._random.choice(self._staff.of(self._random.choice(SELLING))),
            "x": self._random.choice(self._contacts),
        }
        return self._conversation(self._random.choice(OUTSIDE), cast)

    def _conversation(self, script: str, cast: dict[str, Person]) -> list[_Dispatch]:
        conversation = read_conversation(script)
        roles = conversation.roles
        answering = cast[roles[1]]
        words = Words(self._random, name=answering.first_name)
        if "x" in roles:
            words.chosen["customer"] = cast["x"].company
        date, letter = self._moment(), None
        dispatches: list[_Dispatch] = []
        for turn in conversation.turns:
            writer = cast[turn.role]
            body = words.fill("\n".join(turn.lines))
            if letter is None:
                others = [cast[role] for role in roles if cast[role] != writer]
                copies = [self._another(self._employees, [writer, *others])]
                letter = Letter(
                    writer,
                    others[:1],
                    words.fill(conversation.subject),
                    body,
                    date,
                    others[1:] + (copies if self._random.random() < 0.25 else []),
                    bcc=copies if self._random.random() < 0.04 else [],
                )
            else:
                date += self._random.randint(8 * 60, 20 * HOUR)
                if date >= self._end:
                    break
                letter = letter.reply(writer, body, date)
            letter.attachments = [paper(words.fill(name), words) for name in turn.files]
            dispatches.append(self._letter(letter))
        return dispatches

    def _newsletter(self) -> list[_Dispatch]:
        to, date = self._reader(), self._moment()
        item = self._random.choice(circulars.NEWSLETTERS)
        raw = circulars.newsletter(item, to, date, self._random)
        return [self._dispatch(date, raw, None, [to], "newsletter")]

    def _notice(self) -> list[_Dispatch]:
        to, date = self._reader(), self._moment()
        raw = circulars.notice(self._random.choice(circulars.NOTICES), to, date, self._random)
        return [self._dispatch(date, raw, None, [to], "notice")]

    def _invitation(self) -> list[_Dispatch]:
        organizer, date = self._reader(), self._moment()
        guests = self._random.sample(self._employees, self._random.randint(1, 4))
        guests = [guest for guest in guests if guest != organizer] or [self._contacts[0]]
        raw = special.invitation(organizer, guests, date, self._random)
        return [self._dispatch(date, raw, None, guests, "invitation")]

    def _list_mail(self) -> list[_Dispatch]:
        item = self._random.choice(circulars.LISTS)
        members = self._employees
        if item[0] == "engineering":
            members = self._staff.of("payments", "platform", "mobile", "checkout", "data")
        sender, date = self._random.choice(members), self._moment()
        raw = circulars.list_mail(item, sender, date, self._random)
        return [self._dispatch(date, raw, sender, members, "list")]

    def _foreign(self) -> list[_Dispatch]:
        to, date = self._random.choice(self._staff.of(*SELLING)), self._moment()
        raw = special.foreign(self._random.choice(special.FOREIGN), to, date, self._random)
        return [self._dispatch(date, raw, None, [to])]

    def _forwarded(self) -> list[_Dispatch]:
        sender = self._reader()
        to = self._another(self._employees, [sender])
        words = Words(self._random, name=sender.first_name)
        date = self._moment()
        original = Letter(
            self._random.choice(self._contacts),
            [sender],
            words.fill("Question about $route"),
            words.fill("Dear $name,\n\ncan we carry {bicycles|dogs|gas bottles} on $route?"),
            date - 3 * HOUR,
        )
        inner = write_letter(original, self._random)
        raw = special.forwarded(
            sender, to, inner, subject=original.subject, date=date, random=self._random
        )
        return [
            self._dispatch(original.date, inner, original.sender, [sender]),
            self._dispatch(date, raw, sender, [to]),
        ]

    def _signed(self) -> list[_Dispatch]:
        sender = self._random.choice(self._staff.of("platform", "it"))
        to, date = self._another(self._employees, [sender]), self._moment()
        raw = special.signed(sender, to, date, self._random)
        return [self._dispatch(date, raw, sender, [to])]

    def _bounce(self) -> list[_Dispatch]:
        sender, date = self._reader(), self._moment()
        nobody = Person("Old Contact", "contact@gone-ferries.example", "", "Gone Ferries")
        words = Words(self._random)
        letter = Letter(sender, [nobody], words.fill("Offer for $route"), "Hello,", date)
        sent = self._letter(letter)
        head = sent.raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        raw = circulars.bounce(sender, nobody.email, head, date + 2, self._random)
        absent = self._random.choice(self._contacts)
        reply = circulars.out_of_office(absent, sender, letter.message_id, date + 60, self._random)
        return [
            sent,
            self._dispatch(date + 2, raw, None, [sender], "notice"),
            self._dispatch(date + 60, reply, None, [sender], "notice"),
        ]

    def _spam(self) -> list[_Dispatch]:
        to, date = self._reader(), self._moment()
        item = ("Prize Office", "winner@lucky-draw.example", "You won $money!!!", "Click now.\n")
        raw = circulars.notice(item, to, date, self._random)
        return [self._dispatch(date, raw, None, [to], "spam")]

    def _draft(self) -> list[_Dispatch]:
        sender, date = self._reader(), self._moment()
        to = self._random.choice(self._contacts)
        words = Words(self._random, name=to.first_name)
        letter = Letter(sender, [to], words.fill("$route"), words.fill("Dear $name,\n"), date)
        raw = write_letter(letter, self._random)
        return [self._dispatch(date, raw, sender, [], "draft")]

    # --- where and when ---------------------------------------------------------------------

    def _reader(self) -> Person:
        """Somebody; a few people get more mail than the others."""
        people = self._employees
        return people[int(len(people) * self._random.random() ** 1.4)]

    def _another(self, pool: Sequence[Person], taken: Iterable[Person]) -> Person:
        excluded = {person.email for person in taken}
        free = [person for person in pool if person.email not in excluded]
        return self._random.choice(free or self._employees)

    def _moment(self) -> int:
        """A moment of the history, mostly in working hours, a little more often of late."""
        random = self._random
        span = self._end - self._begin
        while True:
            day = self._begin + int(span * random.random() ** 0.85)
            midnight = day - day % DAY
            # 1 January 1970 was a Thursday, so days 2 and 3 of each week since are a weekend.
            if midnight // DAY % 7 in (2, 3) and random.random() > WEEKEND_SHARE:
                continue
            moment = midnight + random.choice(HOURS) * HOUR + random.randint(0, HOUR - 1)
            if self._begin + 4 * HOUR < moment < self._end - 600:
                return moment

    def _deliver(self, dispatch: _Dispatch) -> None:
        mail = Mail(dispatch.raw)
        if dispatch.sender:
            label = ids.DRAFT if dispatch.kind == "draft" else ids.SENT
            self.mailboxes.put(dispatch.sender, mail, (label,), dispatch.date)
        received = mail.without_header("Bcc")
        for address in dispatch.receivers:
            labels = self._labels(address, received, dispatch)
            self.mailboxes.put(address, received, labels, dispatch.date)

    def _labels(self, address: str, mail: Mail, dispatch: _Dispatch) -> list[str]:
        """What has become of a mail by now: read, archived, sorted, starred, thrown away."""
        random = self._random
        if dispatch.kind == "spam":
            return [ids.UNREAD, ids.SPAM]
        labels = list(incoming_labels(mail))
        age = self._end - dispatch.date
        if random.random() < (0.93 if age > 3 * DAY else 0.4):
            labels.remove(ids.UNREAD)
        if age > 10 * DAY and random.random() < 0.3:
            labels.remove(ids.INBOX)
        if age < 25 * DAY and dispatch.kind in ("newsletter", "notice") and random.random() < 0.25:
            labels = [ids.TRASH, *(label for label in labels if label != ids.INBOX)]
        if dispatch.kind == "letter":
            if random.random() < 0.03:
                labels.append(ids.STARRED)
            if random.random() < 0.2:
                labels.insert(0, ids.IMPORTANT)
            domain = mail.sender.rpartition("@")[2]
            known = next((p for p in self._contacts if p.email.endswith("@" + domain)), None)
            if known is not None and random.random() < 0.6:
                labels.append(self._own_label(address, f"Customers/{known.company}"))
        elif dispatch.kind == "newsletter" and random.random() < 0.5:
            labels.append(self._own_label(address, "Newsletters"))
        return labels

    def _own_label(self, address: str, name: str) -> str:
        box = self.mailboxes.box(address)
        for label in box.labels.values():
            if label.name == name:
                return label.id
        return box.new_label(name).id
