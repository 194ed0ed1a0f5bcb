"""Files on Harbourline's tickets, made byte by byte from the seed."""

from collections.abc import Callable
from random import Random

from sandbox.slack.company.artifacts import ARTIFACTS, pdf_page
from sandbox.story import MAIL_THREADS

POST_MORTEM = """Post-mortem of PAY-482

{fact}.
The fraud check held a connection while it waited for the external provider.
booking-api repeated every timeout at once.

Actions
- a pool of its own for the fraud check
- at most three retries in booking-api
- an alert at 80 percent of the pool
"""


def _attached(name: str) -> str:
    """The sentence that stands in a file of the company's mails."""
    for thread in MAIL_THREADS:
        if thread.attachment is not None and thread.attachment[0] == name:
            return thread.attachment[1]
    raise LookupError(f"no mail has a file {name}")


def _post_mortem(_: Random) -> bytes:
    return pdf_page(POST_MORTEM.format(fact=_attached("post-mortem-PAY-482.pdf")))


def _refunds(random: Random) -> bytes:
    rows = ["booking,amount_eur,paid_back_on", "NS-20441,86.40,2026-11-12"]
    rows += [
        f"NS-{number},{random.randint(1200, 14_000) / 100:.2f},2026-11-12"
        for number in range(20_442, 20_442 + 213)
    ]
    return "\n".join(rows).encode()


FILES: dict[str, Callable[[Random], bytes]] = {
    "post-mortem-PAY-482.pdf": _post_mortem,
    "payment-pool.log": ARTIFACTS["trace"].make,
    "northsound-refunds.csv": _refunds,
    "screenshot.png": ARTIFACTS["screenshot"].make,
    "bookings-by-week.csv": ARTIFACTS["bookings"].make,
    "payment-timeouts.md": ARTIFACTS["runbook"].make,
    "meeting-notes.txt": ARTIFACTS["notes"].make,
}
"""Makers of files by name."""

EVERYDAY_FILES = ("screenshot.png", "bookings-by-week.csv", "meeting-notes.txt")
