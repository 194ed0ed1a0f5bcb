"""Endpoints that find issues: ``search/jql``, its count, ``issue/bulkfetch``, and ``search``."""

from collections.abc import Sequence
from typing import Any

import orjson
from aiohttp import web

from sandbox.jira.asking import Asking
from sandbox.jira.catalogue import FIELDS
from sandbox.jira.endpoint import CLOUD, DATACENTER, Endpoint
from sandbox.jira.errors import JiraError, bad_request, no_such_issue
from sandbox.jira.index import Found, place_after, read_token, write_token
from sandbox.jira.issue_payloads import chosen_fields
from sandbox.jira.model import Issue
from sandbox.jira.payloads import Payload

MOST_IDS = 5000
MOST_WITH_FIELDS = 100
MOST_RECONCILED = 50
MOST_FETCHED = 100
MOST_HISTORIES = 40
DATACENTER_MOST = 1000
DEFAULT_PAGE = 50

REMOVED = (
    "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full "
    "migration guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046"
)
_ID_FIELDS = frozenset({"id", "key", "issuekey"})


def search_jql(asking: Asking) -> Payload:
    """``search/jql``: one page of a query, with a token for the next."""
    jql = asking.text("jql")
    size = _page_size(asking)
    reconcile = _reconciled(asking)
    lag = asking.switches.index_lag
    found = asking.index.find(asking.viewer, jql, lag=lag, reconcile=reconcile)
    begin, empty_first = _begin(asking, found, jql, size)
    if empty_first:
        # The same place again, and this time with what is there.
        token = asking.text("nextPageToken").removesuffix(EMPTY_FIRST)
        return {"issues": [], "nextPageToken": token, "isLast": False}
    taken = -(-size // 2) if asking.switches.short_pages and size > 1 else size
    ids = found.ids[begin : begin + taken]
    end = begin + len(ids)
    payload: Payload = {"issues": _issues(asking, ids), "isLast": end >= len(found.ids)}
    if not payload["isLast"]:
        token = write_token(asking.viewer, jql, found.keys[end - 1], asking.site.clock())
        payload["nextPageToken"] = token + (EMPTY_FIRST if asking.switches.empty_pages else "")
        if asking.switches.repeat_page_token and asking.text("nextPageToken"):
            payload["nextPageToken"] = asking.text("nextPageToken")
    if "names" in asking.expand():
        chosen = chosen_fields(asking.listing("fields"))
        payload["names"] = {name: FIELDS[name].name for name in chosen}
    return payload


EMPTY_FIRST = ".e"
"""End of a token before whose page an empty one comes."""


def _page_size(asking: Asking) -> int:
    size = asking.integer("maxResults", DEFAULT_PAGE)
    if size < 1 or size > MOST_IDS:
        raise bad_request(
            f"The value {size} is not valid for maxResults: it is between 1 and {MOST_IDS}."
        )
    only_ids = set(asking.listing("fields")) <= _ID_FIELDS and not asking.expand()
    return size if only_ids else min(size, MOST_WITH_FIELDS)


def _reconciled(asking: Asking) -> set[int]:
    given = asking.listing("reconcileIssues")
    if len(given) > MOST_RECONCILED:
        raise bad_request(f"At most {MOST_RECONCILED} issues can be reconciled.")
    if not all(item.isdigit() for item in given):
        raise bad_request("reconcileIssues takes ids of issues, which are numbers.")
    return {int(item) for item in given}


def _begin(asking: Asking, found: Found, jql: str, size: int) -> tuple[int, bool]:
    """Where the page begins, and whether an empty one comes before it."""
    token = asking.text("nextPageToken")
    if not token:
        return 0, False
    now, lifetime = asking.site.clock(), asking.switches.page_token_seconds
    after = read_token(asking.viewer, jql, token.removesuffix(EMPTY_FIRST), now, lifetime)
    begin = place_after(found, after)
    # A page of one would hold nothing but what the page before held, for ever.
    again = 1 if asking.switches.duplicate_items and begin and size > 2 else 0
    return begin - again, token.endswith(EMPTY_FIRST)


def _issues(asking: Asking, ids: Sequence[int]) -> list[Payload]:
    asked = asking.listing("fields") or ["id"]
    shown = [_stored(asking, number) for number in ids]
    if set(asked) <= {"id"} and not asking.expand():
        return [{"id": str(issue.id)} for issue in shown]
    chosen = chosen_fields(asked, by_key=asking.flag("fieldsByKeys"))
    expand = asking.expand() - {"names", "schema"}
    return [asking.make.issue(issue, chosen, expand) for issue in shown]


def _stored(asking: Asking, number: int) -> Issue:
    """An issue the index found; one that is deleted since, as it last was."""
    found = asking.site.issues.get(number)
    return asking.site.deleted[number][1] if found is None else found


def approximate_count(asking: Asking) -> Payload:
    """``search/approximate-count``."""
    jql, lag = asking.text("jql"), asking.switches.index_lag
    return {"count": len(asking.index.find(asking.viewer, jql, lag=lag).ids)}


def removed_search(_: Asking) -> Payload:
    """``search``, which is no more on Cloud (CHANGE-2046)."""
    raise JiraError(410, REMOVED)


def bulk_fetch(asking: Asking) -> web.Response:
    """``issue/bulkfetch``: issues as they are now, by id, in the order of their ids."""
    given = asking.listing("issueIdsOrKeys")
    if not given:
        raise bad_request("issueIdsOrKeys must not be empty.")
    if len(given) > MOST_FETCHED:
        raise bad_request(f"The maximum number of issues is {MOST_FETCHED}, got {len(given)}.")
    if len(asking.listing("properties")) > 5:
        raise bad_request("The maximum number of properties is 5.")
    found: dict[int, Issue] = {}
    missing: list[Payload] = []
    for one in given:
        issue = asking.site.find_issue(one)
        if issue is None or not asking.viewer.may_see(issue):
            missing.append({"id": one, "errorMessage": str(no_such_issue())})
        else:
            found[issue.id] = issue
    asked = asking.listing("fields") or ["*navigable"]
    chosen = chosen_fields(asked, by_key=asking.flag("fieldsByKeys"))
    expand = asking.expand()
    issues = [asking.make.issue(found[number], chosen, expand) for number in sorted(found)]
    for payload in issues:
        log = payload.get("changelog")
        if log is not None and log["total"] > MOST_HISTORIES:
            log["histories"] = log["histories"][:MOST_HISTORIES]
            log["maxResults"] = MOST_HISTORIES
    body = orjson.dumps({"issues": issues, "issueErrors": missing})
    most = asking.switches.truncate_bulkfetch_above
    if most is not None and len(given) > most:
        body = body[: len(body) * 2 // 3]
    return web.Response(body=body, content_type="application/json", charset="utf-8")


def datacenter_search(asking: Asking) -> Payload:
    """``search`` of Data Center, by ``startAt``; an empty query means everything."""
    start = asking.integer("startAt", 0)
    size = min(asking.integer("maxResults", DEFAULT_PAGE), DATACENTER_MOST)
    if start < 0:
        raise bad_request("The value of startAt must not be negative.")
    lag = asking.switches.index_lag
    found = asking.index.find(asking.viewer, asking.text("jql"), lag=lag, bounded=False)
    taken = -(-size // 2) if asking.switches.short_pages and size > 1 else max(size, 0)
    again = 1 if asking.switches.duplicate_items and 0 < start <= len(found.ids) else 0
    ids = found.ids[start - again : start - again + taken]
    chosen = chosen_fields(asking.listing("fields") or ["*navigable"])
    expand = asking.expand()
    issues: list[Any] = []
    for number in ids:
        issues.append(asking.make.issue(_stored(asking, number), chosen, expand))
    payload = {
        "expand": "schema,names",
        "startAt": start,
        "maxResults": size,
        "total": len(found.ids),
        "issues": issues,
    }
    if "names" in expand:
        payload["names"] = {name: FIELDS[name].name for name in chosen}
    return payload


ENDPOINTS = (
    Endpoint("GET", "search/jql", search_jql, flavours=CLOUD, anonymous=True),
    Endpoint("POST", "search/jql", search_jql, flavours=CLOUD, anonymous=True),
    Endpoint("POST", "search/approximate-count", approximate_count, flavours=CLOUD, anonymous=True),
    Endpoint("GET", "search", removed_search, flavours=CLOUD, anonymous=True),
    Endpoint("POST", "search", removed_search, flavours=CLOUD, anonymous=True),
    Endpoint("POST", "issue/bulkfetch", bulk_fetch, flavours=CLOUD, anonymous=True),
    Endpoint("GET", "search", datacenter_search, flavours=DATACENTER, anonymous=True),
    Endpoint("POST", "search", datacenter_search, flavours=DATACENTER, anonymous=True),
)
