"""How issues look on the wire: the fields asked for, comments, worklogs, files, the change log."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from sandbox.jira.catalogue import FIELDS, ROLES
from sandbox.jira.errors import bad_request
from sandbox.jira.model import (
    Attachment,
    Comment,
    History,
    Issue,
    RemoteLink,
    Visibility,
    Worklog,
)
from sandbox.jira.payloads import Payload, Payloads
from sandbox.jira.times import duration

ISSUE_EXPAND = "renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations"
EMBEDDED_WORKLOGS = 20
_NOT_SHOWN = frozenset({"issuekey", "thumbnail"})
"""Fields without a value of their own."""


class IssuePayloads(Payloads):
    """Makes JSON of issues.

    Attributes:
        embedded_comments: How many comments an issue carries itself; None for all.
    """

    embedded_comments: int | None = None

    def issue(self, issue: Issue, fields: Collection[str], expand: Collection[str] = ()) -> Payload:
        """An issue.

        Args:
            issue: Which.
            fields: Ids of the fields to show, as ``chosen_fields`` gives them.
            expand: ``renderedFields``, ``names``, ``schema``, ``changelog``.
        """
        payload: Payload = {
            "expand": ISSUE_EXPAND,
            "id": str(issue.id),
            "self": self.url(f"issue/{issue.id}"),
            "key": issue.key,
        }
        if "renderedFields" in expand:
            payload["renderedFields"] = self._rendered(issue, fields)
        if "names" in expand:
            payload["names"] = {name: FIELDS[name].name for name in fields}
        if "schema" in expand:
            payload["schema"] = {n: FIELDS[n].schema for n in fields if FIELDS[n].schema}
        if "changelog" in expand:
            histories = self.histories(issue)
            payload["changelog"] = {
                "startAt": 0,
                "maxResults": len(histories),
                "total": len(histories),
                "histories": histories,
            }
        if fields:
            payload["fields"] = {name: self._field(issue, name) for name in fields}
        return payload

    def histories(self, issue: Issue) -> list[Payload]:
        """The change log, newest first, as it is embedded."""
        return [self.history(entry) for entry in reversed(issue.histories)]

    def history(self, entry: History) -> Payload:
        """One change."""
        items = [
            {
                "field": item.field,
                "fieldtype": "custom" if item.custom else "jira",
                **({"fieldId": item.field_id} if item.field_id and self.site.is_cloud else {}),
                "from": item.old,
                "fromString": item.old_text,
                "to": item.new,
                "toString": item.new_text,
            }
            for item in entry.items
        ]
        return {
            "id": str(entry.id),
            "author": self.user(entry.author),
            "created": self.time(entry.created),
            "items": items,
        }

    def comment(self, comment: Comment, issue: Issue, *, rendered: bool = False) -> Payload:
        """A comment."""
        payload: Payload = {
            "self": self.url(f"issue/{issue.id}/comment/{comment.id}"),
            "id": str(comment.id),
            "author": self.user(comment.author),
            "body": self.rich(comment.body),
        }
        if rendered:
            payload["renderedBody"] = self.html(comment.body)
        payload |= {
            "updateAuthor": self.user(comment.update_author),
            "created": self.time(comment.created),
            "updated": self.time(comment.updated),
            **self._visibility(comment.visibility),
        }
        if self.site.is_cloud:
            payload["jsdPublic"] = comment.public
        return payload

    def worklog(self, worklog: Worklog) -> Payload:
        """A worklog."""
        payload: Payload = {
            "self": self.url(f"issue/{worklog.issue}/worklog/{worklog.id}"),
            "author": self.user(worklog.author),
            "updateAuthor": self.user(worklog.author),
        }
        if worklog.comment is not None:
            payload["comment"] = self.rich(worklog.comment)
        return payload | {
            "created": self.time(worklog.created),
            "updated": self.time(worklog.updated),
            **self._visibility(worklog.visibility),
            "started": self.time(worklog.started),
            "timeSpent": duration(worklog.seconds),
            "timeSpentSeconds": worklog.seconds,
            "id": str(worklog.id),
            "issueId": str(worklog.issue),
        }

    def attachment(self, file: Attachment) -> Payload:
        """A file as a field of an issue."""
        content = self.url(f"attachment/content/{file.id}")
        if not self.site.is_cloud:
            content = f"{self.root}/secure/attachment/{file.id}/{file.filename}"
        payload: Payload = {
            "self": self.url(f"attachment/{file.id}"),
            "id": str(file.id),
            "filename": file.filename,
            "author": self.user(file.author),
            "created": self.time(file.created),
            "size": len(file.content),
            "mimeType": file.mime_type,
            "content": content,
        }
        if file.mime_type.startswith("image/"):
            payload["thumbnail"] = content.replace("/content/", "/thumbnail/").replace(
                "/secure/attachment/", "/secure/thumbnail/"
            )
        return payload

    def remote_link(self, link: RemoteLink, issue: Issue) -> Payload:
        """A link to something elsewhere."""
        thing: Payload = {"url": link.url, "title": link.title}
        if link.summary:
            thing["summary"] = link.summary
        thing["icon"] = {}
        thing["status"] = {"icon": {}}
        if link.resolved is not None:
            thing["status"]["resolved"] = link.resolved
        payload: Payload = {
            "id": link.id,
            "self": self.url(f"issue/{issue.key}/remotelink/{link.id}"),
        }
        if link.global_id:
            payload["globalId"] = link.global_id
        kind, name = link.application
        payload["application"] = {"type": kind, "name": name} if kind else {}
        if link.relationship:
            payload["relationship"] = link.relationship
        return payload | {"object": thing}

    def reference(self, issue: Issue) -> Payload:
        """An issue as a parent, sub-task or linked issue."""
        fields = {
            "summary": issue.summary,
            "status": self.status(issue.status),
            "priority": self.priority(issue.priority),
            "issuetype": self.issue_type(issue.type),
        }
        return {
            "id": str(issue.id),
            "key": issue.key,
            "self": self.url(f"issue/{issue.id}"),
            "fields": fields,
        }

    # --- fields -----------------------------------------------------------------------------------

    def _field(self, issue: Issue, name: str) -> Any:
        field = FIELDS[name]
        if field.custom:
            return self.custom_value(field, issue.values.get(name))
        return _SYSTEM[name](self, issue)

    def _rendered(self, issue: Issue, fields: Iterable[str]) -> Payload:
        rendered: Payload = {}
        for name in fields:
            field = FIELDS[name]
            if name in ("description", "environment"):
                rendered[name] = self.html(getattr(issue, name))
            elif field.rich:
                rendered[name] = self.html(issue.values.get(name))
            elif name == "comment":
                page = self.comments_field(issue)
                shown = self.viewer.comments(issue)[: len(page["comments"])]
                for payload, comment in zip(page["comments"], shown, strict=True):
                    payload["body"] = self.html(comment.body)
                rendered[name] = page
            elif field.schema.get("type") in ("datetime", "date"):
                rendered[name] = self._field(issue, name)
            else:
                rendered[name] = None
        return rendered

    def comments_field(self, issue: Issue) -> Payload:
        """The first comments of an issue and how many there are."""
        comments = self.viewer.comments(issue)
        shown = comments[: self.embedded_comments]
        return {
            "comments": [self.comment(comment, issue) for comment in shown],
            "self": self.url(f"issue/{issue.id}/comment"),
            "maxResults": len(shown),
            "total": len(comments),
            "startAt": 0,
        }

    def worklog_field(self, issue: Issue) -> Payload:
        """The first worklogs of an issue and how many there are."""
        worklogs = self.viewer.worklogs(issue)
        return {
            "startAt": 0,
            "maxResults": EMBEDDED_WORKLOGS,
            "total": len(worklogs),
            "worklogs": [self.worklog(one) for one in worklogs[:EMBEDDED_WORKLOGS]],
        }

    def links_field(self, issue: Issue) -> list[Payload]:
        """Links to issues the viewer may see."""
        found = []
        for number in self.site.links_of.get(issue.id, ()):
            link = self.site.links[number]
            outward = link.source == issue.id
            other = self.site.issues[link.target if outward else link.source]
            if not self.viewer.may_see(other):
                continue
            kind = {
                "id": link.type.id,
                "name": link.type.name,
                "inward": link.type.inward,
                "outward": link.type.outward,
                "self": self.url(f"issueLinkType/{link.type.id}"),
            }
            found.append(
                {
                    "id": str(link.id),
                    "self": self.url(f"issueLink/{link.id}"),
                    "type": kind,
                    "outwardIssue" if outward else "inwardIssue": self.reference(other),
                }
            )
        return found

    def subtasks_field(self, issue: Issue) -> list[Payload]:
        """Sub-tasks, which are not the issues of an epic."""
        children = [self.site.issues[one] for one in self.site.children_of.get(issue.id, ())]
        return [
            self.reference(child)
            for child in children
            if child.type.level < 0 and self.viewer.may_see(child)
        ]

    def security_field(self, issue: Issue) -> Payload | None:
        """The security level."""
        if issue.security is None:
            return None
        level = self.site.security_level(issue.security)
        return {
            "self": self.url(f"securitylevel/{level.id}"),
            "id": str(level.id),
            "description": level.description,
            "name": level.name,
        }

    def timetracking_field(self, issue: Issue) -> Payload:
        """Time spent in words and seconds; empty where none was."""
        seconds = _seconds(issue)
        if not seconds:
            return {}
        return {
            "remainingEstimate": "0m",
            "timeSpent": duration(seconds),
            "remainingEstimateSeconds": 0,
            "timeSpentSeconds": seconds,
        }

    def _visibility(self, visibility: Visibility | None) -> Payload:
        if visibility is None:
            return {}
        if visibility.type == "group":
            value = self.site.groups[visibility.id].name
        else:
            value = ROLES[int(visibility.id)].name
        payload = {"type": visibility.type, "value": value}
        if self.site.is_cloud:
            payload["identifier"] = visibility.id if visibility.type == "group" else value
        return {"visibility": payload}

    def parent_field(self, issue: Issue) -> Payload | None:
        """The issue above."""
        parent = None if issue.parent is None else self.site.issues.get(issue.parent)
        if parent is None or not self.viewer.may_see(parent):
            return None
        return self.reference(parent)

    def watches_field(self, issue: Issue) -> Payload:
        """How many watch it."""
        return {
            "self": self.url(f"issue/{issue.key}/watchers"),
            "watchCount": 1,
            "isWatching": issue.reporter == self.viewer.id,
        }

    def votes_field(self, issue: Issue) -> Payload:
        """How many voted for it."""
        return {"self": self.url(f"issue/{issue.key}/votes"), "votes": 0, "hasVoted": False}

    def versions_of(self, ids: Iterable[str]) -> list[Payload]:
        """Versions as a field."""
        return [self.version_payload(self.site.versions[one]) for one in ids]


def _seconds(issue: Issue) -> int:
    """Time spent on an issue."""
    return sum(worklog.seconds for worklog in issue.worklogs)


def _progress(issue: Issue) -> Payload:
    """Time spent of time planned, which is all of it where nothing was planned."""
    spent = _seconds(issue)
    share = {"percent": 100} if spent else {}
    return {"progress": spent, "total": spent, **share}


_SYSTEM: dict[str, Callable[[IssuePayloads, Issue], Any]] = {
    "summary": lambda _, issue: issue.summary,
    "issuetype": lambda make, issue: make.issue_type(issue.type),
    "project": lambda make, issue: make.project_ref(make.site.projects[issue.project]),
    "status": lambda make, issue: make.status(issue.status),
    "statusCategory": lambda make, issue: make.category(issue.status.category),
    "statuscategorychangedate": lambda make, issue: make.time(issue.status_changed),
    "priority": lambda make, issue: make.priority(issue.priority),
    "resolution": lambda make, issue: make.resolution(issue.resolution),
    "resolutiondate": lambda make, issue: make.time(issue.resolved),
    "description": lambda make, issue: make.rich(issue.description),
    "environment": lambda make, issue: make.rich(issue.environment),
    "assignee": lambda make, issue: make.user(issue.assignee),
    "reporter": lambda make, issue: make.user(issue.reporter),
    "creator": lambda make, issue: make.user(issue.creator),
    "created": lambda make, issue: make.time(issue.created),
    "updated": lambda make, issue: make.time(issue.updated),
    "duedate": lambda _, issue: issue.due_date or None,
    "labels": lambda _, issue: list(issue.labels),
    "components": lambda make, issue: [
        make.component(make.site.components[one]) for one in issue.components
    ],
    "fixVersions": lambda make, issue: make.versions_of(issue.fix_versions),
    "versions": lambda make, issue: make.versions_of(issue.versions),
    "parent": lambda make, issue: make.parent_field(issue),
    "subtasks": lambda make, issue: make.subtasks_field(issue),
    "issuelinks": lambda make, issue: make.links_field(issue),
    "security": lambda make, issue: make.security_field(issue),
    "watches": lambda make, issue: make.watches_field(issue),
    "votes": lambda make, issue: make.votes_field(issue),
    "timespent": lambda _, issue: _seconds(issue) or None,
    "timeestimate": lambda _, issue: 0 if issue.worklogs else None,
    "timeoriginalestimate": lambda _, __: None,
    "aggregatetimespent": lambda _, issue: _seconds(issue) or None,
    "aggregatetimeestimate": lambda _, issue: 0 if issue.worklogs else None,
    "aggregatetimeoriginalestimate": lambda _, __: None,
    "progress": lambda _, issue: _progress(issue),
    "aggregateprogress": lambda _, issue: _progress(issue),
    "issuerestriction": lambda _, __: {"issuerestrictions": {}, "shouldDisplay": False},
    "timetracking": lambda make, issue: make.timetracking_field(issue),
    "workratio": lambda _, __: -1,
    "lastViewed": lambda _, __: None,
    "attachment": lambda make, issue: [make.attachment(file) for file in issue.attachments],
    "comment": lambda make, issue: make.comments_field(issue),
    "worklog": lambda make, issue: make.worklog_field(issue),
}


def chosen_fields(asked: Sequence[str], *, by_key: bool = False) -> list[str]:
    """The ids of the fields a request asks for.

    Args:
        asked: Ids or names, ``*all``, ``*navigable``, and any of them with a minus before it. A
            field nobody has is ignored, as Jira ignores it.
        by_key: Only keys are given, no names.

    Raises:
        JiraError: 400 for a group of fields that does not exist.
    """
    shown = [field for field in FIELDS.values() if field.id not in _NOT_SHOWN]
    chosen: dict[str, None] = {}
    if asked and all(name.startswith("-") for name in asked):
        asked = ["*navigable", *asked]
    for name in asked:
        wanted = name.removeprefix("-")
        if wanted == "*all":
            names = [field.id for field in shown]
        elif wanted == "*navigable":
            names = [field.id for field in shown if field.navigable]
        elif wanted.startswith("*"):
            raise bad_request(f"The field group '{wanted}' is not valid.")
        else:
            lower = wanted.lower()
            names = [
                field.id
                for field in shown
                if wanted == field.id or (not by_key and lower == field.name.lower())
            ]
        for one in names:
            if name.startswith("-"):
                chosen.pop(one, None)
            else:
                chosen[one] = None
    return list(chosen)
