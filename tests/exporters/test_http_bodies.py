"""Requests and answers of other forms than JSON, and tokens that die within the hour."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from exporters.caller import ApiCaller
from exporters.classify import classify_response
from exporters.errors import RateLimitError, TransientError
from exporters.http import HttpClient
from exporters.redaction import Redactor
from exporters.retry_after import wait_in_words


def in_lines(content: bytes, headers: Mapping[str, str]) -> list[str]:
    if headers.get("content-type") != "text/lines":
        raise ValueError("no lines")
    return content.decode().splitlines()


def test_a_body_is_sent_as_it_is_and_an_answer_read_by_the_callers_own_reader(
    server: Any, reply: Any, quick: Callable[..., Any], token: str
) -> None:
    server.on("/batch", reply(b"one\ntwo", headers={"Content-Type": "text/lines"}))
    with HttpClient(ApiCaller("Acme", token, quick())) as http:
        answer = http.request(
            "POST",
            "batch",
            content=b"--b\r\n",
            headers={"Content-Type": "multipart/mixed; boundary=b"},
            parse=in_lines,
        )
    assert answer.body == ["one", "two"]
    [seen] = server.calls("/batch")
    assert seen.body == b"--b\r\n"
    assert seen.headers["content-type"] == "multipart/mixed; boundary=b"


def test_an_answer_that_the_reader_cannot_read_is_asked_for_again(
    server: Any, reply: Any, quick: Callable[..., Any], token: str
) -> None:
    server.on("/batch", reply(b"{}"), reply(b"one", headers={"Content-Type": "text/lines"}))
    with HttpClient(ApiCaller("Acme", token, quick())) as http:
        assert http.request("POST", "batch", parse=in_lines).body == ["one"]
    assert len(server.calls("/batch")) == 2


def test_an_answer_that_nobody_can_read_is_a_failure_of_the_service(
    server: Any, reply: Any, quick: Callable[..., Any], token: str
) -> None:
    server.on("/batch", reply(b"{}"))
    client = HttpClient(ApiCaller("Acme", token, quick(max_attempts=1)))
    with client as http, pytest.raises(TransientError):
        http.request("POST", "batch", parse=in_lines)


def test_errors_are_json_whatever_reader_there_is(
    server: Any, reply: Any, quick: Callable[..., Any], token: str
) -> None:
    server.on("/batch", reply({"error": {"errors": [{"reason": "rateLimitExceeded"}]}}, 403))
    client = HttpClient(ApiCaller("Acme", token, quick(max_attempts=1)))
    with client as http, pytest.raises(RateLimitError) as refused:
        http.request("POST", "batch", parse=in_lines)
    assert refused.value.code == "rateLimitExceeded"


# --- short-lived tokens ---------------------------------------------------------------------------


def test_a_short_lived_token_is_kept_out_of_logs_errors_and_payloads() -> None:
    redactor = Redactor()
    redactor.register_passing("opaque-token-1234", "short")
    assert redactor.text("refused: opaque-token-1234") == "refused: [redacted]"
    assert redactor.finds_secrets(b'{"x": "opaque-token-1234"}')
    assert redactor.payload({"x": "say opaque-token-1234"}) == {"x": "say [redacted]"}
    assert redactor.text("a short word") == "a short word"


def test_tokens_by_the_thousand_do_not_pile_up() -> None:
    redactor = Redactor()
    for number in range(5_000):
        redactor.register_passing(f"token-of-mailbox-{number:05}")
    assert redactor.text("token-of-mailbox-04999") == "[redacted]"
    assert redactor.text("token-of-mailbox-00000") == "token-of-mailbox-00000"


# --- a moment told in words -----------------------------------------------------------------------


def test_the_moment_to_come_back_is_read_from_the_words() -> None:
    now = {"Date": "Fri, 20 Nov 2026 12:00:00 GMT"}
    words = "User-rate limit exceeded.  Retry after 2026-11-20T12:00:07.500Z"
    assert wait_in_words(words, now) == 7.5
    assert wait_in_words("Retry after a while", now) is None
    body = json.dumps(
        {"error": {"code": 403, "message": words, "errors": [{"reason": "userRateLimitExceeded"}]}}
    )
    error = classify_response(403, now, body)
    assert isinstance(error, RateLimitError)
    assert error.retry_after == 7.5
