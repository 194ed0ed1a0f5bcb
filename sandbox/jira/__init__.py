"""Jira, locally: a site with its REST API, Cloud's or Data Center's, and a company to fill it.

::

    from sandbox.jira import ADMIN_TOKEN, SYNC_EMAIL, JiraSandbox, generate_site

    with JiraSandbox(generate_site(issues=400, seed=7)) as jira:
        ...  # Basic SYNC_EMAIL:ADMIN_TOKEN at jira.base_url

As a process of its own: ``python -m sandbox.jira --issues 400``.
"""

from sandbox.faults import Fault
from sandbox.jira.company import (
    DEMO_QUESTIONS,
    Colleague,
    DemoQuestion,
    generate_site,
    harbourline_staff,
)
from sandbox.jira.server import JiraSandbox
from sandbox.jira.site import Site
from sandbox.jira.switches import Switches
from sandbox.jira.times import Clock
from sandbox.jira.tokens import (
    ADMIN_TOKEN,
    EXPIRED_TOKEN,
    MEMBER_PAT,
    MEMBER_TOKEN,
    NARROW_TOKEN,
    OAUTH_TOKEN,
    PAT,
    READER_EMAIL,
    READER_TOKEN,
    SCOPED_TOKEN,
    SYNC_EMAIL,
)

__all__ = [
    "ADMIN_TOKEN",
    "DEMO_QUESTIONS",
    "EXPIRED_TOKEN",
    "MEMBER_PAT",
    "MEMBER_TOKEN",
    "NARROW_TOKEN",
    "OAUTH_TOKEN",
    "PAT",
    "READER_EMAIL",
    "READER_TOKEN",
    "SCOPED_TOKEN",
    "SYNC_EMAIL",
    "Clock",
    "Colleague",
    "DemoQuestion",
    "Fault",
    "JiraSandbox",
    "Site",
    "Switches",
    "generate_site",
    "harbourline_staff",
]
