"""Gmail: five mailboxes of a company."""

import json
from contextlib import AbstractContextManager
from typing import Any

from exporters.base import BaseExporter
from exporters.gmail.exporter import GmailExporter
from exporters.gmail.settings import GmailSelection, GmailSettings
from faults.stages.base import FREE, NOW, Opener, Stage, now
from sandbox.gmail import GmailSandbox, generate_mailboxes, harbourline_staff
from sandbox.gmail.mailboxes import Mailboxes

_STAFF = harbourline_staff(seed=7)


def gmail_exporter(address: str, key: str, admin: str, **changes: Any) -> BaseExporter:
    settings = GmailSettings.model_validate(
        {
            "base_url": address, "directory_url": address, "page_size": 10, "batch_size": 5,
            "rate_limits": {"mailbox": FREE, "*": FREE}, **changes,
        }
    )  # fmt: skip
    return GmailExporter(key, admin, settings=settings, now=now)


class GmailStage(Stage[Mailboxes, GmailSandbox]):
    source = "gmail"
    inside = frozenset({"messages.get"})

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

    def served(self, company: Mailboxes) -> AbstractContextManager[GmailSandbox]:
        return GmailSandbox(company)

    def opener(self, sandbox: GmailSandbox, **settings: Any) -> Opener:
        key = json.dumps(sandbox.service_account_info())
        return Opener(gmail_exporter, (sandbox.base_url, key, _STAFF.head("it").email), settings)

    def selection(self) -> GmailSelection:
        return GmailSelection(mailboxes=[box.address for box in self.company().boxes()[:5]])
