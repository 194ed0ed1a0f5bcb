"""Reads the invitations in a mail (iCalendar, RFC 5545, as RFC 6047 sends it). Never raises."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

from documents.text import normalize_text
from documents.times import iso_utc

_LONGEST: Final = 512 * 1024
_MOST_EVENTS: Final = 20
_MOST_ATTENDEES: Final = 200


def events_of(calendars: Sequence[str]) -> list[dict[str, Any]]:
    """The events of iCalendar texts, each once; none where a text makes no sense.

    Returns:
        Entries with `uid`, `method`, `summary`, `description`, `start`, `end` (ISO, UTC; dates for
        whole days), `all_day`, `location`, `organizer`, `attendees`, `status`, `recurrence`.
    """
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for text in calendars:
        for event in _events(text):
            key = (event["uid"], event["method"], str(event["start"]))
            if len(found) < _MOST_EVENTS:
                found.setdefault(key, event)
    return list(found.values())


def event_markdown(event: dict[str, Any]) -> str:
    """An event as a person reads it."""
    method = {"CANCEL": "Cancelled", "REPLY": "Answer", "REQUEST": "Invitation"}
    lines = [f"{method.get(event['method'], 'Event')}: {event['summary'] or 'without a title'}"]
    if event["start"]:
        until = f" to {_shown(event['end'])}" if event["end"] else ""
        lines.append(f"When: {_shown(event['start'])}{until}")
    if event["recurrence"]:
        lines.append(f"Repeats: {event['recurrence']}")
    if event["location"]:
        lines.append(f"Where: {event['location']}")
    if event["organizer"]:
        lines.append(f"Organizer: {_person(event['organizer'])}")
    if event["attendees"]:
        lines.append(f"Attendees: {', '.join(map(_person, event['attendees']))}")
    if event["description"]:
        lines += ["", event["description"]]
    return "\n".join(lines)


def _events(text: str) -> list[dict[str, Any]]:
    from icalendar import Calendar  # noqa: PLC0415 (only where there is an invitation)

    # The library writes what it compares and prints as bytes, which half a character cannot be.
    readable = text[:_LONGEST].replace("\x00", "").encode("utf-16", "surrogatepass")
    try:
        calendars = Calendar.from_ical(readable.decode("utf-16", "replace"), multiple=True)
    except Exception:  # noqa: BLE001 (any of the library's and of its parsers'; it is hostile input)
        return []
    events = []
    for calendar in calendars:
        method = _word(calendar.get("method"))
        for event in calendar.walk("VEVENT")[:_MOST_EVENTS]:
            try:
                events.append(_event(event, method))
            except Exception:  # noqa: BLE001, S112 (a property that the library cannot make sense of)
                continue
    return events


def _event(event: Any, method: str) -> dict[str, Any]:
    start, end = _moment(event.get("dtstart")), _moment(event.get("dtend"))
    attendees = event.get("attendee") or []
    attendees = attendees if isinstance(attendees, list) else [attendees]
    rule = event.get("rrule")
    return {
        "uid": _line(event.get("uid"), 1_000),
        "method": method,
        "summary": _line(event.get("summary"), 500),
        "description": normalize_text(str(event.get("description") or ""))[:4_000],
        "start": start,
        "end": end,
        "all_day": bool(start) and "T" not in str(start),
        "location": _line(event.get("location"), 500),
        "organizer": _attendee(event.get("organizer")),
        "attendees": [
            person for person in map(_attendee, attendees[:_MOST_ATTENDEES]) if person is not None
        ],
        "status": _word(event.get("status")),
        "recurrence": rule.to_ical().decode("utf-8", "replace")[:500] if rule else "",
    }


def _moment(value: Any) -> str | None:
    moment = getattr(value, "dt", None)
    if isinstance(moment, datetime):
        # A time without a zone is meant wherever one is; it cannot be said in UTC.
        return iso_utc(moment) if moment.tzinfo else moment.isoformat(timespec="seconds")
    return moment.isoformat() if isinstance(moment, date) else None


def _attendee(value: Any) -> dict[str, str] | None:
    if value is None:
        return None
    address = str(value)
    address = address[7:] if address.lower().startswith("mailto:") else address
    parameters = getattr(value, "params", {})
    return {
        "name": _line(parameters.get("CN"), 200),
        "address": _line(address, 320).lower(),
        "answer": _word(parameters.get("PARTSTAT")),
    }


def _person(person: dict[str, str]) -> str:
    name, address = person["name"], person["address"]
    return f"{name} <{address}>" if name and name.lower() != address else address


def _shown(moment: str) -> str:
    return (
        f"{moment[:16].replace('T', ' ')} UTC"
        if moment.endswith("Z")
        else (moment.replace("T", " "))
    )


def _line(value: Any, longest: int) -> str:
    if isinstance(value, list):  # a property that may be there once, and is there again
        value = value[0]
    return " ".join(normalize_text(str(value or "")).split())[:longest]


def _word(value: Any) -> str:
    return _line(value, 40).upper()
