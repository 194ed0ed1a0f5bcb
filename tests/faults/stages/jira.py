"""Jira: two projects of a company."""

from contextlib import AbstractContextManager
from typing import Any

from exporters.base import BaseExporter
from exporters.jira.exporter import JiraExporter
from exporters.jira.settings import JiraSelection, JiraSettings
from faults.stages.base import FREE, NOW, Opener, Stage, now
from sandbox.jira import ADMIN_TOKEN, SYNC_EMAIL, JiraSandbox, generate_site
from sandbox.jira.site import Site


def jira_exporter(address: str, **changes: Any) -> BaseExporter:
    settings = JiraSettings.model_validate(
        {
            "base_url": address, "email": SYNC_EMAIL, "id_page_size": 20, "bulk_size": 10,
            "page_size": 20, "sweep_hours": 0, "rate_limits": {"*": FREE}, **changes,
        }
    )  # fmt: skip
    return JiraExporter(ADMIN_TOKEN, settings=settings, now=now)


class JiraStage(Stage[Site, JiraSandbox]):
    source = "jira"
    files = frozenset({"attachment/content/{attachment}"})

    def company(self) -> Site:
        return generate_site(issues=60, seed=7, now=NOW)

    def move(self, company: Site) -> None:
        """Comments, edits, new issues, deletes."""
        company.comment("PAY-482", "knowledge.sync", "It happened again.")
        company.edit_issue("PAY-497", summary="Northsound passengers were charged twice")
        company.create_issue("PAY", "Refund the last ten bookings", reporter="knowledge.sync")
        web = company.issues_of(company.project("WEB").id)
        some = [issue for issue in web if issue.attachments] or web
        company.delete_issue(some[0].key)

    def served(self, company: Site) -> AbstractContextManager[JiraSandbox]:
        return JiraSandbox(company)

    def opener(self, sandbox: JiraSandbox, **settings: Any) -> Opener:
        return Opener(jira_exporter, (sandbox.base_url,), settings)

    def selection(self) -> JiraSelection:
        return JiraSelection(projects=["PAY", "WEB"])
