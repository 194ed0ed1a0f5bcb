"""What was found and mended, by reader: replayed by `make test`. Ours, and as short as they get."""

from typing import Final

FOUND: Final[tuple[tuple[str, bytes], ...]] = (
    # Quadratic time: beginnings without an end.
    ("jira wiki", b"{{a" * 30_000),
    ("jira wiki", b"{code:" * 15_000),
    ("jira wiki", b"{panel:a}" * 10_000),
    ("jira wiki", b"{info}{note}" * 8_000),
    ("jira wiki", b"{color:" * 15_000),
    ("jira wiki", b"*a " * 30_000),
    ("jira wiki", b"??a " * 25_000),
    ("jira wiki", b"h1. a" + b" " * 80_000 + b"b"),
    ("jira wiki", b"[" + b"@." * 40_000 + b" x]"),
    ("gmail html", b"<div>" * 1_100 + b"<script>" * 20_000),
    ("gmail html", b"<div>" * 1_100 + b"<title>x " * 20_000),
    ("gmail html", b"<div>" * 1_100 + b"<head" * 20_000),
    ("gmail headers", b"=?utf-8?q?x " * 5_000),
    ("gmail headers", b"=?utf-8?b?x " * 5_000),
    # An id that is none; half a character in a property that is there twice.
    ("slack export", b'\xe2[{"id":["U1"]}]'),
    (
        "gmail invitations",
        b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nMETHOD:\xf6\xdf\r\nBEGIN:VEVENT\r\nUID:1\r\n"
        b"SUMMARY:Tea\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
    ),
    ("search", "\u00ab".encode() * 40_000),
    ("search", "\u201ca".encode() * 30_000),
    ("search", "\u201ea".encode() * 30_000),
)
