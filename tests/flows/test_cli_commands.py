"""What each command does when all is well, read as a script reads it and as a person does."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from command_line import ROOT, CommandLine, names

from sandbox.slack import Fault, SlackSandbox

pytestmark = pytest.mark.prefect

QUESTION = "why did the payment service time out?"
OTHER = "olga.tamm@harbourline.example"


def test_a_sync_tells_what_it_did_and_a_second_one_that_nothing_changed(
    fresh: CommandLine,
) -> None:
    first = fresh.json("sync", "slack")
    assert first["outcome"] == "completed"
    assert first["source"] == "slack"
    assert first["counts"]["new"] > 100
    assert first["counts"]["failed"] == 0
    assert sum(p["counts"]["new"] for p in first["partitions"]) == first["counts"]["new"]
    assert {"general", "people", "books"} <= names(first["partitions"])
    left_out = {p["name"]: p for p in first["partitions"] if p["outcome"] == "skipped"}
    assert "/invite" in left_out["books"]["message"]

    second = fresh.run("sync", "slack")
    assert second.code == 0
    assert "Slack · Harbourline: Nothing changed: " in second.out
    assert "left out: " in second.out
    assert second.err.startswith("Slack: ")


def test_a_sync_of_chosen_channels_shows_them_in_a_table(fresh: CommandLine) -> None:
    ended = fresh.having(COLUMNS="70").run("sync", "slack", "--channels", "#general,incidents")
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    assert lines[0].strip() == "Slack · Harbourline"
    assert lines[1].split()[:3] == ["partition", "outcome", "new"]
    assert {line.split()[0] for line in lines[3:5]} == {"general", "incidents"}
    assert lines[-1].startswith("Documents: ")
    assert lines[-1].endswith(" s).")
    assert max(map(len, lines)) <= 70


def test_a_sync_leaves_its_stores_in_order(synced: CommandLine) -> None:
    # Each batch leaves a segment of the word index behind; the upkeep after a run merges them.
    with closing(sqlite3.connect(f"file:{synced.folder}/store.db?mode=ro", uri=True)) as store:
        ((segments,),) = store.execute(
            "SELECT count(DISTINCT id >> 37) FROM documents_words_data WHERE id > 10"
        )
    assert segments == 1


def test_search_answers_with_the_very_message(synced: CommandLine) -> None:
    found = synced.json("search", QUESTION, "--limit", "3")
    assert len(found) == 3
    best = found[0]
    assert best["source"] == "slack"
    assert best["container"]["name"] == "incidents"
    assert best["url"].startswith("https://harbourline.slack.com/archives/")
    assert best["access"]
    assert best["found_by"]
    assert found == sorted(found, key=lambda result: -result["score"])

    told = synced.run("search", QUESTION, "--limit", "3")
    assert (told.code, told.err) == (0, "")
    assert told.out.startswith("1. ")
    assert best["url"] in told.out
    assert "**" not in told.out


def test_search_keeps_to_what_a_person_may_read(synced: CommandLine, company: SlackSandbox) -> None:
    members = company.workspace.channel("leadership").members
    people = [user for user in company.workspace.users.values() if user.email and not user.deleted]
    member = next(user.email for user in people if user.id in members)
    other = next(user.email for user in people if user.id not in members)
    question = ("search", "are we buying Quayside?", "--limit", "20")
    secret = {
        result["id"] for result in synced.json(*question) if "Confidential" in result["passage"]
    }
    assert secret
    assert secret & names(synced.json(*question, "--as-user", member), "id")
    assert not secret & names(synced.json(*question, "--as-user", other), "id")


def test_search_can_be_narrowed(synced: CommandLine) -> None:
    found = synced.json("search", "ferry", "--in", "#support", "--limit", "50")
    assert found
    assert {result["container"]["name"] for result in found} == {"support"}
    assert synced.json("search", "ferry", "--before", "2001-01-01") == []


def test_a_search_goes_through_pages_and_shows_what_stands_around(synced: CommandLine) -> None:
    question = (
        "search",
        "ferry",
        "--in",
        "support",
        "--type",
        "thread",
        "--account",
        "harbourline",
    )
    whole = synced.json(*question, "--limit", "6")
    assert {result["entity"] for result in whole} == {"thread"}
    assert synced.json(*question, "--limit", "3", "--page", "2") == whole[3:]
    around = synced.json(*question, "--limit", "2", "--context", "1", "--as-user", OTHER)
    for result in around:
        for neighbour in result["context"]:
            assert neighbour["relation"] in {"before", "after"}
            older = neighbour["created_at"] <= result["created_at"]
            assert older is (neighbour["relation"] == "before")
    told = synced.run(*question, "--limit", "2", "--context", "1", "--recent", "--as-user", OTHER)
    assert told.code == 0
    assert "\n   before    2" in told.out
    last = " ".join(told.out[told.out.rindex("1 to 2") :].split())
    assert last.startswith(f"1 to 2, more with --page 2 · what {OTHER} may read, as of 20")


def test_a_search_without_results_says_why(synced: CommandLine) -> None:
    def told(*options: str) -> str:
        ended = synced.run("search", "ferry", *options)
        assert (ended.code, ended.err) == (0, "")
        return " ".join(ended.out.split())

    page = told("--in", "suport", "--as-user", OTHER)
    assert page.startswith("Nothing was found. Searched ")
    assert "slack (Harbourline), synced last 20" in page
    assert "Nothing called 'suport' was synced. Did you mean 'support'?" in page
    assert f"Only what {OTHER} may read was looked at: " in page
    assert "Only what is public was looked at: 0 documents." in told("--anonymous")
    stranger = told("--as-user", "eve@else.example")
    assert "eve@else.example is in no list of members that a source told (as of 20" in stranger
    assert "No document passes --after 2100-01-01: try it without." in told("--after", "2100-01-01")
    assert "There is no page 999." in told("--page", "999")


def test_results_that_share_no_word_with_the_question_are_called_so(synced: CommandLine) -> None:
    ended = synced.run("search", "zzzqqq")
    assert ended.code == 0
    assert ended.err.startswith("None of these has the words you gave")


def test_sources_names_variables_and_never_their_values(offline: CommandLine) -> None:
    secret = "xoxb-4711-canary-of-the-sources"
    told_of = offline.having(SLACK_BOT_TOKEN=secret).json("sources")
    [slack] = [one for one in told_of if one["name"] == "slack"]
    assert slack["installed"] is True
    assert slack["missing_packages"] == []
    assert slack["credentials"]["token"]["set_in"] == "SLACK_BOT_TOKEN"
    told = offline.having(SLACK_BOT_TOKEN=secret).run("sources")
    assert "set in SLACK_BOT_TOKEN" in told.out
    unset = offline.having(SLACK_BOT_TOKEN="").run("sources")
    assert "not set" in unset.out
    assert "SLACK_BOT_TOKEN or SLACK_USER_TOKEN" in " ".join(unset.out.split())
    assert secret not in told.out + told.err + unset.out + json.dumps(slack)


def test_check_names_its_probes(offline: CommandLine) -> None:
    report = offline.json("check", "slack")
    assert report["ok"] is True
    assert {"token", "scopes for public", "people", "channels", "sample read"} <= names(
        report["probes"]
    )
    told = offline.run("check", "slack")
    assert (told.code, told.err) == (0, "")
    assert "All 8 probes passed." in told.out
    assert not offline.folder.exists(), "a check writes nothing"


def test_check_gives_a_hint_for_what_failed(offline: CommandLine) -> None:
    without_mail = offline.having(SLACK_BOT_TOKEN="xoxb-sandbox-no-email").run("check", "slack")
    assert without_mail.code == 1
    assert "Add the scope users:read.email" in without_mail.out
    assert "1 of 9 probes failed." in without_mail.out
    revoked = offline.having(SLACK_BOT_TOKEN="xoxb-sandbox-revoked").run("check", "slack", "--json")
    assert revoked.code == 1
    assert revoked.json["ok"] is False
    outcomes = {probe["name"]: probe["outcome"] for probe in revoked.json["probes"]}
    assert outcomes["token"] == "failed"
    assert outcomes["sample read"] == "skipped"


def test_status_shows_accounts_cursors_and_runs(synced: CommandLine) -> None:
    status = synced.json("status", "slack")
    [account] = status["accounts"]
    assert account["title"] == "Harbourline"
    assert account["records"] > 100
    assert account["dead_letters"] == 0
    partitions = status["partitions"][account["connection"]]
    cursors = {partition["name"]: partition["cursor"] for partition in partitions}
    assert cursors["general"]["newest"]
    assert status["runs"][-1]["state"] == "completed"

    told = synced.having(COLUMNS="100").run("status", "slack")
    assert (told.code, told.err) == (0, "")
    for heading in ("Accounts", f"Partitions of {account['connection']}", "Last runs"):
        assert heading in told.out
    assert "reached the beginning" in told.out
    assert str(synced.folder / "store.db") in told.out
    assert max(map(len, told.out.splitlines()[:-1])) <= 100


def test_items_that_were_set_aside_are_listed_shown_and_retried(
    alone: CommandLine, slack: SlackSandbox
) -> None:
    slack.faults.add(Fault("answer", "/files-pri/*", status=404, times=None, body={"ok": False}))
    ended = alone.run("sync", "slack", "--json")
    assert ended.code == 2, ended.err
    assert ended.json["outcome"] == "partly_failed"
    failed = ended.json["counts"]["failed"]
    assert failed > 0

    letters = alone.json("failures", "list")
    assert 0 < len(letters) <= failed
    listed = alone.having(COLUMNS="120").run("failures", "list", "--source", "slack").out
    assert listed.split()[:2] == ["number", "source"]
    number = str(letters[0]["id"])
    shown = alone.json("failures", "show", number)
    assert shown["key"] == letters[0]["key"]
    assert shown["message"] in " ".join(alone.run("failures", "show", number).out.split())

    still = alone.run("failures", "retry", number)
    assert still.code == 1
    assert "0 items went through, 1 still set aside." in still.out

    assert alone.json("failures", "dismiss", number) == {"dismissed": 1}
    assert number not in {str(letter["id"]) for letter in alone.json("failures", "list")}
    again = alone.run("failures", "dismiss", number)
    assert again.code == 64
    assert f"No item with the number {number}" in again.err

    slack.faults.clear()
    retried = alone.run("failures", "retry")
    assert retried.code == 0, retried.err
    assert "none is left." in retried.out
    assert alone.json("failures", "list") == []
    assert alone.run("failures", "list").out == "Nothing is set aside.\n"
    assert alone.run("failures", "retry", "--json").json == {
        "resolved": 0, "left": 0, "messages": [],
    }  # fmt: skip


@pytest.mark.parametrize("command", [("status", "slack"), ("search", "ferry", "--limit", "100")])
def test_a_reader_that_has_seen_enough_ends_the_command_quietly(
    synced: CommandLine, command: tuple[str, ...]
) -> None:
    for arguments in (command, (*command, "--json")):
        reading, writing = os.pipe()
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.cli", *arguments],
            cwd=ROOT, env=synced.environment, stdout=writing, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        os.close(writing)
        os.close(reading)
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")


def test_colours_are_for_terminals_that_want_them(synced: CommandLine) -> None:
    for variables in ({}, {"NO_COLOR": "1"}):
        assert "\x1b" not in synced.having(**variables).run("status").out
    assert "\x1b[" in synced.having(FORCE_COLOR="1").run("search", QUESTION).out


def test_a_terminal_that_knows_no_umlauts_gets_its_answer(synced: CommandLine) -> None:
    ended = synced.having(PYTHONIOENCODING="ascii").run("search", QUESTION)
    assert (ended.code, ended.err) == (0, "")
    assert "incidents" in ended.out


def test_an_export_is_synced_without_a_token(
    fresh: CommandLine, company: SlackSandbox, tmp_path: Path
) -> None:
    export = tmp_path / "export.zip"
    company.workspace.write_export_zip(export)
    ended = fresh.having(SLACK_BOT_TOKEN="").run("sync", "slack", "--export-zip", str(export))
    assert ended.code == 0, ended.err
    assert "Slack · export.zip" in ended.out
    assert fresh.json("search", QUESTION, "--limit", "1")
