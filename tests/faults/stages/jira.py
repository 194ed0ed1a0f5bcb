"""Jira: two projects of a company."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, ClassVar

from exporters.base import BaseExporter
from exporters.jira.exporter import JiraExporter
from exporters.jira.settings import JiraSelection, JiraSettings
from faults.stages.base import FREE, NOW, Opener, Stage, now
from sandbox.faults import Fault
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


def _refusal(endpoint: str, status: int) -> Fault:
    body = {"errorMessages": ["Refused."], "errors": {}}
    return Fault("answer", endpoint, times=None, status=status, body=body)


class JiraStage(Stage[Site, JiraSandbox]):
    source = "jira"
    files = frozenset({"attachment/content/{attachment}"})
    finest: ClassVar[Mapping[str, Any]] = {"id_page_size": 4, "bulk_size": 3, "page_size": 2}
    contents = "search/jql"
    refused = _refusal("*", 401)
    unscoped = _refusal("search/jql", 403)
    lost_page = replace(_refusal("search/jql", 400), skip=2, times=1)

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

    def close(self, company: Site) -> str:
        project = company.project("WEB")
        company.set_scheme("WEB", company.add_scheme("Closed"))
        return str(project.id)

    def reopen(self, company: Site) -> None:
        company.set_scheme("WEB", company.project("PAY").scheme)

    def remove(self, company: Site) -> str:
        key = str(company.project("WEB").id)
        company.delete_project("WEB")
        return key

    def leave(self, company: Site) -> None:
        company.set_person(company.issues_of(company.project("WEB").id)[0].reporter, active=False)

    def environment(self, sandbox: JiraSandbox) -> dict[str, str]:
        return {
            "JIRA_API_TOKEN": ADMIN_TOKEN,
            "DATA_GETTERS_JIRA__BASE_URL": sandbox.base_url,
            "DATA_GETTERS_JIRA__EMAIL": SYNC_EMAIL,
        }

    def served(self, company: Site) -> AbstractContextManager[JiraSandbox]:
        return JiraSandbox(company)

    def opener(self, sandbox: JiraSandbox, **settings: Any) -> Opener:
        return Opener(jira_exporter, (sandbox.base_url,), settings)

    def selection(self) -> JiraSelection:
        return JiraSelection(projects=["PAY", "WEB"])
