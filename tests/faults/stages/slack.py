"""Slack: three channels of a company."""

from contextlib import AbstractContextManager
from typing import Any

from exporters.base import BaseExporter
from exporters.slack.exporter import SlackExporter
from exporters.slack.settings import TIER_LIMITS, SlackSelection, SlackSettings
from faults.stages.base import FREE, NOW, Opener, Stage, now
from sandbox.slack import BOT_TOKEN, SlackSandbox, Workspace, generate_company

CHANNELS = ("general", "incidents", "payments")


def slack_exporter(address: str, **changes: Any) -> BaseExporter:
    settings = SlackSettings.model_validate(
        {
            "base_url": f"{address}/api/",
            "page_size": 40,
            "rate_limits": dict.fromkeys(TIER_LIMITS, FREE),
            **changes,
        }
    )
    return SlackExporter(BOT_TOKEN, settings=settings, now=now)


class SlackStage(Stage[Workspace, SlackSandbox]):
    source = "slack"
    files = frozenset({"/files-pri/*"})

    def company(self) -> Workspace:
        return generate_company(messages=400, seed=7, now=NOW)

    def move(self, company: Workspace) -> None:
        """News, a reply to a thread, an edit and a delete in each channel."""
        for channel in CHANNELS:
            told = company.channel(channel)
            oldest, *_, newest = (told.messages[ts] for ts in told.timeline)
            company.edit(channel, newest.ts, "What was meant is this.")
            company.reply(channel, newest.ts, newest.user, "One more thing", ts=f"{NOW - 60:.6f}")
            company.post(channel, oldest.user, f"News of {channel}", ts=f"{NOW - 30:.6f}")
            company.delete(channel, told.timeline[-2])

    def served(self, company: Workspace) -> AbstractContextManager[SlackSandbox]:
        return SlackSandbox(company)

    def opener(self, sandbox: SlackSandbox, **settings: Any) -> Opener:
        return Opener(slack_exporter, (sandbox.base_url,), settings)

    def selection(self) -> SlackSelection:
        return SlackSelection(channels=list(CHANNELS))
