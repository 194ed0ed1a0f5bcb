"""Slack: three channels of a company."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from random import Random
from typing import Any, ClassVar

from langchain_core.documents import Document

from exporters.base import BaseExporter
from exporters.slack.exporter import SlackExporter
from exporters.slack.settings import TIER_LIMITS, SlackSelection, SlackSettings
from faults.stages.base import CANARY, FREE, NOW, Clock, Opener, Stage, hurried
from sandbox.faults import Fault
from sandbox.slack import BOT_TOKEN, SlackSandbox, Workspace, generate_company
from sandbox.slack.model import User
from sandbox.slack.tokens import SYNC_HANDLE

CHANNELS = ("general", "incidents", "payments")
PRIVATE = "recruiting"
"""A private channel that the app is in."""


def _people(company: Workspace, channel: str) -> set[str]:
    """Who is in a channel, without apps."""
    members = company.channel(channel).members
    return {name for name in members if name in company.users and not company.user(name).is_bot}


def slack_exporter(
    address: str, token: str = BOT_TOKEN, *, now: Clock, **changes: Any
) -> BaseExporter:
    settings = SlackSettings.model_validate(
        {
            "base_url": f"{address}/api/",
            "page_size": 40,
            "rate_limits": dict.fromkeys(TIER_LIMITS, FREE),
            **changes,
        }
    )
    return SlackExporter(token, settings=settings, now=now)


def _says(error: str, method: str = "*") -> Fault:
    body = {"ok": False, "error": error}
    return Fault("answer", method, times=None, status=200, body=body)


class SlackStage(Stage[Workspace, SlackSandbox]):
    source = "slack"
    files = frozenset({"/files-pri/*"})
    finest: ClassVar[Mapping[str, Any]] = {"page_size": 9, "list_page_size": 12}
    contents = "conversations.history"
    asked_by_listing = frozenset({"day"})
    refused = _says("token_expired")
    unscoped = _says("missing_scope", "conversations.history")
    lost_page = replace(_says("invalid_cursor", "conversations.history"), skip=1, times=1)

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

    def close(self, company: Workspace) -> str:
        company.kick("payments", SYNC_HANDLE)
        return company.channel("payments").id

    def reopen(self, company: Workspace) -> None:
        company.invite("payments", [SYNC_HANDLE])

    def remove(self, company: Workspace) -> str:
        key = company.channel("payments").id
        company.delete_channel("payments")
        return key

    def leave(self, company: Workspace) -> None:
        told = company.channel("incidents")
        company.deactivate(told.messages[told.timeline[0]].user)

    def environment(self, sandbox: SlackSandbox) -> dict[str, str]:
        return {
            **self.credentials(sandbox),
            "DATA_GETTERS_SLACK__BASE_URL": sandbox.api_url,
        }

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

    def opener(self, sandbox: SlackSandbox, **settings: Any) -> Opener:
        return Opener(slack_exporter, (sandbox.base_url,), settings)

    def credentials(self, sandbox: SlackSandbox) -> dict[str, str]:
        return {"SLACK_BOT_TOKEN": BOT_TOKEN}

    def selection(self) -> SlackSelection:
        return SlackSelection(channels=[*CHANNELS, PRIVATE])

    def shuffle_access(self, company: Workspace, dice: Random) -> None:
        """Members, guests, leavers; channels that become private."""
        people = [user for user in company.users.values() if not user.is_bot]
        for channel in map(company.channel, CHANNELS):
            if channel.kind == "public" and dice.random() < 0.4:
                company.convert_to_private(channel.id)
            channel.members ^= {user.id for user in people if dice.random() < 0.5}
        for user in dice.sample(people, 4):
            user.role = dice.choice(("member", "guest", "single_channel_guest"))
        for user in dice.sample(people, 3):
            (company.reactivate if user.deleted else company.deactivate)(user.id)

    def people(self, company: Workspace) -> list[str]:
        return [user.email for user in company.users.values() if user.email and not user.is_bot]

    def may_read(self, company: Workspace, person: str, document: Document) -> bool:
        channel = company.channels[document.metadata["container"]["id"]]
        return any(
            user.id in channel.members
            or (channel.kind == "public" and not user.is_guest and user.team_id == company.team.id)
            for user in self._accounts(company, person)
        )

    def is_promised(self, company: Workspace, person: str, document: Document) -> bool:
        """Not to guests in public channels: Slack tells of these no members worth a call each."""
        channel = company.channels[document.metadata["container"]["id"]]
        return any(
            user.id in channel.members
            if channel.is_private
            else not user.is_guest and user.team_id == company.team.id
            for user in self._accounts(company, person)
        )

    def blindfolds(self) -> list[Fault]:
        refused = {"ok": False, "error": "access_denied"}
        return [
            Fault("answer", operation, times=None, status=200, body=refused)
            for operation in ("users.list", "conversations.members", "users.info")
        ]

    def secret_opener(self, company: Workspace, sandbox: SlackSandbox) -> tuple[Opener, list[str]]:
        bot = company.tokens[BOT_TOKEN]
        company.issue_token(CANARY, bot.user, kind="bot", scopes=bot.scopes)
        return Opener(slack_exporter, (sandbox.base_url, CANARY)), [CANARY]

    def secret_credentials(self, sandbox: SlackSandbox) -> dict[str, str]:
        return {"SLACK_BOT_TOKEN": CANARY}

    @staticmethod
    def _accounts(company: Workspace, person: str) -> list[User]:
        return [u for u in company.users.values() if u.email == person and not u.deleted]
