"""The search index: what JQL finds, when, and in which order.

It may lag behind the database: with a lag of N seconds a search sees every issue as it was N
seconds ago, new ones not at all, deleted ones still. A page token says where the last page ended,
by the values the issues are sorted by, so an issue that is updated while somebody pages by
``updated`` moves behind the place they are at and is met again.
"""

import base64
import hashlib
import re
from bisect import bisect_right
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import orjson

from sandbox.jira.errors import JiraError, bad_request
from sandbox.jira.jql import Query, parse
from sandbox.jira.jql_terms import Meaning
from sandbox.jira.model import Issue
from sandbox.jira.site import Site
from sandbox.jira.viewer import Viewer

UNBOUNDED = (
    "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
)
INVALID_TOKEN = "The nextPageToken is invalid or has expired."  # noqa: S105  (a message)

SortKey = tuple[float, ...]

_TIME = re.compile(r"\d[mhdw]\b|\bnow\b|OfDay", re.IGNORECASE)
"""What a query that speaks of "now" has in it, and some others too, which costs time only."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a query means at a moment, in order."""

    keys: list[SortKey]
    ids: list[int]


class Index:
    """Answers searches of a site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._kept: dict[tuple[str, str], tuple[int, Found]] = {}

    def find(
        self,
        viewer: Viewer,
        jql: str,
        *,
        lag: float = 0.0,
        reconcile: Collection[int] = (),
        bounded: bool = True,
    ) -> Found:
        """All issues of a query that the viewer may see.

        Args:
            viewer: Who asks.
            jql: The query.
            lag: Seconds the index is behind.
            reconcile: Ids of issues to look up as they are now all the same.
            bounded: Whether a query without a restriction is refused.

        Raises:
            JiraError: 400 for a query that is none or that is not bounded.
        """
        key, revision = (jql, viewer.id), self._site.revision
        kept = self._kept.get(key)
        if kept is not None and kept[0] == revision and not lag:
            return kept[1]
        query = parse(jql)
        if bounded and query.where is None:
            raise bad_request(UNBOUNDED)
        found = self._search(viewer, query, lag, reconcile)
        if not lag and not _tells_time(jql):
            self._kept = {**dict(list(self._kept.items())[-7:]), key: (revision, found)}
        return found

    def _search(
        self, viewer: Viewer, query: Query, lag: float, reconcile: Collection[int]
    ) -> Found:
        meaning = Meaning(viewer)
        condition, sort_key = meaning.condition(query.where), meaning.sort_key(query)
        rows = sorted(
            (sort_key(issue), issue.id)
            for issue in self._documents(lag, reconcile)
            if not issue.archived and condition(issue) and self._may_see(viewer, issue)
        )
        return Found([row[0] for row in rows], [row[1] for row in rows])

    def _may_see(self, viewer: Viewer, issue: Issue) -> bool:
        """Who may see an issue is looked up as it is now, however old the index is."""
        return viewer.may_see(self._site.issues.get(issue.id, issue))

    def _documents(self, lag: float, reconcile: Collection[int]) -> Iterator[Issue]:
        """Every issue as the index has it."""
        if not lag:
            yield from self._site.issues.values()
            return
        seen_until = self._site.clock() - lag
        for issue in self._site.issues.values():
            if issue.id in reconcile:
                yield issue
            elif issue.indexed_from <= seen_until:
                yield _as_of(issue, seen_until)
        for issue_id, (moment, issue) in self._site.deleted.items():
            if issue.project not in self._site.projects:
                continue
            if moment > seen_until >= issue.indexed_from and issue_id not in reconcile:
                yield _as_of(issue, seen_until)


def _as_of(issue: Issue, moment: float) -> Issue:
    """An issue as it was at a moment."""
    for until, state in issue.past:
        if until > moment:
            return state
    return issue


def _tells_time(jql: str) -> bool:
    """Whether a query means something else a moment later, so that its result is not kept."""
    return _TIME.search(jql) is not None


def write_token(viewer: Viewer, query: str, after: SortKey, now: float) -> str:
    """A page token: opaque to clients, bound to the query and to who asks."""
    content = {"q": _digest(viewer, query), "k": after, "t": now}
    return base64.urlsafe_b64encode(orjson.dumps(content)).decode().rstrip("=")


def read_token(viewer: Viewer, query: str, token: str, now: float, lifetime: float) -> SortKey:
    """Where the page before ended.

    Raises:
        JiraError: 400 for a token that is none, of another query, or too old.
    """
    try:
        content = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        after, issued, digest = tuple(content["k"]), float(content["t"]), content["q"]
    except (ValueError, KeyError, TypeError):
        raise JiraError(400, INVALID_TOKEN) from None
    if digest != _digest(viewer, query) or now - issued > lifetime:
        raise JiraError(400, INVALID_TOKEN)
    return after


def place_after(found: Found, after: SortKey) -> int:
    """The position behind a sort key."""
    return bisect_right(found.keys, after)


def _digest(viewer: Viewer, query: str) -> str:
    text = f"{viewer.site.cloud_id} {viewer.id} {query}".encode()
    return hashlib.blake2b(text, digest_size=9).hexdigest()
