"""Harbourline: a made-up company whose Slack one can search.

It sells tickets for ferries and island boats. :func:`generate_company` makes as much of its Slack
as asked for; :data:`DEMO_QUESTIONS` are questions whose answers are always in it.
"""

from sandbox.slack.company.generator import generate_company
from sandbox.slack.company.known import DEMO_QUESTIONS, DemoQuestion

__all__ = ["DEMO_QUESTIONS", "DemoQuestion", "generate_company"]
