"""Harbourline's Jira, generated: the same site for the same staff, seed, size and "now"."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from sandbox.jira.catalogue import (
    CONTACT,
    DETECTED,
    DEVELOPERS,
    EPIC_LINK,
    EPIC_NAME,
    RANK,
    REVIEWERS,
    SPRINT,
    STORY_POINTS,
)
from sandbox.jira.company import showcase
from sandbox.jira.company.everyday import EPICS, PATTERNS, Words
from sandbox.jira.company.files import EVERYDAY_FILES, FILES
from sandbox.jira.company.people import Colleague, harbourline_staff
from sandbox.jira.company.setup import PROJECTS, SPRINT_DAYS, House, found
from sandbox.jira.company.tickets import PLANS, Remark, TicketPlan
from sandbox.jira.model import Flavour
from sandbox.jira.site import Site
from sandbox.jira.times import DAY, Clock

MINIMUM_ISSUES = 60
"""Enough for the known tickets and something around them."""

HOUR = 3600.0
LABELS = ("customer", "mobile", "quick", "tech-debt", "season")
LATEST_BEFORE_END = 120.0
"""Nothing is younger than this, so that what a test does comes after it."""

_DEPARTMENT = re.compile(r"(?<![\w/])@(payments|platform|support|data|finance)(?:\.(\d))?\b")


def generate_site(
    staff: Sequence[Colleague] | None = None,
    *,
    issues: int = 400,
    seed: int = 7,
    now: float | None = None,
    days: int = 180,
    flavour: Flavour = "cloud",
) -> Site:
    """Make up the company's Jira of a given size.

    The known tickets (:data:`sandbox.jira.company.tickets.PLANS`) are always in it.

    Args:
        staff: Who works there; default: the people of the Slack company of the same seed.
        issues: Number of issues in all projects.
        seed: Decides everything but the dates.
        now: End of the history in seconds since the epoch. Default: the time of the call, so that
            looking back a week finds something. With a fixed one the result is always the same.
        days: Length of the history.
        flavour: ``cloud`` or ``datacenter``.

    Returns:
        A site with people, projects, issues and the credentials of :mod:`sandbox.jira.tokens`.

    Raises:
        ValueError: Too few issues or days.
    """
    if issues < MINIMUM_ISSUES or days < 2:
        raise ValueError(f"a site needs {MINIMUM_ISSUES} issues and 2 days at least")
    end = time.time() if now is None else now
    people = harbourline_staff(seed=seed) if staff is None else staff
    site = Site("Harbourline", flavour=flavour, seed=seed, clock=Clock(end - days * DAY))
    _Company(site, people, issues=issues, begin=int(end) - days * DAY, end=int(end)).build()
    site.clock = Clock(now)
    return site


@dataclass(frozen=True, slots=True)
class _Ticket:
    """A ticket to come: when, where, and how it is made."""

    at: float
    project: str
    make: Callable[[int, float], None]
    number: int | None = None


class _Company:
    def __init__(
        self, site: Site, staff: Sequence[Colleague], *, issues: int, begin: int, end: int
    ) -> None:
        self._site = site
        self._random = Random(f"tickets {site.seed}")
        self._count = issues
        self._begin = begin
        self._end = end
        self._house: House = found(site, staff, begin, end, self._random)
        self._epics: dict[str, list[str]] = {}
        self._showcase_key = ""
        self._recent: dict[str, list[str]] = {plan.key: [] for plan in PROJECTS}

    def build(self) -> None:
        """Fill the site."""
        known = [self._known(plan) for plan in PLANS]
        tickets = [*known, *self._showcase(), *self._old()]
        tickets += [
            self._epic(key, name, number)
            for key, names in EPICS.items()
            for number, name in enumerate(names)
        ]
        while len(tickets) < self._count:
            tickets.append(self._everyday())
        tickets.sort(key=lambda ticket: (ticket.at, ticket.project))
        numbers = {key: _Numbers(key, tickets) for key in {t.project for t in tickets}}
        for ticket in tickets:
            number = numbers[ticket.project].next() if ticket.number is None else ticket.number
            ticket.make(number, ticket.at)
        self._tie()
        self._site.archive_project("HERON")

    # --- known tickets ----------------------------------------------------------------------------

    def _known(self, plan: TicketPlan) -> _Ticket:
        project, _, number = plan.key.partition("-")
        age = min(plan.days_ago * DAY, (self._end - self._begin) * 0.9)
        begin = self._end - age
        if age > DAY:
            begin = max(self._begin, begin - begin % DAY + plan.hour * HOUR)
        make = lambda number, at: self._tell(plan, number, at)  # noqa: E731
        return _Ticket(begin, project, make, int(number))

    def _tell(self, plan: TicketPlan, number: int, at: float) -> None:
        site, project = self._site, plan.key.partition("-")[0]
        story, reporter = plan.story, self._person(plan.reporter)
        key = site.create_issue(
            project,
            story.summary if story else plan.summary,
            reporter=reporter,
            type=plan.type,
            assignee=self._person(plan.assignee),
            priority=plan.priority,
            labels=plan.labels,
            components=[plan.component] if plan.component else (),
            security=plan.security,
            values={RANK: _rank(number), **self._values(plan, at)},
            number=number,
            at=at,
        )
        for name in plan.files:
            site.attach(key, reporter, name, FILES[name](self._random), at=self._not_after(at + 60))
        # After the files, so that the text can show them.
        site.issue(key).description = site.rich_text(
            self._named(plan.told(plan.description)), site.issue(key)
        )
        if plan.slack:
            self._mention_slack(key, plan.slack, at)
        if plan.mail:
            site.add_remote_link(
                key,
                f"https://mail.{site.name.lower()}.example/search?q={plan.mail.replace(' ', '+')}",
                f"Mail: {plan.mail}",
                relationship="mentioned in",
                application=("com.harbourline.mail", "Mail"),
                by=reporter,
                at=self._not_after(at + 600),
            )
        for remark in plan.remarks:
            self._remark(key, remark, plan, at)
        for status, hours in plan.steps:
            moment = self._not_after(at + hours * HOUR)
            site.transition(key, status, by=self._person(plan.assignee), at=moment)

    def _remark(self, key: str, remark: Remark, plan: TicketPlan, at: float) -> None:
        self._site.comment(
            key,
            self._person(remark.who),
            self._named(plan.told(remark.text)),
            role=remark.role,
            public=remark.public,
            at=self._not_after(at + remark.hours * HOUR),
        )

    def _mention_slack(self, key: str, channel: str, at: float) -> None:
        self._site.add_remote_link(
            key,
            f"https://{self._site.name.lower()}.slack.com/channels/{channel}",
            f"Slack: #{channel}",
            summary=f"The conversation about {key}",
            global_id=f"slack:{channel}:{key}",
            relationship="mentioned in",
            application=("com.slack", "Slack"),
            at=self._not_after(at + 300),
        )

    def _values(self, plan: TicketPlan, at: float) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for field, value in plan.values.items():
            if field == REVIEWERS:
                values[field] = tuple(self._person(name) for name in value)
            elif field == CONTACT:
                values[field] = self._person(value)
            elif field == DETECTED:
                values[field] = at
            else:
                values[field] = value
        return values

    def _person(self, role: str) -> str:
        """The n-th person of a department, counted from its head."""
        department, _, number = role.partition(".")
        people = self._house.teams[department]
        return people[int(number or 0) % len(people)]

    def _named(self, text: str) -> str:
        """A text in which ``@payments`` is the head of payments."""
        return _DEPARTMENT.sub(
            lambda match: f"@{self._person(f'{match[1]}.{match[2] or 0}')}", text
        )

    # --- everyday tickets -------------------------------------------------------------------------

    def _everyday(self) -> _Ticket:
        random = self._random
        plan = random.choices(PROJECTS, [one.share for one in PROJECTS])[0]
        span = self._end - self._begin - DAY
        # A little more often of late.
        day = self._begin + int(span * random.random() ** 0.8) // DAY * DAY
        at = min(day + (7 + 11 * random.random()) * HOUR, self._end - HOUR)
        return _Ticket(at, plan.key, lambda number, at: self._write(plan.key, number, at))

    def _write(self, key: str, number: int, at: float) -> None:
        random, site, house = self._random, self._site, self._house
        plan = house.plans[key]
        team = house.security_team() if key == "SEC" else house.team(plan.team, *plan.also)
        assignee = random.choice(team)
        other = random.choice([name for name in team if name != assignee] or team)
        outside = key == "SUP" and random.random() < 0.5
        reporter = random.choice(house.teams["customer"]) if outside else other
        pattern = random.choice(PATTERNS[key])
        words = Words(random, {"a": assignee, "b": other})
        values: dict[str, Any] = {RANK: _rank(number)}
        epics = self._epics.get(key, [])
        parent = random.choice(epics) if epics and random.random() < 0.4 else ""
        if parent:
            values[EPIC_LINK] = parent
        if key in house.sprints and random.random() < 0.7:
            index = int((at - self._begin) // (SPRINT_DAYS * DAY))
            values[SPRINT] = tuple(house.sprints[key][index : index + random.choice((1, 1, 2))])
            values[STORY_POINTS] = float(random.choice((1, 2, 3, 5, 8)))
        secret = key == "PAY" and random.random() < 0.04
        issue = site.create_issue(
            key,
            words.fill(pattern.summary),
            reporter=reporter,
            type=pattern.type,
            description=words.fill(pattern.description),
            assignee=assignee if random.random() < 0.8 else "",
            priority=random.choice(("Lowest", "Low", "Medium", "Medium", "Medium", "High")),
            labels=random.sample(LABELS, k=random.choice((0, 0, 1, 2))) if plan.scrum else (),
            components=[random.choice(plan.components)],
            fix_versions=["2026.9"] if plan.type == "software" and random.random() < 0.3 else (),
            security=house.levels["PAY"][0] if secret else "",
            parent=parent,
            values=values,
            number=number,
            at=at,
        )  # fmt: skip
        self._recent[key] = [*self._recent[key][-9:], issue]
        self._live(issue, pattern.remarks, words, (assignee, other), at)

    def _live(
        self, issue: str, remarks: Sequence[str], words: Words, people: Sequence[str], at: float
    ) -> None:
        """What happens to a ticket after it is written."""
        random, site = self._random, self._site
        assignee, other = people
        moment = at
        for remark in remarks[: int(random.random() * (len(remarks) + 1))]:
            moment = self._not_after(moment + random.random() ** 2 * 40 * HOUR)
            # Nobody asks themselves.
            who = assignee if "@b" in remark else random.choice(people)
            role = DEVELOPERS if random.random() < 0.03 else None
            site.comment(issue, who, words.fill(remark), role=role, at=moment)
        if random.random() < 0.1:
            name = random.choice(EVERYDAY_FILES)
            site.attach(issue, other, name, FILES[name](random), at=self._not_after(at + 900))
        if random.random() < 0.1:
            site.log_work(
                issue, assignee, random.randrange(1, 9) * 1800, at=self._not_after(moment + HOUR)
            )
        if random.random() < 0.75:
            service_desk = site.issue(issue).type.name == "Service Request"
            site.transition(
                issue,
                "Waiting for support" if service_desk else "In Progress",
                by=assignee,
                at=self._not_after(at + random.random() * 20 * HOUR),
            )
            if random.random() < 0.8:
                site.transition(
                    issue,
                    "Resolved" if service_desk else "Done",
                    by=assignee,
                    resolution="Won't Do" if random.random() < 0.1 else "",
                    at=self._not_after(moment + random.random() * 60 * HOUR),
                )

    def _epic(self, key: str, name: str, number: int) -> _Ticket:
        def make(taken: int, at: float) -> None:
            made = self._site.create_issue(
                key,
                name,
                reporter=self._house.teams[self._house.plans[key].team][0],
                type="Epic",
                description=f"Everything that belongs to *{name.lower()}*.",
                values={EPIC_NAME: name, RANK: _rank(taken)},
                number=taken,
                at=at,
            )
            self._epics.setdefault(key, []).append(made)

        return _Ticket(self._begin + (number + 1) * HOUR, key, make)

    def _showcase(self) -> list[_Ticket]:
        """The issue that holds everything, and a sub-task of it."""

        def make(number: int, at: float) -> None:
            site, house = self._site, self._house
            person, other = house.teams["checkout"][0], house.teams["design"][0]
            epic = self._epics["WEB"][0]
            key = self._showcase_key = site.create_issue(
                "WEB",
                showcase.SUMMARY,
                reporter=person,
                labels=showcase.LABELS,
                versions=["2026.8"],
                values={
                    **showcase.values(person, other, "2026.8", epic),
                    SPRINT: tuple(house.sprints["WEB"][:2]),
                    RANK: _rank(number),
                },
                due_date="2026-12-24",
                environment="Any browser, **any** port.",
                number=number,
                at=at,
            )
            name = "screenshot.png"
            site.attach(key, person, name, FILES[name](self._random), at=at)
            issue, account = site.issue(key), site.person(other)
            media = issue.attachments[0].media_id
            issue.description = showcase.description(
                account.account_id, account.display_name, media
            )

        def below(number: int, at: float) -> None:
            self._site.create_issue(
                "WEB",
                "Write the chapter about tables",
                reporter=self._house.teams["design"][0],
                type="Subtask",
                parent=self._showcase_key,
                number=number,
                at=at,
            )

        begin = self._begin + 12 * HOUR
        return [_Ticket(begin, "WEB", make), _Ticket(begin + 60, "WEB", below)]

    def _old(self) -> list[_Ticket]:
        """Issues of the archived project, and of one that is finished."""

        def make(number: int, at: float) -> None:
            person = self._house.teams["checkout"][0]
            self._site.create_issue(
                "HERON", f"Port page {number} to the new checkout", reporter=person,
                status="Done", number=number, at=at,
            )  # fmt: skip

        return [_Ticket(self._begin + n * HOUR, "HERON", make) for n in range(1, 4)]

    def _tie(self) -> None:
        """Links between the tickets, and between neighbours."""
        site, random = self._site, self._random
        for plan in PLANS:
            for target, kind in plan.links:
                latest = max(site.issue(plan.key).created, site.issue(target).created)
                site.link(plan.key, target, kind, at=self._not_after(latest + HOUR))
        pairs = [("WEB", "PAY"), ("DATA", "PLAT"), ("SUP", "PAY")]
        for first, second in pairs:
            for source, target in zip(self._recent[first], self._recent[second], strict=False):
                if random.random() < 0.5:
                    latest = max(site.issue(source).created, site.issue(target).created)
                    kind = random.choice(("Blocks", "Relates"))
                    site.link(source, target, kind, at=self._not_after(latest + HOUR))

    def _not_after(self, moment: float) -> float:
        """A moment, or one in the last hour of the history where it would be in the future."""
        latest = self._end - LATEST_BEFORE_END
        return moment if moment <= latest else latest - self._random.random() * 60


class _Numbers:
    """Numbers of a project's issues, in order, around those that are fixed."""

    def __init__(self, project: str, tickets: Sequence[_Ticket]) -> None:
        mine = [ticket for ticket in tickets if ticket.project == project]
        self._fixed = {ticket.number for ticket in mine if ticket.number is not None}
        first = next((n for n, ticket in enumerate(mine) if ticket.number is not None), 0)
        # So that what came before a known ticket has a smaller number, as far as there are some.
        lowest = min((number for number in self._fixed if number), default=1)
        self._next = max(1, lowest - first)

    def next(self) -> int:
        """The next number that is free."""
        while self._next in self._fixed:
            self._next += 1
        self._next += 1
        return self._next - 1


def _rank(number: int) -> str:
    """A rank as Jira writes it."""
    return f"0|i{number:05x}:"
