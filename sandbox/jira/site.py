"""The state of a Jira site and everything that can happen to its issues."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sandbox.jira import adf, custom_fields
from sandbox.jira.conversation import Conversation
from sandbox.jira.directory import mutation
from sandbox.jira.issues import (
    RichText,
    named_priority,
    named_resolution,
    named_status,
    named_type,
)
from sandbox.jira.model import ChangeItem, Issue, Project

_TEXT_FIELDS = {"summary": "summary", "due_date": "duedate"}
_RICH_FIELDS = ("description", "environment")
_NAMED_FIELDS = ("components", "fix_versions", "versions")
_FIELD_IDS = {"fix_versions": "fixVersions", "components": "components", "versions": "versions"}


class Site(Conversation):
    """A company's Jira: people, projects and issues.

    Build one by hand or with :func:`sandbox.jira.company.generate_site`::

        site = Site("Acme")
        site.add_person("ada", "Ada Byron", groups=["jira-users"])
        site.add_project("TEA", "Tea kitchen", lead="ada")
        key = site.create_issue("TEA", "The kettle is broken", reporter="ada")
        site.comment(key, "ada", "It is **cold**.")

    The constructor takes the company's name, the flavour (``cloud`` or ``datacenter``), the seed of
    ids that look like nothing, and the clock.

    Every method that changes something is safe to call while a server answers from the site. Rich
    text is given as ADF or in the language of :mod:`sandbox.jira.adf`. ``at`` writes history: the
    change is as old as it says and the search index has seen it. Methods raise ``LookupError`` for
    what does not exist and ``ValueError`` for what Jira would not allow.
    """

    def mutations(self) -> Mapping[str, Callable[..., object]]:
        """Every change by name, for the control endpoint."""
        return {
            name: getattr(self, name)
            for name in dir(type(self))
            if getattr(getattr(type(self), name), "is_mutation", False)
        }

    @mutation
    def create_issue(
        self,
        project: str,
        summary: str,
        *,
        reporter: str,
        type: str = "Task",  # noqa: A002  (the vendor's word)
        description: RichText | None = None,
        environment: RichText | None = None,
        assignee: str = "",
        status: str = "To Do",
        priority: str = "Medium",
        labels: Iterable[str] = (),
        components: Iterable[str] = (),
        fix_versions: Iterable[str] = (),
        versions: Iterable[str] = (),
        due_date: str = "",
        parent: str = "",
        security: str = "",
        values: Mapping[str, Any] | None = None,
        creator: str = "",
        number: int | None = None,
        at: float | None = None,
    ) -> str:
        """Create an issue and return its key.

        Args:
            project: Where.
            summary: Title.
            reporter: Who reports it.
            type: Issue type by name.
            description: Rich text.
            environment: Rich text.
            assignee: Who is to do it.
            status: By name.
            priority: By name.
            labels: Words.
            components: Names of components of the project.
            fix_versions: Names of versions of the project.
            versions: Affected versions by name.
            due_date: ``2026-12-01``.
            parent: The epic, or a sub-task's issue.
            security: Name of a security level; empty is the scheme's default, if it has one.
            values: Custom fields by id or name, see :mod:`sandbox.jira.custom_fields`.
            creator: Default: the reporter.
            number: Number of the key; default: the next one.
            at: When; default: now.
        """
        place = self.project(project)
        moment = self.clock.tick() if at is None else at
        taken = place.next_number if number is None else number
        if self.find_issue(f"{place.key}-{taken}") is not None:
            raise ValueError(f"there is an issue {place.key}-{taken} already")
        place.next_number = max(place.next_number, taken + 1)
        account = self.person(reporter).account_id
        issue = Issue(
            id=self.new_id("issue"),
            project=place.id,
            number=taken,
            key=f"{place.key}-{taken}",
            type=named_type(type),
            summary=summary,
            status=named_status(status),
            priority=named_priority(priority),
            reporter=account,
            creator=self.person(creator).account_id if creator else account,
            created=moment,
            updated=moment,
            assignee=self.person(assignee).account_id if assignee else "",
            status_changed=moment,
            due_date=due_date,
            labels=tuple(labels),
            security=self._level_of(place, security),
            indexed_from=moment if at is None else 0.0,
        )
        issue.description = None if description is None else self.rich_text(description)
        issue.environment = None if environment is None else self.rich_text(environment)
        issue.components = self._ids_of("components", place, components)
        issue.fix_versions = self._ids_of("fix_versions", place, fix_versions)
        issue.versions = self._ids_of("versions", place, versions)
        if parent:
            issue.parent = self.issue(parent).id
            self.children_of.setdefault(issue.parent, []).append(issue.id)
        for name, value in (values or {}).items():
            field = custom_fields.find_field(name)
            issue.values[field.id] = custom_fields.stored(self, field, value)
        self._place(issue)
        return issue.key

    @mutation
    def edit_issue(
        self, /, issue: str, *, by: str = "", at: float | None = None, **fields: Any
    ) -> None:
        """Change fields of an issue.

        Args:
            issue: Which.
            by: Who does it.
            at: When; default: now.
            **fields: Any of ``summary``, ``description``, ``environment``, ``assignee``,
                ``priority``, ``labels``, ``due_date``, ``components``, ``fix_versions``,
                ``versions``, ``security`` (a level's name, or None) and ``values``.

        Raises:
            ValueError: No such field.
        """
        found, author = self.issue(issue), self._author(by)
        moment = self._begin(found, at)
        items: list[ChangeItem] = []
        for name, value in fields.items():
            items += self._change(found, name, value)
        self._write_down(found, author, moment, items)

    def _change(self, issue: Issue, name: str, value: Any) -> Iterable[ChangeItem]:
        if name == "values":
            return [self._change_value(issue, field, item) for field, item in value.items()]
        if name in _TEXT_FIELDS:
            old = getattr(issue, name)
            setattr(issue, name, value)
            return [_item(_TEXT_FIELDS[name], old or None, value or None)]
        if name in _RICH_FIELDS:
            old = adf.plain(getattr(issue, name))
            setattr(issue, name, None if value is None else self.rich_text(value, issue))
            return [_item(name, old, adf.plain(getattr(issue, name)))]
        if name == "labels":
            old, issue.labels = " ".join(issue.labels), tuple(value)
            return [_item("labels", old, " ".join(issue.labels))]
        if name in _NAMED_FIELDS:
            return self._change_names(issue, name, value)
        return [self._change_reference(issue, name, value)]

    def _change_reference(self, issue: Issue, name: str, value: Any) -> ChangeItem:
        if name == "assignee":
            before, issue.assignee = (
                issue.assignee,
                self.person(value).account_id if value else "",
            )
            names = [
                self.people[one].display_name if one else None
                for one in (before, value and issue.assignee)
            ]
            return _item("assignee", before or None, issue.assignee or None, *names)
        if name == "priority":
            old, issue.priority = issue.priority, named_priority(value)
            return _item("priority", old.id, issue.priority.id, old.name, issue.priority.name)
        if name == "security":
            level, place = issue.security, self.projects[issue.project]
            issue.security = self._level_of(place, value) if value else None
            names = [
                self.security_level(one).name if one else None for one in (level, issue.security)
            ]
            ids = [str(one) if one else None for one in (level, issue.security)]
            return _item("security", *ids, *names)
        raise ValueError(f"an issue has no field {name!r} to edit")

    def _change_names(self, issue: Issue, name: str, value: Iterable[str]) -> list[ChangeItem]:
        registry: Mapping[str, Any] = self.components if name == "components" else self.versions
        old = getattr(issue, name)
        new = self._ids_of(name, self.projects[issue.project], value)
        setattr(issue, name, new)
        gone = [
            _item(_FIELD_IDS[name], one, None, registry[one].name) for one in old if one not in new
        ]
        come = [
            _item(_FIELD_IDS[name], None, one, None, registry[one].name)
            for one in new
            if one not in old
        ]
        return gone + come

    def _change_value(self, issue: Issue, name: str, value: Any) -> ChangeItem:
        field = custom_fields.find_field(name)
        old = issue.values.get(field.id)
        new = custom_fields.stored(self, field, value)
        issue.values = {**issue.values, field.id: new}
        texts = [custom_fields.shown(self, field, item) for item in (old, new)]
        return ChangeItem(field.name, field.id, None, texts[0], None, texts[1], custom=True)

    @mutation
    def transition(
        self,
        issue: str,
        status: str,
        *,
        by: str = "",
        resolution: str = "",
        at: float | None = None,
    ) -> None:
        """Move an issue to another status.

        Args:
            issue: Which.
            status: By name.
            by: Who does it.
            resolution: By name; default: ``Done`` where the status means that, else none.
            at: When; default: now.
        """
        found, author = self.issue(issue), self._author(by)
        moment = self._begin(found, at)
        old, found.status = found.status, named_status(status)
        items = [_item("status", old.id, found.status.id, old.name, found.status.name)]
        done = found.status.category.key == "done"
        before = found.resolution
        found.resolution = named_resolution(resolution or "Done") if done else None
        if found.resolution != before:
            found.resolved = moment if done else None
            ends = [
                (one.id, one.name) if one else (None, None) for one in (before, found.resolution)
            ]
            items.append(_item("resolution", ends[0][0], ends[1][0], ends[0][1], ends[1][1]))
        if old.category != found.status.category:
            found.status_changed = moment
        self._write_down(found, author, moment, items)

    @mutation
    def move_issue(self, issue: str, project: str, *, by: str = "", at: float | None = None) -> str:
        """Move an issue to another project and return its new key; the id and the old key stay."""
        found, author, place = self.issue(issue), self._author(by), self.project(project)
        moment = self._begin(found, at)
        old_key, old_project = found.key, self.projects[found.project]
        found.project, found.number = place.id, place.next_number
        found.key = f"{place.key}-{place.next_number}"
        place.next_number += 1
        found.components = found.fix_versions = found.versions = ()
        found.security = self._level_of(place, "")
        self._place(found)
        items = [
            _item("project", str(old_project.id), str(place.id), old_project.name, place.name),
            ChangeItem("Key", "", None, old_key, None, found.key),
        ]
        self._write_down(found, author, moment, items)
        return found.key

    @mutation
    def delete_issue(self, issue: str) -> None:
        """Delete an issue with its sub-tasks, comments and files, for good."""
        found = self.issue(issue)
        for child in self.children_of.pop(found.id, ()):
            if child in self.issues and self.issues[child].type.level < 0:
                self.delete_issue(str(child))
            elif child in self.issues:
                self.issues[child].parent = None
        for link in list(self.links_of.pop(found.id, ())):
            self._drop_link(link)
        siblings = self.children_of.get(found.parent or 0, [])
        if found.id in siblings:
            siblings.remove(found.id)
        del self.issues[found.id]
        now = self.clock.tick()
        self.deleted[found.id] = (now, found)
        self.deleted_worklogs += [(worklog.id, now) for worklog in found.worklogs]

    @mutation
    def delete_project(self, project: str) -> None:
        """Delete a project with everything in it, for good."""
        gone = self.project(project)
        for issue in self.issues_of(gone.id):
            if issue.id in self.issues:
                self.delete_issue(str(issue.id))
        del self.projects[gone.id]
        self.boards = {n: board for n, board in self.boards.items() if board.project != gone.id}
        self._forget_keys(gone)

    @mutation
    def change_project_key(self, project: str, key: str) -> None:
        """Give a project another key, and its issues with it; the old keys go on to lead there.

        No issue's ``updated`` moves.

        Raises:
            ValueError: The key is taken or malformed.
        """
        found = self.project(project)
        self._check_key(key)
        found.old_keys = [*found.old_keys, found.key]
        found.key = key
        self._project_keys[key] = found.id
        for issue in self.issues_of(found.id):
            issue.key = f"{key}-{issue.number}"
            self._place(issue)

    @mutation
    def archive_issue(self, issue: str, *, archived: bool = True) -> None:
        """Archive an issue (Premium), or bring it back: archived ones leave JQL."""
        found = self.issue(issue)
        self._begin(found, None)
        found.archived = archived

    def _level_of(self, place: Project, name: str) -> int | None:
        if place.security_scheme is None:
            if name:
                raise ValueError(f"{place.key} has no security scheme")
            return None
        scheme = self.security_schemes[place.security_scheme]
        if not name:
            return scheme.default_level
        for level in scheme.levels.values():
            if name in (level.name, str(level.id)):
                return level.id
        raise LookupError(f"{scheme.name} has no level {name!r}")

    def _ids_of(self, kind: str, place: Project, names: Iterable[str]) -> tuple[str, ...]:
        registry: Mapping[str, Any] = self.components if kind == "components" else self.versions
        by_name = {item.name: item.id for item in registry.values() if item.project == place.id}
        return tuple(name if name in registry else by_name[name] for name in names)


def _item(
    field: str,
    old: str | None,
    new: str | None,
    old_text: str | None = None,
    new_text: str | None = None,
) -> ChangeItem:
    """A change of a system field; where there are no ids, the words stand alone."""
    if old_text is None and new_text is None:
        return ChangeItem(field, field, None, old, None, new)
    return ChangeItem(field, field, old, old_text, new, new_text)
