"""The typed document of Jira: an issue, and what belongs to it or stands around it."""

from typing import Any, ClassVar, Final

from documents.types import AIDocument

_KEYWORD: Final = {"type": "keyword"}
_DATE: Final = {"type": "date", "ignore_malformed": True}
_TEXT: Final = {"type": "text"}
_PERSON: Final = {"properties": {"id": _KEYWORD, "name": _KEYWORD, "email": _KEYWORD}}


class JiraIssueDocument(AIDocument):
    """A document out of Jira; `metadata["entity"]` says which kind.

    `issue`: `page_content` is the title, the description, environment, texts of custom fields, then
    comments, then notes of work, each in the order of time. `metadata["extra"]` holds:
        key, type, is_subtask, status, status_category (`new`, `indeterminate`, `done`), priority,
            resolution, security_level: names, as Jira shows them.
        labels, components, fix_versions, affects_versions: lists of names.
        assignee, reporter, creator: `id`, `name`, `email` (None where Jira hides it).
        due (a date), resolved_at, status_changed_at (UTC, ISO 8601).
        parent, epic: `id`, `key`, `summary`, `type`, `status`; None without.
        links: `type`, `direction` (outward, inward), `relation` ("blocks"), `key`, `id`, `summary`,
            `status`. subtasks: `id`, `key`, `summary`, `status`, `type`.
        watchers, votes: numbers. story_points: number. sprints: `id`, `name`, `state`, `board_id`,
            `goal`, `start`, `end`, `completed`; sprint: the name of the last one.
        time: seconds: `original_estimate`, `remaining_estimate`, `spent`.
        custom_fields: `id`, `name`, `type` and one of `value_text`, `value_number`, `value_date`,
            `value_keyword`.
        comments: `id`, `author`, `author_id`, `created_at`, `updated_at`, `visibility` (None: all
            who may read the issue), `start` (where it begins in `page_content`), `url`;
            comment_count; restricted_comments: how many are documents of their own.
        worklogs: `id`, `author`, `author_id`, `started_at`, `seconds`, `start` (None without text).
        attachments: `id`, `name`, `mimetype`, `size` (bytes), `author`, `created_at`.
        history: the newest changes: `at`, `author`, `field`, `from`, `to`; history_count: of all.
        request_type, slas: of service projects.
        project: `id`, `key`, `name`, `kind` (software, service_desk, business), `category`.

    `attachment`: the file's text; `extra` has `issue` (`id`, `key`, `summary`), `name`, `mimetype`,
    `size`, and `no_text` (why there is none), `text_truncated`, `not_embedded`.

    `comment`: a comment that not everybody who reads the issue may read; `extra` has `issue`,
    `visibility`.

    `project`, `version`, `component`, `board`, `sprint`, `status`: `extra` has what Jira tells, and
    `not_embedded` where there is no more to it than a name.
    """

    source: ClassVar[str] = "jira"

    store_name: ClassVar[str] = "jira_issues"

    extra_mapping: ClassVar[dict[str, Any]] = {
        "key": _KEYWORD,
        "type": _KEYWORD,
        "is_subtask": {"type": "boolean"},
        "status": _KEYWORD,
        "status_category": _KEYWORD,
        "is_open": {"type": "boolean"},
        "priority": _KEYWORD,
        "resolution": _KEYWORD,
        "security_level": _KEYWORD,
        "labels": _KEYWORD,
        "components": _KEYWORD,
        "fix_versions": _KEYWORD,
        "affects_versions": _KEYWORD,
        "assignee": _PERSON,
        "reporter": _PERSON,
        "creator": _PERSON,
        "due": _DATE,
        "resolved_at": _DATE,
        "status_changed_at": _DATE,
        "days_to_resolution": {"type": "float"},
        "days_active": {"type": "float"},
        "parent": {"properties": {"id": _KEYWORD, "key": _KEYWORD, "summary": _TEXT}},
        "epic": {"properties": {"id": _KEYWORD, "key": _KEYWORD, "summary": _TEXT}},
        "epic_chain": _KEYWORD,
        "linked_keys": _KEYWORD,
        "links": {
            "properties": {
                "type": _KEYWORD,
                "direction": _KEYWORD,
                "relation": _KEYWORD,
                "key": _KEYWORD,
                "id": _KEYWORD,
            }
        },
        "subtasks": {"properties": {"id": _KEYWORD, "key": _KEYWORD}},
        "watchers": {"type": "integer"},
        "votes": {"type": "integer"},
        "story_points": {"type": "float"},
        "sprint": _KEYWORD,
        "sprints": {
            "properties": {
                "id": _KEYWORD,
                "name": _KEYWORD,
                "state": _KEYWORD,
                "start": _DATE,
                "end": _DATE,
            }
        },
        "time": {
            "properties": {
                "original_estimate": {"type": "long"},
                "remaining_estimate": {"type": "long"},
                "spent": {"type": "long"},
            }
        },
        "custom_fields": {
            "type": "nested",
            "properties": {
                "id": _KEYWORD,
                "name": _KEYWORD,
                "type": _KEYWORD,
                "value_text": _TEXT,
                "value_number": {"type": "double", "ignore_malformed": True},
                "value_date": _DATE,
                "value_keyword": {"type": "keyword", "ignore_above": 1024},
            },
        },
        "comment_count": {"type": "integer"},
        "restricted_comments": {"type": "integer"},
        "comments": {"properties": {"id": _KEYWORD, "author": _KEYWORD, "author_id": _KEYWORD}},
        "worklogs": {
            "properties": {"id": _KEYWORD, "author": _KEYWORD, "seconds": {"type": "long"}}
        },
        "attachments": {
            "properties": {
                "id": _KEYWORD,
                "name": _TEXT,
                "mimetype": _KEYWORD,
                "size": {"type": "long"},
            }
        },
        "history": {
            "properties": {"at": _DATE, "author": _KEYWORD, "field": _KEYWORD, "to": _KEYWORD}
        },
        "history_count": {"type": "integer"},
        "request_type": {"properties": {"id": _KEYWORD, "name": _KEYWORD, "status": _KEYWORD}},
        "slas": {
            "properties": {
                "name": _KEYWORD,
                "breached": {"type": "boolean"},
                "ongoing": {"type": "boolean"},
                "breach_at": _DATE,
            }
        },
        "project": {"properties": {"id": _KEYWORD, "key": _KEYWORD, "kind": _KEYWORD}},
        "issue": {"properties": {"id": _KEYWORD, "key": _KEYWORD, "summary": _TEXT}},
        "name": _KEYWORD,
        "mimetype": _KEYWORD,
        "size": {"type": "long"},
        "state": _KEYWORD,
        "released": {"type": "boolean"},
        "start": _DATE,
        "end": _DATE,
    }

    @property
    def key(self) -> str:
        """The issue's key now (`PAY-12`); for an attachment or comment, of its issue."""
        extra = self.metadata.get("extra") or {}
        return extra.get("key") or (extra.get("issue") or {}).get("key") or ""

    @property
    def display_text(self) -> str:
        """The text shown to a person: the title once, though the text begins with it too."""
        whole = super().display_text
        if self.title and self.page_content.startswith(self.title):
            return whole.replace(
                self.page_content, self.page_content[len(self.title) :].lstrip(), 1
            )
        return whole

    def comment_at(self, position: int) -> dict[str, Any] | None:
        """The entry of the comment that stands at a position of the text; None outside of them."""
        found: dict[str, Any] | None = None
        extra = self.metadata.get("extra") or {}
        notes = [log["start"] for log in extra.get("worklogs") or () if log.get("start")]
        if notes and position >= min(notes):
            return None
        for comment in extra.get("comments") or ():
            if (comment.get("start") or 0) > position:
                break
            found = comment
        return found

    def url_at(self, position: int) -> str | None:
        """The address of the comment that stands at a position of the text, or of the issue."""
        comment = self.comment_at(position)
        return (comment or {}).get("url") or super().url_at(position)
