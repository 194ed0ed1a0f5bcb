"""Times as documents carry them: UTC, ISO 8601, always with microseconds.

One fixed width makes them sortable as text in every store.
"""

from datetime import UTC, datetime


def iso_utc(moment: datetime) -> str:
    """Formats a moment as `YYYY-MM-DDTHH:MM:SS.ffffffZ`.

    Raises:
        ValueError: The moment has no time zone: guessing one is how records get lost.
    """
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {moment.isoformat()}")
    # Half the time of strftime, and some documents carry a hundred times.
    return f"{moment.astimezone(UTC).isoformat(timespec='microseconds')[:-6]}Z"


def parse_iso(text: str) -> datetime:
    """Reads an ISO 8601 time; one without a zone is taken as UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def now_iso() -> str:
    """This moment, in the documents' format."""
    return iso_utc(datetime.now(UTC))
