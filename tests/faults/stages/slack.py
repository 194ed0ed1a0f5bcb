"""Slack: three channels of a company."""

from contextlib import AbstractContextManager
from random import Random

from exporters.base import BaseExporter
from exporters.slack.exporter import SlackExporter
from exporters.slack.settings import TIER_LIMITS, SlackSelection, SlackSettings
from faults.stages.base import FREE, NOW, Clock, Opener, Stage, hurried
from sandbox.slack import BOT_TOKEN, SlackSandbox, Workspace, generate_company

CHANNELS = ("general", "incidents", "payments")
PRIVATE = "recruiting"
"""A private channel that the app is in."""


def _people(company: Workspace, channel: str) -> set[str]:
    """Who is in a channel, without apps."""
    members = company.channel(channel).members
    return {name for name in members if name in company.users and not company.user(name).is_bot}


def slack_exporter(address: str, *, now: Clock) -> BaseExporter:
    settings = SlackSettings.model_validate(
        {
            "base_url": f"{address}/api/",
            "page_size": 40,
            "rate_limits": dict.fromkeys(TIER_LIMITS, FREE),
        }
    )
    return SlackExporter(BOT_TOKEN, settings=settings, now=now)


class SlackStage(Stage[Workspace, SlackSandbox]):
    source = "slack"

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

    def step(self, company: Workspace, dice: Random) -> None:
        """Something in a channel. Replies are not edited: Slack does not tell of that."""
        channel = dice.choice(CHANNELS)
        told = company.channel(channel)
        week = company.clock() - 7 * 86_400
        recent = [told.messages[ts] for ts in told.timeline if float(ts) > week]
        plain = [m for m in recent if m.subtype == "" and m.user in company.users]
        person = dice.choice([name for name in sorted(told.members) if name in company.users])
        text = f"Number {dice.randrange(10_000)} of {channel}"
        match dice.choice(("post", "reply", "edit", "delete", "react", "move", "topic")):
            case "reply" if plain:
                company.reply(channel, dice.choice(plain).ts, person, text)
            case "edit" if plain:
                company.edit(channel, dice.choice(plain).ts, text)
            case "delete" if len(plain) > 3:
                message = dice.choice(plain)
                replies = told.threads.get(message.ts)
                company.delete(channel, replies.replies[-1] if replies else message.ts)
            case "react" if plain:
                message = dice.choice(plain)
                if person not in (message.reactions or {}).get("eyes", ()):
                    company.react(channel, message.ts, person, "eyes")
            case "move":
                inside = sorted(_people(company, PRIVATE))
                if len(inside) > 3:
                    company.kick(PRIVATE, dice.choice(inside))
                company.invite(PRIVATE, [dice.choice(sorted(_people(company, "general")))])
            case "topic":
                company.set_topic(channel, text)
            case _:
                company.post(channel, person, text)

    def passes(self, company: Workspace, seconds: float) -> None:
        company.clock = hurried(company.clock, seconds)

    def served(self, company: Workspace) -> AbstractContextManager[SlackSandbox]:
        return SlackSandbox(company)

    def opener(self, sandbox: SlackSandbox) -> Opener:
        return Opener(slack_exporter, (sandbox.base_url,))

    def credentials(self, sandbox: SlackSandbox) -> dict[str, str]:
        return {"SLACK_BOT_TOKEN": BOT_TOKEN}

    def selection(self) -> SlackSelection:
        return SlackSelection(channels=[*CHANNELS, PRIVATE])
