"""Endpoints of accounts, groups and permissions."""

from collections.abc import Iterable
from typing import Any

from sandbox.jira.asking import Asking
from sandbox.jira.catalogue import GLOBAL_PERMISSIONS, PERMISSIONS
from sandbox.jira.endpoint import CLOUD, CONFIGURATION, USER, Endpoint
from sandbox.jira.errors import JiraError, bad_request, no_such_issue, no_such_project
from sandbox.jira.model import Group, Issue, Person, Project
from sandbox.jira.payloads import Payload
from sandbox.jira.projects import LICENSED_GROUP
from sandbox.jira.viewer import Viewer

MOST_USERS = 1000
MOST_BULK_USERS = 200
MOST_GROUP_MEMBERS = 50
NOT_ALLOWED = "You do not have permission to {}."


def server_info(asking: Asking) -> Payload:
    """``serverInfo``."""
    site, make = asking.site, asking.make
    payload: Payload = {
        "baseUrl": asking.site_url,
        "version": "1001.0.0-SNAPSHOT" if site.is_cloud else "10.3.12",
        "versionNumbers": [1001, 0, 0] if site.is_cloud else [10, 3, 12],
        "deploymentType": "Cloud" if site.is_cloud else "Server",
        "buildNumber": 100_300 if site.is_cloud else 10_030_012,
        "buildDate": make.time(site.clock() - 3 * 86_400),
        "serverTime": make.time(site.clock()),
        "scmInfo": site.opaque("scm"),
        "serverTitle": "Jira",
    }
    if site.is_cloud:
        payload["defaultLocale"] = {"locale": "en_US"}
        payload["serverTimeZone"] = "Europe/Berlin"
    return payload


def myself(asking: Asking) -> Payload:
    """``myself``."""
    person = asking.viewer.person
    if person is None:
        raise JiraError(401, "Client must be authenticated to access this resource.")
    return _whole_user(asking, person)


def _whole_user(asking: Asking, person: Person) -> Payload:
    payload = asking.make.person(person)
    groups = asking.site.groups_of(person.account_id)
    expand = asking.expand()
    payload["locale"] = "en_US"
    payload["groups"] = {
        "size": len(groups),
        "items": [asking.make.group(one) for one in groups] if "groups" in expand else [],
    }
    payload["applicationRoles"] = {"size": 1, "items": []}
    payload["expand"] = "groups,applicationRoles"
    return payload


def users_search(asking: Asking) -> list[Payload]:
    """``users/search``: every account, also apps' and people's who left."""
    _require_user_browser(asking)
    people = list(asking.site.people.values())
    shown, _ = asking.page(people, most=MOST_USERS)
    return [asking.make.person(person) for person in shown]


def user_search(asking: Asking) -> list[Payload]:
    """``user/search``: accounts whose name or shown address begins a word with the query."""
    _require_user_browser(asking)
    query = asking.text("query" if asking.site.is_cloud else "username").lower()
    if not query:
        raise bad_request("The query parameter is required.")
    found = [
        person
        for person in asking.site.people.values()
        if person.active and (query == "." or _is_called(asking, person, query))
    ]
    shown, _ = asking.page(found, most=MOST_USERS)
    return [asking.make.person(person) for person in shown]


def _is_called(asking: Asking, person: Person, query: str) -> bool:
    words = person.display_name.lower().split()
    if asking.viewer.sees_email_of(person):
        words.append(person.email.lower())
    if not asking.site.is_cloud:
        words.append(person.name)
    return any(word.startswith(query) for word in (*words, person.display_name.lower()))


def user(asking: Asking) -> Payload:
    """``user``: by account id, on Data Center by name or key."""
    wanted = asking.text("accountId")
    if not asking.site.is_cloud:
        wanted = asking.text("username") or asking.text("key")
    found = _find_user(asking, wanted)
    if found is None:
        raise JiraError(
            404, "Specified user does not exist or you do not have required permissions"
        )
    return _whole_user(asking, found)


def _find_user(asking: Asking, wanted: str) -> Person | None:
    if asking.site.is_cloud:
        return asking.site.people.get(wanted)
    for person in asking.site.people.values():
        if wanted in (person.name, asking.make.key_of(person)):
            return person
    return None


def user_bulk(asking: Asking) -> Payload:
    """``user/bulk``: accounts by id; unknown ids are left out."""
    ids = asking.listing("accountId")
    if not ids:
        raise bad_request("The accountId query parameter is required.")
    if len(ids) > MOST_BULK_USERS:
        raise bad_request(f"The maximum number of accountIds is {MOST_BULK_USERS}.")
    found = [asking.site.people[one] for one in ids if one in asking.site.people]
    values = [asking.make.person(person) for person in found]
    return asking.page_bean(values, "user/bulk", most=MOST_BULK_USERS, default=10)


def user_groups(asking: Asking) -> list[Payload]:
    """``user/groups``."""
    _require_user_browser(asking)
    person = _find_user(asking, asking.text("accountId"))
    if person is None:
        raise JiraError(
            404, "Specified user does not exist or you do not have required permissions"
        )
    return [asking.make.group(group) for group in asking.site.groups_of(person.account_id)]


def group_member(asking: Asking) -> Payload:
    """``group/member``: who is in a group; needs the Administer Jira permission."""
    if not asking.viewer.is_admin:
        raise JiraError(403, "Forbidden")
    group = _wanted_group(asking)
    inactive = asking.flag("includeInactiveUsers")
    people = [
        person
        for person in asking.site.people.values()
        if person.account_id in group.members and (person.active or inactive)
    ]
    values = [asking.make.person(person) for person in people]
    name = f"groupId={group.id}" if asking.site.is_cloud else f"groupname={group.name}"
    return asking.page_bean(values, f"group/member?{name}", most=MOST_GROUP_MEMBERS)


def _wanted_group(asking: Asking) -> Group:
    by_id, by_name = asking.text("groupId"), asking.text("groupname")
    if not by_id and not by_name:
        raise bad_request("One of the query parameters groupId and groupname is required.")
    found = asking.site.groups.get(by_id) if by_id else asking.site.find_group(by_name)
    if found is None:
        named = f"id '{by_id}'" if by_id else f"name '{by_name}'"
        raise JiraError(404, f"The group with {named} does not exist.")
    return found


def group_bulk(asking: Asking) -> Payload:
    """``group/bulk``: groups, all or some."""
    _require_user_browser(asking)
    ids, names = set(asking.listing("groupId")), set(asking.listing("groupName"))
    groups = sorted(asking.site.groups.values(), key=lambda group: group.name)
    values = [
        {"name": group.name, "groupId": group.id}
        for group in groups
        if (not ids and not names) or group.id in ids or group.name in names
    ]
    return asking.page_bean(values, "group/bulk")


def groups_picker(asking: Asking) -> Payload:
    """``groups/picker``: groups whose name contains the query."""
    query = asking.text("query").lower()
    groups = sorted(asking.site.groups.values(), key=lambda group: group.name)
    found = [group for group in groups if query in group.name.lower()]
    shown = found[: asking.integer("maxResults", 20)]
    return {
        "header": f"Showing {len(shown)} of {len(found)} matching groups",
        "total": len(found),
        "groups": [
            {
                "name": group.name,
                "html": group.name,
                "labels": [],
                **({"groupId": group.id} if asking.site.is_cloud else {}),
            }
            for group in shown
        ],
    }


def _require_user_browser(asking: Asking) -> None:
    licensed = asking.site.group(LICENSED_GROUP)
    if asking.viewer.id not in licensed.members and not asking.viewer.is_admin:
        raise JiraError(403, NOT_ALLOWED.format("browse users and groups"))


# --- permissions ----------------------------------------------------------------------------------


def permissions_check(asking: Asking) -> Payload:
    """``permissions/check``: where somebody has permissions; about others, only admins ask."""
    body: Any = asking.asked.body
    wanted = str(body.get("accountId") or asking.viewer.id)
    if wanted != asking.viewer.id and not asking.viewer.is_admin:
        raise JiraError(403, NOT_ALLOWED.format("check permissions of other users"))
    person = asking.site.people.get(wanted)
    if person is None:
        raise bad_request(f"The user with accountId '{wanted}' does not exist.")
    about = Viewer(asking.site, person)
    grants: dict[str, tuple[set[int], set[int]]] = {}
    for request in body.get("projectPermissions", ()):
        for permission in request.get("permissions", ()):
            if permission not in PERMISSIONS or permission in GLOBAL_PERMISSIONS:
                raise bad_request(f"Unrecognized permission: {permission}")
            projects, issues = grants.setdefault(permission, (set(), set()))
            projects |= set(_granted_projects(about, permission, request.get("projects", ())))
            issues |= set(_granted_issues(about, permission, request.get("issues", ())))
    held = [p for p in body.get("globalPermissions", ()) if _has_global(about, p)]
    return {
        "projectPermissions": [
            {"permission": name, "issues": sorted(issues), "projects": sorted(projects)}
            for name, (projects, issues) in grants.items()
        ],
        "globalPermissions": held,
    }


def _granted_projects(about: Viewer, permission: str, ids: Iterable[Any]) -> Iterable[int]:
    for number in ids:
        project = about.site.projects.get(int(number))
        if project is not None and project.archived_at is None and about.has(permission, project):
            yield project.id


def _granted_issues(about: Viewer, permission: str, ids: Iterable[Any]) -> Iterable[int]:
    for number in ids:
        issue = about.site.issues.get(int(number))
        if issue is None or not about.may_see(issue):
            continue
        if about.has(permission, about.site.projects[issue.project], issue):
            yield issue.id


def _has_global(about: Viewer, permission: str) -> bool:
    if permission == "ADMINISTER":
        return about.is_admin
    return about.is_admin or about.id in about.site.group(LICENSED_GROUP).members


def my_permissions(asking: Asking) -> Payload:
    """``mypermissions``: Cloud wants to be told which; Data Center lists all."""
    asked = asking.listing("permissions")
    if not asked and asking.site.is_cloud:
        raise bad_request("The 'permissions' query parameter is required.")
    unknown = [name for name in asked if name not in PERMISSIONS]
    if unknown:
        raise bad_request(f"Unrecognized permission: {unknown[0]}")
    project, issue = _context(asking)
    shown: Payload = {}
    for name in asked or PERMISSIONS:
        number, words = PERMISSIONS[name]
        is_global = name in GLOBAL_PERMISSIONS
        shown[name] = {
            "id": str(number),
            "key": name,
            "name": words,
            "type": "GLOBAL" if is_global else "PROJECT",
            "description": words,
            "havePermission": _has(asking.viewer, name, project, issue),
        }
    return {"permissions": shown}


def _context(asking: Asking) -> tuple[Project | None, Issue | None]:
    wanted = asking.text("issueId") or asking.text("issueKey")
    if wanted:
        issue = asking.site.find_issue(wanted)
        if issue is None or not asking.viewer.may_see(issue):
            raise no_such_issue()
        return asking.site.projects[issue.project], issue
    named = asking.text("projectId") or asking.text("projectKey")
    project = asking.site.find_project(named) if named else None
    if named and (project is None or not asking.viewer.may_browse(project)):
        raise no_such_project(named)
    return project, None


def _has(viewer: Viewer, permission: str, project: Project | None, issue: Issue | None) -> bool:
    if permission in GLOBAL_PERMISSIONS:
        return _has_global(viewer, permission)
    if project is not None:
        if permission == "ADMINISTER_PROJECTS":
            return viewer.administers(project)
        return viewer.has(permission, project, issue)
    return any(_has(viewer, permission, one, None) for one in viewer.site.projects.values())


ENDPOINTS = (
    Endpoint("GET", "serverInfo", server_info, scopes=(), anonymous=True),
    Endpoint("GET", "myself", myself, scopes=USER),
    Endpoint("GET", "users/search", users_search, scopes=USER, flavours=CLOUD),
    Endpoint("GET", "users", users_search, scopes=USER, flavours=CLOUD),
    Endpoint("GET", "user/search", user_search, scopes=USER),
    Endpoint("GET", "user", user, scopes=USER),
    Endpoint("GET", "user/bulk", user_bulk, scopes=USER, flavours=CLOUD),
    Endpoint("GET", "user/groups", user_groups, scopes=USER, flavours=CLOUD),
    Endpoint("GET", "group/member", group_member, scopes=CONFIGURATION),
    Endpoint("GET", "group/bulk", group_bulk, scopes=USER, flavours=CLOUD),
    Endpoint("GET", "groups/picker", groups_picker, scopes=USER),
    Endpoint("POST", "permissions/check", permissions_check, scopes=(), flavours=CLOUD),
    Endpoint("GET", "mypermissions", my_permissions),
)
