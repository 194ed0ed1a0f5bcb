"""The generated company: the same each time, of any size, and worth searching."""

import io
import re
import time
import zipfile
from collections import Counter

import orjson
import pytest
from sandbox_clients import FIXED_NOW, client_of

from sandbox.slack import (
    BOT_TOKEN,
    DEMO_QUESTIONS,
    USER_TOKEN,
    SlackSandbox,
    Workspace,
    generate_company,
)
from sandbox.slack.company.script import parse_scene
from sandbox.slack.messages import message_payload
from sandbox.slack.model import Message

DAY = 86_400


def fingerprint(workspace: Workspace) -> bytes:
    """Everything the API could tell about a workspace."""
    messages = [
        message_payload(workspace, channel, message, "http://files")
        for channel in workspace.channels.values()
        for message in channel.messages.values()
    ]
    files = [(file.id, file.content) for file in workspace.files.values()]
    return orjson.dumps(
        [messages, [str(user) for user in workspace.users.values()], str(files)],
        option=orjson.OPT_SORT_KEYS,
    )


def every_message(workspace: Workspace) -> list[Message]:
    return [m for channel in workspace.channels.values() for m in channel.messages.values()]


def test_the_same_seed_and_size_give_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("exports")
    exports = []
    for number in range(2):
        company = generate_company(messages=1500, seed=11, now=FIXED_NOW)
        path = folder / f"{number}.zip"
        company.write_export_zip(path)
        exports.append((path.read_bytes(), fingerprint(company)))
    assert exports[0] == exports[1]


def test_another_seed_gives_another_company() -> None:
    one = generate_company(messages=500, seed=1, now=FIXED_NOW)
    two = generate_company(messages=500, seed=2, now=FIXED_NOW)
    assert fingerprint(one) != fingerprint(two)
    assert set(one.channels).isdisjoint(two.channels)


@pytest.mark.parametrize("messages", [400, 500, 2000, 7001])
def test_a_company_has_exactly_as_many_messages_as_asked_for(messages: int) -> None:
    assert generate_company(messages=messages, now=FIXED_NOW).message_count() == messages


def test_a_company_too_small_for_its_stories_is_refused() -> None:
    with pytest.raises(ValueError, match="400 messages"):
        generate_company(messages=399)


def test_a_large_company_has_many_users() -> None:
    company = generate_company(messages=20_000, now=FIXED_NOW)
    assert company.message_count() == 20_000
    assert len(company.users) > 80


@pytest.mark.parametrize("days", [2, 30, 120])
def test_the_history_lies_between_its_first_day_and_now(days: int) -> None:
    company = generate_company(messages=1000, now=FIXED_NOW, days=days)
    moments = [float(message.ts) for message in every_message(company)]
    assert FIXED_NOW - days * DAY <= min(moments)
    assert max(moments) < FIXED_NOW
    edits = [float(m.edited[1]) for m in every_message(company) if m.edited]
    assert edits
    assert max(edits) < FIXED_NOW


def test_without_a_fixed_now_the_last_week_has_messages() -> None:
    company = generate_company(messages=600)
    week_ago = time.time() - 7 * DAY
    recent = [message for message in every_message(company) if float(message.ts) > week_ago]
    assert len(recent) > 20


def test_a_change_after_generation_comes_last(company: SlackSandbox) -> None:
    workspace = generate_company(messages=400, now=FIXED_NOW)
    newest = workspace.channel("general").timeline[-1]
    owner = workspace.tokens[USER_TOKEN].user
    assert workspace.post("general", owner, "after the end") > max(newest, f"{FIXED_NOW:.6f}")


@pytest.mark.parametrize("seed", [7, 99])
@pytest.mark.parametrize("messages", [400, 3000])
def test_every_demo_question_has_its_answer_in_the_named_channel(seed: int, messages: int) -> None:
    company = generate_company(messages=messages, seed=seed, now=FIXED_NOW)
    bot = company.tokens[BOT_TOKEN].user
    for question in DEMO_QUESTIONS:
        channel = company.channel(question.channel)
        answers = [m for m in channel.messages.values() if question.answer in m.text]
        assert answers, question
        elsewhere = [
            other.name
            for other in company.channels.values()
            if other is not channel
            and any(question.answer in m.text for m in other.messages.values())
        ]
        assert elsewhere == [], question
        assert (question.access == "members") == channel.is_private, question
    seen = {q.channel for q in DEMO_QUESTIONS if bot in company.channel(q.channel).members}
    assert {q.channel for q in DEMO_QUESTIONS} - seen == {"people-private"}


def test_texts_are_finished(company: SlackSandbox) -> None:
    for message in every_message(company.workspace):
        assert not re.search(r"\$[a-z]|\{[^}]*\|", message.text), message.text
        assert not re.search(r"(?<![<|\w/])@[a-z]\b", message.text), message.text
        # Whatever is not one of Slack's angle brackets is escaped.
        rest = re.sub(r"<(?:[@#!]|https?:|mailto:)[^<>]+>", "", message.text)
        assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", rest), message.text


def test_mentions_lead_somewhere(company: SlackSandbox) -> None:
    workspace = company.workspace
    found: Counter[str] = Counter()
    for message in every_message(workspace):
        for user in re.findall(r"<@(\w+)>", message.text):
            assert user in workspace.users
            found["user"] += 1
        for channel in re.findall(r"<#(\w+)\|", message.text):
            assert channel in workspace.channels
            found["channel"] += 1
        for group in re.findall(r"<!subteam\^(\w+)\|", message.text):
            assert group in workspace.usergroups
            found["group"] += 1
        found["here"] += message.text.count("<!here>")
    assert all(found[kind] for kind in ("user", "channel", "group", "here"))


def test_the_company_has_everything_slack_has(company: SlackSandbox) -> None:
    workspace = company.workspace
    messages = every_message(workspace)
    subtypes = Counter(message.subtype for message in messages)
    assert {"thread_broadcast", "bot_message", "channel_join", "channel_topic", "channel_name"} <= (
        set(subtypes)
    )
    assert {m.origin for m in messages} == {"person", "app", "webhook", "system"}
    kinds = Counter(channel.kind for channel in workspace.channels.values())
    assert set(kinds) == {"public", "private", "im", "mpim"}
    assert any(channel.id.startswith("G") for channel in workspace.channels.values())
    roles = {user.role for user in workspace.users.values()}
    assert {"primary_owner", "owner", "admin", "member", "guest", "single_channel_guest"} <= roles
    assert any(user.deleted for user in workspace.users.values())
    assert any(message.reactions for message in messages)
    assert any(message.edited for message in messages)
    assert any(message.pin for message in messages)
    filetypes = {file.filetype for file in workspace.files.values()}
    assert {"png", "pdf", "python", "csv", "markdown", "text"} <= filetypes
    late = [
        thread
        for channel in workspace.channels.values()
        for root, thread in channel.threads.items()
        if float(thread.replies[-1]) - float(root) > DAY
    ]
    assert len(late) > 5


def test_block_kit_and_attachments_reach_the_client(company: SlackSandbox) -> None:
    client, workspace = client_of(company), company.workspace
    kinds: Counter[str] = Counter()
    attachments = 0
    for name in ("deploys", "support", "incidents", "engineering", "company-news", "architecture"):
        channel = workspace.channel(name).id
        for page in client.conversations_history(channel=channel, limit=999):
            for message in page["messages"]:
                attachments += len(message.get("attachments", ()))
                for block in message.get("blocks", ()):
                    kinds[block["type"]] += 1
                    for element in block.get("elements", ()):
                        kinds[element["type"]] += 1
    assert attachments
    assert {
        "section",
        "header",
        "context",
        "divider",
        "rich_text_list",
        "rich_text_quote",
        "rich_text_preformatted",
    } <= set(kinds)


def test_people_who_left_do_not_write_any_more(company: SlackSandbox) -> None:
    workspace = company.workspace
    leavers = {user.id for user in workspace.users.values() if user.deleted}
    left = FIXED_NOW - 18 * DAY
    for channel in workspace.channels.values():
        if channel.is_direct:
            continue
        assert not leavers & channel.members
        roots = [channel.messages[ts] for ts in channel.timeline if float(ts) > left]
        assert not {m.user for m in roots if not m.thread_ts} & leavers


def test_pictures_and_documents_are_what_they_say(company: SlackSandbox) -> None:
    for file in company.workspace.files.values():
        assert file.content is not None
        assert file.size == len(file.content)
        if file.filetype == "png":
            assert file.content.startswith(b"\x89PNG\r\n\x1a\n")
            assert file.width > 0
        elif file.filetype == "pdf":
            assert file.content.startswith(b"%PDF-1.4")
            assert file.content.endswith(b"%%EOF\n")
        elif file.filetype == "docx":
            with zipfile.ZipFile(io.BytesIO(file.content)) as document:
                assert document.testzip() is None
                assert "word/document.xml" in document.namelist()
        else:
            assert file.content.decode()


@pytest.mark.parametrize("script", ["> a: a reply first", "hello", "", "+ eyes:2"])
def test_a_scene_that_is_none_is_refused(script: str) -> None:
    with pytest.raises(ValueError, match="scene"):
        parse_scene(script)
