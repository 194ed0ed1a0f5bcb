"""Endpoints of what all projects share: fields, statuses, types, priorities, links, roles."""

from sandbox.jira.asking import Asking
from sandbox.jira.catalogue import (
    CATEGORIES,
    FIELDS,
    ISSUE_TYPES,
    LINK_TYPES,
    PRIORITIES,
    RESOLUTIONS,
    ROLES,
    STATUSES,
)
from sandbox.jira.endpoint import CLOUD, CONFIGURATION, Endpoint
from sandbox.jira.errors import JiraError
from sandbox.jira.model import Field
from sandbox.jira.payloads import Payload
from sandbox.jira.projects import LICENSED_GROUP


def all_roles(asking: Asking) -> list[Payload]:
    """``role``: the roles that projects cast; to admins."""
    if not asking.viewer.is_admin:
        raise JiraError(403, "You do not have permission to view project roles.")
    return [
        {
            "self": asking.make.url(f"role/{one.id}"),
            "name": one.name,
            "id": one.id,
            "description": one.description,
        }
        for one in ROLES.values()
    ]


def field_payload(field: Field) -> Payload:
    """A field as ``field`` lists it."""
    payload: Payload = {
        "id": field.id,
        "key": field.id,
        "name": field.name,
        "custom": field.custom,
        "orderable": field.orderable,
        "navigable": field.navigable,
        "searchable": True,
        "clauseNames": list(field.clauses),
    }
    return payload | {"schema": field.schema} if field.schema else payload


def fields(asking: Asking) -> list[Payload]:
    """``field``: all of them."""
    shown = [field_payload(field) for field in FIELDS.values()]
    if asking.site.is_cloud:
        return shown
    return [{name: one[name] for name in one if name != "key"} for one in shown]


def field_search(asking: Asking) -> Payload:
    """``field/search``: page by page, by kind and name."""
    kinds, query = asking.listing("type"), asking.text("query").lower()
    values = [
        {"id": field.id, "name": field.name, "schema": field.schema, "description": ""}
        for field in FIELDS.values()
        if (not kinds or ("custom" if field.custom else "system") in kinds)
        and query in field.name.lower()
    ]
    return asking.page_bean(values, "field/search")


def statuses(asking: Asking) -> list[Payload]:
    """``status``."""
    shown = [asking.make.status(status) for status in STATUSES]
    if not asking.site.is_cloud:
        return shown
    return [payload | {"untranslatedName": payload["name"]} for payload in shown]


def categories(asking: Asking) -> list[Payload]:
    """``statuscategory``."""
    return [asking.make.category(category) for category in CATEGORIES.values()]


def priorities(asking: Asking) -> list[Payload]:
    """``priority``."""
    colors = ("#cc0000", "#ff0000", "#009900", "#006600", "#003300")
    return [
        {
            "self": asking.make.url(f"priority/{one.id}"),
            "statusColor": color,
            "description": one.description,
            "iconUrl": asking.make.priority(one)["iconUrl"],
            "name": one.name,
            "id": one.id,
        }
        for one, color in zip(PRIORITIES, colors, strict=True)
    ]


def resolutions(asking: Asking) -> list[Payload | None]:
    """``resolution``."""
    return [asking.make.resolution(one) for one in RESOLUTIONS]


def issue_types(asking: Asking) -> list[Payload]:
    """``issuetype``."""
    shown = [asking.make.issue_type(kind) for kind in ISSUE_TYPES]
    if not asking.site.is_cloud:
        return shown
    return [payload | {"untranslatedName": payload["name"]} for payload in shown]


def link_types(asking: Asking) -> Payload:
    """``issueLinkType``."""
    return {
        "issueLinkTypes": [
            {
                "id": kind.id,
                "name": kind.name,
                "inward": kind.inward,
                "outward": kind.outward,
                "self": asking.make.url(f"issueLinkType/{kind.id}"),
            }
            for kind in LINK_TYPES
        ]
    }


def application_roles(asking: Asking) -> list[Payload]:
    """``applicationrole``: which groups may use the product."""
    if not asking.viewer.is_admin:
        raise JiraError(403, "You do not have permission to view application roles.")
    group = asking.site.group(LICENSED_GROUP)
    reference: Payload = asking.make.group(group)
    payload: Payload = {
        "key": "jira-software",
        "groups": [group.name],
        "name": "Jira Software",
        "defaultGroups": [group.name],
        "selectedByDefault": True,
        "defined": True,
        "numberOfSeats": 500,
        "remainingSeats": 500 - len(group.members),
        "userCount": len(group.members),
        "userCountDescription": "users",
        "hasUnlimitedSeats": False,
        "platform": False,
    }
    if asking.site.is_cloud:
        payload |= {"groupDetails": [reference], "defaultGroupsDetails": [reference]}
    return [payload]


ENDPOINTS = (
    Endpoint("GET", "role", all_roles, CONFIGURATION),
    Endpoint("GET", "field", fields, anonymous=True),
    Endpoint("GET", "field/search", field_search, flavours=CLOUD),
    Endpoint("GET", "status", statuses, anonymous=True),
    Endpoint("GET", "statuscategory", categories, anonymous=True),
    Endpoint("GET", "priority", priorities, anonymous=True),
    Endpoint("GET", "resolution", resolutions, anonymous=True),
    Endpoint("GET", "issuetype", issue_types, anonymous=True),
    Endpoint("GET", "issueLinkType", link_types, anonymous=True),
    Endpoint("GET", "applicationrole", application_roles, CONFIGURATION),
)
