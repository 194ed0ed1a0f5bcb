"""Rate limits: Slack's tiers on a faster clock, and the limited mode of May 2025."""

import contextlib
import time

from sandbox_clients import client_of, raw
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler

from sandbox.slack import BOT_TOKEN, NO_EMAIL_TOKEN, USER_TOKEN, SlackSandbox


def successes_in_a_burst(client: WebClient, method: str, calls: int, **params: str) -> int:
    """How many of some calls in quick succession are answered."""
    answered = 0
    for _ in range(calls):
        with contextlib.suppress(SlackApiError):
            client.api_call(method, params=params)
            answered += 1
    return answered


def test_nothing_is_limited_unless_asked_for(slack: SlackSandbox, client: WebClient) -> None:
    assert successes_in_a_burst(client, "conversations.list", 60) == 60


def test_each_method_has_its_own_tier(slack: SlackSandbox, client: WebClient) -> None:
    general = slack.workspace.channel("general").id
    slack.switches.rate_limit_scale = 1.0
    assert successes_in_a_burst(client, "conversations.list", 30) == 20
    assert successes_in_a_burst(client, "conversations.history", 60, channel=general) == 50
    assert successes_in_a_burst(client, "conversations.members", 110, channel=general) == 100


def test_a_limited_answer_is_a_429_with_whole_seconds(
    slack: SlackSandbox, client: WebClient
) -> None:
    slack.switches.rate_limit_scale = 1.0
    successes_in_a_burst(client, "users.list", 20)
    answer = raw(slack, "/api/users.list", "")
    assert answer.status == 429
    assert answer.json == {"ok": False, "error": "ratelimited"}
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert slack.requests[-1].error == "ratelimited"


def test_tokens_of_one_app_share_its_limit_and_others_do_not(slack: SlackSandbox) -> None:
    slack.switches.rate_limit_scale = 1.0
    assert successes_in_a_burst(client_of(slack, BOT_TOKEN), "users.list", 15) == 15
    assert successes_in_a_burst(client_of(slack, NO_EMAIL_TOKEN), "users.list", 15) == 5
    assert successes_in_a_burst(client_of(slack, USER_TOKEN), "users.list", 15) == 15


def test_on_a_faster_clock_the_window_passes_faster(slack: SlackSandbox, client: WebClient) -> None:
    slack.switches.rate_limit_scale = 120.0
    assert successes_in_a_burst(client, "users.list", 30) == 20
    time.sleep(0.55)
    assert successes_in_a_burst(client, "users.list", 20) == 20


def test_limits_can_be_forgotten(slack: SlackSandbox, client: WebClient) -> None:
    slack.switches.rate_limit_scale = 1.0
    assert successes_in_a_burst(client, "users.list", 25) == 20
    slack.forget_rate_limits()
    assert successes_in_a_burst(client, "users.list", 25) == 20


def test_limited_mode_gives_fifteen_objects_and_one_call_a_minute(
    slack: SlackSandbox, client: WebClient
) -> None:
    workspace = slack.workspace
    root = workspace.post("general", "ada", "root")
    for number in range(30):
        workspace.reply("general", root, "bob", str(number))
        workspace.post("general", "ada", str(number))
    general = workspace.channel("general").id
    slack.switches.limited_mode = True
    page = client.conversations_history(channel=general, limit=200)
    assert len(page["messages"]) == 15
    assert page["has_more"] is True
    assert len(client.conversations_replies(channel=general, ts=root)["messages"]) == 15
    answer = raw(slack, "/api/conversations.history", f"channel={general}")
    assert answer.status == 429
    assert 55 <= int(answer.headers["retry-after"]) <= 60
    # Other methods keep their usual tier, which is not enforced here.
    assert successes_in_a_burst(client, "users.list", 30) == 30


def test_a_client_that_waits_as_told_gets_through_limited_mode(slack: SlackSandbox) -> None:
    for number in range(40):
        slack.workspace.post("general", "ada", str(number))
    slack.switches.set(limited_mode=True, limited_mode_scale=120.0)
    client = client_of(slack)
    client.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=5))
    general = slack.workspace.channel("general").id
    pages = [page["messages"] for page in client.conversations_history(channel=general)]
    assert [len(page) for page in pages] == [15, 15, 10]
    assert slack.requests.count("conversations.history") > 3
