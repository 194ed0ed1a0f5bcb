"""How the Jira sandbox misbehaves when told to: limits, outages, broken answers; and its files."""

import http.client
import json
from urllib.parse import urlsplit

import pytest
import requests
from jira_clients import NOW, Answer, JiraClient, client_of

from sandbox.jira import Clock, Fault, JiraSandbox, Site, Switches
from sandbox.jira.limits import REASONS, LimitForm, RateLimits


@pytest.fixture
def client(jira: JiraSandbox, site: Site) -> JiraClient:
    for number in range(5):
        site.create_issue("TEA", f"Kettle {number}", reporter="ada", at=NOW - 100)
    return client_of(jira)


@pytest.mark.parametrize("form", ["burst", "quota", "write"])
def test_cloud_refuses_in_three_forms(
    jira: JiraSandbox, client: JiraClient, form: LimitForm
) -> None:
    jira.refuse(form, "issue/{issue}", wait=7, issue="TEA-1")
    assert client.ask("GET", "issue/TEA-2").status == 200
    answer = client.ask("GET", "issue/TEA-1")
    assert answer.status == 429
    assert answer.headers["ratelimit-reason"] == REASONS[form]
    assert answer.headers["retry-after"] == "7"
    assert answer.headers["x-ratelimit-remaining"] == "0"
    assert answer.headers["x-ratelimit-nearlimit"] == "true"
    assert answer.headers["x-ratelimit-reset"].endswith("Z")
    assert client.ask("GET", "issue/TEA-1").status == 200


class Seconds:
    """A clock that stands still until told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_over_after_a_second() -> None:
    clock = Seconds()
    limits = RateLimits(Switches(burst_per_second=2), clock)
    assert [limits.cloud("GET field").allowed for _ in range(3)] == [True, True, False]
    assert limits.cloud("GET status").allowed
    clock.now = 1.1
    assert limits.cloud("GET field").allowed


def test_a_quota_counts_requests_and_objects() -> None:
    clock = Seconds()
    limits = RateLimits(Switches(points_per_hour=10), clock)
    first = limits.cloud("GET field")
    assert first.headers["X-RateLimit-Remaining"] == "9"
    assert first.headers["X-RateLimit-NearLimit"] == "false"
    limits.spend(8)
    assert limits.cloud("GET field").headers["X-RateLimit-NearLimit"] == "true"
    refused = limits.cloud("GET field")
    assert refused.headers["RateLimit-Reason"] == "jira-quota-global-based"
    assert int(refused.headers["Retry-After"]) == 3600
    clock.now = 3601
    assert limits.cloud("GET field").allowed


def test_data_center_s_bucket_fills_again() -> None:
    clock = Seconds()
    switches = Switches(bucket_size=2, bucket_fill=1, bucket_interval=5.0)
    limits = RateLimits(switches, clock)
    verdicts = [limits.datacenter("ada") for _ in range(3)]
    assert [verdict.allowed for verdict in verdicts] == [True, True, False]
    assert verdicts[2].headers == {
        "X-RateLimit-Limit": "2",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-FillRate": "1",
        "X-RateLimit-Interval-Seconds": "5",
        "Retry-After": "5",
    }
    assert limits.datacenter("bob").allowed
    clock.now = 5.0
    assert limits.datacenter("ada").allowed
    assert not limits.datacenter("ada").allowed


def test_data_center_tells_its_limits_with_every_answer() -> None:
    site = Site("Acme", flavour="datacenter", clock=Clock(NOW))
    site.add_person("ada", "Ada Byron", groups=["jira-users"])
    switches = Switches(bucket_size=2, bucket_fill=1, bucket_interval=60.0)
    with JiraSandbox(site, switches=switches) as sandbox:
        client = client_of(sandbox)
        answers = [client.ask("GET", "field") for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert answers[0].headers["x-ratelimit-fillrate"] == "1"
        assert answers[2].headers["x-ratelimit-interval-seconds"] == "60"
        sandbox.forget_rate_limits()
        assert client.ask("GET", "field").status == 200


@pytest.mark.parametrize(
    ("fault", "status", "header"),
    [
        (Fault("server_error", "search/jql", status=503, retry_after=3), 503, "3"),
        (Fault("server_error", "search/jql"), 500, None),
        (Fault("rate_limited", "search/jql", retry_after_form="http-date"), 429, "GMT"),
        (Fault("html", "search/jql", status=502), 502, None),
        (Fault("answer", "search/jql", status=401, body={"message": "x"}), 401, None),
    ],
)
def test_a_fault_strikes_once(
    jira: JiraSandbox, client: JiraClient, fault: Fault, status: int, header: str | None
) -> None:
    jira.faults.add(fault)
    answer = client.ask("GET", "search/jql", {"jql": "project = TEA"})
    assert answer.status == status
    assert (answer.headers.get("retry-after") or "").endswith(header or "")
    assert client.ask("GET", "search/jql", {"jql": "project = TEA"}).status == 200


def test_a_connection_may_break_before_and_in_the_middle(
    jira: JiraSandbox, client: JiraClient
) -> None:
    jira.faults.add(Fault("reset", "field"))
    with pytest.raises(ConnectionResetError):
        client.ask("GET", "field")
    jira.faults.add(Fault("truncated_body", "field"))
    with pytest.raises(http.client.IncompleteRead):
        client.ask("GET", "field")


def test_json_may_break_off(jira: JiraSandbox, client: JiraClient) -> None:
    jira.faults.add(Fault("malformed_json", "issue/{issue}"))
    answer = client.ask("GET", "issue/TEA-1")
    assert answer.status == 200
    with pytest.raises(json.JSONDecodeError):
        _ = answer.json


def test_a_big_bulk_fetch_may_break_off_and_a_smaller_one_not(
    jira: JiraSandbox, client: JiraClient
) -> None:
    jira.switches.truncate_bulkfetch_above = 2
    big = client.ask("POST", "issue/bulkfetch", {}, {"issueIdsOrKeys": ["10000", "10001", "10002"]})
    assert big.status == 200
    with pytest.raises(json.JSONDecodeError):
        _ = big.json
    small = client.post("issue/bulkfetch", issueIdsOrKeys=["10000", "10001"])
    assert len(small["issues"]) == 2


def test_requests_are_counted_by_endpoint(jira: JiraSandbox, client: JiraClient) -> None:
    client.get("issue/TEA-1")
    client.get("issue/TEA-2")
    client.get("issue/TEA-2/comment", maxResults=5)
    client.post("issue/bulkfetch", issueIdsOrKeys=["10000", "10001"])
    client.refused("nothing/here")
    assert jira.requests.counts() == {
        "issue/{issue}": 2,
        "issue/{issue}/comment": 1,
        "issue/bulkfetch": 1,
        "/rest/api/3/nothing/here": 1,
    }
    assert jira.requests.count("issue/{issue}", issue="TEA-2") == 1
    logged = jira.requests.entries("issue/bulkfetch")[0]
    assert logged.parameters["issueIdsOrKeys"] == "10000,10001"
    assert jira.requests[-1].error == "null for uri: /rest/api/3/nothing/here"


@pytest.mark.parametrize(
    ("verb", "path", "body"),
    [
        ("POST", "search/jql", b"{not json"),
        ("POST", "issue/bulkfetch", {"issueIdsOrKeys": []}),
        ("POST", "issue/bulkfetch", {"issueIdsOrKeys": {"a": 1}}),
        ("POST", "worklog/list", {"ids": list(range(1001))}),
        ("POST", "comment/list", {"ids": list(range(1001))}),
        ("POST", "changelog/bulkfetch", {"issueIdsOrKeys": []}),
        ("POST", "changelog/bulkfetch", {"issueIdsOrKeys": ["1"], "nextPageToken": "x"}),
        ("POST", "changelog/bulkfetch", {"issueIdsOrKeys": ["1"], "fieldIds": ["a"] * 11}),
        ("POST", "search/jql", {"jql": "id > 0", "reconcileIssues": list(range(51))}),
        ("POST", "search/jql", {"jql": "id > 0", "reconcileIssues": ["TEA-1"]}),
        ("POST", "search/jql", {"jql": "id > 0", "fields": ["*everything"]}),
        ("GET", "project/search?startAt=-1", None),
        ("GET", "project/search?maxResults=many", None),
        ("GET", "project/search?orderBy=color", None),
        ("GET", "issue/TEA-1/comment?orderBy=author", None),
        ("GET", "group/member", None),
        ("GET", "mypermissions?permissions=FLY", None),
        ("GET", "agile/board/1/sprint", None),
    ],
)
def test_a_request_that_makes_no_sense_is_told_so(
    jira: JiraSandbox, client: JiraClient, verb: str, path: str, body: object
) -> None:
    jira.site.add_board("TEA", "Tea", "kanban")
    answer = client.ask(verb, path, None, body)
    assert answer.status == 400
    assert len(answer.message) > 10


# --- files ----------------------------------------------------------------------------------------


def download(sandbox: JiraSandbox, location: str, headers: dict[str, str]) -> Answer:
    parts = urlsplit(location)
    plain = JiraClient(sandbox, "", extra=headers)
    return plain.raw("GET", f"{parts.path}?{parts.query}")


@pytest.fixture
def content_url(jira: JiraSandbox, client: JiraClient) -> str:
    jira.site.attach("TEA-1", "ada", "kettle ä.png", b"\x89PNG brr")
    file = client.get("issue/TEA-1", fields="attachment")["fields"]["attachment"][0]
    assert (file["filename"], file["size"], file["mimeType"]) == ("kettle ä.png", 8, "image/png")
    return str(file["content"]).removeprefix(jira.base_url)


def test_a_file_comes_from_a_media_host_that_wants_no_login(
    jira: JiraSandbox, client: JiraClient, content_url: str
) -> None:
    answer = client.raw("GET", content_url)
    assert (answer.status, answer.body) == (303, b"")
    location = answer.headers["location"]
    assert location.startswith(jira.base_url.replace("127.0.0.1", "localhost") + "/media/")
    file = download(jira, location, {})
    assert (file.status, file.body) == (200, b"\x89PNG brr")
    assert file.headers["content-type"] == "image/png"
    assert download(jira, location, {"Authorization": client.authorization}).status == 403
    assert download(jira, location.replace("token=", "token=1"), {}).status == 403
    jira.site.clock.advance(700)
    assert download(jira, location, {}).status == 403


def test_a_client_that_keeps_its_login_to_one_host_just_follows(
    jira: JiraSandbox, client: JiraClient, content_url: str
) -> None:
    headers = {"Authorization": client.authorization}
    answer = requests.get(jira.base_url + content_url, headers=headers, timeout=10)
    assert (answer.status_code, answer.content) == (200, b"\x89PNG brr")
    assert len(answer.history) == 1


def test_a_file_comes_at_once_where_no_redirect_is_wanted(
    client: JiraClient, content_url: str
) -> None:
    answer = client.raw("GET", content_url + "?redirect=false")
    assert (answer.status, answer.body) == (200, b"\x89PNG brr")


def test_a_picture_has_a_thumbnail(client: JiraClient, content_url: str) -> None:
    thumbnail = content_url.replace("content", "thumbnail")
    assert client.raw("GET", f"{thumbnail}?redirect=false").body == b"\x89PNG brr"


def test_a_file_of_a_hidden_issue_is_not_there(
    jira: JiraSandbox, client: JiraClient, content_url: str
) -> None:
    eve = client_of(jira, jira.site.issue_token("ATATT-eve", "eve"))
    assert eve.raw("GET", content_url).status == 404
    jira.site.remove_attachment("TEA-1", 10_000)
    assert client.raw("GET", content_url).status == 404


def test_a_switch_that_does_not_exist_is_refused(jira: JiraSandbox) -> None:
    with pytest.raises(ValueError, match="no switches"):
        jira.switches.set(gravity=0)
