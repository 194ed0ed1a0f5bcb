"""Every source: killed at each checkpoint and anywhere else, and run again, it ends all the same.

Each source is a sandbox with a small company, and the same one some changes later. A source joins
with an `open_exporter` and what changes in between.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from contract_kill_and_resume import KillAndResume, Rehearsal
from watched_stores import Watch, settings_in, watched

from exporters.base import BaseExporter
from exporters.gmail.exporter import GmailExporter
from exporters.gmail.settings import GmailSelection, GmailSettings
from exporters.jira.exporter import JiraExporter
from exporters.jira.settings import JiraSelection, JiraSettings
from exporters.registry import source
from exporters.slack.exporter import SlackExporter
from exporters.slack.settings import TIER_LIMITS, SlackSelection, SlackSettings
from sandbox.gmail import GmailSandbox, generate_mailboxes, harbourline_staff
from sandbox.gmail.mailboxes import Mailboxes
from sandbox.jira import ADMIN_TOKEN, SYNC_EMAIL, JiraSandbox, generate_site
from sandbox.jira.site import Site
from sandbox.slack import BOT_TOKEN, SlackSandbox, Workspace, generate_company
from tasks.options import SyncOptions
from tasks.stores import Stores

NOW = 1_795_000_000.0
CLOCK = datetime.fromtimestamp(NOW, UTC)
FREE = {"per_minute": 1_000_000, "burst": 100_000}


def now() -> datetime:
    return CLOCK


@dataclass(frozen=True)
class Open:
    """Makes the exporter of a phase, in any process.

    Attributes:
        make: Of a sandbox's address and what else it takes.
        addresses: Of the company, and of the same one later.
        more: What else it takes.
    """

    make: Callable[..., BaseExporter]
    addresses: tuple[str, ...]
    more: dict[str, str] = field(default_factory=dict)

    def __call__(self, phase: int) -> BaseExporter:
        return self.make(self.addresses[phase], **self.more)


def slack_exporter(address: str) -> BaseExporter:
    settings = SlackSettings.model_validate(
        {
            "base_url": f"{address}/api/",
            "page_size": 40,
            "rate_limits": dict.fromkeys(TIER_LIMITS, FREE),
        }
    )
    return SlackExporter(BOT_TOKEN, settings=settings, now=now)


def gmail_exporter(address: str, key: str, admin: str) -> BaseExporter:
    settings = GmailSettings.model_validate(
        {
            "base_url": address, "directory_url": address, "page_size": 10, "batch_size": 5,
            "rate_limits": {"mailbox": FREE, "*": FREE},
        }
    )  # fmt: skip
    return GmailExporter(key, admin, settings=settings, now=now)


def jira_exporter(address: str) -> BaseExporter:
    settings = JiraSettings.model_validate(
        {
            "base_url": address, "email": SYNC_EMAIL, "id_page_size": 20, "bulk_size": 10,
            "page_size": 20, "sweep_hours": 0, "rate_limits": {"*": FREE},
        }
    )  # fmt: skip
    return JiraExporter(ADMIN_TOKEN, settings=settings, now=now)


def move_slack(workspace: Workspace) -> None:
    """News, a reply to a thread, an edit and a delete in each channel."""
    for channel in ("general", "incidents", "payments"):
        told = workspace.channel(channel)
        oldest, *_, newest = (told.messages[ts] for ts in told.timeline)
        workspace.edit(channel, newest.ts, "What was meant is this.")
        workspace.reply(channel, newest.ts, newest.user, "One more thing", ts=f"{NOW - 60:.6f}")
        workspace.post(channel, oldest.user, f"News of {channel}", ts=f"{NOW - 30:.6f}")
        workspace.delete(channel, told.timeline[-2])


def move_gmail(mailboxes: Mailboxes) -> None:
    """New mails to several, labels, trash and deletes."""
    for number, box in enumerate(mailboxes.boxes()[:4]):
        names = list(box.messages)
        if len(names) > 3:
            mailboxes.mark_read(box.address, names[0])
            mailboxes.trash(box.address, names[1])
            mailboxes.delete(box.address, names[2])
        others = [other.address for other in mailboxes.boxes()[number + 1 : number + 3]]
        mailboxes.write(box.address, to=others, subject=f"News {number}", text="Said to two.")


def move_jira(site: Site) -> None:
    """Comments, edits, new issues, deletes."""
    site.comment("PAY-482", "knowledge.sync", "It happened again.")
    site.edit_issue("PAY-497", summary="Northsound passengers were charged twice")
    site.create_issue("PAY", "Refund the last ten bookings", reporter="knowledge.sync")
    some = [issue for issue in site.issues_of(site.project("WEB").id) if issue.attachments][:1]
    for issue in some or site.issues_of(site.project("WEB").id)[:1]:
        site.delete_issue(issue.key)


def opened(folder: Path, watch: Watch) -> Stores:
    return watched(settings_in(folder), watch)


class SourceKilled(KillAndResume):
    """What all sources pass."""

    random_moments = 4
    name: str
    selection: Any

    @classmethod
    def sandboxes(cls, stack: ExitStack) -> Open:
        """The company, and the same one later."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def rehearsal(cls) -> Iterator[Rehearsal]:
        manifest = source(cls.name)
        with ExitStack() as stack:
            yield Rehearsal(
                open_exporter=cls.sandboxes(stack),
                open_stores=opened,
                selection=cls.selection,
                options=SyncOptions(batch_records=25, max_delete_percent=50),
                store_name=manifest.load(manifest.document_type).store_name,
                custom=manifest.load(manifest.processing or ""),
            )


class TestSlack(SourceKilled):
    name = "slack"
    selection = SlackSelection(channels=["general", "incidents", "payments"])

    @classmethod
    def sandboxes(cls, stack: ExitStack) -> Open:
        companies = [generate_company(messages=400, seed=7, now=NOW) for _ in range(2)]
        move_slack(companies[1])
        served = [stack.enter_context(SlackSandbox(company)) for company in companies]
        return Open(slack_exporter, tuple(sandbox.base_url for sandbox in served))


class TestGmail(SourceKilled):
    name = "gmail"

    @classmethod
    def sandboxes(cls, stack: ExitStack) -> Open:
        staff = harbourline_staff(seed=7)
        told = [generate_mailboxes(staff, messages=120, seed=7, now=NOW) for _ in range(2)]
        cls.selection = GmailSelection(mailboxes=[box.address for box in told[0].boxes()[:5]])
        move_gmail(told[1])
        served = [stack.enter_context(GmailSandbox(mailboxes)) for mailboxes in told]

        more = {
            "key": json.dumps(served[0].service_account_info()),
            "admin": staff.head("it").email,
        }
        return Open(gmail_exporter, tuple(sandbox.base_url for sandbox in served), more)


class TestJira(SourceKilled):
    name = "jira"
    selection = JiraSelection(projects=["PAY", "WEB"])

    @classmethod
    def sandboxes(cls, stack: ExitStack) -> Open:
        sites = [generate_site(issues=60, seed=7, now=NOW) for _ in range(2)]
        move_jira(sites[1])
        served = [stack.enter_context(JiraSandbox(site)) for site in sites]
        return Open(jira_exporter, tuple(sandbox.base_url for sandbox in served))
