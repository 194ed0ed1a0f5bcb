"""What people add to an issue: comments, time, files and links."""

import base64
import mimetypes
from dataclasses import replace

from sandbox.jira.catalogue import LINK_TYPES, ROLES
from sandbox.jira.directory import mutation
from sandbox.jira.issues import Issues, RichText
from sandbox.jira.model import (
    Attachment,
    ChangeItem,
    Comment,
    Issue,
    Link,
    LinkType,
    RemoteLink,
    Visibility,
    Worklog,
)

_TYPES = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "md": "text/markdown",
    "log": "text/plain",
    "yaml": "application/yaml",
}


class Conversation(Issues):
    """Comments, worklogs, attachments and links of a site's issues."""

    @mutation
    def comment(
        self,
        issue: str,
        author: str,
        body: RichText,
        *,
        role: int | None = None,
        group: str = "",
        public: bool = True,
        at: float | None = None,
    ) -> int:
        """Comment on an issue and return the comment's id.

        Args:
            issue: Which.
            author: Who.
            body: Rich text.
            role: Only people with this project role see it.
            group: Only people in this group see it.
            public: False for a service desk's internal note.
            at: When; default: now.
        """
        found, person = self.issue(issue), self.person(author)
        moment = self._begin(found, at)
        made = Comment(
            self.new_id("comment"),
            person.account_id,
            self.rich_text(body, found),
            moment,
            moment,
            person.account_id,
            self._visibility(role, group),
            public,
        )
        found.comments = [*found.comments, made]
        self._comments[made.id] = found.id
        self._write_down(found, person, moment, ())
        return made.id

    @mutation
    def edit_comment(
        self,
        issue: str,
        comment: int,
        body: RichText,
        *,
        by: str = "",
        at: float | None = None,
    ) -> None:
        """Change a comment's words."""
        found = self.issue(issue)
        old = self._comment(found, comment)
        person = self.person(by or old.author)
        moment = self._begin(found, at)
        new = replace(
            old,
            body=self.rich_text(body, found),
            updated=moment,
            update_author=person.account_id,
        )
        found.comments = [new if one is old else one for one in found.comments]
        self._write_down(found, person, moment, ())

    @mutation
    def restrict_comment(
        self, issue: str, comment: int, *, role: int | None = None, group: str = ""
    ) -> None:
        """Keep a comment to a role or a group, or open it to everybody again."""
        found = self.issue(issue)
        old = self._comment(found, comment)
        moment = self._begin(found, None)
        new = replace(old, visibility=self._visibility(role, group), updated=moment)
        found.comments = [new if one is old else one for one in found.comments]
        self._write_down(found, self.person(old.author), moment, ())

    @mutation
    def delete_comment(self, issue: str, comment: int, *, by: str = "") -> None:
        """Delete a comment; the issue's ``updated`` moves."""
        found = self.issue(issue)
        gone = self._comment(found, comment)
        moment = self._begin(found, None)
        found.comments = [one for one in found.comments if one is not gone]
        del self._comments[comment]
        item = ChangeItem("Comment", "comment", str(comment), None, None, None)
        self._write_down(found, self._author(by or gone.author), moment, [item])

    @mutation
    def log_work(
        self,
        issue: str,
        author: str,
        seconds: int,
        *,
        comment: RichText | None = None,
        started: float | None = None,
        role: int | None = None,
        group: str = "",
        at: float | None = None,
    ) -> int:
        """Note time spent on an issue and return the worklog's id."""
        found, person = self.issue(issue), self.person(author)
        moment = self._begin(found, at)
        made = Worklog(
            self.new_id("worklog"),
            found.id,
            person.account_id,
            None if comment is None else self.rich_text(comment, found),
            moment - seconds if started is None else started,
            seconds,
            moment,
            moment,
            self._visibility(role, group),
        )
        before = sum(worklog.seconds for worklog in found.worklogs)
        found.worklogs = [*found.worklogs, made]
        old = str(before) if before else None
        item = ChangeItem(
            "timespent", "timespent", old, old, str(before + seconds), str(before + seconds)
        )
        self._write_down(found, person, moment, [item])
        return made.id

    @mutation
    def edit_worklog(self, issue: str, worklog: int, seconds: int) -> None:
        """Correct the time of a worklog."""
        found = self.issue(issue)
        old = self._worklog(found, worklog)
        moment = self._begin(found, None)
        new = replace(old, seconds=seconds, updated=moment)
        found.worklogs = [new if one is old else one for one in found.worklogs]
        self._write_down(found, self.person(old.author), moment, ())

    @mutation
    def delete_worklog(self, issue: str, worklog: int) -> None:
        """Delete a worklog."""
        found = self.issue(issue)
        gone = self._worklog(found, worklog)
        moment = self._begin(found, None)
        found.worklogs = [one for one in found.worklogs if one is not gone]
        self.deleted_worklogs.append((worklog, moment))
        item = ChangeItem("WorklogId", "worklogid", str(worklog), str(worklog), None, None)
        self._write_down(found, self.person(gone.author), moment, [item])

    @mutation
    def attach(
        self,
        issue: str,
        author: str,
        filename: str,
        content: bytes | str,
        *,
        mime_type: str = "",
        at: float | None = None,
    ) -> int:
        """Attach a file and return the attachment's id.

        Args:
            issue: To which.
            author: Who.
            filename: Its name.
            content: The bytes; text is taken as base64, as the control endpoint sends it.
            mime_type: Default: by the name.
            at: When; default: now.
        """
        found, person = self.issue(issue), self.person(author)
        moment = self._begin(found, at)
        data = base64.b64decode(content, validate=True) if isinstance(content, str) else content
        number = self.new_id("attachment")
        made = Attachment(
            number,
            found.id,
            filename,
            mime_type or _mime_type(filename),
            data,
            person.account_id,
            moment,
            self._media_id(number),
        )
        found.attachments = [*found.attachments, made]
        self._files[str(made.id)] = self._files[made.media_id] = made
        item = ChangeItem("Attachment", "attachment", None, None, str(number), filename)
        self._write_down(found, person, moment, [item])
        return number

    @mutation
    def remove_attachment(self, issue: str, attachment: int, *, by: str = "") -> None:
        """Remove a file."""
        found = self.issue(issue)
        gone = next((file for file in found.attachments if file.id == attachment), None)
        if gone is None:
            raise LookupError(f"no attachment {attachment} on {found.key}")
        moment = self._begin(found, None)
        found.attachments = [file for file in found.attachments if file is not gone]
        item = ChangeItem("Attachment", "attachment", str(gone.id), gone.filename, None, None)
        self._write_down(found, self._author(by), moment, [item])

    @mutation
    def link(
        self, source: str, target: str, type: str = "Relates", *, by: str = "",  # noqa: A002
        at: float | None = None,
    ) -> int:  # fmt: skip
        """Link two issues (the source blocks the target) and return the link's id."""
        first, second, author = self.issue(source), self.issue(target), self._author(by)
        kind = _link_type(type)
        made = Link(self.new_id("link"), kind, first.id, second.id)
        self.links[made.id] = made
        for here, there, words in ((first, second, kind.outward), (second, first, kind.inward)):
            moment = self._begin(here, at)
            self.links_of[here.id] = [*self.links_of.get(here.id, ()), made.id]
            item = ChangeItem(
                "Link", "", None, None, there.key, f"This work item {words} {there.key}"
            )
            self._write_down(here, author, moment, [item])
        return made.id

    @mutation
    def unlink(self, link: int, *, by: str = "") -> None:
        """Remove a link between issues."""
        gone, author = self.links[link], self._author(by)
        ends = (
            (gone.source, gone.target, gone.type.outward),
            (gone.target, gone.source, gone.type.inward),
        )
        for here, there, words in ends:
            issue, other = self.issues[here], self.issues[there]
            moment = self._begin(issue, None)
            item = ChangeItem(
                "Link", "", other.key, f"This work item {words} {other.key}", None, None
            )
            self._write_down(issue, author, moment, [item])
        self._drop_link(link)

    @mutation
    def add_remote_link(
        self,
        issue: str,
        url: str,
        title: str,
        *,
        summary: str = "",
        global_id: str = "",
        relationship: str = "",
        application: tuple[str, str] = ("", ""),
        resolved: bool | None = None,
        by: str = "",
        at: float | None = None,
    ) -> int:
        """Link an issue to something elsewhere and return the link's id.

        Args:
            issue: Which.
            url: Where it leads.
            title: Its words.
            summary: A second line.
            global_id: The other side's id.
            relationship: ``mentioned in`` ...
            application: Type and name of the other system.
            resolved: Whether the thing there is done; None for what cannot be.
            by: Who does it.
            at: When; default: now.
        """
        found, author = self.issue(issue), self._author(by)
        moment = self._begin(found, at)
        made = RemoteLink(
            self.new_id("remote link"),
            url,
            title,
            summary,
            global_id,
            relationship,
            (application[0], application[1]),
            resolved,
        )
        found.remote_links = [*found.remote_links, made]
        item = ChangeItem(
            "RemoteIssueLink", "", None, None, str(made.id), f'This work item links to "{title}"'
        )
        self._write_down(found, author, moment, [item])
        return made.id

    def _drop_link(self, link: int) -> None:
        gone = self.links.pop(link, None)
        if gone is not None:
            for end in (gone.source, gone.target):
                kept = [one for one in self.links_of.get(end, ()) if one != link]
                self.links_of[end] = kept

    def _visibility(self, role: int | None, group: str) -> Visibility | None:
        if role is not None:
            return Visibility("role", str(ROLES[role].id))
        return Visibility("group", self.group(group).id) if group else None

    @staticmethod
    def _comment(issue: Issue, comment: int) -> Comment:
        for one in issue.comments:
            if one.id == comment:
                return one
        raise LookupError(f"no comment {comment} on {issue.key}")

    @staticmethod
    def _worklog(issue: Issue, worklog: int) -> Worklog:
        for one in issue.worklogs:
            if one.id == worklog:
                return one
        raise LookupError(f"no worklog {worklog} on {issue.key}")


def _mime_type(filename: str) -> str:
    suffix = filename.rpartition(".")[2].lower()
    return _TYPES.get(suffix) or mimetypes.guess_type(filename)[0] or "application/octet-stream"


def _link_type(name: str) -> LinkType:
    for kind in LINK_TYPES:
        if name in (kind.name, kind.id):
            return kind
    raise LookupError(f"no link type {name!r}")
