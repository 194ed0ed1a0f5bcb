"""Endpoints of the agile API 1.0: boards, sprints, epics."""

from collections.abc import Iterable
from typing import Any

from sandbox.jira.asking import Asking
from sandbox.jira.catalogue import EPIC_LINK, EPIC_NAME, RANK, SPRINT, STATUSES
from sandbox.jira.endpoint import Endpoint
from sandbox.jira.errors import JiraError, bad_request
from sandbox.jira.issue_payloads import chosen_fields
from sandbox.jira.model import Board, Issue
from sandbox.jira.payloads import Payload

_STATES = ("closed", "active", "future")
SCOPES = ("read:jira-work",)


def boards(asking: Asking) -> Payload:
    """``board``: boards of projects the viewer may browse."""
    wanted, kind = asking.text("projectKeyOrId"), asking.text("type")
    visible = {project.id for project in asking.viewer.browsable()}
    if wanted:
        project = asking.site.find_project(wanted)
        visible &= {project.id} if project else set()
    name = asking.text("name").lower()
    values = [
        _board(asking, board)
        for board in asking.site.boards.values()
        if board.project in visible
        and (not kind or board.type in kind.split(","))
        and name in board.name.lower()
    ]
    return _page(asking, values)


def board(asking: Asking) -> Payload:
    """``board/{board}``."""
    return _board(asking, _wanted(asking))


def configuration(asking: Asking) -> Payload:
    """``board/{board}/configuration``: filter, columns, estimation."""
    found = _wanted(asking)
    project = asking.site.projects[found.project]
    columns: dict[str, list[Payload]] = {"To Do": [], "In Progress": [], "Done": []}
    for status in STATUSES:
        link = asking.make.url(f"status/{status.id}")
        columns[status.category.name].append({"id": status.id, "self": link})
    number = str(20_000 + found.id)
    payload: Payload = {
        **_board(asking, found),
        "self": f"{_url(asking, found)}/configuration",
        "filter": {"id": number, "self": asking.make.url(f"filter/{number}")},
        "columnConfig": {
            "columns": [{"name": name, "statuses": links} for name, links in columns.items()],
            "constraintType": "none",
        },
        "ranking": {"rankCustomFieldId": int(RANK.rpartition("_")[2])},
    }
    payload["location"] = {
        "type": "project",
        "key": project.key,
        "id": str(project.id),
        "self": asking.make.url(f"project/{project.id}"),
        "name": project.name,
    }
    if found.type == "scrum":
        payload["estimation"] = {
            "type": "field",
            "field": {"fieldId": "customfield_10016", "displayName": "Story point estimate"},
        }
    return payload


def sprints(asking: Asking) -> Payload:
    """``board/{board}/sprint``: closed, active, future ones, in this order."""
    found = _wanted(asking)
    if found.type != "scrum":
        raise bad_request("The board does not support sprints")
    states = asking.listing("state") or list(_STATES)
    values = [
        asking.make.sprint(one)
        for state in _STATES
        if state in states
        for one in asking.site.sprints.values()
        if one.board == found.id and one.state == state
    ]
    return _page(asking, values)


def sprint(asking: Asking) -> Payload:
    """``sprint/{sprint}``."""
    number = asking.integer("sprint", 0)
    found = asking.site.sprints.get(number)
    visible = {project.id for project in asking.viewer.browsable()}
    if found is None or asking.site.boards[found.board].project not in visible:
        raise JiraError(404, "Sprint does not exist or you do not have permission to view it.")
    return asking.make.sprint(found)


def sprint_issues(asking: Asking) -> Payload:
    """``sprint/{sprint}/issue``."""
    number = int(sprint(asking)["id"])
    issues = asking.site.issues.values()
    return _issues(asking, (one for one in issues if number in one.values.get(SPRINT, ())))


def board_issues(asking: Asking) -> Payload:
    """``board/{board}/issue``."""
    found = _wanted(asking)
    return _issues(asking, asking.site.issues_of(found.project))


def board_epics(asking: Asking) -> Payload:
    """``board/{board}/epic``."""
    found = _wanted(asking)
    epics = [i for i in asking.site.issues_of(found.project) if i.type.level == 1]
    return _page(asking, [_epic(asking, one) for one in epics if asking.viewer.may_see(one)])


def epic(asking: Asking) -> Payload:
    """``epic/{epic}``."""
    return _epic(asking, _wanted_epic(asking))


def epic_issues(asking: Asking) -> Payload:
    """``epic/{epic}/issue``."""
    found = _wanted_epic(asking)
    issues = asking.site.issues.values()
    members = (i for i in issues if found.id in (i.parent, i.values.get(EPIC_LINK)))
    return _issues(asking, members)


def _wanted_epic(asking: Asking) -> Issue:
    found = asking.issue("epic")
    if found.type.level != 1:
        raise bad_request("The requested issue is not an epic.")
    return found


def _epic(asking: Asking, issue: Issue) -> Payload:
    return {
        "id": issue.id,
        "key": issue.key,
        "self": f"{asking.make.root}/rest/agile/1.0/epic/{issue.id}",
        "name": str(issue.values.get(EPIC_NAME) or issue.summary),
        "summary": issue.summary,
        "color": {"key": f"color_{issue.id % 9 + 1}"},
        "done": issue.status.category.key == "done",
    }


def _issues(asking: Asking, issues: Iterable[Issue]) -> Payload:
    seen = [one for one in issues if asking.viewer.may_see(one)]
    shown, head = asking.page(seen)
    chosen = chosen_fields(asking.listing("fields") or ["*navigable"])
    values: list[Any] = [asking.make.issue(one, chosen, asking.expand()) for one in shown]
    return {
        "expand": "schema,names",
        "startAt": head["startAt"],
        "maxResults": head["maxResults"],
        "total": head["total"],
        "issues": values,
    }


def _wanted(asking: Asking) -> Board:
    found = asking.site.boards.get(asking.integer("board", 0))
    if found is None or not asking.viewer.may_browse(asking.site.projects[found.project]):
        raise JiraError(404, "Board does not exist or you do not have permission to view it.")
    return found


def _board(asking: Asking, found: Board) -> Payload:
    payload: Payload = {
        "id": found.id,
        "self": _url(asking, found),
        "name": found.name,
        "type": found.type,
    }
    if asking.site.is_cloud:
        project = asking.site.projects[found.project]
        payload["location"] = {
            "projectId": project.id,
            "displayName": f"{project.name} ({project.key})",
            "projectName": project.name,
            "projectKey": project.key,
            "projectTypeKey": project.type,
            "avatarURI": asking.make.project_avatars(project)["48x48"],
            "name": f"{project.name} ({project.key})",
        }
    return payload


def _url(asking: Asking, found: Board) -> str:
    return f"{asking.make.root}/rest/agile/1.0/board/{found.id}"


def _page(asking: Asking, values: list[Payload]) -> Payload:
    shown, head = asking.page(values)
    return {**head, "values": list(shown)}


ENDPOINTS = (
    Endpoint("GET", "agile/board", boards, SCOPES),
    Endpoint("GET", "agile/board/{board}", board, SCOPES),
    Endpoint("GET", "agile/board/{board}/configuration", configuration, SCOPES),
    Endpoint("GET", "agile/board/{board}/sprint", sprints, SCOPES),
    Endpoint("GET", "agile/board/{board}/issue", board_issues, SCOPES),
    Endpoint("GET", "agile/board/{board}/epic", board_epics, SCOPES),
    Endpoint("GET", "agile/sprint/{sprint}", sprint, SCOPES),
    Endpoint("GET", "agile/sprint/{sprint}/issue", sprint_issues, SCOPES),
    Endpoint("GET", "agile/epic/{epic}", epic, SCOPES),
    Endpoint("GET", "agile/epic/{epic}/issue", epic_issues, SCOPES),
)
