"""Harbourline's staff, as Jira knows them: the same people as in its Slack."""

from dataclasses import dataclass
from random import Random

from sandbox.slack.company.people import HOME_TEAM_DOMAIN, hire, staff_size
from sandbox.slack.workspace import Workspace
from sandbox.story import CUSTOMER_DOMAIN


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody with an account.

    Attributes:
        name: User name, the same as the handle in Slack.
        display_name: Full name.
        email: Address, the same as in Slack.
        department: Where they work; ``customer`` for people of the customer.
        tz: Time zone.
        left: Whether they have left the company.
    """

    name: str
    display_name: str
    email: str
    department: str
    tz: str
    left: bool = False


def harbourline_staff(*, messages: int = 2000, seed: int = 7) -> tuple[Colleague, ...]:
    """The people of the company that ``sandbox.slack.generate_company`` makes.

    Args:
        messages: Size of that company; bigger ones have more people.
        seed: Of that company.

    Returns:
        Departments one after the other, each with its head first; then the customer's people.
    """
    workspace = Workspace("Harbourline", "harbourline", seed=seed)
    workspace.team.email_domain = HOME_TEAM_DOMAIN
    # The same steps as the Slack company takes, so that chance falls the same way.
    random = Random(f"company {seed}")
    staff = hire(workspace, random, staff_size(messages), workspace.ids.new("T"))
    people = []
    for department, users in staff.by_department.items():
        for user_id in users:
            user = workspace.user(user_id)
            address = f"{user.name}@{HOME_TEAM_DOMAIN}"
            left = user_id in staff.leavers
            people.append(Colleague(user.name, user.real_name, address, department, user.tz, left))
    for user_id in staff.strangers:
        user = workspace.user(user_id)
        address = f"{user.name}@{CUSTOMER_DOMAIN}"
        people.append(Colleague(user.name, user.real_name, address, "customer", user.tz))
    return tuple(people)
