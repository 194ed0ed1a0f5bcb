"""Slack, locally: a workspace with its Web API, and a company to fill it.

::

    from slack_sdk import WebClient
    from sandbox.slack import BOT_TOKEN, SlackSandbox, generate_company

    with SlackSandbox(generate_company(messages=2000, seed=7)) as slack:
        WebClient(token=BOT_TOKEN, base_url=slack.api_url).conversations_list()

As a process of its own: ``python -m sandbox.slack --messages 2000``.
"""

from sandbox.faults import Fault
from sandbox.slack.company import DEMO_QUESTIONS, DemoQuestion, generate_company
from sandbox.slack.server import SlackSandbox
from sandbox.slack.switches import Switches
from sandbox.slack.timestamps import Clock
from sandbox.slack.tokens import (
    BOT_TOKEN,
    GUEST_TOKEN,
    LEAVER_TOKEN,
    MEMBER_TOKEN,
    NO_EMAIL_TOKEN,
    NO_FILES_TOKEN,
    PUBLIC_ONLY_TOKEN,
    REVOKED_TOKEN,
    USER_TOKEN,
)
from sandbox.slack.workspace import Workspace

__all__ = [
    "BOT_TOKEN",
    "DEMO_QUESTIONS",
    "GUEST_TOKEN",
    "LEAVER_TOKEN",
    "MEMBER_TOKEN",
    "NO_EMAIL_TOKEN",
    "NO_FILES_TOKEN",
    "PUBLIC_ONLY_TOKEN",
    "REVOKED_TOKEN",
    "USER_TOKEN",
    "Clock",
    "DemoQuestion",
    "Fault",
    "SlackSandbox",
    "Switches",
    "Workspace",
    "generate_company",
]
