"""The people of Harbourline as they write mail: the same as in the Slack sandbox.

Names, addresses, departments and titles are those that :mod:`sandbox.slack.company` gives them for
the same seed and size, so that what a person writes in Slack and by mail belongs together.
"""

from dataclasses import dataclass
from random import Random

from sandbox.google.organization import Organization
from sandbox.slack.company.people import HOME_TEAM_DOMAIN, Staff, hire, staff_size
from sandbox.slack.model import User
from sandbox.slack.workspace import Workspace
from sandbox.story import CUSTOMER_DOMAIN

COMPANY_MESSAGES = 2000
"""Size of the Slack company by default; with its seed it decides who works there."""

SHARED_ADDRESSES = ("support", "people", "sales", "finance", "it")
"""Departments whose head also gets what is sent to ``department@``."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who writes mail.

    Attributes:
        name: First and last name.
        email: Address.
        title: Job title.
        company: As in the signature.
        department: Where they work here; empty for people outside.
    """

    name: str
    email: str
    title: str
    company: str
    department: str = ""

    @property
    def first_name(self) -> str:
        """How colleagues say it."""
        return self.name.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class MailStaff:
    """Everybody with a mailbox here, and the customer's people.

    Attributes:
        by_department: People by department; the head comes first.
        guests: Freelancers with an account.
        leavers: Addresses of people whose account is suspended by now.
        customers: People of Northsound Ferries.
        admin: Address of the administrator.
        seed: What they were made from.
    """

    by_department: dict[str, list[Person]]
    guests: list[Person]
    leavers: frozenset[str]
    customers: list[Person]
    admin: str
    seed: int

    def head(self, department: str) -> Person:
        """Who leads a department."""
        return self.by_department[department][0]

    def of(self, *departments: str) -> list[Person]:
        """Everybody of some departments, or all employees."""
        names = departments or tuple(self.by_department)
        return [person for name in names for person in self.by_department[name]]

    def organization(self) -> Organization:
        """The Workspace they are in: leavers suspended, one guest without Gmail."""
        organization = Organization(HOME_TEAM_DOMAIN)
        for person in self.of():
            shared = person.department in SHARED_ADDRESSES
            is_head = shared and person == self.head(person.department)
            organization.add_user(
                person.email,
                person.name,
                is_admin=person.email == self.admin,
                aliases=[f"{person.department}@{HOME_TEAM_DOMAIN}"] if is_head else None,
                title=person.title,
                department=person.department.title(),
            )
        for number, guest in enumerate(self.guests):
            # The first guest has an account for other services only.
            organization.add_user(
                guest.email, guest.name, mail_enabled=number > 0, title=guest.title
            )
        for address in sorted(self.leavers):
            organization.suspend(address)
        return organization


def harbourline_staff(*, seed: int = 7, company_messages: int = COMPANY_MESSAGES) -> MailStaff:
    """The people of the company that ``generate_company(messages=..., seed=...)`` makes.

    Args:
        seed: As there.
        company_messages: Its ``messages``: larger companies have more people.
    """
    workspace = Workspace("Harbourline", "harbourline", seed=seed)
    workspace.team.email_domain = HOME_TEAM_DOMAIN
    staff = hire(workspace, Random(f"company {seed}"), staff_size(company_messages), "T0CUSTOMER")
    return _from_slack(workspace, staff, seed)


def _from_slack(workspace: Workspace, staff: Staff, seed: int) -> MailStaff:
    def person(key: str, department: str = "") -> Person:
        user: User = workspace.user(key)
        return Person(user.real_name, user.email, user.title, "Harbourline", department)

    by_department = {
        name: [person(user, name) for user in users] for name, users in staff.by_department.items()
    }
    strangers = [workspace.user(user) for user in staff.strangers]
    return MailStaff(
        by_department,
        [person(user) for user in staff.guests],
        frozenset(workspace.user(user).email for user in staff.leavers),
        [
            Person(
                stranger.real_name,
                f"{stranger.name}@{CUSTOMER_DOMAIN}",
                title,
                "Northsound Ferries",
            )
            for stranger, title in zip(
                strangers, ("Head of passenger services", "Duty manager", "IT"), strict=True
            )
        ],
        by_department["it"][0].email,
        seed,
    )
