"""The HTTP client against real servers that misbehave."""

import gzip
import json
import logging
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import exporters
from exporters.caller import ApiCaller, track_calls
from exporters.classify import ErrorRule
from exporters.errors import (
    AuthenticationError,
    DataVolumeError,
    ExportError,
    InvalidDataError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    TransientError,
)
from exporters.http import HttpClient
from exporters.settings import SourceSettings

Quick = Callable[..., SourceSettings]
Build = Callable[..., HttpClient]


@pytest.fixture
def client(quick: Quick, token: str) -> Iterator[Build]:
    made: list[HttpClient] = []

    def build(hosts: tuple[str, ...] = (), **changes: Any) -> HttpClient:
        client = HttpClient(
            ApiCaller("Hub", token, quick(**changes)),
            authorization={"Authorization": f"Bearer {token}"},
            credential_hosts=hosts,
        )
        made.append(client)
        return client

    yield build
    for client in made:
        client.close()


def test_json_is_asked_for_with_credential_and_query(
    server: Any, reply: Any, client: Build, token: str
) -> None:
    server.on("/api/items", reply({"items": [1]}, headers={"X-Total": "7"}))
    hub = client(base_url=f"{server.url}/api")
    answer = hub.get("/items", params={"limit": 2, "deep": True, "cursor": None})
    assert answer.body == {"items": [1]}
    assert answer.headers["x-total"] == "7"
    (seen,) = server.seen
    assert seen.headers["authorization"] == f"Bearer {token}"
    assert seen.query == {"limit": ["2"], "deep": ["true"]}
    assert seen.headers["accept"] == "application/json"


def test_connections_are_kept_alive(server: Any, reply: Any, client: Build) -> None:
    server.on("/x", reply({}))
    hub = client()
    for _ in range(3):
        hub.get("/x")
    assert len({seen.port for seen in server.seen}) == 1


def test_the_next_page_of_a_link_header_is_followed_as_it_is(
    server: Any, reply: Any, client: Build
) -> None:
    link = f'<{server.url}/x?after=a%2Fb&token=t>; rel="next", <{server.url}/x>; rel="first"'
    server.on("/x", reply([1], headers={"Link": link}), reply([2]))
    hub = client()
    first = hub.get("/x", params={"per_page": 1})
    assert first.next_url is not None
    second = hub.get(first.next_url)
    assert (second.body, second.next_url) == ([2], None)
    assert server.seen[1].target == "/x?after=a%2Fb&token=t"


def test_an_answer_without_a_body_is_none(server: Any, reply: Any, client: Build) -> None:
    server.on("/x", reply(status=204), reply(status=304))
    hub = client()
    assert hub.get("/x").body is None
    assert hub.get("/x").status == 304


@pytest.mark.parametrize(
    "bad",
    [
        {"fault": "reset"},
        {"body": {"a": "x" * 50}, "fault": "cut"},
        {"body": b'{"a": '},
        {"body": b""},
        {"body": b"\xff\xfe\x00bad"},
        {"body": b"[" * 100_000},
        {"body": b"<html>proxy</html>", "headers": {"Content-Type": "text/html"}},
        {"status": 503},
        {"delay": 0.6},
        {"body": {"a": 1}, "status": 429, "headers": {"Retry-After": "0.01"}},
    ],
)
def test_whatever_goes_wrong_once_is_tried_again(
    server: Any, reply: Any, client: Build, bad: dict[str, Any]
) -> None:
    server.on("/x", reply(**bad), reply({"fine": 1}))
    with track_calls() as usage:
        assert client(read_timeout=0.3).get("/x").body == {"fine": 1}
    assert usage.calls == 2


def test_json_that_stays_malformed_is_a_transient_failure(
    server: Any, reply: Any, client: Build
) -> None:
    server.on("/x", reply(b'{"a": '))
    with pytest.raises(TransientError, match="not JSON"):
        client().get("/x")
    assert len(server.seen) == 4


def test_a_call_made_because_of_an_error_is_judged_by_its_own_answer(
    server: Any, reply: Any, client: Build
) -> None:
    server.on("/gone", reply({}, status=404))
    server.on("/whole", reply(b'{"items": ["cut o'), reply({"items": []}))
    hub = client()
    try:
        hub.get("/gone")
    except NotFoundError:
        assert hub.get("/whole").body == {"items": []}
    assert len(server.seen) == 3


def test_a_server_that_trickles_does_not_hold_a_thread_for_ever(
    server: Any, reply: Any, client: Build
) -> None:
    server.on("/x", reply({"a": "x" * 200}, fault="trickle"))
    begin = time.monotonic()
    with pytest.raises(TransientError, match="in time"):
        client(read_timeout=5, answer_timeout=0.3, max_attempts=1).get("/x")
    assert time.monotonic() - begin < 3


def test_an_answer_too_large_for_memory_asks_for_a_smaller_page(
    server: Any, reply: Any, client: Build
) -> None:
    server.on("/x", reply({"a": "x" * 5000}))
    with pytest.raises(DataVolumeError) as caught:
        client(max_json_bytes=1000).get("/x", page_size=40)
    assert caught.value.suggested_limit == 20
    assert len(server.seen) == 1


def test_a_compressed_answer_is_measured_unpacked(server: Any, reply: Any, client: Build) -> None:
    bomb = gzip.compress(json.dumps({"a": "x" * 1_000_000}).encode())
    server.on("/x", reply(bomb, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(DataVolumeError):
        client(max_json_bytes=100_000).get("/x")


def test_a_closed_client_gives_its_connections_back(
    server: Any, reply: Any, quick: Quick, token: str
) -> None:
    server.on("/x", reply({}))
    with HttpClient(ApiCaller("Hub", token, quick())) as hub:
        hub.get("/x")
    with pytest.raises(RuntimeError, match="closed"):
        hub.get("/x")


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, AuthenticationError), (403, PermissionDeniedError), (404, NotFoundError)],
)
def test_refusals_name_the_path_and_never_the_query(
    *, server: Any, reply: Any, client: Build, token: str, status: int, error: type[ExportError]
) -> None:
    server.on("/items/7", reply({"message": f"No {token}"}, status))
    with pytest.raises(error, match=r"Hub .*GET /items/7.* \(HTTP") as caught:
        client().get("/items/7", params={"page_token": "opaque-cursor"})
    assert "opaque-cursor" not in caught.value.sentence()
    assert token not in caught.value.sentence()


def test_codes_of_one_call_go_before_those_of_the_source(
    server: Any, reply: Any, client: Build
) -> None:
    codes = {"HTTP 404": ErrorRule(error=PermissionDeniedError, message="Hidden.")}
    with pytest.raises(PermissionDeniedError, match="Hidden"):
        client().get("/nowhere", codes=codes)


def test_a_token_that_is_made_anew_is_used_at_once(
    server: Any, reply: Any, quick: Quick, token: str
) -> None:
    tokens = [f"{token}-1"]

    def renew() -> bool:
        tokens.append(f"{token}-2")
        return True

    server.on("/x", reply(status=401), reply({"fine": 1}))
    with HttpClient(
        ApiCaller("Hub", token, quick(), renew=renew),
        authorization=lambda: {"Private-Token": tokens[-1]},
    ) as hub:
        assert hub.get("/x").body == {"fine": 1}
    assert [seen.headers["private-token"][-2:] for seen in server.seen] == ["-1", "-2"]


def test_the_credential_does_not_follow_a_redirect_to_another_host(
    server: Any, other_server: Any, reply: Any, quick: Quick, token: str
) -> None:
    server.on("/x", reply(status=302, headers={"Location": f"{other_server.url}/y"}))
    other_server.on("/y", reply({"fine": 1}))
    headers = {"Authorization": f"Bearer {token}", "X-Api-Key": token}
    with HttpClient(ApiCaller("Hub", token, quick()), authorization=headers) as hub:
        assert hub.get("/x").body == {"fine": 1}
        assert hub.get(f"{other_server.url}/y").body == {"fine": 1}
    assert "authorization" in server.seen[0].headers
    for seen in other_server.seen:
        assert not {"authorization", "x-api-key"} & seen.headers.keys()


def test_an_allowed_host_gets_the_credential_also_after_a_redirect(
    server: Any, other_server: Any, reply: Any, client: Build, token: str
) -> None:
    server.on("/x", reply(status=307, headers={"Location": f"{other_server.url}/y"}))
    other_server.on("/y", reply({"fine": 1}))
    client(hosts=(other_server.host,)).get("/x")
    assert other_server.seen[0].headers["authorization"] == f"Bearer {token}"


def test_the_credential_comes_back_with_a_redirect_to_the_own_host(
    server: Any, other_server: Any, reply: Any, client: Build
) -> None:
    server.on("/x", reply(status=302, headers={"Location": f"{other_server.url}/y"}))
    other_server.on("/y", reply(status=302, headers={"Location": f"{server.url}/z"}))
    server.on("/z", reply({}))
    client().get("/x")
    assert "authorization" in server.calls("/z")[0].headers


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("files.hub.example", True),
        ("a.cdn.example", True),
        ("cdn.example", False),
        ("evilcdn.example", False),
        ("files.hub.example.evil.test", False),
    ],
)
def test_a_proxy_sees_which_hosts_get_the_credential(
    *,
    server: Any,
    reply: Any,
    client: Build,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    allowed: bool,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    server.on("/x", reply({"fine": 1}))
    hosts = ("files.hub.example", "*.cdn.example")
    hub = client(hosts, base_url="http://hub.example", use_environment_proxy=True)
    hub.get(f"http://{host}/x")
    (seen,) = server.seen
    assert seen.target == f"http://{host}/x"
    assert ("authorization" in seen.headers) == allowed


def test_the_proxy_of_the_environment_can_be_ignored(
    server: Any, other_server: Any, reply: Any, client: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", other_server.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    server.on("/x", reply({"fine": 1}))
    assert client(use_environment_proxy=False).get("/x").body == {"fine": 1}
    assert not other_server.seen


def test_an_encrypted_credential_is_never_sent_unencrypted(
    *,
    server: Any,
    tls_server: Any,
    reply: Any,
    client: Build,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls_server.on("/x", reply(status=302, headers={"Location": f"{server.url}/y"}))
    server.on("/y", reply({"fine": 1}))
    client(hosts=(server.host,), base_url=tls_server.url).get("/x")
    assert "authorization" in tls_server.seen[0].headers
    assert "authorization" not in server.seen[0].headers


def test_a_certificate_that_is_not_trusted_is_told_and_not_retried(
    tls_server: Any, client: Build
) -> None:
    with track_calls() as usage, pytest.raises(AuthenticationError, match="certificate of Hub"):
        client(base_url=tls_server.url).get("/x")
    assert usage.calls == 1


def test_a_post_is_not_turned_into_something_else_by_a_redirect(
    server: Any, reply: Any, client: Build
) -> None:
    server.on("/x", reply(status=302, headers={"Location": "/login"}))
    server.on("/y", reply(status=307, headers={"Location": "/z"}))
    server.on("/z", reply({"fine": 1}))
    hub = client()
    with pytest.raises(InvalidDataError, match="HTTP 302"):
        hub.request("POST", "/x", json={"a": 1})
    assert hub.request("POST", "/y", json={"a": 1}).body == {"fine": 1}
    assert json.loads(server.calls("/z")[0].body) == {"a": 1}
    assert not server.calls("/login")


def test_a_circle_of_redirects_ends(server: Any, reply: Any, client: Build) -> None:
    server.on("/x", reply(status=302, headers={"Location": "/x?token=abcdefgh"}))
    with pytest.raises(InvalidDataError, match="in a circle") as caught:
        client().get("/x")
    assert len(server.seen) == 11
    assert "abcdefgh" not in caught.value.sentence()


def test_graphql_data_is_returned(server: Any, reply: Any, client: Build) -> None:
    server.on("/graphql", reply({"data": {"posts": [1]}}))
    answer = client(base_url=f"{server.url}/graphql").graphql("query { posts }", {"first": 3})
    assert (answer.data, answer.failures) == ({"posts": [1]}, ())
    sent = json.loads(server.seen[0].body)
    assert sent == {"query": "query { posts }", "variables": {"first": 3}}


def test_graphql_errors_are_raised_and_retried_by_their_kind(
    server: Any, reply: Any, client: Build
) -> None:
    limited = {"data": None, "errors": [{"type": "RATE_LIMITED", "message": "x"}]}
    timed_out = {"errors": [{"message": "Something went wrong"}]}
    wrong = {"errors": [{"message": "Field 'x' doesn't exist"}]}
    server.on(
        "/graphql",
        reply(limited, headers={"Retry-After": "0.01"}),
        reply(timed_out),
        reply({"data": {"a": 1}}),
        reply(wrong),
    )
    hub = client()
    assert hub.graphql("query", path="graphql").data == {"a": 1}
    with pytest.raises(InvalidDataError, match="Hub rejects the list of posts: Field"):
        hub.graphql("query", path="graphql", name="the list of posts")
    assert len(server.seen) == 4


def test_partial_graphql_data_comes_with_its_failures(
    server: Any, reply: Any, client: Build
) -> None:
    body = {"data": {"a": 1, "b": None}, "errors": [{"type": "FORBIDDEN", "path": ["b"]}]}
    server.on("/graphql", reply(body))
    hub = client()
    answer = hub.graphql("query", path="graphql", allow_partial=True)
    assert answer.data == {"a": 1, "b": None}
    assert [(part.path, type(part.error)) for part in answer.failures] == [
        (("b",), PermissionDeniedError)
    ]
    with pytest.raises(PermissionDeniedError):
        hub.graphql("query", path="graphql")


def test_a_file_is_downloaded_whole_or_cut_with_a_flag(
    server: Any, reply: Any, client: Build, token: str
) -> None:
    content = bytes(range(256)) * 400
    server.on("/f.png", reply(content, headers={"Content-Type": "Image/PNG; x=y"}))
    hub = client()
    whole = hub.download(f"{server.url}/f.png?t=1", max_bytes=len(content))
    assert whole.content == content
    assert (whole.truncated, whole.size, whole.content_type) == (False, len(content), "image/png")
    cut = hub.download("/f.png", max_bytes=1000)
    assert cut.content == content[:1000]
    assert (cut.truncated, cut.size) == (True, len(content))
    assert server.seen[0].headers["authorization"] == f"Bearer {token}"


def test_a_compressed_download_is_unpacked(server: Any, reply: Any, client: Build) -> None:
    packed = gzip.compress(b"x" * 500)
    server.on("/f", reply(packed, headers={"Content-Encoding": "gzip", "Content-Type": "a/b"}))
    file = client().download("/f", max_bytes=400)
    assert (file.content, file.truncated, file.size) == (b"x" * 400, True, None)


def test_a_download_that_breaks_off_begins_again(server: Any, reply: Any, client: Build) -> None:
    server.on("/f", reply(b"x" * 1000, fault="cut"), reply(fault="reset"), reply(b"y" * 1000))
    assert client().download("/f", max_bytes=5000).content == b"y" * 1000


def test_a_login_page_instead_of_a_file_is_an_error(server: Any, reply: Any, client: Build) -> None:
    page = {"Content-Type": "text/html; charset=utf-8"}
    server.on("/f", reply(b"<html>Sign in</html>", headers=page))
    hub = client()
    with pytest.raises(PermissionDeniedError, match="web page instead of the file /f") as caught:
        hub.download("/f?token=abcdefgh", max_bytes=100, expected_type="application/pdf")
    assert "right to read files" in caught.value.hint
    assert len(server.seen) == 1
    assert hub.download("/f", max_bytes=100, expected_type="text/html").content


@pytest.mark.parametrize(
    ("status", "error"), [(404, NotFoundError), (403, PermissionDeniedError), (429, RateLimitError)]
)
def test_a_download_that_is_refused_is_classified(
    server: Any, reply: Any, client: Build, status: int, error: type[ExportError]
) -> None:
    server.on("/f", reply({"message": "no such file"}, status, {"Retry-After": "99999"}))
    if status == 403:
        server.on("/f", reply({"message": "no such file"}, status))
    with pytest.raises(error, match=r"the file /f.*no such file"):
        client().download("/f", max_bytes=10)


def test_a_download_that_trickles_ends(server: Any, reply: Any, client: Build) -> None:
    server.on("/f", reply(b"x" * 200, fault="trickle"))
    with pytest.raises(TransientError, match="in time"):
        client(download_timeout=0.3, max_attempts=1).download("/f", max_bytes=1000)


def test_no_log_line_holds_the_credential_or_a_signed_address(
    server: Any, reply: Any, client: Build, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.on("/x", reply({}, headers={"Set-Cookie": "d=session-value", "X-Echo": token}))
    hub = client()
    hub.get("/x", params={"access_token": "signed-value", "a": "b"})
    hub.download("/x?t=xoxe-1-abcdef", max_bytes=10)
    assert "HTTP Request" in caplog.text, "the library no longer logs; this test sees nothing"
    assert "X-Echo" in caplog.text, "the library no longer logs headers"
    for secret in (token, "signed-value", "xoxe-1-abcdef", "session-value"):
        assert secret not in caplog.text


def test_the_http_library_is_imported_in_one_module_only() -> None:
    package = Path(exporters.__file__).parent
    importing = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if re.search(r"^\s*(?:import|from) httpx2\b", path.read_text(), re.M)
    }
    assert importing == {"http.py"}


def test_the_errors_can_be_imported_without_the_libraries_of_the_http_layer() -> None:
    heavy = "{'httpx2', 'pybreaker', 'pyrate_limiter', 'pydantic_settings', 'tenacity'}"
    code = f"import sys, exporters.errors; sys.exit(len({heavy} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
