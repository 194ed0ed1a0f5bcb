"""The mailboxes of a Workspace, and everything that can happen in them."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from random import Random
from typing import Any

from sandbox.gmail import labels as ids
from sandbox.gmail.mail import Mail, bare_subject
from sandbox.gmail.mailbox import Mailbox, Message, SendAs
from sandbox.google.organization import GoogleUser, Organization
from sandbox.google.state import State, mutation
from sandbox.slack.timestamps import Clock

# Received lines are written in this zone by Google's servers.
_GOOGLE_TIME = timezone(timedelta(hours=-8), "PST")

_AUTOMATIC = ("no-reply@", "noreply@", "notifications@", "alerts@", "mailer-daemon@")


class Mailboxes(State):
    """Every mailbox of an organization.

    Arguments called ``mailbox`` take an address, ``message`` takes Gmail's id or a Message-ID in
    angle brackets. Mails are RFC 822, as bytes or as text (which is sent as UTF-8).

    Attributes:
        organization: Who has a mailbox.
        clock: Time of new messages, in seconds since the epoch.
    """

    def __init__(
        self,
        organization: Organization,
        *,
        seed: int = 7,
        clock: Callable[[], float] | None = None,
    ) -> None:
        super().__init__()
        self.organization = organization
        # One lock for both, so that an answer never sees half a change.
        self.lock = organization.lock
        self.clock: Callable[[], float] = clock or Clock()
        self._seed = seed
        self._boxes: dict[str, Mailbox] = {}
        self._random = Random(f"mail {seed}")

    def mutations(self) -> Mapping[str, Callable[..., object]]:
        """Every change of the mailboxes and of the organization, by name."""
        return {**self.organization.mutations(), **super().mutations()}

    def box(self, mailbox: str) -> Mailbox:
        """The mailbox behind an address or an alias.

        Raises:
            LookupError: Nobody here has this address, or not with Gmail.
        """
        user = self.organization.user(mailbox)
        if not user.mail_enabled:
            raise LookupError(f"{user.email} has no Gmail")
        found = self._boxes.get(user.email)
        if found is None:
            found = Mailbox(user.email, Random(f"{self._seed} {user.email}"))
            found.send_as.append(SendAs(user.email, user.full_name, is_primary=True))
            found.send_as += [SendAs(alias, user.full_name) for alias in user.aliases]
            self._boxes[user.email] = found
        return found

    def boxes(self) -> list[Mailbox]:
        """The mailboxes of everybody who has one, in the order of the addresses."""
        users = sorted(self.organization.users.values(), key=lambda user: user.email)
        return [self.box(user.email) for user in users if user.mail_enabled]

    def message_count(self) -> int:
        """Messages in all mailboxes; a mail to three people counts three times."""
        return sum(len(box.messages) for box in self._boxes.values())

    def overview(self) -> list[dict[str, Any]]:
        """Addresses and sizes, for who steers from outside."""
        with self.lock:
            return [
                {
                    "address": box.address,
                    "messages": len(box.messages),
                    "threads": len(box.threads),
                    "historyId": str(box.history_id),
                    "suspended": self.organization.user(box.address).suspended,
                }
                for box in self.boxes()
            ]

    @mutation
    def deliver(
        self,
        mail: bytes | str,
        to: Iterable[str] | None = None,
        *,
        labels: Iterable[str] | None = None,
        date: float | None = None,
    ) -> dict[str, str]:
        """Bring a mail to mailboxes, as from outside.

        Args:
            mail: RFC 822.
            to: Whose mailboxes. Default: everybody here who is named in To, Cc or Bcc.
            labels: Ids of the labels. Default: UNREAD, a category and INBOX.
            date: Time of arrival in seconds since the epoch; the internal date is made from it.

        Returns:
            Gmail's id of the message by address.

        Raises:
            LookupError: An address in ``to`` has no mailbox.
        """
        sent = _as_mail(mail)
        if to is None:
            named = sent.addresses("To", "Cc", "Bcc")
            wanted = [u for address in named if (u := self.organization.find(address))]
            receiving = [user for user in wanted if user.mail_enabled and not user.suspended]
        else:
            receiving = [self.organization.user(self.box(address).address) for address in to]
        open_copy = sent.without_header("Bcc")
        chosen = tuple(labels) if labels is not None else incoming_labels(sent)
        return self._deliver(receiving, open_copy, chosen, date)

    @mutation
    def send(self, mail: bytes | str, *, date: float | None = None) -> dict[str, str]:
        """Let the author of a mail send it: it is in their sent mail and with the recipients.

        Returns:
            Gmail's id of the message by address, the author's own included.

        Raises:
            LookupError: The author has no mailbox here.
        """
        sent = _as_mail(mail)
        author = self.box(sent.sender)
        arrived = self._milliseconds(date)
        own = author.add(sent, b"", (ids.SENT,), arrived, arrived)
        author.touch(own)
        delivered = self.deliver(sent.raw, date=date)
        if author.address in delivered:
            # Gmail keeps one copy of a mail to oneself, both sent and received.
            author.remove(author.messages[delivered[author.address]])
            author.relabel([own], add=(ids.INBOX,))
        return {**delivered, author.address: own.id}

    @mutation
    def write(
        self,
        sender: str,
        to: Iterable[str],
        subject: str,
        text: str,
        *,
        answers: str = "",
        date: float | None = None,
    ) -> str:
        """Write and send a plain mail.

        Args:
            sender: Address of the author, here or outside.
            to: Addresses of the recipients.
            subject: Subject.
            text: Body.
            answers: Message-ID of the mail it answers; empty for none.
            date: Seconds since the epoch. Default: now.

        Returns:
            Its Message-ID.
        """
        moment = self.clock() if date is None else date
        user = self.organization.find(sender)
        message = EmailMessage(policy=SMTP)
        message["From"] = formataddr((user.full_name, user.email)) if user else sender
        message["To"] = ", ".join(to)
        message["Subject"] = subject
        message["Date"] = format_datetime(datetime.fromtimestamp(moment, UTC))
        domain = sender.rpartition("@")[2].rstrip(">")
        message_id = f"<{self._random.getrandbits(96):024x}@mail.{domain}>"
        message["Message-ID"] = message_id
        if answers:
            message["In-Reply-To"] = answers
            message["References"] = answers
        message.set_content(text)
        if user is not None and user.mail_enabled:
            self.send(message.as_bytes(), date=date)
        else:
            self.deliver(message.as_bytes(), date=date)
        return message_id

    @mutation
    def save_draft(self, mailbox: str, mail: bytes | str, *, replaces: str = "") -> str:
        """Keep a draft and return its id; a draft that is changed is another message."""
        box = self.box(mailbox)
        if replaces:
            box.remove(box.message(replaces))
        now = self._milliseconds(None)
        return box.add(_as_mail(mail), b"", (ids.DRAFT,), now, now).id

    @mutation
    def delete(self, mailbox: str, message: str) -> None:
        """Delete for good, without the trash."""
        box = self.box(mailbox)
        box.remove(box.message(message))

    @mutation
    def delete_everywhere(self, message: str) -> int:
        """Delete every copy of a mail, given by Message-ID; returns how many there were."""
        found = 0
        for box in self._boxes.values():
            for copy in [m for m in box.messages.values() if m.mail.message_id == message]:
                box.remove(copy)
                found += 1
        return found

    @mutation
    def trash(self, mailbox: str, message: str) -> None:
        """Move to the trash: TRASH comes, then INBOX goes, in two records of the history."""
        box = self.box(mailbox)
        box.relabel([box.message(message)], add=(ids.TRASH,), remove=(ids.INBOX,))

    @mutation
    def untrash(self, mailbox: str, message: str) -> None:
        """Take out of the trash. INBOX does not come back, as the live service is seen to do."""
        box = self.box(mailbox)
        box.relabel([box.message(message)], remove=(ids.TRASH,))

    @mutation
    def empty_trash(self, mailbox: str) -> int:
        """Purge the trash, as Gmail does after 30 days; returns how many messages went."""
        box = self.box(mailbox)
        trashed = [m for m in box.messages.values() if ids.TRASH in m.labels]
        for message in trashed:
            box.remove(message)
        return len(trashed)

    @mutation
    def relabel(
        self, mailbox: str, message: str, *, add: Iterable[str] = (), remove: Iterable[str] = ()
    ) -> None:
        """Add and remove labels by id."""
        box = self.box(mailbox)
        box.relabel([box.message(message)], add, remove)

    @mutation
    def relabel_thread(
        self, mailbox: str, thread: str, *, add: Iterable[str] = (), remove: Iterable[str] = ()
    ) -> None:
        """Add and remove labels of all messages of a thread, in one record each."""
        box = self.box(mailbox)
        box.relabel(box.thread(thread), add, remove)

    @mutation
    def mark_read(self, mailbox: str, message: str) -> None:
        """Read a message."""
        self.relabel(mailbox, message, remove=(ids.UNREAD,))

    @mutation
    def mark_unread(self, mailbox: str, message: str) -> None:
        """Mark a message as not read."""
        self.relabel(mailbox, message, add=(ids.UNREAD,))

    @mutation
    def create_label(self, mailbox: str, name: str) -> str:
        """Add a label of one's own and return its id."""
        return self.box(mailbox).new_label(name).id

    @mutation
    def rename_label(self, mailbox: str, label: str, name: str) -> None:
        """Call a label something else; its id stays."""
        self.box(mailbox).labels[label].name = name

    @mutation
    def delete_label(self, mailbox: str, label: str) -> None:
        """Remove a label of one's own, also from the messages.

        Raises:
            ValueError: It is not one of one's own.
        """
        box = self.box(mailbox)
        if not box.labels[label].is_user:
            raise ValueError(f"{label} is one of Gmail's own labels")
        box.relabel(box.messages.values(), remove=(label,))
        del box.labels[label]

    @mutation
    def forget_history(self, mailbox: str, *, before: int | str | None = None) -> None:
        """Drop the history up to an id (default: all there is): asking from before it is a 404."""
        box = self.box(mailbox)
        box.forget_history(box.history_id if before is None else int(before))

    @mutation
    def add_delegate(self, mailbox: str, delegate: str) -> None:
        """Let somebody else read and answer this mailbox."""
        self.box(mailbox).delegates.append(self.organization.user(delegate).email)

    @mutation
    def remove_delegate(self, mailbox: str, delegate: str) -> None:
        """Undo ``add_delegate``."""
        self.box(mailbox).delegates.remove(self.organization.user(delegate).email)

    @mutation
    def find(self, mailbox: str, subject: str) -> list[str]:
        """Ids of the messages whose subject is this one, Re: or not; the newest first."""
        wanted = bare_subject(subject)
        newest = self.box(mailbox).newest_first()
        return [message.id for message in newest if message.mail.bare_subject == wanted]

    def put(
        self, mailbox: str, mail: Mail, labels: Iterable[str], date: float | None = None
    ) -> Message:
        """Put a mail of the past into one mailbox.

        Args:
            mailbox: Whose.
            mail: The mail.
            labels: Ids of its labels; with SENT or DRAFT it came from nowhere.
            date: Time of arrival in seconds since the epoch. Default: what the mail says itself.
        """
        moment = mail.date_ms if date is None else int(date) * 1000
        arrived = self._milliseconds(None) if moment is None else moment
        chosen = tuple(labels)
        user = self.organization.user(mailbox)
        with self.lock:
            own = {ids.SENT, ids.DRAFT} & set(chosen)
            trace = b"" if own else self._trace(user, mail, arrived)
            return self.box(mailbox).add(mail, trace, chosen, arrived, arrived)

    def _deliver(
        self,
        receiving: Iterable[GoogleUser],
        sent: Mail,
        labels: tuple[str, ...],
        date: float | None,
    ) -> dict[str, str]:
        arrived = self._milliseconds(date)
        delivered: dict[str, str] = {}
        for user in receiving:
            if user.email not in delivered:
                trace = self._trace(user, sent, arrived)
                added = self.box(user.email).add(sent, trace, labels, arrived, arrived)
                delivered[user.email] = added.id
        return delivered

    def _milliseconds(self, date: float | None) -> int:
        # Whole seconds, as internalDate is seen to be.
        return int(self.clock() if date is None else date) * 1000

    def _trace(self, user: GoogleUser, sent: Mail, arrived: int) -> bytes:
        """What Google's servers write in front of a mail on its way into a mailbox."""
        random = self.box(user.email).random
        moment = datetime.fromtimestamp(arrived / 1000, _GOOGLE_TIME)
        when = f"{format_datetime(moment)} (PST)"
        route = ":".join(f"{random.getrandbits(16):x}" for _ in range(5))
        number = f"{random.getrandbits(52):x}"
        sender = sent.sender or "unknown@invalid"
        domain = sender.rpartition("@")[2]
        lines = (
            f"Delivered-To: {user.email}",
            f"Received: by 2002:{route}:0:0 with SMTP id {number[:6]}csp{number[6:]};",
            f"        {when}",
            f"Return-Path: <{sender}>",
            f"Received: from mail.{domain} (mail.{domain}. [192.0.2.{1 + arrived // 1000 % 250}])",
            f"        by mx.google.com with ESMTPS id {random.getrandbits(60):015x}",
            f"        for <{user.email}>",
            "        (version=TLS1_3 cipher=TLS_AES_256_GCM_SHA384 bits=256/256);",
            f"        {when}",
            f"Received-SPF: pass (google.com: domain of {sender} designates 192.0.2."
            f"{1 + arrived // 1000 % 250} as permitted sender)",
            "",
        )
        return "\r\n".join(lines).encode()


def incoming_labels(mail: Mail) -> tuple[str, ...]:
    """UNREAD, the category Gmail would guess, and INBOX."""
    if mail.header("List-Unsubscribe"):
        category = "CATEGORY_PROMOTIONS"
    elif mail.header("List-Id"):
        category = "CATEGORY_FORUMS"
    elif mail.sender.startswith(_AUTOMATIC) or mail.header("Auto-Submitted"):
        category = "CATEGORY_UPDATES"
    else:
        category = "CATEGORY_PERSONAL"
    return (ids.UNREAD, category, ids.INBOX)


def _as_mail(mail: bytes | str) -> Mail:
    raw = mail.encode() if isinstance(mail, str) else mail
    return Mail(raw)
