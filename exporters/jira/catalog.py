"""Reading what stands around issues: projects, versions, boards, sprints, statuses, people."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from documents.principals import DENY_ALL, group, workspace
from exporters.changes import Change, Failure, RawRecord, Upsert, Withheld
from exporters.errors import (
    AuthenticationError,
    ExportError,
    InvalidDataError,
    NotFoundError,
    PermissionDeniedError,
)
from exporters.jira.catalog_documents import (
    BOARD,
    COMPONENT,
    PROJECT,
    SPRINT,
    STATUS,
    USER,
    VERSION,
)
from exporters.jira.client import JiraClient
from exporters.jira.payloads import issue_url, trimmed
from exporters.jira.people import SOURCE, account_id
from exporters.jira.vocabulary import person_name

_PROJECT_FACTS: Final = ("id", "key", "name", "projectTypeKey", "projectCategory")


def project_summary(project: Mapping[str, Any]) -> dict[str, Any]:
    """What other records keep of a project."""
    kept = {name: project[name] for name in _PROJECT_FACTS if project.get(name) is not None}
    return {**trimmed(kept), "id": str(project["id"])}


class Catalog:
    """Reads the catalogue of some projects.

    Attributes:
        complete: Whether everything could be read.
    """

    def __init__(self, client: JiraClient, now: Callable[[], datetime]) -> None:
        self._client = client
        self._site = client.site()
        self._now = now
        self.complete = True

    def changes(
        self, project_ids: Iterable[str], people: Iterable[Mapping[str, Any]], *, boards: bool
    ) -> Iterator[Change]:
        """Everything of it.

        Args:
            project_ids: The projects.
            people: The accounts of the site, as Jira gave them.
            boards: Whether boards and sprints are wanted.
        """
        projects: dict[str, Mapping[str, Any]] = {}
        for project_id in project_ids:
            try:
                project = self._client.project(project_id)
            except (NotFoundError, PermissionDeniedError) as error:
                self.complete = False
                yield Failure(error=error, entity=PROJECT, external_id=project_id)
                continue
            projects[project_id] = project_summary(project)
            yield from self._project(project)
        for status in self._client.statuses():
            yield self._upsert(STATUS, status, _scope(status, projects), None)
        for person in people:
            # Neither apps nor customers of a portal.
            if account_id(person) and person.get("accountType") in {None, "atlassian"}:
                yield self._upsert(USER, _person(person), None, None)
        if boards:
            yield from self._boards(projects)

    def _project(self, project: Mapping[str, Any]) -> Iterator[Change]:
        about = project_summary(project)
        versions = project.get("versions") or ()
        # What a project says of its components leaves their leads out.
        components = self._client.components(about["id"]) if project.get("components") else ()
        whole = {
            name: value
            for name, value in project.items()
            if name not in {"versions", "components", "roles", "insight", "permissions"}
        }
        url = issue_url(self._site.url, project.get("key"))
        yield self._upsert(PROJECT, whole, about, url)
        for version in versions:
            address = f"{self._site.url}/projects/{project.get('key')}/versions/{version['id']}"
            yield self._upsert(VERSION, version, about, address)
        for component in components:
            yield self._upsert(COMPONENT, component, about, None)

    def _boards(self, projects: Mapping[str, Mapping[str, Any]]) -> Iterator[Change]:
        try:
            boards = {str(board["id"]): board for board in self._client.boards()}
        except (PermissionDeniedError, NotFoundError, AuthenticationError) as error:
            self.complete = False
            yield Withheld(
                f"Boards and sprints cannot be read: {error} Give the token the scopes "
                "read:board-scope:jira-software and read:sprint:jira-software, or set "
                "DATA_GETTERS_JIRA__BOARDS to false."
            )
            return
        places = {
            identifier: str(place)
            for identifier, board in boards.items()
            if (place := (board.get("location") or {}).get("projectId"))
        }
        seen: set[str] = set()
        for identifier, board in boards.items():
            if places.get(identifier) not in projects:
                continue  # of a project that is not asked for, or of a person
            about = projects[places[identifier]]
            yield self._upsert(BOARD, board, about, None)
            for sprint in self._sprints(identifier):
                if str(sprint["id"]) in seen:
                    continue
                seen.add(str(sprint["id"]))
                origin = places.get(str(sprint.get("originBoardId") or identifier))
                yield self._upsert(SPRINT, sprint, projects.get(origin or "") or about, None)

    def _sprints(self, board_id: str) -> list[dict[str, Any]]:
        try:
            return list(self._client.sprints(board_id))
        except (InvalidDataError, NotFoundError):
            return []  # a board without sprints says so with an error
        except PermissionDeniedError:
            self.complete = False
            return []

    def _upsert(
        self,
        entity: str,
        item: Mapping[str, Any],
        project: Mapping[str, Any] | None,
        url: str | None,
    ) -> Change:
        connection = self._site.connection
        if project is None:
            access = [workspace(connection)]
        elif project.get("id"):
            access = [group(SOURCE, f"{connection}/{project['id']}")]
        else:
            access = [DENY_ALL]
        try:
            record = RawRecord(
                entity=entity,
                external_id=str(item["id"]),
                payload={
                    "connection": connection,
                    "site": {"url": self._site.url, "is_cloud": self._site.is_cloud},
                    "item": trimmed(item),
                    "project": dict(project) if project else None,
                    "access": access,
                },
                url=url,
                fetched_at=self._now(),
            )
        except KeyError:
            error: ExportError = InvalidDataError(f"Jira gave a {entity} without an id.")
            return Failure(error=error)
        return Upsert(record)


def _scope(
    status: Mapping[str, Any], projects: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, Any] | None:
    """The project that a status is of; None for one that all may use."""
    place = ((status.get("scope") or {}).get("project") or {}).get("id")
    return None if place is None else projects.get(str(place)) or {"id": str(place)}


def _person(person: Mapping[str, Any]) -> dict[str, Any]:
    """What is told of a person: what a colleague sees who looks them up in Jira."""
    return {
        "id": account_id(person),
        "name": person_name(person),
        "username": person.get("name"),
        "email": person.get("emailAddress") or None,
        "active": bool(person.get("active", True)),
        "timeZone": person.get("timeZone"),
    }
