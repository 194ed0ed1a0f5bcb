"""What vendors do wrong with one request, and how a sync is expected to end.

`WIRE_FAULTS` is the table; `docs/reliability.md` shows it, and `test_vendor_faults.py` tries it
with every operation of every source.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from faults.stages.base import Stage
from sandbox.faults import Fault

OF_JSON: Final = frozenset({"malformed_json", "large_body"})
MEGABYTE: Final = 1_000_000


class Expected(StrEnum):
    """How a sync ends in spite of a fault."""

    EQUAL = "completes, and holds what an undisturbed sync holds"
    LOUD = "fails with a sentence, deletes nothing, and the next sync ends equal"


@dataclass(frozen=True)
class WireFault:
    """One thing that goes wrong with one kind of request.

    Attributes:
        name: What it is called.
        kind: What the sandbox is told, but for the operation.
        expected: How the sync ends, but for files.
        settings: Settings of the source that belong to it.
    """

    name: str
    kind: Mapping[str, Any]
    expected: Expected
    settings: Mapping[str, Any] = field(default_factory=dict)

    def concerns(self, stage: Stage[Any, Any], operation: str) -> bool:
        """Whether it can happen to a request.

        Calls within a batch have no connection of their own, and a file is no JSON.
        """
        if operation in stage.inside:
            return self.kind["kind"] in {"rate_limited", "server_error", "html"}
        return operation not in stage.files or self.kind["kind"] not in OF_JSON

    def outcome(self, stage: Stage[Any, Any], operation: str) -> Expected:
        """How a sync ends where it happens to a request of one kind.

        A login page in the place of a file means that the credential may not read files. So it is
        not asked for again in the same sync: the file is set aside.
        """
        is_login = self.kind["kind"] == "html" and self.kind["status"] == 200
        return Expected.LOUD if is_login and operation in stage.files else self.expected

    def at(self, operation: str, skip: int) -> Fault:
        """The fault, for the requests of one kind but the first few."""
        return Fault(operation=operation, skip=skip, **self.kind)


def _limited(name: str, expected: Expected = Expected.EQUAL, **form: Any) -> WireFault:
    return WireFault(f"429, Retry-After: {name}", {"kind": "rate_limited", **form}, expected)


def _words(text: str) -> dict[str, Any]:
    return {"headers": {"Retry-After": text}}


_LOUD = Expected.LOUD
_EQUAL = Expected.EQUAL

WIRE_FAULTS: Final = (
    _limited("seconds", retry_after=1),
    _limited("a float", retry_after=0.2, retry_after_form="float"),
    _limited("a date", retry_after=1, retry_after_form="http-date"),
    _limited("none", retry_after_form="none"),
    _limited("0", **_words("0")),
    _limited("negative", **_words("-5")),
    _limited("nonsense", **_words("soon")),
    _limited("a year", _LOUD, **_words("31536000")),
    _limited("none, again and again", _LOUD, retry_after_form="none", times=None),
    WireFault("500 twice", {"kind": "server_error", "times": 2}, _EQUAL),
    WireFault(
        "503 that asks for a wait",
        {"kind": "server_error", "status": 503, "retry_after": 0.1, "retry_after_form": "float"},
        _EQUAL,
    ),
    WireFault("502 with a web page", {"kind": "html", "status": 502}, _EQUAL),
    WireFault("500 again and again", {"kind": "server_error", "times": None}, _LOUD),
    WireFault("connection reset", {"kind": "reset"}, _EQUAL),
    WireFault("connection reset again and again", {"kind": "reset", "times": None}, _LOUD),
    WireFault("connection reset in mid-body", {"kind": "reset_mid_body"}, _EQUAL),
    WireFault("body that comes slowly", {"kind": "slow_body", "seconds": 0.2}, _EQUAL),
    WireFault("body cut off", {"kind": "truncated_body"}, _EQUAL),
    WireFault("body cut off again and again", {"kind": "truncated_body", "times": None}, _LOUD),
    WireFault("malformed JSON", {"kind": "malformed_json"}, _EQUAL),
    WireFault("malformed JSON again and again", {"kind": "malformed_json", "times": None}, _LOUD),
    WireFault("login page with status 200", {"kind": "html", "status": 200}, _EQUAL),
    WireFault(
        "login page with status 200 again and again",
        {"kind": "html", "status": 200, "times": None},
        _LOUD,
    ),
    WireFault("page of 50 MB", {"kind": "large_body", "size": 50 * MEGABYTE}, _EQUAL),
    WireFault(
        "page above max_json_bytes",
        {"kind": "large_body", "size": 3 * MEGABYTE, "times": None},
        _LOUD,
        {"max_json_bytes": 2 * MEGABYTE},
    ),
)
"""By request."""


def rows() -> str:
    """The table as the documentation shows it."""
    lines = ["| one request of any kind is answered by | the sync |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| {one.name} | {one.expected} |" for one in WIRE_FAULTS)])
