"""Issues of a site: where they are, and how a change is written down."""

import copy
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from sandbox.jira import adf
from sandbox.jira.catalogue import ISSUE_TYPES, PRIORITIES, RESOLUTIONS, STATUSES
from sandbox.jira.model import (
    Adf,
    Attachment,
    ChangeItem,
    Flavour,
    History,
    Issue,
    IssueType,
    Link,
    NamedValue,
    Person,
    Status,
)
from sandbox.jira.projects import Projects
from sandbox.jira.times import Clock

LONGEST_LAG = 3600.0
"""Seconds for which an issue's earlier states are kept, for an index that lags behind."""

RichText = str | Mapping[str, Any]


class Issues(Projects):
    """The site's issues.

    Arguments called ``issue`` take an id or a key, also one it had before.

    Attributes:
        issues: By id, without deleted ones.
        links: Links between issues, by id.
        deleted: Deleted issues by id, with the time.
        deleted_worklogs: Ids of deleted worklogs with the time.
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
        self.issues: dict[int, Issue] = {}
        self.links: dict[int, Link] = {}
        self.deleted: dict[int, tuple[float, Issue]] = {}
        self.deleted_worklogs: list[tuple[int, float]] = []
        self.links_of: dict[int, list[int]] = {}
        self.children_of: dict[int, list[int]] = {}
        self._keys: dict[str, int] = {}
        self._comments: dict[int, int] = {}
        self._files: dict[str, Attachment] = {}

    def issue(self, issue: str | int) -> Issue:
        """One issue.

        Raises:
            LookupError: There is none.
        """
        found = self.find_issue(str(issue))
        if found is None:
            raise LookupError(f"no issue {issue!r}")
        return found

    def find_issue(self, issue: str) -> Issue | None:
        """One issue by id, key, or a key it had before it was moved; or None."""
        number = int(issue) if issue.isdigit() else self._keys.get(issue.upper(), -1)
        return self.issues.get(number)

    def issues_of(self, project: int) -> list[Issue]:
        """The issues of a project, by id."""
        return [issue for issue in self.issues.values() if issue.project == project]

    def issue_of_comment(self, comment: int) -> Issue | None:
        """The issue a comment is on."""
        return self.issues.get(self._comments.get(comment, -1))

    def rich_text(self, given: RichText, issue: Issue | None = None) -> Adf:
        """Read text in the language of :mod:`sandbox.jira.adf`, or take a document as it is."""
        media = {file.filename: file.media_id for file in issue.attachments} if issue else {}
        return adf.document(given, mention=self._mention, card_url=self.browse_url(""), media=media)

    def browse_url(self, key: str) -> str:
        """Where a person would look at an issue."""
        company = self.name.lower()
        if self.is_cloud:
            return f"https://{company}.atlassian.net/browse/{key}"
        return f"https://jira.{company}.example/browse/{key}"

    def _mention(self, name: str) -> tuple[str, str] | None:
        person = self.find_person(name)
        return None if person is None else (person.account_id, person.display_name)

    def find_file(self, name: str) -> tuple[Issue, Attachment] | None:
        """A file that is attached, by its id or its media id, with its issue."""
        file = self._files.get(name)
        issue = None if file is None else self.issues.get(file.issue)
        if file is None or issue is None or file not in issue.attachments:
            return None
        return issue, file

    def _place(self, issue: Issue) -> None:
        self.issues[issue.id] = issue
        self._keys[issue.key] = issue.id

    def _begin(self, issue: Issue, at: float | None) -> float:
        """Keep what the index knows of an issue before it changes; returns the change's time."""
        if at is not None:
            return at
        now = self.clock.tick()
        before = copy.copy(issue)
        before.past = []
        kept = [entry for entry in issue.past if entry[0] > now - LONGEST_LAG]
        issue.past = [*kept, (now, before)]
        return now

    def _write_down(
        self, issue: Issue, author: Person, moment: float, items: Iterable[ChangeItem]
    ) -> None:
        """Move ``updated`` and add to the change log what moved in fields, if anything did."""
        issue.updated = max(issue.updated, moment)
        changed = tuple(items)
        if changed:
            entry = History(self.new_id("history"), author.account_id, moment, changed)
            issue.histories = [*issue.histories, entry]

    def _author(self, person: str) -> Person:
        """Who does something; default: the first account of the site."""
        return self.person(person) if person else next(iter(self.people.values()))

    def _media_id(self, attachment: int) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"media {self.seed} {attachment}"))


Named = TypeVar("Named", Status, IssueType, NamedValue)


def named_status(name: str) -> Status:
    """A status by name or id."""
    return _named(STATUSES, name, "status")


def named_type(name: str) -> IssueType:
    """An issue type by name or id."""
    return _named(ISSUE_TYPES, name, "issue type")


def named_priority(name: str) -> NamedValue:
    """A priority by name or id."""
    return _named(PRIORITIES, name, "priority")


def named_resolution(name: str) -> NamedValue:
    """A resolution by name or id."""
    return _named(RESOLUTIONS, name, "resolution")


def _named(values: Iterable[Named], name: str, kind: str) -> Named:
    for value in values:
        if name in (value.name, value.id):
            return value
    raise LookupError(f"no {kind} {name!r}")
