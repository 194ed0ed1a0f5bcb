"""Jira: two projects of a company."""

from contextlib import AbstractContextManager
from random import Random

from exporters.base import BaseExporter
from exporters.jira.exporter import JiraExporter
from exporters.jira.settings import JiraSelection, JiraSettings
from faults.stages.base import FREE, NOW, Clock, Opener, Stage
from sandbox.jira import ADMIN_TOKEN, SYNC_EMAIL, JiraSandbox, generate_site
from sandbox.jira.site import Site

PROJECTS = ("PAY", "WEB")


def jira_exporter(address: str, *, now: Clock) -> BaseExporter:
    settings = JiraSettings.model_validate(
        {
            "base_url": address, "email": SYNC_EMAIL, "id_page_size": 20, "bulk_size": 10,
            "page_size": 20, "sweep_hours": 0, "catalog_hours": 0, "rate_limits": {"*": FREE},
        }
    )  # fmt: skip
    return JiraExporter(ADMIN_TOKEN, settings=settings, now=now)


class JiraStage(Stage[Site, JiraSandbox]):
    source = "jira"

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

    def step(self, company: Site, dice: Random) -> None:
        """Something with an issue, or with who may see a project.

        What others name as their parent or are linked with stays where it is: Jira does not tell
        of those others.
        """
        person = "knowledge.sync"
        project = company.project(dice.choice(PROJECTS))
        issues = company.issues_of(project.id)
        issue = dice.choice(issues)
        alone = not (company.children_of.get(issue.id) or company.links_of.get(issue.id))
        text = f"Number {dice.randrange(10_000)}"
        # Not the account that syncs: Jira does not tell of comments that it may read again.
        others = sorted(company.people.keys() - {company.person(person).account_id})
        acts = ("create", "comment", "edit", "delete", "move", "attach", "detach", "role", "group")
        match dice.choice(acts):
            case "comment":
                company.comment(issue.key, person, text)
            case "edit" if alone:
                company.edit_issue(issue.key, summary=text)
            case "delete" if alone and len(issues) > 5:
                company.delete_issue(issue.key)
            case "move" if alone:
                [other] = {*PROJECTS} - {project.key}
                company.move_issue(issue.key, other)
            case "attach":
                company.attach(issue.key, person, "notes.txt", text.encode())
            case "detach" if issue.attachments:
                company.remove_attachment(issue.key, issue.attachments[0].id)
            case "role":
                role, actors = dice.choice(sorted(project.roles.items()))
                someone = dice.choice(others)
                if someone in actors.people:
                    company.remove_role_actor(project.key, role, person=someone)
                else:
                    company.add_role_actor(project.key, role, person=someone)
            case "group":
                group, someone = (
                    company.group("leadership-team"),
                    dice.choice(sorted(company.people)),
                )
                change = company.add_to_group
                if someone in group.members:
                    change = company.remove_from_group
                change(group.name, someone)
            case _:
                company.create_issue(project.key, text, reporter=person)

    def passes(self, company: Site, seconds: float) -> None:
        company.clock.advance(seconds)

    def served(self, company: Site) -> AbstractContextManager[JiraSandbox]:
        return JiraSandbox(company)

    def opener(self, sandbox: JiraSandbox) -> Opener:
        return Opener(jira_exporter, (sandbox.base_url,))

    def credentials(self, sandbox: JiraSandbox) -> dict[str, str]:
        return {"JIRA_TOKEN": ADMIN_TOKEN}

    def selection(self) -> JiraSelection:
        return JiraSelection(projects=list(PROJECTS))
