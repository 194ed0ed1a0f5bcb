"""Gmail: five mailboxes of a company."""

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from email import message_from_bytes
from functools import cache
from random import Random
from typing import Any, ClassVar

from langchain_core.documents import Document

from exporters.base import BaseExporter
from exporters.gmail.exporter import GmailExporter
from exporters.gmail.settings import GmailSelection, GmailSettings
from faults.stages.base import FREE, NOW, Clock, Opener, Stage, hurried
from sandbox.faults import Fault
from sandbox.gmail import GmailSandbox, generate_mailboxes, harbourline_staff
from sandbox.gmail.mailbox import Message
from sandbox.gmail.mailboxes import Mailboxes
from sandbox.google.errors import GoogleError

_STAFF = harbourline_staff(seed=7)


def gmail_exporter(
    address: str, key: str, admin: str, *, now: Clock, **changes: Any
) -> BaseExporter:
    settings = GmailSettings.model_validate(
        {
            "base_url": address, "directory_url": address, "page_size": 10, "batch_size": 5,
            "rate_limits": {"mailbox": FREE, "*": FREE}, **changes,
        }
    )  # fmt: skip
    return GmailExporter(key, admin, settings=settings, now=now)


def _refusal(method: str, status: int, reason: str) -> Fault:
    body = GoogleError(status, f"Refused: {reason}", reason).payload()
    return Fault("answer", method, times=None, status=status, body=body)


class GmailStage(Stage[Mailboxes, GmailSandbox]):
    source = "gmail"
    inside = frozenset({"messages.get"})
    finest: ClassVar[Mapping[str, Any]] = {"page_size": 3, "batch_size": 2}
    contents = "messages.list"
    refused = _refusal("*", 401, "authError")
    unscoped = _refusal("history.list", 403, "insufficientPermissions")
    lost_page = replace(_refusal("messages.list", 400, "invalidArgument"), skip=4, times=1)
    lost_cursor = replace(_refusal("history.list", 404, "notFound"), times=1)

    def company(self) -> Mailboxes:
        return generate_mailboxes(_STAFF, messages=120, seed=7, now=NOW)

    def move(self, company: Mailboxes) -> None:
        """New mails to several, labels, trash and deletes."""
        for number, box in enumerate(company.boxes()[:4]):
            names = list(box.messages)
            if len(names) > 3:
                company.mark_read(box.address, names[0])
                company.trash(box.address, names[1])
                company.delete(box.address, names[2])
            others = [other.address for other in company.boxes()[number + 1 : number + 3]]
            company.write(box.address, to=others, subject=f"News {number}", text="Said to two.")

    def close(self, company: Mailboxes) -> str:
        person = company.organization.user(self._busiest(company))
        company.organization.suspend(person.email)
        return person.id

    def reopen(self, company: Mailboxes) -> None:
        company.organization.reactivate(self._busiest(company))

    def remove(self, company: Mailboxes) -> str:
        person = company.organization.user(self._busiest(company))
        company.organization.remove_user(person.email)
        return person.id

    def leave(self, company: Mailboxes) -> None:
        company.organization.suspend(self._busiest(company))

    def expire_tokens(self, sandbox: GmailSandbox) -> bool:
        sandbox.oauth.expire_access_tokens()
        return True

    def environment(self, sandbox: GmailSandbox) -> dict[str, str]:
        return {
            **self.credentials(sandbox),
            "DATA_GETTERS_GMAIL__BASE_URL": sandbox.base_url,
            "DATA_GETTERS_GMAIL__DIRECTORY_URL": sandbox.base_url,
        }

    @staticmethod
    def _busiest(company: Mailboxes) -> str:
        """The one of those synced with the most mails."""
        return max(company.boxes()[:5], key=lambda box: len(box.messages)).address

    def step(self, company: Mailboxes, dice: Random) -> None:
        """Something in a mailbox, or a mail between two or three."""
        boxes = company.boxes()[:5]
        box = dice.choice(boxes)
        address, names = box.address, sorted(box.messages)
        others = [other.address for other in boxes if other is not box]
        act = dice.choice(("write", "write", "read", "trash", "untrash", "delete", "label", "open"))
        match act:
            case "read" if names:
                name = dice.choice(names)
                flip = company.mark_read if dice.random() < 0.5 else company.mark_unread
                flip(address, name)
            case "trash" if names:
                company.trash(address, dice.choice(names))
            case "untrash" if trashed := [n for n in names if "TRASH" in box.messages[n].labels]:
                company.untrash(address, dice.choice(trashed))
            case "delete" if len(names) > 5:
                company.delete(address, dice.choice(names))
            case "label" if names:
                company.relabel(address, dice.choice(names), add=["STARRED"])
            case "open" if box.delegates:
                company.remove_delegate(address, box.delegates[0])
            case "open":
                company.add_delegate(address, dice.choice(others))
            case _:
                to = dice.sample(others, dice.choice((1, 2)))
                number = dice.randrange(10_000)
                company.write(address, to=to, subject=f"Step {number}", text=f"About {number}.")
        if dice.random() < 0.02:
            company.forget_history(address)

    def passes(self, company: Mailboxes, seconds: float) -> None:
        company.clock = hurried(company.clock, seconds)

    def served(self, company: Mailboxes) -> AbstractContextManager[GmailSandbox]:
        return GmailSandbox(company)

    def sign_in_by(self, sandbox: GmailSandbox, clock: Callable[[], float]) -> None:
        sandbox.oauth.clock = clock

    def opener(self, sandbox: GmailSandbox, **settings: Any) -> Opener:
        key = json.dumps(sandbox.service_account_info())
        return Opener(gmail_exporter, (sandbox.base_url, key, _STAFF.head("it").email), settings)

    def credentials(self, sandbox: GmailSandbox) -> dict[str, str]:
        return {
            "GOOGLE_SERVICE_ACCOUNT_JSON": json.dumps(sandbox.service_account_info()),
            "GOOGLE_ADMIN_SUBJECT": _STAFF.head("it").email,
        }

    def selection(self) -> GmailSelection:
        return GmailSelection(mailboxes=[box.address for box in self.company().boxes()[:5]])

    def shuffle_access(self, company: Mailboxes, dice: Random) -> None:
        """Mails to some, deleted by some, and forged ones that carry another's Message-ID."""
        boxes = company.boxes()
        for number in range(6):
            sender, *to = dice.sample(boxes, dice.randint(2, 4))
            said = f"For {len(to)} only, number {number} {dice.getrandbits(40):x}"
            addresses = [box.address for box in to]
            known = company.write(sender.address, to=addresses, subject=said, text=f"{said} kept.")
            company.deliver(
                f"From: x@outside.example\nTo: {dice.choice(boxes).address}\n"
                f"Message-ID: {known}\nSubject: Forged {said}\n\nLet me in.\n",
                [dice.choice(boxes).address],
            )
        for box in boxes:
            for name in dice.sample(sorted(box.messages), min(3, len(box.messages))):
                (company.delete if dice.random() < 0.5 else company.trash)(box.address, name)

    def people(self, company: Mailboxes) -> list[str]:
        return [box.address for box in company.boxes()]

    def may_read(self, company: Mailboxes, person: str, document: Document) -> bool:
        return bool(self._copies(company, person, document))

    def is_promised(self, company: Mailboxes, person: str, document: Document) -> bool:
        """Not what lies in the trash or in spam, nor in a mailbox that is not synced."""
        return person in (self.selection().mailboxes or ()) and any(
            not {"TRASH", "SPAM"} & set(message.labels)
            for message in self._copies(company, person, document)
        )

    def blindfolds(self) -> list[Fault]:
        refused = {"error": {"code": 403, "message": "Denied", "errors": [{"reason": "forbidden"}]}}
        return [
            Fault("answer", operation, times=None, status=403, body=refused)
            for operation in ("*users*", "*labels*")
        ]

    def secret_opener(self, company: Mailboxes, sandbox: GmailSandbox) -> tuple[Opener, list[str]]:
        key = sandbox.service_account_info()["private_key"]
        return self.opener(sandbox), [key, *(line for line in key.splitlines() if len(line) > 30)]

    @staticmethod
    def _copies(company: Mailboxes, person: str, document: Document) -> list[Message]:
        """A person's copies of a mail, told by all of what was sent."""
        extra = document.metadata["extra"]
        return [
            message
            for message in company.box(person).messages.values()
            if _told(message.mail.raw)
            == (extra["message_id"], document.metadata["title"].startswith("Forged "))
        ]


@cache
def _told(raw: bytes) -> tuple[str, bool]:
    """The Message-ID of a mail, and whether it was forged."""
    mail = message_from_bytes(raw)
    return str(mail["Message-ID"]).strip("<>"), str(mail["Subject"]).startswith("Forged ")
