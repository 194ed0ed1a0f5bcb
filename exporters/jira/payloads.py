"""What goes into Jira's records: the vendor's answers, with what documents need besides.

Left out is what tells of the account that asks or of the moment (avatars, links of the API, "last
viewed", the running clock of a service level), so that an issue looks moved only when it moved.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from documents.fingerprints import text_hash
from documents.principals import DENY_ALL
from exporters.changes import RawRecord, record_key
from exporters.jira.fields import SLA, epoch_ms, moment, without_running_clocks
from exporters.jira.site import Site

ISSUE: Final = "issue"
ATTACHMENT: Final = "attachment"
COMMENT: Final = "comment"

_NOISE: Final = frozenset(
    {
        "avatarUrls",
        "avatarId",
        "avatarUrl",
        "iconUrl",
        "self",
        "expand",
        "isWatching",
        "hasVoted",
        "timeZone",
        "thumbnail",
    }
)
_OF_THE_READER: Final = frozenset({"lastViewed", "workratio", "comment", "worklog"})
_SERVICE_DESK: Final = "service_desk"


def issue_version(issue: Mapping[str, Any]) -> str | None:
    """The version mark of an issue: when it changed last, and its key.

    The time is by the epoch, since Jira tells it in the zone of the account's profile. The key is
    in it because a project's new key changes every issue's, and nothing else.
    """
    changed = epoch_ms((issue.get("fields") or {}).get("updated"))
    return None if changed is None else f"{changed}-{issue.get('key')}"


def attachment_version(attachment: Mapping[str, Any], issue: Mapping[str, Any]) -> str:
    """The version mark of an attachment, which never changes itself, with that of its issue."""
    return f"{attachment.get('id')}-{_issue_mark(issue)}"


def _issue_mark(issue: Mapping[str, Any]) -> str:
    """What of an issue is in the documents of what belongs to it: its key and its summary."""
    summary = (issue.get("fields") or {}).get("summary") or ""
    return f"{issue.get('key')}-{text_hash(summary)[:12]}"


def trimmed(value: Any) -> Any:
    """A value without avatars, links of the API, and what only concerns the reader."""
    if isinstance(value, Mapping):
        return {name: trimmed(part) for name, part in value.items() if name not in _NOISE}
    if isinstance(value, list):
        return [trimmed(part) for part in value]
    return value


def issue_record(
    *,
    site: Site,
    issue: Mapping[str, Any],
    comments: Sequence[Mapping[str, Any]],
    worklogs: Sequence[Mapping[str, Any]],
    history: Sequence[Mapping[str, Any]],
    history_count: int,
    known_fields: Mapping[str, Mapping[str, Any]],
    access: Sequence[str],
    shows_parent: bool,
    fetched_at: datetime,
) -> RawRecord:
    """The record of an issue.

    Args:
        site: Its Jira.
        issue: As Jira gave it.
        comments: All of them; restricted ones are counted and left out.
        worklogs: The same.
        history: The newest changes, the oldest first.
        history_count: How many changes there are.
        known_fields: Summaries of the fields, by id.
        access: Its principals.
        shows_parent: Whether who reads the issue may read its parent too, as far as is known.
        fetched_at: When Jira gave it.
    """
    given = issue.get("fields") or {}
    values = {
        name: trimmed(_without_clock(value, known_fields.get(name)))
        for name, value in given.items()
        if value is not None and name not in _OF_THE_READER
    }
    if "parent" in values and not shows_parent:
        values["parent"] = _named_only(values["parent"])
    values["issuelinks"] = [_link(link) for link in values.get("issuelinks") or ()]
    shown = [trimmed(one) for one in comments if not is_restricted(one, given)]
    payload = {
        "connection": site.connection,
        "site": {"url": site.url, "is_cloud": site.is_cloud},
        "issue": {"id": str(issue["id"]), "key": issue.get("key"), "fields": values},
        "comments": shown,
        "restricted_comments": len(comments) - len(shown),
        "worklogs": [trimmed(one) for one in worklogs if not one.get("visibility")],
        "history": [trimmed(_without_comments(entry)) for entry in history],
        "history_count": history_count,
        "fields": {name: known_fields[name] for name in sorted(values) if name in known_fields},
        "access": list(access) or [DENY_ALL],
    }
    return RawRecord(
        entity=ISSUE,
        external_id=str(issue["id"]),
        payload=payload,
        url=issue_url(site.url, issue.get("key")),
        occurred_at=moment(given.get("created")),
        version=issue_version(issue),
        fetched_at=fetched_at,
    )


def owner_of(entity: str, external_id: str) -> str | None:
    """Key of the issue that an attachment or a comment with a record of its own belongs to."""
    if entity not in {ATTACHMENT, COMMENT}:
        return None
    return record_key(ISSUE, external_id.partition("/")[0])


def comment_record(
    *,
    site: Site,
    issue: Mapping[str, Any],
    comment: Mapping[str, Any],
    access: Sequence[str],
    fetched_at: datetime,
) -> RawRecord:
    """The record of a comment that not all readers of its issue may read."""
    return RawRecord(
        entity=COMMENT,
        external_id=f"{issue['id']}/{comment['id']}",
        payload={
            **_child(site, issue, access),
            "comment": trimmed(comment),
            "internal": not comment.get("visibility"),
        },
        url=comment_url(site.url, issue.get("key"), comment.get("id")),
        occurred_at=moment(comment.get("created")),
        version=f"{epoch_ms(comment.get('updated'))}-{_issue_mark(issue)}",
        fetched_at=fetched_at,
        parent=record_key(ISSUE, str(issue["id"])),
    )


def attachment_record(
    *,
    site: Site,
    issue: Mapping[str, Any],
    attachment: Mapping[str, Any],
    text: str,
    truncated: bool,
    no_text: str | None,
    access: Sequence[str],
    fetched_at: datetime,
) -> RawRecord:
    """The record of an attachment, with the text that was taken out of it.

    Args:
        site: The Jira.
        issue: What it is attached to.
        attachment: As Jira described it.
        text: Empty where there is none.
        truncated: Whether there was more.
        no_text: Why there is no text.
        access: The principals of the issue.
        fetched_at: When it was read.
    """
    return RawRecord(
        entity=ATTACHMENT,
        external_id=f"{issue['id']}/{attachment['id']}",
        payload={
            **_child(site, issue, access),
            "attachment": trimmed(attachment),
            "text": text,
            "truncated": truncated,
            "no_text": no_text,
        },
        url=issue_url(site.url, issue.get("key")),
        occurred_at=moment(attachment.get("created")),
        version=attachment_version(attachment, issue),
        fetched_at=fetched_at,
        parent=record_key(ISSUE, str(issue["id"])),
    )


def _child(site: Site, issue: Mapping[str, Any], access: Sequence[str]) -> dict[str, Any]:
    """What the record of something that belongs to an issue says of it."""
    fields = issue.get("fields") or {}
    return {
        "connection": site.connection,
        "site": {"url": site.url, "is_cloud": site.is_cloud},
        "issue": {
            "id": str(issue["id"]),
            "key": issue.get("key"),
            "summary": fields.get("summary"),
            "project": trimmed(fields.get("project") or {}),
        },
        "access": list(access) or [DENY_ALL],
    }


def restricted_comments(
    comments: Iterable[Mapping[str, Any]], fields: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    """The comments that not all readers of the issue may read."""
    return [comment for comment in comments if is_restricted(comment, fields)]


def is_restricted(comment: Mapping[str, Any], fields: Mapping[str, Any]) -> bool:
    """Whether a comment is shown to a role or group only, or is internal to a service desk.

    An internal one is for the agents; the issue's reporter, a customer, may read the issue and not
    it. Data Center does not say of a comment which it is, so there all of a service desk's are kept
    apart.
    """
    if comment.get("visibility"):
        return True
    kind = (fields.get("project") or {}).get("projectTypeKey")
    return kind == _SERVICE_DESK and comment.get("jsdPublic") is not True


def issue_url(site_url: str, key: object) -> str:
    """Where a person opens an issue."""
    return f"{site_url}/browse/{key}"


def comment_url(site_url: str, key: object, comment_id: object) -> str:
    """Where a person opens a comment."""
    return f"{issue_url(site_url, key)}?focusedCommentId={comment_id}"


def _without_clock(value: Any, info: Mapping[str, Any] | None) -> Any:
    return without_running_clocks(value) if (info or {}).get("custom") == SLA else value


def _without_comments(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A change without edited comments: Data Center writes their text there, restricted or not."""
    items = entry.get("items")
    kept = [
        item
        for item in (items if isinstance(items, list) else ())
        if isinstance(item, Mapping) and str(item.get("field")).lower() != "comment"
    ]
    return {**entry, "items": kept}


def _named_only(parent: Any) -> Any:
    """A parent by id and key: its title may be none of the reader's business."""
    if not isinstance(parent, Mapping):
        return parent
    kind = (parent.get("fields") or {}).get("issuetype")
    fields = {"issuetype": kind} if kind else {}
    return {"id": parent.get("id"), "key": parent.get("key"), "fields": fields}


def _link(link: Any) -> Any:
    """A link without title and state of the other issue, which others may be allowed to read."""
    if not isinstance(link, Mapping):
        return link
    kept = {"id": link.get("id"), "type": link.get("type")}
    for side in ("outwardIssue", "inwardIssue"):
        if isinstance(other := link.get(side), Mapping):
            kept[side] = {"id": other.get("id"), "key": other.get("key")}
    return kept
