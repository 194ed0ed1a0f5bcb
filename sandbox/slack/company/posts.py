"""What the company's apps post: Block Kit messages, legacy attachments, webhooks."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.slack.company.script import Stage
from sandbox.slack.richtext import rich_text

Blocks = list[dict[str, Any]]

RED, AMBER, GREEN, BLUE = "d00000", "e8a33d", "2eb67d", "4183c4"


@dataclass(frozen=True, slots=True)
class Post:
    """An app's message.

    Attributes:
        text: Fallback, or all there is.
        blocks: Block Kit blocks.
        attachments: Legacy attachments.
    """

    text: str
    blocks: Blocks | None = None
    attachments: list[dict[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class App:
    """An integration of the company.

    Attributes:
        name: As people see it.
        webhook: An incoming webhook instead of an app with a user.
        posts: Makers of posts by name.
    """

    name: str
    webhook: bool = False
    posts: dict[str, Callable[[Stage], Post]] = field(default_factory=dict)


def _section(text: str, **extra: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": False}, **extra}


def _fields(*pairs: tuple[str, str]) -> dict[str, Any]:
    return {
        "type": "section",
        "fields": [
            {"type": "mrkdwn", "text": f"*{name}*\n{value}", "verbatim": False}
            for name, value in pairs
        ],
    }


def _context(text: str) -> dict[str, Any]:
    return {
        "type": "context",
        "elements": [{"type": "mrkdwn", "text": text, "verbatim": False}],
    }


def _header(text: str) -> dict[str, Any]:
    return {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": True}}


def _numbered(blocks: Blocks) -> Blocks:
    return [{**block, "block_id": f"h{number}"} for number, block in enumerate(blocks)]


def _deploy(stage: Stage) -> Post:
    service, version, commit = (stage.word(name) for name in ("service", "version", "commit"))
    minutes = stage.random.randint(3, 14)
    blocks = [
        _section(f":rocket: *{service}* {version} is live in production"),
        _fields(("Commit", f"`{commit}`"), ("Duration", f"{minutes} min")),
        _context(f"Deckhand · pipeline {stage.random.randint(8000, 32000)} · canary healthy"),
    ]
    return Post(f"{service} {version} is live in production", _numbered(blocks))


def _rollback(stage: Stage) -> Post:
    service, version = stage.word("service"), stage.word("version")
    blocks = [
        _section(f":warning: *{service}* was rolled back from {version}"),
        _context("Deckhand · error rate went above 2 % during the canary"),
    ]
    return Post(f"{service} was rolled back from {version}", _numbered(blocks))


def _build_failed(stage: Stage) -> Post:
    service, pr = stage.word("service"), stage.word("pr")
    component = stage.word("component")
    blocks = [
        _header(f"Build failed: {service}"),
        _section(
            f"`test_{component.replace(' ', '_')}` failed on "
            f"<https://git.harbourline.example/{service}/pull/{pr}|pull request {pr}>"
        ),
        {"type": "divider"},
        _context(f"Deckhand · attempt {stage.random.randint(1, 3)} of 3"),
    ]
    return Post(f"Build failed: {service}", _numbered(blocks))


def _alert(stage: Stage) -> Post:
    service, error = stage.word("service"), stage.word("error")
    attachment = {
        "id": 1,
        "color": RED,
        "fallback": f"[FIRING] {service}: error rate above 5 %",
        "title": f"[FIRING] {service}: error rate above 5 %",
        "title_link": f"https://pager.harbourline.example/incidents/{stage.word('case')[1:]}",
        "text": f"`{error}` in {stage.random.randint(4, 22)} % of requests, "
        f"p99 {stage.word('ms')}. Runbook: <https://wiki.harbourline.example/runbooks/{service}>",
        "fields": [
            {"title": "Severity", "value": "high", "short": True},
            {"title": "Region", "value": "eu-west", "short": True},
        ],
        "footer": "Pagerbuoy",
        "mrkdwn_in": ["text"],
    }
    return Post("", attachments=[attachment])


def _resolved(stage: Stage) -> Post:
    service = stage.word("service")
    minutes = stage.random.randint(8, 95)
    attachment = {
        "id": 1,
        "color": GREEN,
        "fallback": f"[RESOLVED] {service}: error rate above 5 %",
        "title": f"[RESOLVED] {service}: error rate above 5 %",
        "text": f"Back to normal after {minutes} minutes.",
        "footer": "Pagerbuoy",
    }
    return Post("", attachments=[attachment])


def _pull_request(stage: Stage) -> Post:
    service, pr, component = (stage.word(name) for name in ("service", "pr", "component"))
    link = f"https://git.harbourline.example/{service}/pull/{pr}"
    attachment = {
        "id": 1,
        "color": BLUE,
        "fallback": f"[{service}] Pull request {pr} is ready for review",
        "pretext": "Ready for review",
        "title": f"#{pr} Rework the {component}",
        "title_link": link,
        "text": f"+{stage.random.randint(8, 640)} -{stage.random.randint(2, 410)} in "
        f"{stage.random.randint(1, 24)} files. Closes {stage.word('ticket')}.",
        "author_name": "Forge",
        "mrkdwn_in": ["text", "pretext"],
    }
    return Post("", attachments=[attachment])


def _standup(stage: Stage) -> Post:
    text = (
        "*Yesterday*\n"
        f"• reviewed <https://git.harbourline.example/{stage.word('service')}/pull/"
        f"{stage.word('pr')}|#{stage.word('pr')}>\n"
        f"• {stage.word('ticket')} is done, {stage.word('component')} is next\n"
        "*Today*\n"
        f"• pair on {stage.word('feature')}\n"
        f"• answer {stage.word('customer')} on {stage.word('case')}\n"
        "*Blocked*\n"
        "• no"
    )
    return Post(text, [rich_text(text, "owl01")])


def _support_ticket(stage: Stage) -> Post:
    customer, case, booking = (stage.word(name) for name in ("customer", "case", "booking"))
    blocks = [
        _section(f":memo: New ticket {case} from *{customer}*"),
        _fields(("Priority", "urgent"), ("Booking", f"`{booking}`")),
        _section(f"&gt; Our customer cannot use {stage.word('feature')} on {stage.word('route')}"),
        _context(f"Helpdesk · first answer due in {stage.random.randint(1, 8)} h"),
    ]
    return Post(f"New ticket {case} from {customer}", _numbered(blocks))


def _status(stage: Stage) -> Post:
    service = stage.word("service")
    return Post(f":large_green_circle: All systems operational. Maintenance of {service} is over.")


APPS = {
    "deckhand": App(
        "Deckhand",
        posts={"deploy": _deploy, "rollback": _rollback, "build_failed": _build_failed},
    ),
    "pagerbuoy": App("Pagerbuoy", posts={"alert": _alert, "resolved": _resolved}),
    "forge": App("Forge", posts={"pull_request": _pull_request}),
    "owl": App("Standup Owl", posts={"standup": _standup}),
    "helpdesk": App("Helpdesk", posts={"ticket": _support_ticket}),
    "status": App("Status Page", webhook=True, posts={"operational": _status}),
}
"""By the name scenes use."""


def make_post(name: str, stage: Stage) -> Post:
    """The post a scene calls ``app.post``.

    Raises:
        KeyError: No such app or post.
    """
    app, _, post = name.partition(".")
    return APPS[app].posts[post](stage)
