"""The mail of Harbourline, the company of :mod:`sandbox.slack.company`."""

from sandbox.gmail.company.generator import generate_mailboxes
from sandbox.gmail.company.known import DEMO_QUESTIONS, DemoQuestion
from sandbox.gmail.company.staff import MailStaff, Person, harbourline_staff

__all__ = [
    "DEMO_QUESTIONS",
    "DemoQuestion",
    "MailStaff",
    "Person",
    "generate_mailboxes",
    "harbourline_staff",
]
