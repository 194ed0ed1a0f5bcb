"""The channels of Harbourline and who is in them."""

from dataclasses import dataclass
from random import Random

from sandbox.slack.company.people import ENGINEERING, Staff
from sandbox.slack.model import ChannelKind
from sandbox.slack.workspace import Workspace

SHARED_CHANNEL = "ext-northsound"


@dataclass(frozen=True, slots=True)
class Plan:
    """A channel to be made.

    Attributes:
        name: Its name.
        departments: Whose people are in it; empty for all staff.
        scenes: Kinds of conversation that happen there, keys of the scene collections.
        weight: Share of the company's talk, relative to other channels.
        purpose: Its description.
        topic: Shown in its head.
        kind: Public or private.
        share: Part of the departments' people who are in it.
        bot: Whether the sync app is in it.
        archived: Archived at the end of the history.
        legacy: Private with an id from before 2021 (``G...``).
        hosts: Department of the role ``h``: who answers here, or announces.
    """

    name: str
    departments: tuple[str, ...]
    scenes: tuple[str, ...]
    weight: float
    purpose: str
    topic: str = ""
    kind: ChannelKind = "public"
    share: float = 1.0
    bot: bool = True
    archived: bool = False
    legacy: bool = False
    hosts: str = ""


CHANNELS = (
    Plan("general", (), ("general",), 3, "For everybody and everything that concerns everybody."),
    Plan("company-news", (), ("news",), 1.5, "News from the bridge.", hosts="leadership"),
    Plan("random", (), ("smalltalk",), 6, "Not work."),
    Plan(
        "incidents",
        (*ENGINEERING, "support", "product"),
        ("incident",),
        7,
        "One thread an incident. Say who leads.",
        topic="Runbooks: <https://wiki.harbourline.example/runbooks>",
    ),
    Plan("on-call", ENGINEERING, ("oncall",), 3, "Handovers and swaps.", share=0.7),
    Plan("engineering", ENGINEERING, ("engineering",), 7, "Craft, tools, questions."),
    Plan("architecture", ENGINEERING, ("decision",), 2.5, "Decisions and why.", share=0.6),
    Plan("code-review", ENGINEERING, ("review",), 9, "What waits for a second pair of eyes."),
    Plan("deploys", ENGINEERING, ("deploy",), 8, "Deckhand speaks here.", share=0.9),
    Plan(
        "releases",
        (*ENGINEERING, "product", "support", "marketing"),
        ("release",),
        3,
        "What goes out when.",
        hosts="product",
    ),
    Plan("payments", ("payments", "finance", "product"), ("engineering", "payments"), 6, "Money."),
    Plan("platform", ("platform",), ("engineering", "platform"), 5, "Clusters, pipelines, costs."),
    Plan("mobile", ("mobile", "design"), ("engineering", "mobile"), 5, "The apps."),
    Plan("data", ("data", "finance", "product"), ("data",), 4, "Numbers and where they come from."),
    Plan(
        "project-heron",
        ("checkout", "product", "design", "payments"),
        ("project",),
        5,
        "The new checkout.",
        topic="Beta with Isla Azul Lines first",
    ),
    Plan(
        "project-puffin",
        ("mobile", "product", "design", "support"),
        ("project",),
        4,
        "Boarding passes that work without a network.",
    ),
    Plan("product", ("product", "design", "leadership"), ("product",), 4, "What and why."),
    Plan("design", ("design", "product", "mobile"), ("design",), 3, "Screens and words."),
    Plan("support", ("support", "product", "payments"), ("support",), 8, "Escalations welcome."),
    Plan("sales", ("sales", "marketing", "leadership"), ("sales",), 4, "Leads, renewals, demos."),
    Plan("marketing", ("marketing", "sales", "design"), ("marketing",), 2.5, "Campaigns and copy."),
    Plan("cust-isla-azul", ("sales", "support", "checkout"), ("customer",), 2, "Isla Azul Lines"),
    Plan("cust-fjordlink", ("sales", "support", "mobile"), ("customer",), 2, "Fjordlink"),
    Plan("ask-people", (), ("people",), 3, "Leave, contracts, onboarding.", hosts="people"),
    Plan("ask-finance", (), ("finance",), 2.5, "Expenses, invoices, cards.", hosts="finance"),
    Plan("ask-it", (), ("it",), 4, "Laptops, accounts, VPN.", hosts="it"),
    Plan("legal-privacy", ("leadership", "product", "data", "people"), ("legal",), 1.5, "Law."),
    Plan("lisbon-office", (), ("office",), 3, "The house by the river.", share=0.5),
    Plan("books", (), ("books",), 1, "What we read.", share=0.3, bot=False),
    Plan("pets", (), ("pets",), 2, "Photos, mainly.", share=0.5, bot=False),
    Plan("football", (), ("football",), 1.5, "Tuesdays at seven.", share=0.3, bot=False),
    Plan(
        "project-kestrel",
        ("data", "platform"),
        ("project",),
        2,
        "Move of the warehouse. Done.",
        archived=True,
    ),
    Plan("hackweek", (), ("product",), 1, "Ideas.", share=0.6, bot=False, archived=True),
    Plan(
        "leadership",
        ("leadership", "people", "finance"),
        ("leadership",),
        1.5,
        "Confidential.",
        kind="private",
        share=0.6,
    ),
    Plan(
        "recruiting",
        ("people", "leadership", "product"),
        ("recruiting",),
        2,
        "Candidates. Nothing leaves this channel.",
        kind="private",
    ),
    Plan(
        "people-private",
        ("people", "leadership"),
        ("people_private",),
        1,
        "Salaries and cases.",
        kind="private",
        bot=False,
    ),
    Plan(
        "security-response",
        ("platform", "it"),
        ("security",),
        1.5,
        "Reports and fixes before they are public.",
        kind="private",
        bot=False,
        legacy=True,
    ),
    Plan(
        SHARED_CHANNEL,
        ("sales", "support", "payments"),
        ("shared",),
        2,
        "Harbourline and Northsound Ferries",
        share=0.6,
    ),
)


def open_channels(
    workspace: Workspace, random: Random, staff: Staff, opened: int, customer_team: str
) -> None:
    """Make every channel with its members.

    Args:
        workspace: Filled with people, empty of channels.
        random: Decides who joins where only some do.
        staff: The people.
        opened: When the company opened the first ones, in seconds.
        customer_team: Team id of the company that shares one of them.
    """
    for number, plan in enumerate(CHANNELS):
        pool = staff.of(*plan.departments)
        heads = [staff.by_department[name][0] for name in plan.departments or ("leadership",)]
        # Too few for a conversation is no channel.
        size = max(min(6, len(pool)), round(len(pool) * plan.share))
        members = dict.fromkeys([*heads[:2], *random.sample(pool, size)])
        workspace.create_channel(
            plan.name,
            kind=plan.kind,
            creator=heads[0],
            members=members,
            topic=plan.topic,
            purpose=plan.purpose,
            created=opened + number * 3571,
            is_general=plan.name == "general",
            legacy=plan.legacy,
        )
    workspace.share_with_team(SHARED_CHANNEL, customer_team, staff.strangers)
    for name in ("project-heron", "lisbon-office"):
        workspace.channel(name).members.update(staff.guests[1:])
    workspace.channel("project-puffin").members.add(staff.guests[0])
