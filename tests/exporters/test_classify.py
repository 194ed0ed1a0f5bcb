"""What answers mean."""

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.classify import (
    ErrorRule,
    RequestInfo,
    answer_too_large,
    classify_batch,
    classify_response,
    graphql_failures,
)
from exporters.errors import (
    AuthenticationError,
    CursorExpiredError,
    DataVolumeError,
    ExportError,
    InvalidDataError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    TransientError,
)

ABOUT = RequestInfo(service="Hub", name="GET /issues", scope="core", page_size=100, item="i-7")

CODES = {
    "missing_scope": ErrorRule(
        error=PermissionDeniedError,
        message="{service} wants the scope {needed} for {request}.",
        hint="Add {needed} to the app, which has {provided}.",
    ),
    "invalid_cursor": ErrorRule(error=CursorExpiredError, message="{service} forgot the cursor."),
    "quota": ErrorRule(error=RateLimitError, message="Wait{wait}.", retry_after=9),
    "190": ErrorRule(error=AuthenticationError, message="{service} revoked the token ({code})."),
    "100/33": ErrorRule(error=NotFoundError, message="{service}: gone. {detail}"),
    "HTTP 410": ErrorRule(error=CursorExpiredError, message="{service} wants a full sync."),
}


def google(reason: str, status: int = 403) -> dict[str, Any]:
    return {"error": {"code": status, "message": "No.", "errors": [{"reason": reason}]}}


@pytest.mark.parametrize(
    ("status", "headers", "body", "error"),
    [
        (401, {}, {"message": "Bad credentials"}, AuthenticationError),
        (407, {}, b"", AuthenticationError),
        (403, {}, {"message": "Resource not accessible by integration"}, PermissionDeniedError),
        (403, {}, google("insufficientFilePermissions"), PermissionDeniedError),
        (403, {}, google("domainPolicy"), PermissionDeniedError),
        (403, {}, google("userRateLimitExceeded"), RateLimitError),
        (403, {}, google("rateLimitExceeded"), RateLimitError),
        (403, {}, google("quotaExceeded"), RateLimitError),
        (403, {}, google("backendError"), TransientError),
        (403, {}, {"message": "You have exceeded a secondary rate limit."}, RateLimitError),
        (403, {}, {"message": "You have triggered an abuse detection mechanism."}, RateLimitError),
        (403, {"X-RateLimit-Remaining": "0"}, {"message": "No."}, RateLimitError),
        (403, {"X-RateLimit-Remaining": "9"}, {"message": "No."}, PermissionDeniedError),
        (403, {"Retry-After": "3"}, b"", RateLimitError),
        (402, {}, b"", PermissionDeniedError),
        (404, {}, b"<html>", NotFoundError),
        (410, {}, b"", NotFoundError),
        (429, {}, "Rate limit for this resource has been exceeded", RateLimitError),
        (408, {}, b"", TransientError),
        (425, {}, b"", TransientError),
        (423, {}, {"error": {"code": "resourceLocked"}}, TransientError),
        (409, {}, {"error": {"code": "resourceLocked"}}, TransientError),
        (423, {}, b"", TransientError),
        (500, {}, {"error": {"status": "NOT_FOUND"}}, TransientError),
        (401, {}, {"error": "rate_limited"}, AuthenticationError),
        (400, {}, {"errors": [{"code": "NOT_FOUND"}]}, NotFoundError),
        (400, {}, {"type": "https://x/2/problems/resource-not-found"}, NotFoundError),
        (502, {}, b"<html>Bad gateway</html>", TransientError),
        (503, {}, b"", TransientError),
        (503, {"Retry-After": "20"}, b"", RateLimitError),
        (504, {}, None, TransientError),
        (400, {}, {"errorMessages": ["The value 'X' does not exist"]}, InvalidDataError),
        (422, {}, {"message": "Validation failed"}, InvalidDataError),
        (302, {"Location": "/login"}, b"", InvalidDataError),
        (413, {}, b"", DataVolumeError),
        (414, {}, b"", DataVolumeError),
        (500, {}, {"error": {"message": "Please reduce the amount of data"}}, DataVolumeError),
        (400, {}, {"error": "invalid_grant", "error_description": "Expired"}, AuthenticationError),
        (
            429,
            {},
            {"title": "x", "type": "https://x/2/problems/rate-limit-exceeded"},
            RateLimitError,
        ),
    ],
)
def test_the_status_and_the_body_together_decide(
    status: int, headers: dict[str, str], body: Any, error: type[ExportError]
) -> None:
    assert type(classify_response(status, headers, body, about=ABOUT)) is error


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 304])
def test_a_success_is_no_error(status: int) -> None:
    assert classify_response(status, {}, {"ok": True, "data": {}, "errors": []}) is None
    assert classify_response(status, {}, b"not JSON") is None


def test_a_rate_limit_carries_the_wait_and_the_scope() -> None:
    error = classify_response(429, {"Retry-After": "1.5"}, {}, about=ABOUT)
    assert isinstance(error, RateLimitError)
    assert (error.retry_after, error.scope) == (1.5, "core")
    assert "a wait of 2 s before GET /issues" in str(error)


def test_a_secondary_limit_that_names_no_time_waits_a_minute() -> None:
    headers = {"X-RateLimit-Remaining": "4000", "X-RateLimit-Reset": "99999999999"}
    body = {"message": "You have exceeded a secondary rate limit."}
    error = classify_response(403, headers, body)
    assert isinstance(error, RateLimitError)
    assert error.retry_after == 60.0


@pytest.mark.parametrize(
    ("date", "hours"),
    [("Fri, 20 Nov 2026 07:00:00 GMT", 1), ("Fri, 20 Nov 2026 12:00:00 GMT", 20)],
)
def test_a_daily_quota_of_google_lasts_until_midnight_in_california(date: str, hours: int) -> None:
    error = classify_response(403, {"Date": date}, google("dailyLimitExceeded"))
    assert isinstance(error, RateLimitError)
    assert error.retry_after == hours * 3600


def test_too_much_at_once_suggests_half() -> None:
    error = classify_response(413, {}, b"", about=ABOUT)
    assert isinstance(error, DataVolumeError)
    assert error.suggested_limit == 50


def test_a_single_item_that_is_too_much_is_set_aside() -> None:
    about = RequestInfo(service="Hub", page_size=1, item="i-7")
    for error in (classify_response(413, {}, b"", about=about), answer_too_large(10, about)):
        assert isinstance(error, InvalidDataError)
        assert error.external_id == "i-7"


def test_slacks_refusal_in_an_answer_of_status_200_follows_the_sources_table() -> None:
    body = {"ok": False, "error": "missing_scope", "needed": "files:read", "provided": "a,b"}
    error = classify_response(200, {}, body, codes=CODES, about=ABOUT)
    assert type(error) is PermissionDeniedError
    assert str(error) == "Hub wants the scope files:read for GET /issues."
    assert error.hint == "Add files:read to the app, which has a,b."
    assert error.code == "missing_scope"


def test_the_sources_table_wins_over_what_is_known_of_all() -> None:
    rule = ErrorRule(error=PermissionDeniedError, message="Not on this plan.")
    error = classify_response(429, {}, {"error": "ratelimited"}, codes={"ratelimited": rule})
    assert type(error) is PermissionDeniedError


def test_a_status_can_have_a_meaning_of_its_own() -> None:
    assert type(classify_response(410, {}, b"", codes=CODES)) is CursorExpiredError
    assert type(classify_response(404, {}, b"", codes=CODES)) is NotFoundError


def test_a_wait_in_the_table_is_for_answers_that_name_none() -> None:
    for headers, seconds in (({}, 9), ({"Retry-After": "4"}, 4)):
        error = classify_response(200, headers, {"ok": False, "error": "quota"}, codes=CODES)
        assert isinstance(error, RateLimitError)
        assert error.retry_after == seconds
        assert str(error) == f"Wait of {seconds} s."


def test_a_sentence_may_name_a_field_that_the_answer_lacks() -> None:
    rule = ErrorRule(error=NotFoundError, message="Gone{nonsense}: {needed}.", hint="{detail}")
    error = classify_response(200, {}, {"ok": False, "error": "gone"}, codes={"gone": rule})
    assert error is not None
    assert (str(error), error.hint) == ("Gone: .", "")


def test_numeric_codes_and_subcodes_are_looked_up() -> None:
    body = {"error": {"message": "Session expired.", "code": 190, "type": "OAuthException"}}
    assert str(classify_response(400, {}, body, codes=CODES)) == (
        "The service revoked the token (190)."
    )
    body = {"error": {"message": "Cannot be loaded.", "code": 100, "error_subcode": 33}}
    assert str(classify_response(400, {}, body, codes=CODES)) == (
        "The service: gone. Cannot be loaded"
    )


@pytest.mark.parametrize("error", ["ratelimited", "rate_limited"])
def test_a_rate_limit_without_any_table_is_still_one(error: str) -> None:
    assert isinstance(classify_response(200, {}, {"ok": False, "error": error}), RateLimitError)


def test_an_unknown_refusal_is_loud_and_not_retried() -> None:
    error = classify_response(200, {}, {"ok": False, "error": "new_code"}, about=ABOUT)
    assert type(error) is InvalidDataError
    assert not error.retryable
    assert "new_code" in str(error)


def test_an_answer_cut_off_in_the_sdk_is_transient() -> None:
    body = {"ok": False, "error": 'Received a response in a non-JSON format: {"ok": true, "m'}
    assert type(classify_response(200, {}, body)) is TransientError


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ({"type": "RATE_LIMIT", "message": "x"}, RateLimitError),
        ({"type": "RATE_LIMITED", "message": "x"}, RateLimitError),
        ({"extensions": {"code": "UNAUTHENTICATED"}, "message": "x"}, AuthenticationError),
        ({"type": "FORBIDDEN", "message": "x", "path": ["a"]}, PermissionDeniedError),
        ({"type": "NOT_FOUND", "message": "x", "path": ["a"]}, NotFoundError),
        ({"type": "MAX_NODE_LIMIT_EXCEEDED", "message": "x"}, DataVolumeError),
        ({"message": "Something went wrong while executing your query."}, TransientError),
        ({"message": "request timed out"}, TransientError),
        ({"message": "Field 'x' doesn't exist on type 'Post'"}, InvalidDataError),
        ({"type": "https://api.x.example/2/problems/resource-not-found"}, NotFoundError),
    ],
)
def test_graphql_errors_in_an_answer_of_status_200_are_failures(
    entry: dict[str, Any], error: type[ExportError]
) -> None:
    assert type(classify_response(200, {}, {"data": None, "errors": [entry]})) is error


def test_of_several_graphql_errors_the_worst_counts() -> None:
    entries = [{"type": "NOT_FOUND", "path": ["a"]}, {"type": "RATE_LIMIT"}]
    body = {"data": {"b": 1}, "errors": entries}
    for allow_partial in (False, True):
        error = classify_response(200, {}, body, allow_partial=allow_partial)
        assert type(error) is RateLimitError


def test_partial_data_is_a_failure_unless_it_is_asked_for() -> None:
    body = {"data": {"a": None, "b": 1}, "errors": [{"type": "NOT_FOUND", "path": ["a", 3]}]}
    assert type(classify_response(200, {}, body)) is NotFoundError
    assert classify_response(200, {}, body, allow_partial=True) is None
    (part,) = graphql_failures(body, about=ABOUT)
    assert part.path == ("a", 3)
    assert type(part.error) is NotFoundError


def test_data_that_is_all_null_is_not_partial() -> None:
    body = {"data": {"a": None}, "errors": [{"type": "NOT_FOUND", "path": ["a"]}]}
    assert type(classify_response(200, {}, body, allow_partial=True)) is NotFoundError


def test_jiras_object_of_errors_is_not_graphql() -> None:
    assert classify_response(200, {}, {"errorMessages": [], "errors": {}}) is None
    assert graphql_failures({"errors": {}}) == []
    assert graphql_failures({"errors": [{"path": 7}]})[0].path == ()


def test_each_inner_answer_of_a_graph_batch_is_classified() -> None:
    answers = classify_batch(
        {
            "responses": [
                {"id": "a", "status": 200, "body": {"x": 1}},
                {"id": "b", "status": 429, "headers": {"Retry-After": "5"}, "body": {}},
                {"id": "c", "status": 404, "body": {"error": {"code": "itemNotFound"}}},
            ]
        },
        about=ABOUT,
    )
    assert [(one.id, type(one.error)) for one in answers] == [
        ("a", type(None)),
        ("b", RateLimitError),
        ("c", NotFoundError),
    ]
    assert isinstance(answers[1].error, RateLimitError)
    assert answers[1].error.retry_after == 5.0
    assert answers[2].error is not None
    assert answers[2].error.code == "itemNotFound"


def test_each_inner_answer_of_a_meta_batch_is_classified() -> None:
    answers = classify_batch(
        [
            {"code": 200, "headers": [{"name": "ETag", "value": "1"}], "body": '{"id": "1"}'},
            None,
            {"code": 400, "body": '{"error": {"message": "Expired", "code": 190}}'},
        ],
        codes=CODES,
    )
    assert answers[0].body == {"id": "1"}
    assert answers[0].headers == {"etag": "1"}
    assert [type(one.error) for one in answers] == [
        type(None),
        TransientError,
        AuthenticationError,
    ]


def test_an_error_quotes_no_secret() -> None:
    token = "xoxb-" + "1234567890-abcdefghijk"
    for body in ({"message": f"Invalid token {token}"}, f"Invalid token {token}"):
        error = classify_response(401, {}, body, about=ABOUT)
        assert error is not None
        assert token not in error.sentence()
        assert "Invalid token" in str(error)


def test_a_long_answer_is_quoted_short_and_on_one_line() -> None:
    error = classify_response(400, {}, {"message": "long\n " * 500}, about=ABOUT)
    assert error is not None
    assert len(str(error)) < 300
    assert "\n" not in str(error)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "errors", "code", "message", "type", "ok", "data", "path"])
            | st.sampled_from(["responses", "status", "headers", "body", "extensions", "details"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.integers(100, 599), _json)
def test_no_answer_whatever_breaks_the_classification(status: int, body: Any) -> None:
    error = classify_response(status, {"Retry-After": "x"}, body, codes=CODES, about=ABOUT)
    assert isinstance(error, ExportError) or (error is None and (status < 300 or status == 304))
    raw = classify_response(
        status, {"Retry-After": "x"}, json.dumps(body).encode(), codes=CODES, about=ABOUT
    )
    assert type(raw) is type(error)
    classify_batch(body)
    graphql_failures(body)


@given(st.binary(max_size=40), st.integers(100, 599))
def test_no_bytes_whatever_break_the_classification(body: bytes, status: int) -> None:
    classify_response(status, {}, body)


def test_classified_errors_survive_being_sent_between_processes() -> None:
    for status in (401, 403, 404, 429, 500, 400):
        error = classify_response(status, {"Retry-After": "3"}, {}, about=ABOUT)
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301
        assert str(copy) == str(error)
        assert copy.__dict__ == error.__dict__
