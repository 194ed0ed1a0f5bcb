"""How people, projects and settings look on the wire.

Cloud names people by ``accountId``, Data Center by ``name`` and ``key``; otherwise the shapes are
nearly the same, and where they differ the recordings in the tests say how.
"""

import hashlib
from typing import Any

from sandbox.jira.catalogue import EPIC_LINK, OPTIONS, ROLES
from sandbox.jira.custom_fields import kind_of
from sandbox.jira.markup import to_html, to_wiki
from sandbox.jira.model import (
    Adf,
    Component,
    Field,
    Group,
    Holder,
    IssueType,
    NamedValue,
    Person,
    Project,
    Sprint,
    Status,
    StatusCategory,
    Version,
)
from sandbox.jira.times import written, written_utc
from sandbox.jira.viewer import Viewer

Payload = dict[str, Any]

AVATAR_SIZES = ("48x48", "24x24", "16x16", "32x32")
_ISSUE_TYPE_AVATAR = "/rest/api/2/universal_avatar/view/type/issuetype/avatar"
PROJECT_EXPAND = "description,lead,issueTypes,url,projectKeys,permissions,insight"


class Payloads:
    """Makes JSON of a site for one viewer.

    Attributes:
        viewer: Who asks.
        site: The site.
        root: Base of ``self`` links: ``http://host:port``, with the gateway's prefix behind it.
        version: 3, or 2 where rich text is wiki markup.
    """

    def __init__(self, viewer: Viewer, root: str, version: int) -> None:
        self.viewer = viewer
        self.site = viewer.site
        self.root = root
        self.version = version

    def url(self, path: str) -> str:
        """The ``self`` link of something of the platform API."""
        return f"{self.root}/rest/api/{self.version}/{path}"

    def time(self, moment: float | None) -> str | None:
        """A moment in the viewer's time zone."""
        return None if moment is None else written(moment, self.viewer.tz)

    def rich(self, body: Adf | None) -> Any:
        """Rich text as this version of the API sends it."""
        return body if self.version == 3 else to_wiki(body, self.user_name)

    def html(self, body: Adf | None) -> str:
        """Rich text as HTML."""
        return to_html(body, self.user_name)

    def user_name(self, account_id: str) -> str:
        """What a mention in wiki markup holds."""
        person = self.site.people.get(account_id)
        if self.site.is_cloud or person is None:
            return f"accountid:{account_id}"
        return person.name

    # --- people -----------------------------------------------------------------------------------

    def user(self, account_id: str) -> Payload | None:
        """Somebody, or None for nobody (an issue without assignee)."""
        person = self.site.people.get(account_id)
        return None if person is None else self.person(person)

    def person(self, person: Person) -> Payload:
        """An account as it is embedded in everything."""
        if not self.site.is_cloud:
            return {
                "self": f"{self.root}/rest/api/2/user?username={person.name}",
                "name": person.name,
                "key": self.key_of(person),
                "emailAddress": person.email,
                "avatarUrls": self._avatars(person.name),
                "displayName": person.display_name,
                "active": person.active,
                "timeZone": person.tz,
            }
        payload: Payload = {
            "self": self.url(f"user?accountId={person.account_id}"),
            "accountId": person.account_id,
        }
        if self.viewer.sees_email_of(person):
            payload["emailAddress"] = person.email
        return payload | {
            "avatarUrls": self._avatars(person.account_id),
            "displayName": person.display_name,
            "active": person.active,
            "timeZone": person.tz,
            "accountType": person.account_type,
        }

    def lead(self, account_id: str) -> Payload | None:
        """A project's or component's lead: shorter, without address and time zone."""
        payload = self.user(account_id)
        if payload is None:
            return None
        shown = ("self", "accountId", "name", "key", "avatarUrls", "displayName", "active")
        return {name: payload[name] for name in shown if name in payload}

    @staticmethod
    def key_of(person: Person) -> str:
        """Data Center's user key, which stays when the name changes."""
        digest = hashlib.blake2b(person.account_id.encode(), digest_size=3).hexdigest()
        return f"JIRAUSER{int(digest, 16) % 90_000 + 10_000}"

    def _avatars(self, seed: str) -> Payload:
        digest = hashlib.blake2b(seed.encode(), digest_size=16).hexdigest()
        return {
            size: f"https://secure.gravatar.com/avatar/{digest}?size={size.partition('x')[0]}"
            for size in AVATAR_SIZES
        }

    def group(self, group: Group) -> Payload:
        """A group as it is named elsewhere."""
        payload: Payload = {"name": group.name}
        if self.site.is_cloud:
            payload["groupId"] = group.id
            return payload | {"self": self.url(f"group?groupId={group.id}")}
        return payload | {"self": self.url(f"group?groupname={group.name}")}

    # --- projects ---------------------------------------------------------------------------------

    def project_ref(self, project: Project) -> Payload:
        """A project as a field of an issue."""
        payload: Payload = {
            "self": self.url(f"project/{project.id}"),
            "id": str(project.id),
            "key": project.key,
            "name": project.name,
            "projectTypeKey": project.type,
        }
        if self.site.is_cloud:
            payload["simplified"] = False
        return payload | {"avatarUrls": self.project_avatars(project), **self._category(project)}

    def project_avatars(self, project: Project) -> Payload:
        """Links to a project's picture."""
        path = f"{self.root}/rest/api/{self.version}/universal_avatar/view/type/project/avatar"
        return {size: f"{path}/{10_400 + project.id % 25}?size={size}" for size in AVATAR_SIZES}

    def _category(self, project: Project) -> Payload:
        if not project.category:
            return {}
        number = 10_000 + sorted({p.category for p in self.site.projects.values()}).index(
            project.category
        )
        return {
            "projectCategory": {
                "self": self.url(f"projectCategory/{number}"),
                "id": str(number),
                "name": project.category,
                "description": "",
            }
        }

    def version_payload(self, version: Version) -> Payload:
        """A version as a field and in lists."""
        payload: Payload = {
            "self": self.url(f"version/{version.id}"),
            "id": version.id,
            "description": version.description,
            "name": version.name,
            "archived": version.archived,
            "released": version.released,
        }
        if version.start_date:
            payload["startDate"] = version.start_date
        if version.release_date:
            payload["releaseDate"] = version.release_date
        return payload

    def component(self, component: Component) -> Payload:
        """A component as a field."""
        payload: Payload = {
            "self": self.url(f"component/{component.id}"),
            "id": component.id,
            "name": component.name,
        }
        if component.description:
            payload["description"] = component.description
        return payload

    # --- settings ---------------------------------------------------------------------------------

    def category(self, category: StatusCategory) -> Payload:
        """A status category."""
        return {
            "self": self.url(f"statuscategory/{category.id}"),
            "id": category.id,
            "key": category.key,
            "colorName": category.color,
            "name": category.name,
        }

    def status(self, status: Status) -> Payload:
        """A status."""
        return {
            "self": self.url(f"status/{status.id}"),
            "description": status.description,
            "iconUrl": f"{self.root}/images/icons/statuses/generic.png",
            "name": status.name,
            "id": status.id,
            "statusCategory": self.category(status.category),
        }

    def issue_type(self, kind: IssueType) -> Payload:
        """An issue type."""
        avatar = 10_300 + int(kind.id) % 100
        payload: Payload = {
            "self": self.url(f"issuetype/{kind.id}"),
            "id": kind.id,
            "description": kind.description,
            "iconUrl": f"{self.root}{_ISSUE_TYPE_AVATAR}/{avatar}",
            "name": kind.name,
            "subtask": kind.level < 0,
            "avatarId": avatar,
        }
        if self.site.is_cloud:
            payload["hierarchyLevel"] = kind.level
        return payload

    def priority(self, priority: NamedValue) -> Payload:
        """A priority as a field."""
        return {
            "self": self.url(f"priority/{priority.id}"),
            "iconUrl": f"{self.root}/images/icons/priorities/{priority.name.lower()}_new.svg",
            "name": priority.name,
            "id": priority.id,
        }

    def resolution(self, resolution: NamedValue | None) -> Payload | None:
        """A resolution as a field."""
        if resolution is None:
            return None
        return {
            "self": self.url(f"resolution/{resolution.id}"),
            "id": resolution.id,
            "description": resolution.description,
            "name": resolution.name,
        }

    def holder(self, holder: Holder, *, expand: bool) -> Payload:  # noqa: C901
        """Who a grant is to."""
        payload: Payload = {"type": holder.type}
        if not holder.parameter:
            return payload
        payload["parameter"] = holder.parameter
        match holder.type:
            case "group":
                group = self.site.groups[holder.parameter]
                payload["parameter"] = group.name
                if self.site.is_cloud:
                    payload["value"] = group.id
                if expand:
                    payload["group"] = self.group(group)
            case "projectRole":
                role = ROLES[int(holder.parameter)]
                if self.site.is_cloud:
                    payload["value"] = holder.parameter
                if expand:
                    payload["projectRole"] = {
                        "self": self.url(f"role/{role.id}"),
                        "name": role.name,
                        "id": role.id,
                        "description": role.description,
                    }
            case "user":
                person = self.site.people[holder.parameter]
                payload["parameter"] = (
                    holder.parameter if self.site.is_cloud else self.key_of(person)
                )
                if self.site.is_cloud:
                    payload["value"] = holder.parameter
                if expand:
                    payload["user"] = self.person(person)
            case _ if self.site.is_cloud:
                payload["value"] = holder.parameter
        if payload["type"] in ("group", "projectRole", "user"):
            payload["expand"] = payload["type"]
        return payload

    def sprint(self, sprint: Sprint) -> Payload:
        """A sprint in the agile API."""
        payload: Payload = {
            "id": sprint.id,
            "self": f"{self.root}/rest/agile/1.0/sprint/{sprint.id}",
            "state": sprint.state,
            "name": sprint.name,
        }
        for name, moment in (
            ("startDate", sprint.start),
            ("endDate", sprint.end),
            ("completeDate", sprint.completed),
        ):
            if moment is not None:
                payload[name] = written_utc(moment)
        return payload | {"originBoardId": sprint.board, "goal": sprint.goal}

    # --- custom fields ----------------------------------------------------------------------------

    def custom_value(self, field: Field, value: Any) -> Any:  # noqa: PLR0911, PLR0912, C901
        """A custom field's value."""
        if value is None:
            return None
        match kind_of(field):
            case "textarea":
                return self.rich(value)
            case "datetime":
                return self.time(value)
            case "select" | "radiobuttons":
                return self._option(field, value)
            case "multiselect" | "multicheckboxes":
                return [self._option(field, option) for option in value]
            case "cascadingselect":
                upper, lower = value
                child = {"child": self._option(field, lower)} if lower else {}
                return self._option(field, upper) | child
            case "userpicker":
                return self.user(value)
            case "multiuserpicker":
                return [self.user(account) for account in value]
            case "grouppicker":
                return self.group(self.site.groups[value])
            case "multigrouppicker":
                return [self.group(self.site.groups[group]) for group in value]
            case "multiversion":
                return [self.version_payload(self.site.versions[one]) for one in value]
            case "project":
                return self.project_ref(self.site.projects[value])
            case "gh-sprint":
                return [self._sprint_value(self.site.sprints[one]) for one in value]
            case _:
                return self._plain_value(field, value)

    def _plain_value(self, field: Field, value: Any) -> Any:
        if field.id == EPIC_LINK:
            epic = self.site.issues.get(value)
            return None if epic is None else epic.key
        if kind_of(field) == "vp-origin":
            return {"requestType": {"name": value}, "currentStatus": None}
        if kind_of(field) == "sd-customer-organizations":
            return [{"id": str(n + 1), "name": name} for n, name in enumerate(value)]
        return list(value) if isinstance(value, tuple) else value

    def _option(self, field: Field, option: str) -> Payload:
        words = OPTIONS[field.id][option][0]
        payload: Payload = {
            "self": self.url(f"customFieldOption/{option}"),
            "value": words,
            "id": option,
        }
        return payload if self.site.is_cloud else payload | {"disabled": False}

    def _sprint_value(self, sprint: Sprint) -> Any:
        """Cloud sends objects, Data Center the text a Java object prints."""
        if self.site.is_cloud:
            payload = self.sprint(sprint)
            return {
                "id": sprint.id,
                "name": sprint.name,
                "state": sprint.state,
                "boardId": sprint.board,
                "goal": sprint.goal,
                **{name: payload[name] for name in payload if name.endswith("Date")},
            }
        dates = [
            self.time(moment) or "<null>" for moment in (sprint.start, sprint.end, sprint.completed)
        ]
        return (
            f"com.atlassian.greenhopper.service.sprint.Sprint@{sprint.id:07x}[id={sprint.id},"
            f"rapidViewId={sprint.board},state={sprint.state.upper()},name={sprint.name},"
            f"startDate={dates[0]},endDate={dates[1]},completeDate={dates[2]},"
            f"activatedDate={dates[0]},sequence={sprint.id},goal={sprint.goal},"
            "autoStartStop=false,synced=false]"
        )
