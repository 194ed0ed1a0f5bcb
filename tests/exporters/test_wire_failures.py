"""What exceptions of the libraries mean that speak to vendors, each provoked for real."""

import errno
import http.client
import json
import socket
import ssl
import urllib.request
from collections.abc import Callable
from typing import Any, ClassVar

import httpx2
import pytest
import requests
from slack_sdk import WebClient

from exporters.classify import ErrorRule, RequestInfo, classify_exception
from exporters.errors import (
    AuthenticationError,
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
        error=PermissionDeniedError, message="{service} wants the scope {needed}."
    ),
}


def opened(
    url: str,
    *,
    timeout: float = 5.0,
    headers: dict[str, str] | None = None,
    context: ssl.SSLContext | None = None,
) -> http.client.HTTPResponse:
    request = urllib.request.Request(url, headers=headers or {})  # noqa: S310
    response: http.client.HTTPResponse = urllib.request.urlopen(  # noqa: S310
        request, timeout=timeout, context=context
    )
    return response


def raised_by(work: Callable[[], object]) -> Exception:
    with pytest.raises(Exception) as caught:
        work()
    return caught.value


def clients(timeout: float = 5.0) -> dict[str, Callable[[str], object]]:
    """The ways in which the SDKs of this field speak HTTP."""

    def plain(url: str) -> object:
        connection = http.client.HTTPConnection(url.split("/")[2], timeout=timeout)
        connection.request("GET", "/" + url.split("/", 3)[3])
        return json.loads(connection.getresponse().read())

    return {
        "urllib": lambda url: json.loads(opened(url, timeout=timeout).read()),
        "http.client": plain,
        "httpx2": lambda url: httpx2.get(url, timeout=timeout).raise_for_status().json(),
        "requests": lambda url: _checked(requests.get(url, timeout=timeout)),
    }


def _checked(response: requests.Response) -> object:
    response.raise_for_status()
    return response.json()


CLIENTS = list(clients())


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("fault", "words"),
    [("reset", "cut off"), ("cut", "cut off"), ("malformed", "not JSON"), ("slow", "in time")],
)
def test_failures_of_the_wire_are_transient_whoever_reports_them(
    server: Any, reply: Any, client: str, fault: str, words: str
) -> None:
    replies = {
        "reset": reply(fault="reset"),
        "cut": reply({"text": "x" * 100}, fault="cut"),
        "malformed": reply(b'{"ok": tr'),
        "slow": reply({}, delay=0.5),
    }
    server.on("/x", replies[fault])
    work = clients(timeout=0.15 if fault == "slow" else 5)[client]
    error = classify_exception(raised_by(lambda: work(f"{server.url}/x?token=abcdefgh")))
    assert type(error) is TransientError
    assert words in str(error)
    assert "abcdefgh" not in error.sentence()


@pytest.mark.parametrize("client", CLIENTS)
def test_a_refused_connection_and_an_unknown_host_say_so(client: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/x"
    work = clients()[client]
    refused = classify_exception(raised_by(lambda: work(url)))
    assert type(refused) is TransientError
    assert "refuses connections" in str(refused)
    unknown = classify_exception(raised_by(lambda: work("http://no-such-host.invalid/x")))
    assert type(unknown) is TransientError
    assert "name service" in str(unknown)


@pytest.mark.parametrize("client", ["urllib", "httpx2", "requests"])
def test_a_certificate_that_is_not_trusted_is_not_retried(tls_server: Any, client: str) -> None:
    error = classify_exception(raised_by(lambda: clients()[client](f"{tls_server.url}/x")))
    assert type(error) is AuthenticationError
    assert error.code == "certificate"
    assert "certificate" in str(error)
    assert not error.retryable


def test_a_network_that_is_down_is_transient() -> None:
    unreachable = OSError(errno.EHOSTUNREACH, "No route to host")
    assert type(classify_exception(unreachable)) is TransientError


def test_plain_http_on_an_encrypted_port_is_transient(server: Any) -> None:
    context = ssl.create_default_context()
    url = server.url.replace("http:", "https:")
    raised = raised_by(lambda: opened(f"{url}/x", timeout=2, context=context))
    assert type(classify_exception(raised)) is TransientError


@pytest.mark.parametrize("client", ["urllib", "httpx2", "requests"])
def test_an_answer_inside_an_exception_is_classified_as_an_answer(
    server: Any, reply: Any, client: str
) -> None:
    server.on("/x", reply({"message": "slow down"}, 429, {"Retry-After": "11"}))
    error = classify_exception(raised_by(lambda: clients()[client](f"{server.url}/x")))
    assert isinstance(error, RateLimitError)
    assert error.retry_after == 11.0
    if client != "httpx2":
        assert "slow down" in str(error)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (({"ok": False, "error": "missing_scope", "needed": "a"},), PermissionDeniedError),
        (({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": "3"}), RateLimitError),
        ((b"<html>Bad gateway</html>", 502), TransientError),
        ((b'{"ok": true, "messages": [{"te',), TransientError),
    ],
)
def test_errors_of_slacks_sdk_follow_the_table(
    server: Any, reply: Any, answer: tuple[Any, ...], error: type[ExportError]
) -> None:
    server.on("/api/conversations.history", reply(*answer))
    client = WebClient("xoxb-test", base_url=f"{server.url}/api/", retry_handlers=[])
    raised = raised_by(lambda: client.api_call("conversations.history"))
    classified = classify_exception(raised, codes=CODES, about=ABOUT)
    assert type(classified) is error
    if isinstance(classified, RateLimitError):
        assert classified.retry_after == 3.0


class GoogleStyleError(Exception):
    """As google-api-python-client raises it: `resp` is a mapping of headers with a status."""

    def __init__(self, status: int, content: bytes) -> None:
        self.resp = _Headers({"x-request-id": "1"})
        self.resp.status = status
        self.content = content


class _Headers(dict[str, str]):
    status = 0


def test_an_sdk_error_with_a_mapping_for_a_response_is_understood() -> None:
    raised = GoogleStyleError(
        403, json.dumps({"error": {"errors": [{"reason": "userRateLimitExceeded"}]}}).encode()
    )
    assert type(classify_exception(raised)) is RateLimitError


def test_an_sdk_error_with_nothing_but_a_status_is_understood() -> None:
    class SdkError(Exception):
        status = 404
        headers: ClassVar[dict[str, str]] = {}

    assert type(classify_exception(SdkError())) is NotFoundError
    SdkError.status = 42
    assert classify_exception(SdkError()) is None


def test_an_error_that_is_one_already_is_passed_on() -> None:
    error = NotFoundError("gone")
    assert classify_exception(error) is error
    wrapped = RuntimeError("while reading")
    wrapped.__cause__ = error
    assert classify_exception(wrapped) is error


@pytest.mark.parametrize(
    "mistake", [KeyError("x"), TypeError("x"), ValueError("x"), OSError(2, "x")]
)
def test_a_mistake_in_a_program_is_not_called_a_failure_of_the_service(
    mistake: Exception,
) -> None:
    assert classify_exception(mistake) is None


def test_a_mistake_made_while_handling_a_failure_is_still_a_mistake() -> None:
    def work() -> None:
        try:
            raise ConnectionResetError
        except ConnectionResetError:
            {}["x"]

    assert classify_exception(raised_by(work)) is None


def test_an_sdks_own_error_raised_while_handling_a_failure_is_that_failure() -> None:
    class SdkError(Exception):
        pass

    def work() -> None:
        try:
            raise TimeoutError
        except TimeoutError:
            raise SdkError("failed")  # noqa: B904

    assert type(classify_exception(raised_by(work))) is TransientError


@pytest.mark.parametrize("client", CLIENTS)
def test_a_token_that_cannot_be_sent_is_not_quoted(server: Any, client: str) -> None:
    token = "Bearer tok\nen-with-a-break"

    def with_http_client() -> None:
        http.client.HTTPConnection(server.host).request("GET", "/", headers={"A": token})

    work = {
        "urllib": lambda: opened(server.url, headers={"A": token}),
        "http.client": with_http_client,
        "httpx2": lambda: httpx2.get(server.url, headers={"A": token}),
        "requests": lambda: requests.get(server.url, headers={"A": token}, timeout=2),
    }[client]
    error = classify_exception(raised_by(work))
    assert type(error) is AuthenticationError
    assert "en-with-a-break" not in error.sentence()


def test_a_token_with_foreign_letters_is_told_as_such(server: Any) -> None:
    def work() -> None:
        http.client.HTTPConnection(server.host).request("GET", "/", headers={"A": "xoxb-…"})

    assert type(classify_exception(raised_by(work))) is AuthenticationError


@pytest.mark.parametrize("url", ["ftp://host/x", "http://[::1", "//host"])
def test_an_address_that_is_none_is_set_aside(url: str) -> None:
    for work in (lambda: httpx2.get(url), lambda: requests.get(url, timeout=2)):
        assert type(classify_exception(raised_by(work))) is InvalidDataError
