"""The sync of one project: what changed since the last one, and now and then all of its ids.

A search is a window: `updated >= the newest change seen, less an overlap`, in the order of change.
Jira's index shows a change some time after it was made, so the overlap is read again each time;
what did not move is not fetched. Deletions are told by nobody, so all ids are listed at intervals.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final

from documents.times import parse_iso
from exporters.changes import (
    AccessChange,
    Change,
    Checkpoint,
    Complete,
    ContainerChange,
    Cursor,
    MembershipChange,
    Withheld,
)
from exporters.errors import CursorExpiredError
from exporters.jira.access import ProjectAccess
from exporters.jira.circles import Narrow
from exporters.jira.client import JiraClient
from exporters.jira.fields import epoch_ms
from exporters.jira.jql import changed_jql
from exporters.jira.loading import IssueLoader
from exporters.jira.payloads import ATTACHMENT, ISSUE
from exporters.jira.settings import JiraSettings
from exporters.jira.site import SERVICE
from exporters.jira.vocabulary import container, project_facts
from exporters.paging import PageTokens

_MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Scope:
    """Which issues of a project are asked for.

    Attributes:
        where: The query without its project; empty for all.
        since: Only what changed from here on, in milliseconds since 1970; None for all.
        name: What tells one scope from another in a cursor; empty for all issues.
    """

    where: str = ""
    since: int | None = None
    name: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether every issue of the project is asked for."""
        return not self.name


class ProjectSync:
    """One sync of one project.

    Args:
        client: The Jira.
        settings: Its limits.
        project: As `project_summary` makes it.
        scope: Which of its issues.
        access: Who may read them.
        loader: Fetches them.
        now: The clock; it decides when ids are listed again, and nothing else.
    """

    def __init__(
        self,
        client: JiraClient,
        settings: JiraSettings,
        *,
        project: Mapping[str, Any],
        scope: Scope,
        access: ProjectAccess,
        loader: IssueLoader,
        now: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._settings = settings
        self._project = project
        self._scope = scope
        self._access = access
        self._loader = loader
        self._now = now
        self._all = f"project = {project['id']}"
        self._where = f"{self._all} AND {scope.where}" if scope.where else self._all

    def changes(self, cursor: Cursor | None) -> Iterator[Change]:
        """Yields what changed; see `BaseExporter.pull`."""
        cursor = dict(cursor) if cursor else {}
        circles = [Narrow(*one) for one in cursor.get("circles") or ()]
        yield from self._memberships(circles)
        if not self._client.may_browse(str(self._project["id"])):
            # Who administers a project sees it in lists and finds it empty.
            yield Withheld(
                f"The account may not browse {self._project.get('key')}. Give it *Browse "
                "Projects* there; what was synced of it stays.",
                everything=True,
            )
            return
        if not self._scope.is_whole:
            yield from self._part(cursor, circles)
        elif cursor.get("scope") or "since" not in cursor:
            yield from self._first(cursor, circles)
        elif "page" in cursor:
            yield from self._first(cursor, circles, page=cursor["page"])
        else:
            yield from self._again(cursor, circles)
        if problem := self._access.problem:
            yield Withheld(problem)

    # --- who may read -------------------------------------------------------------------------

    def _memberships(self, circles: list[Narrow]) -> Iterator[Change]:
        """Who may read, before any issue: nobody finds what they lost in the meantime."""
        now = self._now()
        told = chain(
            self._access.groups(), self._access.memberships(), self._access.closed(circles)
        )
        for principal, members in told:
            yield MembershipChange(principal, members, as_of=now)

    def _inner_circles(self, circles: list[Narrow]) -> Iterator[Change]:
        """Who is in the circles that comments are shown to, those just met among them."""
        now = self._now()
        for principal, members in self._access.memberships():
            # Said again: it makes sure that every issue listed before has been fetched.
            yield MembershipChange(principal, members, as_of=now)
            break
        inner = [one for one in circles if one.kind]
        for principal, members in self._access.narrow_memberships(inner):
            yield MembershipChange(principal, members, as_of=now)

    def _moved_readers(self, cursor: Mapping[str, Any]) -> Iterator[Change]:
        """Works out anew who may read because of an issue, where the rules for that moved."""
        if cursor.get("access", "") == self._access.signature:
            return
        size = self._settings.bulk_size
        for listed, _ in self._id_pages(None):
            ids = [str(issue["id"]) for issue in listed]
            for start in range(0, len(ids), size):
                # Not as the search has them: an index that lags behind would give back an access
                # that a security level has just taken away.
                for issue in self._client.issues(ids[start : start + size]):
                    yield from self._readers_of(issue)

    def _readers_of(self, issue: Mapping[str, Any]) -> Iterator[Change]:
        fields, identifier = issue.get("fields") or {}, str(issue["id"])
        principals = self._access.of_issue(fields)
        yield AccessChange(access=principals, entity=ISSUE, external_id=identifier)
        for one in fields.get("attachment") or ():
            external_id = f"{identifier}/{one['id']}"
            yield AccessChange(access=principals, entity=ATTACHMENT, external_id=external_id)

    # --- issues -------------------------------------------------------------------------------

    def _first(
        self, cursor: Mapping[str, Any], circles: list[Narrow], page: str | None = None
    ) -> Iterator[Change]:
        """Lists all ids. What nobody knows yet is fetched; what is known is compared afterwards."""
        # The mark is taken before the listing: what changes meanwhile is seen twice at worst.
        since = cursor["since"] if page else self._newest()
        resumed = bool(page)
        listed = 0
        try:
            for issues, token in self._id_pages(page):
                listed += len(issues)
                for issue in issues:
                    yield self._loader.listed(issue, with_version=False)
                if token:
                    yield Checkpoint(self._cursor(since, circles, swept=None, page=token))
        except CursorExpiredError:
            resumed, listed = True, 0
            for issues, _ in self._id_pages(None):
                listed += len(issues)
                for issue in issues:
                    yield self._loader.listed(issue, with_version=False)
        yield from self._inner_circles(circles)
        if resumed or self._loader.loaded < listed:
            # Some were known, from before a rescan or from a run that was killed, and a listing of
            # ids does not tell whether they moved.
            for change in self._window(self._all, None):
                if not isinstance(change, int):
                    yield change
            # Nor does a mark that was lost tell by which rules their readers were worked out.
            yield from self._moved_readers(cursor if page else {"access": None})
            yield from self._inner_circles(circles)
        yield Complete(full=True)
        yield Checkpoint(self._cursor(since, circles, swept=self._now()))

    def _again(self, cursor: Mapping[str, Any], circles: list[Narrow]) -> Iterator[Change]:
        """Lists what changed since the last sync, and all ids where it is time for that."""
        before = cursor.get("project") or {}
        facts = project_facts(self._project)
        if facts != before:
            place = container(self._client.site().url, self._project)
            if place is not None:
                yield ContainerChange(container=place, extra={"project": facts})
        newest = cursor["since"]
        since = None if newest is None else newest - self._overlap
        if facts["key"] != before.get("key"):
            since = None  # every issue has another key now, though none was changed
        for change in self._window(self._all, since):
            if isinstance(change, int):
                newest = max(newest or 0, change)
            else:
                yield change
        yield from self._moved_readers(cursor)
        swept = parse_iso(cursor["swept"]) if cursor.get("swept") else None
        age = None if swept is None else self._now() - swept
        # One of less than nothing was told by a clock that was ahead.
        due = age is None or not (
            timedelta(0) <= age < timedelta(hours=self._settings.sweep_hours)
        )  # fmt: skip
        if due:
            for issues, _ in self._id_pages(None):
                for issue in issues:
                    yield self._loader.listed(issue, with_version=False)
            swept = self._now()
        yield from self._inner_circles(circles)
        yield Complete(full=due)
        yield Checkpoint(self._cursor(newest, circles, swept=swept))

    def _part(self, cursor: Mapping[str, Any], circles: list[Narrow]) -> Iterator[Change]:
        """Lists the issues that a filter asks for; the cursor of all issues stays as it is."""
        scope = self._scope
        since, newest = scope.since, None
        if cursor.get("scope") == scope.name and cursor.get("since") is not None:
            newest = cursor["since"]
            since = max(newest - self._overlap, scope.since or 0)
        for change in self._window(self._where, since):
            if isinstance(change, int):
                newest = max(newest or 0, change)
            else:
                yield change
        yield from self._inner_circles(circles)
        yield Complete(full=False)
        if cursor and not cursor.get("scope"):
            yield Checkpoint({**cursor, "circles": self._access.circles(circles)})
        else:
            yield Checkpoint(self._cursor(newest, circles, swept=None))

    def _window(self, where: str, since: int | None) -> Iterator[Change | int]:
        """Issues that changed since a moment, each with its version, and the newest change seen."""
        newest = since
        while True:
            begun = newest
            try:
                for issues in self._client.changed(where, newest, ["updated"]):
                    for issue in issues:
                        yield self._loader.listed(issue, with_version=True)
                        changed = epoch_ms((issue.get("fields") or {}).get("updated"))
                        newest = max(newest or 0, changed or 0)
                break
            except CursorExpiredError:
                if newest == begun:
                    raise  # not one page came before its token was lost
        if newest is not None:
            yield newest

    def _id_pages(self, token: str | None) -> Iterator[tuple[list[dict[str, Any]], str | None]]:
        tokens = PageTokens(SERVICE, "a search", token)
        while True:
            page = self._client.search(f"{self._all} ORDER BY id ASC", ["id"], token=token)
            yield page.issues, page.token
            if not page.token:
                return
            token = tokens.following(page.token)

    def _newest(self) -> int | None:
        """When an issue of the project changed last, as far as Jira's index shows it."""
        query = changed_jql(self._all, None).replace("updated ASC, id ASC", "updated DESC")
        page = self._client.search(query, ["updated"], size=1)
        if not page.issues:
            return None
        return epoch_ms((page.issues[0].get("fields") or {}).get("updated"))

    @property
    def _overlap(self) -> int:
        return int(self._settings.overlap_minutes * _MINUTE_MS)

    def _cursor(
        self,
        since: int | None,
        circles: list[Narrow],
        *,
        swept: datetime | None,
        page: str | None = None,
    ) -> Cursor:
        cursor: dict[str, Any] = {
            "scope": self._scope.name,
            "since": since,
            "swept": swept.isoformat() if swept else None,
            "access": self._access.signature,
            "circles": self._access.circles(circles),
            "project": project_facts(self._project),
        }
        return {**cursor, "page": page} if page else cursor
