"""Who asks, and what they may see.

An issue is seen by who may browse its project by the permission scheme **and**, where the issue has
a security level, is a member of that level. Reporter, assignee and people in a user field count per
issue; for the project itself Jira takes such a grant as one to everybody who is logged in, which is
how projects show up in lists although no issue in them can be seen.
"""

from collections.abc import Iterable

from sandbox.jira.catalogue import FIELDS
from sandbox.jira.custom_fields import kind_of
from sandbox.jira.model import (
    Comment,
    Holder,
    Issue,
    Person,
    Project,
    SecurityLevel,
    Visibility,
    Worklog,
)
from sandbox.jira.projects import ADMIN_GROUP, LICENSED_GROUP
from sandbox.jira.site import Site

BROWSE = "BROWSE_PROJECTS"
ADMINISTER_PROJECT = "ADMINISTER_PROJECTS"

_PER_ISSUE = frozenset({"reporter", "assignee", "userCustomField", "groupCustomField"})


class Viewer:
    """A site through the eyes of one account, or of nobody (anonymous).

    Attributes:
        site: The site.
        person: Who asks; None without credentials.
        tz: The time zone dates are written and read in.
    """

    def __init__(self, site: Site, person: Person | None) -> None:
        self.site = site
        self.person = person
        self.tz = "UTC" if person is None else person.tz
        self._groups = (
            frozenset()
            if person is None
            else frozenset(g.id for g in site.groups.values() if person.account_id in g.members)
        )
        self._admin = site.group(ADMIN_GROUP).id in self._groups
        self._plain: dict[tuple[str, int, str], bool] = {}

    @property
    def id(self) -> str:
        """The account id; empty for nobody."""
        return "" if self.person is None else self.person.account_id

    @property
    def is_admin(self) -> bool:
        """Whether they administer Jira (a global permission)."""
        return self._admin

    def browsable(self) -> list[Project]:
        """The projects they may browse, by key; archived ones are not among them."""
        found = [p for p in self.site.projects.values() if self.may_browse(p)]
        return sorted(found, key=lambda project: project.key)

    def may_browse(self, project: Project) -> bool:
        """Whether a project shows up for them."""
        return project.archived_at is None and self.has(BROWSE, project)

    def may_see(self, issue: Issue) -> bool:
        """Whether they may see an issue."""
        project = self.site.projects.get(issue.project)
        return (
            project is not None
            and project.archived_at is None
            and self.has(BROWSE, project, issue)
            and self._clears(issue, project)
        )

    def administers(self, project: Project) -> bool:
        """Whether they may read how a project is set up."""
        return self._admin or self.has(ADMINISTER_PROJECT, project)

    def has(self, permission: str, project: Project, issue: Issue | None = None) -> bool:
        """Whether the project's scheme grants them a permission, on one issue or at all."""
        for grant in self.site.schemes[project.scheme].grants:
            if grant.permission == permission and self._is(grant.holder, project, issue):
                return True
        return False

    def may_read(self, entry: Comment | Worklog, project: Project) -> bool:
        """Whether a comment or worklog is kept from them."""
        return entry.visibility is None or self._within(entry.visibility, project)

    def comments(self, issue: Issue) -> list[Comment]:
        """The comments they may read, oldest first."""
        project = self.site.projects[issue.project]
        return [comment for comment in issue.comments if self.may_read(comment, project)]

    def worklogs(self, issue: Issue) -> list[Worklog]:
        """The worklogs they may read, oldest first."""
        project = self.site.projects[issue.project]
        return [worklog for worklog in issue.worklogs if self.may_read(worklog, project)]

    def sees_email_of(self, person: Person) -> bool:
        """Whether they are told somebody's address: their own always, Data Center's too."""
        return not self.site.is_cloud or person.email_visible or person.account_id == self.id

    def clears_level(self, level: SecurityLevel, project: Project) -> bool:
        """Whether they are a member of a security level at all."""
        return self._any((member.holder for member in level.members), project, None)

    def _clears(self, issue: Issue, project: Project) -> bool:
        if issue.security is None:
            return True
        level = self.site.security_level(issue.security)
        return self._any((member.holder for member in level.members), project, issue)

    def _any(self, holders: Iterable[Holder], project: Project, issue: Issue | None) -> bool:
        return any(self._is(holder, project, issue) for holder in holders)

    def _is(self, holder: Holder, project: Project, issue: Issue | None) -> bool:
        if holder.type in _PER_ISSUE:
            if self.person is None:
                return False
            return True if issue is None else self._is_on(holder, issue)
        key = (holder.type, project.id, holder.parameter)
        if key not in self._plain:
            self._plain[key] = self._is_in(holder, project)
        return self._plain[key]

    def _is_in(self, holder: Holder, project: Project) -> bool:  # noqa: PLR0911
        if holder.type == "anyone":
            return True
        if self.person is None:
            return False
        match holder.type:
            case "group":
                return holder.parameter in self._groups
            case "user":
                return holder.parameter == self.id
            case "projectLead":
                return project.lead == self.id
            case "projectRole":
                return self._plays(int(holder.parameter), project)
            case "applicationRole":
                return self.site.group(LICENSED_GROUP).id in self._groups
        return False

    def _is_on(self, holder: Holder, issue: Issue) -> bool:
        if holder.type == "reporter":
            return issue.reporter == self.id
        if holder.type == "assignee":
            return issue.assignee == self.id
        value = issue.values.get(holder.parameter)
        if value is None:
            return False
        values = (value,) if isinstance(value, str) else value
        if kind_of(FIELDS[holder.parameter]) in ("grouppicker", "multigrouppicker"):
            return not self._groups.isdisjoint(values)
        return self.id in values

    def _plays(self, role: int, project: Project) -> bool:
        actors = project.roles[role]
        return self.id in actors.people or not self._groups.isdisjoint(actors.groups)

    def _within(self, visibility: Visibility, project: Project) -> bool:
        if self.person is None:
            return False
        if visibility.type == "group":
            return visibility.id in self._groups
        return self._plays(int(visibility.id), project)
