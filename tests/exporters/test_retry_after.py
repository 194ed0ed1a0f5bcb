"""Every form in which a vendor says how long to wait."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.retry_after import (
    lower_headers,
    parse_retry_after,
    retry_after_seconds,
    server_time,
)

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
EPOCH = int(NOW.timestamp())


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30.0),
        (30, 30.0),
        (b"30", 30.0),
        (" 30 ", 30.0),
        ("+30", 30.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("30, 30", 30.0),
        ("Fri, 20 Nov 2026 12:02:00 GMT", 120.0),
        ("Friday, 20-Nov-26 12:02:00 GMT", 120.0),
        ("Fri Nov 20 12:02:00 2026", 120.0),
        ("Fri, 20 Nov 2026 12:02:00 -0000", 120.0),
        ("2026-11-20T12:02:00Z", 120.0),
        ("2026-11-20T13:02:00.000+01:00", 120.0),
        (str(EPOCH + 90), 90.0),
        (str((EPOCH + 90) * 1000), 90.0),
        ("999999999", 999999999.0),
    ],
)
def test_every_form_of_a_wait_is_read_as_seconds(value: object, seconds: float) -> None:
    assert parse_retry_after(value, now=NOW) == pytest.approx(seconds)


@pytest.mark.parametrize("value", ["Fri, 20 Nov 2026 11:00:00 GMT", str(EPOCH - 5)])
def test_a_moment_that_has_passed_means_no_wait(value: str) -> None:
    assert parse_retry_after(value, now=NOW) == 0.0


@pytest.mark.parametrize(
    "value",
    [
        "",
        "-5",
        "soon",
        "nan",
        "inf",
        "1e3",
        "0x10",
        "1_000",
        "٣",
        "9" * 40,
        "9" * 15,
        None,
        "5 minutes",
    ],
)
def test_what_makes_no_sense_is_no_answer(value: object) -> None:
    assert parse_retry_after(value, now=NOW) is None


@given(st.text() | st.from_regex(r"[-+]?[0-9]{1,30}(\.[0-9]*)?", fullmatch=True) | st.binary())
def test_no_text_whatever_breaks_the_parser(value: object) -> None:
    seconds = parse_retry_after(value, now=NOW)
    assert seconds is None or 0.0 <= seconds < float("inf")


@given(st.integers(min_value=0, max_value=10**7))
def test_a_date_and_a_number_of_seconds_mean_the_same(seconds: int) -> None:
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert parse_retry_after(date, now=NOW) == parse_retry_after(str(seconds), now=NOW) == seconds


_HEADERS = [
    "Retry-After",
    "retry-after-ms",
    "X-RateLimit-Reset",
    "X-RateLimit-Remaining",
    "Date",
    "RateLimit",
    "X-RateLimit-FillRate",
    "X-RateLimit-Interval-Seconds",
    "X-Business-Use-Case-Usage",
    "RateLimit-Reset",
]


@given(
    st.dictionaries(
        st.sampled_from(_HEADERS),
        st.text() | st.integers().map(str) | st.just('{"1": [{"a": 1}]}'),
    )
)
def test_no_headers_whatever_break_the_parser(headers: dict[str, str]) -> None:
    seconds = retry_after_seconds(headers)
    assert seconds is None or 0.0 <= seconds < float("inf")


def test_the_servers_own_date_is_the_clock_for_its_dates() -> None:
    headers = {
        "Date": "Mon, 01 Jan 2001 00:00:00 GMT",
        "Retry-After": "Mon, 01 Jan 2001 00:00:45 GMT",
    }
    assert retry_after_seconds(headers) == 45.0


def test_without_a_date_header_the_local_clock_is_taken() -> None:
    reset = datetime.now(UTC) + timedelta(seconds=60)
    seconds = retry_after_seconds({"Retry-After": format_datetime(reset, usegmt=True)})
    assert seconds == pytest.approx(60, abs=3)
    assert abs((server_time({"Date": "nonsense"}) - datetime.now(UTC)).total_seconds()) < 5


def test_retry_after_wins_over_a_reset_time() -> None:
    assert retry_after_seconds({"retry-after": "7", "x-ratelimit-reset": "300"}) == 7.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"X-RateLimit-Reset": str(EPOCH + 20), "X-RateLimit-Remaining": "0"}, 20.0),  # GitHub
        ({"x-rate-limit-reset": str(EPOCH + 20)}, 20.0),  # X
        ({"X-RateLimit-Reset": "2026-11-20T12:00:20Z"}, 20.0),  # Jira Cloud
        ({"RateLimit-Reset": "20"}, 20.0),  # IETF draft, Graph
        ({"RateLimit": '"default";r=0;t=20'}, 20.0),
        ({"retry-after-ms": "1500"}, 1.5),  # Azure
        (
            {
                "X-RateLimit-FillRate": "2",
                "X-RateLimit-Interval-Seconds": "60",
                "X-RateLimit-Remaining": "0",
                "Retry-After": "0",
            },
            30.0,
        ),
        ({"X-RateLimit-FillRate": "50", "X-RateLimit-Interval-Seconds": "1"}, 1.0),
        (
            {
                "X-Business-Use-Case-Usage": json.dumps(
                    {"17": [{"estimated_time_to_regain_access": 3}], "18": []}
                )
            },
            180.0,
        ),
    ],
)
def test_each_vendors_own_headers_are_understood(headers: dict[str, str], seconds: float) -> None:
    assert retry_after_seconds(headers, now=NOW) == pytest.approx(seconds)


def test_a_reset_does_not_count_while_something_remains() -> None:
    headers = {"X-RateLimit-Reset": str(EPOCH + 3000), "X-RateLimit-Remaining": "4980"}
    assert retry_after_seconds(headers, now=NOW) is None
    assert retry_after_seconds({"RateLimit": '"default";r=9;t=20'}, now=NOW) is None


def test_an_answer_that_says_nothing_has_no_wait() -> None:
    assert retry_after_seconds({}) is None
    assert retry_after_seconds(None) is None
    assert retry_after_seconds({"Retry-After": "0"}) == 0.0


def test_headers_of_every_sdk_are_read_alike() -> None:
    assert (
        lower_headers({"Retry-After": ["30"], b"x": b"y", "N": 3, "E": []})["retry-after"] == "30"
    )
