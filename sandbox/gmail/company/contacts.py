"""People of other companies whom Harbourline writes with."""

import html
import re
import unicodedata
from random import Random

from sandbox.gmail.company.staff import MailStaff, Person
from sandbox.slack.company.people import FIRST_NAMES, LAST_NAMES
from sandbox.slack.company.vocabulary import CUSTOMERS

TITLES = ("Operations manager", "Head of ticketing", "Accounts payable", "Commercial director")
PEOPLE_A_COMPANY = 2


def contacts_of(staff: MailStaff) -> list[Person]:
    """Two people of each customer; Northsound's are those of the Slack channel with them."""
    random = Random(f"contacts {staff.seed}")
    people = list(staff.customers)
    for written in CUSTOMERS:
        company = html.unescape(written)
        if company.startswith("Northsound"):
            continue
        domain = re.sub(r"[^a-z]+", "", company.lower()) + ".example"
        for number in range(PEOPLE_A_COMPANY):
            first = random.choice(FIRST_NAMES.split(","))
            last = random.choice(LAST_NAMES.split(","))
            local = f"{_plain(first)}.{_plain(last)}"
            people.append(
                Person(
                    f"{first} {last}",
                    f"{local}@{domain}",
                    TITLES[(len(people) + number) % len(TITLES)],
                    company,
                )
            )
    return people


def _plain(name: str) -> str:
    plain = name.replace("ł", "l").replace("ø", "o")
    return unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode().lower()
