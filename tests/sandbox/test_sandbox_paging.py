"""Paging through conversations as Slack's own client does it."""

import threading
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from sandbox_clients import client_of, error_of
from slack_sdk import WebClient

from sandbox.slack import USER_TOKEN, SlackSandbox, Workspace

SEVEN = [f"{1_700_000_000 + n}.000100" for n in range(7)]


@pytest.fixture
def seven(workspace: Workspace) -> list[str]:
    """Seven messages in ``general``, oldest first."""
    for ts in SEVEN:
        workspace.post("general", "ada", f"at {ts}", ts=ts)
    return SEVEN


def history(client: WebClient, channel: str, **params: Any) -> list[list[str]]:
    """The ts on each page, following cursors to the end."""
    pages = client.conversations_history(channel=channel, **params)
    return [[message["ts"] for message in page["messages"]] for page in pages]


def general(workspace: Workspace) -> str:
    return workspace.channel("general").id


def test_history_to_the_end_gives_each_top_level_message_once_newest_first(
    company: SlackSandbox,
) -> None:
    client = client_of(company, USER_TOKEN)
    for channel in company.workspace.channels.values():
        if channel.kind != "public":
            continue
        pages = history(client, channel.id, limit=23)
        seen = [ts for page in pages for ts in page]
        assert seen == sorted(seen, reverse=True)
        replies = {ts for ts, message in channel.messages.items() if message.thread_ts}
        broadcasts = {ts for ts in replies if channel.messages[ts].is_broadcast}
        assert Counter(seen) == Counter(set(channel.messages) - replies | broadcasts)


def test_history_and_replies_together_give_every_message(company: SlackSandbox) -> None:
    client = client_of(company, USER_TOKEN)
    channel = company.workspace.channel("incidents")
    seen: set[str] = set()
    for page in client.conversations_history(channel=channel.id, limit=50):
        for message in page["messages"]:
            seen.add(message["ts"])
            if message.get("reply_count"):
                for thread in client.conversations_replies(
                    channel=channel.id, ts=message["ts"], limit=4
                ):
                    seen.update(reply["ts"] for reply in thread["messages"])
    assert seen == set(channel.messages)


def test_a_page_has_a_hundred_messages_by_default_and_999_at_most(
    slack: SlackSandbox, client: WebClient
) -> None:
    for number in range(1005):
        slack.workspace.post("general", "ada", str(number))
    channel = general(slack.workspace)
    assert [len(page) for page in history(client, channel)][:2] == [100, 100]
    assert [len(page) for page in history(client, channel, limit=5000)] == [999, 6]
    # Zero means the default, as SDKs send it for "not given".
    assert len(history(client, channel, limit=0)[0]) == 100


def test_the_last_page_has_no_cursor(
    slack: SlackSandbox, client: WebClient, seven: list[str]
) -> None:
    channel = general(slack.workspace)
    first = client.conversations_history(channel=channel, limit=6)
    assert first["has_more"] is True
    last = client.conversations_history(
        channel=channel, limit=6, cursor=first["response_metadata"]["next_cursor"]
    )
    assert last["has_more"] is False
    assert "response_metadata" not in last.data


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"oldest": SEVEN[2]}, SEVEN[3:]),
        ({"latest": SEVEN[2]}, SEVEN[:2]),
        ({"oldest": SEVEN[2], "inclusive": True}, SEVEN[2:]),
        ({"latest": SEVEN[2], "inclusive": True}, SEVEN[:3]),
        ({"oldest": SEVEN[1], "latest": SEVEN[4]}, SEVEN[2:4]),
        ({"oldest": SEVEN[1], "latest": SEVEN[4], "inclusive": True}, SEVEN[1:5]),
        ({"oldest": "1700000003"}, SEVEN[3:]),
        ({"oldest": "1700000003.0001"}, SEVEN[4:]),
        ({"oldest": "0", "inclusive": True}, SEVEN),
        ({"latest": SEVEN[0]}, []),
        ({"oldest": SEVEN[5], "latest": SEVEN[2]}, []),
    ],
)
@pytest.mark.parametrize("limit", [2, 100])
@pytest.mark.usefixtures("seven")
def test_bounds_are_exclusive_unless_inclusive_on_every_page(
    slack: SlackSandbox,
    client: WebClient,
    bounds: dict[str, Any],
    expected: list[str],
    limit: int,
) -> None:
    pages = history(client, general(slack.workspace), limit=limit, **bounds)
    assert [ts for page in pages for ts in page] == expected[::-1]


def test_inclusive_without_a_bound_changes_nothing(
    slack: SlackSandbox, client: WebClient, seven: list[str]
) -> None:
    assert history(client, general(slack.workspace), inclusive=True) == [seven[::-1]]


@pytest.mark.parametrize("cursor", ["x", "bmV4dF90czo=", "dXNlcjpVMQ==", "bmV4dF90czphYmM="])
def test_a_cursor_of_another_making_is_refused(
    slack: SlackSandbox, client: WebClient, cursor: str
) -> None:
    channel = general(slack.workspace)
    for method in ("conversations.history", "conversations.replies"):
        answer = error_of(client, method, channel=channel, ts=SEVEN[0], cursor=cursor)
        assert answer["error"] == "invalid_cursor"


def test_replies_begin_with_the_root_on_every_page_and_run_oldest_first(
    slack: SlackSandbox, client: WebClient
) -> None:
    workspace, channel = slack.workspace, general(slack.workspace)
    root = workspace.post("general", "ada", "root")
    replies = [workspace.reply("general", root, "bob", str(n)) for n in range(5)]
    pages = [
        [message["ts"] for message in page["messages"]]
        for page in client.conversations_replies(channel=channel, ts=root, limit=3)
    ]
    assert pages == [
        [root, replies[0], replies[1]],
        [root, replies[2], replies[3]],
        [root, replies[4]],
    ]


def test_replies_after_a_moment_still_begin_with_the_root(
    slack: SlackSandbox, client: WebClient
) -> None:
    workspace = slack.workspace
    root = workspace.post("general", "ada", "root")
    replies = [workspace.reply("general", root, "bob", str(n)) for n in range(4)]
    answer = client.conversations_replies(channel=general(workspace), ts=root, oldest=replies[1])
    assert [message["ts"] for message in answer["messages"]] == [root, replies[2], replies[3]]
    nothing = client.conversations_replies(channel=general(workspace), ts=root, oldest=replies[3])
    assert [message["ts"] for message in nothing["messages"]] == [root]


def test_even_a_limit_of_one_gets_through_a_thread(slack: SlackSandbox, client: WebClient) -> None:
    workspace = slack.workspace
    root = workspace.post("general", "ada", "root")
    replies = [workspace.reply("general", root, "bob", str(n)) for n in range(3)]
    pages = client.conversations_replies(channel=general(workspace), ts=root, limit=1)
    assert [page["messages"][1]["ts"] for page in pages] == replies


def test_replies_of_a_reply_or_of_a_lone_message_are_that_message(
    slack: SlackSandbox, client: WebClient
) -> None:
    workspace, channel = slack.workspace, general(slack.workspace)
    lone = workspace.post("general", "ada", "alone")
    root = workspace.post("general", "ada", "root")
    reply = workspace.reply("general", root, "bob", "first")
    workspace.reply("general", root, "bob", "second")
    for ts in (lone, reply):
        answer = client.conversations_replies(channel=channel, ts=ts)
        assert [message["ts"] for message in answer["messages"]] == [ts]
        assert answer["has_more"] is False


def test_a_broadcast_is_in_the_channel_and_in_its_thread(
    slack: SlackSandbox, client: WebClient
) -> None:
    workspace, channel = slack.workspace, general(slack.workspace)
    root = workspace.post("general", "ada", "root")
    quiet = workspace.reply("general", root, "bob", "quiet")
    loud = workspace.reply("general", root, "bob", "loud", broadcast=True)
    shown = client.conversations_history(channel=channel)["messages"]
    assert [message["ts"] for message in shown] == [loud, root]
    assert shown[0]["subtype"] == "thread_broadcast"
    assert shown[0]["root"]["ts"] == shown[0]["thread_ts"] == root
    thread = client.conversations_replies(channel=channel, ts=root)["messages"]
    assert [message["ts"] for message in thread] == [root, quiet, loud]


def test_lists_page_through_everything_once(company: SlackSandbox) -> None:
    client = client_of(company, USER_TOKEN)
    types = "public_channel,private_channel,mpim,im"
    channels = [
        channel["id"]
        for page in client.conversations_list(limit=7, types=types)
        for channel in page["channels"]
    ]
    viewer = company.workspace.tokens[USER_TOKEN].user
    assert channels == sorted(
        channel.id
        for channel in company.workspace.channels.values()
        if channel.kind == "public" or viewer in channel.members
    )
    users = [user["id"] for page in client.users_list(limit=7) for user in page["members"]]
    assert users[0] == "USLACKBOT"
    assert Counter(users) == Counter(user.id for user in company.workspace.members())
    everybody = company.workspace.channel("general")
    members = [
        member
        for page in client.conversations_members(channel=everybody.id, limit=4)
        for member in page["members"]
    ]
    assert members == sorted(everybody.members)


def test_the_conversations_of_somebody_come_without_numbers_of_members(
    company: SlackSandbox,
) -> None:
    client, workspace = client_of(company, USER_TOKEN), company.workspace
    user = workspace.tokens[USER_TOKEN].user
    other = next(u.id for u in workspace.members() if u.role == "member" and not u.deleted)
    for person, params in ((user, {}), (other, {"user": other})):
        channels = client.users_conversations(limit=999, **params)["channels"]
        assert {channel["id"] for channel in channels} == {
            channel.id
            for channel in workspace.channels.values()
            if channel.kind == "public" and person in channel.members
        }
        # "Returned conversation objects do not include num_members or is_member" (OpenAPI).
        assert not any({"num_members", "is_member"} & set(channel) for channel in channels)


def test_users_come_all_at_once_without_a_limit(company: SlackSandbox) -> None:
    answer = client_of(company).users_list()
    assert len(answer["members"]) == len(company.workspace.members())
    assert "response_metadata" not in answer.data


def test_only_public_channels_are_listed_unless_types_say_otherwise(
    company: SlackSandbox,
) -> None:
    client = client_of(company, USER_TOKEN)
    assert {c["is_private"] for c in client.conversations_list(limit=999)["channels"]} == {False}
    private = client.conversations_list(types="private_channel", limit=999)["channels"]
    assert {"leadership", "people-private"} <= {channel["name"] for channel in private}
    groups = client.conversations_list(types="mpim,im", limit=999)["channels"]
    assert {bool(channel.get("is_mpim")) for channel in groups} <= {True, False}


def test_archived_channels_are_listed_unless_excluded(company: SlackSandbox) -> None:
    client = client_of(company)
    listed = client.conversations_list(limit=999)["channels"]
    kept = client.conversations_list(limit=999, exclude_archived=True)["channels"]
    dropped = {c["name"] for c in listed} - {c["name"] for c in kept}
    assert dropped == {"project-kestrel", "hackweek"}
    archived = [channel for channel in listed if channel["is_archived"]]
    assert {(channel["is_member"], channel["num_members"]) for channel in archived} == {(False, 0)}


def test_files_are_paged_by_number(company: SlackSandbox) -> None:
    client = client_of(company, USER_TOKEN)
    first = client.files_list(count=20)
    paging = first["paging"]
    assert (paging["page"], paging["count"]) == (1, 20)
    assert paging["pages"] == -(-paging["total"] // 20) > 1
    ids = [
        file["id"]
        for page in range(1, paging["pages"] + 1)
        for file in client.files_list(count=20, page=page)["files"]
    ]
    assert len(ids) == len(set(ids)) == paging["total"]
    created = [file["created"] for file in client.files_list(count=1000)["files"]]
    assert created == sorted(created, reverse=True)


def test_files_can_be_chosen_by_type_channel_person_and_time(company: SlackSandbox) -> None:
    client = client_of(company, USER_TOKEN)
    every = client.files_list(count=1000)["files"]
    images = client.files_list(count=1000, types="images")["files"]
    assert images
    assert {file["filetype"] for file in images} == {"png"}
    snippets = client.files_list(count=1000, types="snippets")["files"]
    assert {file["mode"] for file in snippets} == {"snippet"}
    middle = every[len(every) // 2]["created"]
    late = client.files_list(count=1000, ts_from=str(middle))["files"]
    assert late == [file for file in every if file["created"] >= middle]
    user, channel = every[0]["user"], every[0]["channels"][0]
    mine = client.files_list(count=1000, user=user, channel=channel)["files"]
    assert mine == [f for f in every if f["user"] == user and channel in f["channels"]]


# --- mischief -----------------------------------------------------------------------------------


def test_short_pages_have_fewer_than_asked_for_and_lose_nothing(
    slack: SlackSandbox, client: WebClient, seven: list[str]
) -> None:
    slack.switches.short_pages = True
    pages = history(client, general(slack.workspace), limit=4)
    assert [len(page) for page in pages] == [2, 2, 2, 1]
    assert [ts for page in pages for ts in page] == seven[::-1]


def test_empty_pages_come_with_a_cursor_and_lose_nothing(
    slack: SlackSandbox, client: WebClient, seven: list[str]
) -> None:
    slack.switches.empty_pages = True
    pages = history(client, general(slack.workspace), limit=3)
    assert [len(page) for page in pages] == [3, 0, 3, 0, 1]
    assert [ts for page in pages for ts in page] == seven[::-1]


def test_duplicated_items_open_the_next_page(
    slack: SlackSandbox, client: WebClient, seven: list[str]
) -> None:
    slack.switches.duplicate_items = True
    pages = history(client, general(slack.workspace), limit=3)
    assert len(pages) > 2
    for before, after in pairwise(pages):
        assert after[0] == before[-1]
    assert {ts for page in pages for ts in page} == set(seven)


def test_mischief_reaches_replies_and_lists_too(slack: SlackSandbox, client: WebClient) -> None:
    workspace = slack.workspace
    root = workspace.post("general", "ada", "root")
    replies = {workspace.reply("general", root, "bob", str(n)) for n in range(6)}
    for number in range(6):
        workspace.create_channel(f"c{number}")
    slack.switches.set(short_pages=True, empty_pages=True, duplicate_items=True)
    thread = client.conversations_replies(channel=general(workspace), ts=root, limit=5)
    assert {m["ts"] for page in thread for m in page["messages"]} == {root, *replies}
    sizes, names = [], set()
    for page in client.conversations_list(limit=4):
        sizes.append(len(page["channels"]))
        names.update(channel["name"] for channel in page["channels"])
    assert names == {"general", *(f"c{n}" for n in range(6))}
    assert 0 in sizes
    assert max(sizes) == 2


def test_filtering_after_paging_leaves_pages_short_or_empty(
    slack: SlackSandbox, client: WebClient
) -> None:
    for number in range(8):
        slack.workspace.create_channel(f"old{number}")
        slack.workspace.archive(f"old{number}")
    slack.switches.filter_after_paging = True
    sizes, names = [], []
    for page in client.conversations_list(limit=2, exclude_archived=True):
        sizes.append(len(page["channels"]))
        names += [channel["name"] for channel in page["channels"]]
    assert names == ["general"]
    assert sizes.count(0) >= 3


def test_an_item_that_goes_during_paging_does_not_disturb_the_others(
    slack: SlackSandbox, client: WebClient, seven: list[str]
) -> None:
    workspace, channel = slack.workspace, general(slack.workspace)
    # The message the cursor names is deleted, and a new one arrives, between page one and two.
    slack.after("conversations.history", 1, lambda: workspace.delete("general", seven[4]))
    slack.after("conversations.history", 1, lambda: workspace.post("general", "bob", "new"))
    seen = [ts for page in history(client, channel, limit=2) for ts in page]
    assert seen == [seven[6], seven[5], *seven[3::-1]]


def test_a_message_can_change_between_two_given_requests(
    slack: SlackSandbox, client: WebClient, seven: list[str]
) -> None:
    workspace, channel = slack.workspace, general(slack.workspace)
    slack.after(
        "conversations.history",
        2,
        lambda: workspace.edit("general", seven[0], "changed"),
        channel=channel,
    )
    texts = []
    for _ in range(3):
        (message,) = client.conversations_history(channel=channel, latest=seven[1])["messages"]
        texts.append(message["text"])
    assert texts == [f"at {seven[0]}", f"at {seven[0]}", "changed"]


def test_others_may_write_while_a_client_pages(
    slack: SlackSandbox, client: WebClient, seven: list[str]
) -> None:
    workspace, channel = slack.workspace, general(slack.workspace)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            ts = workspace.post("general", "bob", "chatter")
            workspace.reply("general", ts, "ada", "more", broadcast=True)
            workspace.delete("general", ts)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(10):
            pages = history(client, channel, limit=2, latest="1700000100")
            assert [ts for page in pages for ts in page] == seven[::-1]
    finally:
        stop.set()
        writer.join()


# --- free plan ----------------------------------------------------------------------------------


def test_a_free_plan_hides_what_is_older_than_ninety_days(
    slack: SlackSandbox, client: WebClient
) -> None:
    workspace, channel = slack.workspace, general(slack.workspace)
    now = int(workspace.clock())
    old = workspace.post("general", "ada", "old", ts=f"{now - 91 * 86_400}.000000")
    workspace.reply("general", old, "bob", "a late answer")
    young = workspace.post("general", "ada", "young", ts=f"{now - 89 * 86_400}.000000")
    assert history(client, channel) == [[young, old]]
    assert "is_limited" not in client.conversations_history(channel=channel).data
    slack.switches.free_plan = True
    assert history(client, channel) == [[young]]
    assert client.conversations_history(channel=channel)["is_limited"] is True
    answer = error_of(client, "conversations.replies", channel=channel, ts=old)
    assert answer["error"] == "thread_not_found"
    slack.switches.free_plan = False
    assert history(client, channel) == [[young, old]]


def test_a_free_plan_shows_old_files_without_their_content(
    slack: SlackSandbox, client: WebClient
) -> None:
    workspace = slack.workspace
    now = int(workspace.clock())
    old = workspace.add_file("ada", "old.txt", "old", created=now - 100 * 86_400)
    workspace.post("general", "ada", "", files=[old])
    slack.switches.free_plan = True
    assert client.files_list()["files"] == []
    (shown,) = client.files_list(show_files_hidden_by_limit=True)["files"]
    assert shown["mode"] == "hidden_by_limit"
    assert "url_private" not in shown
