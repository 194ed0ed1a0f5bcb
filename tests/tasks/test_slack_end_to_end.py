"""A Slack that runs here, synced over HTTP into embedded stores, through the same promises."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from contract_kill_and_resume import KillAndResume, Rehearsal
from scripted_source import MODEL
from watched_stores import Watch, settings_in, watched

from exporters.base import BaseExporter
from exporters.settings import load_settings
from exporters.slack.exporter import SlackExporter
from exporters.slack.settings import TIER_LIMITS, SlackSelection, SlackSettings
from processing.custom.slack import add_conversation_context
from sandbox.slack import BOT_TOKEN, Fault, SlackSandbox, Workspace
from stores.search import HybridSearch
from tasks.partition_errors import PartitionFailedError
from tasks.stores import Stores

NOW = datetime(2026, 9, 21, 12, tzinfo=UTC)
ADA, BOB = "ada@acme.example", "bob@acme.example"


def a_company() -> Workspace:
    """Two channels of three weeks: single messages and threads, the second channel private."""
    workspace = Workspace("Acme", "acme", seed=3, clock=NOW.timestamp)
    workspace.team.email_domain = "acme.example"
    for name, real in (("ada", "Ada Byron"), ("bob", "Bob Stone")):
        workspace.add_user(name, real)
    workspace.create_channel("general", creator="ada", members=["bob"], is_general=True)
    workspace.create_channel("secret", kind="private", creator="ada", members=["bob"])
    return workspace


def filled(workspace: Workspace) -> Workspace:
    """With messages in both channels; the ones that later move are kept by their number."""
    start = NOW - timedelta(days=21)
    for channel in ("general", "secret"):
        for number in range(24):
            ts = f"{(start + timedelta(hours=20 * number)).timestamp():.6f}"
            workspace.post(channel, "ada", f"{channel} message {number} about ferries", ts=ts)
            if number % 6 == 0:
                for reply in range(3):
                    moment = start + timedelta(hours=20 * number, minutes=reply + 1)
                    workspace.reply(
                        channel, ts, "bob", f"reply {reply}", ts=f"{moment.timestamp():.6f}"
                    )
    return workspace


def moved(workspace: Workspace) -> Workspace:
    """After an hour of edits, deletes, new messages, a new name and a leaver."""
    timeline = list(workspace.channel("general").timeline)
    workspace.edit("general", timeline[-1], "the last message was edited", user="ada")
    workspace.delete("general", timeline[-2])
    for number in range(4):
        ts = f"{(NOW + timedelta(minutes=number)).timestamp():.6f}"
        workspace.post("general", "bob", f"a new message {number}", ts=ts)
    workspace.kick("secret", "bob")
    workspace.rename("secret", "very-secret", by="ada")
    return workspace


def with_the_app(workspace: Workspace) -> SlackSandbox:
    """A server whose bot is in every channel."""
    server = SlackSandbox(workspace)
    for channel in ("general", "secret"):
        app = next(iter(user for user in workspace.users.values() if user.is_bot)).id
        workspace.join(channel, app, quiet=True)
    return server


def slack_settings(url: str) -> SlackSettings:
    unhurried = {scope: {"per_minute": 100_000, "burst": 1_000} for scope in TIER_LIMITS}
    return load_settings(
        SlackSettings, "slack", base_url=url, rate_limits=unhurried, page_size=7, max_attempts=4,
        backoff_base=0.01, backoff_cap=0.02,
    )  # fmt: skip


def open_slack(urls: tuple[str, ...], phase: int) -> BaseExporter:
    """The exporter of a phase, at a fixed time, so that every run fetches at the same moment."""
    moment = NOW + timedelta(hours=phase + 1)
    return SlackExporter(BOT_TOKEN, settings=slack_settings(urls[phase]), now=partial(_at, moment))


def _at(moment: datetime) -> datetime:
    return moment


def open_embedded(folder: Path, watch: Watch) -> Stores:
    return watched(settings_in(folder, "one file"), watch)


def rehearsal_of(urls: tuple[str, ...]) -> Rehearsal:
    return Rehearsal(
        open_exporter=partial(open_slack, urls),
        open_stores=open_embedded,
        selection=SlackSelection(),
        store_name="slack_messages",
        people=(ADA, BOB),
        custom=add_conversation_context,
    )


@pytest.mark.full
@pytest.mark.faults
class TestSlack(KillAndResume):
    """A real exporter over HTTP passes the same suite; `make test` has it from `faults.stages`."""

    random_moments = 6

    @pytest.fixture(scope="class")
    @classmethod
    def rehearsal(cls) -> Iterator[Rehearsal]:
        with ExitStack() as servers:
            before = servers.enter_context(with_the_app(filled(a_company())))
            after = with_the_app(filled(a_company()))
            moved(after.workspace)
            servers.enter_context(after)
            yield rehearsal_of((before.api_url, after.api_url))


@pytest.fixture
def slack() -> Iterator[SlackSandbox]:
    with with_the_app(filled(a_company())) as server:
        yield server


def sync(slack: SlackSandbox, folder: Path) -> dict[str, Any]:
    rehearsal = rehearsal_of((slack.api_url,))
    rehearsal.run(folder, 0, Watch())
    return rehearsal.state(folder)


def found(folder: Path, person: str, query: str) -> list[str]:
    stores = open_embedded(folder, Watch())
    try:
        search = HybridSearch(stores.index, stores.vectors, MODEL)
        principals = stores.ledger.principals_of(person)
        hits = search.search(query, as_user=principals, limit=50)
        return [hit.document.page_content for hit in hits]
    finally:
        stores.close()


def test_every_message_is_found_and_a_second_sync_embeds_nothing(
    slack: SlackSandbox, tmp_path: Path
) -> None:
    state = sync(slack, tmp_path)
    texts = " ".join(fields["content"] for fields in state["documents"].values())
    for number in range(24):
        assert f"general message {number} about" in texts
        assert f"secret message {number} about" in texts
    embedded = len(MODEL.texts)
    assert sync(slack, tmp_path) == state
    assert len(MODEL.texts) == embedded


def test_a_member_who_leaves_a_channel_finds_nothing_of_it_after_one_sync(
    slack: SlackSandbox, tmp_path: Path
) -> None:
    sync(slack, tmp_path)
    assert any("secret" in text for text in found(tmp_path, BOB, "secret message"))
    slack.workspace.kick("secret", "bob")
    sync(slack, tmp_path)
    assert not any("secret message" in text for text in found(tmp_path, BOB, "secret message"))
    assert any("secret message" in text for text in found(tmp_path, ADA, "secret message"))


@pytest.mark.parametrize(
    "error", ["token_revoked", "missing_scope", "internal_error", "channel_not_found"]
)
def test_a_refusal_in_the_middle_deletes_nothing_and_is_told(
    slack: SlackSandbox, tmp_path: Path, error: str
) -> None:
    state = sync(slack, tmp_path)
    slack.fail("conversations.history", error, times=None)
    with pytest.raises(PartitionFailedError) as stopped:
        sync(slack, tmp_path)
    assert stopped.value.sentence()
    assert BOT_TOKEN not in stopped.value.sentence()
    assert stopped.value.retryable == (error == "internal_error")
    slack.faults.clear()
    assert sync(slack, tmp_path) == state


def test_short_and_empty_pages_delete_nothing(slack: SlackSandbox, tmp_path: Path) -> None:
    state = sync(slack, tmp_path)
    slack.switches.short_pages = True
    assert sync(slack, tmp_path) == state


def test_resets_and_broken_answers_cost_retries_only(slack: SlackSandbox, tmp_path: Path) -> None:
    for kind in ("reset", "server_error"):
        slack.faults.add(Fault(kind, "conversations.history", times=1))
    state = sync(slack, tmp_path / "shaken")
    assert sync(slack, tmp_path / "calm") == state
