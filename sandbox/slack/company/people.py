"""The staff of Harbourline: names, departments and titles."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from sandbox.slack.model import Role
from sandbox.slack.workspace import Workspace

FIRST_NAMES = (
    "Ana,Bruno,Catarina,Duarte,Elin,Farid,Greta,Hugo,Ines,Jonas,Kirsty,Lars,Mairi,Nikos,Olga,Pedro,"
    "Quinn,Rosa,Sven,Teresa,Ulla,Vasco,Wanda,Xenia,Yusuf,Zoe,Amara,Birgit,Callum,Daria,Emeka,Freya,"
    "Gil,Hanna,Idris,Joana,Kofi,Leonor,Magnus,Nadia,Oskar,Paula,Rui,Sofia,Tariq,Una,Viktor,Wiebke,"
    "Yara,Zeno,Aino,Beatriz,Cosmo,Delphine,Esra,Filip,Ginevra,Henrik,Isla,Jamal"
)
LAST_NAMES = (
    "Almeida,Bergström,Costa,Dimitriou,Eriksen,Faria,Gunnarsson,Haugen,Ibrahim,Jensen,Karlsson,"
    "Lindqvist,MacLeod,Nunes,Okafor,Pereira,Quental,Rasmussen,Sousa,Tamm,Urbano,Vieira,Wójcik,Xavier,"
    "Yilmaz,Zanetti,Andersson,Brandt,Correia,Dahl,Esteves,Fraser,Gomes,Hansen,Iversen,Johansson,"
    "Kallas,Lopes,Mackenzie,Nyberg,Olsen,Papadakis,Ribeiro,Sinclair,Teixeira,Ulvang,Virtanen,Weber"
)

COLORS = ("9f69e7", "4bbe2e", "e7392d", "3c989f", "674b1b", "e96699", "e0a729", "684b6c", "5b89d5")
TIME_ZONES = (
    ("Europe/Lisbon", "Western European Time", 0),
    ("Europe/London", "Greenwich Mean Time", 0),
    ("Europe/Berlin", "Central European Time", 3600),
    ("Europe/Athens", "Eastern European Time", 7200),
)
HOME_TEAM_DOMAIN = "harbourline.example"


@dataclass(frozen=True, slots=True)
class Department:
    """A part of the company.

    Attributes:
        name: By which channels choose their members.
        share: Of all staff, in parts of 100.
        titles: What people do there; the first is the head.
    """

    name: str
    share: int
    titles: tuple[str, ...]


DEPARTMENTS = (
    Department("leadership", 4, ("Chief executive", "Chief operating officer", "Chief of staff")),
    Department("payments", 10, ("Engineering manager, payments", "Backend engineer", "Engineer")),
    Department("platform", 12, ("Head of platform", "Site reliability engineer", "Engineer")),
    Department("mobile", 9, ("Engineering manager, mobile", "Mobile engineer", "QA engineer")),
    Department("checkout", 10, ("Engineering manager, checkout", "Frontend engineer", "Engineer")),
    Department("data", 7, ("Head of data", "Data engineer", "Analyst")),
    Department("product", 6, ("Head of product", "Product manager")),
    Department("design", 5, ("Head of design", "Product designer", "User researcher")),
    Department("support", 13, ("Head of support", "Support specialist")),
    Department("sales", 9, ("Head of sales", "Account manager")),
    Department("marketing", 5, ("Head of marketing", "Content writer")),
    Department("people", 4, ("Head of people", "People partner", "Recruiter")),
    Department("finance", 4, ("Head of finance", "Accountant")),
    Department("it", 2, ("IT administrator", "IT support")),
)
ENGINEERING = ("payments", "platform", "mobile", "checkout", "data")
LEAVERS_SHARE = 0.06
GUEST_TITLES = ("Translator (freelance)", "Payroll partner", "Penetration tester (contract)")


@dataclass(slots=True)
class Staff:
    """Who works where.

    Attributes:
        by_department: User ids; the head comes first.
        guests: Guests, who see only the channels they are in.
        leavers: People who are to be deactivated at the end of the history.
        strangers: People of the shared customer's company.
    """

    by_department: dict[str, list[str]]
    guests: list[str]
    leavers: list[str]
    strangers: list[str]

    def of(self, *departments: str) -> list[str]:
        """Everybody of some departments, or all staff."""
        names = departments or tuple(self.by_department)
        return [user for name in names for user in self.by_department[name]]


def staff_size(messages: int) -> int:
    """How many people write that many messages."""
    return max(28, min(420, 28 + messages // 320))


def hire(workspace: Workspace, random: Random, size: int, customer_team: str) -> Staff:
    """Fill an empty workspace with people.

    Args:
        workspace: Where.
        random: Decides names and time zones.
        size: Number of full members.
        customer_team: Team id of the customer whose people share a channel.
    """
    names = _names(random)
    by_department: dict[str, list[str]] = {}
    for department in DEPARTMENTS:
        heads = max(1, round(size * department.share / 100))
        by_department[department.name] = [
            _employ(workspace, random, next(names), _title(department, n), _role(department, n))
            for n in range(heads)
        ]
    guests = [
        _employ(
            workspace, random, next(names), title, "single_channel_guest" if n == 0 else "guest"
        )
        for n, title in enumerate(GUEST_TITLES)
    ]
    everybody = [user for users in by_department.values() for user in users[1:]]
    leavers = random.sample(everybody, max(1, int(len(everybody) * LEAVERS_SHARE)))
    strangers = [
        workspace.add_stranger(
            _handle(name), name, team_id=customer_team, title="Northsound Ferries"
        )
        for name in (next(names), next(names), next(names))
    ]
    return Staff(by_department, guests, leavers, strangers)


def _employ(workspace: Workspace, random: Random, name: str, title: str, role: Role) -> str:
    return workspace.add_user(
        _handle(name),
        name,
        title=title,
        role=role,
        tz=random.choice(TIME_ZONES),
        color=random.choice(COLORS),
        display_name=name.partition(" ")[0] if random.random() < 0.6 else "",
    )


def _title(department: Department, number: int) -> str:
    titles = department.titles
    return titles[0] if number == 0 else titles[1 + (number - 1) % (len(titles) - 1)]


def _role(department: Department, number: int) -> Role:
    if number == 0 and department.name == "leadership":
        return "primary_owner"
    if number == 0 and department.name == "it":
        return "owner"
    return "admin" if number == 0 and department.name == "people" else "member"


def _names(random: Random) -> Iterator[str]:
    """Full names, each once, in an order the seed decides."""
    pairs = [(first, last) for first in FIRST_NAMES.split(",") for last in LAST_NAMES.split(",")]
    random.shuffle(pairs)
    return (f"{first} {last}" for first, last in pairs)


def _handle(name: str) -> str:
    plain = name.replace("ł", "l").replace("ø", "o").replace("ć", "c")
    ascii_name = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
    return ascii_name.lower().replace(" ", ".")
