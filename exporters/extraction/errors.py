"""Why there is no text, in sentences for a person."""

from typing import Final


class UnreadableError(Exception):
    """There is no text; the message is the reason, a sentence."""


SWITCHED_OFF: Final = "Reading attachments is switched off (setting `enabled` of attachments)."
EMPTY: Final = "The file is empty."
NO_TEXT: Final = "The file holds no text, only images or nothing."
ENCRYPTED: Final = "The file is protected by a password."
TOO_MUCH_MEMORY: Final = "Reading the file needed too much memory."
CRASHED: Final = "The library that reads such files crashed on it."
GAVE_UP: Final = "The library that reads such files gave up on it, perhaps for want of memory."
STOPPED: Final = "The reading process was stopped from outside, perhaps for want of memory."


def too_large(size: int, limit: int) -> str:
    """The file has more bytes than are read."""
    return (
        f"The file is too large: {size / 1e6:,.1f} MB, and at most {limit / 1e6:,.1f} MB are read."
    )


def too_slow(seconds: float) -> str:
    """The time was up."""
    return f"Reading the file took longer than {seconds:g} seconds."


def unknown_type(what: str) -> str:
    """Files of this type are not read."""
    return f"The file is {what}, which has no text that is read here."


def skipped(title: str) -> str:
    """A person left the kind out."""
    return f"Files of the kind {title} are left out (setting `skip_kinds` of attachments)."


def broken(title: str, detail: str = "") -> str:
    """The library cannot make sense of it."""
    return f"The {title} is damaged or cut off{f' ({detail})' if detail else ''}."


def library_missing(title: str, library: str) -> str:
    """The extra is not installed."""
    return (
        f"Reading a {title} needs the library {library}: "
        "pip install 'prefect-data-getters[attachments]'."
    )


def library_unusable(library: str, detail: str) -> str:
    """It is installed and does not load: a fault of the machine, not of the file."""
    return f"The library {library} cannot be loaded: {detail[:200]}."
