"""How the Gmail tests talk to the sandbox: byte by byte, with one person's token."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from sandbox_clients import RawAnswer, raw

from sandbox.gmail import GmailSandbox

FULL = "https://mail.google.com/"
READONLY = "https://www.googleapis.com/auth/gmail.readonly"
METADATA = "https://www.googleapis.com/auth/gmail.metadata"
SETTINGS = "https://www.googleapis.com/auth/gmail.settings.basic"
USERS = "https://www.googleapis.com/auth/admin.directory.user.readonly"

ADA, BOB, CLEO = "ada@acme.example", "bob@acme.example", "cleo@acme.example"


@dataclass(frozen=True)
class Caller:
    """Somebody who calls the API.

    Attributes:
        sandbox: The server.
        token: Their access token.
        user: Whose mailbox the paths are about.
    """

    sandbox: GmailSandbox
    token: str
    user: str = "me"

    def send(self, path: str, **parameters: Any) -> RawAnswer:
        """The whole answer to a GET; a path without a slash in front is below the user."""
        query = urlencode(parameters, doseq=True)
        full = path if path.startswith("/") else f"/gmail/v1/users/{quote(self.user)}/{path}"
        return raw(self.sandbox, f"{full}?{query}" if query else full, token=self.token)

    def get(self, path: str, **parameters: Any) -> Any:
        """The JSON of a successful GET."""
        answer = self.send(path, **parameters)
        assert answer.status == 200, answer.body
        return answer.json

    def error(self, path: str, **parameters: Any) -> tuple[int, str, str]:
        """Status, reason and message of a refusal; it has to be in Google's form."""
        answer = self.send(path, **parameters)
        assert answer.status >= 400, answer.body
        error = answer.json["error"]
        assert error["code"] == answer.status
        assert error["errors"][0]["message"] == error["message"]
        return answer.status, error["errors"][0]["reason"], error["message"]

    def pages(self, path: str, **parameters: Any) -> Iterator[Any]:
        """The pages of a listing."""
        token = ""
        while True:
            extra = {"pageToken": token} if token else {}
            page = self.get(path, **parameters, **extra)
            yield page
            token = page.get("nextPageToken", "")
            if not token:
                return

    def ids(self, **parameters: Any) -> list[str]:
        """Ids of all messages a list call finds."""
        pages = self.pages("messages", **parameters)
        return [item["id"] for page in pages for item in page.get("messages", ())]

    def subjects(self, q: str, **parameters: Any) -> list[str]:
        """Subjects of the messages a search finds, sorted."""
        return sorted(
            header(self.get(f"messages/{key}", format="metadata"), "Subject")
            for key in self.ids(q=q, **parameters)
        )

    def history_id(self) -> str:
        """Where the mailbox's history stands."""
        return str(self.get("profile")["historyId"])

    def changes(self, since: str, **parameters: Any) -> list[Any]:
        """The history since."""
        pages = self.pages("history", startHistoryId=since, **parameters)
        return [record for page in pages for record in page.get("history", ())]


def caller(sandbox: GmailSandbox, user: str, *scopes: str, delegated: bool = True) -> Caller:
    """Somebody with a token for these scopes; by default for all of Gmail."""
    token = sandbox.oauth.issue_access_token(user, scopes or (FULL,), delegated=delegated)
    return Caller(sandbox, token)


def header(message: Any, name: str) -> str:
    """The first header of a name."""
    headers = message["payload"]["headers"]
    return next((str(item["value"]) for item in headers if item["name"] == name), "")


def data_of(body: Any) -> bytes:
    """The bytes in a part's body."""
    return base64.urlsafe_b64decode(body["data"])


def leaves(part: Any) -> Iterator[Any]:
    """The parts without parts, in order."""
    if "parts" not in part:
        yield part
    for child in part.get("parts", ()):
        yield from leaves(child)


def all_parts(part: Any) -> Iterator[Any]:
    """Every part, in order."""
    yield part
    for child in part.get("parts", ()):
        yield from all_parts(child)


def batch(
    sandbox: GmailSandbox,
    paths: list[str],
    *,
    token: str = "",
    headers: str = "",
    boundary: str = "batch_x",
) -> tuple[RawAnswer, dict[str, tuple[int, Any]]]:
    """Send a batch and read its answers: Content-ID to status and JSON."""
    pieces = [
        f"--{boundary}\r\nContent-Type: application/http\r\nContent-ID: <item{number}>\r\n\r\n"
        f"GET {path}\r\n{headers}\r\n"
        for number, path in enumerate(paths)
    ]
    answer = raw(
        sandbox,
        "/batch/gmail/v1",
        "\r\n".join([*pieces, f"--{boundary}--\r\n"]),
        token=token,
        content_type=f"multipart/mixed; boundary={boundary}",
    )
    if answer.status != 200:
        return answer, {}
    limit = answer.headers["content-type"].partition("boundary=")[2].encode()
    answers: dict[str, tuple[int, Any]] = {}
    for part in answer.body.split(b"--" + limit)[1:-1]:
        outer, inner, body = part.strip(b"\r\n").split(b"\r\n\r\n", 2)
        name = outer.decode().partition("Content-ID: ")[2].partition("\r\n")[0]
        answers[name] = int(inner.split(b" ", 2)[1]), json.loads(body)
    return answer, answers
