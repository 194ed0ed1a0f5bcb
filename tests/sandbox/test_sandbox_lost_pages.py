"""Answers that are too long or too short, and listings that go in a circle."""

import urllib.request

import orjson
import pytest
from slack_sdk import WebClient

from sandbox.faults import Fault
from sandbox.jira import ADMIN_TOKEN, SYNC_EMAIL, JiraSandbox, generate_site
from sandbox.slack import SlackSandbox


def test_a_large_answer_means_the_same(slack: SlackSandbox, client: WebClient) -> None:
    plain = client.api_call("auth.test").data
    slack.faults.add(Fault("large_body", "auth.test", size=100_000))
    assert client.api_call("auth.test").data == plain


def test_a_cut_listing_says_that_nothing_follows(slack: SlackSandbox, client: WebClient) -> None:
    whole = client.users_list(limit=2)
    assert whole["response_metadata"]["next_cursor"]
    slack.faults.add(Fault("cut_listing", "users.list", fraction=0.5, times=None))
    cut = client.users_list(limit=2)
    assert len(cut["members"]) == 1
    assert cut["response_metadata"]["next_cursor"] == ""
    assert cut["members"] == whole["members"][: len(cut["members"])]


def test_an_emptied_listing_has_nothing(slack: SlackSandbox, client: WebClient) -> None:
    slack.faults.add(Fault("cut_listing", "users.list", fraction=0))
    assert client.users_list()["members"] == []


def test_a_cursor_that_repeats_leads_nowhere(slack: SlackSandbox, client: WebClient) -> None:
    slack.switches.repeat_page_token = True
    first = client.users_list(limit=2)["response_metadata"]["next_cursor"]
    for _ in range(3):
        page = client.users_list(limit=2, cursor=first)
        assert page["response_metadata"]["next_cursor"] == first


@pytest.fixture(scope="module")
def jira() -> JiraSandbox:
    return JiraSandbox(generate_site(issues=60, seed=7))


def test_jira_repeats_a_page_when_told_to(jira: JiraSandbox) -> None:
    with jira:
        jira.switches.set(repeat_page_token=True, ignore_start_at=True)
        jql = {"jql": "project = PAY ORDER BY id ASC", "maxResults": 2}
        first = ask(jira, "search/jql", jql)["nextPageToken"]
        again = ask(jira, "search/jql", {**jql, "nextPageToken": first})
        assert again["nextPageToken"] == first
        people = [ask(jira, f"users/search?startAt={n}&maxResults=5") for n in (0, 5)]
        assert people[0] == people[1]
        assert len(people[0]) == 5


def ask(jira: JiraSandbox, path: str, body: object = None) -> object:
    manager = urllib.request.HTTPPasswordMgrWithPriorAuth()
    manager.add_password(None, jira.base_url, SYNC_EMAIL, ADMIN_TOKEN, is_authenticated=True)
    opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(manager))
    data = None if body is None else orjson.dumps(body)
    request = urllib.request.Request(  # noqa: S310 (it is on this machine)
        f"{jira.base_url}/rest/api/3/{path}", data, {"Content-Type": "application/json"}
    )
    with opener.open(request) as answer:
        return orjson.loads(answer.read())
