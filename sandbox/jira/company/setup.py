"""How Harbourline has set its Jira up: groups, schemes, projects, boards."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random

from sandbox.jira.catalogue import (
    ADMINISTRATORS,
    AGENTS,
    CONTACT,
    CUSTOMERS,
    DEVELOPERS,
    VIEWERS,
)
from sandbox.jira.company.people import Colleague
from sandbox.jira.model import ProjectType, SprintState
from sandbox.jira.projects import ADMIN_GROUP, LICENSED_GROUP
from sandbox.jira.site import Site
from sandbox.jira.times import DAY, written_date
from sandbox.jira.tokens import SYNC_NAME, install_sync_users, issue_member_token

SYNC_GROUP = "knowledge-sync"
SECURITY_GROUP = "security-team"
HIDDEN_EMAIL_EVERY = 4
SPRINT_DAYS = 14


@dataclass(frozen=True, slots=True)
class ProjectPlan:
    """A project of the company.

    Attributes:
        key: Its key.
        name: Its name.
        team: Department that works in it; its head leads the project.
        scheme: Name of the permission scheme.
        components: What it is made of.
        share: Of the everyday issues, in parts of 100.
        scrum: Whether its board has sprints.
        also: Other departments whose people develop in it.
        type: What Jira calls the kind of project.
        description: One sentence.
    """

    key: str
    name: str
    team: str
    scheme: str
    components: tuple[str, ...]
    share: int
    scrum: bool = False
    also: tuple[str, ...] = ()
    type: ProjectType = "software"
    description: str = ""


PROJECTS = (
    ProjectPlan(
        "PAY", "Payments", "payments", "Engineering",
        ("payment-service", "ledger", "fraud check", "refunds"), 24, scrum=True,
        description="Everything that moves money.",
    ),
    ProjectPlan(
        "PLAT", "Platform", "platform", "Engineering",
        ("keyring", "clusters", "observability", "CI"), 18,
        description="What the other teams build on.",
    ),
    ProjectPlan(
        "WEB", "Checkout and web", "checkout", "Engineering",
        ("checkout", "seat map", "search", "accounts"), 22, scrum=True, also=("mobile", "design"),
        description="What passengers see.",
    ),
    ProjectPlan(
        "DATA", "Data", "data", "Data",
        ("timetable import", "warehouse", "reports"), 14, also=("platform",),
        description="Timetables in, figures out.",
    ),
    ProjectPlan(
        "SUP", "Customer support", "support", "Service desk",
        ("Tickets", "Refund requests", "Partners"), 18, type="service_desk",
        description="Requests of ferry lines and passengers.",
    ),
    ProjectPlan(
        "SEC", "Security", "platform", "Security", ("incidents", "audits"), 4, type="business",
        description="Findings and incidents; not for everybody.",
    ),
)  # fmt: skip
"""The live projects; ``HERON`` is archived."""


@dataclass(slots=True)
class House:
    """The site with the company's people in it.

    Attributes:
        site: The site.
        teams: User names by department, without people who left, heads first.
        leavers: User names of people who left.
        plans: Projects by key.
        boards: Board id by project key.
        sprints: Sprint ids by project key, oldest first.
        levels: Security level names by project key.
    """

    site: Site
    teams: dict[str, list[str]]
    leavers: list[str]
    plans: dict[str, ProjectPlan] = field(default_factory=dict)
    boards: dict[str, int] = field(default_factory=dict)
    sprints: dict[str, list[int]] = field(default_factory=dict)
    levels: dict[str, list[str]] = field(default_factory=dict)

    def team(self, *departments: str) -> list[str]:
        """People of some departments."""
        return [name for department in departments for name in self.teams[department]]

    def security_team(self) -> list[str]:
        """Who may see what is restricted."""
        heads = [self.teams[name][0] for name in ("leadership", "it")]
        return [*self.teams["platform"][:2], *heads]


def found(site: Site, staff: Sequence[Colleague], begin: int, end: int, random: Random) -> House:
    """Set the site up.

    Args:
        site: An empty one.
        staff: Who works here.
        begin: First day of the history, in seconds.
        end: Its last moment.
        random: Decides details.
    """
    teams: dict[str, list[str]] = {}
    for number, person in enumerate(staff):
        _hire(site, person, number)
        if not person.left:
            teams.setdefault(person.department, []).append(person.name)
    house = House(site, teams, [person.name for person in staff if person.left])
    install_sync_users(site)
    site.add_to_group(SYNC_GROUP, SYNC_NAME)
    site.add_to_group(ADMIN_GROUP, teams["it"][0])
    for name in house.security_team():
        site.add_to_group(SECURITY_GROUP, name)
    schemes = _schemes(site)
    for plan in PROJECTS:
        _open(house, plan, schemes[plan.scheme], begin=begin, end=end, random=random)
    _secure(house)
    site.add_project(
        "HERON", "Heron (checkout rewrite)", lead=teams["checkout"][0],
        scheme=schemes["Engineering"], description="Finished last year.",
    )  # fmt: skip
    issue_member_token(site, teams["mobile"][0])
    return house


def _hire(site: Site, person: Colleague, number: int) -> None:
    customer = person.department == "customer"
    groups = ["northsound-contacts"] if customer else [LICENSED_GROUP, f"{person.department}-team"]
    site.add_person(
        person.name,
        person.display_name,
        email=person.email,
        email_visible=number % HIDDEN_EMAIL_EVERY != HIDDEN_EMAIL_EVERY - 1,
        tz=person.tz,
        account_type="customer" if customer and site.is_cloud else "atlassian",
        groups=groups,
    )
    if person.left:
        site.set_person(person.name, active=False)


def _schemes(site: Site) -> dict[str, int]:
    """The permission schemes by name. The sync's group browses everything."""
    administrators, developers = str(ADMINISTRATORS), str(DEVELOPERS)
    browsers: dict[str, tuple[tuple[str, str], ...]] = {
        "Engineering": (("applicationRole", ""),),
        "Data": (
            ("projectRole", developers),
            ("projectRole", str(VIEWERS)),
            ("projectLead", ""),
            ("assignee", ""),
        ),
        "Service desk": (
            ("projectRole", str(AGENTS)),
            ("group", "leadership-team"),
            ("reporter", ""),
            ("userCustomField", CONTACT),
            ("sd.customer.portal.only", ""),
        ),
        "Security": (("group", SECURITY_GROUP), ("projectLead", "")),
    }
    schemes = {}
    for name, holders in browsers.items():
        scheme = schemes[name] = site.add_scheme(f"{name} permissions", f"For {name.lower()}.")
        for kind, parameter in (*holders, ("group", SYNC_GROUP)):
            site.grant(scheme, "BROWSE_PROJECTS", kind, parameter)
        site.grant(scheme, "ADMINISTER_PROJECTS", "projectRole", administrators)
        for permission in ("CREATE_ISSUES", "EDIT_ISSUES", "ADD_COMMENTS"):
            site.grant(scheme, permission, "projectRole", developers)
            site.grant(scheme, permission, "projectRole", str(AGENTS))
    return schemes


def _open(
    house: House, plan: ProjectPlan, scheme: int, *, begin: int, end: int, random: Random
) -> None:
    site, head = house.site, house.teams[plan.team][0]
    site.add_project(
        plan.key,
        plan.name,
        lead=head,
        scheme=scheme,
        type=plan.type,
        description=plan.description,
        category="Product" if plan.type == "software" else "Operations",
    )
    house.plans[plan.key] = plan
    site.add_role_actor(plan.key, ADMINISTRATORS, person=head)
    if plan.key != "SEC":
        _cast(house, plan)
    for name in plan.components:
        site.add_component(plan.key, name, lead=random.choice(house.teams[plan.team]))
    if plan.type == "software":
        for month in range(4):
            day = begin + (month + 1) * (end - begin) // 4
            site.add_version(
                plan.key,
                f"2026.{month + 8}",
                description=f"Release {month + 1} of the season",
                released=month < 3,
                release_date=written_date(day),
            )
        house.boards[plan.key] = site.add_board(
            plan.key, f"{plan.key} board", "scrum" if plan.scrum else "kanban"
        )
    if plan.scrum:
        house.sprints[plan.key] = list(_sprints(house, plan, begin, end))


def _cast(house: House, plan: ProjectPlan) -> None:
    site = house.site
    role = AGENTS if plan.type == "service_desk" else DEVELOPERS
    for department in (plan.team, *plan.also):
        site.add_role_actor(plan.key, role, group=f"{department}-team")
    if plan.type == "service_desk":
        for name in house.teams["customer"]:
            site.add_role_actor(plan.key, CUSTOMERS, person=name)
    site.add_role_actor(plan.key, VIEWERS, person=house.teams["product"][0])


def _sprints(house: House, plan: ProjectPlan, begin: int, end: int) -> Iterable[int]:
    """A sprint every two weeks up to now, and one planned."""
    board, number, start = house.boards[plan.key], 1, begin
    while start < end + SPRINT_DAYS * DAY:
        stop = start + SPRINT_DAYS * DAY
        state: SprintState = "closed" if stop <= end else "active" if start <= end else "future"
        yield house.site.add_sprint(
            board,
            f"{plan.key} Sprint {number}",
            state=state,
            start=float(start),
            end=float(stop),
            goal=f"Goal {number}: fewer surprises at the pier",
        )
        number, start = number + 1, stop


def _secure(house: House) -> None:
    """Security schemes of the payment team's issues and of the security project."""
    site = house.site
    payments = site.add_security_scheme("Payment incidents")
    team = site.add_security_level(payments, "Payments only", "Before a customer knows.")
    for kind, parameter in (
        ("projectRole", str(DEVELOPERS)),
        ("group", "leadership-team"),
        ("reporter", ""),
        ("group", SYNC_GROUP),
    ):
        site.add_level_member(team, kind, parameter)
    site.set_security_scheme("PAY", payments)
    house.levels["PAY"] = ["Payments only"]
    security = site.add_security_scheme("Security")
    level = site.add_security_level(
        security, "Security team", "Nobody else may know yet.", default=True
    )
    site.add_level_member(level, "group", SECURITY_GROUP)
    site.add_level_member(level, "group", SYNC_GROUP)
    named = site.add_security_level(security, "Named people", "The assignee and the lead.")
    for kind in ("assignee", "projectLead"):
        site.add_level_member(named, kind)
    site.set_security_scheme("SEC", security)
    house.levels["SEC"] = ["Security team", "Named people"]
