"""Slack workspace exports, read and written."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sandbox_clients import FIXED_NOW, client_of
from slack_sdk import WebClient

from sandbox.slack import BOT_TOKEN, USER_TOKEN, SlackSandbox, Workspace, generate_company


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory, company: SlackSandbox) -> Path:
    path = tmp_path_factory.mktemp("export") / "harbourline.zip"
    company.workspace.write_export_zip(path)
    return path


@pytest.fixture(scope="module")
def imported(export: Path) -> Iterator[SlackSandbox]:
    with SlackSandbox(Workspace.from_export_zip(export, domain="harbourline")) as sandbox:
        yield sandbox


def read(archive: zipfile.ZipFile, name: str) -> Any:
    return json.loads(archive.read(name))


# --- a real one ---------------------------------------------------------------------------------


def test_every_message_of_a_real_export_is_served(real_export: Path) -> None:
    workspace = Workspace.from_export_zip(real_export, domain="mesos-magellan")
    with zipfile.ZipFile(real_export) as archive, SlackSandbox(workspace) as slack:
        client = client_of(slack)
        heads = {head["id"]: head for head in read(archive, "channels.json")}
        listed = client.conversations_list()["channels"]
        assert {c["id"]: c["name"] for c in listed} == {i: h["name"] for i, h in heads.items()}
        for channel_id, head in heads.items():
            raw = {
                message["ts"]: message
                for name in archive.namelist()
                if name.startswith(head["name"] + "/") and name.endswith(".json")
                for message in read(archive, name)
            }
            served = {
                message["ts"]: message
                for page in client.conversations_history(channel=channel_id, limit=40)
                for message in page["messages"]
            }
            assert set(served) == set(raw)
            for ts, message in raw.items():
                assert served[ts]["text"] == message["text"]
                assert served[ts].get("user") == message.get("user")
                assert served[ts].get("attachments") == message.get("attachments")
                assert served[ts].get("reactions") == message.get("reactions")
        bot = slack.workspace.tokens[BOT_TOKEN].user
        people = {user["id"]: user for user in client.users_list()["members"]}
        for person in read(archive, "users.json"):
            assert people[person["id"]]["profile"]["real_name"] == person["profile"]["real_name"]
        assert set(people) - {p["id"] for p in read(archive, "users.json")} == {"USLACKBOT", bot}


def test_files_of_a_real_export_have_become_files_of_today(real_export: Path) -> None:
    workspace = Workspace.from_export_zip(real_export, domain="mesos-magellan")
    assert workspace.files
    with SlackSandbox(workspace) as slack:
        client = client_of(slack)
        for file_id in workspace.files:
            file = client.files_info(file=file_id)["file"]
            assert file["url_private"].startswith(slack.base_url)
            assert "xoxe" not in json.dumps(file)


@pytest.mark.parametrize("content", [b"no zip", None])
def test_what_is_no_export_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.zip"
    if content is None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("readme.txt", "hello")
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"no zip archive|no Slack export"):
        Workspace.from_export_zip(path, domain="x")


# --- our own ------------------------------------------------------------------------------------


def test_an_export_has_the_form_of_slack_s(export: Path, company: SlackSandbox) -> None:
    workspace = company.workspace
    with zipfile.ZipFile(export) as archive:
        names = set(archive.namelist())
        lists = {"channels", "groups", "dms", "mpims", "users", "integration_logs"}
        assert {f"{name}.json" for name in lists} <= names
        days = [name for name in names if "/" in name]
        messages = [message for day in days for message in read(archive, day)]
        assert len(messages) == workspace.message_count()
        for day in days:
            folder, date = day.removesuffix(".json").split("/")
            assert len(date) == 10
            assert workspace.channel(folder)
        incidents = {
            message["ts"]: message
            for day in days
            if day.startswith("incidents/")
            for message in read(archive, day)
        }
    roots = [message for message in incidents.values() if message.get("reply_count")]
    assert roots
    for root in roots:
        assert [reply["ts"] for reply in root["replies"]] == [
            ts for ts, m in sorted(incidents.items()) if m.get("thread_ts") == root["ts"] != ts
        ]
    people = [m for m in messages if m.get("client_msg_id")]
    assert all(m["user_profile"]["name"] and m["user_team"] for m in people)
    files = [file for m in messages for file in m.get("files", ())]
    assert files
    for file in files:
        assert file["url_private"].startswith("https://files.slack.com/files-pri/")
        assert file["url_private"].endswith("?t=xoxe-sandbox-export-token")


def test_an_export_without_private_conversations_has_none(
    tmp_path: Path, company: SlackSandbox
) -> None:
    path = tmp_path / "public.zip"
    company.workspace.write_export_zip(path, private=False)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    assert "channels.json" in names
    assert not {"groups.json", "dms.json", "mpims.json"} & set(names)
    assert not any(name.startswith(("leadership/", "D0", "mpdm-")) for name in names)


def test_an_imported_company_answers_as_the_original(
    company: SlackSandbox, imported: SlackSandbox
) -> None:
    compared = 0
    for token in (BOT_TOKEN, USER_TOKEN):
        original = _everything_said(client_of(company, token), company)
        copy = _everything_said(client_of(imported, token), imported)
        assert set(copy) == set(original)
        for channel_id, messages in original.items():
            assert copy[channel_id] == messages, channel_id
            compared += len(messages)
    assert compared > 1500


def test_people_and_memberships_survive_the_round_trip(
    company: SlackSandbox, imported: SlackSandbox
) -> None:
    ours, theirs = client_of(company, USER_TOKEN), client_of(imported, USER_TOKEN)
    assert theirs.users_list()["members"] == ours.users_list()["members"]
    for channel in company.workspace.channels.values():
        if channel.kind != "public":
            continue
        members = theirs.conversations_members(channel=channel.id)["members"]
        assert members == ours.conversations_members(channel=channel.id)["members"]
        shown = theirs.conversations_info(channel=channel.id)["channel"]
        known = ours.conversations_info(channel=channel.id)["channel"]
        for lost in ("updated", "previous_names"):
            # An export does not carry these.
            shown.pop(lost), known.pop(lost)
        assert shown == known
    shared = company.workspace.channel("ext-northsound")
    own = {user.id for user in company.workspace.members()}
    # A stranger who never wrote is not in an export.
    strangers = {message.user for message in shared.messages.values()} - own
    assert len(strangers) == 2
    for stranger in strangers:
        name = imported.workspace.users[stranger].real_name
        assert name == company.workspace.users[stranger].real_name


def test_pins_survive_the_round_trip(company: SlackSandbox, imported: SlackSandbox) -> None:
    incidents = company.workspace.channel("incidents").id
    ours = client_of(company).pins_list(channel=incidents)["items"]
    assert ours
    assert client_of(imported).pins_list(channel=incidents)["items"] == _without_hosts(
        ours, company, imported
    )


def test_tombstones_and_broadcasts_survive_the_round_trip(tmp_path: Path) -> None:
    workspace = generate_company(messages=400, now=FIXED_NOW)
    owner = workspace.tokens[USER_TOKEN].user
    root = workspace.post("general", owner, "to be deleted")
    workspace.reply("general", root, owner, "loud", broadcast=True)
    workspace.delete("general", root)
    workspace.write_export_zip(tmp_path / "x.zip")
    loaded = Workspace.from_export_zip(tmp_path / "x.zip", domain="harbourline")
    with SlackSandbox(workspace) as first, SlackSandbox(loaded) as second:
        general = workspace.channel("general").id
        one, two = (
            client_of(sandbox, USER_TOKEN).conversations_history(channel=general, limit=2).data
            for sandbox in (first, second)
        )
    assert one == two
    assert one["messages"][1]["subtype"] == "tombstone"


def test_a_root_that_the_export_lacks_is_a_tombstone(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    reply = {"type": "message", "user": "U1", "text": "late", "ts": "1700000100.000000"}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("users.json", json.dumps([{"id": "U1", "team_id": "T1", "name": "u"}]))
        archive.writestr(
            "channels.json", json.dumps([{"id": "C1", "name": "c", "members": ["U1"]}])
        )
        reply["thread_ts"] = "1700000000.000000"
        archive.writestr("c/2023-11-14.json", json.dumps([reply]))
    with SlackSandbox(Workspace.from_export_zip(path, domain="x")) as slack:
        (root,) = client_of(slack).conversations_history(channel="C1")["messages"]
    assert (root["subtype"], root["ts"], root["reply_count"]) == (
        "tombstone",
        "1700000000.000000",
        1,
    )


def test_old_forms_of_threads_files_and_bots_are_understood(tmp_path: Path) -> None:
    root, reply = "1500000000.000001", "1500000005.000002"
    shared = {"id": "F1", "name": "n.txt", "mimetype": "text/plain", "size": 3, "user": "U1"}
    linked = {
        "id": "F2",
        "is_external": True,
        "mode": "external",
        "url_private": "https://docs.example/d/1",
    }
    messages = [
        # Before 2018 replies were named at the root only.
        {"user": "U1", "text": "root", "ts": root, "replies": [{"user": "U1", "ts": reply}]},
        {"user": "U1", "text": "reply", "ts": reply},
        {"user": "U1", "text": "up", "ts": "1500000010.000001", "subtype": "file_share",
         "file": shared, "upload": True},
        {"user": "U1", "text": "doc", "ts": "1500000011.000001", "files": [linked]},
        {"text": "built", "ts": "1500000012.000001", "subtype": "bot_message",
         "bot_id": "B1", "username": "builder"},
    ]  # fmt: skip
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        people = [{"id": "U1", "team_id": "T1", "name": "u", "is_primary_owner": True}]
        archive.writestr("users.json", json.dumps(people))
        head = {"id": "C1", "name": "c", "members": ["U1"], "created": "1500000000"}
        archive.writestr("channels.json", json.dumps([head]))
        direct = {"id": "D1", "created": 1500000000, "members": ["U1", "U9GONE"]}
        archive.writestr("dms.json", json.dumps([direct]))
        said = [{"type": "message", **message} for message in messages]
        archive.writestr("c/2017-07-14.json", json.dumps(said))
        archive.writestr("D1/2017-07-14.json", json.dumps(said[:1]))
    with SlackSandbox(Workspace.from_export_zip(tmp_path / "x.zip", domain="x")) as slack:
        client = client_of(slack, USER_TOKEN)
        shown = client.conversations_history(channel="C1")["messages"]
        bot, doc, upload, first = shown
        thread = client.conversations_replies(channel="C1", ts=root)["messages"]
        assert [message["ts"] for message in thread] == [root, reply]
        assert first["reply_count"] == 1
        assert "subtype" not in upload
        assert upload["files"][0]["url_private"].startswith(slack.base_url)
        assert doc["files"][0]["url_private"] == "https://docs.example/d/1"
        assert (bot["bot_id"], bot["username"]) == ("B1", "builder")
        assert client.bots_info(bot="B1")["bot"]["name"] == "builder"
        (listed,) = client.conversations_list(types="im")["channels"]
        assert listed["user"] == "U9GONE"
        slack.workspace.edit("C1", root, "changed")
        assert client.conversations_history(channel="C1")["messages"][-1]["text"] == "changed"


def _everything_said(client: WebClient, sandbox: SlackSandbox) -> dict[str, list[Any]]:
    """History and threads of every conversation a token can read."""
    said: dict[str, list[Any]] = {}
    types = "public_channel,private_channel,mpim,im"
    user = sandbox.workspace.tokens[client.token or ""].user
    for channel in client.conversations_list(types=types, limit=999)["channels"]:
        if user not in sandbox.workspace.channel(channel["id"]).members:
            continue
        messages = said.setdefault(channel["id"], [])
        for page in client.conversations_history(channel=channel["id"], limit=999):
            for message in page["messages"]:
                messages.append(message)
                if message.get("reply_count"):
                    thread = client.conversations_replies(channel=channel["id"], ts=message["ts"])
                    messages.append(thread["messages"])
    text = json.dumps(said).replace(sandbox.base_url, "http://sandbox")
    loaded: dict[str, list[Any]] = json.loads(text)
    return loaded


def _without_hosts(value: Any, one: SlackSandbox, other: SlackSandbox) -> Any:
    return json.loads(json.dumps(value).replace(one.base_url, other.base_url))
