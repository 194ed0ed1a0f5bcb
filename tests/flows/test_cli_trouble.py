"""What goes wrong in the middle: one sentence, the right code, nothing lost."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from command_line import CommandLine, names

from sandbox.slack import Fault, SlackSandbox

pytestmark = pytest.mark.prefect

CANARY = "xoxb-4711-0815-canaryCanaryCanary"


def test_a_wrong_token_leaves_no_trace_and_shows_up_nowhere(fresh: CommandLine) -> None:
    wrong = fresh.having(SLACK_BOT_TOKEN=CANARY)
    for command in (("sync", "slack"), ("-v", "sync", "slack", "--json"), ("check", "slack", "-v")):
        ended = wrong.run(*command)
        assert ended.code == 1
        assert CANARY not in ended.out + ended.err
        assert "canary" not in (ended.out + ended.err).lower()
        if "-v" not in command:
            assert ended.complaint().startswith("Error: Slack does not accept the token")
        if "--json" in command:
            assert ended.json["error"]["type"] == "AuthenticationError"
    assert not fresh.folder.exists()


def test_verbose_shows_log_lines_and_no_secret(fresh: CommandLine) -> None:
    ended = fresh.having(PREFECT_LOGGING_LEVEL="INFO").run(
        "-v", "sync", "slack", "--channels", "general"
    )
    assert ended.code == 0
    assert "Finished in state Completed" in ended.err
    assert fresh.variables["SLACK_BOT_TOKEN"] not in ended.out + ended.err


def test_an_unknown_channel_gets_the_nearest_name(fresh: CommandLine) -> None:
    ended = fresh.run("sync", "slack", "--channels", "incidnets")
    assert ended.code == 64
    assert "There is no channel 'incidnets'" in ended.complaint()
    assert "Did you mean 'incidents'?" in ended.complaint()


def test_a_missing_scope_is_named_and_costs_only_what_needs_it(fresh: CommandLine) -> None:
    ended = fresh.having(SLACK_BOT_TOKEN="xoxb-sandbox-public-only").run("sync", "slack", "--json")
    assert ended.code == 2
    assert "lacks the scope users:read" in ended.complaint()
    assert ended.json["outcome"] == "partly_failed"
    outcomes = {p["name"]: p["outcome"] for p in ended.json["partitions"]}
    assert outcomes["people"] == "failed"
    assert outcomes["private conversations"] == "skipped"
    assert outcomes["general"] == "completed"


def test_a_token_without_a_block_of_that_name(fresh: CommandLine) -> None:
    ended = fresh.run("sync", "slack", "--credentials", "acme")
    assert ended.code == 64
    assert "There is no saved block 'acme'" in ended.complaint()
    assert not fresh.folder.exists()


def test_ctrl_c_in_the_middle_is_told_in_a_line_and_the_next_run_goes_on(
    alone: CommandLine, synced: CommandLine, slack: SlackSandbox
) -> None:
    calls = "conversations.history"
    slack.faults.add(Fault("rate_limited", calls, times=None, skip=8, retry_after=90))
    process = alone.start("sync", "slack", "--json", start_new_session=True)
    assert process.stdout is not None
    _wait_for(lambda: slack.requests.count(calls) >= 9, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    slack.faults.clear()
    assert process.returncode == 130
    assert err.strip() == (
        "Error: Stopped. What was committed stays; the next run goes on from there."
    )
    assert '"type": "Interrupted"' in out

    [run] = alone.json("status")["runs"]
    assert run["state"] == "cancelled"
    again = alone.json("sync", "slack")
    assert again["outcome"] == "completed"
    assert _documents(alone) == _documents(synced)


def _documents(command_line: CommandLine) -> dict[str, int]:
    status = command_line.json("status", "slack")
    [partitions] = status["partitions"].values()
    return {partition["name"]: partition["records"] for partition in partitions}


def _wait_for(condition: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    end = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, "it ended before it could be stopped"
        assert time.monotonic() < end
        time.sleep(0.05)


@contextmanager
def small_disk(place: Path) -> Iterator[None]:
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", str(place)],
        capture_output=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip("a small disk can be mounted by root only")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_full_disk_is_told_and_the_sync_goes_on_when_there_is_room(
    fresh: CommandLine, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk):
        small = fresh.having(disk / "data")
        ended = small.run("sync", "slack", "--json")
        assert ended.code in {1, 2}
        assert "full" in ended.complaint()
        subprocess.run(["mount", "-o", "remount,size=60m", str(disk)], check=True)
        assert small.json("sync", "slack")["outcome"] == "completed"
        assert small.json("search", "ferry")


def test_a_store_that_may_only_be_read_can_be_searched_and_is_not_synced(
    synced: CommandLine, tmp_path: Path
) -> None:
    place = tmp_path / "copy"
    place.mkdir()
    (place / "store.db").write_bytes((synced.folder / "store.db").read_bytes())
    before = (place / "store.db").read_bytes()
    (place / "store.db").chmod(0o444)
    place.chmod(0o555)
    reader = synced.having(place)
    prefix = () if os.geteuid() else ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    ended = reader.run("sync", "slack", prefix=prefix)
    assert ended.code == 1
    assert "is read-only" in ended.complaint()
    found = reader.run("search", "ferry", "--json", prefix=prefix)
    assert found.code == 0, found.err
    assert names(found.json, "source") == {"slack"}
    assert (place / "store.db").read_bytes() == before


def test_a_vendor_that_does_not_answer(fresh: CommandLine) -> None:
    ended = fresh.having(
        DATA_GETTERS_SLACK__BASE_URL="http://127.0.0.1:9/api/",
        DATA_GETTERS_SLACK__MAX_ATTEMPTS="1",
    ).run("check", "slack")
    assert ended.code == 1
    assert "Slack refuses connections." in ended.out
