"""Gmail: five mailboxes of a company."""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, ClassVar

from exporters.base import BaseExporter
from exporters.gmail.exporter import GmailExporter
from exporters.gmail.settings import GmailSelection, GmailSettings
from faults.stages.base import FREE, NOW, Opener, Stage, now
from sandbox.faults import Fault
from sandbox.gmail import GmailSandbox, generate_mailboxes, harbourline_staff
from sandbox.gmail.mailboxes import Mailboxes
from sandbox.google.errors import GoogleError

_STAFF = harbourline_staff(seed=7)


def gmail_exporter(address: str, key: str, admin: str, **changes: Any) -> BaseExporter:
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
            "GOOGLE_SERVICE_ACCOUNT_JSON": json.dumps(sandbox.service_account_info()),
            "GOOGLE_ADMIN_SUBJECT": _STAFF.head("it").email,
            "DATA_GETTERS_GMAIL__BASE_URL": sandbox.base_url,
            "DATA_GETTERS_GMAIL__DIRECTORY_URL": sandbox.base_url,
        }

    @staticmethod
    def _busiest(company: Mailboxes) -> str:
        """The one of those synced with the most mails."""
        return max(company.boxes()[:5], key=lambda box: len(box.messages)).address

    def served(self, company: Mailboxes) -> AbstractContextManager[GmailSandbox]:
        return GmailSandbox(company)

    def opener(self, sandbox: GmailSandbox, **settings: Any) -> Opener:
        key = json.dumps(sandbox.service_account_info())
        return Opener(gmail_exporter, (sandbox.base_url, key, _STAFF.head("it").email), settings)

    def selection(self) -> GmailSelection:
        return GmailSelection(mailboxes=[box.address for box in self.company().boxes()[:5]])
