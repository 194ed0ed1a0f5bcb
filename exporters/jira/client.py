"""The wire to Jira's REST API, Cloud (version 3) and Data Center (version 2): paging, batches."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote

from exporters.errors import (
    AuthenticationError,
    DataVolumeError,
    InvalidDataError,
    NotFoundError,
    PermissionDeniedError,
    TransientError,
)
from exporters.jira.answers import as_object, as_objects, is_granted, items_of
from exporters.jira.auth import Credential
from exporters.jira.errors import PAGE_LOST, SCOPE_LACKING
from exporters.jira.fields import epoch_ms
from exporters.jira.jql import changed_jql
from exporters.jira.settings import JiraSettings
from exporters.jira.site import SERVICE, JiraWire, Site
from exporters.paging import PageTokens

if TYPE_CHECKING:
    from exporters.http import Download, HttpClient

ALL_FIELDS: Final = ("*all",)

_DATA_CENTER_PAGE: Final = 1000
"""Data Center gives no more in one page of a search (`jira.search.views.default.max`)."""

_DIRECTORY_PAGE: Final = 200
_BROWSE: Final = "BROWSE_PROJECTS"


class SearchPage(NamedTuple):
    """A page of a search.

    Attributes:
        issues: As Jira gave them.
        token: What to ask with for the next page; None at the end.
    """

    issues: list[dict[str, Any]]
    token: str | None


class JiraClient:
    """Calls one Jira with one credential. Safe to use from several threads."""

    def __init__(self, credential: Credential, settings: JiraSettings) -> None:
        self._wire = JiraWire(credential, settings)
        self._settings = settings
        self._lock = Lock()

    def site(self) -> Site:
        """Which Jira it is.

        Raises:
            ExportError: It does not answer, or does not say what it is.
        """
        return self._wire.site()

    def close(self) -> None:
        """Gives back the connections."""
        self._wire.close()

    @cached_property
    def _api(self) -> str:
        return "rest/api/3/" if self.site().is_cloud else "rest/api/2/"

    @property
    def _http(self) -> "HttpClient":
        with self._lock:
            return self._wire.http

    def _get(self, path: str, **options: Any) -> Any:
        with _scopes_told(str(options.get("name"))):
            return self._http.get(self._api + path, **options).body

    # --- who and where ------------------------------------------------------------------------

    def myself(self) -> dict[str, Any]:
        """The account whose credential is used."""
        return as_object(self._get("myself", name="the account"))

    def may_browse(self, project_id: str) -> bool:
        """Whether the account may see a project's issues, as far as that depends on the project."""
        params = {"permissions": _BROWSE, "projectId": project_id}
        try:
            answer = self._get("mypermissions", params=params, name="the account's permissions")
        except NotFoundError:
            return False
        return is_granted(answer, _BROWSE)

    def projects(self) -> Iterator[dict[str, Any]]:
        """The projects that the account can see, archived ones too."""
        if not self.site().is_cloud:
            params = {"expand": "description,lead", "includeArchived": "true"}
            yield from as_objects(self._get("project", params=params, name="the projects"))
            return
        params = {"expand": "description,lead", "status": "live"}
        yield from self._offsets("project/search", "values", params, name="the projects")
        params["status"] = "archived"
        for project in self._offsets("project/search", "values", params, name="the projects"):
            yield {**project, "archived": True}

    def project(self, project_id: str) -> dict[str, Any]:
        """A project with its versions, components and kinds of issue.

        Raises:
            NotFoundError: It is gone, or the account may not see it.
        """
        return as_object(self._get(f"project/{quote(project_id)}", name="a project"))

    def components(self, project_id: str) -> list[dict[str, Any]]:
        """The components of a project, with their leads."""
        path = f"project/{quote(project_id)}/components"
        return as_objects(self._get(path, name="the project's components"))

    def fields(self) -> list[dict[str, Any]]:
        """What fields there are."""
        return as_objects(self._get("field", name="the fields"))

    def statuses(self) -> list[dict[str, Any]]:
        """What statuses there are, of all projects the account can see."""
        return as_objects(self._get("status", name="the statuses"))

    # --- issues -------------------------------------------------------------------------------

    def search(
        self,
        jql: str,
        fields: Sequence[str],
        *,
        token: str | None = None,
        size: int | None = None,
    ) -> SearchPage:
        """One page of a search; short pages say nothing of the end.

        Args:
            jql: The query, with its order.
            fields: What to give of each issue.
            token: Of the page before.
            size: Issues asked for; by default as many as the fields allow.

        Raises:
            CursorExpiredError: The token is too old.
        """
        only_ids = list(fields) == ["id"]
        size = size or (self._settings.id_page_size if only_ids else self._settings.page_size)
        if self.site().is_cloud:
            return self._search_cloud(jql, fields, token, size)
        return self._search_data_center(jql, fields, token, min(size, _DATA_CENTER_PAGE))

    def _search_cloud(
        self, jql: str, fields: Sequence[str], token: str | None, size: int
    ) -> SearchPage:
        asked: dict[str, Any] = {"jql": jql, "fields": list(fields), "maxResults": size}
        if token:
            asked["nextPageToken"] = token
        body = self._search(f"{self._api}search/jql", asked, size, paged=token is not None)
        following = body.get("nextPageToken")
        following = following if isinstance(following, str) and not body.get("isLast") else None
        return SearchPage(items_of(body, "issues", "a search"), following)

    def _search_data_center(
        self, jql: str, fields: Sequence[str], token: str | None, size: int
    ) -> SearchPage:
        """A page by its number. What left the result meanwhile would shift the following ones.

        So a token is the place and the total at that time; where the total fell, the search steps
        back by as many.
        """
        place, _, total_then = (token or "0/0").partition("/")
        start, before = int(place), int(total_then)
        asked = {"jql": jql, "fields": list(fields), "startAt": start, "maxResults": size}
        body = self._search(f"{self._api}search", asked, size, paged=False)
        total = int(body.get("total") or 0)
        fallen = before - total
        if token and fallen > 0:
            asked["startAt"] = start = max(0, start - fallen)
            body = self._search(f"{self._api}search", asked, size, paged=False)
            total = int(body.get("total") or 0)
        issues = items_of(body, "issues", "a search")
        end = start + len(issues)
        more = bool(issues) and end < total
        return SearchPage(issues, f"{end}/{total}" if more else None)

    def _search(self, path: str, asked: Mapping[str, Any], size: int, *, paged: bool) -> Any:
        answer = self._http.request(
            "POST",
            path,
            json=asked,
            name="a search",
            scope="search",
            page_size=size,
            codes=PAGE_LOST if paged else None,
        )
        return as_object(answer.body)

    def changed(
        self, where: str, since: int | None, fields: Sequence[str], until: int | None = None
    ) -> Iterator[list[dict[str, Any]]]:
        """Pages of the issues that changed since a moment, the oldest change first.

        An issue that changes while it is paged moves to the end and is seen again there.

        Args:
            where: The rest of the query.
            since: Milliseconds since 1970, inclusive; None for all.
            fields: What to give of each; `updated` comes in any case.
            until: The same, exclusive; None for now.

        Raises:
            CursorExpiredError: Paging took so long that the page was lost: begin anew with the
                last `updated` seen.
        """
        wanted = list(dict.fromkeys([*fields, "updated"]))
        token: str | None = None
        tokens = PageTokens(SERVICE, "a search")
        while True:
            page = self.search(changed_jql(where, since, until), wanted, token=token)
            yield page.issues
            if not page.token:
                return
            token = tokens.following(page.token)
            if self.site().is_cloud:
                continue
            # By numbers, an issue that moves to the end would shift the next page past another.
            # So the next page begins anew at the last time seen, in whole seconds as the index.
            last = epoch_ms((page.issues[-1].get("fields") or {}).get("updated"))
            if last is not None and last // 1000 * 1000 > (since or 0):
                since, token = last // 1000 * 1000, None
                tokens = PageTokens(SERVICE, "a search")

    def issues(self, ids: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Several issues, whole, with one call; those that are gone are left out.

        An answer that is cut off or too large is asked for in halves.
        """
        try:
            yield from self._batch(ids)
        except (DataVolumeError, TransientError, InvalidDataError) as error:
            if len(ids) == 1 and isinstance(error, InvalidDataError) and not self.site().is_cloud:
                return  # a server that checks queries refuses one for an issue that is gone
            if len(ids) == 1:
                raise
            if isinstance(error, TransientError) and not _may_be_too_much(error):
                yield from self._batch(ids, patient=True)
                return
            half = len(ids) // 2
            yield from self.issues(ids[:half])
            yield from self.issues(ids[half:])

    def _batch(self, ids: Sequence[str], *, patient: bool = False) -> list[dict[str, Any]]:
        http = self._http if patient or len(ids) == 1 else self._wire.batch
        if self.site().is_cloud:
            asked: dict[str, Any] = {
                "issueIdsOrKeys": list(ids),
                "fields": list(ALL_FIELDS),
                "expand": ["changelog"],
            }
            path = f"{self._api}issue/bulkfetch"
        else:
            asked = {
                "jql": f"id in ({','.join(ids)})",
                "fields": list(ALL_FIELDS),
                "expand": ["changelog"],
                "maxResults": len(ids),
                # Otherwise one issue that is gone would be an error for all of them.
                "validateQuery": False,
            }
            path = f"{self._api}search"
        answer = http.request(
            "POST",
            path,
            json=asked,
            name="issues",
            scope="issues",
            page_size=len(ids),
            item=ids[0] if len(ids) == 1 else None,
        )
        return items_of(answer.body, "issues", "issues")

    def issue(self, issue_id: str) -> dict[str, Any]:
        """One issue, whole, as it is now.

        Raises:
            NotFoundError: It is gone, or the account may not see it.
        """
        params = {"fields": ",".join(ALL_FIELDS), "expand": "changelog"}
        answer = self._get(
            f"issue/{quote(issue_id)}", params=params, name="an issue", item=issue_id
        )
        return as_object(answer)

    def comments(self, issue_id: str) -> list[dict[str, Any]]:
        """All comments of an issue, the oldest first."""
        path, params = f"issue/{quote(issue_id)}/comment", {"orderBy": "created"}
        return list(self._offsets(path, "comments", params, name="comments", size=100))

    def worklogs(self, issue_id: str) -> list[dict[str, Any]]:
        """All notes of work on an issue."""
        path = f"issue/{quote(issue_id)}/worklog"
        return list(self._offsets(path, "worklogs", {}, name="work logs", size=1000))

    def history(self, issue_id: str, start: int) -> list[dict[str, Any]]:
        """The changes of an issue from a place on, the oldest first. Cloud only."""
        path = f"issue/{quote(issue_id)}/changelog"
        return list(self._offsets(path, "values", {}, name="changes", size=100, start=start))

    def attachment(self, attachment: Mapping[str, Any], max_bytes: int) -> "Download":
        """The bytes of an attachment, or its beginning.

        Cloud is asked to send them itself. Left to its own it redirects to its media store, which
        gets no credential (`exporters.http` gives it to no other host) and costs another call.

        Raises:
            NotFoundError: It is gone.
        """
        identifier = str(attachment.get("id"))
        if self.site().is_cloud:
            path = f"{self._api}attachment/content/{quote(identifier)}?redirect=false"
        else:
            # Below the address we use, which need not be the one that Jira thinks it has.
            address = str(attachment.get("content") or "")
            path = address.removeprefix(self.site().url + "/")
        with _scopes_told("an attachment"):
            return self._http.download(
                path,
                max_bytes=max_bytes,
                expected_type=str(attachment.get("mimeType") or ""),
                name="an attachment",
                item=identifier,
            )

    # --- who may read -------------------------------------------------------------------------

    def browse_holders(self, project_id: str) -> list[dict[str, Any]]:
        """Who is granted `BROWSE_PROJECTS` by a project's permission scheme.

        Raises:
            PermissionDeniedError: The account does not administer the project.
        """
        scheme = self._get(
            f"project/{quote(project_id)}/permissionscheme",
            params={"expand": "all"},
            name="the project's permission scheme",
        )
        grants = items_of(scheme, "permissions", "the project's permission scheme")
        return [
            as_object(grant.get("holder"))
            for grant in grants
            if grant.get("permission") == "BROWSE_PROJECTS"
        ]

    def roles(self, project_id: str) -> dict[str, str]:
        """Ids of a project's roles by their names."""
        found = self._get(f"project/{quote(project_id)}/role", name="the project's roles")
        return {
            name: str(address).rstrip("/").rpartition("/")[2]
            for name, address in as_object(found).items()
        }

    def role_actors(self, project_id: str, role_id: str) -> list[dict[str, Any]]:
        """The people and groups that have a role in a project."""
        path = f"project/{quote(project_id)}/role/{quote(role_id)}"
        return as_objects(as_object(self._get(path, name="a project role")).get("actors"))

    def security_levels(self, project_id: str) -> tuple[str | None, list[dict[str, Any]]]:
        """The id of a project's issue security scheme, and its levels; None without one."""
        path = f"project/{quote(project_id)}/issuesecuritylevelscheme"
        try:
            scheme = as_object(self._get(path, name="the project's issue security scheme"))
        except NotFoundError:
            return None, []
        return str(scheme["id"]) if scheme.get("id") else None, as_objects(scheme.get("levels"))

    def level_holders(self, scheme_id: str, level_id: str) -> list[dict[str, Any]]:
        """Who may read the issues of a security level."""
        members = self._offsets(
            f"issuesecurityschemes/{quote(scheme_id)}/members",
            "values",
            {"issueSecurityLevelId": level_id},
            name="the members of a security level",
        )
        # Older servers leave the filter out of account.
        return [
            as_object(member.get("holder"))
            for member in members
            if str(member.get("issueSecurityLevelId") or level_id) == level_id
        ]

    def group_members(self, group_id: str | None, name: str | None) -> Iterator[dict[str, Any]]:
        """The active people of a group, by its id (Cloud) or name (Data Center)."""
        key = {"groupId": group_id} if group_id else {"groupname": name}
        params = {**key, "includeInactiveUsers": "false"}
        return self._offsets("group/member", "values", params, name="a group's members", size=50)

    def application_roles(self) -> list[dict[str, Any]]:
        """Which groups have access to which Jira product. Needs *Administer Jira*."""
        return as_objects(self._get("applicationrole", name="the applications' groups"))

    def people(self) -> Iterator[dict[str, Any]]:
        """Every account, inactive ones, apps and customers too."""
        if self.site().is_cloud:
            path, params = "users/search", {}
        else:
            path, params = "user/search", {"username": ".", "includeInactive": "true"}
        start, pages = 0, PageTokens(SERVICE, "the people")
        while True:
            # Pages are filtered after they were cut, so only an empty one is the end.
            page = as_objects(
                self._get(
                    path,
                    params={**params, "startAt": start, "maxResults": _DIRECTORY_PAGE},
                    name="the people",
                )
            )
            if not page:
                return
            pages.following(repr(page[0]))
            yield from page
            start += _DIRECTORY_PAGE

    # --- boards -------------------------------------------------------------------------------

    def boards(self) -> Iterator[dict[str, Any]]:
        """The boards that the account can see."""
        return self._offsets("board", "values", {}, name="the boards", size=50, agile=True)

    def sprints(self, board_id: str) -> Iterator[dict[str, Any]]:
        """The sprints of a board.

        Raises:
            InvalidDataError: It is a board without sprints.
        """
        path = f"board/{quote(board_id)}/sprint"
        return self._offsets(path, "values", {}, name="the sprints", size=50, agile=True)

    def _offsets(
        self,
        path: str,
        key: str,
        params: Mapping[str, Any],
        *,
        name: str,
        size: int | None = None,
        start: int = 0,
        agile: bool = False,
    ) -> Iterator[dict[str, Any]]:
        """The items of all pages of a listing by numbers; the server may lower the size."""
        size = size or self._settings.page_size
        prefix = "rest/agile/1.0/" if agile else self._api
        pages = PageTokens(SERVICE, name)
        while True:
            asked = {**params, "startAt": start, "maxResults": size}
            with _scopes_told(name):
                body = as_object(self._http.get(prefix + path, params=asked, name=name).body)
            items = items_of(body, key, name)
            if items:
                pages.following(repr(items[0]))
            yield from items
            start += len(items)
            total = body.get("total")
            if not items or body.get("isLast") is True:
                return
            if isinstance(total, int) and start >= total:
                return
            if total is None and body.get("isLast") is None and len(items) < size:
                return


@contextmanager
def _scopes_told(name: str) -> Iterator[None]:
    """Tells a token that lacks a scope from one that is refused: Atlassian says 401 to both."""
    try:
        yield
    except AuthenticationError as error:
        if SCOPE_LACKING not in str(error):
            raise
        raise PermissionDeniedError(
            f"The Jira token lacks the scope for {name}.",
            hint="Make a token with the scopes that docs/sources/jira.md lists.",
        ) from error


def _may_be_too_much(error: TransientError) -> bool:
    """Whether an answer was cut off or no JSON, as very large ones are, rather than refused."""
    text = str(error)
    return "not JSON" in text or "cut off" in text
