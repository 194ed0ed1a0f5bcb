"""The words of Harbourline, a company that sells tickets for ferries and island boats."""

from collections.abc import Callable, Sequence
from datetime import date
from random import Random

Maker = Callable[[Random], str]

SERVICES = (
    "payment-service",
    "booking-api",
    "timetable",
    "seat-map",
    "ledger",
    "notifier",
    "identity",
    "pricing",
    "checkout",
    "search",
    "partner-gateway",
    "ticket-scanner",
    "fare-rules",
    "voucher-service",
    "port-feed",
)
CUSTOMERS = (
    "Northsound Ferries",
    "Isla Azul Lines",
    "Skerry Express",
    "Baltic Hopper",
    "Cabo Sul",
    "Fjordlink",
    "Lagoon Shuttle",
    "Adria Crossings",
    "Hebrides Direct",
    "Sound &amp; Strait",
    "Aegean Blue",
    "Kattegat Lines",
)
ROUTES = (
    "Funchal - Porto Santo",
    "Ullapool - Stornoway",
    "Piraeus - Aegina",
    "Split - Brač",
    "Kristiansand - Hirtshals",
    "Tallinn - Helsinki",
    "Palma - Ibiza",
    "Oban - Craignure",
    "Rostock - Gedser",
    "Faro - Culatra",
    "Livorno - Bastia",
)
COMPONENTS = (
    "retry policy",
    "session cache",
    "fare cache",
    "webhook consumer",
    "price calculator",
    "seat lock",
    "boarding pass renderer",
    "refund worker",
    "timetable importer",
    "login form",
    "feature flag client",
    "audit log",
    "voucher validation",
    "search index",
    "port calendar",
    "currency rounding",
    "receipt template",
    "passenger list export",
)
ERRORS = (
    "connection reset by peer",
    "deadline exceeded",
    "duplicate key value violates unique constraint",
    "too many open files",
    "certificate has expired",
    "invalid signature",
    "upstream returned 502",
    "out of memory",
    "lock wait timeout",
    "unexpected end of JSON input",
    "no space left on device",
    "queue is full",
)
FEATURES = (
    "group bookings",
    "vehicle add-ons",
    "open returns",
    "bike spaces",
    "pet cabins",
    "seat upgrades",
    "multi-leg trips",
    "instalment payments",
    "resident discounts",
    "waiting lists",
    "apple wallet passes",
    "gift vouchers",
    "travel insurance",
    "offline boarding",
)
TEAMS = ("payments", "platform", "mobile", "data", "checkout", "support", "design", "sales")
LIBRARIES = (
    "pydantic",
    "httpx",
    "sqlalchemy",
    "kotlin",
    "react",
    "postgres",
    "redis",
    "terraform",
    "opentelemetry",
    "gradle",
)
TOOLS = ("the CRM", "Figma", "the VPN", "the wiki", "the expense tool", "the calendar", "the LMS")
DISHES = (
    "pastel de nata",
    "bifana",
    "ramen",
    "banana bread",
    "carrot cake",
    "lasagne",
    "falafel",
    "caldo verde",
    "lemon tart",
    "dumplings",
)
BOOKS = (
    "a history of shipping containers",
    "the one about the lighthouse keepers",
    "a book on thinking in systems",
    "that novel set on a research vessel",
    "a biography of a chart maker",
    "the field guide to incident analysis",
)
PETS = ("Bosun", "Miso", "Pilot", "Clementine", "Biscuit", "Captain", "Olive", "Sardine", "Nori")
CITIES = ("Lisbon", "Aberdeen", "Hamburg", "Palma", "Gothenburg", "Porto", "Piraeus", "Tallinn")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
ROLES_HIRED = (
    "senior backend engineer",
    "mobile engineer",
    "data analyst",
    "product designer",
    "support lead",
    "account manager",
    "site reliability engineer",
    "engineering manager",
)
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def _one_of(words: Sequence[str]) -> Maker:
    return lambda random: words[int(random.random() * len(words))]


def _number(low: int, high: int, form: str = "{}") -> Maker:
    span = high - low + 1
    return lambda random: form.format(low + int(random.random() * span))


def _time(random: Random) -> str:
    return f"{random.randint(8, 18):02d}:{random.choice((0, 5, 10, 20, 25, 30, 40, 45, 55)):02d}"


def _commit(random: Random) -> str:
    return f"{random.getrandbits(28):07x}"


def _money(random: Random) -> str:
    return f"€{random.randint(12, 980) * 5:,}"


def written_date(day: date) -> str:
    """A date as people write it in a sentence (``3 May``)."""
    return f"{day.day} {MONTHS[day.month - 1]}"


VOCABULARY: dict[str, Maker] = {
    "service": _one_of(SERVICES),
    "customer": _one_of(CUSTOMERS),
    "route": _one_of(ROUTES),
    "component": _one_of(COMPONENTS),
    "error": _one_of(ERRORS),
    "feature": _one_of(FEATURES),
    "team": _one_of(TEAMS),
    "library": _one_of(LIBRARIES),
    "tool": _one_of(TOOLS),
    "dish": _one_of(DISHES),
    "book": _one_of(BOOKS),
    "pet": _one_of(PETS),
    "city": _one_of(CITIES),
    "weekday": _one_of(WEEKDAYS),
    "hire": _one_of(ROLES_HIRED),
    "pr": _number(1200, 9800),
    "ticket": _number(300, 7900, "HAR-{}"),
    "case": _number(20_000, 99_000, "#{}"),
    "ms": _number(120, 4800, "{} ms"),
    "pct": _number(2, 38, "{}%"),
    "count": _number(3, 90),
    "minutes": _number(4, 55),
    "booking": _number(100_000, 999_999, "HB{}"),
    "time": _time,
    "commit": _commit,
    "money": _money,
}
"""Makers of words by slot name."""
