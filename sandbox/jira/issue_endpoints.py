"""Endpoints of one issue and of what is on it."""

from collections.abc import Sequence

from aiohttp import web

from sandbox.jira.asking import Asking
from sandbox.jira.endpoint import CLOUD, WORK, Endpoint
from sandbox.jira.errors import JiraError, bad_request
from sandbox.jira.issue_payloads import chosen_fields
from sandbox.jira.media import media_url
from sandbox.jira.model import Attachment, Comment, Issue, Worklog
from sandbox.jira.payloads import Payload
from sandbox.jira.times import milliseconds

MOST_COMMENTS = 5000
MOST_LISTED = 1000
MOST_FIELD_IDS = 10
MOST_CHANGES = 10_000
WORKLOG_PAGE = 1000
UNSETTLED_MS = 60_000
"""Worklogs that changed in the last minute are not listed yet (documentation of the endpoint)."""


def get_issue(asking: Asking) -> Payload:
    """``issue/{issue}``; a key from before a move gives the issue under its new one."""
    chosen = chosen_fields(asking.listing("fields") or ["*all"], by_key=asking.flag("fieldsByKeys"))
    return asking.make.issue(asking.issue(), chosen, asking.expand())


def comments(asking: Asking) -> Payload:
    """``issue/{issue}/comment``."""
    issue = asking.issue()
    order = asking.text("orderBy", "created")
    if order.lstrip("+-") != "created":
        raise bad_request(f"'{order}' is not a valid value for orderBy.")
    found = asking.viewer.comments(issue)
    if order.startswith("-"):
        found = found[::-1]
    most = MOST_COMMENTS if asking.site.is_cloud else 1_048_576
    shown, head = asking.page(found, most=most, default=100 if asking.site.is_cloud else most)
    rendered = "renderedBody" in asking.expand()
    return {
        "startAt": head["startAt"],
        "maxResults": head["maxResults"],
        "total": head["total"],
        "comments": [asking.make.comment(one, issue, rendered=rendered) for one in shown],
    }


def one_comment(asking: Asking) -> Payload:
    """``issue/{issue}/comment/{comment}``."""
    issue = asking.issue()
    wanted = asking.text("comment")
    for comment in asking.viewer.comments(issue):
        if str(comment.id) == wanted:
            rendered = "renderedBody" in asking.expand()
            return asking.make.comment(comment, issue, rendered=rendered)
    raise JiraError(404, f"Can not find a comment for the id: {wanted}.")


def comment_list(asking: Asking) -> Payload:
    """``comment/list``: comments by id; those that are not there or not seen are left out."""
    ids = asking.listing("ids")
    if len(ids) > MOST_LISTED:
        raise bad_request(f"The number of ids must not be above {MOST_LISTED}.")
    found: list[tuple[Comment, Issue]] = []
    for number in ids:
        issue = asking.site.issue_of_comment(int(number)) if number.isdigit() else None
        if issue is not None and asking.viewer.may_see(issue):
            found += [(c, issue) for c in asking.viewer.comments(issue) if str(c.id) == number]
    values = [asking.make.comment(comment, issue) for comment, issue in found]
    return asking.page_bean(values, "comment/list", most=MOST_LISTED, default=MOST_LISTED)


def changelog(asking: Asking) -> Payload:
    """``issue/{issue}/changelog``, oldest first."""
    issue = asking.issue()
    shown, head = asking.page(issue.histories, most=100, default=100)
    return {
        "self": asking.make.url(f"issue/{issue.key}/changelog"),
        **head,
        "values": [asking.make.history(entry) for entry in shown],
    }


def changelog_bulk(asking: Asking) -> Payload:
    """``changelog/bulkfetch``: the change logs of many issues, page by page over all of them."""
    given, fields = asking.listing("issueIdsOrKeys"), asking.listing("fieldIds")
    if not given or len(given) > MOST_LISTED:
        raise bad_request(f"Give between 1 and {MOST_LISTED} issues.")
    if len(fields) > MOST_FIELD_IDS:
        raise bad_request(f"The maximum number of fieldIds is {MOST_FIELD_IDS}.")
    size = asking.integer("maxResults", MOST_LISTED)
    if not 1 <= size <= MOST_CHANGES:
        raise bad_request(f"maxResults is between 1 and {MOST_CHANGES}.")
    found = {issue.id: issue for issue in map(asking.site.find_issue, given) if issue is not None}
    entries = [
        (issue, entry)
        for _, issue in sorted(found.items())
        if asking.viewer.may_see(issue)
        for entry in issue.histories
        if not fields or any(item.field_id in fields for item in entry.items)
    ]
    start = _offset(asking.text("nextPageToken"))
    page = entries[start : start + size]
    logs: dict[int, list[Payload]] = {}
    for issue, entry in page:
        logs.setdefault(issue.id, []).append(asking.make.history(entry))
    payload: Payload = {
        "issueChangeLogs": [
            {"issueId": str(number), "changeHistories": log} for number, log in logs.items()
        ]
    }
    if start + size < len(entries):
        payload["nextPageToken"] = f"UxAQBFRF{start + size}"
    return payload


def _offset(token: str) -> int:
    number = token.removeprefix("UxAQBFRF")
    if token and not number.isdigit():
        raise bad_request("The nextPageToken is invalid or has expired.")
    return int(number) if token else 0


def worklogs(asking: Asking) -> Payload:
    """``issue/{issue}/worklog``."""
    shown, head = asking.page(asking.viewer.worklogs(asking.issue()), most=5000, default=5000)
    return {
        "startAt": head["startAt"],
        "maxResults": head["maxResults"],
        "total": head["total"],
        "worklogs": [asking.make.worklog(one) for one in shown],
    }


def worklogs_updated(asking: Asking) -> Payload:
    """``worklog/updated``: ids of worklogs that changed since a time in milliseconds."""
    moved = [
        (worklog.id, milliseconds(worklog.updated))
        for issue in asking.site.issues.values()
        if issue.worklogs and asking.viewer.may_see(issue)
        for worklog in asking.viewer.worklogs(issue)
    ]
    return _changed_worklogs(asking, moved, "worklog/updated")


def worklogs_deleted(asking: Asking) -> Payload:
    """``worklog/deleted``: ids of worklogs that went since a time in milliseconds."""
    gone = [(number, milliseconds(at)) for number, at in asking.site.deleted_worklogs]
    return _changed_worklogs(asking, gone, "worklog/deleted")


def _changed_worklogs(asking: Asking, moved: Sequence[tuple[int, int]], path: str) -> Payload:
    since = asking.integer("since", 0)
    settled = milliseconds(asking.site.clock()) - UNSETTLED_MS
    rows = sorted((at, number) for number, at in moved if since <= at <= settled)
    page = rows[:WORKLOG_PAGE]
    # Worklogs of one moment are not split over two pages, or the next page would miss some.
    while page and len(page) < len(rows) and rows[len(page)][0] == page[-1][0]:
        page = rows[: len(page) + 1]
    last = len(page) == len(rows)
    until = page[-1][0] if page else since
    payload: Payload = {
        "values": [
            {"worklogId": number, "updatedTime": at, "properties": []} for at, number in page
        ],
        "since": since,
        "until": until,
        "self": asking.make.url(f"{path}?since={since}"),
        "lastPage": last,
    }
    if not last:
        payload["nextPage"] = asking.make.url(f"{path}?since={until + 1}")
    return payload


def worklog_list(asking: Asking) -> list[Payload]:
    """``worklog/list``: worklogs by id."""
    ids = asking.listing("ids")
    if len(ids) > MOST_LISTED:
        raise bad_request(f"The number of ids must not be above {MOST_LISTED}.")
    wanted = {int(number) for number in ids if number.isdigit()}
    found: dict[int, Worklog] = {
        worklog.id: worklog
        for issue in asking.site.issues.values()
        if issue.worklogs and asking.viewer.may_see(issue)
        for worklog in asking.viewer.worklogs(issue)
        if worklog.id in wanted
    }
    return [asking.make.worklog(found[number]) for number in sorted(found)]


def remote_links(asking: Asking) -> list[Payload]:
    """``issue/{issue}/remotelink``."""
    issue, wanted = asking.issue(), asking.text("globalId")
    return [
        asking.make.remote_link(link, issue)
        for link in issue.remote_links
        if not wanted or link.global_id == wanted
    ]


def watchers(asking: Asking) -> Payload:
    """``issue/{issue}/watchers``: the reporter watches."""
    issue = asking.issue()
    return {**asking.make.watches_field(issue), "watchers": [asking.make.user(issue.reporter)]}


# --- files ----------------------------------------------------------------------------------------


def attachment(asking: Asking) -> Payload:
    """``attachment/{attachment}``."""
    payload = asking.make.attachment(_file(asking))
    # The only place where the id is a number.
    return payload | {"id": int(payload["id"])} if asking.site.is_cloud else payload


def attachment_content(asking: Asking) -> web.Response:
    """``attachment/content/{attachment}``: a redirect to the media host, or the bytes.

    A thumbnail is the picture itself.
    """
    file = _file(asking)
    if not asking.flag("redirect", default=True):
        return web.Response(body=file.content, content_type=file.mime_type)
    location = media_url(asking.site, file, asking.site_url)
    return web.Response(status=303, headers={"Location": location})


def _file(asking: Asking) -> Attachment:
    wanted = asking.text("attachment")
    found = asking.site.find_file(wanted) if wanted.isdigit() else None
    if found is not None and asking.viewer.may_see(found[0]):
        return found[1]
    raise JiraError(404, f"The attachment with id '{wanted}' does not exist")


ENDPOINTS = (
    Endpoint("GET", "issue/{issue}", get_issue, anonymous=True),
    Endpoint("GET", "issue/{issue}/comment", comments, anonymous=True),
    Endpoint("GET", "issue/{issue}/comment/{comment}", one_comment, anonymous=True),
    Endpoint("POST", "comment/list", comment_list, flavours=CLOUD, anonymous=True),
    Endpoint("GET", "issue/{issue}/changelog", changelog, flavours=CLOUD, anonymous=True),
    Endpoint("POST", "changelog/bulkfetch", changelog_bulk, flavours=CLOUD, anonymous=True),
    Endpoint("GET", "issue/{issue}/worklog", worklogs, anonymous=True),
    Endpoint("GET", "worklog/updated", worklogs_updated),
    Endpoint("GET", "worklog/deleted", worklogs_deleted),
    Endpoint("POST", "worklog/list", worklog_list),
    Endpoint("GET", "issue/{issue}/remotelink", remote_links, anonymous=True),
    Endpoint("GET", "issue/{issue}/watchers", watchers),
    Endpoint("GET", "attachment/{attachment}", attachment, anonymous=True),
    *(
        Endpoint("GET", f"attachment/{kind}/{{attachment}}", attachment_content, WORK, CLOUD, True)
        for kind in ("content", "thumbnail")
    ),
)  # fmt: skip
