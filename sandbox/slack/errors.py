"""Slack's way of saying no: HTTP 200 with ``ok: false`` and an error code."""

from typing import Any


class SlackError(Exception):
    """An ``ok: false`` answer.

    Attributes:
        code: Slack's error code (``channel_not_found``).
        extra: Further keys of the answer (``needed``, ``provided``, ``response_metadata``).
    """

    def __init__(self, code: str, **extra: Any) -> None:
        super().__init__(code)
        self.code = code
        self.extra = extra


def missing_field(name: str) -> SlackError:
    """The answer to a call that lacks a required argument."""
    messages = [f"[ERROR] missing required field: {name}"]
    return SlackError("invalid_arguments", response_metadata={"messages": messages})
