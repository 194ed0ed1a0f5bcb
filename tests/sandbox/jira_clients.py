"""How the tests of the Jira sandbox talk to it: request by request, as any HTTP client would."""

import base64
import http.client
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from sandbox.jira import ADMIN_TOKEN, PAT, SYNC_EMAIL, JiraSandbox
from sandbox.jira.payloads import Payload

NOW = 1_790_000_000.0


def shared_folder() -> Path:
    """Specifications and recordings, which are kept beside the project, not in it."""
    here = Path(__file__).resolve()
    found = [folder / "shared" for folder in here.parents if (folder / "shared" / "specs").is_dir()]
    return found[0] if found else here.parents[3] / "shared"


@dataclass(frozen=True)
class Answer:
    """An answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        """The first error message."""
        return str(self.json["errorMessages"][0])


@dataclass(frozen=True)
class JiraClient:
    """Talks to a sandbox with one credential.

    Attributes:
        sandbox: The server.
        authorization: The whole Authorization header; empty for none.
        prefix: What comes before ``/rest``: the gateway's path.
        version: Of the API.
    """

    sandbox: JiraSandbox
    authorization: str
    prefix: str = ""
    version: int = 3
    extra: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **params: Any) -> Any:
        """The JSON of a successful GET below ``/rest/api/N/``."""
        answer = self.ask("GET", path, params)
        assert answer.status == 200, (path, answer.status, answer.body[:300])
        return answer.json

    def post(self, path: str, **body: Any) -> Any:
        """The JSON of a successful POST."""
        answer = self.ask("POST", path, {}, body)
        assert answer.status == 200, (path, answer.status, answer.body[:300])
        return answer.json

    def refused(self, path: str, **params: Any) -> Answer:
        """The answer of a GET that fails."""
        answer = self.ask("GET", path, params)
        assert answer.status >= 400, answer.body[:300]
        return answer

    def ask(
        self, verb: str, path: str, params: dict[str, Any] | None = None, body: Any = None
    ) -> Answer:
        """Send one request below ``/rest/api/N/``, or ``/rest/agile/1.0/``."""
        base = "/rest/agile/1.0" if path.startswith("agile/") else f"/rest/api/{self.version}"
        query = f"?{urlencode(params, doseq=True)}" if params else ""
        return self.raw(verb, f"{self.prefix}{base}/{path.removeprefix('agile/')}{query}", body)

    def raw(self, verb: str, path: str, body: Any = None) -> Answer:
        """Send one request to any path."""
        address = urlsplit(self.sandbox.base_url)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=10)
        headers = {"Authorization": self.authorization} if self.authorization else {}
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body)
        try:
            connection.request(verb, path, data, headers | self.extra)
            response = connection.getresponse()
            sent = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, sent, response.read())
        finally:
            connection.close()

    def ids(self, jql: str, size: int = 5000) -> list[int]:
        """The ids of a query, all pages."""
        return [int(issue["id"]) for issue in self.search(jql, maxResults=size)]

    def search(self, jql: str, **params: Any) -> list[Payload]:
        """The issues of a query, all pages."""
        found, token = [], None
        while True:
            extra = {"nextPageToken": token} if token else {}
            page = self.get("search/jql", jql=jql, **params, **extra)
            found += page["issues"]
            token = page.get("nextPageToken")
            assert page["isLast"] == (token is None)
            if token is None:
                return found

    def keys(self, jql: str) -> list[str]:
        """The keys of a query."""
        return [issue["key"] for issue in self.search(jql, fields="key", maxResults=5000)]


def basic(user: str, token: str) -> str:
    """A Basic Authorization header."""
    return "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()


def client_of(
    sandbox: JiraSandbox, token: str = "", user: str = "", version: int = 0
) -> JiraClient:
    """A client on the site: by default the sync user, who sees everything."""
    if not sandbox.site.is_cloud:
        return JiraClient(sandbox, f"Bearer {token or PAT}", version=2)
    if token and not user:
        user = sandbox.site.people[sandbox.site.tokens[token].person].email
    header = basic(user or SYNC_EMAIL, token or ADMIN_TOKEN)
    return JiraClient(sandbox, header, version=version or 3)


def gateway_client(sandbox: JiraSandbox, token: str) -> JiraClient:
    """A client with a bearer token, through Atlassian's gateway."""
    return JiraClient(sandbox, f"Bearer {token}", f"/ex/jira/{sandbox.site.cloud_id}")
