"""Credentials leave logs, errors and landed payloads; what people wrote stays."""

import base64
import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from exporters.redaction import RedactingFilter, Redactor, redact_all_logs, redactor

SECRET = "s3cret-of-the-house"
SLACK = "xoxb-" + "123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx"
JWT = "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r"


@pytest.fixture
def known() -> Redactor:
    known = Redactor()
    known.register(SECRET)
    return known


@pytest.mark.parametrize(
    "token",
    [
        SLACK,
        "xoxe.xoxp-1-" + "Mi0yLTEyMzQ1Njc4OTAxMi0x",
        "xapp-1-A0123456789-" + "1234567890123-abcdef0123456789",
        "hooks.slack.com/services/" + "T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
        "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a",
        "ghs_" + "16C7e42F292c6912E7710c838347Ae178B4a",
        "github_pat_" + "11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz",
        "ya29." + "a0AfH6SMBx-abcdefghijklmnop",
        "AIza" + "SyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY",
        "GOCSPX-" + "abcdefghijklmnopqrstuvwx",
        "ATATT3" + "xFfGF0abcdefghijklmnop=1A2B3C4D",
        "ATBB" + "abcdefghijklmnopqrst12345678",
        "AKIA" + "IOSFODNN7EXAMPLE",
        "EAA" + "BwzLixnjYBO" * 5,
        JWT,
        "-----BEGIN PRIVATE KEY-----\nMIIEvQ\nabc\n-----END PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\\nMIIEvQ\\n",
    ],
)
def test_tokens_of_known_shape_leave_a_log_line(token: str) -> None:
    line = Redactor().text(f"before {token} after")
    assert "[redacted]" in line
    assert token not in line
    assert token[8:] not in line
    assert line.startswith("before ")


@pytest.mark.parametrize(
    ("line", "gone", "kept"),
    [
        ("Authorization: Bearer abc.def-ghi", "abc.def", "Authorization: Bearer"),
        ("{'Authorization': 'Basic dXNlcjpwYXNz', 'A': 'b'}", "dXNlcjpw", "'A': 'b'"),
        ("[(b'Authorization', b'Bearer tok123')]", "tok123", "Authorization"),
        ("authorization=token tok123, x=1", "tok123", "x=1"),
        ("Private-Token: glpat0123", "glpat0123", "Private-Token"),
        ("X-Api-Key: 0123456789", "0123456789", "X-Api-Key"),
        ("Set-Cookie: d=xyz; Path=/", "xyz", "Set-Cookie"),
        ("sent Bearer abcdefghijklmnopqrst now", "abcdefghijkl", "now"),
        ("GET https://h/p?token=abcdef&limit=3", "abcdef", "limit=3"),
        ("GET https://h/p?a=1&access_token=abcdef", "abcdef", "a=1"),
        ("https://files.slack.com/x.png?t=xoxe-1-abc", "xoxe-1", "x.png"),
        ("https://b.s3/x?X-Amz-Signature=abcdef01&partNumber=2", "abcdef01", "partNumber=2"),
        ("https://t.sharepoint.com/d?UniqueId=1&tempauth=v1.abc", "v1.abc", "UniqueId=1"),
        ("https://user:pa55word@host/x", "pa55word", "host/x"),
        ('{"access_token": "opaque-value", "expires_in": 3600}', "opaque-value", "3600"),
        ("client_secret=abcdefgh&grant_type=x", "abcdefgh", "grant_type=x"),
    ],
)
def test_credentials_leave_headers_addresses_and_forms(line: str, gone: str, kept: str) -> None:
    clean = Redactor().text(line)
    assert gone not in clean
    assert kept in clean


@pytest.mark.parametrize(
    "line",
    [
        "conversations.history of general: 200 messages (cursor dXNlcjpVMDYxTkZUVDI=)",
        "next_page_token=CAUQAA pageToken=abcdefgh",
        "https://wiki.example.com/x?a=1&key=PROJ-7&t=12&code=3",
        "the token is missing; basic rules apply to every bearer",
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
    ],
)
def test_ordinary_lines_pass_unchanged(line: str) -> None:
    assert Redactor().text(line) == line


def test_a_registered_secret_leaves_in_every_spelling(known: Redactor) -> None:
    known.register('pa"ss/wörd')
    for spelling in ('pa"ss/wörd', quote('pa"ss/wörd', safe=""), json.dumps('pa"ss/wörd')[1:-1]):
        assert known.text(f"<{spelling}>") == "<[redacted]>"


def test_a_secret_that_begins_like_another_leaves_no_rest(known: Redactor) -> None:
    known.register(f"{SECRET}-and-more")
    assert known.text(f"<{SECRET}-and-more>") == "<[redacted]>"


def test_secrets_too_short_to_be_told_from_words_are_not_registered() -> None:
    known = Redactor()
    known.register("", None, "abc", "     ")
    assert known.text("abc     def") == "abc     def"


def test_a_clean_payload_is_passed_on_as_it_is(known: Redactor) -> None:
    payload = {"text": "hello?", "n": [1, 2.5, None, True], "url": "https://h/x?a=1"}
    assert known.payload(payload) is payload


def test_what_a_person_pasted_stays_in_a_landed_payload(known: Redactor) -> None:
    payload = {
        "text": f"my token is {SLACK}, see https://h/p?token=abcdef or Authorization: Bearer {JWT}",
        "files": [{"url_private": "https://files.slack.com/x.png?t=xoxe-1-abc&pub=1"}],
    }
    landed = known.payload(payload)
    assert landed["text"] == payload["text"]
    assert landed["files"] == [{"url_private": "https://files.slack.com/x.png?t=redacted&pub=1"}]
    assert payload["files"][0]["url_private"].endswith("t=xoxe-1-abc&pub=1"), "the original moved"


def test_our_own_secret_leaves_a_landed_payload_wherever_it_is(known: Redactor) -> None:
    landed = known.payload({SECRET: {"a": [f"x {SECRET} y", ("z", SECRET)]}})
    assert landed == {"[redacted]": {"a": ["x [redacted] y", ["z", "[redacted]"]]}}


def test_a_payload_that_is_not_plain_json_is_cleaned_too(known: Redactor) -> None:
    landed = known.payload({"huge": 2**70, "half": "\ud800", "a": SECRET})
    assert landed == {"huge": 2**70, "half": "\ud800", "a": "[redacted]"}


_payloads = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just("@"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("@"), inner),
    max_leaves=12,
)


@given(_payloads, st.text(min_size=6, max_size=20), st.text(max_size=5))
def test_no_payload_whatever_keeps_a_registered_secret(
    payload: Any, secret: str, around: str
) -> None:
    secret = secret.strip()
    assume(len(secret) >= 6)
    assume(secret not in "[redacted]")
    known = Redactor()
    known.register(secret)

    def fill(value: Any) -> Any:
        if isinstance(value, str):
            return around + secret + around if value == "@" else value
        if isinstance(value, dict):
            return {fill(name): fill(item) for name, item in value.items()}
        return [fill(item) for item in value] if isinstance(value, list) else value

    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            for name, item in value.items():
                yield from (*texts(name), *texts(item))
        elif isinstance(value, list):
            for item in value:
                yield from texts(item)

    assert not any(secret in text for text in texts(known.payload(fill(payload))))


@pytest.fixture
def log(known: Redactor) -> Iterator[tuple[logging.Logger, io.StringIO]]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s %(extra)s", defaults={"extra": ""}))
    handler.addFilter(RedactingFilter(known))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    yield logger, stream
    handler.close()


def test_log_arguments_are_cleaned_after_formatting(
    log: tuple[logging.Logger, io.StringIO],
) -> None:
    logger, stream = log
    logger.warning("asked with %s and %r", SECRET, {"Authorization": f"Bearer {JWT}"})
    assert SECRET not in stream.getvalue()
    assert JWT not in stream.getvalue()
    assert "asked with [redacted]" in stream.getvalue()


def test_a_clean_record_keeps_its_arguments(known: Redactor) -> None:
    record = logging.makeLogRecord({"msg": "page %d", "args": (3,)})
    assert RedactingFilter(known).filter(record)
    assert record.args == (3,)


def test_tracebacks_and_their_causes_are_cleaned(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = log
    try:
        try:
            raise OSError(f"Max retries exceeded with url: /x?token={SLACK}")
        except OSError as error:
            raise RuntimeError(f"failed with {SECRET}") from error
    except RuntimeError:
        logger.exception("sync failed", stack_info=True)
    text = stream.getvalue()
    assert "Traceback" in text
    assert "RuntimeError: failed with [redacted]" in text
    assert SECRET not in text
    assert SLACK not in text


def test_extra_fields_are_cleaned(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = log
    logger.warning("x", extra={"extra": {"a": [f"Bearer {JWT}", 3]}})
    logger.warning("y", extra={"extra": f"with {SECRET}"})
    assert JWT not in stream.getvalue()
    assert "3" in stream.getvalue()
    assert "y with [redacted]" in stream.getvalue()


def test_a_traceback_that_was_formatted_before_is_cleaned(known: Redactor) -> None:
    record = logging.makeLogRecord({"msg": "x", "exc_text": f"RuntimeError: {SECRET}"})
    RedactingFilter(known).filter(record)
    assert record.exc_text == "RuntimeError: [redacted]"


def test_a_record_that_cannot_be_formatted_does_not_leak_through_stderr(
    log: tuple[logging.Logger, io.StringIO], capsys: pytest.CaptureFixture[str]
) -> None:
    logger, stream = log
    logger.warning("%d calls", SECRET)
    written = stream.getvalue() + capsys.readouterr().err
    assert "calls" in written
    assert SECRET not in written


def test_every_record_of_the_process_can_be_cleaned_where_it_is_made() -> None:
    before = logging.getLogRecordFactory()
    try:
        redact_all_logs()
        redact_all_logs()
        factory = logging.getLogRecordFactory()
        record = logging.getLogger("any.other").makeRecord(
            "any.other", logging.INFO, __file__, 1, "with %s", (SLACK,), None
        )
        assert SLACK not in record.getMessage()
        redact_all_logs()
        assert logging.getLogRecordFactory() is factory
    finally:
        logging.setLogRecordFactory(before)


def test_a_live_exception_is_cleaned_where_the_record_is_made() -> None:
    before = logging.getLogRecordFactory()
    try:
        redact_all_logs()
        try:
            raise RuntimeError(SLACK)
        except RuntimeError:
            record = logging.getLogger("any.other").makeRecord(
                "any.other", logging.ERROR, __file__, 1, "failed", (), sys.exc_info()
            )
        assert SLACK not in logging.Formatter().format(record)
    finally:
        logging.setLogRecordFactory(before)


def test_an_address_is_cleaned_by_itself() -> None:
    secret = base64.b64encode(b"someone:else").decode()
    redactor.register(secret)
    url = redactor.url(f"https://u:pw@h/{secret}/x?sig=abc&v=1")
    assert url == "https://redacted@h/redacted/x?sig=redacted&v=1"
