"""Jira: two projects of a company."""

from base64 import b64encode
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from random import Random
from typing import Any, ClassVar

from langchain_core.documents import Document

from exporters.base import BaseExporter
from exporters.jira.exporter import JiraExporter
from exporters.jira.settings import JiraSelection, JiraSettings
from faults.stages.base import CANARY, FREE, NOW, Clock, Opener, Stage
from sandbox.faults import Fault
from sandbox.jira import ADMIN_TOKEN, SYNC_EMAIL, JiraSandbox, generate_site
from sandbox.jira.model import Person, Project
from sandbox.jira.projects import ADMIN_GROUP, LICENSED_GROUP
from sandbox.jira.site import Site
from sandbox.jira.tokens import SYNC_NAME
from sandbox.jira.viewer import BROWSE, Viewer

PROJECTS = ("PAY", "WEB")


def jira_exporter(
    address: str, token: str = ADMIN_TOKEN, *, now: Clock, **changes: Any
) -> BaseExporter:
    settings = JiraSettings.model_validate(
        {
            "base_url": address, "email": SYNC_EMAIL, "id_page_size": 20, "bulk_size": 10,
            "page_size": 20, "sweep_hours": 0, "catalog_hours": 0, "rate_limits": {"*": FREE},
            **changes,
        }
    )  # fmt: skip
    return JiraExporter(token, settings=settings, now=now)


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
            **self.credentials(sandbox),
            "DATA_GETTERS_JIRA__BASE_URL": sandbox.base_url,
            "DATA_GETTERS_JIRA__EMAIL": SYNC_EMAIL,
        }

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

    def opener(self, sandbox: JiraSandbox, **settings: Any) -> Opener:
        return Opener(jira_exporter, (sandbox.base_url,), settings)

    def credentials(self, sandbox: JiraSandbox) -> dict[str, str]:
        return {"JIRA_API_TOKEN": ADMIN_TOKEN}

    def selection(self) -> JiraSelection:
        return JiraSelection(projects=list(PROJECTS))

    def shuffle_access(self, company: Site, dice: Random) -> None:
        """Groups, roles, schemes, security levels, assignees, restricted comments, privacy."""
        people = [p for p in company.people.values() if p.name != SYNC_NAME]
        groups = [g for g in company.groups.values() if g.name not in (ADMIN_GROUP, LICENSED_GROUP)]
        for group in groups:
            for person in dice.sample(people, 4):
                gone = person.account_id in group.members
                (company.remove_from_group if gone else company.add_to_group)(
                    group.id, person.account_id
                )
        for person in dice.sample(people, 4):
            company.set_person(person.account_id, email_visible=dice.random() < 0.7)
        for project in map(company.project, ("PAY", "WEB")):
            scheme = company.add_scheme(f"Shuffled {dice.getrandbits(40):x}")
            company.grant(scheme, "ADMINISTER_PROJECTS", "group", ADMIN_GROUP)
            company.grant(scheme, BROWSE, "group", ADMIN_GROUP)
            for kind, parameter in dice.sample(
                [
                    ("group", dice.choice(groups).id), ("user", dice.choice(people).account_id),
                    ("projectRole", str(dice.choice(sorted(project.roles)))), ("reporter", ""),
                    ("assignee", ""), ("projectLead", ""),
                ], 3,
            ):  # fmt: skip
                company.grant(scheme, BROWSE, kind, parameter)
            company.set_scheme(project.key, scheme)
            for role in project.roles:
                company.add_role_actor(
                    project.key, role, person=dice.choice(people).account_id,
                    group=dice.choice(groups).id,
                )  # fmt: skip
            self._shuffle_levels(company, project, dice, people)

    @staticmethod
    def _shuffle_levels(
        company: Site, project: Project, dice: Random, people: list[Person]
    ) -> None:
        scheme = company.add_security_scheme(f"Levels {dice.getrandbits(40):x}")
        name = f"Few {dice.getrandbits(20):x}"
        level = company.add_security_level(scheme, name)
        company.add_level_member(level, "user", dice.choice(people).account_id)
        company.add_level_member(level, "group", ADMIN_GROUP)
        company.add_level_member(level, dice.choice(("reporter", "assignee", "projectLead")))
        company.set_security_scheme(project.key, scheme)
        for issue in company.issues_of(project.id):
            company.edit_issue(issue.key, security=name if dice.random() < 0.3 else None)
            if dice.random() < 0.3:
                company.edit_issue(issue.key, assignee=dice.choice(people).account_id)
            for comment in list(issue.comments):
                if dice.random() < 0.3:
                    role = dice.choice([None, *project.roles])
                    company.restrict_comment(issue.key, comment.id, role=role)

    def people(self, company: Site) -> list[str]:
        return [p.email for p in company.people.values() if p.email and p.account_type != "app"]

    def may_read(self, company: Site, person: str, document: Document) -> bool:
        viewer = self._viewer(company, person)
        if viewer is None:
            return False
        about = document.metadata
        if about["entity"] not in {"issue", "comment", "attachment"}:
            project = company.find_project(str((about["container"] or {}).get("id") or ""))
            return project is None or viewer.may_browse(project)
        number, _, part = about["external_id"].partition("/")
        issue = company.issues.get(int(number))
        if issue is None or not viewer.may_see(issue):
            return False
        if about["entity"] == "comment":
            project = company.projects[issue.project]
            return any(str(c.id) == part and viewer.may_read(c, project) for c in issue.comments)
        return True

    def is_promised(self, company: Site, person: str, document: Document) -> bool:
        """Not to customers of a portal, nor to who hides the address; and issues alone."""
        viewer = self._viewer(company, person)
        return (
            viewer is not None
            and viewer.person is not None
            and viewer.person.account_type != "customer"
            and viewer.person.email_visible
            and document.metadata["entity"] == "issue"
            and self.may_read(company, person, document)
        )

    def blindfolds(self) -> list[Fault]:
        return [
            Fault("server_error", operation, times=None, status=403)
            for operation in (
                "*group/member*", "*permissionscheme*", "*role*", "*security*", "*applicationrole*",
            )
        ]  # fmt: skip

    def secret_opener(self, company: Site, sandbox: JiraSandbox) -> tuple[Opener, list[str]]:
        known = company.tokens[ADMIN_TOKEN]
        company.issue_token(CANARY, known.person, kind=known.kind, scopes=known.scopes)
        basic = b64encode(f"{SYNC_EMAIL}:{CANARY}".encode()).decode()
        return Opener(jira_exporter, (sandbox.base_url, CANARY)), [CANARY, basic]

    def secret_credentials(self, sandbox: JiraSandbox) -> dict[str, str]:
        return {"JIRA_API_TOKEN": CANARY}

    @staticmethod
    def _viewer(company: Site, person: str) -> Viewer | None:
        found = next((p for p in company.people.values() if p.email == person), None)
        return Viewer(company, found) if found is not None and found.active else None
