"""Agents: the MCP server, asked by the SDK's own client, in process, over stdio and over HTTP."""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from command_line import ROOT, CommandLine
from langchain_core.documents import Document
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from documents.metadata import make_document
from documents.principals import group, user, workspace
from flows.mcp_server import Reader, make_server
from stores.settings import StoreSettings
from tasks.stores import Searcher, open_searcher, open_stores

ANN, BOB, TOKEN = "ann@acme.example", "bob@acme.example", "a-token-of-the-tests-4711"
PRIVATE = group("slack", "C2")
START = datetime(2026, 11, 2, 9, tzinfo=UTC)


def a_document(native_id: str, content: str, access: str, **fields: Any) -> Document:
    return make_document(
        **{
            "source": "gmail", "connection": "acme", "entity": "message", "native_id": native_id,
            "external_id": native_id, "content": content, "title": f"Title of {native_id}",
            "access": [access], "url": f"https://mail.example/{native_id}", "created_at": START,
            "author": {"id": "1", "name": "Ann Lee", "email": ANN}, **fields,
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of a few documents; Ann is in the private channel, Bob is not."""
    folder = tmp_path_factory.mktemp("agents")
    stores = open_stores(StoreSettings(data_directory=folder, embedding_model="none"))
    try:
        number = stores.ledger.connection_id("gmail", "acme", "Acme")
        stores.ledger.set_members(number, workspace("acme"), {user(ANN), user(BOB)}, as_of=START)
        stores.ledger.set_members(number, PRIVATE, {user(ANN)}, as_of=START)
        mails = [
            a_document(
                f"m{i}", f"mail {i} about the ferry", workspace("acme"), thread_id="t",
                created_at=START + timedelta(hours=i),
            )
            for i in range(4)
        ]  # fmt: skip
        stores.index.write(
            [
                *mails,
                a_document("secret", "we buy Quayside, a ferry", PRIVATE),
                a_document("open", "timetable of the ferry", "public"),
                a_document("long", "harbour dues " * 500, workspace("acme"), url=None),
            ]
        )
    finally:
        stores.close()
    return folder


@pytest.fixture
def command_line(folder: Path) -> CommandLine:
    return CommandLine(folder, {"DATA_GETTERS_STORES__EMBEDDING_MODEL": "none"})


@pytest.fixture
def searcher(folder: Path) -> Iterator[Searcher]:
    with open_searcher(StoreSettings(data_directory=folder, embedding_model="none")) as searcher:
        yield searcher


@pytest.fixture
def ask(searcher: Searcher) -> Callable[..., Any]:
    """Calls a tool as somebody; a failure comes back as its text."""

    def ask(tool: str, reader: Reader | None = None, **arguments: Any) -> Any:
        async def call() -> Any:
            server = make_server(searcher, reader or Reader(email=ANN), text_characters=1_000)
            async with Client(server) as client:
                return answer_of(await client.call_tool(tool, arguments))

        return asyncio.run(call())

    return ask


def answer_of(result: Any) -> Any:
    """What a tool answered; its text and its structure say the same."""
    [content] = result.content
    if result.is_error:
        assert result.structured_content is None
        return content.text
    assert json.loads(content.text) == result.structured_content
    return result.structured_content


def ids(answer: Any) -> list[str]:
    return [found["id"].rpartition(":")[2] for found in answer["results"]]


def test_search_answers_with_what_is_cited(ask: Callable[..., Any]) -> None:
    answer = ask("search", query="Quayside")
    [found] = answer["results"]
    assert found == {
        "id": "gmail:acme:message:secret",
        "title": "Title of secret",
        "url": "https://mail.example/secret",
        "text": "we buy Quayside, a ferry",
        "source": "gmail",
        "type": "message",
        "container": None,
        "author": "Ann Lee",
        "created_at": "2026-11-02T09:00:00.000000Z",
        "updated_at": "2026-11-02T09:00:00.000000Z",
    }
    assert (answer["next_page"], answer["note"]) == (None, "")


def test_fetch_reads_what_search_found_a_part_at_a_time(ask: Callable[..., Any]) -> None:
    read = ask("fetch", id="gmail:acme:message:secret")
    assert {name: read[name] for name in ("id", "title", "text", "url")} == {
        "id": "gmail:acme:message:secret",
        "title": "Title of secret",
        "text": "we buy Quayside, a ferry",
        "url": "https://mail.example/secret",
    }
    assert read["metadata"]["author_email"] == ANN
    assert "next_start" not in read["metadata"]
    whole, start = "", 0
    while start is not None:
        read = ask("fetch", id="gmail:acme:message:long", start=start)
        assert len(read["text"]) <= 1_000
        assert read["url"] == ""
        whole += read["text"]
        start = read["metadata"].get("next_start")
    assert whole == "harbour dues " * 500


@pytest.mark.parametrize(
    ("reader", "expected"),
    [
        (Reader(email=ANN), {"m0", "m1", "m2", "m3", "secret", "open"}),
        (Reader(email=BOB), {"m0", "m1", "m2", "m3", "open"}),
        (Reader(email="eve@else.example"), {"open"}),
        (Reader(email=None), {"open"}),
        (Reader(email=None, unrestricted=True), {"m0", "m1", "m2", "m3", "secret", "open"}),
    ],
)
def test_agents_find_what_their_person_may_read(
    ask: Callable[..., Any], reader: Reader, expected: set[str]
) -> None:
    assert set(ids(ask("search", reader, query="ferry"))) == expected


@pytest.mark.parametrize("tool", ["fetch", "neighbours"])
def test_what_may_not_be_read_answers_as_what_does_not_exist(
    ask: Callable[..., Any], tool: str
) -> None:
    there, away = "gmail:acme:message:secret", "gmail:acme:message:hidden"
    told = ask(tool, Reader(email=BOB), id=there)
    assert told.replace(there, away) == ask(tool, Reader(email=BOB), id=away)
    assert (
        told
        == f"Error executing tool {tool}: There is no document {there!r}: ids come from `search`."
    )
    assert "Error" not in ask(tool, Reader(email=ANN), id=there)


def test_neighbours_show_the_conversation(ask: Callable[..., Any]) -> None:
    around = ask("neighbours", id="gmail:acme:message:m1", number=1)
    assert [(found["relation"], found["title"]) for found in around["results"]] == [
        ("before", "Title of m0"), ("after", "Title of m2"),
    ]  # fmt: skip


def test_pages_and_filters_narrow(ask: Callable[..., Any]) -> None:
    seen: list[str] = []
    page: int | None = 1
    while page is not None:
        answer = ask("search", query="ferry", limit=4, page=page)
        seen += ids(answer)
        page = answer["next_page"]
    assert sorted(seen) == sorted(ids(ask("search", query="ferry", limit=50)))
    assert ids(ask("search", query="ferry", sources=["jira"])) == []
    answer = ask("search", query="ferry", after="2030-01-01", authors=[ANN])
    assert answer["results"] == []
    assert answer["note"].startswith("Nothing was found among 7 documents with these filters")
    answer = ask("search", query="ferry", page=9)
    assert (answer["results"], answer["note"]) == ([], "There is no page 9.")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"query": "  "}, "The query is empty: give a few words."),
        ({"query": "x" * 2_001}, "The query is longer than 2,000 characters: give less."),
        ({"query": "x", "limit": 51}, "limit is 51: it is from 1 to 50."),
        ({"query": "x", "limit": 0}, "limit is 0: it is from 1 to 50."),
        ({"query": "x", "page": 0}, "page is 0: it is from 1 to 200."),
        ({"query": "x", "after": "soon"}, "after is 'soon': give a day as YYYY-MM-DD."),
        ({"query": "x", "sources": ["s"] * 51}, "sources has 51 entries: at most 50."),
    ],
)
def test_a_wrong_argument_is_told_in_a_sentence(
    ask: Callable[..., Any], arguments: dict[str, Any], sentence: str
) -> None:
    assert ask("search", **arguments) == f"Error executing tool search: {sentence}"


def test_a_store_that_fails_is_told_without_its_secrets(
    ask: Callable[..., Any], searcher: Searcher, folder: Path
) -> None:
    refused = "Error executing tool fetch: The text has 6,500 characters: start is from 0 to that."
    assert ask("fetch", id="gmail:acme:message:long", start=6_501) == refused
    broken = Searcher(
        search=searcher.search, connections=searcher.connections, containers=searcher.containers,
        person=lambda email: {}[email],
    )  # fmt: skip

    async def call() -> Any:
        server = make_server(broken, Reader(email=ANN), text_characters=1_000)
        async with Client(server) as client:
            return answer_of(await client.call_tool("search", {"query": "ferry"}))

    told = asyncio.run(call())
    assert told.startswith(
        "Error executing tool search: An error that should not happen (KeyError)"
    )
    assert ANN not in told


# --- over the wire ------------------------------------------------------------------------------


async def a_conversation(client: Client) -> None:
    """What an agent does: it looks what there is, searches, reads."""
    assert "Search first" in client.instructions
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(tools) == {"search", "fetch", "neighbours", "list_sources"}
    assert all(tool.annotations.read_only_hint for tool in tools.values())
    assert all(tool.description and tool.output_schema for tool in tools.values())
    assert tools["search"].input_schema["required"] == ["query"]
    assert tools["fetch"].input_schema["required"] == ["id"]
    answer = answer_of(await client.call_tool("search", {"query": "Quayside ferry", "limit": 2}))
    best = answer["results"][0]
    assert best["title"] == "Title of secret"
    read = answer_of(await client.call_tool("fetch", {"id": best["id"]}))
    assert read["text"] == "we buy Quayside, a ferry"
    told = answer_of(await client.call_tool("list_sources", {}))
    assert told["searching_for"] == ANN
    assert told["access_as_of"] == START.isoformat()
    [account] = told["sources"]
    assert (account["source"], account["account"], account["documents"]) == ("gmail", "Acme", 7)
    [content] = (await client.read_resource("data-getters://sources")).contents
    assert json.loads(content.text) == told


def test_an_agent_over_stdio(command_line: CommandLine) -> None:
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "flows.cli", "mcp", "--as-user", ANN],
        env=command_line.environment, cwd=ROOT,
    )  # fmt: skip

    async def talk() -> None:
        async with Client(server) as client:
            await a_conversation(client)
            # Several at once.
            many = await asyncio.gather(
                *(client.call_tool("search", {"query": "ferry"}) for _ in range(6))
            )
            assert {len(answer_of(one)["results"]) for one in many} == {6}

    asyncio.run(talk())


@contextmanager
def serving(command_line: CommandLine, *arguments: str) -> Iterator[str]:
    """The server over HTTP, as a process of its own; its address."""
    process = command_line.start("mcp", "--as-user", ANN, "--http", "--port", "0", *arguments)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("Listening on http://127.0.0.1:"), line + process.stderr.read()
        yield line.split()[2].rstrip(",")
    finally:
        process.terminate()
        out, _ = process.communicate(timeout=30)
        assert out == ""


def talking(address: str, token: str = "") -> Coroutine[Any, Any, None]:
    async def talk() -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=30, trust_env=False) as http,
            Client(streamable_http_client(address, http_client=http)) as client,
        ):
            await a_conversation(client)

    return talk()


def test_an_agent_over_http_with_a_token(command_line: CommandLine) -> None:
    with serving(command_line.having(DATA_GETTERS_MCP__TOKEN=TOKEN)) as address:
        asyncio.run(talking(address, TOKEN))
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        for sent in (None, "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN):
            headers = {"Authorization": sent} if sent else {}
            refused = httpx2.post(address, json=body, headers=headers, trust_env=False)
            assert refused.status_code == 401, sent
            assert refused.headers["www-authenticate"] == "Bearer"
            assert "Quayside" not in refused.text


def test_an_agent_over_http_of_this_machine(command_line: CommandLine) -> None:
    with serving(command_line) as address:
        asyncio.run(talking(address))
        # A page of the web whose name leads here is no agent of this machine.
        foreign = httpx2.post(address, json={}, headers={"Host": "evil.example"}, trust_env=False)
        assert foreign.status_code == 421
        large = httpx2.post(address, json={"x": "y" * 300_000}, trust_env=False)
        assert large.status_code == 413


@pytest.mark.parametrize(
    ("arguments", "variables", "sentence"),
    [
        ((), {}, "It is not said whom agents search for."),
        (("--as-user", " "), {}, "It is not said whom agents search for."),
        (("--as-user", ANN, "--unrestricted"), {}, "contradict each other"),
        (("--as-user", ANN, "--http", "--host", "203.0.113.1"), {}, "there is no token"),
        (("--as-user", ANN), {"DATA_GETTERS_MCP__TOKEN": "short"}, "DATA_GETTERS_MCP__TOKEN"),
        (("--as-user", ANN, "--http", "--host", "192.0.2.1"), {"DATA_GETTERS_MCP__TOKEN": TOKEN},
         "cannot be listened on"),
    ],
)  # fmt: skip
def test_a_server_for_nobody_or_everybody_does_not_start(
    command_line: CommandLine, arguments: tuple[str, ...], variables: dict[str, str], sentence: str
) -> None:
    ended = command_line.having(**variables).run("mcp", *arguments)
    assert ended.code == 64
    assert sentence in ended.complaint()
    assert ended.out == ""
    assert "short" not in ended.err
