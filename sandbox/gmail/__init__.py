"""Gmail, locally: the mailboxes of a Workspace with Google's API, and a company to fill them.

::

    from sandbox.gmail import GmailSandbox, generate_mailboxes, harbourline_staff

    with GmailSandbox(generate_mailboxes(harbourline_staff(seed=7), messages=2000)) as gmail:
        info = gmail.service_account_info()  # for google-auth; its token_uri is the sandbox
        print(gmail.base_url)                # in place of https://gmail.googleapis.com

As a process of its own: ``python -m sandbox.gmail --messages 2000``.
"""

from sandbox.faults import Fault
from sandbox.gmail.company import (
    DEMO_QUESTIONS,
    DemoQuestion,
    MailStaff,
    Person,
    generate_mailboxes,
    harbourline_staff,
)
from sandbox.gmail.mailboxes import Mailboxes
from sandbox.gmail.server import GmailSandbox, service_account_info
from sandbox.gmail.switches import Switches
from sandbox.google.organization import Organization

__all__ = [
    "DEMO_QUESTIONS",
    "DemoQuestion",
    "Fault",
    "GmailSandbox",
    "MailStaff",
    "Mailboxes",
    "Organization",
    "Person",
    "Switches",
    "generate_mailboxes",
    "harbourline_staff",
    "service_account_info",
]
