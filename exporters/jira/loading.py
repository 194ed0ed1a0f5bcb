"""Fetching issues, and what belongs to them: comments, work logs, history, attachments."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from exporters.changes import (
    AccessChange,
    Change,
    Children,
    Delete,
    Failure,
    Listed,
    LoadMany,
    RawRecord,
    Upsert,
    record_key,
)
from exporters.errors import (
    InvalidDataError,
    NotFoundError,
    PermissionDeniedError,
    TransientError,
)
from exporters.jira.access import ProjectAccess
from exporters.jira.answers import only_objects
from exporters.jira.client import JiraClient
from exporters.jira.fields import moment
from exporters.jira.payloads import (
    ATTACHMENT,
    COMMENT,
    ISSUE,
    attachment_record,
    attachment_version,
    comment_record,
    issue_record,
    issue_version,
    restricted_comments,
)
from exporters.jira.settings import JiraSettings


class IssueLoader:
    """Fetches the issues of one project's sync.

    Args:
        client: The Jira.
        settings: Its limits.
        project_id: The project whose sync it is.
        access_of: Who may read a project's issues, by its id.
        known_fields: Summaries of the fields, by id.
        attachments: Whether attachments are read.
        now: The clock.

    Attributes:
        loaded: Issues fetched so far.
        together: What fetches several with one call.
    """

    def __init__(
        self,
        client: JiraClient,
        settings: JiraSettings,
        *,
        project_id: str,
        access_of: Callable[[str], ProjectAccess],
        known_fields: Callable[[], Mapping[str, Mapping[str, Any]]],
        attachments: bool,
        now: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._settings = settings
        self._project_id = project_id
        self._access_of = access_of
        self._known_fields = known_fields
        self._attachments = attachments
        self._now = now
        self.loaded = 0
        self.together = LoadMany(self.several, settings.bulk_size)

    def listed(self, issue: Mapping[str, Any], *, with_version: bool) -> Listed:
        """An issue of a listing.

        Args:
            issue: As the search gave it.
            with_version: Whether the search told when it changed.
        """
        identifier = str(issue["id"])
        return Listed(
            entity=ISSUE,
            external_id=identifier,
            version=issue_version(issue) if with_version else None,
            load=partial(self.one, identifier),
            load_many=self.together,
        )

    def one(self, issue_id: str) -> Iterator[Change]:
        """What there is to say of an issue."""
        return self.several([issue_id])

    def several(self, ids: Sequence[str]) -> Iterator[Change]:
        """The same of several, with one call."""
        missing = dict.fromkeys(ids)
        for issue in self._client.issues(ids):
            # A wrong key or an alias gives another id than was asked for.
            if str(issue.get("id")) in missing:
                missing.pop(str(issue["id"]))
                yield from self._said(issue)
        for identifier in missing:
            yield from self.asked(identifier)

    def asked(self, issue_id: str) -> Iterator[Change]:
        """What Jira says of an issue when asked for it alone: that it is gone, or what it is.

        Raises:
            PermissionDeniedError: The whole project is out of sight: that proves nothing.
        """
        try:
            issue = self._client.issue(issue_id)
        except NotFoundError:
            self._check_project()
            yield Delete(ISSUE, issue_id)
            return
        yield from self._said(issue)

    def _check_project(self) -> None:
        """Makes sure that the project's issues can be seen at all: else none of them is gone.

        An archived project still shows itself, and one that the account administers does too when
        it may not browse it any more.
        """
        try:
            project = self._client.project(self._project_id)
            if not project.get("archived") and self._client.may_browse(self._project_id):
                return
        except (NotFoundError, PermissionDeniedError):
            pass  # told below, like the other ways in which it is out of sight
        raise PermissionDeniedError(
            "Jira does not show the issues of the project any more: it was deleted or archived, or "
            "the account lost access to it.",
            hint="Give the account *Browse Projects* again if it still exists. What was synced of "
            "it stays.",
        )

    def _said(self, issue: Mapping[str, Any]) -> Iterator[Change]:
        fields = issue.get("fields")
        if not isinstance(fields, Mapping):
            raise InvalidDataError(
                f"Jira gave the issue {issue.get('key')} without its fields.",
                external_id=str(issue.get("id")),
            )
        self.loaded += 1
        site, fetched_at = self._client.site(), self._now()
        identifier = str(issue["id"])
        project = fields.get("project")
        project = project if isinstance(project, Mapping) else {}
        access = self._access_of(str(project.get("id") or self._project_id))
        principals = access.of_issue(fields)
        comments = self._all(fields.get("comment"), "comments", identifier, self._client.comments)
        worklogs = self._all(fields.get("worklog"), "worklogs", identifier, self._client.worklogs)
        history, history_count = self._history(issue)
        yield Upsert(
            issue_record(
                site=site,
                issue=issue,
                comments=comments,
                worklogs=worklogs,
                history=history,
                history_count=history_count,
                known_fields=self._known_fields(),
                access=principals,
                shows_parent=_shows_parent(issue, access),
                fetched_at=fetched_at,
            )
        )
        restricted = restricted_comments(comments, fields)
        for comment in restricted:
            circle = access.of_comment(fields, comment.get("visibility"))
            yield from _belongs(
                comment_record(
                    site=site, issue=issue, comment=comment, access=circle, fetched_at=fetched_at
                )
            )
        yield Children(
            parent=record_key(ISSUE, identifier),
            entity=COMMENT,
            external_ids=frozenset(f"{identifier}/{one['id']}" for one in restricted),
        )
        yield from self._attached(issue, fields.get("attachment"), principals)

    @staticmethod
    def _all(
        embedded: Any,
        key: str,
        issue_id: str,
        ask: Callable[[str], list[dict[str, Any]]],
    ) -> list[dict[str, Any]]:
        """What belongs to an issue: as it came with it, or asked for where that is not all."""
        if isinstance(embedded, Mapping) and isinstance(embedded.get(key), list):
            found = only_objects(embedded[key], f"the {key} of an issue")
            total = embedded.get("total")
            if not isinstance(total, int) or total <= len(found):
                return found
        return ask(issue_id)

    def _history(self, issue: Mapping[str, Any]) -> tuple[list[dict[str, Any]], int]:
        """The newest changes, the oldest of them first, and how many there are in all."""
        most = self._settings.history_entries
        embedded = issue.get("changelog")
        embedded = embedded if isinstance(embedded, Mapping) else {}
        found = only_objects(embedded.get("histories") or [], "the history of an issue")
        total = embedded.get("total")
        total = total if isinstance(total, int) else len(found)
        if most and total > len(found) and self._client.site().is_cloud:
            found = list(self._client.history(str(issue["id"]), max(0, total - most)))
        found.sort(key=_when)
        return (found[-most:] if most else []), total

    def _attached(
        self, issue: Mapping[str, Any], attachments: Any, principals: Sequence[str]
    ) -> Iterator[Change]:
        if not isinstance(attachments, list):
            return  # not told, which is not the same as none
        fields = issue["fields"]
        stub = {
            "id": issue["id"],
            "key": issue.get("key"),
            "fields": {"summary": fields.get("summary"), "project": fields.get("project")},
        }
        found = [
            one for one in only_objects(attachments, "the attachments of an issue") if one.get("id")
        ]
        identifiers = {f"{issue['id']}/{one['id']}": one for one in found}
        yield Children(
            parent=record_key(ISSUE, str(issue["id"])),
            entity=ATTACHMENT,
            external_ids=frozenset(identifiers),
        )
        for external_id, attachment in identifiers.items():
            # It is not fetched again when its issue's readers change.
            yield AccessChange(access=tuple(principals), entity=ATTACHMENT, external_id=external_id)
            if not self._attachments:
                continue
            yield Listed(
                entity=ATTACHMENT,
                external_id=external_id,
                version=attachment_version(attachment, stub),
                load=partial(self._attachment, stub, attachment, principals),
            )

    def _attachment(
        self, issue: Mapping[str, Any], attachment: Mapping[str, Any], principals: Sequence[str]
    ) -> Iterator[Change]:
        external_id = f"{issue['id']}/{attachment['id']}"
        try:
            text, truncated, no_text = self._text(attachment)
        except NotFoundError:
            yield Delete(ATTACHMENT, external_id)
            return
        except (PermissionDeniedError, TransientError, InvalidDataError) as error:
            yield Failure(error=error, entity=ATTACHMENT, external_id=external_id)
            return
        yield Upsert(
            attachment_record(
                site=self._client.site(),
                issue=issue,
                attachment=attachment,
                text=text,
                truncated=truncated,
                no_text=no_text,
                access=principals,
                fetched_at=self._now(),
            )
        )

    def _text(self, attachment: Mapping[str, Any]) -> tuple[str, bool, str | None]:
        """The text of an attachment, whether it is cut, and why there is none."""
        kind, size = str(attachment.get("mimeType") or ""), attachment.get("size")
        limit = self._settings.attachment_bytes
        from exporters.extraction import extract_text, may_have_text  # noqa: PLC0415 (large)

        name = attachment.get("filename")
        if not may_have_text(name=name, mime_type=kind or None):
            return "", False, "Files of this type are not read."
        if isinstance(size, int) and size > limit:
            return "", False, f"It is larger than {limit} bytes, the setting attachment_bytes."
        download = self._client.attachment(attachment, limit)
        if download.truncated:
            return "", False, f"It is larger than {limit} bytes, the setting attachment_bytes."
        found = extract_text(download.content, name=name, mime_type=kind or None)
        return found.text or "", found.truncated, found.reason or None

    def part(self, entity: str, external_id: str) -> Iterator[Change]:
        """An attachment or a restricted comment, asked for again with its issue."""
        issue_id, _, _ = external_id.partition("/")
        key = record_key(entity, external_id)
        found = False
        for change in self.asked(issue_id):
            if isinstance(change, Listed) and change.key == key:
                found = True
                yield from change.load()
        if not found:
            yield Delete(entity, external_id)


def _belongs(record: RawRecord) -> Iterator[Change]:
    """A record that came with its issue. Who may read it may move though its words do not."""
    access = tuple(record.payload["access"])
    yield AccessChange(access=access, entity=record.entity, external_id=record.external_id)
    yield Listed(
        entity=record.entity,
        external_id=record.external_id,
        version=record.version,
        load=lambda: [Upsert(record)],
    )


def _when(entry: Mapping[str, Any]) -> tuple[float, str]:
    at = moment(entry.get("created"))
    return (at.timestamp() if at else 0.0, str(entry.get("id")).zfill(20))


def _shows_parent(issue: Mapping[str, Any], access: ProjectAccess) -> bool:
    """Whether who reads an issue reads its parent: of the same project, with nothing between."""
    parent = (issue.get("fields") or {}).get("parent")
    key = parent.get("key") if isinstance(parent, Mapping) else None
    same = str(key).rpartition("-")[0] == str(issue.get("key")).rpartition("-")[0]
    return same and not access.has_levels
