"""All that a Prefect server keeps and tells, as text: to look for what must not be in it.

assert [place for place, told in everything(server).items() if "hunter2" in told] == []
"""

import json
import sqlite3
from base64 import b64decode
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx2

from servers.prefect import PrefectServer

_PAGE = 200


def everything(server: PrefectServer) -> dict[str, bytes]:
    """What the server's API tells to whoever asks, and what lies in its folder, by its place."""
    return {**dict(_told(server)), **dict(_rows(server)), **dict(_files(server))}


def count_of(told: bytes) -> int:
    """How many items an answer of the API holds."""
    return len(json.loads(told))


def results(server: PrefectServer) -> list[bytes]:
    """The results that runs stored, as they were pickled."""
    stored = [path.read_bytes() for path in (server.home / "storage").glob("*") if path.is_file()]
    return [b64decode(record) for record in stored if not record.startswith(b"{")]


def _told(server: PrefectServer) -> Iterator[tuple[str, bytes]]:
    """Every list that can be asked for, and the states of every run."""
    with httpx2.Client(base_url=server.api_url, timeout=60) as client:
        paths = client.get("/openapi.json").raise_for_status().json()["paths"]
        lists = sorted(
            path.removeprefix("/api")
            for path, methods in paths.items()
            if path.endswith("/filter") and "post" in methods and "{" not in path
        )
        for path in lists:
            yield path, json.dumps(list(_all_of(client, path))).encode()
        for kind in ("flow", "task"):
            path = f"/{kind}_run_states/"
            states = [
                state
                for run in _all_of(client, f"/{kind}_runs/filter")
                for state in client.get(path, params={f"{kind}_run_id": run["id"]}).json()
            ]
            yield path, json.dumps(states).encode()


def _all_of(client: httpx2.Client, path: str) -> Iterator[Any]:
    """All items of a list, page by page."""
    if path == "/events/filter":
        page = client.post(path, json={"limit": 50}).raise_for_status().json()
        yield from page["events"]
        while page["next_page"]:
            page = client.get(page["next_page"]).raise_for_status().json()
            yield from page["events"]
        return
    offset = 0
    while True:
        answer = client.post(path, json={"limit": _PAGE, "offset": offset})
        items = answer.raise_for_status().json()
        yield from items
        offset += _PAGE
        if len(items) < _PAGE:
            return


def _rows(server: PrefectServer) -> Iterator[tuple[str, bytes]]:
    """Every table of the database: in the file, a value may be cut into two pages."""
    with closing(sqlite3.connect(server.home / "prefect.db")) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (name,) in names.fetchall():
            rows = connection.execute(f'SELECT * FROM "{name}"')
            values = (value for row in rows for value in row if value is not None)
            yield (
                f"table {name}",
                b"\n".join(v if isinstance(v, bytes) else str(v).encode() for v in values),
            )


def _files(server: PrefectServer) -> Iterator[tuple[str, bytes]]:
    """Every file of the server and of the processes that use it, results unpacked too."""
    folder = server.home.parent
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()
    yield "results", b"\n".join(results(server))
