"""Projects and what they are set up with: schemes, roles, versions, components, boards, sprints."""

import re
from typing import Literal

from sandbox.jira.catalogue import ADMINISTRATORS, ROLES
from sandbox.jira.directory import Directory, mutation
from sandbox.jira.model import (
    Actors,
    Board,
    Component,
    Flavour,
    Grant,
    Holder,
    LevelMember,
    PermissionScheme,
    Project,
    ProjectType,
    SecurityLevel,
    SecurityScheme,
    Sprint,
    SprintState,
    Version,
)
from sandbox.jira.times import Clock

ADMIN_GROUP = "org-admins"
LICENSED_GROUP = "jira-users"

_KEY = re.compile(r"[A-Z][A-Z0-9]+\Z")


class Projects(Directory):
    """The site's configuration.

    Arguments called ``project`` take an id or a key, also one it had before.

    Attributes:
        projects: By id.
        schemes: Permission schemes by id.
        security_schemes: By id.
        versions: By id.
        components: By id.
        boards: By id.
        sprints: By id.
    """

    def __init__(
        self,
        name: str,
        *,
        flavour: Flavour = "cloud",
        seed: int = 7,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(name, flavour=flavour, seed=seed, clock=clock)
        self.projects: dict[int, Project] = {}
        self.schemes: dict[int, PermissionScheme] = {}
        self.security_schemes: dict[int, SecurityScheme] = {}
        self.versions: dict[str, Version] = {}
        self.components: dict[str, Component] = {}
        self.boards: dict[int, Board] = {}
        self.sprints: dict[int, Sprint] = {}
        self._project_keys: dict[str, int] = {}
        self.add_group(ADMIN_GROUP)
        self.add_group(LICENSED_GROUP)
        self.default_scheme = self.add_scheme("Default Permission Scheme")
        self.grant(self.default_scheme, "BROWSE_PROJECTS", "applicationRole")
        self.grant(self.default_scheme, "ADD_COMMENTS", "applicationRole")
        self.grant(self.default_scheme, "ADMINISTER_PROJECTS", "projectRole", str(ADMINISTRATORS))

    def project(self, project: str | int) -> Project:
        """One project.

        Raises:
            LookupError: There is none.
        """
        found = self.find_project(str(project))
        if found is None:
            raise LookupError(f"no project {project!r}")
        return found

    def find_project(self, project: str) -> Project | None:
        """One project by id or key, or None; keys are not case-sensitive."""
        number = int(project) if project.isdigit() else self._project_keys.get(project.upper(), -1)
        return self.projects.get(number)

    @mutation
    def add_scheme(self, name: str, description: str = "") -> int:
        """Make an empty permission scheme and return its id."""
        scheme_id = self.new_id("permission scheme")
        self.schemes[scheme_id] = PermissionScheme(scheme_id, name, description)
        return scheme_id

    @mutation
    def grant(self, scheme: int, permission: str, holder: str, parameter: str = "") -> int:
        """Add a line to a permission scheme and return its id.

        Args:
            scheme: Its id.
            permission: ``BROWSE_PROJECTS`` ...
            holder: A type of :class:`sandbox.jira.model.Holder`.
            parameter: Group (id or name), role id, person or field id.
        """
        grant_id = self.new_id("grant")
        grant = Grant(grant_id, permission, self._holder(holder, parameter))
        self.schemes[scheme].grants = [*self.schemes[scheme].grants, grant]
        return grant_id

    @mutation
    def revoke(self, scheme: int, grant: int) -> None:
        """Take a line out of a permission scheme."""
        kept = [line for line in self.schemes[scheme].grants if line.id != grant]
        self.schemes[scheme].grants = kept

    def _holder(self, kind: str, parameter: str) -> Holder:
        if kind == "group":
            return Holder(kind, self.group(parameter).id)
        if kind == "user":
            return Holder(kind, self.person(parameter).account_id)
        if kind == "projectRole" and int(parameter) not in ROLES:
            raise LookupError(f"no role {parameter}")
        return Holder(kind, parameter)

    @mutation
    def add_security_scheme(self, name: str) -> int:
        """Make an empty security scheme and return its id."""
        scheme_id = self.new_id("security scheme")
        self.security_schemes[scheme_id] = SecurityScheme(scheme_id, name)
        return scheme_id

    @mutation
    def add_security_level(
        self, scheme: int, name: str, description: str = "", *, default: bool = False
    ) -> int:
        """Add a level that nobody sees yet and return its id."""
        level_id = self.new_id("security level")
        self.security_schemes[scheme].levels[level_id] = SecurityLevel(level_id, name, description)
        if default:
            self.security_schemes[scheme].default_level = level_id
        return level_id

    @mutation
    def add_level_member(self, level: int, holder: str, parameter: str = "") -> int:
        """Let somebody see the issues of a level; returns the member's id."""
        member_id = self.new_id("level member")
        member = LevelMember(member_id, self._holder(holder, parameter))
        found = self.security_level(level)
        found.members = [*found.members, member]
        return member_id

    @mutation
    def remove_level_member(self, level: int, member: int) -> None:
        """Take a member out of a level."""
        found = self.security_level(level)
        found.members = [item for item in found.members if item.id != member]

    def security_level(self, level: int) -> SecurityLevel:
        """One level of any scheme.

        Raises:
            LookupError: There is none.
        """
        for scheme in self.security_schemes.values():
            if level in scheme.levels:
                return scheme.levels[level]
        raise LookupError(f"no security level {level}")

    @mutation
    def add_project(
        self,
        key: str,
        name: str,
        *,
        lead: str,
        scheme: int | None = None,
        type: ProjectType = "software",  # noqa: A002  (the vendor's word)
        description: str = "",
        security_scheme: int | None = None,
        category: str = "",
    ) -> int:
        """Make a project and return its id.

        Raises:
            ValueError: The key is taken or malformed.
        """
        self._check_key(key)
        project_id = self.new_id("project")
        self.projects[project_id] = Project(
            project_id,
            key,
            name,
            self.person(lead).account_id,
            self.default_scheme if scheme is None else scheme,
            type,
            description,
            security_scheme,
            category,
            roles={role: Actors() for role in ROLES},
        )
        self._project_keys[key] = project_id
        return project_id

    def _check_key(self, key: str) -> None:
        if not _KEY.match(key):
            raise ValueError(f"{key!r} is no project key: letters and digits, in capitals")
        if key in self._project_keys:
            raise ValueError(f"there is a project {key} already")

    def _forget_keys(self, project: Project) -> None:
        for key in (project.key, *project.old_keys):
            self._project_keys.pop(key, None)

    @mutation
    def rename_project(self, project: str, name: str) -> None:
        """Give a project another name; no issue's ``updated`` moves."""
        self.project(project).name = name

    @mutation
    def archive_project(self, project: str) -> None:
        """Archive a project: its issues leave JQL and cannot be browsed any more."""
        self.project(project).archived_at = self.clock()

    @mutation
    def restore_project(self, project: str) -> None:
        """Bring an archived project back."""
        self.project(project).archived_at = None

    @mutation
    def set_lead(self, project: str, person: str) -> None:
        """Make somebody else the lead."""
        self.project(project).lead = self.person(person).account_id

    @mutation
    def set_scheme(self, project: str, scheme: int) -> None:
        """Use another permission scheme.

        Raises:
            LookupError: No such scheme.
        """
        self.project(project).scheme = self.schemes[scheme].id

    @mutation
    def set_security_scheme(self, project: str, scheme: int | None) -> None:
        """Use another security scheme, or none."""
        self.project(project).security_scheme = scheme

    @mutation
    def add_role_actor(self, project: str, role: int, *, person: str = "", group: str = "") -> int:
        """Give a role of a project to a person or a group; returns the actor's id.

        Raises:
            LookupError: No such role, person or group.
        """
        actor_id = self.new_id("actor")
        actors = self.project(project).roles[role]
        if person:
            actors.people[self.person(person).account_id] = actor_id
        if group:
            actors.groups[self.group(group).id] = actor_id
        return actor_id

    @mutation
    def remove_role_actor(
        self, project: str, role: int, *, person: str = "", group: str = ""
    ) -> None:
        """Take a role of a project from a person or a group."""
        actors = self.project(project).roles[role]
        if person:
            actors.people.pop(self.person(person).account_id, None)
        if group:
            actors.groups.pop(self.group(group).id, None)

    @mutation
    def add_version(
        self,
        project: str,
        name: str,
        *,
        description: str = "",
        released: bool = False,
        start_date: str = "",
        release_date: str = "",
    ) -> str:
        """Add a version to a project and return its id."""
        version_id = str(self.new_id("version"))
        self.versions[version_id] = Version(
            version_id,
            self.project(project).id,
            name,
            description,
            released,
            start_date=start_date,
            release_date=release_date,
        )
        return version_id

    @mutation
    def rename_version(self, version: str, name: str) -> None:
        """Give a version another name; no issue's ``updated`` moves."""
        self.versions[version].name = name

    @mutation
    def add_component(
        self, project: str, name: str, *, description: str = "", lead: str = ""
    ) -> str:
        """Add a component to a project and return its id."""
        component_id = str(self.new_id("component"))
        account = self.person(lead).account_id if lead else ""
        self.components[component_id] = Component(
            component_id, self.project(project).id, name, description, account
        )
        return component_id

    @mutation
    def add_board(self, project: str, name: str, type: Literal["scrum", "kanban"]) -> int:  # noqa: A002
        """Make a board of a project and return its id."""
        board_id = len(self.boards) + 1
        self.boards[board_id] = Board(board_id, name, type, self.project(project).id)
        return board_id

    @mutation
    def add_sprint(
        self,
        board: int,
        name: str,
        *,
        state: SprintState = "future",
        start: float | None = None,
        end: float | None = None,
        goal: str = "",
    ) -> int:
        """Add a sprint to a scrum board and return its id.

        Raises:
            ValueError: The board has no sprints.
        """
        if self.boards[board].type != "scrum":
            raise ValueError("The board does not support sprints")
        sprint_id = len(self.sprints) + 1
        completed = end if state == "closed" else None
        self.sprints[sprint_id] = Sprint(sprint_id, board, name, state, start, end, completed, goal)
        return sprint_id

    @mutation
    def rename_sprint(self, sprint: int, name: str) -> None:
        """Give a sprint another name; no issue's ``updated`` moves."""
        self.sprints[sprint].name = name

    @mutation
    def set_sprint_state(self, sprint: int, state: SprintState) -> None:
        """Begin or close a sprint.

        Raises:
            ValueError: No such state.
        """
        if state not in ("closed", "active", "future"):
            raise ValueError("a sprint is closed, active or future")
        found = self.sprints[sprint]
        found.state = state
        if state == "closed":
            found.completed = self.clock()
