"""How the sandbox tests talk to a server: through Slack's own client, or byte by byte."""

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from sandbox.server import SandboxServer
from sandbox.slack import BOT_TOKEN, SlackSandbox

FIXED_NOW = 1_790_000_000.0
FORM = "application/x-www-form-urlencoded"


def client_of(sandbox: SlackSandbox, token: str = BOT_TOKEN) -> WebClient:
    """Slack's own client, without retries, so that a test sees what the server does."""
    return WebClient(token=token, base_url=sandbox.api_url, retry_handlers=[], timeout=10)


def error_of(client: WebClient, method: str, **params: Any) -> dict[str, Any]:
    """The ``ok: false`` answer of a call."""
    with pytest.raises(SlackApiError) as failure:
        client.api_call(method, params=params)
    data = failure.value.response.data
    assert isinstance(data, dict)
    return data


@dataclass(frozen=True)
class RawAnswer:
    """An answer as it came over the wire; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def raw(
    sandbox: SandboxServer,
    path: str,
    body: str | bytes | None = None,
    *,
    verb: str | None = None,
    token: str = BOT_TOKEN,
    content_type: str | None = FORM,
) -> RawAnswer:
    """Send one request and read the whole answer.

    Errors of the connection (``ConnectionResetError``, ``IncompleteRead``) are the caller's.
    """
    address = urlsplit(sandbox.base_url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=10)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if content_type and body is not None:
        headers["Content-Type"] = content_type
    try:
        connection.request(verb or ("GET" if body is None else "POST"), path, body, headers)
        response = connection.getresponse()
        content = response.read()
        sent = {name.lower(): value for name, value in response.getheaders()}
        return RawAnswer(response.status, sent, content)
    finally:
        connection.close()


def control(sandbox: SandboxServer, path: str, data: Any = None, verb: str | None = None) -> Any:
    """Use a control endpoint and return its result."""
    body = None if data is None else json.dumps(data)
    answer = raw(sandbox, f"/_sandbox/{path}", body, verb=verb, token="")
    assert answer.json["ok"], answer.json
    return answer.json["result"]
