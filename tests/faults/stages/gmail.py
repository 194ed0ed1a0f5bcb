"""Gmail: five mailboxes of a company."""

import json
from contextlib import AbstractContextManager
from random import Random

from exporters.base import BaseExporter
from exporters.gmail.exporter import GmailExporter
from exporters.gmail.settings import GmailSelection, GmailSettings
from faults.stages.base import FREE, NOW, Clock, Opener, Stage, hurried
from sandbox.gmail import GmailSandbox, generate_mailboxes, harbourline_staff
from sandbox.gmail.mailboxes import Mailboxes

_STAFF = harbourline_staff(seed=7)


def gmail_exporter(address: str, key: str, admin: str, *, now: Clock) -> BaseExporter:
    settings = GmailSettings.model_validate(
        {
            "base_url": address, "directory_url": address, "page_size": 10, "batch_size": 5,
            "rate_limits": {"mailbox": FREE, "*": FREE},
        }
    )  # fmt: skip
    return GmailExporter(key, admin, settings=settings, now=now)


class GmailStage(Stage[Mailboxes, GmailSandbox]):
    source = "gmail"

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

    def opener(self, sandbox: GmailSandbox) -> Opener:
        key = json.dumps(sandbox.service_account_info())
        return Opener(gmail_exporter, (sandbox.base_url, key, _STAFF.head("it").email))

    def credentials(self, sandbox: GmailSandbox) -> dict[str, str]:
        return {
            "GOOGLE_SERVICE_ACCOUNT_JSON": json.dumps(sandbox.service_account_info()),
            "GOOGLE_ADMIN_SUBJECT": _STAFF.head("it").email,
        }

    def selection(self) -> GmailSelection:
        return GmailSelection(mailboxes=[box.address for box in self.company().boxes()[:5]])
