"""Harbourline's Jira: the same company as in :mod:`sandbox.slack.company`, its tickets.

:func:`generate_site` makes as much of it as asked for; :data:`DEMO_QUESTIONS` are questions whose
answers are always in it.
"""

from sandbox.jira.company.generator import generate_site
from sandbox.jira.company.people import Colleague, harbourline_staff
from sandbox.jira.company.tickets import DEMO_QUESTIONS, DemoQuestion

__all__ = ["DEMO_QUESTIONS", "Colleague", "DemoQuestion", "generate_site", "harbourline_staff"]
