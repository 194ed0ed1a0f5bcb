"""Harbourline, generated: the same company for the same seed, size and "now"."""

import time
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random

from sandbox.slack.company.channels import CHANNELS, open_channels
from sandbox.slack.company.history import History
from sandbox.slack.company.known import STORIES, KnownStory
from sandbox.slack.company.people import HOME_TEAM_DOMAIN, Staff, hire, staff_size
from sandbox.slack.company.posts import APPS
from sandbox.slack.company.scenes_business import BUSINESS_SCENES
from sandbox.slack.company.scenes_engineering import ENGINEERING_SCENES
from sandbox.slack.company.scenes_house import HOUSE_SCENES
from sandbox.slack.company.script import Stage, parse_scene
from sandbox.slack.company.vocabulary import VOCABULARY, written_date
from sandbox.slack.model import Channel
from sandbox.slack.timestamps import Clock
from sandbox.slack.tokens import SYNC_HANDLE, install_sync_app, issue_personal_tokens
from sandbox.slack.workspace import Workspace

MINIMUM_MESSAGES = 400
"""Enough for the known stories and something around them."""

DAY = 86_400
DIRECT_WEIGHT = 0.35
LEFT_BEFORE_END = 18 * DAY
WEEKEND_SHARE = 0.08
HOURS = (7, 8, 9, 9, 10, 10, 10, 11, 11, 12, 13, 13, 14, 14, 14, 15, 15, 16, 16, 17, 18, 20)
SCENES = {**ENGINEERING_SCENES, **BUSINESS_SCENES, **HOUSE_SCENES}


def generate_company(
    *, messages: int = 2000, seed: int = 7, now: float | None = None, days: int = 120
) -> Workspace:
    """Make up a company of a given size.

    The known stories (:data:`sandbox.slack.company.known.DEMO_QUESTIONS`) are always in it.

    Args:
        messages: Number of messages in all conversations, replies and notices included.
        seed: Decides everything but the dates.
        now: End of the history in seconds since the epoch. Default: the time of the call, so that
            looking back a week finds something. With a fixed one the result is always the same.
        days: Length of the history.

    Returns:
        A workspace with people, conversations, files and the tokens of
        :mod:`sandbox.slack.tokens`.

    Raises:
        ValueError: Too few messages or days.
    """
    if messages < MINIMUM_MESSAGES or days < 2:
        raise ValueError(f"a company needs {MINIMUM_MESSAGES} messages and 2 days at least")
    end = time.time() if now is None else now
    company = _Company(messages, seed, int(end), days)
    company.build()
    company.workspace.clock = Clock(now)
    return company.workspace


@dataclass(frozen=True, slots=True)
class _Place:
    """A conversation with what is said there."""

    channel: Channel
    scripts: tuple[str, ...]
    weight: float
    speakers: list[str]
    hosts: list[str]
    closed_at: int
    deck: list[str] = field(default_factory=list)

    def next_script(self, random: Random) -> str:
        """A scene; none comes again before all others had their turn."""
        if not self.deck:
            self.deck.extend(random.sample(self.scripts, len(self.scripts)))
        return self.deck.pop()


class _Company:
    def __init__(self, messages: int, seed: int, end: int, days: int) -> None:
        self._random = Random(f"company {seed}")
        self._messages = messages
        self._end = end
        self._begin = end - days * DAY
        # Weeks before the first message: the company did not begin with its Slack history.
        self._opened = self._begin - 60 * DAY
        opened = self._opened
        self.workspace = Workspace(
            "Harbourline", "harbourline", seed=seed, clock=lambda: float(opened)
        )
        self.workspace.team.email_domain = HOME_TEAM_DOMAIN
        self._history = History(self.workspace, self._random, end)

    def build(self) -> None:
        """Fill the workspace."""
        workspace, random = self.workspace, self._random
        customer_team = workspace.ids.new("T")
        staff = hire(workspace, random, staff_size(self._messages), customer_team)
        self._history.bots = {
            name: workspace.add_webhook(app.name) if app.webhook else workspace.add_app(app.name)
            for name, app in APPS.items()
        }
        open_channels(workspace, random, staff, self._opened, customer_team)
        self._found_groups(staff)
        self._install_sync_app(staff)
        places = list(self._places(staff))
        self._announce_openings()
        for story in STORIES:
            self._tell(story, staff)
        self._talk(places, staff)
        self._wind_down(staff)
        issue_personal_tokens(workspace)

    def _found_groups(self, staff: Staff) -> None:
        workspace = self.workspace
        workspace.add_usergroup(
            "oncall",
            "On call",
            [staff.by_department[name][-1] for name in ("payments", "platform")],
            description="Who carries the pager this week",
        )
        for name in ("payments", "support", "people"):
            workspace.add_usergroup(f"{name}-team", f"{name.title()} team", staff.of(name))
        workspace.emoji.update(
            {
                "harbourline": "https://emoji.slack-edge.com/T0SANDBOX/harbourline/1f2e3d4c5b.png",
                "happy-gull": "https://emoji.slack-edge.com/T0SANDBOX/happy-gull/a1b2c3d4e5.gif",
                "shipit": "alias:squirrel",
            }
        )

    def _install_sync_app(self, staff: Staff) -> None:
        install_sync_app(self.workspace, join_public=False)
        bot = self.workspace.user(SYNC_HANDLE).id
        for plan in CHANNELS:
            if plan.bot:
                self.workspace.channel(plan.name).members.add(bot)
        for person in (staff.of("it")[0], staff.of("support")[0]):
            self.workspace.open_direct([person, bot], created=self._opened)

    def _places(self, staff: Staff) -> Iterator[_Place]:
        people = set(staff.of())
        for plan in CHANNELS:
            channel = self.workspace.channel(plan.name)
            scripts = tuple(script for kind in plan.scenes for script in SCENES[kind])
            # Archived channels fell silent in the second half.
            span = self._end - self._begin
            closed_at = self._begin + span // 2 if plan.archived else self._end
            speakers = sorted(channel.members & people)
            hosts = staff.of(plan.hosts) if plan.hosts else speakers
            yield _Place(channel, scripts, plan.weight, speakers, hosts, closed_at)
        everybody = staff.of()
        for number in range(max(6, len(everybody) // 6)):
            size = 3 if number % 4 == 3 else 2
            members = self._random.sample(everybody, size)
            direct = self.workspace.open_direct(members, created=self._opened)
            channel = self.workspace.channel(direct)
            yield _Place(channel, SCENES["direct"], DIRECT_WEIGHT, members, members, self._end)

    def _announce_openings(self) -> None:
        for number, plan in enumerate(CHANNELS):
            channel = self.workspace.channel(plan.name)
            opened = self._begin + number * 61
            self._history.notice(
                channel,
                opened,
                "channel_join",
                channel.creator,
                f"<@{channel.creator}> has joined the channel",
            )
            if plan.topic:
                text = f"set the channel topic: {plan.topic}"
                self._history.notice(
                    channel, opened + 30, "channel_topic", channel.creator, text, topic=plan.topic
                )
        heron = self.workspace.channel("project-heron")
        heron.previous_names = ["checkout-rewrite"]
        text = 'has renamed the channel from "checkout-rewrite" to "project-heron"'
        names = {"old_name": "checkout-rewrite", "name": "project-heron"}
        renamed_at = self._begin + 2 * DAY // 3
        self._history.notice(heron, renamed_at, "channel_name", heron.creator, text, **names)

    def _tell(self, story: KnownStory, staff: Staff) -> None:
        """Play a known story with people of its departments, on its day or as near as can be."""
        scene = parse_scene(story.script)
        channel = self.workspace.channel(story.channel)
        cast: dict[str, str] = {}
        for number, role in enumerate(sorted(scene.roles)):
            if role >= "x":
                cast[role] = staff.strangers["xyz".index(role)]
                continue
            department = staff.of(story.departments[number % len(story.departments)])
            candidates = (*department, *staff.of())
            cast[role] = next(user for user in candidates if user not in cast.values())
            channel.members.add(cast[role])
        age = min(story.days_ago * DAY, (self._end - self._begin) * 0.9)
        begin = self._end - int(age)
        if age > DAY:
            begin = max(self._begin, begin - begin % DAY + int(story.hour * 3600))
        stage = self._stage(cast, begin)
        stage.words.update(story.words)
        self._history.play(channel, scene, stage, begin, self._messages)

    def _talk(self, places: list[_Place], staff: Staff) -> None:
        random = self._random
        weights = list(accumulate(place.weight for place in places))
        leavers = set(staff.leavers)
        while self._history.count < self._messages:
            place = places[bisect_left(weights, random.random() * weights[-1])]
            scene = parse_scene(place.next_script(random))
            moment = self._moment(place.closed_at)
            speakers = place.speakers
            if moment > self._end - LEFT_BEFORE_END:
                speakers = [user for user in speakers if user not in leavers] or speakers
            stage = self._stage(self._cast(scene.roles, speakers, place.hosts, staff), moment)
            self._history.play(place.channel, scene, stage, moment, self._messages)

    def _cast(
        self, roles: tuple[str, ...], speakers: list[str], hosts: list[str], staff: Staff
    ) -> dict[str, str]:
        """Give each role a person. Some people talk more than others."""
        random = self._random
        cast: dict[str, str] = {}
        for role in roles:
            if role >= "x":
                cast[role] = staff.strangers["xyz".index(role)]
                continue
            pool = hosts if role == "h" else speakers
            person = pool[0]
            for _ in range(8):
                person = pool[int(len(pool) * random.random() ** 1.5)]
                if person not in cast.values():
                    break
            cast[role] = person
        return cast

    def _moment(self, closed_at: int) -> int:
        """A moment of the history, mostly in working hours, a little more often of late."""
        random = self._random
        span = closed_at - self._begin
        while True:
            day = self._begin + int(span * random.random() ** 0.85) // DAY * DAY
            midnight = day - day % DAY
            # 1 January 1970 was a Thursday, so days 2 and 3 of each week since are a weekend.
            weekend = midnight // DAY % 7 in (2, 3)
            if weekend and random.random() > WEEKEND_SHARE:
                continue
            hour = HOURS[int(random.random() * len(HOURS))]
            moment = midnight + hour * 3600 + int(random.random() * 3600)
            if self._begin < moment < closed_at - 600:
                return moment

    def _stage(self, cast: dict[str, str], moment: int) -> Stage:
        random = self._random
        today = datetime.fromtimestamp(moment, tz=UTC).date()
        year, week, _ = today.isocalendar()
        words = {
            "day": written_date(today + timedelta(days=2 + int(random.random() * 40))),
            # Releases are numbered by the calendar, so that later ones have higher numbers.
            "version": f"{year}.{week}.{int(random.random() * 9)}",
        }
        return Stage(
            random,
            cast,
            VOCABULARY,
            self._history.channel_ids,
            self._history.usergroup_ids,
            words,
        )

    def _wind_down(self, staff: Staff) -> None:
        for plan in CHANNELS:
            if plan.archived:
                self.workspace.channel(plan.name).is_archived = True
        for user in staff.leavers:
            person = self.workspace.user(user)
            person.deleted = True
            person.updated = self._end - LEFT_BEFORE_END
            for channel in self.workspace.channels.values():
                if not channel.is_direct:
                    channel.members.discard(user)
