"""Finding issues in the Jira sandbox: JQL, pages, tokens, the index that lags behind."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from jira_clients import NOW, JiraClient, client_of

from sandbox.jira import JiraSandbox, Site, generate_site
from sandbox.jira.index import INVALID_TOKEN, UNBOUNDED

EVERYTHING = "updated >= 0 ORDER BY updated ASC, id ASC"


@pytest.fixture
def client(jira: JiraSandbox) -> JiraClient:
    return client_of(jira)


@pytest.fixture
def kettles(site: Site) -> list[str]:
    """Twelve issues, a minute apart, the last one an hour ago."""
    return [
        site.create_issue("TEA", f"Kettle {n}", reporter="ada", at=NOW - 3600 - 60 * (12 - n))
        for n in range(1, 13)
    ]


# --- pages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 5, 12, 5000])
def test_pages_of_any_size_bring_everything_once_and_in_order(
    client: JiraClient, kettles: list[str], size: int
) -> None:
    assert client.ids(EVERYTHING, size) == list(range(10_000, 10_012))


def test_only_ids_come_unless_fields_are_asked_for(client: JiraClient, kettles: list[str]) -> None:
    page = client.get("search/jql", jql="project = TEA", maxResults=1)
    assert page["issues"] == [{"id": "10011"}]
    page = client.get("search/jql", jql="project = TEA", maxResults=1, fields="key")
    assert {"id", "key", "self"} <= set(page["issues"][0])
    assert "fields" not in page["issues"][0]


def test_a_page_with_fields_holds_a_hundred_issues_at_most() -> None:
    with JiraSandbox(generate_site(issues=250, now=NOW)) as sandbox:
        client = client_of(sandbox)
        with_ids = client.get("search/jql", jql=EVERYTHING, maxResults=5000)
        assert len(with_ids["issues"]) == 247  # three are in an archived project
        assert with_ids["isLast"] is True
        with_fields = client.get(
            "search/jql", jql=EVERYTHING, maxResults=5000, fields="summary,updated"
        )
        assert len(with_fields["issues"]) == 100
        assert with_fields["isLast"] is False


@pytest.mark.parametrize("size", [0, -1, 5001])
def test_a_page_size_out_of_range_is_refused(client: JiraClient, size: int) -> None:
    assert client.refused("search/jql", jql=EVERYTHING, maxResults=size).status == 400


def test_there_is_neither_a_total_nor_start_at(client: JiraClient, kettles: list[str]) -> None:
    page = client.get("search/jql", jql=EVERYTHING, startAt=5)
    assert set(page) == {"issues", "isLast"}
    assert len(page["issues"]) == 12
    assert client.post("search/approximate-count", jql=EVERYTHING) == {"count": 12}


def test_post_takes_the_same_as_get(client: JiraClient, kettles: list[str]) -> None:
    body = client.post("search/jql", jql=EVERYTHING, fields=["summary"], maxResults=3)
    assert [issue["fields"] for issue in body["issues"]] == [
        {"summary": f"Kettle {n}"} for n in (1, 2, 3)
    ]


def test_a_page_token_is_good_for_its_query_only(client: JiraClient, kettles: list[str]) -> None:
    token = client.get("search/jql", jql=EVERYTHING, maxResults=5)["nextPageToken"]
    other = client.refused("search/jql", jql="project = TEA", nextPageToken=token)
    assert (other.status, other.message) == (400, INVALID_TOKEN)
    assert client.refused("search/jql", jql=EVERYTHING, nextPageToken="abc").status == 400


def test_a_page_token_is_good_for_seven_days(
    jira: JiraSandbox, client: JiraClient, kettles: list[str]
) -> None:
    token = client.get("search/jql", jql=EVERYTHING, maxResults=5)["nextPageToken"]
    jira.site.clock.advance(6 * 86_400)
    assert client.get("search/jql", jql=EVERYTHING, nextPageToken=token)["issues"]
    jira.site.clock.advance(2 * 86_400)
    refused = client.refused("search/jql", jql=EVERYTHING, nextPageToken=token)
    assert (refused.status, refused.message) == (400, INVALID_TOKEN)


def test_an_issue_that_is_updated_while_somebody_pages_is_met_again(
    jira: JiraSandbox, client: JiraClient, kettles: list[str]
) -> None:
    jira.after("search/jql", 1, lambda: jira.site.edit_issue("TEA-2", by="ada", summary="Whistle"))
    assert client.ids(EVERYTHING, 5) == [*range(10_000, 10_012), 10_001]


def test_an_issue_that_is_deleted_while_somebody_pages_skips_no_other(
    jira: JiraSandbox, client: JiraClient, kettles: list[str]
) -> None:
    jira.after("search/jql", 1, lambda: jira.site.delete_issue("TEA-2"))
    assert client.ids(EVERYTHING, 5) == list(range(10_000, 10_012))


def test_pages_of_one_end_also_where_items_come_twice(
    jira: JiraSandbox, client: JiraClient, kettles: list[str]
) -> None:
    jira.switches.duplicate_items = True
    assert client.ids(EVERYTHING, 1) == list(range(10_000, 10_012))
    assert len(client.ids(EVERYTHING, 3)) == 17


@pytest.mark.parametrize("mischief", ["short_pages", "empty_pages", "duplicate_items"])
def test_pages_can_come_short_empty_or_overlapping(
    jira: JiraSandbox, client: JiraClient, kettles: list[str], mischief: str
) -> None:
    jira.switches.set(**{mischief: True})
    sizes, token, ids = [], None, []
    while True:
        extra = {"nextPageToken": token} if token else {}
        page = client.get("search/jql", jql=EVERYTHING, maxResults=6, **extra)
        sizes.append(len(page["issues"]))
        ids += [int(issue["id"]) for issue in page["issues"]]
        token = page.get("nextPageToken")
        if token is None:
            break
    wanted = {"short_pages": [3] * 4, "empty_pages": [6, 0, 6], "duplicate_items": [6, 6, 2]}
    assert sizes == wanted[mischief]
    assert sorted(set(ids)) == list(range(10_000, 10_012))


def test_many_issues_come_in_pages() -> None:
    with JiraSandbox(generate_site(issues=5000, now=NOW)) as sandbox:
        assert len(client_of(sandbox).ids(EVERYTHING, 100)) == 4997


# --- the index ------------------------------------------------------------------------------------


def test_a_new_issue_is_found_once_the_index_has_caught_up(
    jira: JiraSandbox, client: JiraClient, kettles: list[str]
) -> None:
    jira.switches.index_lag = 30.0
    key = jira.site.create_issue("TEA", "Cups", reporter="ada")
    found = client.get(f"issue/{key}")
    assert found["fields"]["summary"] == "Cups"
    assert key not in client.keys(EVERYTHING)
    now = client.get("search/jql", jql=EVERYTHING, reconcileIssues=found["id"])
    assert found["id"] in [issue["id"] for issue in now["issues"]]
    jira.site.clock.advance(31)
    assert key in client.keys(EVERYTHING)


def test_an_edit_is_seen_by_jql_once_the_index_has_caught_up(
    jira: JiraSandbox, client: JiraClient, kettles: list[str]
) -> None:
    jira.switches.index_lag = 30.0
    jira.site.transition("TEA-3", "In Progress", by="ada")
    jql = 'status = "In Progress"'
    assert client.keys(jql) == []
    assert client.get("issue/TEA-3")["fields"]["status"]["name"] == "In Progress"
    jira.site.clock.advance(31)
    assert client.keys(jql) == ["TEA-3"]


def test_a_lagging_index_shows_nothing_that_was_hidden_since(
    jira: JiraSandbox, client: JiraClient, kettles: list[str]
) -> None:
    scheme = jira.site.add_security_scheme("Secrets")
    level = jira.site.add_security_level(scheme, "Cooks")
    jira.site.add_level_member(level, "group", "kitchen")
    jira.site.set_security_scheme("TEA", scheme)
    jira.switches.index_lag = 30.0
    jira.site.edit_issue("TEA-3", by="ada", security="Cooks")
    assert "TEA-3" not in client.keys(EVERYTHING)


def test_a_query_about_now_is_asked_anew(
    jira: JiraSandbox, client: JiraClient, kettles: list[str]
) -> None:
    recent = "created >= -70m ORDER BY id"
    assert "TEA-12" in client.keys(recent)
    jira.site.clock.advance(3600)
    assert client.keys(recent) == []


def test_a_deleted_issue_stays_in_the_index_for_a_while(
    jira: JiraSandbox, client: JiraClient, kettles: list[str]
) -> None:
    jira.switches.index_lag = 30.0
    jira.site.delete_issue("TEA-3")
    assert 10_002 in client.ids(EVERYTHING)
    body = client.post("issue/bulkfetch", issueIdsOrKeys=["10002", "10003"], fields=["summary"])
    assert [issue["id"] for issue in body["issues"]] == ["10003"]
    assert [error["id"] for error in body["issueErrors"]] == ["10002"]
    jira.site.clock.advance(31)
    assert 10_002 not in client.ids(EVERYTHING)


# --- JQL ------------------------------------------------------------------------------------------


@pytest.fixture
def varied(site: Site) -> Site:
    """Issues that differ in everything JQL is asked about."""
    site.add_project("CUP", "Cups", lead="bob")
    make = site.create_issue
    make("TEA", "One", reporter="ada", assignee="bob", labels=["hot"], priority="High", at=NOW - 50)
    make("TEA", "Two", reporter="bob", status="In Progress", due_date="2026-12-01", at=NOW - 40)
    make("TEA", "Three", reporter="ada", assignee="ada", labels=["hot", "new"], at=NOW - 30)
    make("CUP", "One", reporter="ada", status="Done", at=NOW - 20)
    make("CUP", "Two", reporter="bob", values={"Story point estimate": 3.0}, at=NOW - 10)
    return site


@pytest.mark.parametrize(
    ("jql", "keys"),
    [
        ("project = TEA", "TEA-1 TEA-2 TEA-3"),
        ("project = 10001", "CUP-1 CUP-2"),
        ("project in (TEA, CUP) AND summary ~ two", "TEA-2 CUP-2"),
        ("project != TEA", "CUP-1 CUP-2"),
        ("project not in (CUP)", "TEA-1 TEA-2 TEA-3"),
        ('project = "Tea kitchen" and not assignee is EMPTY', "TEA-1 TEA-3"),
        ("id in (10000, 10003)", "TEA-1 CUP-1"),
        ("key in (TEA-2,CUP-2)", "TEA-2 CUP-2"),
        ("key = tea-3", "TEA-3"),
        ("id > 10002", "CUP-1 CUP-2"),
        ('status = "In Progress"', "TEA-2"),
        ("statusCategory = Done", "CUP-1"),
        ('statusCategory in ("To Do", 4)', "TEA-1 TEA-2 TEA-3 CUP-2"),
        ("assignee = bob", "TEA-1"),
        ("assignee is empty", "TEA-2 CUP-1 CUP-2"),
        ("assignee = EMPTY", "TEA-2 CUP-1 CUP-2"),
        ("assignee != ada", "TEA-1"),
        ("reporter = bob OR labels = new", "TEA-2 TEA-3 CUP-2"),
        ("(reporter = bob OR labels = new) AND project = TEA", "TEA-2 TEA-3"),
        ("labels in (hot) AND labels not in (new)", "TEA-1"),
        ("priority = High", "TEA-1"),
        ("duedate < 2026-12-02", "TEA-2"),
        ('"Story point estimate" >= 3', "CUP-2"),
        ("cf[10016] is not EMPTY", "CUP-2"),
        ("created >= '-1w 2d' AND due <= 4w", ""),
        ("created >= startOfDay(-1d) AND created < endOfDay() AND id = 10000", "TEA-1"),
        ("created >= -1m AND created <= now()", "TEA-1 TEA-2 TEA-3 CUP-1 CUP-2"),
        ("reporter = currentUser()", ""),
        ("NOT (project = TEA OR project = CUP)", ""),
    ],
)
def test_jql_means_what_jira_means(jira: JiraSandbox, varied: Site, jql: str, keys: str) -> None:
    assert client_of(jira).keys(f"{jql} ORDER BY id ASC") == keys.split()


@pytest.mark.parametrize(
    ("order", "keys"),
    [
        ("updated ASC", "TEA-1 TEA-2 TEA-3 CUP-1 CUP-2"),
        ("updated DESC", "CUP-2 CUP-1 TEA-3 TEA-2 TEA-1"),
        ("created", "CUP-2 CUP-1 TEA-3 TEA-2 TEA-1"),
        ("id", "TEA-1 TEA-2 TEA-3 CUP-1 CUP-2"),
        ("key ASC", "CUP-1 CUP-2 TEA-1 TEA-2 TEA-3"),
        ("key DESC", "TEA-3 TEA-2 TEA-1 CUP-2 CUP-1"),
        ("priority ASC, id DESC", "TEA-1 CUP-2 CUP-1 TEA-3 TEA-2"),
    ],
)
def test_issues_come_in_the_order_asked_for(
    jira: JiraSandbox, varied: Site, order: str, keys: str
) -> None:
    assert client_of(jira).keys(f"updated >= 0 ORDER BY {order}") == keys.split()


def test_a_number_is_milliseconds_whoever_asks(jira: JiraSandbox, varied: Site) -> None:
    client = client_of(jira)
    at = round((NOW - 20) * 1000)
    assert client.keys(f"updated >= {at} ORDER BY id") == ["CUP-1", "CUP-2"]
    assert client.keys(f"updated > {at} ORDER BY id") == ["CUP-2"]
    assert client.keys(f"updated < {at} AND created >= 0 ORDER BY id") == [
        "TEA-1",
        "TEA-2",
        "TEA-3",
    ]


def test_a_date_is_read_in_the_time_zone_of_who_asks(jira: JiraSandbox, varied: Site) -> None:
    tokens = {"ada": "ATATT-ada", "bob": "ATATT-bob"}
    for person, token in tokens.items():
        jira.site.issue_token(token, person)
    here = datetime.fromtimestamp(NOW - 60, ZoneInfo("Europe/Helsinki"))
    jql = f'updated >= "{here:%Y-%m-%d %H:%M}"'
    assert len(client_of(jira, tokens["ada"]).keys(jql)) == 5
    # In New York the same words mean seven hours later.
    assert client_of(jira, tokens["bob"]).keys(jql) == []


@pytest.mark.parametrize(
    ("jql", "words"),
    [
        ("", UNBOUNDED),
        ("ORDER BY updated", UNBOUNDED),
        ("project = NOPE", "The value 'NOPE' does not exist for the field 'project'."),
        ("nothing = 1", "Field 'nothing' does not exist or you do not have permission to view it."),
        ("project", "Expecting operator"),
        ("project = ", "before the end of the query"),
        ("project = TEA AND", "before the end of the query"),
        ("project = TEA status = Done", "but got 'status'"),
        ("project in (TEA", "Expecting ')'"),
        ('updated >= "2026-01-01 10:00:30"', "Date value '2026-01-01 10:00:30'"),
        ("created >= -25s", "Date value '-25s' for field 'created' is invalid."),
        ("updated ~ 1", "The operator '~' is not supported"),
        ("project = TEA ORDER BY nothing", "Field 'nothing' does not exist"),
        ("assignee is bob", "can only be used with 'EMPTY'"),
        ("assignee = nobodyFunction()", "Unable to find JQL function 'nobodyFunction()'."),
        ("id >= 0 ORDER BY " + ", ".join(["id"] * 8), "maximum number of fields to order by"),
        ("key = TEA-99", "An issue with key 'TEA-99' does not exist for field 'key'."),
    ],
)
def test_a_wrong_query_is_refused_in_a_sentence(client: JiraClient, jql: str, words: str) -> None:
    refused = client.refused("search/jql", jql=jql)
    assert refused.status == 400
    assert words in refused.message


def test_the_old_search_is_gone(client: JiraClient) -> None:
    for verb in ("GET", "POST"):
        answer = client.ask(verb, "search", {"jql": EVERYTHING}, {} if verb == "POST" else None)
        assert answer.status == 410
        assert "/rest/api/3/search/jql" in answer.message


# --- bulk fetch -----------------------------------------------------------------------------------


def test_bulk_fetch_takes_a_hundred_issues_and_no_more(client: JiraClient) -> None:
    answer = client.ask("POST", "issue/bulkfetch", {}, {"issueIdsOrKeys": ["1"] * 101})
    assert (answer.status, "maximum number of issues is 100" in answer.message) == (400, True)


def test_bulk_fetch_names_what_it_cannot_give(client: JiraClient, kettles: list[str]) -> None:
    body = client.post("issue/bulkfetch", issueIdsOrKeys=["TEA-2", "99", "10000"], fields=["key"])
    assert [issue["key"] for issue in body["issues"]] == ["TEA-1", "TEA-2"]
    assert [error["id"] for error in body["issueErrors"]] == ["99"]


def test_bulk_fetch_cuts_the_change_log_at_forty_entries(
    jira: JiraSandbox, client: JiraClient, kettles: list[str]
) -> None:
    for number in range(45):
        jira.site.edit_issue("TEA-1", by="ada", summary=f"Kettle, take {number}")
    body = client.post("issue/bulkfetch", issueIdsOrKeys=["TEA-1"], expand=["changelog"])
    log = body["issues"][0]["changelog"]
    assert (len(log["histories"]), log["total"]) == (40, 45)
    assert log["histories"][0]["items"][0]["toString"] == "Kettle, take 44"
    whole = client.get("issue/TEA-1/changelog")
    assert (len(whole["values"]), whole["isLast"]) == (45, True)
    assert whole["values"][0]["items"][0]["toString"] == "Kettle, take 0"


def test_change_logs_of_many_issues_come_page_by_page(
    jira: JiraSandbox, client: JiraClient, kettles: list[str]
) -> None:
    for key in kettles[:3]:
        for number in range(4):
            jira.site.edit_issue(key, by="ada", summary=f"Take {number}")
        jira.site.edit_issue(key, by="ada", priority="High")
    entries, token = [], None
    while True:
        extra = {"nextPageToken": token} if token else {}
        page = client.post(
            "changelog/bulkfetch", issueIdsOrKeys=kettles, maxResults=4, fieldIds=["summary"],
            **extra,
        )  # fmt: skip
        entries += [
            (log["issueId"], entry["items"][0]["toString"])
            for log in page["issueChangeLogs"]
            for entry in log["changeHistories"]
        ]
        token = page.get("nextPageToken")
        if token is None:
            break
    assert len(entries) == 12
    assert len(set(entries)) == 12
