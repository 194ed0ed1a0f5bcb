"""The page about adding a source shows code that exists and code that runs."""

import json
import re
import textwrap
import threading
import types
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from example_package import EXAMPLE, ROOT

from exporters.settings import SourceSettings

PAGE = (ROOT / "docs" / "adding-a-source.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(python|toml|yaml)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
WIKI = next(code for _, code in BLOCKS if "class WikiClient" in code)


def example_files() -> dict[Path, str]:
    files = [p for p in EXAMPLE.rglob("*") if p.suffix in {".py", ".toml", ".yaml"}]
    return {path: path.read_text("utf-8") for path in files}


@pytest.mark.parametrize(
    "code", [code for _, code in BLOCKS if code != WIKI], ids=lambda code: code.split("\n")[0][:40]
)
def test_the_code_of_the_page_is_the_code_of_the_example(code: str) -> None:
    as_function, as_method = code.rstrip("\n"), textwrap.indent(code, "    ").rstrip("\n")
    assert any(as_function in text or as_method in text for text in example_files().values())


class Wiki(BaseHTTPRequestHandler):
    """Two pages of a listing; the second one is refused once, as too many calls."""

    seen: ClassVar[list[tuple[str, str]]] = []

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        cursor = query.get("cursor", [""])[0]
        self.seen.append((cursor, self.headers["Authorization"]))
        if cursor == "2" and self.seen.count((cursor, self.headers["Authorization"])) == 1:
            self.send_response(429)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        page = {"pages": [{"id": 3}]} if cursor else {"pages": [{"id": 1}, {"id": 2}], "next": "2"}
        body = json.dumps(page).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def wiki() -> Iterator[str]:
    Wiki.seen.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Wiki)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/api"
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_client_of_the_page_waits_for_a_429_and_misses_no_page(wiki: str) -> None:
    module = types.ModuleType("wiki_of_the_page")
    exec(compile(WIKI, "adding-a-source.md", "exec"), module.__dict__)  # noqa: S102
    client = module.WikiClient("secret-token", SourceSettings(base_url=wiki))
    assert [page["id"] for page in client.pages()] == [1, 2, 3]
    assert [cursor for cursor, _ in Wiki.seen] == ["", "2", "2"]
    assert {authorization for _, authorization in Wiki.seen} == {"Bearer secret-token"}
