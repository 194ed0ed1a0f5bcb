"""Endpoints of projects and of how they and the site are set up."""

from collections.abc import Callable
from typing import Any

from sandbox.jira.asking import Asking
from sandbox.jira.catalogue import FIELDS, ISSUE_TYPES, ROLES
from sandbox.jira.endpoint import CLOUD, CONFIGURATION, PROJECT, Endpoint
from sandbox.jira.errors import JiraError, bad_request
from sandbox.jira.model import Group, Person, Project, SecurityLevel, SecurityScheme
from sandbox.jira.payloads import PROJECT_EXPAND, Payload
from sandbox.jira.settings_endpoints import field_payload

MOST_PROJECTS = 100
NOT_AN_ADMIN = "You do not have permission to view the configuration of this project."
SCHEME_EXPAND = "permissions,user,group,projectRole,field,all"


def project_search(asking: Asking) -> Payload:
    """``project/search``; archived projects only where ``status`` asks for them."""
    status = asking.listing("status") or ["live"]
    found = asking.viewer.browsable() if "live" in status else []
    if "archived" in status and asking.viewer.is_admin:
        found += [p for p in asking.site.projects.values() if p.archived_at is not None]
    query = asking.text("query").lower()
    ids, keys = asking.listing("id"), asking.listing("keys")
    found = [
        project
        for project in found
        if (not ids or str(project.id) in ids)
        and (not keys or project.key in keys)
        and query in f"{project.key} {project.name}".lower()
    ]
    order = asking.text("orderBy", "key")
    sort_key = _PROJECT_ORDERS.get(order.lstrip("+-"))
    if sort_key is None:
        raise bad_request(f"'{order}' is not a valid value for orderBy.")
    found.sort(key=sort_key, reverse=order.startswith("-"))
    expand = asking.expand()
    values = [_project(asking, project, expand) for project in found]
    return asking.page_bean(values, "project/search", most=MOST_PROJECTS)


_PROJECT_ORDERS: dict[str, Callable[[Project], Any]] = {
    "key": lambda project: project.key,
    "name": lambda project: project.name,
}


def all_projects(asking: Asking) -> list[Payload]:
    """``project`` of Data Center: all at once."""
    return [_project(asking, p, asking.expand()) for p in asking.viewer.browsable()]


def project(asking: Asking) -> Payload:
    """``project/{project}``: with types, versions, components and roles."""
    found = asking.project()
    payload = _project(asking, found, {"description", "lead", "issueTypes"})
    payload["components"] = [
        asking.make.component(one)
        for one in asking.site.components.values()
        if one.project == found.id
    ]
    payload["assigneeType"] = "UNASSIGNED"
    payload["versions"] = _versions(asking, found)
    payload["roles"] = {
        role.name: asking.make.url(f"project/{found.id}/role/{role.id}") for role in ROLES.values()
    }
    if found.archived_at is not None:
        payload["archived"] = True
        payload["archivedDate"] = asking.make.time(found.archived_at)
    return payload


def _project(asking: Asking, found: Project, expand: set[str]) -> Payload:
    payload: Payload = {
        "expand": PROJECT_EXPAND if asking.site.is_cloud else "description,lead,url,projectKeys",
        "self": asking.make.url(f"project/{found.id}"),
        "id": str(found.id),
        "key": found.key,
    }
    if "description" in expand:
        payload["description"] = found.description
    if "lead" in expand:
        payload["lead"] = asking.make.lead(found.lead)
    if "issueTypes" in expand:
        payload["issueTypes"] = [asking.make.issue_type(kind) for kind in ISSUE_TYPES]
    if "projectKeys" in expand:
        payload["projectKeys"] = [found.key, *found.old_keys]
    reference = asking.make.project_ref(found)
    payload |= {
        "name": found.name,
        "avatarUrls": reference["avatarUrls"],
        "projectTypeKey": found.type,
    }
    if "projectCategory" in reference:
        payload["projectCategory"] = reference["projectCategory"]
    if asking.site.is_cloud:
        payload |= {"simplified": False, "style": "classic", "isPrivate": False, "properties": {}}
    else:
        payload["archived"] = found.archived_at is not None
    return payload


def permission_scheme(asking: Asking) -> Payload:
    """``project/{project}/permissionscheme``: to who administers the project."""
    found = _administered(asking)
    scheme, expand = asking.site.schemes[found.scheme], asking.expand()
    payload: Payload = {
        "expand": SCHEME_EXPAND,
        "id": scheme.id,
        "self": asking.make.url(f"permissionscheme/{scheme.id}"),
        "name": scheme.name,
        "description": scheme.description,
    }
    if expand & {"permissions", "all", "user", "group", "projectRole", "field"}:
        payload["permissions"] = [
            {
                "id": grant.id,
                "self": asking.make.url(f"permissionscheme/{scheme.id}/permission/{grant.id}"),
                "holder": _holder(asking, grant.holder, expand),
                "permission": grant.permission,
            }
            for grant in scheme.grants
        ]
    return payload


def _holder(asking: Asking, holder: Any, expand: set[str]) -> Payload:
    whole = "all" in expand or holder.type in expand
    payload = asking.make.holder(holder, expand=whole)
    if whole and holder.type in ("userCustomField", "groupCustomField"):
        payload["field"] = field_payload(FIELDS[holder.parameter])
    return payload


def roles(asking: Asking) -> Payload:
    """``project/{project}/role``: links by name."""
    found = _administered(asking, hidden=True)
    return {
        role.name: asking.make.url(f"project/{found.id}/role/{role.id}") for role in ROLES.values()
    }


def role(asking: Asking) -> Payload:
    """``project/{project}/role/{role}``: who plays it."""
    found = _administered(asking, hidden=True)
    number = asking.integer("role", 0)
    if number not in ROLES:
        raise JiraError(404, f"Can not find a project role with id '{number}'.")
    known, actors = ROLES[number], found.roles[number]
    hidden = asking.flag("excludeInactiveUsers")
    people = [(asking.site.people[account], n) for account, n in actors.people.items()]
    groups = [(asking.site.groups[group], n) for group, n in actors.groups.items()]
    shown = [_person_actor(asking, p, n) for p, n in people if p.active or not hidden]
    return {
        "self": asking.make.url(f"project/{found.id}/role/{number}"),
        "name": known.name,
        "id": number,
        "description": known.description,
        "actors": [*shown, *(_group_actor(asking, group, n) for group, n in groups)],
    }


def _person_actor(asking: Asking, person: Person, number: int) -> Payload:
    payload: Payload = {
        "id": number,
        "displayName": person.display_name,
        "type": "atlassian-user-role-actor",
    }
    if asking.site.is_cloud:
        return payload | {"actorUser": {"accountId": person.account_id}}
    return payload | {
        "name": person.name,
        "avatarUrl": f"{asking.site_url}/secure/useravatar?size=xsmall&avatarId=10122",
    }


def _group_actor(asking: Asking, group: Group, number: int) -> Payload:
    payload: Payload = {
        "id": number,
        "displayName": group.name,
        "type": "atlassian-group-role-actor",
        "name": group.name,
    }
    if asking.site.is_cloud:
        names = {"name": group.name, "displayName": group.name, "groupId": group.id}
        return payload | {"actorGroup": names}
    return payload | {
        "avatarUrl": f"{asking.site_url}/secure/useravatar?size=xsmall&avatarId=10123"
    }


def _administered(asking: Asking, *, hidden: bool = False) -> Project:
    """The project, if the viewer may read its settings; else 403, or 404 where it is hidden."""
    found = asking.project()
    if not asking.viewer.administers(found):
        raise JiraError(404 if hidden else 403, NOT_AN_ADMIN)
    return found


# --- security -------------------------------------------------------------------------------------


def security_levels(asking: Asking) -> Payload:
    """``project/{project}/securitylevel``: the levels whose issues the viewer may see."""
    found = asking.project()
    scheme = asking.site.security_schemes.get(found.security_scheme or 0)
    if scheme is None:
        return {"levels": []}
    viewer = asking.viewer
    return {
        "levels": [
            _level(asking, scheme, level)
            for level in scheme.levels.values()
            if viewer.clears_level(level, found)
        ]
    }


def _level(asking: Asking, scheme: SecurityScheme, level: SecurityLevel) -> Payload:
    payload: Payload = {
        "self": asking.make.url(f"securitylevel/{level.id}"),
        "id": str(level.id),
        "description": level.description,
        "name": level.name,
    }
    if asking.site.is_cloud:
        payload["isDefault"] = scheme.default_level == level.id
        payload["issueSecuritySchemeId"] = str(scheme.id)
    return payload


def project_security_scheme(asking: Asking) -> Payload:
    """``project/{project}/issuesecuritylevelscheme``."""
    found = _administered(asking)
    if found.security_scheme is None:
        raise JiraError(404, "The project has no issue security scheme.")
    return _security_scheme(asking, asking.site.security_schemes[found.security_scheme])


def security_schemes(asking: Asking) -> Payload:
    """``issuesecurityschemes``: all of them; to admins."""
    if not asking.viewer.is_admin:
        raise JiraError(403, "You do not have permission to view issue security schemes.")
    schemes = asking.site.security_schemes.values()
    shown = [_security_scheme(asking, scheme) for scheme in schemes]
    for payload in shown:
        del payload["levels"]
    return {"issueSecuritySchemes": shown}


def security_scheme(asking: Asking) -> Payload:
    """``issuesecurityschemes/{scheme}``."""
    return _security_scheme(asking, _administered_scheme(asking))


def _security_scheme(asking: Asking, scheme: SecurityScheme) -> Payload:
    payload: Payload = {
        "self": asking.make.url(f"issuesecurityschemes/{scheme.id}"),
        "id": scheme.id,
        "name": scheme.name,
        "description": "",
        "levels": [_level(asking, scheme, level) for level in scheme.levels.values()],
    }
    if scheme.default_level is not None:
        payload["defaultSecurityLevelId"] = scheme.default_level
    return payload


def level_members(asking: Asking) -> Payload:
    """``issuesecurityschemes/{scheme}/members``."""
    scheme = _administered_scheme(asking)
    wanted, expand = asking.listing("issueSecurityLevelId"), asking.expand()
    values = [
        {
            "id": member.id,
            "issueSecurityLevelId": level.id,
            "holder": _holder(asking, member.holder, expand),
        }
        for level in scheme.levels.values()
        if not wanted or str(level.id) in wanted
        for member in level.members
    ]
    return asking.page_bean(values, f"issuesecurityschemes/{scheme.id}/members")


def _administered_scheme(asking: Asking) -> SecurityScheme:
    number = asking.integer("scheme", 0)
    scheme = asking.site.security_schemes.get(number)
    users = [p for p in asking.site.projects.values() if p.security_scheme == number]
    if not any(asking.viewer.administers(p) for p in users) and not asking.viewer.is_admin:
        raise JiraError(403, "You do not have permission to view the issue security scheme.")
    if scheme is None:
        raise JiraError(404, f"The issue security scheme with id '{number}' does not exist.")
    return scheme


# --- versions and components ----------------------------------------------------------------------


def _versions(asking: Asking, found: Project) -> list[Payload]:
    return [
        asking.make.version_payload(version) | {"projectId": found.id}
        for version in asking.site.versions.values()
        if version.project == found.id
    ]


def versions(asking: Asking) -> list[Payload]:
    """``project/{project}/versions``: all at once."""
    return _versions(asking, asking.project())


def version_page(asking: Asking) -> Payload:
    """``project/{project}/version``: page by page."""
    found = asking.project()
    return asking.page_bean(_versions(asking, found), f"project/{found.key}/version")


def _components(asking: Asking, found: Project) -> list[Payload]:
    shown = []
    for one in asking.site.components.values():
        if one.project != found.id:
            continue
        payload = asking.make.component(one)
        lead = asking.make.lead(one.lead)
        kind = "COMPONENT_LEAD" if lead else "PROJECT_DEFAULT"
        payload |= {"assigneeType": kind, "realAssigneeType": kind}
        if lead:
            payload |= {"lead": lead, "assignee": lead, "realAssignee": lead}
        payload |= {
            "isAssigneeTypeValid": bool(lead),
            "project": found.key,
            "projectId": found.id,
        }
        shown.append(payload if asking.site.is_cloud else payload | {"archived": False})
    return shown


def components(asking: Asking) -> list[Payload]:
    """``project/{project}/components``: all at once."""
    return _components(asking, asking.project())


def component_page(asking: Asking) -> Payload:
    """``project/{project}/component``: page by page."""
    found = asking.project()
    return asking.page_bean(_components(asking, found), f"project/{found.key}/component")


ENDPOINTS = (
    Endpoint("GET", "project/search", project_search, flavours=CLOUD, anonymous=True),
    Endpoint("GET", "project", all_projects, anonymous=True),
    Endpoint("GET", "project/{project}", project, anonymous=True),
    Endpoint("GET", "project/{project}/permissionscheme", permission_scheme),
    Endpoint("GET", "project/{project}/role", roles),
    Endpoint("GET", "project/{project}/role/{role}", role),
    Endpoint("GET", "project/{project}/securitylevel", security_levels),
    Endpoint("GET", "project/{project}/issuesecuritylevelscheme", project_security_scheme),
    Endpoint("GET", "issuesecurityschemes", security_schemes, PROJECT),
    Endpoint("GET", "issuesecurityschemes/{scheme}", security_scheme, PROJECT),
    Endpoint("GET", "issuesecurityschemes/{scheme}/members", level_members, CONFIGURATION, CLOUD),
    Endpoint("GET", "project/{project}/versions", versions, anonymous=True),
    Endpoint("GET", "project/{project}/version", version_page, anonymous=True),
    Endpoint("GET", "project/{project}/components", components, anonymous=True),
    Endpoint("GET", "project/{project}/component", component_page, flavours=CLOUD, anonymous=True),
)
